//! Why an answer ended, in Anthropic's words.

use super::wire::StopDetails;
use crate::chat::Stop;

/// What a `stop_reason` means.
pub(super) fn read(word: &str, sequence: Option<String>, details: Option<StopDetails>) -> Stop {
    match word {
        "max_tokens" => Stop::Length,
        "model_context_window_exceeded" => Stop::Context,
        "stop_sequence" => Stop::Sequence(sequence),
        "tool_use" => Stop::Calls,
        "refusal" => Stop::Safety(details.and_then(|details| details.explanation)),
        "pause_turn" => Stop::Pause,
        _ => Stop::End,
    }
}

/// The `stop_reason` that says it.
pub(super) const fn write(stop: &Stop) -> &'static str {
    match stop {
        Stop::Length => "max_tokens",
        Stop::Context => "model_context_window_exceeded",
        Stop::Sequence(_) => "stop_sequence",
        Stop::Calls => "tool_use",
        Stop::Safety(_) => "refusal",
        Stop::Pause => "pause_turn",
        Stop::End | Stop::Failed(_) => "end_turn",
    }
}
