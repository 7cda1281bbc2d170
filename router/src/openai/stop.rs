//! Why an answer ended, in Chat Completions' words.

use crate::chat::Stop;

/// What a `finish_reason` means.
pub(super) fn read(word: &str) -> Stop {
    match word {
        "length" | "max_tokens" | "model_length" => Stop::Length,
        "tool_calls" | "function_call" => Stop::Calls,
        "content_filter" => Stop::Safety(None),
        "error" => Stop::Failed("error".to_owned()),
        _ => Stop::End,
    }
}

/// The `finish_reason` that says it.
pub(super) const fn write(stop: &Stop) -> &'static str {
    match stop {
        Stop::Length | Stop::Context => "length",
        Stop::Calls => "tool_calls",
        Stop::Safety(_) => "content_filter",
        Stop::End | Stop::Sequence(_) | Stop::Pause | Stop::Failed(_) => "stop",
    }
}
