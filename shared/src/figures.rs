//! Questions about usage: what lines are told apart by, over which stretches of time, and the sums that answer them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::usage_of::Buckets;

/// What lines are told apart by, and what is left out by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dimension {
    /// The provider that was called.
    Provider,
    /// The model that was sent upstream.
    Model,
    /// The model as the client wrote it.
    ModelAsked,
    /// The access token that paid, by its id (`tok_…`); a name is understood too.
    Token,
    /// As a filter: a token and all those below it. As a group: the token at the top, with all those below it.
    Subtree,
    /// The run that the token was made for, or lies below, by its token's id.
    Run,
    /// The agent's conversation, by its own id.
    Session,
    /// The program that asked, in a short word.
    Agent,
    /// The value that a label of the token had, or that of a token above it.
    Label(String),
    /// The client's address.
    Address,
    /// What the client's program calls itself.
    UserAgent,
    /// The label of the provider's key.
    Credential,
    /// What was asked for: `chat`, `messages`, …
    Surface,
    /// What the client speaks.
    ClientProtocol,
    /// The HTTP status.
    Status,
    /// How the attempt ended.
    Outcome,
    /// Why it failed.
    ErrorClass,
    /// Whether the answer was streamed: `yes` or `no`.
    Stream,
}

/// What a label's dimension begins with.
const LABEL: &str = "label:";

impl Dimension {
    /// Every dimension that has a word of its own; labels are `label:NAME`.
    pub const ALL: [Self; 17] = [
        Self::Provider,
        Self::Model,
        Self::ModelAsked,
        Self::Token,
        Self::Subtree,
        Self::Run,
        Self::Session,
        Self::Agent,
        Self::Address,
        Self::UserAgent,
        Self::Credential,
        Self::Surface,
        Self::ClientProtocol,
        Self::Status,
        Self::Outcome,
        Self::ErrorClass,
        Self::Stream,
    ];

    /// The word; of a label only how it begins.
    const fn word(&self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Model => "model",
            Self::ModelAsked => "model_asked",
            Self::Token => "token",
            Self::Subtree => "subtree",
            Self::Run => "run",
            Self::Session => "session",
            Self::Agent => "agent",
            Self::Label(_) => LABEL,
            Self::Address => "address",
            Self::UserAgent => "user_agent",
            Self::Credential => "credential",
            Self::Surface => "surface",
            Self::ClientProtocol => "client_protocol",
            Self::Status => "status",
            Self::Outcome => "outcome",
            Self::ErrorClass => "error_class",
            Self::Stream => "stream",
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        if let Self::Label(name) = self { f.write_str(name) } else { Ok(()) }
    }
}

impl FromStr for Dimension {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix(LABEL).filter(|name| !name.is_empty()) {
            return Ok(Self::Label(name.to_owned()));
        }
        Self::ALL.into_iter().find(|dimension| dimension.word() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(Self::word).collect();
            format!("`{text}` is nothing to group or filter by; known: {}, label:NAME", known.join(", "))
        })
    }
}

impl Serialize for Dimension {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Dimension {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How long the stretches of time are that lines are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepUnit {
    /// Five minutes.
    FiveMinutes,
    /// An hour.
    Hour,
    /// A day of the calendar.
    Day,
    /// A week of the calendar, from Monday on.
    Week,
    /// A month of the calendar.
    Month,
}

impl StepUnit {
    /// Every unit, the shortest first.
    pub const ALL: [Self; 5] = [Self::FiveMinutes, Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FiveMinutes => "five_minutes",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

impl fmt::Display for StepUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StepUnit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || format!("`{text}` is no stretch of time; known: {}", Self::ALL.map(Self::as_str).join(", "));
        Self::ALL.into_iter().find(|unit| unit.as_str() == text).ok_or_else(known)
    }
}

/// Which lines come first, and which are left out when there are too many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// The dearest.
    #[default]
    Cost,
    /// Those with the most LLM tokens.
    Tokens,
    /// Those with the most requests.
    Requests,
    /// Those with the most attempts.
    Attempts,
    /// Those with the most failed attempts.
    Failures,
    /// Those that the prompt cache saved the most.
    Savings,
    /// Those that took longest, all attempts together.
    Time,
}

impl Sort {
    /// Every order.
    pub const ALL: [Self; 7] =
        [Self::Cost, Self::Tokens, Self::Requests, Self::Attempts, Self::Failures, Self::Savings, Self::Time];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Tokens => "tokens",
            Self::Requests => "requests",
            Self::Attempts => "attempts",
            Self::Failures => "failures",
            Self::Savings => "savings",
            Self::Time => "time",
        }
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Sort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || format!("`{text}` is no order; known: {}", Self::ALL.map(Self::as_str).join(", "));
        Self::ALL.into_iter().find(|sort| sort.as_str() == text).ok_or_else(known)
    }
}

/// Sums over some attempts. Those of the lines of an answer add up to its total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Totals {
    /// Client requests, each with its first attempt, whatever came of them.
    pub exchanges: u64,
    /// Client requests that were served or used something, each once: what budgets count.
    pub requests: u64,
    /// Calls to endpoints, retries and fallbacks included.
    pub attempts: u64,
    /// Attempts that did not end well.
    pub failures: u64,
    /// Attempts whose provider was not told all that the client asked.
    pub degraded: u64,
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
    /// What prompt caches saved, in nano-dollars; negative: what writing to them cost more.
    pub savings_nanos: i64,
    /// How long the attempts took together, in microseconds.
    pub total_us: u64,
    /// How long it took together until their first bytes, in microseconds.
    pub first_byte_us: u64,
    /// How many attempts had a first byte.
    pub first_bytes: u64,
    /// LLM tokens of output of which is known how long they took to write.
    pub generated: u64,
    /// How long these took, in microseconds.
    pub generation_us: u64,
    /// LLM tokens of input of which is known how long they took to read: what the provider said, else until the first byte of a stream.
    pub prompted: u64,
    /// How long these took, in microseconds.
    pub prompt_us: u64,
}

/// In microseconds: a stream that was written within this time, or began within it, says nothing of that speed.
pub const SHORTEST_SPEED_US: u64 = 100_000;

pub(crate) fn per_second(tokens: u64, us: u64) -> Option<u64> {
    let milli = (u128::from(tokens) * 1_000_000_000).checked_div(u128::from(us))?;
    Some(u64::try_from(milli).unwrap_or(u64::MAX))
}

impl Totals {
    /// Written LLM tokens a second, in thousandths; none where no time is known.
    pub fn generated_per_second_milli(&self) -> Option<u64> {
        per_second(self.generated, self.generation_us)
    }

    /// Read LLM tokens a second, in thousandths; none where no time is known.
    pub fn prompted_per_second_milli(&self) -> Option<u64> {
        per_second(self.prompted, self.prompt_us)
    }

    /// How long an attempt took, in microseconds, on average.
    pub const fn mean_us(&self) -> Option<u64> {
        self.total_us.checked_div(self.attempts)
    }

    /// How long it took until the first byte, in microseconds, on average.
    pub const fn mean_first_byte_us(&self) -> Option<u64> {
        self.first_byte_us.checked_div(self.first_bytes)
    }
}

/// How times are spread, in microseconds, each within 5 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Percentiles {
    /// Half took no longer.
    pub p50_us: u64,
    /// Nine of ten took no longer.
    pub p90_us: u64,
    /// Ninety-five of a hundred took no longer.
    pub p95_us: u64,
    /// Ninety-nine of a hundred took no longer.
    pub p99_us: u64,
}

/// How the times of some attempts are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Spread {
    /// From start to end; none where there was no attempt.
    pub total: Option<Percentiles>,
    /// From start to the first byte; none where none came.
    pub first_byte: Option<Percentiles>,
}

/// The words for how an attempt ended, by their numbers in the database.
pub const OUTCOMES: [&str; 7] = ["ok", "client_abort", "upstream_error", "timeout", "connect_failed", "cut", "refused"];

/// The words for why an attempt failed, by their numbers in the database; the first stands for none.
pub const ERROR_CLASSES: [&str; 9] = [
    "",
    "refused",
    "model_missing",
    "unreachable",
    "failed",
    "rate_limited",
    "credential_refused",
    "forbidden",
    "out_of_credit",
];

/// The words for protocols, by their numbers in the database.
pub const PROTOCOLS: [&str; 5] = ["openai", "responses", "anthropic", "gemini", "cohere"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_have_one_word_each_and_labels_carry_their_name() {
        for dimension in Dimension::ALL.into_iter().chain([Dimension::Label("team".into())]) {
            assert_eq!(dimension.to_string().parse(), Ok(dimension.clone()));
            let json = serde_json::to_string(&dimension).unwrap();
            assert_eq!(serde_json::from_str::<Dimension>(&json).unwrap(), dimension);
        }
        assert_eq!(Dimension::Label("a.b".into()).to_string(), "label:a.b");
        for wrong in ["", "Model", "label:", "label"] {
            let told = wrong.parse::<Dimension>().unwrap_err();
            assert!(told.contains(&format!("`{wrong}`")) && told.contains("provider, model"), "{told}");
        }
        for unit in StepUnit::ALL {
            assert_eq!(unit.as_str().parse(), Ok(unit));
            assert_eq!(serde_json::to_string(&unit).unwrap(), format!("\"{unit}\""));
        }
        for sort in Sort::ALL {
            assert_eq!(sort.as_str().parse(), Ok(sort));
            assert_eq!(serde_json::to_string(&sort).unwrap(), format!("\"{sort}\""));
        }
        assert!("minute".parse::<StepUnit>().unwrap_err().contains("five_minutes, hour"));
        assert!("dearest".parse::<Sort>().unwrap_err().contains("cost, tokens"));
    }

    #[test]
    fn speeds_and_means_are_exact_and_nothing_is_divided_by_nothing() {
        let none = Totals::default();
        assert_eq!((none.generated_per_second_milli(), none.mean_us(), none.mean_first_byte_us()), (None, None, None));
        let some = Totals {
            attempts: 4,
            total_us: 10,
            first_bytes: 3,
            first_byte_us: 9,
            generated: u64::MAX / 2,
            generation_us: u64::MAX / 2,
            ..none
        };
        assert_eq!(
            (some.generated_per_second_milli(), some.mean_us(), some.mean_first_byte_us()),
            (Some(1_000_000_000), Some(2), Some(3))
        );
    }
}
