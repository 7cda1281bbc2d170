//! Errors that no status announces: what they are about must be told by their words.

use serde_json::json;
use tokenrouter::Protocol;
use tokenrouter::convert::{error_inside, provider_error};
use tokenrouter::error::{Kind, Problem};
use tokenrouter::sse;

const CODES: [(&str, Kind); 5] = [
    ("context_length_exceeded", Kind::BadRequest),
    ("rate_limited", Kind::RateLimited),
    ("billing", Kind::RateLimited),
    ("invalid_request", Kind::BadRequest),
    ("overloaded", Kind::Unavailable),
];

fn is(protocol: Protocol, event: &str, kind: Kind, code: &str, text: &str) {
    let problem = error_inside(protocol, event.as_bytes());
    assert_eq!((problem.kind, problem.code), (kind, code), "{protocol} {event}");
    assert!(problem.message.contains(text), "{protocol} {event}: {problem:?}");
}

#[test]
fn the_words_of_openai_have_their_meaning_in_every_place_where_they_stand() {
    for (word, kind, code) in [
        ("context_length_exceeded", Kind::BadRequest, "context_length_exceeded"),
        ("rate_limit_exceeded", Kind::RateLimited, "rate_limited"),
        ("insufficient_quota", Kind::RateLimited, "billing"),
        ("invalid_prompt", Kind::BadRequest, "invalid_request"),
        ("invalid_request", Kind::BadRequest, "invalid_request"),
        ("server_is_overloaded", Kind::Unavailable, "overloaded"),
        ("server_error", Kind::UpstreamFailed, "upstream_failed"),
    ] {
        let error = json!({"code": word, "message": "so it is"});
        let failed = json!({"type": "response.failed", "response": {"status": "failed", "error": error}});
        let flat = json!({"type": "error", "sequence_number": 3, "code": word, "message": "so it is", "param": null});
        let nested = json!({"type": "error", "error": error});
        let whole = json!({"id": "resp_1", "object": "response", "status": "failed", "error": error});
        for event in [failed, flat, nested, whole] {
            is(Protocol::Responses, &event.to_string(), kind, code, "so it is");
        }
        let chat = json!({"id": "x", "choices": [], "error": {"code": word, "message": "so it is"}});
        let bare = json!({"object": "error", "message": "so it is", "type": "x", "code": word});
        let by_type = json!({"error": {"type": word, "code": null, "message": "so it is"}});
        for event in [chat, bare, by_type] {
            is(Protocol::OpenAi, &event.to_string(), kind, code, "so it is");
        }
    }
}

#[test]
fn a_number_stands_for_the_missing_status() {
    for protocol in [Protocol::OpenAi, Protocol::Responses, Protocol::Anthropic, Protocol::Gemini] {
        for (number, kind, code) in [
            (429, Kind::RateLimited, "rate_limited"),
            (402, Kind::RateLimited, "billing"),
            (400, Kind::BadRequest, "invalid_request"),
            (503, Kind::Unavailable, "overloaded"),
            (502, Kind::UpstreamFailed, "upstream_failed"),
        ] {
            let told = json!({"error": {"code": number, "message": "so it is"}, "user_id": "u"});
            is(protocol, &told.to_string(), kind, code, "so it is");
        }
    }
    let typed = r#"{"error":{"code":"unsupported_value","type":"invalid_request_error","message":"no such effort"}}"#;
    is(Protocol::OpenAi, typed, Kind::BadRequest, "invalid_request", "no such effort");
}

#[test]
fn each_protocols_own_words_have_their_meaning() {
    let anthropic = |kind: &str, message: &str| {
        json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "r"}).to_string()
    };
    for (kind, message, is_kind, code) in [
        (
            "invalid_request_error",
            "prompt is too long: 9 tokens > 8 maximum",
            Kind::BadRequest,
            "context_length_exceeded",
        ),
        ("rate_limit_error", "slow down", Kind::RateLimited, "rate_limited"),
        ("billing_error", "no money", Kind::RateLimited, "billing"),
        ("invalid_request_error", "Your credit balance is too low.", Kind::RateLimited, "billing"),
        ("invalid_request_error", "no such field", Kind::BadRequest, "invalid_request"),
        ("overloaded_error", "Overloaded", Kind::Unavailable, "overloaded"),
        ("api_error", "Internal server error", Kind::UpstreamFailed, "upstream_failed"),
    ] {
        is(Protocol::Anthropic, &anthropic(kind, message), is_kind, code, message);
    }
    let google =
        |code: u16, status: &str, message: &str| json!({"error": {"code": code, "status": status, "message": message}});
    let full = "The input token count (9) exceeds the maximum number of tokens allowed (8).";
    for (number, status, message, kind, code) in [
        (400, "INVALID_ARGUMENT", full, Kind::BadRequest, "context_length_exceeded"),
        (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota", Kind::RateLimited, "rate_limited"),
        (400, "INVALID_ARGUMENT", "no such field", Kind::BadRequest, "invalid_request"),
        (503, "UNAVAILABLE", "The model is overloaded.", Kind::Unavailable, "overloaded"),
    ] {
        let told = google(number, status, message);
        is(Protocol::Gemini, &told.to_string(), kind, code, message);
        is(Protocol::Gemini, &json!([told]).to_string(), kind, code, message);
        // A list of chunks that broke off.
        is(Protocol::Gemini, &format!(" [{told}"), kind, code, message);
        assert_eq!(provider_error(Protocol::Gemini, number, format!("[{told}]").as_bytes()).message, message);
    }
    for (message, kind, code) in [
        ("too many tokens: 9, the limit is 8", Kind::BadRequest, "context_length_exceeded"),
        ("rate limit exceeded", Kind::RateLimited, "rate_limited"),
        ("You are past the billing limit", Kind::RateLimited, "billing"),
        ("invalid request: no such tool", Kind::BadRequest, "invalid_request"),
        ("the model is overloaded", Kind::Unavailable, "overloaded"),
        ("a fire", Kind::UpstreamFailed, "upstream_failed"),
    ] {
        let end = json!({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": message}});
        is(Protocol::Cohere, &end.to_string(), kind, code, message);
        is(Protocol::Cohere, &json!({"id": "x", "message": message}).to_string(), kind, code, message);
    }
    let late = json!({"type": "message-end", "delta": {"finish_reason": "TIMEOUT"}}).to_string();
    is(Protocol::Cohere, &late, Kind::UpstreamTimeout, "upstream_timeout", "");
}

#[test]
fn what_this_gateway_tells_another_one_is_understood_by_it() {
    for protocol in Protocol::ALL {
        for (code, kind) in CODES {
            let problem = Problem::new(kind, code, "so it is", "");
            let body = problem.body(protocol, "req_1");
            is(protocol, std::str::from_utf8(&body).unwrap(), kind, code, "so it is");
            let end = problem.stream_end(protocol, "req_1");
            let end = std::str::from_utf8(&end).unwrap();
            for frame in end.split_terminator("\n\n") {
                let data = sse::data(frame.as_bytes()).unwrap();
                is(protocol, std::str::from_utf8(&data).unwrap(), kind, code, "so it is");
            }
        }
    }
}

#[test]
fn what_makes_no_sense_is_a_failure_all_the_same() {
    for protocol in Protocol::ALL {
        for body in
            ["", "[", "[]", "{}", "null", "1", "\"x\"", "{\"error\":null}", "{\"error\":[]}", "{\"error\":{}}", "\u{0}"]
        {
            let problem = error_inside(protocol, body.as_bytes());
            assert_eq!((problem.kind, problem.code), (Kind::UpstreamFailed, "upstream_failed"), "{protocol} {body}");
        }
        let text = error_inside(protocol, br#"{"error":"a fire"}"#);
        assert_eq!((text.kind, &*text.message), (Kind::UpstreamFailed, "a fire"), "{protocol}");
    }
}
