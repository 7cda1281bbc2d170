//! Drawing lots: from a random number, or from a session so that it always draws the same.

use super::mix;
use super::session::Session;

/// So many seeds are scored at once.
const BLOCK: usize = 32;

/// The place of the seed that fits `session` best: each session has its own ranking of all endpoints (rendezvous
/// hashing), so that one that goes or comes changes nothing between the others.
pub(super) fn strongest(seeds: &[u32], session: Session) -> Option<usize> {
    let salt = salt(session);
    best(seeds, |seed| score(seed, salt)).map(|(at, _)| at)
}

/// The place of each of `seeds` in `session`'s ranking, the strongest first.
pub(super) fn ranking(seeds: &[u32], session: Session) -> impl Iterator<Item = usize> {
    let salt = salt(session);
    let mut last = None;
    std::iter::from_fn(move || {
        let (at, found) = match last {
            // Most look at the first alone, which takes half the time of any other.
            None => best(seeds, |seed| score(seed, salt))?,
            Some(last) => {
                let below = |score: i32| if score < last { score } else { i32::MIN };
                best(seeds, |seed| below(score(seed, salt))).filter(|(_, score)| *score > i32::MIN)?
            }
        };
        last = Some(found);
        Some(at)
    })
}

const fn salt(session: Session) -> u32 {
    (mix(session.0) >> 32) as u32
}

/// Signed, because that is what the oldest vector instructions compare.
const fn score(seed: u32, salt: u32) -> i32 {
    let x = (seed ^ salt).wrapping_mul(0x9e37_79b1);
    ((x ^ (x >> 15)).wrapping_mul(0x85eb_ca77) ^ 0x8000_0000).cast_signed()
}

/// The place of the first with the highest score, and that score.
fn best(seeds: &[u32], score: impl Fn(u32) -> i32) -> Option<(usize, i32)> {
    let highest = |block: &[u32]| block.iter().fold(i32::MIN, |most, seed| most.max(score(*seed)));
    let (blocks, rest) = seeds.as_chunks::<BLOCK>();
    // The best of each block by vector code, which cannot carry a place along; then its place, in one block only.
    let (mut most, mut number) = (highest(rest), blocks.len());
    for (at, block) in blocks.iter().enumerate() {
        let found = highest(block);
        if found > most {
            (most, number) = (found, at);
        }
    }
    let block = blocks.get(number).map_or(rest, |block| block);
    block.iter().position(|seed| score(*seed) == most).map(|at| (number * BLOCK + at, most))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ranking_names_everyone_once_and_the_strongest_first() {
        let seeds: Vec<u32> = (0..300_u64).map(|n| (mix(n + 1) >> 32) as u32).collect();
        for session in (0..20).map(|n| Session(n << 40)) {
            let mut found: Vec<usize> = ranking(&seeds, session).collect();
            assert_eq!(found.first().copied(), strongest(&seeds, session));
            // Without its best, a session goes to its second best, wherever that stands.
            let (first, second) = (found[0], found[1]);
            let rest: Vec<u32> = seeds.iter().enumerate().filter(|(at, _)| *at != first).map(|(_, s)| *s).collect();
            assert_eq!(strongest(&rest, session), Some(second - usize::from(second > first)));
            found.sort_unstable();
            assert!(found.iter().copied().eq(0..300), "{session:?}");
        }
        assert_eq!(strongest(&[], Session(1)), None);
    }
}
