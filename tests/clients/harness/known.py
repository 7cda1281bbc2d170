# The cases that fail because the gateway is wrong, with the reason; they are skipped, and each run says so.
# A case has the same name in every language that has it; a name without its provider stands for all providers.
# `run --case NAME_PROVIDER` runs a known one too.
NO_ID = "translated answers have no `request-id` header, where this SDK looks"
OTHER_ID = "the error names an id other than the head of the answer does"
NO_PARTS = "the last event has `parts: []`, so this SDK's chat drops the whole turn from its history"
NO_DELAY = "429 without a RetryInfo detail, the one place where Gemini clients look for the delay"
KNOWN: dict[str, str] = {
    "anthropic_count_tokens": "404 path_not_found for POST /v1/messages/count_tokens, on native providers too",
    "anthropic_models": "GET /v1/models has no `type` and no `display_name` for Anthropic clients",
    "anthropic_one_model": "GET /v1/models/ID has no `type` for Anthropic clients",
    "anthropic_request_id_oa": NO_ID,
    "anthropic_request_id_re": NO_ID,
    "anthropic_request_id_ge": NO_ID,
    "anthropic_request_id_co": NO_ID,
    "anthropic_request_id_in_a_stream_oa": OTHER_ID,
    "anthropic_request_id_in_a_stream_re": OTHER_ID,
    "anthropic_request_id_in_a_stream_ge": OTHER_ID,
    "anthropic_request_id_in_a_stream_co": OTHER_ID,
    "cohere_models": "GET /v1/models has no `models[].name` for Cohere clients",
    "google_chat_stream_oa": NO_PARTS,
    "google_chat_stream_an": NO_PARTS,
    "google_chat_stream_re": NO_PARTS,
    "google_chat_stream_co": NO_PARTS,
    "google_chat_stream_sim": NO_PARTS,
    "google_count_tokens": "405, in OpenAI's form, for POST /v1/models/ID:countTokens",
    "google_models": "GET /v1/models has no `models[].name` for Gemini clients",
    "google_one_model": "GET /v1/models/ID has no `name` for Gemini clients",
    "google_reasoning_loss_an": "x-tokenrouter-degraded names contents.thought although the thought is restored",
    "google_reasoning_loss_re": "x-tokenrouter-degraded names contents.thought although the thought is restored",
    "google_reasoning_stream_an": "each part of a turn becomes a block, and Messages refuses a block of white space",
    "google_retry_delay_oa": NO_DELAY,
    "google_retry_delay_an": NO_DELAY,
    "google_retry_delay_re": NO_DELAY,
    "google_retry_delay_co": NO_DELAY,
    "google_retry_delay_sim": NO_DELAY,
}
