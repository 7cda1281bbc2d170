//! Takes a newer file of models and prices, or refuses it whole.
//!
//! Two formats are read: our own (`models.json`, with its date in it) and that of litellm's
//! `model_prices_and_context_window.json`, which people fetch where it is made. A file is refused when it cannot be
//! read, is older than what is known, knows less than half of it, or has prices that cannot be right. What would change
//! is told before anything does.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use chrono::NaiveDate;

use super::layers::{Catalogue, Layer};
use super::litellm;
use super::models::Facts;
use super::read;
use super::set::{Entry, ModelSet};
use crate::price::{Price, Rate, Unit, When};

/// The largest file that is read, in bytes.
const LARGEST: usize = 32 << 20;
/// Dearer than this, in dollars per million tokens, is a mistake.
pub(super) const DEAREST_DOLLARS: u64 = 1000;
/// One in so many prices may be such a mistake of the list; more are a mistake of its unit.
const MISTAKES_ONE_IN: usize = 100;
/// A price that became so many times what it was, or so small a part of it.
const LEAP: u64 = 10;

/// Why a file is not taken. Nothing changes then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportError {
    /// It has more bytes than are read.
    TooLarge(usize),
    /// It is no JSON, or not in one of the two formats.
    Damaged(String),
    /// The date given for it is none.
    NoDate(String),
    /// It was made before what is known now.
    Older {
        /// When it was made.
        made: String,
        /// When what is known now was made.
        known: String,
    },
    /// It says that it was made after today.
    Future {
        /// When it says that it was made.
        made: String,
    },
    /// It knows less than half of the prices that are known now.
    TooFew {
        /// Prices in the file.
        found: usize,
        /// Prices known now.
        known: usize,
    },
    /// Prices that are negative, or so many that are absurdly high that their unit must be wrong.
    Absurd(String),
    /// More than half of the prices leap by a factor of ten or more in one direction.
    Leap {
        /// Prices that leap.
        leaps: usize,
        /// Prices in both.
        common: usize,
    },
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(bytes) => write!(f, "the file has {bytes} bytes; at most {LARGEST} are read"),
            Self::Damaged(why) => write!(f, "the file cannot be read: {why}"),
            Self::NoDate(date) => write!(f, "`{date}` is no date of the form 2026-11-21"),
            Self::Older { made, known } => write!(f, "the file was made {made}; what is known is newer: {known}"),
            Self::Future { made } => write!(f, "the file says that it was made {made}, which is yet to come"),
            Self::TooFew { found: 0, .. } => {
                f.write_str("the file has no prices: it is neither torod's models.json nor litellm's list")
            }
            Self::TooFew { found, known } => {
                write!(f, "the file has {found} prices, less than half of the {known} known")
            }
            Self::Absurd(what) => write!(f, "the file has prices that cannot be right: {what}"),
            Self::Leap { leaps, common } => {
                write!(
                    f,
                    "{leaps} of {common} prices would leap to ten times or a tenth: the file must be in another unit"
                )
            }
        }
    }
}

impl std::error::Error for ImportError {}

/// One rate that would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// At which provider.
    pub provider: String,
    /// Which model.
    pub model: String,
    /// When the rate holds.
    pub when: When,
    /// For what.
    pub unit: Unit,
    /// What it is now; none: not known.
    pub old: Option<Rate>,
    /// What it would be; none: not known any more.
    pub new: Option<Rate>,
}

/// A fact of a known model that would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactChange {
    /// At which provider.
    pub provider: String,
    /// Which model.
    pub model: String,
    /// Which fact: `context`, `output`, or `abilities` for all others together.
    pub fact: &'static str,
    /// What it is now, in tokens; none: not known, or no number.
    pub old: Option<u64>,
    /// What it would be.
    pub new: Option<u64>,
}

/// A file that may be taken, and what that would change.
#[derive(Clone, Debug)]
pub struct Import {
    /// What it holds; [`Catalogue::with`] takes it as [`Layer::Updated`].
    pub set: ModelSet,
    /// Rates of known models that would change, by provider and model.
    pub changes: Vec<Change>,
    /// Facts of known models that would change, by provider and model.
    pub facts: Vec<FactChange>,
    /// Models with a price that had none before: `provider/model`.
    pub added: Vec<String>,
    /// Models whose price is in the present set and not in this one; the embedded file goes on to serve them.
    pub missing: Vec<String>,
    /// Models whose price is not believed and left out, so that the one that is known goes on: `provider/model`.
    pub doubted: Vec<String>,
}

impl Catalogue {
    /// Reads a newer file. `fetched` (`YYYY-MM-DD`) is the day on which that was: the date of a file that bears none
    /// itself, and no file is made later.
    pub fn import(&self, bytes: &[u8], fetched: &str) -> Result<Import, ImportError> {
        if bytes.len() > LARGEST {
            return Err(ImportError::TooLarge(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| ImportError::Damaged(error.to_string()))?;
        let damaged = |error: serde_json::Error| ImportError::Damaged(error.to_string());
        let (set, doubted) = if read::is_ours(text) {
            (read::read(text, Layer::Updated.as_str()).map_err(damaged)?, Vec::new())
        } else {
            let list = litellm::read(text).map_err(damaged)?;
            if let Some(what) = list.negative {
                return Err(ImportError::Absurd(format!("{what} is negative")));
            }
            NaiveDate::parse_from_str(fetched, "%Y-%m-%d").map_err(|_| ImportError::NoDate(fetched.to_owned()))?;
            (list.models.build(Layer::Updated.as_str(), None, fetched), list.doubted)
        };
        let (set, absurd) = set.without_prices(is_absurd);
        let doubted = [doubted, absurd].concat();
        let known = self.layer(Layer::Updated).or_else(|| self.layer(Layer::Embedded)).map(|set| &**set);
        let empty = ModelSet::default();
        let import = compare(known.unwrap_or(&empty), set, doubted);
        import.check(known.unwrap_or(&empty), fetched)?;
        Ok(import)
    }
}

impl Import {
    /// Whether it says nothing that is not known.
    pub fn is_news(&self) -> bool {
        !(self.changes.is_empty() && self.facts.is_empty() && self.added.is_empty() && self.missing.is_empty())
    }

    fn check(&self, known: &ModelSet, fetched: &str) -> Result<(), ImportError> {
        let (found, before) = (priced(&self.set), priced(known));
        if found + self.doubted.len() == 0 {
            return Err(ImportError::TooFew { found, known: before });
        }
        // Somewhere it is tomorrow already.
        let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        let tomorrow = day(fetched).and_then(|day| day.succ_opt());
        if tomorrow.zip(day(self.set.made())).is_some_and(|(tomorrow, made)| made > tomorrow) {
            return Err(ImportError::Future { made: self.set.made().to_owned() });
        }
        // Dates of this form sort as text.
        if self.set.made() < known.made() {
            return Err(ImportError::Older { made: self.set.made().to_owned(), known: known.made().to_owned() });
        }
        if self.doubted.len() > (found + self.doubted.len()) / MISTAKES_ONE_IN + 1 {
            let example = self.doubted.first().map_or("", String::as_str);
            let number = self.doubted.len();
            let sum = format!("{number} above ${DEAREST_DOLLARS} per million tokens, such as {example}");
            return Err(ImportError::Absurd(sum));
        }
        if found == 0 || found * 2 < before {
            return Err(ImportError::TooFew { found, known: before });
        }
        let usual = |change: &&Change| change.when == When::default() && change.unit == Unit::Input;
        let (mut up, mut down) = (0, 0);
        for change in self.changes.iter().filter(usual) {
            let (old, new) = (nanos(change.old), nanos(change.new));
            if old > 0 && new > 0 {
                up += usize::from(new / LEAP >= old);
                down += usize::from(old / LEAP >= new);
            }
        }
        let (leaps, common) = (up.max(down), before.saturating_sub(self.missing.len()));
        if leaps * 2 > common { Err(ImportError::Leap { leaps, common }) } else { Ok(()) }
    }
}

fn nanos(rate: Option<Rate>) -> u64 {
    rate.map_or(0, Rate::nanos_per_million)
}

fn priced(set: &ModelSet) -> usize {
    set.iter().filter(|(.., entry)| entry.price.is_some()).count()
}

/// Whether a price is too high to be true, now or later.
fn is_absurd(price: &Price) -> bool {
    let most = u128::from(DEAREST_DOLLARS) * 1_000_000_000;
    let is_too_dear =
        |(_, unit, rate): (When, Unit, Rate)| unit.is_tokens() && u128::from(rate.nanos_per_million()) > most;
    price.lines().any(is_too_dear) || price.later().is_some_and(|(_, later)| is_absurd(later))
}

fn compare(known: &ModelSet, set: ModelSet, doubted: Vec<String>) -> Import {
    fn sorted(set: &ModelSet) -> BTreeMap<(&str, &str), &Entry> {
        set.iter().map(|(provider, model, entry)| ((provider, model), entry)).collect()
    }
    let (old, new) = (sorted(known), sorted(&set));
    let (mut changes, mut facts, mut added, mut missing) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ((provider, model), entry) in &new {
        let before = old.get(&(*provider, *model));
        match (before.and_then(|before| before.price.as_deref()), entry.price.as_deref()) {
            (Some(old), Some(new)) if old != new => lines(provider, model, old, new, &mut changes),
            (None, Some(_)) => added.push(format!("{provider}/{model}")),
            _ => {}
        }
        if let Some(before) = before {
            let change = |fact, old, new| FactChange {
                provider: (*provider).to_owned(),
                model: (*model).to_owned(),
                fact,
                old,
                new,
            };
            let (old, new) = (before.facts, entry.facts);
            for (fact, old, new) in
                [("context", old.context(), new.context()), ("output", old.max_output(), new.max_output())]
            {
                if old != new {
                    facts.push(change(fact, old, new));
                }
            }
            // With both numbers made equal, what still differs is something else.
            let alike = |facts: Facts| facts.with_context(0).with_max_output(0);
            if alike(old) != alike(new) {
                facts.push(change("abilities", None, None));
            }
        }
    }
    let doubts: HashSet<&str> = doubted.iter().map(String::as_str).collect();
    for ((provider, model), _) in old.iter().filter(|(_, entry)| entry.price.is_some()) {
        let name = format!("{provider}/{model}");
        if new.get(&(*provider, *model)).is_none_or(|entry| entry.price.is_none()) && !doubts.contains(name.as_str()) {
            missing.push(name);
        }
    }
    Import { set, changes, facts, added, missing, doubted }
}

fn lines(provider: &str, model: &str, old: &Price, new: &Price, changes: &mut Vec<Change>) {
    let (before, after): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (old.lines().map(|(w, u, r)| ((w, u), r)).collect(), new.lines().map(|(w, u, r)| ((w, u), r)).collect());
    let all: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for key in all {
        let (old, new) = (before.get(key).copied(), after.get(key).copied());
        if old != new {
            let (when, unit) = *key;
            changes.push(Change { provider: provider.to_owned(), model: model.to_owned(), when, unit, old, new });
        }
    }
}
