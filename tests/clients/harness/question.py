# What every SDK is made to ask, and what the provider must have seen of it. `question.mjs` is the same for JavaScript.
from __future__ import annotations

import base64
import json

from harness.cases import SIM, ask, calls, events, replay, wait_calls
from harness.seen import Seen, last_seen, protocol_of, read, seen

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}
CLOCK = {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]}
TOOLS = {"get_weather": ("The weather of a city.", WEATHER), "get_time": ("The time in a zone.", CLOCK)}
# The provider calls the first two tools it is offered, or the only one twice: then only order and ids tell them apart.
OFFERS = (("get_weather", "get_time"), ("get_weather",))
ARGUMENTS = {"get_weather": {"city": "lorem", "days": 1}, "get_time": {"zone": "lorem"}}
RESULTS = ("sunny: 21 °C", 'half "past" nine')
CITY = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "kind": {"type": "string", "enum": ["town", "city"]}},
    "required": ["name", "kind"],
    "additionalProperties": False,
}
A_CITY = {"name": "lorem", "kind": "town"}
# Its base64 holds a `+`, which the URL-safe alphabet writes differently.
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
DOT_BYTES = base64.b64decode(DOT)
THOUGHT = " The user asks, so I think 漢字 first."
NOTHING = {"type": "object", "properties": {}}
SENTENCE = "The tools have answered: done."


def truth(model: str = "ok") -> str:
    """What the provider says, when nothing is in between."""
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    answer = json.loads(ask("POST", f"{SIM}/v1/chat/completions", json.dumps(body).encode()))
    return answer["choices"][0]["message"]["content"]


TRUTH = truth()
# The same words in shapes that a careless reader of streams stumbles over.
ODD_STREAMS = {model: truth(model) for model in ("crlf+interval_ms=0", "ok+piece=1+interval_ms=0", "events400")}


def saw_loop(names: list[str], ids: list[str | None], loop: list[Seen]) -> None:
    """Both requests of a tool loop arrived: first the tools, then each result under the id of its call."""
    first, second = loop
    assert {name: required(schema) for name, schema in first.tools.items()} == {
        name: sorted(TOOLS[name][1]["required"]) for name in set(names)
    }, first.body
    assert not first.asked and not first.results, first.body
    assert first.tools == second.tools, second.body
    assert [(name, arguments) for _, name, arguments in second.asked] == [(n, ARGUMENTS[n]) for n in names], second.body
    assert len(second.results) == len(names), second.body
    for (_, text), expected in zip(second.results, RESULTS[: len(names)], strict=True):
        assert expected in text or json.dumps(expected, ensure_ascii=False)[1:-1] in text, second.body
    held = [call_id for call_id, _, _ in second.asked]
    if second.protocol == "gemini":  # there ids are optional: the order tells
        assert all(got in (None, call_id) for call_id, (got, _) in zip(held, second.results, strict=True)), second.body
    else:
        assert held == [call_id for call_id, _ in second.results], second.body
        assert all(held) and len(set(held)) == len(names), second.body
    if all(ids):
        assert held == ids or not any(held), f"{ids} became {held}"


def required(schema: dict) -> list[str]:
    """What a schema requires, which survives every translation."""
    assert set(schema["required"]) <= set(schema["properties"]), schema
    return sorted(schema["required"])


def saw_image() -> None:
    """The image arrived, byte for byte."""
    assert last_seen().images == [("image/png", DOT_BYTES)], last_seen().body


def saw_schema() -> None:
    """The schema of the answer arrived."""
    schema = last_seen().schema
    assert schema and required(schema) == ["kind", "name"], last_seen().body
    assert schema["properties"]["kind"]["enum"] == ["town", "city"], last_seen().body


def saw_hang_up() -> None:
    """The provider noticed that its client is gone."""
    wait_calls(lambda seen: bool(seen) and seen[-1]["ended"] == "client_closed", "that its client is gone")


def saw_thought(sealed: bool) -> None:
    """The reasoning of the first turn came back with the second, if its provider can read it; nothing else did.

    `sealed`: whether the client's protocol can carry what only the maker of a thought can read."""
    first, second = seen()
    assert first.thinks, first.body
    assert "hi" in second.texts and "go on" in second.texts, second.body
    if second.protocol in ("anthropic", "responses"):  # they take a thought with its signature or not at all
        assert second.seals == ([signature()] if sealed else []), second.body
        assert second.thoughts == ([THOUGHT] if sealed else []), second.body
    else:
        assert "".join(second.thoughts) in ("", THOUGHT), second.body
        assert second.protocol != "gemini" or set(second.seals) == ({signature()} if sealed else set()), second.body
    assert second.texts.count(THOUGHT) == 0, second.body


def signature() -> str:
    """What the provider signs its reasoning with."""
    body = {"model": "think", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    answer = json.loads(ask("POST", f"{SIM}/v1/messages", json.dumps(body).encode()))
    return next(block["signature"] for block in answer["content"] if block["type"] == "thinking")


def reported() -> tuple[int, int, int]:
    """Input (cached included), cached input and output, in tokens, of the newest call as its provider counts them."""
    return reported_of([call for call in calls() if protocol_of(call)][-1])


def reported_of(call: dict) -> tuple[int, int, int]:
    """The same of one call."""
    answer = replay(call)
    usage: dict = {}  # of a stream, what its events say one after the other
    for event in events(answer) if read(call).streams else [json.loads(answer)]:
        inner = [event, *(event.get(key) for key in ("message", "response", "delta"))]
        for part in inner:
            if isinstance(part, dict):
                usage |= part.get("usage") or part.get("usageMetadata") or {}
    protocol = protocol_of(call)
    if protocol == "gemini":
        output = usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
        return usage["promptTokenCount"], usage.get("cachedContentTokenCount", 0), output
    if protocol == "cohere":
        return usage["tokens"]["input_tokens"], usage.get("cached_tokens", 0), usage["tokens"]["output_tokens"]
    if protocol == "anthropic":
        cached = usage["cache_read_input_tokens"]
        written = usage["cache_creation_input_tokens"]
        return usage["input_tokens"] + cached + written, cached, usage["output_tokens"]
    kind = "prompt" if "prompt_tokens" in usage else "input"
    output = usage["completion_tokens"] if kind == "prompt" else usage["output_tokens"]
    return usage[f"{kind}_tokens"], (usage.get(f"{kind}_tokens_details") or {}).get("cached_tokens", 0), output

