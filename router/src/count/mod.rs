//! How many tokens did this cost, in disjoint buckets.

pub mod ask;
pub mod body;
pub mod estimate;
pub mod longest;
mod media;
mod scan;
pub mod stream;
mod tier;
#[cfg(feature = "tokenizer")]
pub mod tokenizer;
pub(crate) mod usage;

pub use media::Media;
pub use tier::ServiceTier;

/// The LLM tokens of one attempt. The buckets are disjoint, but `reasoning` is a part of `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    /// Input tokens that no cache answered.
    pub input_uncached: u64,
    /// Input tokens read from the provider's prompt cache.
    pub cache_read: u64,
    /// Input tokens written to a cache that lives five minutes (or as the provider chooses).
    pub cache_write_5m: u64,
    /// Input tokens written to a cache that lives one hour.
    pub cache_write_1h: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// Output tokens spent on reasoning.
    pub reasoning: u64,
}

impl Counts {
    /// All input tokens.
    pub const fn input(&self) -> u64 {
        self.input_uncached
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write_5m)
            .saturating_add(self.cache_write_1h)
    }

    /// Input and output: the provider's total.
    pub const fn total(&self) -> u64 {
        self.input().saturating_add(self.output)
    }
}

/// What a provider reports of an attempt: the counts, and beside them what its price depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Report {
    /// The tokens.
    pub counts: Counts,
    /// What was not text.
    pub media: Media,
    /// The tier that served, as the answer says; not the one that was asked for.
    pub tier: ServiceTier,
    /// Tokens in and out that are paid for, where the provider says that they are others than those it counted.
    pub billed: Option<[u64; 2]>,
    /// What the provider itself says that it costs, in nano-dollars.
    pub told_nanos: Option<u64>,
    /// How long the provider says that it read the input, in microseconds; 0: it does not say.
    pub prompt_us: u32,
    /// The same for writing the output.
    pub generation_us: u32,
}

impl Report {
    /// Counts alone: text in the standard tier.
    pub fn of(counts: Counts) -> Self {
        Self { counts, ..Self::default() }
    }

    /// Whether nothing but its counts decides about the price.
    pub fn is_plain(&self) -> bool {
        let Self { counts, prompt_us, generation_us, .. } = *self;
        *self == Self { prompt_us, generation_us, ..Self::of(counts) }
    }
}

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The provider's own usage report.
    Reported,
    /// Our estimate, where the provider reported none.
    Estimated,
}

impl Source {
    /// The word used in storage and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Estimated => "estimated",
        }
    }
}
