//! `[tokens]`: what becomes of tokens that ended.

use std::time::Duration;

use toml::de::DeValue;

use super::section::{Section, shorten};
use super::units::parse_duration;

/// What stands for no time at all.
pub(super) const NEVER: &str = "never";
const DAY: Duration = Duration::from_hours(24);

/// How tokens are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// How long a token stays listed after it ended or its lifetime budget was used up; `None`: for good.
    pub remove_ended_after: Option<Duration>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { remove_ended_after: Some(DAY * 30) }
    }
}

impl Tokens {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut tokens = Self::default();
        if let Some(field) = section.take("remove_ended_after") {
            if matches!(field.value, DeValue::String(text) if text == NEVER) {
                tokens.remove_ended_after = None;
            } else if let DeValue::String(text) = field.value
                && parse_duration(text).is_none()
            {
                let advice = "write a whole number and ms, s, m, h or d, such as \"30d\", or \"never\"";
                field.refuse(format!("`{}` is not a duration", shorten(text)), advice);
            } else if let Some(time) = field.duration(Duration::ZERO..=DAY * 36_500) {
                tokens.remove_ended_after = Some(time);
            }
        }
        section.finish();
        tokens
    }
}
