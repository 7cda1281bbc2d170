//! Counts as Cohere's usage object.

use serde::Serialize;

use crate::count::Counts;

#[derive(Serialize)]
pub(super) struct UsageOut {
    billed_units: TokensOut,
    tokens: TokensOut,
    cached_tokens: u64,
}

#[derive(Clone, Copy, Serialize)]
struct TokensOut {
    input_tokens: u64,
    output_tokens: u64,
}

impl From<&Counts> for UsageOut {
    fn from(counts: &Counts) -> Self {
        let tokens = TokensOut { input_tokens: counts.input(), output_tokens: counts.output };
        Self { billed_units: tokens, tokens, cached_tokens: counts.cache_read }
    }
}
