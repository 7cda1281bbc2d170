# Models, embeddings and legacy completions through the official OpenAI SDK for Python; run by openai_python.py.
import json

import openai
from harness.cases import BASE, KEY, calls, case, events, only_call, raises, replay
from openai import OpenAI

client = OpenAI(base_url=BASE, api_key=KEY, max_retries=0, timeout=15)


# --- models


@case
def models_list():
    names = [model.id for model in client.models.list()]
    assert any(name in ("ok", "sim/ok") for name in names), names
    assert len(names) == len(set(names)), "a model is listed twice"


@case
def models_retrieve():
    model = client.models.retrieve("ok")
    assert model.id == "ok" and model.object == "model" and isinstance(model.created, int) and model.owned_by, model


@case
def models_known():
    model = client.models.retrieve("oa/known")
    assert model.context_window == model.context_length == 123_456 and model.max_output_tokens == 4321, model
    assert model.pricing == {"prompt": "0.0000025", "completion": "0.00001", "input_cache_read": "0.00000025"}, model
    assert model.architecture["input_modalities"] == ["text", "image"], model
    listed = {model.id: model for model in client.models.list()}
    assert listed["oa/known"] == model


@case
def models_retrieve_unknown():
    raises(openai.NotFoundError, lambda: client.models.retrieve("no-such-model"))


# --- embeddings and the legacy completions


@case
def embeddings():
    by_default = client.embeddings.create(model="ok", input=["one", "two"])  # the SDK asks for base64
    assert only_call("/embeddings")["body"]["encoding_format"] == "base64"
    as_floats = client.embeddings.create(model="ok", input=["one", "two"], encoding_format="float")
    assert [entry.index for entry in by_default.data] == [0, 1]
    for one, other in zip(by_default.data, as_floats.data, strict=True):
        assert len(one.embedding) == len(other.embedding) > 0
        assert all(abs(a - b) < 1e-6 for a, b in zip(one.embedding, other.embedding, strict=True))
    assert by_default.data[0].embedding != by_default.data[1].embedding
    assert as_floats.usage.total_tokens == as_floats.usage.prompt_tokens > 0
    assert json.loads(replay(calls("/embeddings")[1]))["usage"] == as_floats.usage.model_dump(exclude_unset=True)


@case
def embeddings_dimensions():
    answer = client.embeddings.create(model="ok", input="one", dimensions=8)
    assert len(answer.data) == 1 and len(answer.data[0].embedding) == 8


@case
def completions():
    answer = client.completions.create(model="ok", prompt="say hello")
    truth = json.loads(replay(only_call("/completions")))
    assert answer.object == "text_completion" and answer.choices[0].text == truth["choices"][0]["text"] != ""
    assert answer.usage.model_dump(exclude_unset=True) == truth["usage"]


@case
def completions_stream():
    chunks = list(client.completions.create(model="ok", prompt="say hello", stream=True))
    truth = events(replay(only_call("/completions")))
    assert all(chunk.choices for chunk in chunks), "a chunk without choices that the client did not ask for"
    text = "".join(chunk.choices[0].text for chunk in chunks)
    assert text == "".join(c["text"] for e in truth for c in e["choices"]) != ""
