# The Responses API through the official OpenAI SDK for Python; run by openai_python.py.
import json

import openai
from harness.cases import BASE, KEY, calls, case, events, only_call, raises, replay, until_it_breaks, wait_calls
from openai import OpenAI
from pydantic import BaseModel

client = OpenAI(base_url=BASE, api_key=KEY, max_retries=0, timeout=15)
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
        "additionalProperties": False,
    },
    "strict": True,
}


class City(BaseModel):
    name: str
    population: int


@case
def responses():
    answer = client.responses.create(model="ok", input="say hello")
    truth = json.loads(replay(only_call("/responses")))
    assert answer.object == "response" and answer.status == "completed" and answer.error is None
    assert answer.output_text == truth["output"][-1]["content"][0]["text"] != ""
    assert answer.model == truth["model"] and answer._request_id


@case
def responses_usage_is_the_provider_s():
    for model in ("ok", "cache", "think"):
        answer = client.responses.create(model=model, input="say hello")
        truth = json.loads(replay(calls("/responses")[-1]))["usage"]
        told = answer.usage.model_dump(exclude_unset=True)
        assert told == truth and told["total_tokens"] == told["input_tokens"] + told["output_tokens"] > 0, (told, truth)


@case
def responses_stream():
    stream = client.responses.create(model="ok", input="say hello", stream=True)
    seen = list(stream)
    assert [event.sequence_number for event in seen] == list(
        range(seen[0].sequence_number, seen[0].sequence_number + len(seen))
    )
    assert seen[0].type == "response.created" and seen[-1].type == "response.completed", (seen[0].type, seen[-1].type)
    text = "".join(event.delta for event in seen if event.type == "response.output_text.delta")
    truth = events(replay(only_call("/responses")))
    assert [event.type for event in seen] == [event["type"] for event in truth]
    assert text == seen[-1].response.output_text == truth[-1]["response"]["output"][-1]["content"][0]["text"] != ""
    assert seen[-1].response.usage.model_dump(exclude_unset=True) == truth[-1]["response"]["usage"]


@case
def responses_stream_helper():
    deltas = ""
    with client.responses.stream(model="ok", input="say hello") as stream:
        for event in stream:
            deltas += event.delta if event.type == "response.output_text.delta" else ""
        final = stream.get_final_response()
    assert deltas == final.output_text != "" and final.status == "completed"


@case
def responses_reasoning():
    include = ["reasoning.encrypted_content"]
    answer = client.responses.create(model="think", input="say hello", include=include, store=False)
    thought = answer.output[0]
    assert thought.type == "reasoning" and thought.summary[0].text and thought.encrypted_content, answer.output
    turn = [{"role": "user", "content": "say hello"}, *answer.output, {"role": "user", "content": "again"}]
    client.responses.create(model="think", input=turn, include=include, store=False)
    replayed = [item for item in calls("/responses")[1]["body"]["input"] if item.get("type") == "reasoning"]
    assert [item["encrypted_content"] for item in replayed] == [thought.encrypted_content]


def tools_loop(model: str, count: int):
    turn = [{"role": "user", "content": "the weather?"}]
    asked = client.responses.create(model=model, input=turn, tools=[WEATHER])
    wanted = [item for item in asked.output if item.type == "function_call"]
    assert len(wanted) == count and len({item.call_id for item in wanted}) == count, asked.output
    turn += asked.output
    for item in wanted:
        assert item.name == "get_weather" and isinstance(json.loads(item.arguments)["days"], int), item
        turn.append({"type": "function_call_output", "call_id": item.call_id, "output": '{"sky":"clear"}'})
    final = client.responses.create(model=model, input=turn, tools=[WEATHER])
    assert "done" in final.output_text and all(item.type != "function_call" for item in final.output), final.output
    results = [item for item in calls("/responses")[1]["body"]["input"] if item.get("type") == "function_call_output"]
    assert [item["call_id"] for item in results] == [item.call_id for item in wanted]


@case
def responses_tools():
    tools_loop("tool", 1)


@case
def responses_tools_parallel():
    tools_loop("parallel", 2)


@case
def responses_tools_stream_helper():
    for model, count in (("tool", 1), ("parallel", 2)):
        with client.responses.stream(model=model, input="the weather?", tools=[WEATHER]) as stream:
            kinds = [event.type for event in stream]
            final = stream.get_final_response()
        assert kinds.count("response.function_call_arguments.done") == count, kinds
        wanted = [item for item in final.output if item.type == "function_call"]
        assert len(wanted) == count and all(isinstance(json.loads(item.arguments)["days"], int) for item in wanted)


@case
def responses_parse():
    answer = client.responses.parse(model="ok", input="a city", text_format=City)
    assert isinstance(answer.output_parsed, City), answer.output


@case
def responses_parse_stream():
    with client.responses.stream(model="ok", input="a city", text_format=City) as stream:
        final = stream.until_done().get_final_response()
    assert isinstance(final.output_parsed, City), final.output


@case
def responses_retrieve_unknown():
    raises(openai.NotFoundError, lambda: client.responses.retrieve("resp_no_such_response"))


@case
def responses_errors():
    raises(openai.NotFoundError, lambda: client.responses.create(model="no-such-model", input="x"))
    raises(openai.BadRequestError, lambda: client.responses.create(model="s400", input="x"))
    raises(openai.RateLimitError, lambda: client.responses.create(model="s429ra2", input="x"))
    raises(openai.InternalServerError, lambda: client.responses.create(model="sim/s500+chunks=7", input="x"))
    raises(openai.BadRequestError, lambda: client.responses.create(model="s400", input="x", stream=True))


@case
def responses_cut_stream():
    seen, problem = until_it_breaks(client.responses.create(model="die5", input="x", stream=True))
    assert "response.output_text.delta" in [event.type for event in seen]
    assert seen[-1].type not in ("response.completed", "response.incomplete"), "a cut that looks like an end"
    assert problem or seen[-1].type in ("response.failed", "error"), f"no error, and {seen[-1].type} is the last event"


@case
def responses_abort_closes_the_call():
    with client.responses.create(model="sim/long+seconds=30", input="x", stream=True) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                break
    wait_calls(lambda seen: seen[0]["ended"] == "client_closed", "that its client is gone")
