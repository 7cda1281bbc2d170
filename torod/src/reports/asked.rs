//! What is asked, in words, and whose usage that is: words become filters, and nobody sees beyond what is below it.

use tokenrouter_shared::Role;
use tokenrouter_shared::figures::{Dimension, ERROR_CLASSES, OUTCOMES, PROTOCOLS, StepUnit};

use super::ReportError;
use super::span::Span;
use crate::access::Operator;
use crate::access::spending;
use crate::calendar::Zone;
use crate::store::Connection;
use crate::store::attempts::AttemptQuery;
use crate::store::figures::{Filter, Question, Step};
use crate::store::runs;

/// The most values that all filters have together, and bytes of one.
const MOST_VALUES: usize = 200;
const MOST_BYTES: usize = 1_024;

/// A span by the clocks of a zone, and what is looked at in it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The span.
    pub span: Span,
    /// By whose clocks days are told.
    pub zone: Zone,
    /// What is looked at, and what is left out.
    pub choices: Vec<Choice>,
}

/// One value that is looked at or left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Of what.
    pub dimension: Dimension,
    /// The value; empty: what belongs to none.
    pub value: String,
    /// Whether it is left out.
    pub not: bool,
}

impl Choice {
    /// The filter `name` with the value `text`; a label is `KEY=VALUE`.
    pub fn typed(name: &str, text: &str, not: bool) -> Result<Self, String> {
        if text.len() > MOST_BYTES {
            return Err(format!("a value of `{name}` has at most {MOST_BYTES} bytes"));
        }
        if name == "label" {
            let Some((key, value)) = text.split_once('=').filter(|(key, _)| !key.is_empty()) else {
                return Err(format!("`{}` is no label: write KEY=VALUE", text.escape_debug()));
            };
            return Ok(Self { dimension: Dimension::Label(key.to_owned()), value: value.to_owned(), not });
        }
        // Whoever names a token means what was used by its help.
        let dimension = match name {
            "token" => Dimension::Subtree,
            "own_token" | "own-token" => Dimension::Token,
            name => dimension(name)?,
        };
        let value = match (&dimension, text) {
            (Dimension::Stream, "true") => "yes",
            (Dimension::Stream, "false") => "no",
            (_, text) => text,
        };
        let known: &[&str] = match dimension {
            Dimension::Stream => &["yes", "no"],
            Dimension::Outcome => &OUTCOMES,
            Dimension::ErrorClass => &ERROR_CLASSES,
            Dimension::ClientProtocol => &PROTOCOLS,
            _ => &[],
        };
        if !known.is_empty() && !known.contains(&value) {
            let known: Vec<&str> = known.iter().filter(|word| !word.is_empty()).copied().collect();
            return Err(format!("`{}` is no {name}; known: {}", value.escape_debug(), known.join(", ")));
        }
        if dimension == Dimension::Status && value.parse::<u16>().is_err() {
            return Err(format!("`{}` is no HTTP status; write one such as 429", value.escape_debug()));
        }
        Ok(Self { dimension, value: value.to_owned(), not })
    }
}

/// The dimension of a word, as people write it too: `model-asked`, `protocol`.
pub fn dimension(word: &str) -> Result<Dimension, String> {
    match word {
        "protocol" => Ok(Dimension::ClientProtocol),
        word if word.starts_with("label:") => word.parse(),
        word => word.replace('-', "_").parse::<Dimension>().map_err(|_| {
            let known = Dimension::ALL.map(|one| one.to_string()).join(", ");
            format!("`{}` is nothing to group by; known: {known}, label:KEY", word.escape_debug())
        }),
    }
}

/// What rows are told apart by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouping {
    /// One or two dimensions, or none.
    pub by: Vec<Dimension>,
    /// Stretches of time.
    pub step: Option<StepUnit>,
    /// Of what it is told how its times are spread.
    pub spread: SpreadOf,
}

/// Of what it is told how its times are spread, which takes longest to find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpreadOf {
    /// Of each row, and of everything.
    #[default]
    Each,
    /// Of everything.
    Total,
    /// Of nothing.
    None,
}

impl SpreadOf {
    /// All of them by their words.
    pub const ALL: [(&str, Self); 3] = [("each", Self::Each), ("total", Self::Total), ("none", Self::None)];
}

impl Grouping {
    /// `model`, `provider`, `day`, …: two dimensions at most, and one stretch of time.
    pub fn typed(words: &[&str]) -> Result<Self, String> {
        let mut grouping = Self::default();
        for word in words.iter().filter(|word| !word.is_empty()) {
            match step(word) {
                Some(_) if grouping.step.is_some() => {
                    return Err("rows are told apart by one stretch of time: hour, day, … once".to_owned());
                }
                Some(unit) => grouping.step = Some(unit),
                None => {
                    let dimension =
                        dimension(word).map_err(|why| format!("{why}; by time: 5min, hour, day, week, month"))?;
                    if grouping.by.contains(&dimension) {
                        return Err(format!("`{dimension}` stands there twice"));
                    }
                    grouping.by.push(dimension);
                }
            }
        }
        if grouping.by.len() > 2 {
            return Err("rows are told apart by two things at most, beside the time".to_owned());
        }
        Ok(grouping)
    }
}

/// The stretch of time that a word stands for.
pub fn step(word: &str) -> Option<StepUnit> {
    match word {
        "5min" => Some(StepUnit::FiveMinutes),
        word => word.parse().ok(),
    }
}

/// A question whose tokens were found and may be seen.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Only of this token and those below it.
    pub root: Option<i64>,
    /// Filters, each with all of its values.
    pub filters: Vec<Filter>,
    /// Whether whoever asks sees the labels of providers' keys.
    pub is_admin: bool,
}

impl Scope {
    /// What `by` sees of `choices`, below `root` at most.
    pub fn new(
        connection: &Connection,
        choices: &[Choice],
        root: Option<i64>,
        by: &Operator,
        now_ms: i64,
    ) -> Result<Self, ReportError> {
        if choices.len() > MOST_VALUES {
            return Err(ReportError::Unclear(format!("filters have {MOST_VALUES} values at most")));
        }
        let mut scope = Self { root, filters: Vec::new(), is_admin: by.role() == Role::Admin };
        for choice in choices {
            scope.refuse(&choice.dimension)?;
            let mut value = choice.value.clone();
            if matches!(choice.dimension, Dimension::Token | Dimension::Subtree | Dimension::Run) && !value.is_empty() {
                let id = spending::find(connection, &value, by, now_ms)?;
                value = runs::token(connection, id)?.map(|token| token.public_id).unwrap_or_default();
            }
            let known = scope.filters.iter_mut().find(|one| one.dimension == choice.dimension && one.not == choice.not);
            match known {
                Some(filter) => filter.values.push(value),
                None => scope.filters.push(Filter {
                    dimension: choice.dimension.clone(),
                    values: vec![value],
                    not: choice.not,
                }),
            }
        }
        Ok(scope)
    }

    /// Refuses what is not for whoever asks: which key of a provider was used, and the tokens at the top, which are above.
    pub fn refuse(&self, dimension: &Dimension) -> Result<(), ReportError> {
        if *dimension == Dimension::Credential && !self.is_admin {
            return Err(ReportError::Unclear(
                "the keys of providers are for admins: leave `credential` out".to_owned(),
            ));
        }
        Ok(())
    }

    /// The same for what rows stand for.
    pub fn refuse_rows(&self, dimension: &Dimension) -> Result<(), ReportError> {
        if *dimension == Dimension::Subtree && !self.is_admin {
            return Err(ReportError::Unclear("the tokens at the top are for admins: group by `token`".to_owned()));
        }
        self.refuse(dimension)
    }

    /// The question for sums from one moment to before another, as a whole.
    pub fn question(&self, since_ms: i64, until_ms: i64) -> Question {
        Question { root: self.root, filters: self.filters.clone(), ..Question::new(since_ms, until_ms) }
    }

    /// The question for attempts.
    pub fn attempts(&self, since_ms: i64, until_ms: i64) -> AttemptQuery {
        AttemptQuery { since_ms, until_ms, root: self.root, filters: self.filters.clone() }
    }
}

/// Stretches of time by the clocks of a zone.
pub fn stretches(unit: StepUnit, zone: &Zone) -> Step {
    Step { unit, zone: zone.name().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groupings_are_read_as_people_write_them() {
        let read = |words: &[&str]| Grouping::typed(words);
        let two = read(&["model-asked", "label:team", "5min"]).unwrap();
        assert_eq!(two.by, [Dimension::ModelAsked, Dimension::Label("team".into())]);
        assert_eq!(two.step, Some(StepUnit::FiveMinutes));
        assert_eq!(read(&["day"]).unwrap(), Grouping { step: Some(StepUnit::Day), ..Grouping::default() });
        for (words, why) in [
            (&["model", "model"][..], "twice"),
            (&["model", "token", "run"][..], "two things"),
            (&["day", "hour"][..], "one stretch"),
            (&["colour"][..], "provider, model"),
            (&["label:"][..], "nothing to group"),
        ] {
            let told = read(words).unwrap_err();
            assert!(told.contains(why), "{words:?}: {told}");
        }
    }

    #[test]
    fn filters_are_read_and_what_means_nothing_is_refused_by_name() {
        let label = Choice::typed("label", "team=a=b", true).unwrap();
        assert_eq!((label.dimension, label.value, label.not), (Dimension::Label("team".into()), "a=b".into(), true));
        assert_eq!(Choice::typed("stream", "true", false).unwrap().value, "yes");
        assert_eq!(Choice::typed("protocol", "gemini", false).unwrap().dimension, Dimension::ClientProtocol);
        for (name, text, why) in [
            ("label", "team", "KEY=VALUE"),
            ("label", "=x", "KEY=VALUE"),
            ("outcome", "good", "known: ok, client_abort"),
            ("status", "4xx", "429"),
            ("stream", "maybe", "known: yes, no"),
            ("colour", "red", "known: provider"),
            ("model", &"x".repeat(2_000), "1024 bytes"),
        ] {
            let told = Choice::typed(name, text, false).unwrap_err();
            assert!(told.contains(why), "{name}: {told}");
        }
    }
}
