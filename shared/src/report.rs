//! Reports for the person who pays: figures, what moved, what a month comes to, what caches did, what failed, and every request.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::figures::{Dimension, Sort, Spread, StepUnit, Totals};

/// One row of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReportRow {
    /// What tells it from other rows, in the order of `by`; `null`: what belongs to none, such as requests without a session.
    pub key: Vec<Option<String>>,
    /// The same for people.
    pub names: Vec<String>,
    /// Where its stretch of time begins, in milliseconds since 1970; only in reports over time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<i64>,
    /// The same by the clocks of the time zone: `2026-11-21`, `2026-11-21 14:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// How its times are spread.
    #[serde(default)]
    pub spread: Spread,
    /// Its sums.
    #[serde(flatten)]
    pub totals: Totals,
}

/// Usage over a span of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Report {
    /// Where the span starts, in milliseconds since 1970.
    pub since_ms: i64,
    /// Where the span ends (exclusive), in milliseconds since 1970.
    pub until_ms: i64,
    /// By whose clocks days are told.
    pub time_zone: String,
    /// What rows are told apart by.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub by: Vec<Dimension>,
    /// The stretches of time that rows are told apart by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepUnit>,
    /// What comes first.
    pub sort: Sort,
    /// The rows: by `sort`, and each group's stretches of time in their order.
    pub rows: Vec<ReportRow>,
    /// Groups that are left out; `total` counts them.
    pub omitted: u64,
    /// Everything together: the sum of all rows.
    pub total: Totals,
    /// How times are spread.
    #[serde(default)]
    pub spread: Spread,
    /// Records that were lost in the span because the disk did not take them in time.
    pub lost_records: u64,
}

/// What is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Money.
    #[default]
    Cost,
    /// LLM tokens.
    Tokens,
    /// Requests of clients.
    Requests,
    /// Failed attempts.
    Failures,
}

impl Measure {
    /// Every measure.
    pub const ALL: [Self; 4] = [Self::Cost, Self::Tokens, Self::Requests, Self::Failures];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Tokens => "tokens",
            Self::Requests => "requests",
            Self::Failures => "failures",
        }
    }

    /// How much of it there is: nano-dollars, or a number.
    pub const fn of(self, totals: &Totals) -> u64 {
        match self {
            Self::Cost => totals.cost_nanos,
            Self::Tokens => totals.counts.total(),
            Self::Requests => totals.exchanges,
            Self::Failures => totals.failures,
        }
    }

    /// The order in which most of it comes first.
    pub const fn sort(self) -> Sort {
        match self {
            Self::Cost => Sort::Cost,
            Self::Tokens => Sort::Tokens,
            Self::Requests => Sort::Requests,
            Self::Failures => Sort::Failures,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Measure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|measure| measure.as_str() == text)
            .ok_or_else(|| format!("`{text}` is no measure; known: {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// A group whose usage changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Mover {
    /// What tells it from others.
    pub key: Vec<Option<String>>,
    /// The same for people.
    pub names: Vec<String>,
    /// What it used in the span before.
    pub before: Totals,
    /// What it used in the span.
    pub now: Totals,
    /// By how much the measure rose; below nothing: fell. In nano-dollars, or a number.
    pub change: i64,
    /// The same in thousandths of what there was; absent where there was nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_per_mille: Option<i64>,
}

/// What rose and fell against the span before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Movers {
    /// Where the span starts, in milliseconds since 1970.
    pub since_ms: i64,
    /// Where it ends (exclusive).
    pub until_ms: i64,
    /// Where the span before starts.
    pub before_since_ms: i64,
    /// Where that ends (exclusive).
    pub before_until_ms: i64,
    /// By whose clocks days are told.
    pub time_zone: String,
    /// What movers are told apart by.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub by: Vec<Dimension>,
    /// What is compared.
    pub measure: Measure,
    /// The greatest change first.
    pub movers: Vec<Mover>,
    /// Movers that are left out.
    pub omitted: u64,
    /// Everything in the span before.
    pub before: Totals,
    /// Everything in the span.
    pub now: Totals,
    /// By how much everything together rose.
    pub change: i64,
    /// The same in thousandths of what there was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_per_mille: Option<i64>,
    /// Records that were lost in either span.
    pub lost_records: u64,
}

/// What an outlook goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// No whole day yet: there is nothing to go by.
    Nothing,
    /// The mean of all days: less than two weeks are there.
    Days,
    /// The mean of the same weekdays of the last four weeks.
    Weekdays,
}

/// What a month will come to, in nano-dollars or a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Outlook {
    /// What was used so far.
    pub spent: u64,
    /// What it will come to; absent where there is nothing to go by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// In four of five such months it is at least that; absent where less than three whole days are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<u64>,
    /// And at most that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<u64>,
    /// What it goes by.
    pub basis: Basis,
    /// How many whole days that are.
    pub days: u32,
    /// What each weekday came to on average, Monday first; empty where they are not told apart.
    pub weekdays: Vec<Option<u64>>,
    /// What the last seven whole days came to; absent where they are not all there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recent: Option<u64>,
    /// What the seven before them came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
}

/// What this month will come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Forecast {
    /// Where the month starts, in milliseconds since 1970.
    pub since_ms: i64,
    /// Where it ends (exclusive).
    pub until_ms: i64,
    /// Until when usage is known.
    pub now_ms: i64,
    /// By whose clocks days are told.
    pub time_zone: String,
    /// In nano-dollars.
    pub cost: Outlook,
    /// In LLM tokens.
    pub tokens: Outlook,
    /// In requests of clients.
    pub requests: Outlook,
    /// What was used so far.
    pub total: Totals,
    /// What the month before came to in all, in nano-dollars; absent where nothing is known of all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_month_nanos: Option<u64>,
    /// Records that were lost in this month.
    pub lost_records: u64,
}

/// What the prompt cache did for a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CacheRow {
    /// What tells it from others.
    pub key: Vec<Option<String>>,
    /// The same for people.
    pub names: Vec<String>,
    /// The part of all input that was read from the cache, in thousandths; absent where there was no input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hits_per_mille: Option<u64>,
    /// Its sums; `savings_nanos` is what caching saved, below nothing: what it cost more.
    #[serde(flatten)]
    pub totals: Totals,
}

/// What the prompt cache did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CacheReport {
    /// Where the span starts, in milliseconds since 1970.
    pub since_ms: i64,
    /// Where it ends (exclusive).
    pub until_ms: i64,
    /// By whose clocks days are told.
    pub time_zone: String,
    /// What rows are told apart by.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub by: Vec<Dimension>,
    /// Most input first.
    pub rows: Vec<CacheRow>,
    /// Rows that are left out; `total` counts them.
    pub omitted: u64,
    /// The part of all input that was read from the cache, in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hits_per_mille: Option<u64>,
    /// Everything together.
    pub total: Totals,
    /// What conversations wrote to the cache and never read in the span.
    pub unread: Unread,
    /// Records that were lost in the span.
    pub lost_records: u64,
}

/// What was written to a prompt cache and never read again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Unread {
    /// LLM tokens that were written.
    pub tokens: u64,
    /// What caching cost these conversations more than without it, in nano-dollars.
    pub lost_nanos: u64,
    /// How many conversations that were.
    pub sessions: u64,
    /// Whether there were more conversations than are looked at, so that these are the least.
    pub is_least: bool,
    /// Those that wrote the most.
    pub rows: Vec<CacheRow>,
}

/// Failures of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorRow {
    /// How the attempts ended.
    pub outcome: String,
    /// Why; absent where only the outcome tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The provider.
    pub provider: String,
    /// The HTTP status; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How many attempts failed so.
    pub failures: u64,
    /// How many models of the provider were concerned.
    pub models: u64,
    /// One of them, the last.
    pub model: String,
    /// When it was seen last, in milliseconds since 1970.
    pub last_ms: i64,
    /// The request that it was seen in last; absent where its row is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_request: Option<String>,
    /// What it is, and what can be done about it.
    pub advice: String,
}

/// What failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorReport {
    /// Where the span starts, in milliseconds since 1970.
    pub since_ms: i64,
    /// Where it ends (exclusive).
    pub until_ms: i64,
    /// By whose clocks days are told.
    pub time_zone: String,
    /// The most frequent first.
    pub rows: Vec<ErrorRow>,
    /// Rows that are left out; `failures` counts them.
    pub omitted: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// All attempts.
    pub attempts: u64,
    /// Records that were lost in the span.
    pub lost_records: u64,
}
