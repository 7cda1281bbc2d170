# generateContent through the official Google SDK for Python; run by other_python.py.
import base64
import json
from collections.abc import Iterable

from google import genai
from google.genai import errors, types
from harness.cases import BASE, KEY, case, on_every_provider, raises, until_it_breaks
from harness.question import A_CITY, ARGUMENTS, CITY, DOT, ODD_STREAMS, OFFERS, RESULTS, SENTENCE, THOUGHT, TOOLS, TRUTH
from harness.question import reported, saw_hang_up, saw_image, saw_loop, saw_schema, saw_thought
from harness.seen import last_seen, seen

OPTIONS = types.HttpOptions(base_url=BASE.removesuffix("/v1"), retry_options=types.HttpRetryOptions(attempts=1))
client = genai.Client(api_key=KEY, http_options=OPTIONS)
THINKING = types.GenerateContentConfig(
    thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=2048),
)
BY_HAND = types.AutomaticFunctionCallingConfig(disable=True)


def ask(model: str, contents: object = "hi", config: object = None, streamed: bool = False) -> list[types.Part]:
    """One request, whole or streamed: the parts of its answer, which must have ended well."""
    if streamed:
        answers = list(client.models.generate_content_stream(model=model, contents=contents, config=config))
    else:
        answers = [client.models.generate_content(model=model, contents=contents, config=config)]
    assert answers[-1].candidates[0].finish_reason == types.FinishReason.STOP, answers[-1]
    contents = [answer.candidates[0].content for answer in answers if answer.candidates]
    return [part for content in contents if content for part in content.parts or ()]


def text_of(parts: list[types.Part], thought: bool = False) -> str:
    return "".join(part.text or "" for part in parts if bool(part.thought) == thought)


@on_every_provider
def google_text(provider: str) -> None:
    config = types.GenerateContentConfig(system_instruction="be brief", temperature=0.5, max_output_tokens=64)
    answer = client.models.generate_content(model=f"{provider}/ok", contents="hi", config=config)
    assert answer.text == TRUTH and answer.candidates[0].finish_reason == types.FinishReason.STOP, answer
    assert last_seen().texts == ["be brief", "hi"], last_seen().body
    assert last_seen().body.get("generationConfig", last_seen().body)["temperature"] == 0.5, last_seen().body


@on_every_provider
def google_stream(provider: str) -> None:
    chunks = list(client.models.generate_content_stream(model=f"{provider}/ok", contents="hi"))
    pieces = [chunk.text for chunk in chunks if chunk.text]
    assert len(pieces) > 3 and "".join(pieces) == TRUTH, pieces
    assert [c.candidates[0].finish_reason for c in chunks if c.candidates][-1] == types.FinishReason.STOP, chunks[-1]
    whole = client.models.generate_content(model=f"{provider}/ok", contents="hi").usage_metadata
    counted = chunks[-1].usage_metadata
    assert counted.candidates_token_count == whole.candidates_token_count > 1, counted
    assert counted.total_token_count == counted.prompt_token_count + counted.candidates_token_count, counted


@on_every_provider
def google_usage(provider: str) -> None:
    request = {"model": f"{provider}/cache", "contents": "hi"}
    streamed = lambda **asked: list(client.models.generate_content_stream(**asked))[-1]
    for answer in (client.models.generate_content, streamed):
        usage = answer(**request).usage_metadata
        counted = (usage.prompt_token_count, usage.cached_content_token_count, usage.candidates_token_count)
        assert counted == reported() and counted[1] > 0, usage


def tools_of(names: Iterable[str]) -> list[types.Tool]:
    """Tools in Google's form."""
    declared = [
        types.FunctionDeclaration(name=name, description=TOOLS[name][0], parameters_json_schema=TOOLS[name][1])
        for name in names
    ]
    return [types.Tool(function_declarations=declared)]


def tool_loop(provider: str, streamed: bool, with_ids: bool) -> None:
    for offer in OFFERS:
        config = types.GenerateContentConfig(tools=tools_of(offer), automatic_function_calling=BY_HAND)
        asked = types.Content(role="user", parts=[types.Part(text="hi")])
        first = ask(f"{provider}/parallel", [asked], config, streamed)
        made = [part.function_call for part in first if part.function_call]
        assert [call.args for call in made] == [ARGUMENTS[call.name] for call in made] and len(made) == 2, first
        results = []
        for call, text in zip(made, RESULTS, strict=True):
            result = types.Part.from_function_response(name=call.name, response={"result": text})
            result.function_response.id = call.id if with_ids else None  # the SDK's own helper leaves it out
            results.append(result)
        turn = [types.Content(role="model", parts=first), types.Content(role="user", parts=results)]
        last = ask(f"{provider}/parallel", [asked, *turn], config, streamed)
        assert text_of(last) == SENTENCE, last
        saw_loop([call.name for call in made], [call.id for call in made], seen()[-2:])


@on_every_provider
def google_tool_loop(provider: str) -> None:
    tool_loop(provider, streamed=False, with_ids=True)
    tool_loop(provider, streamed=False, with_ids=False)


@on_every_provider
def google_tool_loop_stream(provider: str) -> None:
    tool_loop(provider, streamed=True, with_ids=True)
    tool_loop(provider, streamed=True, with_ids=False)


@on_every_provider
def google_automatic_functions(provider: str) -> None:
    asked = []

    def get_weather(city: str, days: int) -> str:
        """The weather of a city."""
        asked.append((city, days))
        return RESULTS[0]

    config = types.GenerateContentConfig(tools=[get_weather])
    answer = client.models.generate_content(model=f"{provider}/tool", contents="hi", config=config)
    assert asked == [("lorem", 1)] and answer.text == SENTENCE, answer
    saw_loop(["get_weather"], [None], seen())


@on_every_provider
def google_tool_choice(provider: str) -> None:
    for mode, allowed, called, word in (
        ("ANY", ["get_time"], ["get_time"], "get_time"),
        ("ANY", None, list(TOOLS), "any"),
        ("NONE", None, [], "none"),
    ):
        calling = types.FunctionCallingConfig(mode=mode, allowed_function_names=allowed)
        config = types.GenerateContentConfig(
            tools=tools_of(TOOLS),
            tool_config=types.ToolConfig(function_calling_config=calling),
            automatic_function_calling=BY_HAND,
        )
        parts = ask(f"{provider}/{'tool' if allowed else 'parallel'}", config=config)
        assert [part.function_call.name for part in parts if part.function_call] == called, parts
        assert last_seen().choice == word, last_seen().body


@on_every_provider
def google_tool_without_arguments(provider: str) -> None:
    for streamed in (False, True):
        tools = [types.Tool(function_declarations=[types.FunctionDeclaration(name="look", description="Looks.")])]
        config = types.GenerateContentConfig(tools=tools, automatic_function_calling=BY_HAND)
        first = ask(f"{provider}/tool", config=config, streamed=streamed)
        made = [part.function_call for part in first if part.function_call]
        assert [(call.name, call.args or {}) for call in made] == [("look", {})], first
        failed = types.Part.from_function_response(name="look", response={"error": "too dark"})
        turn = [types.Content(role="model", parts=first), types.Content(role="user", parts=[failed])]
        asked = types.Content(role="user", parts=[types.Part(text="hi")])
        ask(f"{provider}/tool", [asked, *turn], config, streamed)
        assert [(name, arguments) for _, name, arguments in last_seen().asked] == [("look", {})], last_seen().body
        assert ["too dark" in text for _, text in last_seen().results] == [True], last_seen().body


@on_every_provider
def google_retry(provider: str) -> None:
    twice = types.HttpRetryOptions(attempts=2, initial_delay=0.1)
    patient = genai.Client(api_key=KEY, http_options=OPTIONS.model_copy(update={"retry_options": twice}))
    answer = patient.models.generate_content(model=f"{provider}/s429x1", contents="hi")
    assert answer.text == TRUTH and len(seen()) == 2, seen()


@on_every_provider
def google_odd_streams(provider: str) -> None:
    for model, truth in ODD_STREAMS.items():
        assert text_of(ask(f"{provider}/{model}", streamed=True)) == truth, model


@on_every_provider
def google_hang_up(provider: str) -> None:
    stream = client.models.generate_content_stream(model=f"{provider}/long+seconds=30", contents="hi")
    assert next(stream).text
    stream.close()
    saw_hang_up()


@on_every_provider
def google_image(provider: str) -> None:
    image = types.Part.from_bytes(data=base64.b64decode(DOT), mime_type="image/png")
    answer = client.models.generate_content(model=f"{provider}/img", contents=[image, "what is it?"])
    assert answer.text.startswith("images: 1; image/png 70 bytes sha256 "), answer.text
    saw_image()


@on_every_provider
def google_structured_output(provider: str) -> None:
    for key in ("response_json_schema", "response_schema"):
        # What Google calls a schema knows no `additionalProperties: false`.
        schema = dict(CITY)
        if key == "response_schema":
            del schema["additionalProperties"]
        config = types.GenerateContentConfig(response_mime_type="application/json", **{key: schema})
        answer = client.models.generate_content(model=f"{provider}/ok", contents="hi", config=config)
        assert answer.parsed == A_CITY, answer.text
        saw_schema()
        assert json.loads(text_of(ask(f"{provider}/ok", config=config, streamed=True))) == A_CITY
        saw_schema()


def reasoning(provider: str, streamed: bool) -> None:
    asked = types.Content(role="user", parts=[types.Part(text="hi")])
    first = ask(f"{provider}/think", [asked], THINKING, streamed)
    assert text_of(first, thought=True) == THOUGHT and text_of(first) == TRUTH, first
    turn = [types.Content(role="model", parts=first), types.Content(role="user", parts=[types.Part(text="go on")])]
    ask(f"{provider}/think", [asked, *turn], THINKING, streamed)
    saw_thought(sealed=True)


@on_every_provider
def google_reasoning(provider: str) -> None:
    reasoning(provider, streamed=False)


@on_every_provider
def google_reasoning_stream(provider: str) -> None:
    reasoning(provider, streamed=True)


@on_every_provider
def google_chat(provider: str) -> None:
    """The SDK keeps the history here."""
    chat = client.chats.create(model=f"{provider}/think", config=THINKING)
    for message in ("hi", "go on"):
        assert text_of(chat.send_message(message).candidates[0].content.parts) == TRUTH
    saw_thought(sealed=True)


@on_every_provider
def google_chat_stream(provider: str) -> None:
    chat = client.chats.create(model=f"{provider}/think", config=THINKING)
    for message in ("hi", "go on"):
        pieces = [chunk.candidates[0].content.parts or [] for chunk in chat.send_message_stream(message)]
        assert "".join(text_of(parts) for parts in pieces) == TRUTH
    saw_thought(sealed=True)


@on_every_provider
def google_reasoning_loss(provider: str) -> None:
    """A thought that arrives is not called lost, even when it came in pieces; one that does not arrive is."""
    asked = types.Content(role="user", parts=[types.Part(text="hi")])
    first = ask(f"{provider}/think", [asked], THINKING, streamed=True)
    turn = [types.Content(role="model", parts=first), types.Content(role="user", parts=[types.Part(text="go on")])]
    last = client.models.generate_content(model=f"{provider}/think", contents=[asked, *turn], config=THINKING)
    lost = "thought" in last.sdk_http_response.headers.get("x-tokenrouter-degraded", "")
    assert lost != bool(last_seen().thoughts), f"lost: {lost}, arrived: {last_seen().thoughts}"


@on_every_provider
def google_reasoning_usage(provider: str) -> None:
    usage = client.models.generate_content(model=f"{provider}/think", contents="hi", config=THINKING).usage_metadata
    prompt, _, output = reported()
    assert usage.prompt_token_count == prompt and usage.total_token_count == prompt + output, usage
    assert (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0) == output, usage
    assert usage.thoughts_token_count or last_seen().protocol == "cohere", usage  # Cohere counts them as output alone


@on_every_provider
def google_count_tokens(provider: str) -> None:
    assert client.models.count_tokens(model=f"{provider}/ok", contents="hi").total_tokens > 0


@on_every_provider
def google_models(provider: str) -> None:
    names = [model.name for model in client.models.list()]
    assert f"models/{provider}/ok" in names or "models/ok" in names, names


@case
def google_known_model() -> None:
    one = client.models.get(model="oa/known")
    assert (one.input_token_limit, one.output_token_limit) == (123_456, 4321), one
    assert "generateContent" in (one.supported_actions or []), one
    paged = [model.name for model in client.models.list(config={"page_size": 3})]
    assert paged == [model.name for model in client.models.list()] and len(paged) == len(set(paged)) > 4, paged


@on_every_provider
def google_one_model(provider: str) -> None:
    assert client.models.get(model=f"{provider}/ok").name.endswith("ok")


@on_every_provider
def google_errors(provider: str) -> None:
    limited = raises(errors.ClientError, lambda: ask(f"{provider}/s429ra2"))
    assert (limited.code, limited.status) == (429, "RESOURCE_EXHAUSTED") and limited.message, limited
    for streamed in (False, True):
        refused = raises(errors.ClientError, lambda: ask(f"{provider}/s400", streamed=streamed))
        assert (refused.code, refused.status) == (400, "INVALID_ARGUMENT"), refused
    unknown = raises(errors.ClientError, lambda: ask(f"{provider}/no-such-model"))
    assert (unknown.code, unknown.status) == (404, "NOT_FOUND"), unknown
    script = "s503" if provider == "ge" else "s529"  # the status of Anthropic is not one of Google
    busy = raises(errors.ServerError, lambda: ask(f"{provider}/{script}"))
    assert (busy.code, busy.status) == (503, "UNAVAILABLE"), busy
    stranger = genai.Client(api_key="tr_wrong", http_options=OPTIONS)
    wrong = lambda: stranger.models.generate_content(model=f"{provider}/ok", contents="hi")
    assert raises(errors.ClientError, wrong).status == "UNAUTHENTICATED"


@on_every_provider
def google_retry_delay(provider: str) -> None:
    limited = raises(errors.ClientError, lambda: ask(f"{provider}/s429ra2"))
    delays = [d["retryDelay"] for d in limited.details["error"]["details"] if d["@type"].endswith("RetryInfo")]
    assert [float(delay.removesuffix("s")) for delay in delays] == [2], limited.details


@on_every_provider
def google_broken_streams(provider: str) -> None:
    raises(errors.APIError, lambda: ask(f"{provider}/err200", streamed=True))
    for model in ("err200late", "die5"):
        stream = client.models.generate_content_stream(model=f"{provider}/{model}", contents="hi")
        items, problem = until_it_breaks(stream)
        assert any(item.text for item in items), f"{model}: {items}"
        finished = [item for item in items if item.candidates and item.candidates[0].finish_reason]
        assert problem is not None and not finished, f"{model}: {items[-1]}"
