//! Cohere's error body: `{"id","message"}`; a stream ends with a `message-end` whose reason is `ERROR`.

use bytes::Bytes;
use serde::Serialize;

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
    delta: Delta,
}

#[derive(Serialize)]
struct Delta {
    finish_reason: &'static str,
    error: String,
}

pub(crate) fn body(problem: &Problem, request_id: &str) -> Bytes {
    crate::error::json(&Body { id: request_id, message: problem.sentence(), code: problem.code })
}

pub(crate) fn stream_end(problem: &Problem, request_id: &str) -> Bytes {
    let end = crate::error::json(&End {
        kind: "message-end",
        id: request_id,
        delta: Delta { finish_reason: "ERROR", error: problem.sentence() },
    });
    Bytes::from([b"event: message-end\ndata: ", end.as_ref(), b"\n\n"].concat())
}
