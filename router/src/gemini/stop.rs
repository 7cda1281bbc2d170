//! Why an answer ended, in Gemini's words.

use crate::chat::Stop;

/// What a `finishReason` means.
pub(super) fn read(word: &str, message: Option<String>) -> Stop {
    match word {
        "STOP" | "FINISH_REASON_UNSPECIFIED" => Stop::End,
        "MAX_TOKENS" | "CONTINUATION" => Stop::Length,
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE"
        | "MALFORMED_RESPONSE"
        | "OTHER"
        | "LANGUAGE" => Stop::Failed(word.to_owned()),
        _ => Stop::Safety(Some(message.unwrap_or_else(|| word.to_owned()))),
    }
}

/// The `finishReason` that says it.
pub(super) fn write(stop: &Stop) -> &str {
    match stop {
        Stop::Length | Stop::Context => "MAX_TOKENS",
        Stop::Safety(_) => "SAFETY",
        Stop::Failed(word) if word.chars().all(|c| c.is_ascii_uppercase() || c == '_') && !word.is_empty() => word,
        Stop::Failed(_) => "OTHER",
        Stop::End | Stop::Sequence(_) | Stop::Calls | Stop::Pause => "STOP",
    }
}
