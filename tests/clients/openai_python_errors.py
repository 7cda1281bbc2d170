# What the official OpenAI SDK for Python makes of errors, retries and hanging up; run by openai_python.py.
import openai
from harness.cases import BASE, KEY, calls, case, only_call, raises, until_it_breaks, wait_calls
from openai import OpenAI

client = OpenAI(base_url=BASE, api_key=KEY, max_retries=0, timeout=15)
HELLO = [{"role": "user", "content": "say hello"}]


def chat_with(model: str, **options):
    return client.chat.completions.create(model=model, messages=HELLO, **options)


def explains(problem: openai.APIStatusError) -> None:
    """An error has a sentence, a type and the id of its request."""
    assert isinstance(problem.body, dict) and problem.body["message"] and problem.type, problem.body
    assert problem.request_id, "no x-request-id"
    assert KEY not in str(problem) and "sk-simulated" not in str(problem), "an error that shows a secret"


@case
def error_unknown_token():
    for key in ("tr_wrong", KEY[:-1] + ("a" if KEY[-1] != "a" else "b"), "sk-simulated-provider-key"):
        stranger = OpenAI(base_url=BASE, api_key=key, max_retries=0)
        explains(
            raises(openai.AuthenticationError, lambda: stranger.chat.completions.create(model="ok", messages=HELLO))
        )
        raises(openai.AuthenticationError, stranger.models.list)
    assert calls() == [], "a stranger's request reached the provider"


@case
def error_unknown_model():
    problem = raises(openai.NotFoundError, lambda: chat_with("no-such-model"))
    explains(problem)
    assert problem.code == "model_not_found", problem.code


@case
def error_unknown_provider():
    problem = raises(openai.NotFoundError, lambda: chat_with("no-such-provider/ok"))
    explains(problem)
    assert calls() == [], "an unknown provider's model was sent to another one"


@case
def error_bad_request():
    explains(raises(openai.BadRequestError, lambda: chat_with("s400")))
    assert len(calls()) == 1, "a request that is wrong is wrong the second time too"


@case
def error_bad_request_of_the_gateway_s_own():
    explains(
        raises(
            openai.BadRequestError, lambda: client.post("/chat/completions", body={"messages": HELLO}, cast_to=object)
        )
    )
    explains(raises(openai.BadRequestError, lambda: client.post("/chat/completions", body=["model"], cast_to=object)))
    assert calls() == [], "a request without a model reached the provider"


@case
def error_unknown_path():
    explains(raises(openai.NotFoundError, lambda: client.post("/no/such/path", body={"model": "ok"}, cast_to=object)))


@case
def error_too_large():
    huge = [{"role": "user", "content": "x" * (2 << 20)}]
    problem = raises(openai.APIStatusError, lambda: client.chat.completions.create(model="ok", messages=huge))
    assert problem.status_code == 413, problem
    explains(problem)
    assert calls() == []


@case
def error_rate_limit():
    problem = raises(openai.RateLimitError, lambda: chat_with("s429ra2"))
    explains(problem)
    delay = problem.response.headers.get("retry-after-ms") or problem.response.headers.get("retry-after")
    assert delay and float(delay) > 0, "a rate limit without a delay"


@case
def error_server():
    for model in ("s500", "s503", "html502"):
        explains(raises(openai.InternalServerError, lambda: chat_with(model)))


@case
def error_before_a_stream():
    raises(openai.BadRequestError, lambda: chat_with("s400", stream=True))
    raises(openai.InternalServerError, lambda: chat_with("sim/s500+chunks=3", stream=True))


@case
def error_inside_a_stream():
    raises(openai.APIError, lambda: list(chat_with("err200", stream=True)))
    chunks, problem = until_it_breaks(chat_with("err200late", stream=True))
    assert chunks and isinstance(problem, openai.APIError), (len(chunks), problem)


@case
def error_cut_stream():
    chunks, problem = until_it_breaks(chat_with("die5", stream=True))
    assert chunks and problem, f"{len(chunks)} chunks and then an end like any other"


@case
def retry_after_rate_limit():
    patient = client.with_options(max_retries=2)
    answer = patient.chat.completions.create(model="s429x1", messages=HELLO)
    assert answer.choices[0].message.content
    assert len(calls()) == 2, f"{len(calls())} calls instead of two"


@case
def request_id():
    one = chat_with("ok")
    other = client.chat.completions.with_raw_response.create(model="ok", messages=HELLO)
    assert one._request_id and other.headers["x-request-id"] == other.request_id != one._request_id


# --- hanging up


@case
def abort_closes_the_call():
    with chat_with("sim/long+seconds=30", stream=True) as stream:
        for _, chunk in zip(range(2), stream, strict=False):
            assert chunk.choices
        assert only_call()["ended"] is None, "the provider had nothing left to say"
    wait_calls(lambda seen: seen[0]["ended"] == "client_closed", "that its client is gone")


@case
def timeout_closes_the_call():
    raises(openai.APITimeoutError, lambda: chat_with("hang", timeout=0.5))
    wait_calls(lambda seen: seen and seen[0]["ended"] == "client_closed", "that its client is gone")
