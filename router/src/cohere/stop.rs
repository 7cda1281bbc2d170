//! Why an answer ended, in Cohere's words.

use crate::chat::Stop;

/// What a `finish_reason` means.
pub(super) fn read(word: &str) -> Stop {
    match word {
        "MAX_TOKENS" => Stop::Length,
        "STOP_SEQUENCE" => Stop::Sequence(None),
        "TOOL_CALL" => Stop::Calls,
        "ERROR" | "TIMEOUT" => Stop::Failed(word.to_owned()),
        _ => Stop::End,
    }
}

/// The `finish_reason` that says it.
pub(super) const fn write(stop: &Stop) -> &'static str {
    match stop {
        Stop::Length | Stop::Context => "MAX_TOKENS",
        Stop::Sequence(_) => "STOP_SEQUENCE",
        Stop::Calls => "TOOL_CALL",
        // There is no word for safety, and an answer that was cut must not pass for a complete one.
        Stop::Failed(_) | Stop::Safety(_) => "ERROR",
        Stop::End | Stop::Pause => "COMPLETE",
    }
}
