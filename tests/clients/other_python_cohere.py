# Chat through the official Cohere SDK for Python; run by other_python.py.
import json

import cohere
from cohere.core.api_error import ApiError
from harness.cases import BASE, KEY, case, on_every_provider, raises, until_it_breaks
from harness.question import A_CITY, ARGUMENTS, CITY, DOT, NOTHING, ODD_STREAMS, OFFERS, RESULTS, SENTENCE, THOUGHT
from harness.question import TOOLS, TRUTH, reported, saw_hang_up, saw_image, saw_loop, saw_schema, saw_thought
from harness.seen import last_seen, seen

ROOT = BASE.removesuffix("/v1")
client = cohere.ClientV2(api_key=KEY, base_url=ROOT, max_retries=0)
HI = [{"role": "user", "content": "hi"}]
THINKING = {"type": "enabled", "token_budget": 2048}


class Answer:
    """The answer of one request, whole or put together from its stream."""

    def __init__(self, model: str, messages: list = HI, streamed: bool = False, **options: object) -> None:
        self.text = self.thought = self.finish = ""
        self.calls: list[dict] = []  # as the next request repeats them
        if streamed:
            for event in client.chat_stream(model=model, messages=messages, **options):
                self.take(event)
            return
        answer = client.chat(model=model, messages=messages, **options)
        self.finish = answer.finish_reason
        for item in answer.message.content or ():
            self.text += item.text if item.type == "text" else ""
            self.thought += item.thinking if item.type == "thinking" else ""
        self.calls = [call.model_dump() for call in answer.message.tool_calls or ()]

    def take(self, event: object) -> None:
        """One event of a stream."""
        if event.type == "content-delta":
            content = event.delta.message.content
            self.text += content.text or ""
            self.thought += content.thinking or ""
        elif event.type == "tool-call-start":
            self.calls.append(event.delta.message.tool_calls.model_dump())
        elif event.type == "tool-call-delta":
            self.calls[-1]["function"]["arguments"] += event.delta.message.tool_calls.function.arguments
        elif event.type == "message-end":
            self.finish = event.delta.finish_reason


@on_every_provider
def cohere_text(provider: str) -> None:
    messages = [{"role": "system", "content": "be brief"}, *HI]
    answer = client.chat(model=f"{provider}/ok", messages=messages, temperature=0.5, max_tokens=64)
    assert answer.message.content[0].text == TRUTH and answer.finish_reason == "COMPLETE" and answer.id, answer
    assert last_seen().texts == ["be brief", "hi"], last_seen().body
    assert last_seen().body.get("generationConfig", last_seen().body)["temperature"] == 0.5, last_seen().body


@on_every_provider
def cohere_stream(provider: str) -> None:
    events = list(client.chat_stream(model=f"{provider}/ok", messages=HI))
    pieces = [event.delta.message.content.text for event in events if event.type == "content-delta"]
    assert len(pieces) > 3 and "".join(pieces) == TRUTH, pieces
    assert [event.type for event in events if event.type != "content-delta"] == [
        "message-start", "content-start", "content-end", "message-end"
    ]  # fmt: skip
    end = events[-1].delta
    whole = client.chat(model=f"{provider}/ok", messages=HI).usage.tokens
    assert end.finish_reason == "COMPLETE" and end.usage.tokens.output_tokens == whole.output_tokens > 1, end


@on_every_provider
def cohere_usage(provider: str) -> None:
    request = {"model": f"{provider}/cache", "messages": HI}
    streamed = lambda **asked: list(client.chat_stream(**asked))[-1].delta
    for answer in (client.chat, streamed):
        usage = answer(**request).usage
        counted = (usage.tokens.input_tokens, usage.cached_tokens, usage.tokens.output_tokens)
        assert counted == reported() and counted[1] > 0, usage


def tool_of(name: str) -> dict:
    """A tool in Cohere's form."""
    description, parameters = TOOLS[name]
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def tool_loop(provider: str, streamed: bool) -> None:
    for offer in OFFERS:
        tools = [tool_of(name) for name in offer]
        first = Answer(f"{provider}/parallel", streamed=streamed, tools=tools)
        names = [call["function"]["name"] for call in first.calls]
        made = [json.loads(call["function"]["arguments"]) for call in first.calls]
        assert made == [ARGUMENTS[name] for name in names] and first.finish == "TOOL_CALL", first.calls
        ids = [call["id"] for call in first.calls]
        assert len(set(ids)) == 2, ids
        # Both forms of a result: a document, as Cohere's own examples have it, and plain text.
        contents = [[{"type": "document", "document": {"data": {"result": RESULTS[0]}}}], RESULTS[1]]
        pairs = zip(ids, contents, strict=True)
        results = [{"role": "tool", "tool_call_id": call_id, "content": content} for call_id, content in pairs]
        messages = [*HI, {"role": "assistant", "tool_calls": first.calls}, *results]
        last = Answer(f"{provider}/parallel", messages, streamed, tools=tools)
        assert last.text == SENTENCE and last.finish == "COMPLETE", vars(last)
        saw_loop(names, ids, seen()[-2:])


@on_every_provider
def cohere_tool_loop(provider: str) -> None:
    tool_loop(provider, streamed=False)


@on_every_provider
def cohere_tool_loop_stream(provider: str) -> None:
    tool_loop(provider, streamed=True)


@on_every_provider
def cohere_tool_choice(provider: str) -> None:
    tools = [tool_of(name) for name in TOOLS]
    for choice, called, word in (("REQUIRED", list(TOOLS), "any"), ("NONE", [], "none")):
        answer = Answer(f"{provider}/parallel", tools=tools, tool_choice=choice)
        assert [call["function"]["name"] for call in answer.calls] == called, vars(answer)
        assert last_seen().choice == word, last_seen().body


@on_every_provider
def cohere_tool_without_arguments(provider: str) -> None:
    for streamed in (False, True):
        tools = [{"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": NOTHING}}]
        first = Answer(f"{provider}/tool", streamed=streamed, tools=tools)
        assert [json.loads(call["function"]["arguments"]) or {} for call in first.calls] == [{}], first.calls
        result = {"role": "tool", "tool_call_id": first.calls[0]["id"], "content": "too dark"}
        messages = [*HI, {"role": "assistant", "tool_calls": first.calls, "tool_plan": "I look."}, result]
        Answer(f"{provider}/tool", messages, streamed, tools=tools)
        assert [(name, arguments) for _, name, arguments in last_seen().asked] == [("look", {})], last_seen().body
        [(call_id, text)] = last_seen().results
        assert call_id == first.calls[0]["id"] and "too dark" in text, last_seen().body


@on_every_provider
def cohere_retry(provider: str) -> None:
    patient = cohere.ClientV2(api_key=KEY, base_url=ROOT, max_retries=1)
    answer = patient.chat(model=f"{provider}/s429x1", messages=HI)
    assert answer.message.content[0].text == TRUTH and len(seen()) == 2, seen()


@on_every_provider
def cohere_odd_streams(provider: str) -> None:
    for model, truth in ODD_STREAMS.items():
        assert Answer(f"{provider}/{model}", streamed=True).text == truth, model


@on_every_provider
def cohere_hang_up(provider: str) -> None:
    stream = client.chat_stream(model=f"{provider}/long+seconds=30", messages=HI)
    assert next(event for event in stream if event.type == "content-delta")
    stream.close()
    saw_hang_up()


@on_every_provider
def cohere_image(provider: str) -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DOT}"}}
    answer = Answer(f"{provider}/img", [{"role": "user", "content": [image, {"type": "text", "text": "what is it?"}]}])
    assert answer.text.startswith("images: 1; image/png 70 bytes sha256 "), answer.text
    saw_image()


@on_every_provider
def cohere_structured_output(provider: str) -> None:
    for streamed in (False, True):
        wanted = {"type": "json_object", "json_schema": CITY}
        answer = Answer(f"{provider}/ok", streamed=streamed, response_format=wanted)
        assert json.loads(answer.text) == A_CITY, answer.text
        saw_schema()


def reasoning(provider: str, streamed: bool) -> None:
    first = Answer(f"{provider}/think", streamed=streamed, thinking=THINKING)
    assert (first.thought, first.text) == (THOUGHT, TRUTH), vars(first)
    content = [{"type": "thinking", "thinking": first.thought}, {"type": "text", "text": first.text}]
    messages = [*HI, {"role": "assistant", "content": content}, {"role": "user", "content": "go on"}]
    Answer(f"{provider}/think", messages, streamed, thinking=THINKING)
    saw_thought(sealed=False)


@on_every_provider
def cohere_reasoning(provider: str) -> None:
    reasoning(provider, streamed=False)


@on_every_provider
def cohere_reasoning_stream(provider: str) -> None:
    reasoning(provider, streamed=True)


@on_every_provider
def cohere_models(provider: str) -> None:
    names = [model.name for model in cohere.Client(api_key=KEY, base_url=ROOT).models.list().models]
    assert f"{provider}/ok" in names or "ok" in names, names


@case
def cohere_known_model() -> None:
    models = cohere.Client(api_key=KEY, base_url=ROOT).models
    one = models.get("oa/known")
    assert one.context_length == 123_456 and "vision" in (one.features or []), one
    first = models.list(page_size=2)
    second = models.list(page_size=2, page_token=first.next_page_token)
    names = [model.name for model in [*first.models, *second.models]]
    assert len(set(names)) == 4, names


@on_every_provider
def cohere_errors(provider: str) -> None:
    limited = raises(cohere.TooManyRequestsError, lambda: Answer(f"{provider}/s429ra2"))
    assert message_of(limited) and limited.headers["retry-after"] == "2", limited
    for streamed in (False, True):
        assert message_of(raises(cohere.BadRequestError, lambda: Answer(f"{provider}/s400", streamed=streamed)))
    raises(cohere.NotFoundError, lambda: Answer(f"{provider}/no-such-model"))
    busy = "s503" if provider == "co" else "s529"  # the status of Anthropic is not one of Cohere
    raises(cohere.ServiceUnavailableError, lambda: Answer(f"{provider}/{busy}"))
    stranger = cohere.ClientV2(api_key="tr_wrong", base_url=ROOT, max_retries=0)
    assert message_of(raises(cohere.UnauthorizedError, lambda: stranger.chat(model=f"{provider}/ok", messages=HI)))


def message_of(problem: ApiError) -> str:
    """What the body of an error says, in Cohere's form."""
    body = problem.body if isinstance(problem.body, dict) else problem.body.model_dump()
    return body["message"]


@on_every_provider
def cohere_broken_streams(provider: str) -> None:
    for model in ("err200", "err200late", "die5"):
        items, problem = until_it_breaks(client.chat_stream(model=f"{provider}/{model}", messages=HI))
        texts = [item for item in items if item.type == "content-delta"]
        assert model == "err200" or texts, f"{model}: {items}"
        ends = [item.delta.finish_reason for item in items if item.type == "message-end"]
        assert problem is not None or ends == ["ERROR"], f"{model}: {items[-1]}"
