//! Anthropic's error body, in an answer and in a stream.
//!
//! Shape: `{"type":"error","error":{"type","message"},"request_id"}`; in a stream as `event: error`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::chat::Json;
use crate::error::{Kind, Problem};

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    error: Inner<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
struct Inner<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: String,
    code: &'a str,
    /// SDKs branch on the code in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details<'a>>,
}

#[derive(Serialize)]
struct Details<'a> {
    error_code: &'a str,
}

/// Anthropic's word for it: by its documentation, 402 is `billing_error`.
const fn kind(problem: &Problem) -> &'static str {
    match problem.kind {
        Kind::RateLimited if matches!(problem.status, Some(402)) => "billing_error",
        Kind::BadRequest | Kind::MethodNotAllowed => "invalid_request_error",
        Kind::Unauthenticated => "authentication_error",
        Kind::Forbidden => "permission_error",
        Kind::NotFound => "not_found_error",
        Kind::TooLarge => "request_too_large",
        Kind::RateLimited => "rate_limit_error",
        Kind::Unavailable => "overloaded_error",
        Kind::UpstreamTimeout => "timeout_error",
        Kind::UpstreamFailed | Kind::Internal => "api_error",
    }
}

pub(crate) fn body(problem: &Problem, request_id: &str) -> Bytes {
    crate::error::json(&Body {
        kind: "error",
        error: Inner {
            kind: kind(problem),
            message: problem.sentence(),
            code: problem.code,
            details: (problem.code == "thread_unsupported_request").then_some(Details { error_code: problem.code }),
        },
        request_id,
    })
}

pub(crate) fn stream_end(problem: &Problem, request_id: &str) -> Bytes {
    Bytes::from([b"event: error\ndata: ", body(problem, request_id).as_ref(), b"\n\n"].concat())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    error: Option<Json>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ToldInner {
    #[serde(rename = "type")]
    kind: Option<String>,
    message: Option<String>,
    /// Of those that speak this protocol and are not Anthropic.
    code: Option<Json>,
}

/// Reads a provider's error answer.
pub fn read(status: u16, body: &[u8]) -> Problem {
    let told: Told = serde_json::from_slice(body).unwrap_or_default();
    told.error.map_or_else(|| crate::error::upstream(status, "", ""), |error| inner(status, &error))
}

/// Reads the error that a provider sent inside a stream.
pub(crate) fn inside(error: &Json) -> Problem {
    inner(0, error)
}

/// Reads an event that is an error, or an answer that is one although its status is 200.
pub(crate) fn event(data: &[u8]) -> Problem {
    let told: Told = serde_json::from_slice(data).unwrap_or_default();
    match told.error.filter(Json::is_object) {
        Some(error) => inside(&error),
        None => crate::openai::error::event(data),
    }
}

fn inner(status: u16, error: &Json) -> Problem {
    let told: ToldInner = error.read().unwrap_or_default();
    let kind = told.kind.unwrap_or_default();
    // A failure of the vendor's own; its word would not tell.
    let mut words = if kind == "api_error" { String::new() } else { kind };
    let code = told.code.filter(|code| !code.is_null());
    let code = code.map(|code| code.as_string().unwrap_or_else(|| code.text().to_owned())).unwrap_or_default();
    let number = code.parse().ok().filter(|number| status == 0 && (400..600).contains(number));
    if status == 0 && !code.is_empty() {
        words.push(' ');
        words.push_str(&code);
    }
    crate::error::upstream(number.unwrap_or(status), &told.message.unwrap_or_default(), &words)
}
