//! What a token used, as `/admin/api/me` states it: exact integers in disjoint buckets.

use serde::{Deserialize, Serialize};

use crate::figures::Totals;

/// Sums over some attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageSums {
    /// Client requests (exchanges) that had an attempt here.
    pub requests: u64,
    /// Calls to endpoints, retries and fallbacks included.
    pub attempts: u64,
    /// Attempts that did not end well.
    pub failed: u64,
    /// LLM tokens of input that no prompt cache had to do with.
    pub input_uncached: u64,
    /// LLM tokens of input read from a prompt cache.
    pub cache_read: u64,
    /// LLM tokens of input written to a prompt cache, for any lifetime.
    pub cache_write: u64,
    /// LLM tokens of output, reasoning included.
    pub output: u64,
    /// The part of `output` that was reasoning.
    pub reasoning: u64,
    /// The part of all LLM tokens (input and output) that is our estimate and not the provider's report.
    pub estimated: u64,
    /// What the attempts of known price cost, in nano-dollars.
    pub cost_nanos: u64,
    /// What the others come to at the price for unknown models, in nano-dollars.
    pub unpriced_nanos: u64,
    /// How many others there are.
    pub unpriced_attempts: u64,
}

impl UsageSums {
    /// All LLM tokens, input and output.
    pub const fn total(&self) -> u64 {
        self.input_uncached.saturating_add(self.cache_read).saturating_add(self.cache_write).saturating_add(self.output)
    }
}

impl From<&Totals> for UsageSums {
    fn from(of: &Totals) -> Self {
        Self {
            requests: of.exchanges,
            attempts: of.attempts,
            failed: of.failures,
            input_uncached: of.counts.input_uncached,
            cache_read: of.counts.cache_read,
            cache_write: of.counts.cache_write_5m.saturating_add(of.counts.cache_write_1h),
            output: of.counts.output,
            reasoning: of.counts.reasoning,
            estimated: of.estimated,
            cost_nanos: of.cost_nanos.saturating_sub(of.unpriced_nanos),
            unpriced_nanos: of.unpriced_nanos,
            unpriced_attempts: of.unpriced_attempts,
        }
    }
}
