//! What a call took: LLM tokens in disjoint buckets, and where the figures come from.

/// A number of LLM tokens.
pub type TokenCount = u64;

/// LLM tokens of one attempt. The buckets are disjoint, except that `reasoning` is a part of `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Input that was neither read from nor written to a prompt cache.
    pub input_uncached: TokenCount,
    /// Input read from the prompt cache.
    pub cache_read: TokenCount,
    /// Input written to the prompt cache for five minutes (or for the provider's only lifetime).
    pub cache_write_5m: TokenCount,
    /// Input written to the prompt cache for one hour.
    pub cache_write_1h: TokenCount,
    /// Everything that was generated, reasoning included.
    pub output: TokenCount,
    /// The part of `output` that was reasoning.
    pub reasoning: TokenCount,
}

impl Counts {
    /// All input: uncached, read from and written to the cache.
    pub const fn input(&self) -> TokenCount {
        self.input_uncached
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write_5m)
            .saturating_add(self.cache_write_1h)
    }

    /// Input and output together.
    pub const fn total(&self) -> TokenCount {
        self.input().saturating_add(self.output)
    }
}

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The provider reported the counts.
    Reported,
    /// The counts are our estimate: the provider reported none, or the answer was cut short.
    Estimated,
}
