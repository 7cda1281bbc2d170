//! OpenAI's error body, in an answer and in a stream.
//!
//! Shape: `{"error":{"message","type","param","code"}}`; SDKs raise on any stream event with a truthy `error`.

use bytes::Bytes;
use serde::Serialize;

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
            kind: kind(problem.kind),
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
