# An agent that `toro` starts, and everything that is held against the run: its token, its bill, and what it left alone.
from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from harness.agent import TIME_S, Agent
from harness.cases import BASE, SEEN_S, direct
from harness.question import reported_of

TORO = os.environ["TORO"]
ROOT = BASE.removesuffix("/v1")
PATIENCE_S = 60  # some agents first try for seconds to reach their makers
NOWHERE = "http://127.0.0.1:9"
KEY = re.compile(rb"(?:tr|door)_[0-9A-Za-z]{30,}")
# What whoever starts an agent may have in the environment: none of it may lead past the gateway.
INHERITED = {
    "OPENAI_API_KEY": "sk-inherited",
    "OPENAI_BASE_URL": f"{NOWHERE}/v1",
    "OPENAI_API_BASE": f"{NOWHERE}/v1",
    "OPENAI_MODEL": "inherited",
    "CODEX_API_KEY": "sk-inherited",
    "ANTHROPIC_API_KEY": "sk-inherited",
    "ANTHROPIC_AUTH_TOKEN": "sk-inherited",
    "ANTHROPIC_BASE_URL": NOWHERE,
    "ANTHROPIC_MODEL": "claude-inherited",
    "CLAUDE_CODE_USE_BEDROCK": "1",
    "CLAUDE_CODE_OAUTH_TOKEN": "inherited",
    "GEMINI_API_KEY": "inherited",
    "GOOGLE_API_KEY": "inherited",
    "GOOGLE_GEMINI_BASE_URL": NOWHERE,
    "GOOGLE_GENAI_USE_VERTEXAI": "true",
    "AZURE_OPENAI_API_KEY": "inherited",
    "AIDER_MODEL": "gpt-inherited",
    "QWEN_MODEL": "inherited",
    "HTTP_PROXY": NOWHERE,
    "HTTPS_PROXY": NOWHERE,
}


class Launched(Agent):
    """One run of an agent under `toro`, in a home in which somebody has set it up for another provider."""

    def __init__(self, agent: str, name: str, files: dict[str, str]) -> None:
        super().__init__(name, "keymaster")
        self.agent = agent
        self.files = files
        for path, text in files.items():
            (self.home / path).parent.mkdir(parents=True, exist_ok=True)
            (self.home / path).write_text(text)
        mine = {name: value for name, value in os.environ.items() if name != "KEY"}  # not that of the other tests
        self.env = mine | {"HOME": str(self.home)} | INHERITED
        self.toro("connect", ROOT, given=self.key)

    def toro(self, *words: str, given: str = "", env: dict[str, str] | None = None) -> str:
        """What a command of `toro` prints."""
        done = subprocess.run(
            [TORO, *words], env=env or self.env, cwd=self.home, input=given, capture_output=True, text=True, timeout=TIME_S
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def launch(self, flags: list[str], words: list[str], settings: dict[str, str], given: str = "") -> str:
        """What the agent says on its standard output, given something on its input; the whole run is watched."""
        command = [TORO, "--budget", "5", *flags, self.agent, *words]
        bill = self.home / "bill.json"
        told = subprocess.Popen(
            [*command[:1], f"--json={bill}", *command[1:]],
            env=self.env | settings,
            cwd=self.home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.watch = Watch(told.pid)
        try:
            said, beside = told.communicate(given, timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            told.terminate()
            said, beside = told.communicate(timeout=TIME_S)
            raise AssertionError(f"it took too long: {said[-2000:]} {beside[-2000:]}") from None
        finally:
            self.watch.end()
        assert told.returncode == 0, (told.returncode, said[-2000:], beside[-2000:])
        self.bill = json.loads(bill.read_text())
        self.beside = beside
        return said

    def check_run(self, loop: list[dict], is_forwarded: bool = False) -> None:
        """The token was the run's own and is gone, the bill is the run's, and the user's files are as they were."""
        assert self.watch.seen > 0 and self.watch.argv_with_key == [], self.watch.argv_with_key
        keys = {key for key in self.watch.keys if key != self.key}
        assert self.key not in self.watch.keys, "the agent was given the user's own token"
        assert len(keys) == 1 and next(iter(keys)).startswith("door_" if is_forwarded else "tr_"), keys
        if not is_forwarded:
            assert self.refused(next(iter(keys))) == 401, "the run's token still opens the gateway"
        for path, text in self.files.items():
            after = (self.home / path).read_text()
            assert after == text or (unmarked(text) is not None and unmarked(after) == unmarked(text)), f"{path} was changed: {after}"
        self.check_bill(loop)

    def check_bill(self, loop: list[dict]) -> None:
        """The provider, the run's rows and the bill agree."""
        runs = self.asks("/admin/api/me/runs")["runs"]
        assert len(runs) == 1, runs
        run = self.asks(f"/admin/api/me/runs/{runs[0]['id']}")
        assert (run["ended_by"], run["exit_code"], run["labels"]["agent"]) == ("finished", 0, self.agent), run
        counts = [reported_of(call) for call in loop]
        truth = dict(zip(("input", "cached", "output"), map(sum, zip(*counts, strict=True)), strict=True))
        for totals in (run["totals"], self.bill["totals"]):
            count = totals["counts"]
            taken = count["input_uncached"] + count["cache_read"] + count["cache_write_5m"] + count["cache_write_1h"]
            told = {"input": taken, "cached": count["cache_read"], "output": count["output"]}
            assert (totals["requests"], told) == (len(loop), truth), (totals, truth)
            assert totals["cost_nanos"] == run["spent"]["cost_nanos"] > 0, totals
        assert (self.bill["run"], self.bill["exit_code"]) == (run["id"], 0), self.bill
        left = [budget for budget in self.bill["budgets"] if budget.get("unit") == "usd_nanos"]
        assert left, self.bill["budgets"]

    def asks(self, path: str) -> dict:
        """An answer of the admin API, asked by whoever started the run."""
        request = urllib.request.Request(ROOT + path, headers={"authorization": f"Bearer {self.key}"})
        with direct.open(request, timeout=SEEN_S) as answer:
            return json.loads(answer.read())

    def refused(self, key: str) -> int:
        """The status with which a key is turned away."""
        request = urllib.request.Request(f"{BASE}/models", headers={"authorization": f"Bearer {key}"})
        try:
            with direct.open(request, timeout=SEEN_S) as answer:
                return answer.status
        except urllib.error.HTTPError as problem:
            return problem.code


def unmarked(text: str) -> dict | None:
    """Settings without the marks of their form, which some agents put into the file at every start."""
    try:
        settings = json.loads(text)
    except ValueError:
        return None
    return {key: value for key, value in settings.items() if key not in ("$schema", "$version")}


class Watch:
    """Looks at all processes below one, again and again, for keys in what others can read and in what they cannot."""

    def __init__(self, pid: int) -> None:
        self.pid, self.seen = pid, 0
        self.argv_with_key: list[bytes] = []
        self.keys: set[str] = set()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self) -> None:
        while not self.over.is_set():
            for pid in below(self.pid):
                try:
                    argv = Path(f"/proc/{pid}/cmdline").read_bytes()
                    env = Path(f"/proc/{pid}/environ").read_bytes() if pid != self.pid else b""
                except OSError:
                    continue
                self.seen += pid != self.pid
                if KEY.search(argv):
                    self.argv_with_key.append(argv)
                self.keys |= {key.decode() for key in KEY.findall(env)}
            time.sleep(0.03)

    def end(self) -> None:
        """No process of the run is left."""
        self.over.set()
        self.thread.join()


def below(root: int) -> list[int]:
    """A process and all that it started, and those."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found
