//! Google's error body: `{"error":{"code","message","status"}}`.

use bytes::Bytes;
use serde::Serialize;

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
    details: [Detail<'a>; 1],
}

/// `google.rpc.ErrorInfo`: where Google's APIs put stable codes.
#[derive(Serialize)]
struct Detail<'a> {
    #[serde(rename = "@type")]
    kind: &'static str,
    reason: &'a str,
    domain: &'static str,
    metadata: Metadata<'a>,
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
    crate::error::json(&Body {
        error: Inner {
            code: problem.http_status(Protocol::Gemini),
            message: problem.sentence(),
            status: status(problem.kind),
            details: [Detail {
                kind: "type.googleapis.com/google.rpc.ErrorInfo",
                reason: problem.code,
                domain: "tokenrouter",
                metadata: Metadata { request_id },
            }],
        },
    })
}

pub(crate) fn stream_end(problem: &Problem, request_id: &str) -> Bytes {
    Bytes::from([b"data: ", body(problem, request_id).as_ref(), b"\n\n"].concat())
}
