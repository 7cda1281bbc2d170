//! Usage as reports and the admin API state it: exact integers in disjoint buckets.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What the rows of a report are grouped by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum UsageBy {
    /// The model that was sent upstream.
    #[default]
    Model,
    /// The provider that was called.
    Provider,
    /// The access token that paid.
    Token,
}

impl UsageBy {
    /// Every grouping.
    pub const ALL: [Self; 3] = [Self::Model, Self::Provider, Self::Token];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Provider => "provider",
            Self::Token => "token",
        }
    }
}

impl fmt::Display for UsageBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for UsageBy {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|by| by.as_str() == s)
            .ok_or_else(|| format!("`{s}` is no grouping; known: model, provider, token"))
    }
}

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

/// One line of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageRow {
    /// The model, provider or token.
    pub name: String,
    /// Its sums.
    #[serde(flatten)]
    pub sums: UsageSums,
}

/// A report over a span of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageReport {
    /// Where the span starts, in milliseconds since 1970.
    pub since_ms: i64,
    /// Where the span ends (exclusive), in milliseconds since 1970.
    pub until_ms: i64,
    /// What the rows are grouped by.
    pub by: UsageBy,
    /// One row per group, most LLM tokens first.
    pub rows: Vec<UsageRow>,
    /// Everything together. `requests` is not the sum of the rows when a request fell over from one to another.
    pub total: UsageSums,
    /// Records that were lost in the span because the disk did not take them in time.
    pub lost_records: u64,
}
