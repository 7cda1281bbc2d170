//! Usage that other programs wrote down, one foreign format a file: read in passing, told exactly what could not be carried
//! over.

pub mod bill;
pub mod config;
pub mod drift;
mod packed;
pub mod torod_go;
pub mod usage;

use std::collections::BTreeMap;
use std::path::Path;

/// What one call, or many alike, came to in another program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The provider's name there.
    pub provider: String,
    /// The model as the client called it.
    pub model: String,
    /// What the access token was called; empty: none.
    pub token: String,
    /// The client's address.
    pub address: String,
    /// What the client called itself.
    pub user_agent: String,
    /// HTTP status; 0: not known.
    pub status: u16,
    /// Whether it went well.
    pub is_ok: bool,
    /// Whether it was streamed.
    pub stream: bool,
    /// LLM tokens: input without what a cache answered, from the cache, output.
    pub tokens: [u64; 3],
    /// From start to end, in microseconds; 0: not known.
    pub total_us: u64,
}

/// What could not be carried over, and how often: a sentence for each reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left(BTreeMap<String, u64>);

impl Left {
    /// Reasons that are told apart; a file of garbage must not fill the memory with its words.
    const MOST: usize = 50;

    /// Counts one.
    pub fn note(&mut self, why: impl Into<String>) {
        self.notes(why, 1);
    }

    /// Counts some.
    pub fn notes(&mut self, why: impl Into<String>, count: u64) {
        let why = why.into();
        let why =
            if self.0.len() >= Self::MOST && !self.0.contains_key(&why) { "other reasons".to_owned() } else { why };
        *self.0.entry(why).or_default() += count;
    }

    /// Every reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(why, count)| (why.as_str(), *count))
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }
}

/// Why a source cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The disk refused.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// What was read.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is not what it was taken for, or damaged.
    #[error("{} cannot be used: {why}", path.display())]
    Damaged {
        /// What was read.
        path: std::path::PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// More than is read.
    #[error("{} holds more than {most} calls: import a part of it at a time", path.display())]
    TooMuch {
        /// What was read.
        path: std::path::PathBuf,
        /// The bound.
        most: u64,
    },
    /// The database of ours or of the other program.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

fn damaged(path: &Path, why: impl Into<String>) -> ImportError {
    ImportError::Damaged { path: path.to_owned(), why: why.into() }
}

fn file_error(path: &Path) -> impl Fn(std::io::Error) -> ImportError + '_ {
    |source| ImportError::File { path: path.to_owned(), source }
}

/// Calls that are imported at once at most.
pub const MOST_CALLS: u64 = 5_000_000;

/// `n` calls that were only summed up, one by one: what cannot be shared out evenly goes to the first, so that every sum is
/// as it was told. `spread_ms` is the time over which they are spread.
pub fn apart(sums: &Past, calls: u64, failed: u64, spread_ms: i64, mut each: impl FnMut(Past)) {
    let good = calls.saturating_sub(failed);
    let share = |all: u64, among: u64, nth: u64| {
        all.checked_div(among).map_or(0, |each| each + u64::from(nth < all - each * among))
    };
    // Where nothing went well, whatever was used was used by those that failed.
    let users = if good > 0 { good } else { failed };
    for nth in 0..calls {
        let is_ok = nth < good;
        let uses = nth < users;
        let step = i64::try_from(u128::try_from(spread_ms.max(0)).unwrap_or(0) * u128::from(nth) / u128::from(calls));
        each(Past {
            at_ms: sums.at_ms.saturating_add(step.unwrap_or(0)),
            is_ok,
            status: if is_ok { 200 } else { 0 },
            tokens: if uses { sums.tokens.map(|all| share(all, users, nth)) } else { [0; 3] },
            total_us: share(sums.total_us, calls, nth),
            ..sums.clone()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_stay_what_they_were() {
        let sums = Past { at_ms: 1_000, tokens: [10, 3, 7], total_us: 11, ..Past::default() };
        for (calls, failed) in [(4, 1), (1, 0), (3, 3), (7, 0)] {
            let mut rows = Vec::new();
            apart(&sums, calls, failed, 300_000, |row| rows.push(row));
            let sum = |at: usize| rows.iter().map(|row| row.tokens[at]).sum::<u64>();
            assert_eq!((rows.len() as u64, [sum(0), sum(1), sum(2)]), (calls, sums.tokens));
            assert_eq!(rows.iter().filter(|row| !row.is_ok).count() as u64, failed);
            assert_eq!(rows.iter().map(|row| row.total_us).sum::<u64>(), 11);
            assert!(rows.iter().all(|row| (1_000..301_000).contains(&row.at_ms)));
        }
        apart(&sums, 0, 0, 5, |_| panic!("there is none"));
    }

    #[test]
    fn reasons_are_bounded() {
        let mut left = Left::default();
        (0..200).for_each(|n| left.note(format!("reason {n}")));
        assert_eq!((left.iter().count(), left.count()), (Left::MOST + 1, 200));
    }
}
