//! What a token may use up: budgets, rates, and which models.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use crate::window::{MAX_ROLLING_SECONDS, Period, Window};

use crate::label::{MAX_LABELS, is_printable};

/// The greatest limit of a budget: sums stay far from overflowing (a billion dollars in nano-dollars).
pub const MAX_LIMIT: u64 = 1_000_000_000_000_000_000;
/// Budgets that a token may have at the same time.
pub const MAX_BUDGETS: usize = 16;
/// The greatest number of requests a minute, and of requests at the same time.
pub const MAX_RATE: u32 = 1_000_000;
/// The greatest number of LLM tokens a minute.
pub const MAX_TOKENS_RATE: u64 = 1_000_000_000_000;
/// Patterns in each list of models.
pub const MAX_PATTERNS: usize = 256;
/// Bytes of a pattern, and of a label's value.
pub const MAX_TEXT: usize = 256;
/// Bytes of a label's key, and of a time zone's name.
pub const MAX_NAME: usize = 64;

/// What a budget counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BudgetUnit {
    /// Requests.
    Requests,
    /// LLM tokens, in and out.
    Tokens,
    /// Nano-dollars.
    UsdNanos,
}

impl BudgetUnit {
    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::UsdNanos => "usd_nanos",
        }
    }
}

/// So much of one thing within one window.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// What is counted.
    pub unit: BudgetUnit,
    /// How much of it; 0: nothing at all.
    pub limit: u64,
    /// Within which time.
    #[serde(default, skip_serializing_if = "Window::is_lifetime")]
    pub window: Window,
}

/// Which models a token may use. `*` in a pattern stands for any characters; a pattern is compared with the name that was
/// asked for and with `provider/model`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ModelRights {
    /// Only these; empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// Never these, also where `allow` has them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
}

impl ModelRights {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
}

/// What a token may use up. Absent: as much as the tokens above it may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// All of them hold at the same time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<Budget>,
    /// Requests a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// LLM tokens a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// Requests at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<u32>,
    /// Which models.
    #[serde(skip_serializing_if = "ModelRights::is_empty")]
    pub models: ModelRights,
}

/// Why limits or labels cannot be what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitsError {
    /// Too many budgets.
    Budgets,
    /// Two budgets of the same unit and window.
    Twice(BudgetUnit),
    /// A budget's limit is too great.
    Limit(BudgetUnit),
    /// A rolling window is too short or too long.
    Seconds(u32),
    /// No name of a time zone.
    TimeZone(String),
    /// A rate or number of requests is 0 or too great; the field.
    Rate(&'static str),
    /// Too many patterns; the list.
    Patterns(&'static str),
    /// A pattern is empty, too long, or has characters that no model's name has; the list.
    Pattern(&'static str),
    /// Too many labels.
    Labels,
    /// A label's key has the wrong form.
    LabelKey(String),
    /// A label's value is too long or has characters that a terminal would obey; the key.
    LabelValue(String),
}

impl fmt::Display for LimitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Budgets => write!(f, "a token has at most {MAX_BUDGETS} budgets"),
            Self::Twice(unit) => write!(f, "two budgets count {} in the same window", unit.as_str()),
            Self::Limit(unit) => write!(f, "a budget of {} is at most {MAX_LIMIT}", unit.as_str()),
            Self::Seconds(seconds) => {
                write!(f, "a rolling window has 1 to {MAX_ROLLING_SECONDS} seconds and not {seconds}")
            }
            Self::TimeZone(name) => write!(f, "`{}` is no time zone", name.escape_debug()),
            Self::Rate(field) => write!(f, "`{field}` must be at least 1, and no astronomical number"),
            Self::Patterns(list) => write!(f, "`{list}` has at most {MAX_PATTERNS} patterns"),
            Self::Pattern(list) => {
                write!(f, "a pattern in `{list}` has 1 to {MAX_TEXT} bytes, no spaces and no control characters")
            }
            Self::Labels => write!(f, "a token has at most {MAX_LABELS} labels"),
            Self::LabelKey(key) => write!(
                f,
                "the label `{}` is not named with 1 to {MAX_NAME} of the characters a-z 0-9 _ . -",
                key.chars().take(MAX_NAME).collect::<String>().escape_debug()
            ),
            Self::LabelValue(key) => {
                write!(f, "the label `{key}` has more than {MAX_TEXT} bytes, or characters that cannot be printed")
            }
        }
    }
}

impl std::error::Error for LimitsError {}

impl LimitsError {
    /// What to do about it.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Budgets | Self::Twice(_) => "Keep one budget for each unit and window.",
            Self::Limit(_) => "Leave the budget out where there is to be no limit.",
            Self::Seconds(_) => "Write seconds such as 3600, or a calendar window.",
            Self::TimeZone(_) => "Write a name of the IANA database such as Europe/Berlin, or UTC.",
            Self::Rate(_) => "Leave it out where there is to be no limit.",
            Self::Patterns(_) => "Use `*` to say several names with one pattern.",
            Self::Pattern(_) => "Write patterns such as openai/gpt-* or chat.",
            Self::Labels => "Drop some.",
            Self::LabelKey(_) => "Write labels such as team=search.",
            Self::LabelValue(_) => "Shorten it.",
        }
    }
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether every figure and text lies within bounds. Of time zones only the form is looked at.
    pub fn check(&self) -> Result<(), LimitsError> {
        if self.budgets.len() > MAX_BUDGETS {
            return Err(LimitsError::Budgets);
        }
        for (at, budget) in self.budgets.iter().enumerate() {
            let mut before = self.budgets.iter().take(at);
            if before.any(|other| other.unit == budget.unit && other.window == budget.window) {
                return Err(LimitsError::Twice(budget.unit));
            }
            if budget.limit > MAX_LIMIT {
                return Err(LimitsError::Limit(budget.unit));
            }
            match &budget.window {
                Window::Rolling { seconds } if !(1..=MAX_ROLLING_SECONDS).contains(seconds) => {
                    return Err(LimitsError::Seconds(*seconds));
                }
                Window::Calendar { time_zone, .. } if !is_zone_form(time_zone) => {
                    return Err(LimitsError::TimeZone(time_zone.chars().take(MAX_NAME).collect()));
                }
                _ => {}
            }
        }
        let is_rate = |rate: Option<u64>, most: u64| rate.is_none_or(|rate| (1..=most).contains(&rate));
        for (field, rate, most) in [
            ("requests_per_minute", self.requests_per_minute.map(u64::from), MAX_RATE.into()),
            ("tokens_per_minute", self.tokens_per_minute, MAX_TOKENS_RATE),
            ("concurrent", self.concurrent.map(u64::from), MAX_RATE.into()),
        ] {
            if !is_rate(rate, most) {
                return Err(LimitsError::Rate(field));
            }
        }
        for (list, patterns) in [("allow", &self.models.allow), ("deny", &self.models.deny)] {
            if patterns.len() > MAX_PATTERNS {
                return Err(LimitsError::Patterns(list));
            }
            if !patterns.iter().all(|pattern| is_pattern(pattern)) {
                return Err(LimitsError::Pattern(list));
            }
        }
        Ok(())
    }
}

fn is_zone_form(name: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_alphanumeric() || b"/_+-".contains(&b);
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(is_part)
}

fn is_pattern(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_TEXT && text.chars().all(|c| is_printable(c) && !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Limits {
        serde_json::from_str(text).unwrap()
    }

    fn budget(text: &str) -> Result<Budget, String> {
        serde_json::from_str(text).map_err(|e| e.to_string())
    }

    #[test]
    fn windows_have_one_form_each() {
        let month =
            r#"{"unit":"usd_nanos","limit":5000000000,"window":{"calendar":"month","time_zone":"Europe/Berlin"}}"#;
        for (text, window) in [
            (r#"{"unit":"requests","limit":0}"#, Window::Lifetime),
            (r#"{"unit":"tokens","limit":7,"window":{"seconds":60}}"#, Window::Rolling { seconds: 60 }),
            (month, Window::Calendar { period: Period::Month, time_zone: "Europe/Berlin".into() }),
        ] {
            let budget = budget(text).unwrap();
            assert_eq!(budget.window, window);
            assert_eq!(serde_json::to_string(&budget).unwrap(), text);
        }
        assert_eq!(budget(r#"{"unit":"requests","limit":1,"window":null}"#).unwrap().window, Window::Lifetime);
        let utc = budget(r#"{"unit":"requests","limit":1,"window":{"calendar":"day"}}"#).unwrap();
        assert_eq!(utc.window, Window::Calendar { period: Period::Day, time_zone: "UTC".into() });
        for wrong in [
            r#"{"unit":"requests","limit":1,"window":{}}"#,
            r#"{"unit":"requests","limit":1,"window":{"seconds":1,"calendar":"day"}}"#,
            r#"{"unit":"requests","limit":1,"window":{"seconds":1,"time_zone":"UTC"}}"#,
            r#"{"unit":"requests","limit":1,"window":{"second":1}}"#,
            r#"{"unit":"requests","limit":-1}"#,
            r#"{"unit":"requests","limit":1.5}"#,
            r#"{"unit":"usd","limit":1}"#,
            r#"{"unit":"requests","limit":1,"windows":null}"#,
        ] {
            assert!(budget(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_lies_outside_of_bounds_is_refused() {
        let many = |n: usize| (1..=n).map(|s| format!(r#"{{"unit":"requests","limit":1,"window":{{"seconds":{s}}}}}"#));
        let budgets = |n| read(&format!(r#"{{"budgets":[{}]}}"#, many(n).collect::<Vec<_>>().join(",")));
        assert_eq!(budgets(16).check(), Ok(()));
        assert_eq!(budgets(17).check(), Err(LimitsError::Budgets));
        let twice = r#"{"budgets":[{"unit":"tokens","limit":1},{"unit":"tokens","limit":2}]}"#;
        assert_eq!(read(twice).check(), Err(LimitsError::Twice(BudgetUnit::Tokens)));
        let one = |budget: &str| read(&format!(r#"{{"budgets":[{budget}]}}"#)).check();
        assert_eq!(one(r#"{"unit":"tokens","limit":1000000000000000000}"#), Ok(()));
        assert!(one(r#"{"unit":"tokens","limit":1000000000000000001}"#).is_err());
        assert!(one(r#"{"unit":"tokens","limit":1,"window":{"seconds":0}}"#).is_err());
        assert!(one(r#"{"unit":"tokens","limit":1,"window":{"seconds":31622401}}"#).is_err());
        assert!(one(r#"{"unit":"tokens","limit":1,"window":{"calendar":"day","time_zone":"../etc/passwd"}}"#).is_err());
        for wrong in [
            r#"{"requests_per_minute":0}"#,
            r#"{"tokens_per_minute":0}"#,
            r#"{"concurrent":0}"#,
            r#"{"concurrent":1000001}"#,
            r#"{"models":{"allow":[""]}}"#,
            r#"{"models":{"deny":["a b"]}}"#,
            r#"{"models":{"deny":["a\u0007"]}}"#,
            r#"{"models":{"deny":["a\u202e"]}}"#,
        ] {
            assert!(read(wrong).check().is_err(), "{wrong}");
        }
        assert_eq!(read(r#"{"models":{"allow":["openai/*","qwen2.5:14b"]},"concurrent":1}"#).check(), Ok(()));
        assert!(serde_json::from_str::<Limits>(r#"{"rpm":1}"#).is_err());
    }

    #[test]
    fn nothing_said_is_nothing_written() {
        assert_eq!(serde_json::to_string(&Limits::default()).unwrap(), "{}");
        assert!(read("{}").is_empty());
    }
}
