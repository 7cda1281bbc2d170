//! How many tokens a call is said to have cost: made up, but the same each time and consistent in itself.
use crate::answer::Part;
use crate::script::{Kind, Script};

/// Counts in disjoint buckets, as a provider bills them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) uncached: u64,
    pub(crate) cache_read: u64,
    pub(crate) cache_write_5m: u64,
    pub(crate) cache_write_1h: u64,
    /// All that was generated, reasoning included.
    pub(crate) output: u64,
    pub(crate) reasoning: u64,
}

impl Count {
    /// The whole prompt.
    pub(crate) fn input(&self) -> u64 {
        self.uncached + self.cache_read + self.cache_write()
    }

    pub(crate) fn cache_write(&self) -> u64 {
        self.cache_write_5m + self.cache_write_1h
    }

    pub(crate) fn total(&self) -> u64 {
        self.input() + self.output
    }
}

/// Tokens of a prompt: a quarter of the request's bytes, and never so few that a part of it rounds to none.
pub(crate) fn of_prompt(request_bytes: usize) -> u64 {
    (request_bytes as u64 / 4).max(16)
}

/// What the script says the call cost; none when it keeps quiet about it.
pub(crate) fn of_call(script: &Script, request_bytes: usize, parts: &[Part]) -> Option<Count> {
    let prompt = of_prompt(request_bytes);
    let pieces = |part: &Part| part.pieces().len() as u64;
    let reasoning = parts.iter().filter(|part| part.is_reasoning()).map(pieces).sum();
    let output = parts.iter().map(pieces).sum();
    match script.kind {
        Kind::NoUsage => None,
        Kind::Zero => Some(Count::default()),
        _ if script.cached => {
            let (cache_read, short, long) = (prompt / 2, prompt / 8, prompt / 16);
            let uncached = prompt - cache_read - short - long;
            Some(Count { uncached, cache_read, cache_write_5m: short, cache_write_1h: long, output, reasoning })
        }
        _ => Some(Count { uncached: prompt, output, reasoning, ..Count::default() }),
    }
}
