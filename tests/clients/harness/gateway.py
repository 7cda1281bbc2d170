# A simulated provider and a gateway in front of it, started for one client and ended with it.
from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

START_S = 20  # how long a program may take until it says that it is ready
STOP_S = 10  # how long it may take to end when asked politely

# The body limit is small so that the test of it is cheap. Nobody gets in without a token, so that one is really used.
CONFIG = """\
listen_addr = "127.0.0.1:0"
default_provider = "sim"
allow_localhost_no_auth = false
auto_detect_local_servers = false

[limits]
request_body = "1MiB"

# The cases are about what a client sees of one call; failures have no consequences for the cases beside them.
[routing]
attempts = 1
probe = false
breaker = {{ failures = 1000, recovery = "1ms", connection_failures = 1000, connection_recovery = "1ms", credential_recovery = "1ms" }}

[[providers]]
name = "sim"
protocols = {{ openai = "{sim}/v1", responses = "{sim}/v1", anthropic = "{sim}" }}
api_key = "{provider_key}"

# Each speaks one protocol only, so that clients of others are translated.
[[providers]]
name = "oa"
protocols = {{ openai = "{sim}/v1" }}
api_key = "{provider_key}"
# A model of which everything is known; clients of every kind are to be told.
[[providers.models]]
id = "known"
context = 123456
max_output = 4321
tools = true
vision = true
reasoning = true
price = {{ input = 2.5, output = 10, cache_read = 0.25 }}
# The same for one that answers.
[[providers.models]]
id = "ok+cached=1"
context = 123456
max_output = 4321
vision = true
reasoning = true

[[providers]]
name = "an"
protocols = {{ anthropic = "{sim}" }}
api_key = "{provider_key}"

[[providers]]
name = "re"
protocols = {{ responses = "{sim}/v1" }}
api_key = "{provider_key}"

[[providers]]
name = "ge"
protocols = {{ gemini = "{sim}/v1beta" }}
api_key = "{provider_key}"

[[providers]]
name = "co"
protocols = {{ cohere = "{sim}" }}
api_key = "{provider_key}"
"""
# Those that the cases of every provider run on: each protocol alone, then several at once.
PROVIDERS = ("oa", "an", "re", "ge", "co", "sim")
PROVIDER_KEY = "sk-simulated-provider-key"


class GatewayError(Exception):
    """The gateway or the simulator did not do what the tests need to start at all."""


class Gateway:
    """A running pair of simulator and gateway; use it in a `with` block."""

    def __init__(self, torod: str, folder: Path) -> None:
        self.torod = torod
        self.folder = folder
        self.children: list[subprocess.Popen] = []
        self.sim = ""  # base URL of the simulator
        self.url = ""  # base URL of the gateway
        self.key = ""  # an inference token of the gateway
        self.places: list[str] = []  # where its commands find its files

    def __enter__(self) -> Gateway:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Starts both and makes a token."""
        self.folder.mkdir(parents=True, exist_ok=True)
        simulator = self.spawn("simulate", ["--listen", "127.0.0.1:0", "--json"])
        self.sim = json.loads(first_line(simulator, self.folder / "simulate.log"))["url"]
        config = self.folder / "torod.toml"
        config.write_text(CONFIG.format(sim=self.sim, provider_key=PROVIDER_KEY))
        config.chmod(0o600)
        self.places = places = ["--config", str(config), "--data-dir", str(self.folder / "data")]
        ready = self.folder / "ready"
        daemon = self.spawn("serve", [*places, "--ready-file", str(ready)])
        self.url = wait_for_file(ready, daemon, self.folder / "serve.log")
        self.key = self.create_token(places)

    def spawn(self, command: str, arguments: list[str]) -> subprocess.Popen:
        """Starts a long-running command of the binary; what it says goes into a file."""
        with (self.folder / f"{command}.log").open("ab") as log:
            child = subprocess.Popen(
                [self.torod, command, *arguments],
                cwd=self.folder,
                env=quiet_environment(self.folder),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if command == "simulate" else log,
                stderr=log,
            )
        self.children.append(child)
        return child

    def create_token(self, places: list[str]) -> str:
        """A token that may do inference; shown once, on stdout, as JSON."""
        command = [self.torod, "token", "create", "--json", "--name", "client tests", *places]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=quiet_environment(self.folder),
            capture_output=True,
            text=True,
            timeout=START_S,
        )
        if done.returncode != 0:
            raise GatewayError(f"`torod token create` failed: {done.stderr.strip()}")
        return json.loads(done.stdout)["key"]

    def stop(self) -> None:
        """Ends what was started, the newest first; by process, never by name."""
        for child in reversed(self.children):
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(timeout=STOP_S)
                except subprocess.TimeoutExpired:
                    print(f"  {child.args[1]} did not end within {STOP_S} s: killed", file=sys.stderr)
                    child.kill()
                    child.wait()
            if child.stdout:
                child.stdout.close()
        self.children.clear()

    def log(self, lines: int) -> str:
        """The end of what the gateway logged."""
        try:
            text = (self.folder / "serve.log").read_text(errors="replace")
        except OSError:
            return "(no log)"
        return "\n".join(text.splitlines()[-lines:]) or "(empty log)"


def quiet_environment(folder: Path) -> dict[str, str]:
    """An environment without the proxies, keys and settings of whoever runs the tests."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "RUST_BACKTRACE", "RUST_LOG") if name in os.environ}
    return kept | {"HOME": str(folder), "NO_COLOR": "1"}


def first_line(child: subprocess.Popen, log: Path) -> bytes:
    """The first line of a child's output, which says where it listens."""
    if child.stdout is not None and select.select([child.stdout], [], [], START_S)[0]:
        if line := child.stdout.readline():
            return line
    raise GatewayError(f"`torod {child.args[1]}` did not say where it listens: {log.read_text(errors='replace')}")


def wait_for_file(path: Path, child: subprocess.Popen, log: Path) -> str:
    """The text of a file that a child writes when it is ready."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and child.poll() is None:
        if path.exists() and (text := path.read_text().strip()):
            return text
        time.sleep(0.005)
    state = "ended" if child.poll() is not None else "is not ready"
    raise GatewayError(f"`torod {child.args[1]}` {state}: {log.read_text(errors='replace')}")
