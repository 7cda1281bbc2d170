//! How a Responses stream ends that broke.
//!
//! Codex acts on `response.failed` only and takes a lone `error` event for a cut stream, while SDKs raise on
//! `error`; so both are sent.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::chat::Json;
use crate::error::Problem;
use crate::openai::error::Inner;

#[derive(Serialize)]
struct ErrorEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    code: &'a str,
    message: String,
    param: Option<&'a str>,
    error: Inner<'a>,
}

#[derive(Serialize)]
struct FailedEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    response: Failed<'a>,
}

/// The fields that the SDKs' types require of a response.
#[derive(Serialize)]
struct Failed<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    status: &'static str,
    error: Cause<'a>,
    incomplete_details: Option<()>,
    model: &'static str,
    output: [(); 0],
    parallel_tool_calls: bool,
    tool_choice: &'static str,
    tools: [(); 0],
}

#[derive(Serialize)]
struct Cause<'a> {
    code: &'a str,
    message: String,
}

/// Behind whatever the upstream had counted to; clients order by arrival.
const AFTER_ALL: u64 = 1_000_000;

pub(crate) fn stream_end(problem: &Problem, request_id: &str) -> Bytes {
    let error = crate::error::json(&ErrorEvent {
        kind: "error",
        sequence_number: AFTER_ALL,
        code: problem.code,
        message: problem.sentence(),
        param: problem.field.as_deref(),
        error: Inner::new(problem, request_id),
    });
    let failed = crate::error::json(&FailedEvent {
        kind: "response.failed",
        sequence_number: AFTER_ALL + 1,
        response: Failed {
            id: request_id,
            object: "response",
            created_at: 0,
            status: "failed",
            error: Cause { code: problem.code, message: problem.sentence() },
            incomplete_details: None,
            model: "",
            output: [],
            parallel_tool_calls: false,
            tool_choice: "auto",
            tools: [],
        },
    });
    Bytes::from(
        [b"event: error\ndata: ", error.as_ref(), b"\n\nevent: response.failed\ndata: ", &failed, b"\n\n"].concat(),
    )
}

/// The word that clients know: Codex waits on some and gives up on others.
pub(crate) fn code(problem: &Problem) -> &'static str {
    match problem.code {
        "rate_limited" => "rate_limit_exceeded",
        "context_length_exceeded" => "context_length_exceeded",
        "overloaded" => "server_is_overloaded",
        "billing" => "insufficient_quota",
        "invalid_request" | "not_convertible" => "invalid_prompt",
        _ => "server_error",
    }
}

/// Reads a provider's error answer, which looks like Chat's.
pub fn read(status: u16, body: &[u8]) -> Problem {
    crate::openai::error::read(status, body)
}

/// Reads the error that a provider sent inside a stream.
pub(crate) fn inside(error: &Json) -> Problem {
    crate::openai::error::inside(error)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event {
    response: Option<Inside>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Inside {
    error: Option<Json>,
}

/// Reads an event that is an error, or an answer that is one although its status is 200. The words stand in
/// `response.error`, in `error`, or in the event itself.
pub(crate) fn event(data: &[u8]) -> Problem {
    let event: Event = serde_json::from_slice(data).unwrap_or_default();
    match event.response.and_then(|response| response.error).filter(|error| !error.is_null()) {
        Some(error) => inside(&error),
        None => crate::openai::error::event(data),
    }
}
