//! OpenAI's `/v1` paths but for Responses: each file writes the answers of one.
pub(crate) mod chat;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod embeddings;
pub(crate) mod models;
pub(crate) mod parts;
pub(crate) mod strict;

use serde::Serialize;

use crate::count::Count;

/// The fingerprint of the simulated system.
const FINGERPRINT: &str = "fp_simulator";

/// `usage` of Chat Completions and legacy completions: totals that include cached and reasoning tokens.
#[derive(Debug, Serialize)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[expect(clippy::struct_field_names, reason = "the names of the wire")]
#[derive(Debug, Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
    audio_tokens: u64,
}

#[expect(clippy::struct_field_names, reason = "the names of the wire")]
#[derive(Debug, Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
    audio_tokens: u64,
    accepted_prediction_tokens: u64,
    rejected_prediction_tokens: u64,
}

impl From<Count> for Usage {
    fn from(count: Count) -> Self {
        Self {
            prompt_tokens: count.input(),
            completion_tokens: count.output,
            total_tokens: count.total(),
            prompt_tokens_details: PromptDetails {
                cached_tokens: count.cache_read,
                cache_write_tokens: count.cache_write(),
                audio_tokens: 0,
            },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: count.reasoning,
                audio_tokens: 0,
                accepted_prediction_tokens: 0,
                rejected_prediction_tokens: 0,
            },
        }
    }
}
