#!/usr/bin/env python3
"""Writes torod/layout.ld: which functions a start and a first request run through, to lie side by side in the binary.

    CARGO_PROFILE_RELEASE_STRIP=none CARGO_TARGET_DIR=/tmp/unstripped cargo build --release -p torod
    scripts/layout.py /tmp/unstripped/release/torod

With a profile the compiler inlines other functions than without one: of several binaries (`packaging/binaries` says how the one that is
shipped is built; it needs `-Cstrip=none` in RUSTFLAGS) it writes what any of them runs through.

Needs valgrind (its callgrind says which functions run). The order outlives changes of the code and of the compiler: names
are kept without their hashes, and what is not found any more is left where it is. Write it anew when `torod` at rest has
grown; nothing else depends on it.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

CONFIGS = (
    """
listen_addr = "127.0.0.1:0"
auto_detect_local_servers = false
[[providers]]
name = "simulator"
protocols = {{ openai = "{url}/v1" }}
""",
    # The next start has data, a provider with a key, and prices of the owner's own.
    """
listen_addr = "127.0.0.1:0"
auto_detect_local_servers = false
default_provider = "simulator"
[[providers]]
name = "simulator"
provider_type = "openai"
base_url = "{url}/v1"
api_key = "sk-of-nobody-0123456789"
[[model_aliases]]
name = "usual"
targets = [{{ provider = "simulator", model = "ok" }}]
""",
)


def wait_for(path):
    """The URL that a starting daemon writes into this file."""
    for _ in range(600):
        if os.path.exists(path) and open(path).read().strip():
            return open(path).read().strip()
        time.sleep(0.1)
    sys.exit("torod did not start")


def simulator(binary, at):
    """A simulated provider and its URL."""
    process = subprocess.Popen(
        [binary, "simulate", "--listen", "127.0.0.1:0"], stdout=open(at("simulator"), "w"), stderr=subprocess.STDOUT
    )
    for _ in range(600):
        if url := re.search(r"http://[0-9.:]+", open(at("simulator")).read()):
            return process, url.group(0)
        time.sleep(0.1)
    sys.exit("the simulator did not start")


def functions(binary):
    """The symbols of all functions that run from the start to the end of first answers, and for some seconds after them."""
    with tempfile.TemporaryDirectory() as folder:
        at = lambda name: os.path.join(folder, name)
        provider, url = simulator(binary, at)
        found = set()
        for turn, config in enumerate(CONFIGS):
            open(at("torod.toml"), "w").write(config.format(url=url))
            os.chmod(at("torod.toml"), 0o600)
            found |= once(binary, at, turn)
        provider.terminate()
        return sorted(found)


def once(binary, at, turn):
    """The functions of one start."""
    data = ["--config", at("torod.toml"), "--data-dir", at("data")]
    made = subprocess.run(
        [binary, "token", "create", "--role", "admin", "--json", *data], stdout=subprocess.PIPE, check=True
    )
    ready = at(f"ready-{turn}")
    daemon = subprocess.Popen(
        ["valgrind", "--tool=callgrind", "--demangle=no", "--callgrind-out-file=" + at("out"),
         binary, "serve", *data, "--ready-file", ready],
        stderr=open(at("log"), "w"),
    )
    gateway = wait_for(ready)
    for key in (json.loads(made.stdout)["key"], "tr_nobodys"):
        for stream in (False, True):
            ask(gateway, key, stream)
    time.sleep(8)  # what wakes up by itself
    daemon.send_signal(signal.SIGTERM)
    daemon.wait()
    return executed(open(at("out")).read(), binary)


def ask(gateway, key, stream):
    """A small request, answered or not."""
    body = {"model": "simulator/ok", "stream": stream, "messages": [{"role": "user", "content": "hello"}]}
    headers = {"authorization": "Bearer " + key, "content-type": "application/json"}
    request = urllib.request.Request(gateway + "/v1/chat/completions", json.dumps(body).encode(), headers)
    try:
        urllib.request.urlopen(request, timeout=60).read()
    except urllib.error.HTTPError as refused:
        refused.read()


def executed(profile, binary):
    """The names in callgrind's profile that are the binary's own."""
    # Which file a function is from, the profile does not always know.
    table = subprocess.run(["nm", "--defined-only", binary], stdout=subprocess.PIPE, text=True, check=True).stdout
    own = {line.split()[2] for line in table.splitlines() if line.split()[1] in "tTwW"}
    names = {re.sub(r"'\d+$", "", name) for name in re.findall(r"^c?fn=\(\d+\) (.*)$", profile, re.MULTILINE)}
    return names & own


def pattern(symbol):
    """The symbol without what another compiler or another version of a crate would change."""
    symbol = re.sub(r"17h[0-9a-f]{16}E.*$", "17h*", symbol)  # Rust's older names end in a hash
    symbol = re.sub(r"Cs[0-9A-Za-z]+_(?=\d)", "Cs*_", symbol)  # the newer ones have one for each crate
    symbol = re.sub(r"aws_lc_\d+_\d+_\d+_", "aws_lc_*_", symbol)
    return re.sub(r"\.(llvm|constprop|isra|part)\..*$", "*", symbol)


def main():
    symbols = {symbol for binary in sys.argv[1:] for symbol in functions(os.path.abspath(binary))}
    patterns = sorted({pattern(symbol) for symbol in symbols if re.match(r"[A-Za-z_]", symbol)})
    if len(patterns) < 500:
        sys.exit(f"only {len(patterns)} functions have names: is the binary stripped?")
    target = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "torod", "layout.ld")
    with open(target, "w") as out:
        out.write("/* Functions that a start and a first request run through, side by side. By scripts/layout.py. */\n")
        # What a profile says is run often the compiler puts apart, too.
        out.write("SECTIONS {\n  .text.warm : {\n    *(.text.hot .text.hot.*)\n")
        for name in patterns:
            # What is seldom called the compiler puts apart; seldom is also once at every start.
            out.write(f"    *(.text.{name} .text.unlikely.{name})\n")
        out.write("  }\n}\nINSERT BEFORE .text;\n")
    print(f"{len(patterns)} functions")


if __name__ == "__main__":
    main()
