# Messages through the official Anthropic SDK for Python; run by other_python.py.
import json

import anthropic
from harness.cases import BASE, KEY, case, on_every_provider, raises, until_it_breaks
from harness.question import A_CITY, ARGUMENTS, CITY, DOT, NOTHING, ODD_STREAMS, OFFERS, RESULTS, SENTENCE, THOUGHT
from harness.question import TOOLS, TRUTH, reported, saw_hang_up, saw_image, saw_loop, saw_schema, saw_thought
from harness.seen import last_seen, seen
from pydantic import BaseModel

ROOT = BASE.removesuffix("/v1")
client = anthropic.Anthropic(base_url=ROOT, api_key=KEY, max_retries=0)
HI = [{"role": "user", "content": "hi"}]
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DOT}}


class City(BaseModel):
    name: str
    kind: str


def ask(model: str, messages: list = HI, streamed: bool = False, **options: object) -> anthropic.types.Message:
    """One request, whole or streamed."""
    options = {"max_tokens": 64} | options
    if not streamed:
        return client.messages.create(model=model, messages=messages, **options)
    with client.messages.stream(model=model, messages=messages, **options) as stream:
        return stream.get_final_message()


@on_every_provider
def anthropic_text(provider: str) -> None:
    message = ask(f"{provider}/ok", system="be brief")
    assert message.content[0].text == TRUTH and message.stop_reason == "end_turn", message
    assert last_seen().texts == ["be brief", "hi"], last_seen().body
    assert 64 in (last_seen().body | last_seen().body.get("generationConfig", {})).values(), last_seen().body


@on_every_provider
def anthropic_stream(provider: str) -> None:
    with client.messages.stream(model=f"{provider}/ok", max_tokens=64, messages=HI) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(pieces) > 3 and "".join(pieces) == TRUTH == final.content[0].text, pieces
    assert final.stop_reason == "end_turn" and last_seen().streams, final
    whole = ask(f"{provider}/ok").usage
    assert final.usage.input_tokens > 1 and final.usage.output_tokens == whole.output_tokens, final


@on_every_provider
def anthropic_usage(provider: str) -> None:
    for streamed in (False, True):
        usage = ask(f"{provider}/cache", streamed=streamed).usage
        read, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
        assert (usage.input_tokens + read + written, read, usage.output_tokens) == reported() and read > 0, usage


def tool_loop(provider: str, streamed: bool) -> None:
    for offer in OFFERS:
        tools = [{"name": n, "description": TOOLS[n][0], "input_schema": TOOLS[n][1]} for n in offer]
        first = ask(f"{provider}/parallel", streamed=streamed, tools=tools)
        uses = [block for block in first.content if block.type == "tool_use"]
        assert first.stop_reason == "tool_use" and len({use.id for use in uses}) == 2, first
        pairs = zip(uses, RESULTS, strict=True)
        results = [{"type": "tool_result", "tool_use_id": use.id, "content": text} for use, text in pairs]
        messages = [*HI, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
        last = ask(f"{provider}/parallel", messages, streamed, tools=tools)
        assert last.stop_reason == "end_turn" and last.content[0].text == SENTENCE, last
        saw_loop([use.name for use in uses], [use.id for use in uses], seen()[-2:])


@on_every_provider
def anthropic_tool_loop(provider: str) -> None:
    tool_loop(provider, streamed=False)


@on_every_provider
def anthropic_tool_loop_stream(provider: str) -> None:
    tool_loop(provider, streamed=True)


@on_every_provider
def anthropic_tool_choice(provider: str) -> None:
    tools = [{"name": n, "description": d, "input_schema": schema} for n, (d, schema) in TOOLS.items()]
    for script, choice, called, word in (
        ("tool", {"type": "tool", "name": "get_time"}, ["get_time"], "get_time"),
        ("parallel", {"type": "any"}, list(TOOLS), "any"),
        ("parallel", {"type": "none"}, [], "none"),
    ):
        message = ask(f"{provider}/{script}", tools=tools, tool_choice=choice)
        assert [block.name for block in message.content if block.type == "tool_use"] == called, message
        assert last_seen().choice == word, last_seen().body
    alone = {"type": "auto", "disable_parallel_tool_use": True}
    body = {"model": f"{provider}/parallel", "max_tokens": 64, "messages": HI, "tools": tools, "tool_choice": alone}
    answer = client.messages.with_raw_response.create(**body)
    if last_seen().protocol in ("chat", "responses"):  # where the simulator heeds it
        assert [block.type for block in answer.parse().content] == ["tool_use"], answer.parse()
    elif last_seen().protocol != "anthropic":  # the others cannot say it
        assert "disable_parallel_tool_use" in answer.headers["x-tokenrouter-degraded"], answer.headers


def run_tools(provider: str, **options: object) -> None:
    asked = []

    @anthropic.beta_tool
    def get_weather(city: str, days: int) -> str:
        """The weather of a city."""
        asked.append({"city": city, "days": days})
        return RESULTS[0]

    options |= {"model": f"{provider}/tool", "max_tokens": 64, "messages": HI, "tools": [get_weather]}
    turns = list(client.beta.messages.tool_runner(**options))
    assert asked == [ARGUMENTS["get_weather"]] and turns[-1].content[0].text == SENTENCE, turns
    use = next(block for block in turns[0].content if block.type == "tool_use")
    if last_seen().body.get("thread"):  # it is the provider's to remember, so only the result is sent
        assert last_seen().body["thread"] == {"type": "continue", "previous_message_id": turns[0].id}
        assert last_seen().protocol == "anthropic" and last_seen().results == [(use.id, RESULTS[0])], last_seen().body
    else:
        saw_loop(["get_weather"], [use.id], seen()[-2:])


@on_every_provider
def anthropic_tool_runner(provider: str) -> None:
    run_tools(provider, thread=False)


@on_every_provider
def anthropic_tool_runner_thread(provider: str) -> None:
    """As it is when nobody says otherwise: it asks for a thread, and learns where there is none."""
    run_tools(provider)


@on_every_provider
def anthropic_tool_without_arguments(provider: str) -> None:
    for streamed in (False, True):
        tools = [{"name": "look", "input_schema": NOTHING}]
        first = ask(f"{provider}/tool", streamed=streamed, tools=tools)
        uses = [block for block in first.content if block.type == "tool_use"]
        assert [use.input for use in uses] == [{}], first
        failed = {"type": "tool_result", "tool_use_id": uses[0].id, "content": "too dark", "is_error": True}
        turn = [{"role": "assistant", "content": first.content}, {"role": "user", "content": [failed]}]
        ask(f"{provider}/tool", [*HI, *turn], streamed, tools=tools)
        assert [(name, arguments) for _, name, arguments in last_seen().asked] == [("look", {})], last_seen().body
        assert ["too dark" in text for _, text in last_seen().results] == [True], last_seen().body
        if last_seen().protocol != "anthropic":  # the others have no flag for it, so the text must say it
            assert "error" in last_seen().results[0][1], last_seen().body


@on_every_provider
def anthropic_retry(provider: str) -> None:
    patient = client.with_options(max_retries=1)
    message = patient.messages.create(model=f"{provider}/s429x1", max_tokens=64, messages=HI)
    assert message.content[0].text == TRUTH and len(seen()) == 2, seen()


@on_every_provider
def anthropic_odd_streams(provider: str) -> None:
    for model, truth in ODD_STREAMS.items():
        assert ask(f"{provider}/{model}", streamed=True).content[0].text == truth, model


@on_every_provider
def anthropic_hang_up(provider: str) -> None:
    with client.messages.stream(model=f"{provider}/long+seconds=30", max_tokens=64, messages=HI) as stream:
        assert next(iter(stream.text_stream))
    saw_hang_up()


@on_every_provider
def anthropic_image(provider: str) -> None:
    content = [IMAGE, {"type": "text", "text": "what is it?"}]
    message = ask(f"{provider}/img", [{"role": "user", "content": content}])
    assert message.content[0].text.startswith("images: 1; image/png 70 bytes sha256 "), message.content
    saw_image()


@on_every_provider
def anthropic_image_in_a_result(provider: str) -> None:
    use = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "this"}, IMAGE]}
    messages = [*HI, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    tools = [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]
    ask(f"{provider}/img", messages, tools=tools)
    if last_seen().protocol == "cohere":  # there a result is text, and the text says so
        assert "cannot be shown" in last_seen().results[0][1], last_seen().body
    else:
        saw_image()
    assert [call_id for call_id, _ in last_seen().results] == ["toolu_1"], last_seen().body


@on_every_provider
def anthropic_structured_output(provider: str) -> None:
    for streamed in (False, True):
        config = {"format": {"type": "json_schema", "schema": CITY}}
        message = ask(f"{provider}/ok", streamed=streamed, output_config=config)
        assert json.loads(message.content[0].text) == A_CITY, message
        saw_schema()
    parsed = client.messages.parse(model=f"{provider}/ok", max_tokens=64, messages=HI, output_format=City)
    assert parsed.parsed_output == City(name="lorem", kind="lorem"), parsed


def reasoning(provider: str, streamed: bool) -> None:
    options = {"max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 2048}}
    first = ask(f"{provider}/think", streamed=streamed, **options)
    # Gemini signs its text too: that comes as a block which only its maker can read.
    plain = [block for block in first.content if block.type != "redacted_thinking"]
    assert [block.type for block in plain] == ["thinking", "text"], first
    assert plain[0].thinking == THOUGHT and plain[1].text == TRUTH, first
    turn = [{"role": "assistant", "content": first.content}, {"role": "user", "content": "go on"}]
    ask(f"{provider}/think", [*HI, *turn], streamed, **options)
    # Gemini's signature comes behind its text, where agents look for the result: a stream cannot put it before.
    saw_thought(sealed=not (streamed and provider == "ge"))


@on_every_provider
def anthropic_reasoning(provider: str) -> None:
    reasoning(provider, streamed=False)


@on_every_provider
def anthropic_reasoning_stream(provider: str) -> None:
    reasoning(provider, streamed=True)


@on_every_provider
def anthropic_count_tokens(provider: str) -> None:
    assert client.messages.count_tokens(model=f"{provider}/ok", messages=HI).input_tokens > 0


@on_every_provider
def anthropic_models(provider: str) -> None:
    models = {model.id: model for model in client.models.list()}
    one = models.get(f"{provider}/ok") or models.get("ok")
    assert one and one.type == "model" and one.display_name, models


@case
def anthropic_known_model() -> None:
    one = client.models.retrieve("oa/known")
    assert (one.max_input_tokens, one.max_tokens, one.lifecycle) == (123_456, 4321, "active"), one
    can = one.capabilities
    assert can and can.image_input.supported and can.thinking.supported and not can.batch.supported, one
    # Page after page, two at a time, nothing is there twice and nothing is missing.
    paged = [model.id for model in client.models.list(limit=2)]
    assert paged == [model.id for model in client.models.list()] and len(paged) == len(set(paged)) > 4, paged


@on_every_provider
def anthropic_one_model(provider: str) -> None:
    assert client.models.retrieve(f"{provider}/ok").type == "model"


@on_every_provider
def anthropic_errors(provider: str) -> None:
    limited = raises(anthropic.RateLimitError, lambda: ask(f"{provider}/s429ra2"))
    assert limited.body["error"]["type"] == "rate_limit_error" and limited.body["request_id"], limited.body
    assert limited.response.headers["retry-after"] == "2", limited.response.headers
    refused = raises(anthropic.BadRequestError, lambda: ask(f"{provider}/s400"))
    assert refused.body["error"]["type"] == "invalid_request_error" and refused.body["error"]["message"], refused.body
    raises(anthropic.BadRequestError, lambda: ask(f"{provider}/s400", streamed=True))
    raises(anthropic.NotFoundError, lambda: ask(f"{provider}/no-such-model"))
    raises(anthropic.InternalServerError, lambda: ask(f"{provider}/s529"))
    stranger = anthropic.Anthropic(base_url=ROOT, api_key="tr_wrong", max_retries=0)
    wrong = lambda: stranger.messages.create(model=f"{provider}/ok", max_tokens=9, messages=HI)
    assert raises(anthropic.AuthenticationError, wrong).body["error"]["type"] == "authentication_error"


@on_every_provider
def anthropic_request_id(provider: str) -> None:
    assert ask(f"{provider}/ok")._request_id
    assert raises(anthropic.BadRequestError, lambda: ask(f"{provider}/s400")).request_id


@on_every_provider
def anthropic_request_id_in_a_stream(provider: str) -> None:
    """An error in a stream names the request as the head of the answer did."""
    body = {"model": f"{provider}/err200late", "max_tokens": 64, "messages": HI}
    answer = client.messages.with_raw_response.create(**body, stream=True)
    _, problem = until_it_breaks(answer.parse())
    named = [None, *(answer.headers.get(name) for name in ("request-id", "x-request-id"))]
    assert problem.body.get("request_id") in named, (problem.body, named)


@on_every_provider
def anthropic_orphan_result(provider: str) -> None:
    """A result without its call: refused by name before a provider of another protocol could misread it."""
    orphan = [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_x", "content": "x"}]}]
    assert "toolu_x" in str(raises(anthropic.BadRequestError, lambda: ask(f"{provider}/ok", orphan)))
    for one in seen():  # the native lane leaves it to the provider
        assert one.protocol == "anthropic" and one.results == [("toolu_x", "x")], one.body


@on_every_provider
def anthropic_broken_streams(provider: str) -> None:
    raises(anthropic.APIStatusError, lambda: ask(f"{provider}/err200", streamed=True))
    for model in ("err200late", "die5"):
        stream = client.messages.create(model=f"{provider}/{model}", max_tokens=64, messages=HI, stream=True)
        items, problem = until_it_breaks(stream)
        assert any(item.type == "content_block_delta" for item in items), f"{model}: {items}"
        assert problem is not None and not any(item.type == "message_stop" for item in items), f"{model}: {items}"
