//! Lots by weight, and what they are drawn with.

use std::ops::Range;

use super::choice::{Candidate, Wish};
use super::lots::scale;
use super::mix;
use super::order::Candidates;
use super::session::Session;

impl Candidates {
    /// The session that has a say in where it is placed.
    pub(super) fn placed(&self, wish: &Wish<'_>) -> Option<Session> {
        wish.session.filter(|_| self.before_affinity.is_some() && !wish.is_opening)
    }

    /// What lots by weight are drawn with.
    pub(super) fn random(&self, wish: &Wish<'_>) -> u64 {
        self.placed(wish).map_or(wish.random, |session| mix(session.0 ^ 0x7765_6967_6874))
    }

    pub(super) fn by_weight(&self, among: impl Iterator<Item = usize> + Clone, wish: &Wish<'_>) -> Option<usize> {
        let weight = |at: usize| self.list.get(at).map_or(0, weight);
        let total: u64 = among.clone().map(weight).fold(0, u64::saturating_add);
        let mut mark = scale(self.random(wish), total);
        for at in among {
            let weight = weight(at);
            if mark < weight {
                return Some(at);
            }
            mark -= weight;
        }
        None
    }

    /// The same among all of a tier.
    pub(super) fn by_sums(&self, tier: &Range<usize>, random: u64) -> Option<usize> {
        let sums = self.sums.get(tier.clone())?;
        let mark = scale(random, *sums.last()?);
        Some(tier.start + sums.partition_point(|sum| *sum <= mark))
    }
}

/// What counts of `candidate` where lots are drawn.
pub(super) fn weight(candidate: &Candidate) -> u64 {
    u64::from(candidate.weight.max(1)) * u64::from(candidate.endpoint.weight.max(1))
}
