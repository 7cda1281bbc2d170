//! Cohere's error body: `{"id","message"}`; a stream ends with a `message-end` whose reason is `ERROR`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::chat::Json;
use crate::error::Problem;

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    message: String,
    code: &'a str,
}

#[derive(Serialize)]
struct End<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    delta: Delta<'a>,
}

#[derive(Serialize)]
struct Delta<'a> {
    finish_reason: &'static str,
    error: String,
    code: &'a str,
}

pub(crate) fn body(problem: &Problem, request_id: &str) -> Bytes {
    crate::error::json(&Body { id: request_id, message: problem.sentence(), code: problem.code })
}

pub(crate) fn stream_end(problem: &Problem, request_id: &str) -> Bytes {
    let end = crate::error::json(&End {
        kind: "message-end",
        id: request_id,
        delta: Delta { finish_reason: "ERROR", error: problem.sentence(), code: problem.code },
    });
    Bytes::from([b"event: message-end\ndata: ", end.as_ref(), b"\n\n"].concat())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    message: Option<Json>,
    /// Of those that speak this protocol and are not Cohere.
    code: Option<String>,
    error: Option<Json>,
    finish_reason: Option<String>,
    delta: Option<ToldEnd>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ToldEnd {
    finish_reason: Option<String>,
    error: Option<Json>,
    code: Option<String>,
}

/// Reads a provider's error answer.
pub fn read(status: u16, body: &[u8]) -> Problem {
    let told: Told = serde_json::from_slice(body).unwrap_or_default();
    let message = told.message.and_then(|message| message.as_string());
    crate::error::upstream(status, &message.unwrap_or_default(), "")
}

/// Reads the event at the end of a stream, or an answer that is an error although its status is 200.
pub(crate) fn event(data: &[u8]) -> Problem {
    let told: Told = serde_json::from_slice(data).unwrap_or_default();
    if let Some(end) = told.delta {
        let reason = end.finish_reason.unwrap_or_default();
        return inside(&reason, end.error.as_ref(), end.code.as_deref().unwrap_or_default());
    }
    let reason = told.finish_reason.unwrap_or_default();
    let text = told.message.filter(|message| message.as_string().is_some());
    inside(&reason, told.error.or(text).as_ref(), told.code.as_deref().unwrap_or_default())
}

fn inside(reason: &str, error: Option<&Json>, code: &str) -> Problem {
    let error = error.filter(|error| !error.is_null());
    if let Some(error) = error.filter(|error| error.is_object()) {
        return crate::openai::error::inside(error);
    }
    let told = error.map(|error| error.as_string().unwrap_or_else(|| error.text().to_owned())).unwrap_or_default();
    let code = match code {
        "" if reason == "TIMEOUT" => "timeout",
        "" => word(&told),
        code => code,
    };
    crate::error::upstream(0, &told, code)
}

/// What a sentence is about: the protocol has neither a code nor, inside a stream, a status.
fn word(told: &str) -> &'static str {
    let told = told.to_ascii_lowercase();
    let says = |any: &[&str]| any.iter().any(|words| told.contains(words));
    if says(&["context_length", "context length"]) {
        "context_length_exceeded"
    } else if says(&["insufficient_quota", "insufficient quota", "exceeded your current quota", "billing"]) {
        "insufficient_quota"
    } else if says(&["rate_limit", "rate limit", "too many requests"]) {
        "rate_limit_exceeded"
    } else if says(&["overloaded"]) {
        "overloaded"
    } else if says(&["invalid_request", "invalid request"]) {
        "invalid_request"
    } else {
        ""
    }
}
