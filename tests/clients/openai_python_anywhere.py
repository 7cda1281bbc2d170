# Chat and Responses through the official OpenAI SDK for Python on providers of every protocol; run by openai_python.py.
import json

import openai
from harness.cases import BASE, KEY, on_every_provider, raises, until_it_breaks
from harness.question import A_CITY, ARGUMENTS, CITY, DOT, OFFERS, RESULTS, SENTENCE, THOUGHT, TOOLS, TRUTH
from harness.question import saw_image, saw_loop, saw_schema
from harness.seen import last_seen, seen

client = openai.OpenAI(base_url=BASE, api_key=KEY, max_retries=0)
HI = [{"role": "user", "content": "hi"}]
URL = f"data:image/png;base64,{DOT}"


def chat(model: str, messages: list, streamed: bool, **options: object) -> openai.types.chat.ChatCompletionMessage:
    """The message of an answer, whole or put together by the SDK."""
    if not streamed:
        return client.chat.completions.create(model=model, messages=messages, **options).choices[0].message
    with client.chat.completions.stream(model=model, messages=messages, **options) as stream:
        return stream.get_final_completion().choices[0].message


def respond(model: str, asked: object, streamed: bool, **options: object) -> openai.types.responses.Response:
    """An answer, whole or as the last event of its stream has it."""
    if not streamed:
        return client.responses.create(model=model, input=asked, **options)
    with client.responses.stream(model=model, input=asked, **options) as stream:
        return stream.get_final_response()


@on_every_provider
def openai_chat_text(provider: str) -> None:
    for streamed in (False, True):
        assert chat(f"{provider}/ok", HI, streamed).content == TRUTH
        assert last_seen().texts == ["hi"], last_seen().body


@on_every_provider
def openai_responses_text(provider: str) -> None:
    for streamed in (False, True):
        answer = respond(f"{provider}/ok", "hi", streamed, instructions="be brief")
        assert answer.output_text == TRUTH and answer.status == "completed" and answer.usage.output_tokens > 1, answer
        assert last_seen().texts == ["be brief", "hi"], last_seen().body


@on_every_provider
def openai_chat_loop(provider: str) -> None:
    for streamed, offer in ((streamed, offer) for streamed in (False, True) for offer in OFFERS):
        tools = [
            {"type": "function", "function": {"name": n, "description": TOOLS[n][0], "parameters": TOOLS[n][1]}}
            for n in offer
        ]
        first = chat(f"{provider}/parallel", HI, streamed, tools=tools)
        names = [call.function.name for call in first.tool_calls]
        ids = [call.id for call in first.tool_calls]
        assert [json.loads(call.function.arguments) for call in first.tool_calls] == [ARGUMENTS[n] for n in names]
        assert len(set(ids)) == 2, ids
        calls = [
            {"id": c.id, "type": "function", "function": {"name": c.function.name, "arguments": c.function.arguments}}
            for c in first.tool_calls
        ]
        results = [
            {"role": "tool", "tool_call_id": call_id, "content": text}
            for call_id, text in zip(ids, RESULTS, strict=True)
        ]
        messages = [*HI, {"role": "assistant", "tool_calls": calls}, *results]
        assert chat(f"{provider}/parallel", messages, streamed, tools=tools).content == SENTENCE
        saw_loop(names, ids, seen()[-2:])


@on_every_provider
def openai_responses_loop(provider: str) -> None:
    for streamed, offer in ((streamed, offer) for streamed in (False, True) for offer in OFFERS):
        tools = [
            {"type": "function", "name": n, "description": TOOLS[n][0], "parameters": TOOLS[n][1], "strict": False}
            for n in offer
        ]
        first = respond(f"{provider}/parallel", HI, streamed, tools=tools, store=False)
        made = [item for item in first.output if item.type == "function_call"]
        names, ids = [item.name for item in made], [item.call_id for item in made]
        assert [json.loads(item.arguments) for item in made] == [ARGUMENTS[n] for n in names], first
        calls = [
            {"type": "function_call", "call_id": item.call_id, "name": item.name, "arguments": item.arguments}
            for item in made
        ]
        results = [
            {"type": "function_call_output", "call_id": call_id, "output": text}
            for call_id, text in zip(ids, RESULTS, strict=True)
        ]
        last = respond(f"{provider}/parallel", [*HI, *calls, *results], streamed, tools=tools, store=False)
        assert last.output_text == SENTENCE, last
        saw_loop(names, ids, seen()[-2:])


@on_every_provider
def openai_images(provider: str) -> None:
    content = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": URL}}]
    assert "images: 1; image/png 70 bytes" in chat(f"{provider}/img", [{"role": "user", "content": content}], False).content
    saw_image()
    content = [{"type": "input_text", "text": "what is it?"}, {"type": "input_image", "image_url": URL, "detail": "auto"}]
    answer = respond(f"{provider}/img", [{"role": "user", "content": content}], True)
    assert "images: 1; image/png 70 bytes" in answer.output_text, answer
    saw_image()


@on_every_provider
def openai_structured_output(provider: str) -> None:
    schema = {"name": "city", "schema": CITY, "strict": True}
    for streamed in (False, True):
        message = chat(f"{provider}/ok", HI, streamed, response_format={"type": "json_schema", "json_schema": schema})
        assert json.loads(message.content) == A_CITY, message
        saw_schema()
        answer = respond(f"{provider}/ok", "hi", streamed, text={"format": {"type": "json_schema", **schema}})
        assert json.loads(answer.output_text) == A_CITY, answer
        saw_schema()


@on_every_provider
def openai_reasoning(provider: str) -> None:
    for streamed in (False, True):
        answer = respond(f"{provider}/think", "hi", streamed, reasoning={"effort": "low", "summary": "auto"}, max_output_tokens=8000)
        # An item without any text is there for its state alone.
        thoughts = [part for item in answer.output if item.type == "reasoning" for part in item.summary or item.content or ()]
        assert "".join(part.text for part in thoughts) == THOUGHT and answer.output_text == TRUTH, answer
        assert last_seen().thinks, last_seen().body
        message = chat(f"{provider}/think", HI, streamed, reasoning_effort="low", max_completion_tokens=8000)
        assert message.content == TRUTH and last_seen().thinks, message


@on_every_provider
def openai_continues_an_answer(provider: str) -> None:
    first = respond(f"{provider}/ok", "my name is Ada", False)
    second = respond(f"{provider}/ok", "who am I?", True, previous_response_id=first.id)
    assert second.output_text == TRUTH, second
    assert client.responses.retrieve(second.id).output_text == TRUTH
    if provider != "sim":
        assert last_seen().texts == ["my name is Ada", "who am I?"], last_seen().body
        assert json.dumps(TRUTH, ensure_ascii=False) in json.dumps(last_seen().body, ensure_ascii=False), last_seen().body
    client.responses.delete(second.id)
    raises(openai.NotFoundError, lambda: client.responses.retrieve(second.id))


@on_every_provider
def openai_errors(provider: str) -> None:
    busy = "s503" if provider in ("ge", "co") else "s529"
    for model, kind in (("s400", openai.BadRequestError), ("s429ra2", openai.RateLimitError), (busy, openai.APIStatusError)):
        problem = raises(kind, lambda model=model: chat(f"{provider}/{model}", HI, False))
        assert problem.request_id, vars(problem)
        raises(kind, lambda model=model: respond(f"{provider}/{model}", "hi", False))
    # Before its first output a failed stream is answered with a status that says so.
    raises(openai.InternalServerError, lambda: list(client.chat.completions.create(model=f"{provider}/err200", messages=HI, stream=True)))
    raises(openai.InternalServerError, lambda: list(client.responses.create(model=f"{provider}/err200", input="hi", stream=True)))
    for model in ("err200late", "die5"):
        stream = lambda model=model: client.chat.completions.create(model=f"{provider}/{model}", messages=HI, stream=True)
        _, problem = until_it_breaks(chunk for chunk in stream())
        assert isinstance(problem, openai.APIError), problem
        events = lambda model=model: client.responses.create(model=f"{provider}/{model}", input="hi", stream=True)
        got, problem = until_it_breaks(event for event in events())
        kinds = [event.type for event in got]
        assert problem or "response.failed" in kinds or "error" in kinds, kinds
        assert "response.completed" not in kinds, kinds
