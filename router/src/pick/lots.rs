//! Drawing lots: from a random number, or from a session so that it always draws the same.

use super::mix;
use super::session::Session;

/// So many seeds are scored at once.
const BLOCK: usize = 64;

/// The place of the seed that fits `session` best: each session has its own ranking of all endpoints (rendezvous
/// hashing), so that one that goes or comes changes nothing between the others.
pub(super) fn strongest(seeds: &[u32], session: Session) -> Option<usize> {
    below_score(seeds, session, u32::MAX).map(|(at, _)| at)
}

/// The next in `session`'s ranking of which the score is at most `most`, with its score.
pub(super) fn below_score(seeds: &[u32], session: Session, most: u32) -> Option<(usize, u32)> {
    let salt = (mix(session.0) >> 32) as u32;
    let score = |seed: u32| {
        let x = (seed ^ salt).wrapping_mul(0x9e37_79b1);
        let score = (x ^ (x >> 15)).wrapping_mul(0x85eb_ca77);
        if score <= most { score } else { 0 }
    };
    // The best of each block by vector code, which cannot carry a place along; then its place, in one block only.
    let best_of = |(number, block): (usize, &[u32])| (block.iter().copied().map(score).max().unwrap_or(0), number);
    let keep = |kept: (u32, usize), found: (u32, usize)| if found.0 > kept.0 { found } else { kept };
    let (best, number) = seeds.chunks(BLOCK).enumerate().map(|block| best_of((block.0, block.1))).reduce(keep)?;
    let block = seeds.chunks(BLOCK).nth(number)?;
    block.iter().position(|seed| score(*seed) == best).map(|at| (number * BLOCK + at, best))
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
            let mut found = Vec::new();
            let mut most = u32::MAX;
            while let Some((at, score)) = below_score(&seeds, session, most).filter(|(_, score)| *score > 0) {
                found.push(at);
                most = score - 1;
            }
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
