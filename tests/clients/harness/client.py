# What a client is: where it comes from, and how one run of it is judged. The roster is a list of these.
from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Pip:
    """Packages of one Python environment, as written on the command line of pip."""

    packages: tuple[str, ...]


@dataclass(frozen=True)
class Npm:
    """Packages of one Node folder, as written on the command line of npm."""

    packages: tuple[str, ...]
    # Packages with a program that must start: where the newest release does not, an earlier one is taken.
    programs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Tally:
    """How many cases of a client went well, and how many did not."""

    passed: int
    failed: int

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.passed + other.passed, self.failed + other.failed)


@dataclass(frozen=True)
class Site:
    """Everything a client needs to know about the place it runs in."""

    home: Path  # a HOME of its own, removed afterwards
    prefix: Path  # where its packages are installed
    program: str  # the interpreter its packages were installed for
    env: dict[str, str]  # BASE, KEY, SIM and a clean environment


@dataclass(frozen=True)
class Client:
    """One real client program."""

    name: str
    needs: Pip | Npm
    run: Callable[[Site], Tally]  # must end by itself: see `script`
    beside: tuple[str, ...] = ()  # clients whose programs it uses too


def script(file: str, patience_s: int = 300, program: str | None = None) -> Callable[[Site], Tally]:
    """A client that is a script of this folder and ends its output with `N passed, N failed`.

    It is run by `program`, or by the interpreter that its packages were installed for."""

    def run(site: Site) -> Tally:
        last = ""
        with subprocess.Popen(
            [program or site.program, str(HERE / file)],
            env=site.env,
            cwd=site.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            # Its output ends when the child does, so this clock is all it takes to bound the loop.
            clock = threading.Timer(patience_s, child.kill)
            clock.start()
            try:
                for line in child.stdout or ():
                    last = line.strip() or last
                    if not parse_tally(line):
                        print(line, end="", flush=True)
            finally:
                clock.cancel()
                if child.poll() is None and sys.exc_info()[0]:
                    child.kill()
        tally = parse_tally(last)
        if tally is None:
            print(f"  {file} ended with code {child.returncode} before its summary", file=sys.stderr)
            return Tally(0, 1)
        if child.returncode != 0 and tally.failed == 0:
            return Tally(tally.passed, 1)
        return tally

    return run


def parse_tally(line: str) -> Tally | None:
    """Reads `3 passed, 1 failed`."""
    words = line.replace(",", "").split()
    if len(words) == 4 and words[1] == "passed" and words[3] == "failed":
        return Tally(int(words[0]), int(words[2]))
    return None
