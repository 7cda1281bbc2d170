//! Anthropic's error body, in an answer and in a stream.
//!
//! Shape: `{"type":"error","error":{"type","message"},"request_id"}`; in a stream as `event: error`.

use bytes::Bytes;
use serde::Serialize;

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
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
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
        error: Inner { kind: kind(problem.kind), message: problem.sentence(), code: problem.code },
        request_id,
    })
}

pub(crate) fn stream_end(problem: &Problem, request_id: &str) -> Bytes {
    Bytes::from([b"event: error\ndata: ", body(problem, request_id).as_ref(), b"\n\n"].concat())
}
