//! What a token and those below it have used, as the admin API states it: exact integers in disjoint buckets.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::figures::Totals;

/// What the lines are grouped by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum UsageGroup {
    /// The day, by the clocks of a time zone.
    #[default]
    Day,
    /// The model that was sent upstream.
    Model,
    /// The run that the token was made for, or lies below.
    Run,
    /// The agent's conversation, by its own id.
    Session,
    /// The provider that was called.
    Provider,
    /// The access token that paid.
    Token,
    /// The program that asked.
    Agent,
}

impl UsageGroup {
    /// Every grouping.
    pub const ALL: [Self; 7] =
        [Self::Day, Self::Model, Self::Run, Self::Session, Self::Provider, Self::Token, Self::Agent];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Model => "model",
            Self::Run => "run",
            Self::Session => "session",
            Self::Provider => "provider",
            Self::Token => "token",
            Self::Agent => "agent",
        }
    }
}

impl fmt::Display for UsageGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for UsageGroup {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::as_str).join(", ");
        Self::ALL
            .into_iter()
            .find(|group| group.as_str() == s)
            .ok_or_else(|| format!("`{s}` is no grouping; known: {}", known()))
    }
}

/// LLM tokens in disjoint buckets; `reasoning` alone is a part of `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Buckets {
    /// Input that no prompt cache had to do with.
    pub input_uncached: u64,
    /// Input read from a prompt cache.
    pub cache_read: u64,
    /// Input written to a prompt cache for five minutes.
    pub cache_write_5m: u64,
    /// Input written to a prompt cache for an hour.
    pub cache_write_1h: u64,
    /// Output, reasoning included.
    pub output: u64,
    /// The part of `output` that was reasoning.
    pub reasoning: u64,
}

impl Buckets {
    /// All input.
    pub const fn input(&self) -> u64 {
        let written = self.cache_write_5m.saturating_add(self.cache_write_1h);
        self.input_uncached.saturating_add(self.cache_read).saturating_add(written)
    }

    /// Input and output.
    pub const fn total(&self) -> u64 {
        self.input().saturating_add(self.output)
    }

    /// The part of all input that was read from a prompt cache, in thousandths; none where there was no input.
    pub const fn cached_per_mille(&self) -> Option<u64> {
        match self.input() {
            0 => None,
            input => Some(self.cache_read.saturating_mul(1000) / input),
        }
    }
}

/// Sums over some attempts. Those of the lines of a report add up to its total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct UsageTotals {
    /// Client requests that were served or used something, each once: what budgets count.
    pub requests: u64,
    /// Calls to endpoints, retries and fallbacks included.
    pub attempts: u64,
    /// Attempts that did not end well.
    pub failures: u64,
    /// LLM tokens.
    pub counts: Buckets,
    /// The part of all LLM tokens (input and output) that is our estimate and not the provider's report.
    pub estimated: u64,
    /// What was charged, in nano-dollars.
    pub cost_nanos: u64,
    /// The part of `cost_nanos` that is charged by the price for unknown models.
    pub unpriced_nanos: u64,
    /// How many attempts of unknown price there are.
    pub unpriced_attempts: u64,
}

impl UsageTotals {
    /// The part of all LLM tokens that is our estimate, in thousandths.
    pub const fn estimated_per_mille(&self) -> u64 {
        match self.counts.total() {
            0 => 0,
            total => self.estimated.saturating_mul(1000) / total,
        }
    }

    /// Adds more.
    pub const fn add(&mut self, more: &Self) {
        let (to, of) = (&mut self.counts, &more.counts);
        to.input_uncached = to.input_uncached.saturating_add(of.input_uncached);
        to.cache_read = to.cache_read.saturating_add(of.cache_read);
        to.cache_write_5m = to.cache_write_5m.saturating_add(of.cache_write_5m);
        to.cache_write_1h = to.cache_write_1h.saturating_add(of.cache_write_1h);
        to.output = to.output.saturating_add(of.output);
        to.reasoning = to.reasoning.saturating_add(of.reasoning);
        self.requests = self.requests.saturating_add(more.requests);
        self.attempts = self.attempts.saturating_add(more.attempts);
        self.failures = self.failures.saturating_add(more.failures);
        self.estimated = self.estimated.saturating_add(more.estimated);
        self.cost_nanos = self.cost_nanos.saturating_add(more.cost_nanos);
        self.unpriced_nanos = self.unpriced_nanos.saturating_add(more.unpriced_nanos);
        self.unpriced_attempts = self.unpriced_attempts.saturating_add(more.unpriced_attempts);
    }
}

impl Totals {
    /// The part that budgets and runs are told by.
    pub const fn counted(&self) -> UsageTotals {
        UsageTotals {
            requests: self.requests,
            attempts: self.attempts,
            failures: self.failures,
            counts: self.counts,
            estimated: self.estimated,
            cost_nanos: self.cost_nanos,
            unpriced_nanos: self.unpriced_nanos,
            unpriced_attempts: self.unpriced_attempts,
        }
    }
}

/// One line of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageLine {
    /// What tells it from other lines: the day (`2026-11-21`), a token's or a run's id, a session's own id, a name.
    /// Empty: what belongs to none, such as requests without a session.
    pub key: String,
    /// The same for people.
    pub name: String,
    /// Its sums.
    #[serde(flatten)]
    pub totals: UsageTotals,
}

/// `GET /admin/api/me/usage`: what the calling token, or the one that was named, and those below it have used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageOf {
    /// Where the span starts, in milliseconds since 1970.
    pub since_ms: i64,
    /// Where the span ends (exclusive), in milliseconds since 1970.
    pub until_ms: i64,
    /// What the lines are grouped by.
    pub by: UsageGroup,
    /// By whose clocks days are told.
    pub time_zone: String,
    /// Days in their order, every one of the span; else the dearest first.
    pub rows: Vec<UsageLine>,
    /// The whole over time, every stretch of the span; only where stretches were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<Vec<UsageLine>>,
    /// Lines that are left out; `total` counts them.
    pub omitted: u64,
    /// Everything together.
    pub total: UsageTotals,
    /// Records of all tokens that were lost in the span because the disk did not take them in time.
    pub lost_records: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groupings_have_one_word_each() {
        for group in UsageGroup::ALL {
            assert_eq!(group.as_str().parse(), Ok(group));
            assert_eq!(serde_json::to_string(&group).unwrap(), format!("\"{group}\""));
        }
        assert!("Day".parse::<UsageGroup>().unwrap_err().contains("day, model, run, session"));
    }

    #[test]
    fn shares_are_exact_and_nothing_is_divided_by_nothing() {
        let counts = Buckets { input_uncached: 100, cache_read: 900, output: 50, reasoning: 20, ..Buckets::default() };
        assert_eq!((counts.input(), counts.total(), counts.cached_per_mille()), (1_000, 1_050, Some(900)));
        assert_eq!(Buckets::default().cached_per_mille(), None);
        let mut totals = UsageTotals { counts, estimated: 105, cost_nanos: 1, ..UsageTotals::default() };
        assert_eq!((totals.estimated_per_mille(), UsageTotals::default().estimated_per_mille()), (100, 0));
        totals.add(&totals.clone());
        assert_eq!((totals.counts.cache_read, totals.cost_nanos, totals.estimated), (1_800, 2, 210));
    }
}
