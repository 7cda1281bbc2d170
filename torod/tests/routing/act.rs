//! What a scripted provider does with a call, and the bytes of that in each protocol.

use serde_json::{Value, json};

/// The protocols of a call, told from its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    OpenAi,
    Responses,
    Anthropic,
    Gemini,
}

impl Speech {
    pub const ALL: [Self; 4] = [Self::OpenAi, Self::Responses, Self::Anthropic, Self::Gemini];

    pub fn of(path: &str) -> Self {
        match path {
            path if path.contains("/messages") => Self::Anthropic,
            path if path.contains("/responses") => Self::Responses,
            path if path.contains("enerateContent") => Self::Gemini,
            _ => Self::OpenAi,
        }
    }
}

/// What a provider does with one call.
#[derive(Clone, Debug)]
pub enum Act {
    /// Answers: whole or as a stream, as was asked.
    Ok,
    /// The same with further headers.
    OkWith(Vec<(String, String)>),
    /// A status with a body in the protocol, and further headers.
    Status(u16, Vec<(String, String)>),
    /// A status with exactly this body.
    Says(u16, String),
    /// A page of a proxy with this status.
    Html(u16),
    /// RST without an answer.
    ResetBeforeHead,
    /// RST after half of a body, in a stream before its first content.
    ResetMidBody,
    /// Never answers.
    Hang,
    /// Sends so many pieces of content, then nothing more; whole answers hang in the middle.
    HangAfter(usize),
    /// Waits so many milliseconds, then acts.
    Slow(u64, Box<Act>),
    /// An error event inside a 200 stream after so many pieces of content; whole answers are refused as overloaded.
    ErrorAfter(usize),
    /// The stream ends after so many pieces of content: by a closed connection, or in good order but for its last event.
    CutAfter(usize, bool),
    /// RST after so many pieces of content.
    ResetAfter(usize),
    /// Waits until it is released, then acts.
    Held(Box<Act>),
    /// A stream of so many pieces, so many milliseconds apart.
    Long(usize, u64),
}

impl Act {
    pub fn status(status: u16) -> Self {
        Self::Status(status, Vec::new())
    }

    pub fn with(status: u16, name: &str, value: &str) -> Self {
        Self::Status(status, vec![(name.to_owned(), value.to_owned())])
    }

    pub fn slow(ms: u64) -> Self {
        Self::Slow(ms, Box::new(Self::Ok))
    }

    pub fn held() -> Self {
        Self::Held(Box::new(Self::Ok))
    }
}

/// Pieces of content in an answer.
pub const PIECES: usize = 6;

/// A stream in its three parts.
pub struct Frames {
    pub opening: String,
    pub content: String,
    pub ending: String,
}

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

fn event(value: &Value) -> String {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or_default())
}

/// The stream of an answer of which each piece says `text`.
pub fn frames(speech: Speech, model: &str, text: &str, usage: bool) -> Frames {
    match speech {
        Speech::OpenAi => {
            let chunk = |delta: Value, stop: Value| {
                data(&json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": model,
                    "choices": [{"index": 0, "delta": delta, "finish_reason": stop}]}))
            };
            let counted = json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": model,
                "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 6, "total_tokens": 15}});
            Frames {
                opening: chunk(json!({"role": "assistant", "content": ""}), Value::Null),
                content: chunk(json!({"content": text}), Value::Null),
                ending: chunk(json!({}), json!("stop"))
                    + &(if usage { data(&counted) } else { String::new() })
                    + "data: [DONE]\n\n",
            }
        }
        Speech::Anthropic => {
            let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [],
                "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 9, "output_tokens": 1}});
            Frames {
                opening: event(&json!({"type": "message_start", "message": message}))
                    + &event(&json!({"type": "content_block_start", "index": 0,
                        "content_block": {"type": "text", "text": ""}})),
                content: event(&json!({"type": "content_block_delta", "index": 0,
                    "delta": {"type": "text_delta", "text": text}})),
                ending: event(&json!({"type": "content_block_stop", "index": 0}))
                    + &event(&json!({"type": "message_delta", "delta": {"stop_reason": "end_turn",
                        "stop_sequence": null}, "usage": {"output_tokens": 6}}))
                    + &event(&json!({"type": "message_stop"})),
            }
        }
        Speech::Responses => {
            let mut begun = whole(speech, model, "");
            begun["status"] = json!("in_progress");
            begun["output"] = json!([]);
            begun["usage"] = Value::Null;
            let item = json!({"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress",
                "content": []});
            let all = text.repeat(PIECES);
            let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
            Frames {
                opening: event(&json!({"type": "response.created", "sequence_number": 0, "response": begun}))
                    + &event(&json!({"type": "response.output_item.added", "sequence_number": 1, "output_index": 0,
                        "item": item}))
                    + &event(&json!({"type": "response.content_part.added", "sequence_number": 2, "item_id": "msg_1",
                        "output_index": 0, "content_index": 0, "part": part("")})),
                content: event(&json!({"type": "response.output_text.delta", "sequence_number": 3,
                    "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": text})),
                ending: event(&json!({"type": "response.output_text.done", "sequence_number": 90, "item_id": "msg_1",
                    "output_index": 0, "content_index": 0, "text": all}))
                    + &event(&json!({"type": "response.content_part.done", "sequence_number": 91, "item_id": "msg_1",
                        "output_index": 0, "content_index": 0, "part": part(&all)}))
                    + &event(&json!({"type": "response.output_item.done", "sequence_number": 92, "output_index": 0,
                        "item": whole(speech, model, &all)["output"][0]}))
                    + &event(&json!({"type": "response.completed", "sequence_number": 93,
                        "response": whole(speech, model, &all)})),
            }
        }
        Speech::Gemini => {
            let chunk = |text: &str| {
                json!({"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}],
                    "modelVersion": model, "responseId": "r1"})
            };
            let mut last = chunk("");
            last["candidates"][0]["finishReason"] = json!("STOP");
            last["usageMetadata"] = json!({"promptTokenCount": 9, "candidatesTokenCount": 6, "totalTokenCount": 15});
            Frames { opening: String::new(), content: data(&chunk(text)), ending: data(&last) }
        }
    }
}

/// A whole answer that says `text`.
pub fn whole(speech: Speech, model: &str, text: &str) -> Value {
    match speech {
        Speech::OpenAi => json!({"id": "c1", "object": "chat.completion", "created": 1, "model": model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 6, "total_tokens": 15}}),
        Speech::Anthropic => json!({"id": "msg_1", "type": "message", "role": "assistant", "model": model,
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": 9, "output_tokens": 6}}),
        Speech::Responses => json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "completed",
            "error": null, "incomplete_details": null, "instructions": null, "model": model, "tools": [],
            "parallel_tool_calls": true, "tool_choice": "auto", "metadata": {},
            "output": [{"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": text, "annotations": []}]}],
            "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 6,
                "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15}}),
        Speech::Gemini => json!({"candidates": [{"content": {"parts": [{"text": text}], "role": "model"},
                "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 6, "totalTokenCount": 15},
            "modelVersion": model, "responseId": "r1"}),
    }
}

/// The error event inside a stream.
pub fn error_event(speech: Speech) -> String {
    match speech {
        Speech::OpenAi | Speech::Gemini => data(&error(speech, 503)),
        Speech::Anthropic => event(&error(speech, 529)),
        Speech::Responses => event(&json!({"type": "error", "sequence_number": 9, "code": "server_error",
            "message": "The server had an error", "param": null})),
    }
}

/// The body of an error status.
pub fn error(speech: Speech, status: u16) -> Value {
    let (kind, code, message, google) = match status {
        400 => ("invalid_request_error", "invalid_value", "Invalid value for 'messages'.", "INVALID_ARGUMENT"),
        401 => ("authentication_error", "invalid_api_key", "Incorrect API key provided.", "UNAUTHENTICATED"),
        402 => ("insufficient_quota", "insufficient_quota", "You exceeded your current quota.", "PERMISSION_DENIED"),
        403 => ("permission_error", "forbidden", "Your key may not do this.", "PERMISSION_DENIED"),
        404 => ("not_found_error", "model_not_found", "The model does not exist.", "NOT_FOUND"),
        413 => ("request_too_large", "request_too_large", "Request too large.", "INVALID_ARGUMENT"),
        422 => ("invalid_request_error", "unprocessable", "Unprocessable.", "INVALID_ARGUMENT"),
        429 => ("rate_limit_error", "rate_limit_exceeded", "Rate limit reached.", "RESOURCE_EXHAUSTED"),
        503 => ("server_error", "server_error", "The server is overloaded.", "UNAVAILABLE"),
        529 => ("overloaded_error", "overloaded", "Overloaded", "UNAVAILABLE"),
        _ => ("api_error", "server_error", "Something went wrong.", "INTERNAL"),
    };
    match speech {
        Speech::Anthropic => json!({"type": "error", "error": {"type": kind, "message": message}}),
        Speech::Gemini => json!({"error": {"code": status, "message": message, "status": google}}),
        _ => json!({"error": {"message": message, "type": kind, "param": null, "code": code}}),
    }
}
