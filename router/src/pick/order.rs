//! Which of the endpoints that a name stands for is tried next.
//!
//! Criteria are looked at in their order. `priority` and `price` sort the endpoints into tiers beforehand; within the
//! first tier that has an endpoint that can be called, one of the others decides: `latency` takes the better of two,
//! `round_robin`, `weighted` and `quota` do what they say. `affinity` keeps a conversation where it was.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use super::criterion::{Criterion, NoCriterion};
use super::endpoint::{Endpoint, Ready, Trips};
use super::lots::{below, below_turn, scale, strongest};
use super::mix;
use super::session::{Session, Sessions};

/// An endpoint that may serve a name.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// Its place among the targets of an alias; 0 where there is no order.
    pub rank: u32,
    /// Its share where traffic is split by weight.
    pub weight: u32,
}

/// Everything that may serve a name, made once and chosen from without a lock.
#[derive(Debug)]
pub struct Candidates {
    list: Box<[Candidate]>,
    /// The endpoints' seeds, side by side.
    seeds: Box<[u32]>,
    /// The endpoints' numbers, sorted, with their places.
    ids: Box<[(u32, u32)]>,
    pub(super) tiers: Box<[Range<usize>]>,
    pub(super) order: Arc<[Criterion]>,
    /// Which of the fixed criteria comes before `affinity`.
    before_affinity: Option<Vec<Criterion>>,
    decider: Option<Criterion>,
    pub(super) turn: AtomicU64,
}

/// Why an endpoint was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// There was no other.
    Only,
    /// This criterion decided.
    Criterion(Criterion),
    /// What was tried before failed.
    Fallback,
}

impl By {
    /// The word in headers and explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Only => "only",
            Self::Criterion(criterion) => criterion.as_str(),
            Self::Fallback => "fallback",
        }
    }
}

/// What a choice depends on besides the endpoints.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// The time, in milliseconds.
    pub now_ms: u64,
    /// A random number.
    pub random: u64,
    /// The conversation that asks.
    pub session: Option<Session>,
    /// Whether this may be the first request of a conversation that no cache knows: it is placed anew.
    pub is_opening: bool,
    /// Where conversations are at home.
    pub sessions: &'a Sessions,
    /// Places of candidates that have been tried.
    pub tried: &'a [usize],
    /// Whether an endpoint can serve the request at all.
    pub fits: &'a dyn Fn(&Endpoint) -> bool,
    /// When breakers open, and for how long.
    pub trips: &'a Trips,
}

/// The endpoint to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its place among the candidates.
    pub at: usize,
    /// Why it.
    pub by: By,
    /// Whether the call finds out if it has recovered.
    pub is_probe: bool,
}

/// What is seen of a candidate in a tier.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Usable,
    Probe,
    Not,
}

/// Differences of waiting time below this are noise, in microseconds.
const NOISE_US: u64 = 4_000;
/// So many candidates are compared for what is left of their limits.
const MOST_COMPARED: usize = 64;

impl Candidates {
    /// Sorts `list` by what `order` says of fixed properties.
    pub fn new(mut list: Vec<Candidate>, order: Arc<[Criterion]>) -> Self {
        let decider = order.iter().copied().find(|c| !c.is_fixed() && *c != Criterion::Affinity);
        let stop = order.iter().position(|c| Some(*c) == decider).unwrap_or(order.len());
        // What stands behind a criterion that always decides is never looked at.
        let fixed: Vec<Criterion> = order.iter().take(stop).copied().filter(|c| c.is_fixed()).collect();
        let key =
            |candidate: &Candidate| -> Vec<(u64, i64)> { fixed.iter().map(|c| fixed_key(*c, candidate)).collect() };
        list.sort_by_cached_key(key);
        let mut tiers: Vec<Range<usize>> = Vec::new();
        let mut last = None;
        for (at, candidate) in list.iter().enumerate() {
            let key = key(candidate);
            match tiers.last_mut() {
                Some(tier) if last.as_ref() == Some(&key) => tier.end = at + 1,
                _ => tiers.push(at..at + 1),
            }
            last = Some(key);
        }
        let seeds = list.iter().map(|c| (mix(c.endpoint.seed) >> 32) as u32).collect();
        let mut ids: Vec<(u32, u32)> = list
            .iter()
            .enumerate()
            .map(|(at, c)| (c.endpoint.state.id, u32::try_from(at).unwrap_or(u32::MAX)))
            .collect();
        ids.sort_unstable();
        let affinity =
            order.iter().position(|c| *c == Criterion::Affinity).filter(|at| *at < stop || decider.is_none());
        let before_affinity =
            affinity.map(|at| order.iter().take(at).copied().filter(|c| c.is_fixed()).collect::<Vec<_>>());
        Self {
            list: list.into(),
            seeds,
            ids: ids.into(),
            tiers: tiers.into(),
            order,
            before_affinity,
            decider,
            turn: AtomicU64::new(0),
        }
    }

    /// The candidates, the preferred tier first.
    pub const fn list(&self) -> &[Candidate] {
        &self.list
    }

    /// The criteria.
    pub fn order(&self) -> &[Criterion] {
        &self.order
    }

    /// Whether a conversation has a say.
    pub fn wants_session(&self) -> bool {
        self.list.len() > 1 && self.before_affinity.is_some()
    }

    /// The endpoint to try next; none where nothing can be called now.
    pub fn choose(&self, wish: &Wish<'_>) -> Option<Choice> {
        // A probe that somebody else won makes its endpoint unusable for a moment, so there is another round.
        for _ in 0..4 {
            let (at, criterion, seen) = self.propose(wish)?;
            let endpoint = &self.list.get(at)?.endpoint;
            if seen == Seen::Probe && !endpoint.claim(wish.now_ms, wish.trips) {
                continue;
            }
            return Some(self.decided(wish, at, criterion, seen));
        }
        None
    }

    /// What [`Candidates::choose`] would say, without taking a probe.
    pub(super) fn proposed(&self, wish: &Wish<'_>) -> Option<Choice> {
        self.propose(wish).map(|(at, criterion, seen)| self.decided(wish, at, criterion, seen))
    }

    fn decided(&self, wish: &Wish<'_>, at: usize, criterion: Option<Criterion>, seen: Seen) -> Choice {
        let by = if !wish.tried.is_empty() {
            By::Fallback
        } else if self.list.len() == 1 {
            By::Only
        } else {
            criterion.map_or(By::Only, By::Criterion)
        };
        Choice { at, by, is_probe: seen == Seen::Probe }
    }

    /// The conversation that was served by the candidate at `at` has its home there from now on.
    pub fn settle(&self, at: usize, wish: &Wish<'_>) {
        let Some((session, candidate)) = wish.session.zip(self.list.get(at)) else { return };
        if wish.is_opening && wish.sessions.home(session, wish.now_ms).is_some() {
            // Somebody else may have opened a conversation with the same words, and goes on with it elsewhere.
            return;
        }
        wish.sessions.settle(session, candidate.endpoint.state.id, wish.now_ms);
    }

    fn propose(&self, wish: &Wish<'_>) -> Option<(usize, Option<Criterion>, Seen)> {
        if let Some((at, seen)) = self.at_home(wish) {
            return Some((at, Some(Criterion::Affinity), seen));
        }
        for (number, tier) in self.tiers.iter().enumerate() {
            let found = match tier.len() {
                1 => self.see(tier.start, wish).map(|seen| (tier.start, seen)),
                _ => self.quick(tier, wish).or_else(|| self.thorough(tier, wish)),
            };
            if let Some((at, seen)) = found {
                let by = if tier.len() > 1 { self.decider } else { self.separated(number) };
                return Some((at, by, seen));
            }
        }
        None
    }

    /// The home of the conversation, if it can be called and nothing that counts more speaks against it.
    fn at_home(&self, wish: &Wish<'_>) -> Option<(usize, Seen)> {
        let before = self.before_affinity.as_ref()?;
        if wish.is_opening {
            return None;
        }
        let home = wish.sessions.home(wish.session?, wish.now_ms)?;
        let found = self.ids.binary_search_by_key(&home, |(id, _)| *id).ok()?;
        let at = self.ids.get(found).map(|(_, at)| *at as usize)?;
        let seen = self.see(at, wish)?;
        if !before.is_empty() {
            let key =
                |at: usize| self.list.get(at).map(|c| before.iter().map(|b| fixed_key(*b, c)).collect::<Vec<_>>());
            let best = (0..self.list.len()).find(|other| self.see(*other, wish).is_some())?;
            if key(best) != key(at) {
                return None;
            }
        }
        Some((at, seen))
    }

    /// Looks at what would be chosen if all could be called; none if it cannot.
    fn quick(&self, tier: &Range<usize>, wish: &Wish<'_>) -> Option<(usize, Seen)> {
        let size = tier.len();
        match self.decider {
            Some(Criterion::RoundRobin | Criterion::Quota) => None,
            Some(Criterion::Weighted) => {
                let at = self.by_weight(tier.clone(), wish)?;
                self.see(at, wish).map(|seen| (at, seen))
            }
            _ => {
                let first = match wish.session.filter(|_| self.before_affinity.is_some() && !wish.is_opening) {
                    Some(session) => tier.start + strongest(self.seeds.get(tier.clone())?, session)?,
                    None => tier.start + below(wish.random, size),
                };
                let other = tier.start + (first - tier.start + 1 + below(mix(wish.random), size - 1)) % size;
                match (self.see(first, wish), self.see(other, wish)) {
                    (Some(a), Some(b)) => Some(self.better((first, a), (other, b), wish)),
                    (Some(a), None) => Some((first, a)),
                    _ => None,
                }
            }
        }
    }

    /// The same among those alone that can be called.
    fn thorough(&self, tier: &Range<usize>, wish: &Wish<'_>) -> Option<(usize, Seen)> {
        let usable: Vec<(usize, Seen)> = tier.clone().filter_map(|at| Some((at, self.see(at, wish)?))).collect();
        // Whether it has recovered is found out by the next call, whatever would be better.
        if let Some(probe) = usable.iter().find(|(_, seen)| *seen == Seen::Probe) {
            return Some(*probe);
        }
        let pick = |at: usize| usable.iter().copied().find(|(found, _)| *found == at);
        match self.decider {
            Some(Criterion::RoundRobin) => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                usable.get(below_turn(turn, usable.len())).copied()
            }
            Some(Criterion::Weighted) => self.by_weight(usable.iter().map(|(at, _)| *at), wish).and_then(pick),
            Some(Criterion::Quota) => {
                let from = below(wish.random, usable.len().max(1));
                let looked = usable.iter().cycle().skip(from).take(usable.len().min(MOST_COMPARED));
                let left = |at: usize| self.list.get(at).map_or(0, |c| c.endpoint.key.left_permille(wish.now_ms));
                let mut best: Option<((usize, Seen), u64)> = None;
                for found in looked {
                    let left = left(found.0);
                    if best.is_none_or(|(_, most)| left > most) {
                        best = Some((*found, left));
                    }
                }
                best.map(|(found, _)| found)
            }
            _ => {
                let size = usable.len();
                if size < 2 {
                    return usable.first().copied();
                }
                let first = match wish.session.filter(|_| self.before_affinity.is_some() && !wish.is_opening) {
                    Some(session) => {
                        let seeds: Vec<u32> =
                            usable.iter().filter_map(|(at, _)| self.seeds.get(*at)).copied().collect();
                        strongest(&seeds, session)?
                    }
                    None => below(wish.random, size),
                };
                let other = (first + 1 + below(mix(wish.random), size - 1)) % size;
                Some(self.better(*usable.get(first)?, *usable.get(other)?, wish))
            }
        }
    }

    /// The first, unless the other is clearly better.
    fn better(&self, first: (usize, Seen), other: (usize, Seen), wish: &Wish<'_>) -> (usize, Seen) {
        match (first.1, other.1) {
            (Seen::Probe, _) => return first,
            (_, Seen::Probe) => return other,
            _ => {}
        }
        let (Some(a), Some(b)) = (self.list.get(first.0), self.list.get(other.0)) else { return first };
        let tight = |c: &Candidate| c.endpoint.key.is_tight(wish.now_ms);
        match (tight(a), tight(b)) {
            (true, false) => return other,
            (false, true) => return first,
            _ => {}
        }
        if self.decider != Some(Criterion::Latency) {
            return first;
        }
        let is_better = match (a.endpoint.cost_us(wish.now_ms), b.endpoint.cost_us(wish.now_ms)) {
            (Some(a), Some(b)) => b.saturating_mul(3) < a.saturating_mul(2) && a - b > NOISE_US,
            // Nothing is known of one of them: it gets its share, and no more than that.
            _ => (b.endpoint.state.in_flight() + 1) * 2 < a.endpoint.state.in_flight() + 1,
        };
        if is_better { other } else { first }
    }

    fn by_weight(&self, among: impl Iterator<Item = usize> + Clone, wish: &Wish<'_>) -> Option<usize> {
        let weight = |at: usize| {
            self.list.get(at).map_or(0, |c| u64::from(c.weight.max(1)) * u64::from(c.endpoint.weight.max(1)))
        };
        let total: u64 = among.clone().map(weight).fold(0, u64::saturating_add);
        let random = match wish.session.filter(|_| self.before_affinity.is_some() && !wish.is_opening) {
            Some(session) => mix(session.0 ^ 0x7765_6967_6874),
            None => wish.random,
        };
        let mut mark = scale(random, total);
        for at in among {
            let weight = weight(at);
            if mark < weight {
                return Some(at);
            }
            mark -= weight;
        }
        None
    }

    fn see(&self, at: usize, wish: &Wish<'_>) -> Option<Seen> {
        let endpoint = &self.list.get(at)?.endpoint;
        let seen = match endpoint.ready(wish.now_ms) {
            Ready::Yes => Seen::Usable,
            Ready::Probe => Seen::Probe,
            Ready::No(..) => Seen::Not,
        };
        (seen != Seen::Not && !wish.tried.contains(&at) && (wish.fits)(endpoint)).then_some(seen)
    }

    /// The fixed criterion that sets a tier of one apart.
    fn separated(&self, tier: usize) -> Option<Criterion> {
        let first = |tier: usize| self.tiers.get(tier).and_then(|range| self.list.get(range.start));
        let (this, next) = (first(tier)?, first(tier + 1).or_else(|| first(tier.checked_sub(1)?))?);
        let differs = |c: &Criterion| fixed_key(*c, this) != fixed_key(*c, next);
        self.order.iter().copied().filter(|c| c.is_fixed()).find(differs)
    }
}

fn fixed_key(criterion: Criterion, candidate: &Candidate) -> (u64, i64) {
    match criterion {
        Criterion::Priority => (u64::from(candidate.rank), i64::from(candidate.endpoint.priority)),
        // What has no known price may cost anything.
        Criterion::Price => (candidate.endpoint.price_nanos.unwrap_or(u64::MAX), 0),
        _ => (0, 0),
    }
}
