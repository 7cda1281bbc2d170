# The official SDKs of Anthropic, Google and Cohere against the gateway, on providers that speak their protocol and on
# providers that do not. Environment: BASE, KEY, SIM (see harness/cases.py).
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import anthropic
import cohere
from google import genai
from google.genai import types
from harness.cases import BASE, KEY, case, raises, run

ROOT = BASE.removesuffix("/v1")
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
# One provider for each protocol that the simulator speaks.
PROVIDERS = ("oa", "an", "sim")
claude = anthropic.Anthropic(base_url=ROOT, api_key=KEY, max_retries=0)
gemini = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=ROOT))
coral = cohere.ClientV2(api_key=KEY, base_url=ROOT)


def on_every_provider(function: Callable[[str], None]) -> None:
    """Makes a case of `function` for each provider."""
    for provider in PROVIDERS:

        def one(provider: str = provider) -> None:
            function(provider)

        one.__name__ = f"{function.__name__}_{provider}"
        case(one)


@on_every_provider
def anthropic_text_and_stream(provider: str) -> None:
    hi = [{"role": "user", "content": "hi"}]
    message = claude.messages.create(model=f"{provider}/ok", max_tokens=64, messages=hi)
    assert message.stop_reason == "end_turn" and message.usage.output_tokens > 0, message
    with claude.messages.stream(model=f"{provider}/ok", max_tokens=64, messages=hi) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == message.content[0].text == final.content[0].text
    assert final.usage.input_tokens > 1 and final.usage.output_tokens == message.usage.output_tokens, final.usage


@on_every_provider
def anthropic_tool_loop(provider: str) -> None:
    tools = [{"name": "get_weather", "description": "Weather", "input_schema": CITY}]
    messages: list = [{"role": "user", "content": "weather?"}]
    with claude.messages.stream(model=f"{provider}/parallel", max_tokens=64, messages=messages, tools=tools) as stream:
        first = stream.get_final_message()
    calls = [block for block in first.content if block.type == "tool_use"]
    assert first.stop_reason == "tool_use" and len(calls) == 2 and calls[0].input["city"], first
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"} for call in calls]
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    last = claude.messages.create(model=f"{provider}/parallel", max_tokens=64, messages=messages, tools=tools)
    assert last.stop_reason == "end_turn" and last.content[0].text, last


@on_every_provider
def anthropic_errors(provider: str) -> None:
    hi = [{"role": "user", "content": "hi"}]
    raises(anthropic.RateLimitError, lambda: claude.messages.create(model=f"{provider}/s429ra2", max_tokens=9, messages=hi))
    orphan = [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_x", "content": "x"}]}]
    if provider == "oa":  # the others' own servers would refuse it
        refused = lambda: claude.messages.create(model="oa/ok", max_tokens=9, messages=orphan)
        assert "toolu_x" in str(raises(anthropic.BadRequestError, refused))


@on_every_provider
def google_text_and_stream(provider: str) -> None:
    answer = gemini.models.generate_content(model=f"{provider}/ok", contents="hi")
    assert answer.text and answer.usage_metadata.prompt_token_count > 0, answer
    chunks = list(gemini.models.generate_content_stream(model=f"{provider}/ok", contents="hi"))
    assert "".join(chunk.text or "" for chunk in chunks) == answer.text
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP


@on_every_provider
def google_tool_loop(provider: str) -> None:
    declared = types.FunctionDeclaration(name="get_weather", description="Weather", parameters_json_schema=CITY)
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declared])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    asked = types.Content(role="user", parts=[types.Part(text="weather?")])
    first = gemini.models.generate_content(model=f"{provider}/parallel", contents=[asked], config=config)
    assert len(first.function_calls) == 2 and first.function_calls[0].args["city"], first
    # This SDK's own helper sends results without the ids of the calls.
    results = [types.Part.from_function_response(name=c.name, response={"result": "sunny"}) for c in first.function_calls]
    contents = [asked, first.candidates[0].content, types.Content(role="user", parts=results)]
    last = gemini.models.generate_content(model=f"{provider}/parallel", contents=contents, config=config)
    assert last.text and not last.function_calls, last


@on_every_provider
def google_structured_output(provider: str) -> None:
    config = types.GenerateContentConfig(response_mime_type="application/json", response_json_schema=CITY)
    answer = gemini.models.generate_content(model=f"{provider}/ok", contents="hi", config=config)
    if provider == "oa" or answer.parsed:
        assert answer.parsed["city"], answer.text


@on_every_provider
def cohere_text_and_stream(provider: str) -> None:
    hi = [{"role": "user", "content": "hi"}]
    answer = coral.chat(model=f"{provider}/ok", messages=hi)
    text = answer.message.content[0].text
    assert answer.finish_reason == "COMPLETE" and text and answer.usage.tokens.output_tokens > 0, answer
    streamed = ""
    for event in coral.chat_stream(model=f"{provider}/ok", messages=hi):
        if event.type == "content-delta":
            streamed += event.delta.message.content.text
    assert streamed == text


@on_every_provider
def cohere_tool_loop(provider: str) -> None:
    tools = [{"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": CITY}}]
    messages: list = [{"role": "user", "content": "weather?"}]
    first = coral.chat(model=f"{provider}/tool", messages=messages, tools=tools)
    call = first.message.tool_calls[0]
    assert first.finish_reason == "TOOL_CALL" and "city" in call.function.arguments, first
    messages += [
        {"role": "assistant", "tool_calls": first.message.tool_calls},
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ]
    last = coral.chat(model=f"{provider}/tool", messages=messages, tools=tools)
    assert last.finish_reason == "COMPLETE" and last.message.content[0].text, last


@on_every_provider
def images_arrive(provider: str) -> None:
    dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": dot}}
    content = [image, {"type": "text", "text": "what is it?"}]
    message = claude.messages.create(
        model=f"{provider}/img", max_tokens=64, messages=[{"role": "user", "content": content}]
    )
    assert "images: 1; image/png 70 bytes" in message.content[0].text, message.content


run()
