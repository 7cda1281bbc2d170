# What every coding agent is held to: one call, run once, its result under the id its provider gave, and an exact bill.
from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

from harness.cases import SEEN_S, SIM, calls
from harness.question import SENTENCE, reported_of, signature
from harness.seen import Seen, protocol_of, read

MODULES = Path(os.environ["MODULES"])  # the agents' own packages
TOROD, PLACES = json.loads(os.environ["COMMANDS"])
TIME_S = 25  # a run takes about one second when nothing else runs
BEGUN, RAN = "begin\n", "once\n"
# Each speaks one protocol: Chat, Responses, Messages, Gemini.
UPSTREAMS = ("oa", "re", "an", "ge")
# Half of each prompt is said to be cached; Gemini wants its signatures back, as Gemini 3 does.
OPTIONS = {"ge": "+cached=1+ids=1+strictsig=1"}


def prepare_claude() -> None:
    """npm may leave out what a package does when it is installed; this links the program in, from the disk alone."""
    package = MODULES / "@anthropic-ai/claude-code"
    subprocess.run(["node", "install.cjs"], cwd=package, capture_output=True, timeout=TIME_S, check=False)


class Agent:
    """One run of an agent: a home, a token and a file that shows how often the tool ran."""

    def __init__(self, name: str, role: str = "inferrer") -> None:
        self.name = name  # in the prompt too: it tells the calls of this run from all others
        self.home = Path(os.environ["HOME"]) / name
        self.home.mkdir()
        self.marker = self.home / "marker.txt"
        self.marker.write_text(BEGUN)
        self.key = json.loads(command("token", "create", "--name", name, "--role", role, "--json"))["key"]

    def run(self, program: list[str], settings: dict[str, str]) -> str:
        """What the agent says on its standard output."""
        done = subprocess.run(
            program,
            capture_output=True,
            text=True,
            timeout=TIME_S,
            stdin=subprocess.DEVNULL,
            cwd=self.home,
            env=os.environ | {"HOME": str(self.home), "KEY": self.key} | settings,
        )
        assert done.stdout, done.stderr
        return done.stdout

    def prompt(self, tool: str, given: str) -> str:
        """A prompt that has the provider call a tool with this input."""
        return f"{self.name}: {{{{call {tool}}}}}{given}{{{{end}}}}"

    def received(self, number: int = 2) -> list[dict]:
        """The calls that the provider received of this run: so many, and no others."""
        received = [call for call in calls(word=self.name) if protocol_of(call)]
        assert [call["ended"] for call in received] == ["complete"] * number, [call["path"] for call in received]
        return received

    def check_loop(self, loop: list[dict], given: str | dict, answer: str, times: int = 1) -> Seen:
        """Each call ran once, and the second request holds its result under the id that the provider gave the call."""
        assert self.marker.read_text() == BEGUN + RAN * times, self.marker.read_text()
        first, second = read(loop[0]), read(loop[1])
        assert first.streams and second.streams, loop[1]["path"]
        assert not first.asked and not first.results, first.asked
        assert len(second.asked) == times and len(second.results) == times, (second.asked, second.results)
        called = [call_id for call_id, _, _ in second.asked]
        assert called == [call_id for call_id, _ in second.results], (called, second.results)
        assert all(provider_id(loop[0]) in call_id for call_id in called), (called, loop[0]["id"])
        assert len(set(called)) == times, called
        expected = [given] if isinstance(given, str) else list(given.values())
        for _, _, arguments in second.asked:
            assert all(text in arguments.values() for text in expected), arguments
        assert all(answer in result for _, result in second.results), second.results
        # A provider finds what it cached only where the second call begins as the first one did.
        assert second.texts[: len(first.texts)] == first.texts, (first.texts, second.texts)
        assert second.body.get("tools") == first.body.get("tools"), second.tools.keys()
        return second

    def check_usage(self, loop: list[dict], said: dict[str, int]) -> None:
        """The provider, the gateway's rows and the agent count the same, as far as the agent says it."""
        counts = [reported_of(call) for call in loop]
        truth = dict(zip(("input", "cached", "output"), map(sum, zip(*counts, strict=True)), strict=True))
        billed = self.billed(len(loop))
        assert truth["cached"] > 1000 and truth["output"] > 0, truth
        assert {name: billed[name] for name in truth} == truth, (billed, truth)
        assert {name: billed[name] for name in said} == said, (billed, said)

    def billed(self, requests: int) -> dict[str, int]:
        """The sum of the rows of this run's token, as soon as they are written."""
        end = time.monotonic() + SEEN_S
        while True:
            rows = json.loads(command("usage", "--json", "--by", "token", "--since", "24h"))["rows"]
            row = next((row for row in rows if self.name in row["names"]), {"requests": 0})
            if row["requests"] >= requests:
                break
            assert time.monotonic() < end, rows
            time.sleep(0.02)
        assert (row["requests"], row["attempts"], row["failures"], row["estimated"]) == (requests, requests, 0, 0), row
        counts = row["counts"]
        written = counts["cache_write_5m"] + counts["cache_write_1h"]
        return {
            "input": counts["input_uncached"] + counts["cache_read"] + written,
            "cached": counts["cache_read"],
            "written": written,
            "output": counts["output"],
            "reasoning": counts["reasoning"],
        }


def provider_id(call: dict) -> str:
    """What every id of the simulator's answer to a call holds: its port, then the number of the call."""
    return f"{int(SIM.rpartition(':')[2]) << 40 | call['id']:016x}"


def check_seal(second: Seen) -> None:
    """The provider got back what it signed its reasoning with, and nothing else of that kind."""
    assert second.seals == [signature()], second.seals


def check_answer(text: str) -> None:
    """The provider's own words."""
    assert text == SENTENCE, text


def command(*arguments: str) -> str:
    """The output of a command of the gateway."""
    done = subprocess.run([TOROD, *arguments, *PLACES], capture_output=True, text=True, timeout=TIME_S)
    assert done.returncode == 0, done.stderr
    return done.stdout
