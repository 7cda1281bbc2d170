//! Google's error body: `{"error":{"code","message","status"}}`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::chat::Json;
use crate::error::{Kind, Problem};
use crate::protocol::Protocol;

#[derive(Serialize)]
struct Body<'a> {
    error: Inner<'a>,
}

#[derive(Serialize)]
struct Inner<'a> {
    code: u16,
    message: String,
    status: &'static str,
    details: Vec<Detail<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "@type")]
enum Detail<'a> {
    /// Where Google's APIs put stable codes.
    #[serde(rename = "type.googleapis.com/google.rpc.ErrorInfo")]
    Info { reason: &'a str, domain: &'static str, metadata: Metadata<'a> },
    /// The one place where its clients look for how long to wait.
    #[serde(rename = "type.googleapis.com/google.rpc.RetryInfo", rename_all = "camelCase")]
    Retry { retry_delay: String },
}

#[derive(Serialize)]
struct Metadata<'a> {
    request_id: &'a str,
}

const fn status(kind: Kind) -> &'static str {
    match kind {
        Kind::BadRequest | Kind::TooLarge | Kind::MethodNotAllowed => "INVALID_ARGUMENT",
        Kind::Unauthenticated => "UNAUTHENTICATED",
        Kind::Forbidden => "PERMISSION_DENIED",
        Kind::NotFound => "NOT_FOUND",
        Kind::RateLimited => "RESOURCE_EXHAUSTED",
        Kind::UpstreamTimeout => "DEADLINE_EXCEEDED",
        Kind::UpstreamFailed | Kind::Unavailable => "UNAVAILABLE",
        Kind::Internal => "INTERNAL",
    }
}

pub(crate) fn body(problem: &Problem, request_id: &str) -> Bytes {
    let metadata = Metadata { request_id };
    let mut details = vec![Detail::Info { reason: problem.code, domain: "tokenrouter", metadata }];
    details.extend(problem.retry_after_s.map(|seconds| Detail::Retry { retry_delay: format!("{seconds}s") }));
    crate::error::json(&Body {
        error: Inner {
            code: problem.http_status(Protocol::Gemini),
            message: problem.sentence(),
            status: status(problem.kind),
            details,
        },
    })
}

pub(crate) fn stream_end(problem: &Problem, request_id: &str) -> Bytes {
    Bytes::from([b"data: ", body(problem, request_id).as_ref(), b"\n\n"].concat())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    error: Option<Json>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ToldInner {
    code: Option<u16>,
    message: Option<String>,
    status: Option<String>,
    details: Vec<ToldDetail>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ToldDetail {
    reason: Option<String>,
    retry_delay: Option<String>,
}

/// Reads a provider's error answer; some come as the only element of a list.
pub fn read(status: u16, body: &[u8]) -> Problem {
    told(body).map_or_else(|| crate::error::upstream(status, "", ""), |error| inner(status, &error))
}

fn told(body: &[u8]) -> Option<Json> {
    let body = body.trim_ascii_start();
    // Of a list that broke off, the first element may be whole.
    let first = body.strip_prefix(b"[").unwrap_or(body);
    serde_json::Deserializer::from_slice(first).into_iter::<Told>().next()?.ok()?.error
}

/// Reads the error that a provider sent inside a stream.
pub(crate) fn inside(error: &Json) -> Problem {
    inner(0, error)
}

/// Reads an event that is an error, or an answer that is one although its status is 200.
pub(crate) fn event(data: &[u8]) -> Problem {
    match told(data).filter(Json::is_object) {
        Some(error) => inside(&error),
        None => crate::openai::error::event(data),
    }
}

fn inner(status: u16, error: &Json) -> Problem {
    let told: ToldInner = error.read().unwrap_or_default();
    let is_inside = status == 0;
    let status = if is_inside { told.code.unwrap_or(0) } else { status };
    // A bad key is a bad request in Google's words.
    let bad_key = told.details.iter().any(|detail| detail.reason.as_deref() == Some("API_KEY_INVALID"));
    let status = if bad_key { 401 } else { status };
    let mut words = told.status.unwrap_or_default();
    // Other gateways tell more here than the status has words for.
    for reason in told.details.iter().filter(|_| is_inside).filter_map(|detail| detail.reason.as_deref()) {
        words.push(' ');
        words.push_str(reason);
    }
    let problem = crate::error::upstream(status, &told.message.unwrap_or_default(), &words);
    let delay = told.details.into_iter().find_map(|detail| detail.retry_delay);
    let seconds = delay.and_then(|delay| delay.trim_end_matches('s').parse::<f64>().ok());
    #[expect(clippy::cast_sign_loss, reason = "checked to be in range")]
    match seconds.filter(|seconds| (0.0..86_400.0).contains(seconds)) {
        Some(seconds) => problem.retry_after(seconds.ceil() as u32),
        None => problem,
    }
}
