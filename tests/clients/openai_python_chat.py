# Chat Completions through the official OpenAI SDK for Python; run by openai_python.py.
import json

import openai
from harness.cases import BASE, KEY, calls, case, events, only_call, raises, raw_body, replay
from openai import OpenAI
from pydantic import BaseModel

client = OpenAI(base_url=BASE, api_key=KEY, max_retries=0, timeout=15)
HELLO = [{"role": "user", "content": "say hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}


class Step(BaseModel):
    explanation: str
    output: str


class Reasoning(BaseModel):
    steps: list[Step]
    final_answer: int
    certain: bool


@case
def chat():
    answer = client.chat.completions.create(model="ok", messages=HELLO)
    truth = json.loads(replay(only_call("/chat/completions")))
    choice = answer.choices[0]
    assert choice.message.role == "assistant" and choice.finish_reason == "stop"
    assert choice.message.content == truth["choices"][0]["message"]["content"] != ""
    assert answer.object == "chat.completion" and answer.model == truth["model"]


@case
def chat_usage_is_the_provider_s():
    for model in ("ok", "cache", "think"):
        answer = client.chat.completions.create(model=model, messages=HELLO)
        truth = json.loads(replay(calls("/chat/completions")[-1]))["usage"]
        told = answer.usage.model_dump(exclude_unset=True)
        assert told == truth, (model, told, truth)
        assert told["total_tokens"] == told["prompt_tokens"] + told["completion_tokens"] > 0
    assert answer.usage.completion_tokens_details.reasoning_tokens > 0


@case
def chat_without_usage():
    answer = client.chat.completions.create(model="nousage", messages=HELLO)
    assert answer.choices[0].message.content and answer.usage is None, answer.usage


@case
def chat_body_arrives_byte_for_byte():
    sent = []
    hooks = {"request": [lambda request: sent.append(request.content)]}
    with OpenAI(base_url=BASE, api_key=KEY, http_client=openai.DefaultHttpxClient(event_hooks=hooks)) as own:
        extra = {"x_unknown": {"z": 1, "a": [1.50, 1e3, None]}, "metadata": {"né": "🦀\u0000"}}
        ask = lambda: own.chat.completions.create(model="ok", messages=HELLO, temperature=0.30, extra_body=extra)
        raises(openai.BadRequestError, ask)  # by the provider, which does not know the field
    assert raw_body(only_call()) == sent[0], (raw_body(only_call()), sent[0])


@case
def the_client_s_key_never_goes_upstream():
    client.chat.completions.create(model="ok", messages=HELLO, extra_headers={"cookie": "session=1"})
    headers = {name.lower(): value for name, value in only_call()["headers"].items()}
    assert KEY not in json.dumps(headers) and "cookie" not in headers, headers
    assert headers["authorization"] == "Bearer sk-simulated-provider-key", "the provider's own key must go upstream"


@case
def chat_stream():
    text, role, reasons = "", None, []
    with client.chat.completions.create(model="ok", messages=HELLO, stream=True) as stream:
        for chunk in stream:
            assert chunk.object == "chat.completion.chunk"
            role = role or chunk.choices[0].delta.role
            text += chunk.choices[0].delta.content or ""
            reasons += [chunk.choices[0].finish_reason] if chunk.choices[0].finish_reason else []
    truth = events(replay(only_call("/chat/completions")))
    assert text == "".join(c["delta"].get("content") or "" for e in truth for c in e["choices"]) != ""
    assert role == "assistant" and reasons == ["stop"], (role, reasons)


@case
def chat_stream_text_is_the_plain_text():
    plain = client.chat.completions.create(model="ok", messages=HELLO).choices[0].message.content
    for model in ("ok", "sim/ok+chunks=50+interval_ms=1", "sim/ok+piece=1+interval_ms=0", "sim/crlf+interval_ms=0"):
        stream = client.chat.completions.create(model=model, messages=HELLO, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        if model == "ok":
            assert text == plain, (text, plain)
        truth = events(replay(calls("/chat/completions")[-1]))
        assert text == "".join(c["delta"].get("content") or "" for e in truth for c in e["choices"]) != "", model


@case
def chat_stream_without_usage_asked_shows_no_usage():
    chunks = list(client.chat.completions.create(model="ok", messages=HELLO, stream=True))
    assert all(chunk.choices for chunk in chunks), "a chunk without choices that the client did not ask for"
    assert all(chunk.usage is None for chunk in chunks), "usage that the client did not ask for"


@case
def chat_stream_with_usage_asked():
    for model in ("ok", "cache"):
        options = {"include_usage": True}
        stream = client.chat.completions.create(model=model, messages=HELLO, stream=True, stream_options=options)
        chunks = list(stream)
        assert [len(chunk.choices) for chunk in chunks].count(0) == 1 and not chunks[-1].choices
        assert all(chunk.usage is None for chunk in chunks[:-1])
        truth = events(replay(calls("/chat/completions")[-1]))[-1]["usage"]
        told = chunks[-1].usage.model_dump(exclude_unset=True)
        assert told == truth and told["total_tokens"] > 0, (told, truth)


@case
def chat_stream_helper():
    kinds, deltas = [], ""
    with client.chat.completions.stream(model="ok", messages=HELLO) as stream:
        for event in stream:
            kinds.append(event.type)
            deltas += event.delta if event.type == "content.delta" else ""
        final = stream.get_final_completion()
    assert deltas == final.choices[0].message.content != "" and kinds[-1] == "content.done", kinds[-3:]
    assert final.choices[0].finish_reason == "stop"


@case
def chat_reasoning():
    for stream in (False, True):
        answer = client.chat.completions.create(model="think", messages=HELLO, stream=stream)
        messages = [part.choices[0].delta for part in answer] if stream else [answer.choices[0].message]
        thought = "".join(getattr(message, "reasoning_content", None) or "" for message in messages)
        text = "".join(message.content or "" for message in messages)
        assert thought and text and thought != text, (stream, thought, text)


# --- tools


def finish_tools(messages: list, message, count: int):
    """Answers the tool calls of a message and checks that the model then ends."""
    assert len(message.tool_calls) == count and len({call.id for call in message.tool_calls}) == count
    messages = [*messages, message]
    for call in message.tool_calls:
        arguments = json.loads(call.function.arguments)
        assert call.type == "function" and call.function.name == "get_weather", call
        assert isinstance(arguments["city"], str) and isinstance(arguments["days"], int), arguments
        messages.append({"role": "tool", "tool_call_id": call.id, "content": '{"sky":"clear"}'})
    return messages


def tools_loop(model: str, count: int):
    asked = client.chat.completions.create(model=model, messages=HELLO, tools=[WEATHER])
    assert asked.choices[0].finish_reason == "tool_calls"
    messages = finish_tools(HELLO, asked.choices[0].message, count)
    final = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
    assert final.choices[0].finish_reason == "stop" and not final.choices[0].message.tool_calls
    assert "done" in final.choices[0].message.content, final.choices[0].message.content
    seen = calls("/chat/completions")
    ids = [message.get("tool_call_id") for message in seen[1]["body"]["messages"] if message["role"] == "tool"]
    assert len(seen) == 2 and ids == [call.id for call in asked.choices[0].message.tool_calls], ids


@case
def chat_tools():
    tools_loop("tool", 1)


@case
def chat_tools_parallel():
    tools_loop("parallel", 2)


@case
def chat_tools_forced():
    choice = {"type": "function", "function": {"name": "get_weather"}}
    answer = client.chat.completions.create(model="tool", messages=HELLO, tools=[WEATHER], tool_choice=choice)
    assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"


@case
def chat_tools_stream():
    for model, count in (("tool", 1), ("parallel", 2)):
        found, reason = {}, None
        for chunk in client.chat.completions.create(model=model, messages=HELLO, tools=[WEATHER], stream=True):
            reason = chunk.choices[0].finish_reason or reason
            for delta in chunk.choices[0].delta.tool_calls or []:
                call = found.setdefault(delta.index, {"id": delta.id, "name": "", "arguments": ""})
                call["name"] += delta.function.name or ""
                call["arguments"] += delta.function.arguments or ""
        assert sorted(found) == list(range(count)) and reason == "tool_calls", (found, reason)
        for call in found.values():
            assert (
                call["id"] and call["name"] == "get_weather" and isinstance(json.loads(call["arguments"])["days"], int)
            )


@case
def chat_tools_stream_helper():
    kinds = []
    with client.chat.completions.stream(model="tool", messages=HELLO, tools=[WEATHER]) as stream:
        kinds = [event.type for event in stream]
        asked = stream.get_final_completion()
    assert "tool_calls.function.arguments.delta" in kinds and "tool_calls.function.arguments.done" in kinds, kinds
    call = asked.choices[0].message.tool_calls[0]
    assert isinstance(call.function.parsed_arguments["days"], int), call
    messages = finish_tools(HELLO, asked.choices[0].message, 1)
    with client.chat.completions.stream(model="tool", messages=messages, tools=[WEATHER]) as stream:
        final = stream.until_done().get_final_completion()
    assert "done" in final.choices[0].message.content


# --- structured output


@case
def chat_parse():
    answer = client.chat.completions.parse(model="ok", messages=HELLO, response_format=Reasoning)
    parsed = answer.choices[0].message.parsed
    assert isinstance(parsed, Reasoning) and isinstance(parsed.final_answer, int), answer


@case
def chat_parse_stream():
    with client.chat.completions.stream(model="ok", messages=HELLO, response_format=Reasoning) as stream:
        final = stream.until_done().get_final_completion()
    assert isinstance(final.choices[0].message.parsed, Reasoning)


@case
def chat_parse_tool():
    tool = openai.pydantic_function_tool(Step, name="take_step")
    answer = client.chat.completions.parse(model="tool", messages=HELLO, tools=[tool])
    assert isinstance(answer.choices[0].message.tool_calls[0].function.parsed_arguments, Step), answer
