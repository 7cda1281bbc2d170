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

#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    message: Option<String>,
}

/// Reads a provider's error answer.
pub fn read(status: u16, body: &[u8]) -> Problem {
    let told: Told = serde_json::from_slice(body).unwrap_or_default();
    crate::error::upstream(status, &told.message.unwrap_or_default(), "")
}

/// Reads the error at the end of a stream: its reason, and what more is told.
pub(crate) fn inside(reason: &str, error: Option<&Json>) -> Problem {
    let told = error.map(|error| error.as_string().unwrap_or_else(|| error.text().to_owned())).unwrap_or_default();
    let code = if reason == "TIMEOUT" { "timeout" } else { "" };
    crate::error::upstream(0, &told, code)
}
