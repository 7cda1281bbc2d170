//! Counts as OpenAI's usage object: what was cached is a part of the prompt, reasoning a part of the completion.

use serde::Serialize;

use crate::count::Counts;

#[derive(Serialize)]
pub(super) struct UsageOut {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptOut,
    completion_tokens_details: CompletionOut,
}

#[derive(Serialize)]
struct PromptOut {
    cached_tokens: u64,
    cache_write_tokens: u64,
    audio_tokens: u64,
}

#[derive(Serialize)]
struct CompletionOut {
    reasoning_tokens: u64,
    audio_tokens: u64,
    accepted_prediction_tokens: u64,
    rejected_prediction_tokens: u64,
}

impl From<&Counts> for UsageOut {
    fn from(counts: &Counts) -> Self {
        Self {
            prompt_tokens: counts.input(),
            completion_tokens: counts.output,
            total_tokens: counts.total(),
            prompt_tokens_details: PromptOut {
                cached_tokens: counts.cache_read,
                cache_write_tokens: counts.cache_write_5m.saturating_add(counts.cache_write_1h),
                audio_tokens: 0,
            },
            completion_tokens_details: CompletionOut {
                reasoning_tokens: counts.reasoning,
                audio_tokens: 0,
                accepted_prediction_tokens: 0,
                rejected_prediction_tokens: 0,
            },
        }
    }
}
