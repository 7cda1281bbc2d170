//! Takes a newer file of models and prices, or refuses it whole.
//!
//! Two formats are read: our own (`models.json`, with its date in it) and that of litellm's
//! `model_prices_and_context_window.json`, which people fetch where it is made. A file is refused when it cannot be
//! read, is older than what is known, knows less than half of it, or has prices that cannot be right. What would change
//! is told before anything does.

use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;

use super::layers::{Catalogue, Layer};
use super::litellm;
use super::read;
use super::set::ModelSet;
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

/// A file that may be taken, and what that would change.
#[derive(Clone, Debug)]
pub struct Import {
    /// What it holds; [`Catalogue::with`] takes it as [`Layer::Updated`].
    pub set: ModelSet,
    /// Rates of known models that would change, by provider and model.
    pub changes: Vec<Change>,
    /// Models with a price that had none before: `provider/model`.
    pub added: Vec<String>,
    /// Models whose price is in the present set and not in this one; the embedded file goes on to serve them.
    pub missing: Vec<String>,
    /// Models whose price was not believed, and is unknown therefore: `provider/model`.
    pub doubted: Vec<String>,
}

impl Catalogue {
    /// Reads a newer file. `fetched` (`YYYY-MM-DD`) is the date of a file that bears none itself.
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
        let doubted = [doubted, absurd(&set)].concat();
        let known = self.layer(Layer::Updated).or_else(|| self.layer(Layer::Embedded)).map(|set| &**set);
        let empty = ModelSet::default();
        let import = compare(known.unwrap_or(&empty), set, doubted);
        import.check(known.unwrap_or(&empty))?;
        Ok(import)
    }
}

impl Import {
    fn check(&self, known: &ModelSet) -> Result<(), ImportError> {
        // Dates of this form sort as text.
        if self.set.made() < known.made() {
            return Err(ImportError::Older { made: self.set.made().to_owned(), known: known.made().to_owned() });
        }
        let (found, before) = (priced(&self.set), priced(known));
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

/// Models of our own format whose price is too high to be true.
fn absurd(set: &ModelSet) -> Vec<String> {
    let most = u128::from(DEAREST_DOLLARS) * 1_000_000_000;
    let too_dear = |price: &Price| {
        price.lines().any(|(_, unit, rate)| unit.is_tokens() && u128::from(rate.nanos_per_million()) > most)
    };
    let mut found: Vec<String> = set
        .iter()
        .filter(|(.., entry)| entry.price.as_deref().is_some_and(too_dear))
        .map(|(provider, model, _)| format!("{provider}/{model}"))
        .collect();
    found.sort_unstable();
    found
}

fn compare(known: &ModelSet, set: ModelSet, doubted: Vec<String>) -> Import {
    let prices = |set: &ModelSet| -> BTreeMap<(String, String), Option<std::sync::Arc<Price>>> {
        set.iter().map(|(p, m, entry)| ((p.to_owned(), m.to_owned()), entry.price.clone())).collect()
    };
    let (old, new) = (prices(known), prices(&set));
    let (mut changes, mut added, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for ((provider, model), price) in &new {
        match (old.get(&(provider.clone(), model.clone())).cloned().flatten(), price) {
            (Some(old), Some(new)) if old != *new => lines(provider, model, &old, new, &mut changes),
            (None, Some(_)) => added.push(format!("{provider}/{model}")),
            _ => {}
        }
    }
    for ((provider, model), _) in old.iter().filter(|(_, price)| price.is_some()) {
        if new.get(&(provider.clone(), model.clone())).is_none_or(Option::is_none) {
            missing.push(format!("{provider}/{model}"));
        }
    }
    Import { set, changes, added, missing, doubted }
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
