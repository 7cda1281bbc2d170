# A small runner for client scripts: one line per case, a hard time limit for each, and what the provider saw.
from __future__ import annotations

import base64
import json
import os
import signal
import sys
import time
import threading
import traceback
import urllib.request
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CASE_S = 90  # no case may take longer: the admin API's document alone takes its validator half of that on a slow machine
SEEN_S = 5  # how long the provider may take to notice something
BASE, KEY, SIM = os.environ["BASE"], os.environ["KEY"], os.environ["SIM"]
PROVIDERS = os.environ["PROVIDERS"].split()  # see harness/gateway.py
KNOWN: dict[str, str] = json.loads(os.environ["KNOWN"])  # see harness/known.py
CHOSEN = os.environ["CASES"].split()  # only these, or all
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
registered: list[Callable[[], None]] = []
one_speaks = threading.Lock()


class TooLong(BaseException):
    """The case ran into its time limit; no `except Exception` of a client may swallow it."""


def case(function: Callable[[], None]) -> Callable[[], None]:
    """Makes a function a test case."""
    registered.append(function)
    return function


def on_every_provider(function: Callable[[str], None], providers: Iterable[str] = PROVIDERS) -> None:
    """Makes a case of `function` for each provider, named after both."""
    for provider in providers:

        def one(provider: str = provider) -> None:
            function(provider)

        one.__name__ = f"{function.__name__}_{provider}"
        case(one)


def run(at_once: int = 1) -> None:
    """Runs the chosen cases, in the order they are written, and ends the program.

    With more than one at once, a case has to bound its own time, and to tell its calls from those of the others."""
    signal.signal(signal.SIGALRM, on_alarm)
    chosen = [function for function in registered if function.__name__ in CHOSEN]
    for function in () if CHOSEN else registered:
        name = function.__name__
        if reason := KNOWN.get(name) or KNOWN.get(name.rpartition("_")[0]):
            print(f"  skip {name}: {reason}", flush=True)
        else:
            chosen.append(function)
    if at_once == 1:
        failed = sum(not passes(function, alone=True) for function in chosen)
    else:
        with ThreadPoolExecutor(at_once) as pool:
            failed = list(pool.map(passes, chosen)).count(False)
    print(f"{len(chosen) - failed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed or not chosen else 0)


def passes(function: Callable[[], None], alone: bool = False) -> bool:
    """Runs one case and says how it went."""
    started = time.monotonic()
    problem = None
    try:
        if alone:
            clear_calls()
            signal.setitimer(signal.ITIMER_REAL, CASE_S)
        function()
    except (Exception, TooLong) as raised:
        problem = raised
    finally:
        if alone:
            signal.setitimer(signal.ITIMER_REAL, 0)
    end = "FAIL" if problem else "ok  "
    with one_speaks:
        print(f"  {end} {function.__name__} {(time.monotonic() - started) * 1000:.0f} ms", flush=True)
        if problem:
            report(problem, calls() if alone else [])
    return problem is None


def on_alarm(*_: object) -> None:
    raise TooLong(f"more than {CASE_S} s")


def report(problem: BaseException, received: list[dict]) -> None:
    """Where it went wrong, and what reached the provider."""
    for frame in traceback.extract_tb(problem.__traceback__):
        if Path(frame.filename).parent == Path(__file__).parent.parent:
            print(f"       {Path(frame.filename).name}:{frame.lineno}: {frame.line}")
    print(f"       {type(problem).__name__}: {str(problem)[:2000]}", flush=True)
    for call in received[:5]:
        print(f"       provider saw {call['method']} {call['path']}: {call['ended']}", flush=True)


def raises(kind: type[Exception], function: Callable[[], object]) -> Exception:
    """The error that must come."""
    try:
        answer = function()
    except kind as problem:
        return problem
    raise AssertionError(f"no {kind.__name__}, but {answer!r}")


def until_it_breaks(stream: Iterable) -> tuple[list, Exception | None]:
    """What a stream gives, and the error it ends with, if it does."""
    items = []
    try:
        for item in stream:
            items.append(item)
    except Exception as problem:
        return items, problem
    return items, None


def ask(method: str, url: str, body: bytes | None = None) -> bytes:
    """A plain request without any SDK."""
    request = urllib.request.Request(url, data=body, method=method, headers={"content-type": "application/json"})
    with direct.open(request, timeout=SEEN_S) as answer:
        return answer.read()


def clear_calls() -> None:
    """Forgets what the provider saw so far."""
    ask("DELETE", f"{SIM}/calls")


def calls(path: str = "", word: str = "") -> list[dict]:
    """What the provider received since the case began; only what holds a word, if one is given."""
    found = json.loads(ask("GET", f"{SIM}/calls?with={word}"))
    return [call for call in found if call["path"].endswith(path) and not is_list(call)]


def is_list(call: dict) -> bool:
    """Whether the gateway asked for the models by itself, as it does at any time and when a name is missing."""
    return call["method"] == "GET" and call["path"].split("?")[0].endswith("/models")


def only_call(path: str = "") -> dict:
    """The one call the provider received."""
    seen = calls(path)
    assert len(seen) == 1, f"the provider saw {len(seen)} calls instead of one"
    return seen[0]


def wait_calls(condition: Callable[[list[dict]], bool], what: str) -> list[dict]:
    """Asks until what the provider saw is as expected."""
    end = time.monotonic() + SEEN_S
    while not condition(seen := calls()):
        assert time.monotonic() < end, f"the provider did not see within {SEEN_S} s: {what}"
        time.sleep(0.01)
    return seen


def raw_body(call: dict) -> bytes:
    """The very bytes that the provider received."""
    text = call["body_text"]  # absent when the bytes are not text
    return base64.b64decode(call["body_base64"]) if text is None else text.encode()


def replay(call: dict) -> bytes:
    """What the provider answers to exactly this call when nothing is in between."""
    return ask("POST", SIM + call["path"], raw_body(call))


def events(stream: bytes) -> list[dict]:
    """The JSON events of a server-sent stream."""
    lines = [line[5:].strip() for line in stream.decode().splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in lines if line != "[DONE]"]
