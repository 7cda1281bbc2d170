#!/usr/bin/env python3
"""Writes torod/layout.ld: which functions a start and a first request run through, to lie side by side in the binary.

    CARGO_PROFILE_RELEASE_STRIP=none CARGO_TARGET_DIR=/tmp/unstripped cargo build --release -p torod
    scripts/layout.py /tmp/unstripped/release/torod

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
import urllib.request

CONFIG = """
listen_addr = "127.0.0.1:0"
auto_detect_local_servers = false
[[providers]]
name = "simulator"
protocols = {{ openai = "{url}/v1" }}
"""


def wait_for(path):
    """The URL that a starting daemon writes into this file."""
    for _ in range(600):
        if os.path.exists(path) and open(path).read().strip():
            return open(path).read().strip()
        time.sleep(0.1)
    sys.exit("torod did not start")


def functions(binary):
    """The symbols of all functions that run from the start to the end of a first answer, and for some seconds after it."""
    with tempfile.TemporaryDirectory() as folder:
        at = lambda name: os.path.join(folder, name)
        simulator = subprocess.Popen(
            [binary, "simulate", "--listen", "127.0.0.1:0"], stdout=open(at("simulator"), "w"), stderr=subprocess.STDOUT
        )
        url = None
        while not url:
            url = re.search(r"http://[0-9.:]+", open(at("simulator")).read())
            time.sleep(0.05)
        open(at("torod.toml"), "w").write(CONFIG.format(url=url.group(0)))
        os.chmod(at("torod.toml"), 0o600)
        data = ["--config", at("torod.toml"), "--data-dir", at("data")]
        made = subprocess.run([binary, "token", "create", "--role", "admin", "--json", *data], stdout=subprocess.PIPE, check=True)
        key = json.loads(made.stdout)["key"]
        daemon = subprocess.Popen(
            ["valgrind", "--tool=callgrind", "--demangle=no", "--callgrind-out-file=" + at("out"),
             binary, "serve", *data, "--ready-file", at("ready")],
            stderr=open(at("log"), "w"),
        )
        gateway = wait_for(at("ready"))
        for stream in (False, True):
            body = {"model": "simulator/ok", "stream": stream, "messages": [{"role": "user", "content": "hello"}]}
            request = urllib.request.Request(
                gateway + "/v1/chat/completions",
                json.dumps(body).encode(),
                {"authorization": "Bearer " + key, "content-type": "application/json"},
            )
            urllib.request.urlopen(request, timeout=60).read()
        time.sleep(8)  # what wakes up by itself
        daemon.send_signal(signal.SIGTERM)
        daemon.wait()
        simulator.terminate()
        return executed(open(at("out")).read(), binary)


def executed(profile, binary):
    """The names in callgrind's profile that are the binary's own."""
    # Which file a function is from, the profile does not always know.
    table = subprocess.run(["nm", "--defined-only", binary], stdout=subprocess.PIPE, text=True, check=True).stdout
    own = {line.split()[2] for line in table.splitlines() if line.split()[1] in "tTwW"}
    names = {re.sub(r"'\d+$", "", name) for name in re.findall(r"^c?fn=\(\d+\) (.*)$", profile, re.MULTILINE)}
    return sorted(names & own)


def pattern(symbol):
    """The symbol without what another compiler or another version of a crate would change."""
    symbol = re.sub(r"17h[0-9a-f]{16}E.*$", "17h*", symbol)  # Rust's older names end in a hash
    symbol = re.sub(r"Cs[0-9A-Za-z]+_(?=\d)", "Cs*_", symbol)  # the newer ones have one for each crate
    symbol = re.sub(r"aws_lc_\d+_\d+_\d+_", "aws_lc_*_", symbol)
    return re.sub(r"\.(llvm|constprop|isra|part)\..*$", "*", symbol)


def main():
    binary = os.path.abspath(sys.argv[1])
    patterns = sorted({pattern(symbol) for symbol in functions(binary) if re.match(r"[A-Za-z_]", symbol)})
    if len(patterns) < 500:
        sys.exit(f"only {len(patterns)} functions have names: is the binary stripped?")
    target = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "torod", "layout.ld")
    with open(target, "w") as out:
        out.write("/* Functions that a start and a first request run through, side by side. By scripts/layout.py. */\n")
        out.write("SECTIONS {\n  .text.warm : {\n")
        for name in patterns:
            out.write(f"    *(.text.{name})\n")
        out.write("  }\n}\nINSERT BEFORE .text;\n")
    print(f"{len(patterns)} functions")


if __name__ == "__main__":
    main()
