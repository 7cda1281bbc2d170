//! Counts as Anthropic's usage object, whose buckets are disjoint as ours are.

use serde::Serialize;

use crate::count::Counts;

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct UsageOut {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation: CreationOut,
    output_tokens: u64,
    output_tokens_details: OutputOut,
    service_tier: &'static str,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct CreationOut {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct OutputOut {
    thinking_tokens: u64,
}

impl From<&Counts> for UsageOut {
    fn from(counts: &Counts) -> Self {
        Self {
            input_tokens: counts.input_uncached,
            cache_creation_input_tokens: counts.cache_write_5m.saturating_add(counts.cache_write_1h),
            cache_read_input_tokens: counts.cache_read,
            cache_creation: CreationOut {
                ephemeral_5m_input_tokens: counts.cache_write_5m,
                ephemeral_1h_input_tokens: counts.cache_write_1h,
            },
            output_tokens: counts.output,
            output_tokens_details: OutputOut { thinking_tokens: counts.reasoning },
            service_tier: "standard",
        }
    }
}
