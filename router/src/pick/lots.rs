//! Drawing lots: from a random number, or from a session so that it always draws the same.

use super::mix;
use super::session::Session;

/// The place of the seed that fits `session` best: each session has its own ranking of all endpoints (rendezvous
/// hashing), so that one that goes or comes changes nothing between the others.
pub(super) fn strongest(seeds: &[u32], session: Session) -> Option<usize> {
    let salt = (mix(session.0) >> 32) as u32;
    let score = |seed: u32| {
        let x = (seed ^ salt).wrapping_mul(0x9e37_79b1);
        (x ^ (x >> 15)).wrapping_mul(0x85eb_ca77)
    };
    // Two short passes that the compiler turns into vector code are faster than one that carries a place along.
    let best = seeds.iter().copied().map(score).max()?;
    seeds.iter().position(|seed| score(*seed) == best)
}

/// A number below `size` from a random one.
pub(super) fn below(random: u64, size: usize) -> usize {
    usize::try_from(scale(random, size as u64)).unwrap_or(0)
}

pub(super) fn below_turn(turn: u64, size: usize) -> usize {
    usize::try_from(turn % (size.max(1) as u64)).unwrap_or(0)
}

pub(super) const fn scale(random: u64, total: u64) -> u64 {
    ((random as u128 * total as u128) >> 64) as u64
}
