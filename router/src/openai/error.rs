//! OpenAI's error body, in an answer and in a stream.
//!
//! Shape: `{"error":{"message","type","param","code"}}`; SDKs raise on any stream event with a truthy `error`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::chat::Json;
use crate::error::{Kind, Problem};

#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
}

/// Public to the Responses protocol, whose errors have the same fields.
#[derive(Serialize)]
pub(crate) struct Inner<'a> {
    message: String,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<&'a str>,
    code: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    advice: &'a str,
    request_id: &'a str,
}

impl<'a> Inner<'a> {
    pub(crate) fn new(problem: &'a Problem, request_id: &'a str) -> Self {
        Self {
            message: problem.sentence(),
            // OpenAI's own type of it is the same word, which its clients look for.
            kind: if problem.code == "insufficient_quota" { problem.code } else { kind(problem.kind) },
            param: problem.field.as_deref(),
            code: problem.code,
            advice: &problem.advice,
            request_id,
        }
    }
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::BadRequest | Kind::MethodNotAllowed | Kind::TooLarge => "invalid_request_error",
        Kind::Unauthenticated => "authentication_error",
        Kind::Forbidden => "permission_error",
        Kind::NotFound => "not_found_error",
        Kind::RateLimited => "rate_limit_error",
        Kind::UpstreamFailed | Kind::UpstreamTimeout | Kind::Unavailable | Kind::Internal => "server_error",
    }
}

pub(crate) fn body(problem: &Problem, request_id: &str) -> Bytes {
    crate::error::json(&Body { error: Inner::new(problem, request_id) })
}

/// An error event, and no `[DONE]` after it: the stream did not end as it should.
pub(crate) fn stream_end(problem: &Problem, request_id: &str) -> Bytes {
    Bytes::from([b"data: ", body(problem, request_id).as_ref(), b"\n\n"].concat())
}

/// A provider's error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    error: Option<Json>,
    message: Option<Json>,
    detail: Option<Json>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ToldInner {
    message: Option<Json>,
    #[serde(rename = "type")]
    kind: Option<Json>,
    code: Option<Json>,
}

/// Reads a provider's error answer.
pub fn read(status: u16, body: &[u8]) -> Problem {
    let told: Told = serde_json::from_slice(body).unwrap_or_default();
    let inner = told.error.or(told.message).or(told.detail);
    let Words { message, code, kind } = inner.as_ref().map(words).unwrap_or_default();
    crate::error::upstream(status, &message, if code.is_empty() { &kind } else { &code })
}

/// Reads the error that a provider sent inside a stream; its code stands for the missing status.
pub(crate) fn inside(error: &Json) -> Problem {
    let Words { message, code, kind } = words(error);
    let status = code.parse().ok().filter(|status| (400..600).contains(status)).unwrap_or(0);
    // Without a status, the kind is all there is to say whose fault a code like `unsupported_value` is.
    crate::error::upstream(status, &message, &format!("{code} {kind}"))
}

/// Reads an event that is an error, or an answer that is one although its status is 200.
pub(crate) fn event(data: &[u8]) -> Problem {
    let told: Told = serde_json::from_slice(data).unwrap_or_default();
    match told.error.filter(|error| !error.is_null()) {
        Some(error) => inside(&error),
        // Some servers leave the object around it out.
        None if told.message.is_some() => flat(data),
        None => read(0, data),
    }
}

/// Reads an error whose words stand in the event itself.
pub(crate) fn flat(data: &[u8]) -> Problem {
    let whole = std::str::from_utf8(data).ok().and_then(Json::parse);
    inside(&whole.unwrap_or_else(Json::empty_object))
}

#[derive(Default)]
struct Words {
    message: String,
    code: String,
    kind: String,
}

/// The words of an error object, or of an error that is a text only.
fn words(error: &Json) -> Words {
    if let Some(message) = error.as_string() {
        return Words { message, ..Words::default() };
    }
    let inner: ToldInner = error.read().unwrap_or_default();
    let text = |json: Option<Json>| {
        let told = json.filter(|json| !json.is_null());
        told.map(|json| json.as_string().unwrap_or_else(|| json.text().to_owned())).unwrap_or_default()
    };
    Words { message: text(inner.message), code: text(inner.code), kind: text(inner.kind) }
}
