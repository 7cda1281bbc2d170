//! The words that limit a token, for `torod token create` and `torod token edit`.

use std::str::FromStr;

use clap::Args;
use tokenrouter_shared::Labels;
use tokenrouter_shared::change::{Change, LimitsChange, ModelsChange};
use tokenrouter_shared::limits::{Budget, Limits};
use tokenrouter_shared::money::scaled;

use super::budget;

/// A value, or the word that takes it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Setting<T> {
    Value(T),
    None,
}

/// The word.
const NONE: &str = "none";

impl<T> Setting<T> {
    pub(super) fn read(text: &str, value: impl FnOnce(&str) -> Result<T, String>) -> Result<Self, String> {
        if text == NONE { Ok(Self::None) } else { value(text).map(Self::Value) }
    }

    pub(super) fn change(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::None => None,
        }
    }
}

fn budget_or_none(text: &str) -> Result<Setting<Budget>, String> {
    Setting::read(text, budget::parse)
}

fn count_or_none<T: TryFrom<u64>>(text: &str) -> Result<Setting<T>, String> {
    Setting::read(text, |text| {
        let number = scaled(text, 0).ok_or("write a number such as 60 or 100k, or none")?;
        if number == 0 {
            return Err("it must be at least 1; none takes the limit away".to_owned());
        }
        T::try_from(number).map_err(|_| "that is more than can be counted".to_owned())
    })
}

pub(super) fn pattern(text: &str) -> Result<Setting<String>, String> {
    Setting::read(text, |text| Ok(text.to_owned()))
}

/// `key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label(pub(super) String, pub(super) String);

impl FromStr for Label {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or("write key=value, such as team=search")?;
        Ok(Self(key.to_owned(), value.to_owned()))
    }
}

/// What a token may use up, and what it is sorted by.
#[derive(Debug, Default, Args)]
pub(super) struct LimitArgs {
    /// How much it may use up, such as 5usd or 2Mtok/day; may be given several times.
    #[arg(long = "budget", value_name = "BUDGET", value_parser = budget_or_none)]
    budgets: Vec<Setting<Budget>>,
    /// Requests a minute.
    #[arg(long, value_name = "NUMBER", value_parser = count_or_none::<u32>)]
    rpm: Option<Setting<u32>>,
    /// Tokens a minute, in and out.
    #[arg(long, value_name = "NUMBER", value_parser = count_or_none::<u64>)]
    tpm: Option<Setting<u64>>,
    /// Requests at the same time.
    #[arg(long, value_name = "NUMBER", value_parser = count_or_none::<u32>)]
    concurrent: Option<Setting<u32>>,
    /// Only models like this, such as openai/gpt-*; may be given several times.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',', value_parser = pattern)]
    allow: Vec<Setting<String>>,
    /// Never models like this; may be given several times.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',', value_parser = pattern)]
    deny: Vec<Setting<String>>,
    /// What people sort and search by, such as team=search; may be given several times.
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub(super) labels: Vec<Label>,
}

/// Nothing where the word was not given; else all values, none where they were taken away.
fn all<T>(settings: Vec<Setting<T>>) -> Change<Vec<T>> {
    if settings.is_empty() {
        return None;
    }
    let values: Vec<T> = settings.into_iter().filter_map(Setting::change).collect();
    Some(Some(values).filter(|values| !values.is_empty()))
}

impl LimitArgs {
    /// As a change of limits; nothing where no word was given.
    pub(super) fn change(self) -> (Option<LimitsChange>, Vec<Label>) {
        let (allow, deny) = (all(self.allow), all(self.deny));
        let models = (allow.is_some() || deny.is_some()).then_some(Some(ModelsChange { allow, deny }));
        let change = LimitsChange {
            budgets: all(self.budgets),
            requests_per_minute: self.rpm.map(Setting::change),
            tokens_per_minute: self.tpm.map(Setting::change),
            concurrent: self.concurrent.map(Setting::change),
            models,
        };
        (Some(change).filter(|change| *change != LimitsChange::default()), self.labels)
    }

    /// As limits and labels of a new token.
    pub(super) fn made(self) -> (Limits, Labels) {
        let (change, labels) = self.change();
        let change = tokenrouter_shared::change::TokenChange { limits: change.map(Some), ..Default::default() };
        (change.limits(&Limits::default()), labels.into_iter().map(|Label(key, value)| (key, value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Words {
        #[command(flatten)]
        limits: LimitArgs,
    }

    fn read(words: &[&str]) -> Result<LimitArgs, String> {
        let words = std::iter::once("x").chain(words.iter().copied());
        Words::try_parse_from(words).map(|words| words.limits).map_err(|e| e.to_string())
    }

    #[test]
    fn words_become_limits_and_none_takes_them_away() {
        let words = [
            "--budget",
            "5usd",
            "--budget",
            "10req/1m",
            "--rpm",
            "60",
            "--tpm",
            "100k",
            "--concurrent",
            "4",
            "--allow",
            "a/*,b",
            "--deny",
            "c",
            "--label",
            "team=a=b",
        ];
        let (limits, labels) = read(&words).unwrap().made();
        let told = serde_json::to_string(&limits).unwrap();
        let expected = r#"{"budgets":[{"unit":"usd_nanos","limit":5000000000},{"unit":"requests","limit":10,"window":{"seconds":60}}],"requests_per_minute":60,"tokens_per_minute":100000,"concurrent":4,"models":{"allow":["a/*","b"],"deny":["c"]}}"#;
        assert_eq!(told, expected);
        assert_eq!(labels, Labels::from([("team".to_owned(), "a=b".to_owned())]));
        let (change, _) = read(&["--budget", "none", "--rpm", "none", "--allow", "none"]).unwrap().change();
        let told = serde_json::to_string(&change).unwrap();
        assert_eq!(told, r#"{"budgets":null,"requests_per_minute":null,"models":{"allow":null}}"#);
        assert_eq!(read(&[]).unwrap().change().0, None);
        assert!(read(&["--budget", "none"]).unwrap().made().0.is_empty());
    }

    #[test]
    fn what_is_wrong_is_said_with_an_example() {
        for (words, said) in [
            (["--budget", "5eur"], "write 5usd"),
            (["--rpm", "0"], "at least 1"),
            (["--tpm", "many"], "such as 60"),
            (["--concurrent", "4294967296"], "more than can be counted"),
            (["--label", "team"], "team=search"),
        ] {
            let refused = read(&words).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
    }
}
