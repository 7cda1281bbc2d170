//! Which of the endpoints that a name stands for is tried next.
//!
//! Criteria are looked at in their order. `priority` and `price` sort the endpoints into tiers beforehand; within the
//! first tier that has an endpoint that can be called, one of the others decides: `latency` takes the better of two,
//! `round_robin`, `weighted` and `quota` do what they say. `affinity` keeps a conversation where it was.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use super::choice::{By, Candidate, Choice, Wish};
pub use super::criterion::{Criterion, NoCriterion};
use super::endpoint::{Endpoint, Ready, seed};
use super::lots::{below, below_turn, ranking, strongest};
use super::mix;
use super::session::EndpointId;
use super::weights::weight;

/// Everything that may serve a name, made once and chosen from without a lock.
#[derive(Debug)]
pub struct Candidates {
    pub(super) list: Box<[Candidate]>,
    /// The endpoints' seeds, side by side.
    seeds: Box<[u32]>,
    /// What conversations remember of their home, by place.
    homes: Box<[EndpointId]>,
    /// The same sorted, with the places.
    places: Box<[(EndpointId, u32)]>,
    pub(super) tiers: Box<[Range<usize>]>,
    pub(super) order: Arc<[Criterion]>,
    /// Which of the fixed criteria comes before `affinity`.
    pub(super) before_affinity: Option<Vec<Criterion>>,
    decider: Option<Criterion>,
    /// The candidates' weights, each with those before it in its tier.
    pub(super) sums: Box<[u64]>,
    /// Whether the weights in a candidate's tier differ.
    uneven: Box<[bool]>,
    pub(super) turn: AtomicU64,
    /// Whose turn it is among those that can be called, where somebody's turn comes who cannot.
    pub(super) turn_instead: AtomicU64,
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
/// So many candidates are all looked at rather than chosen from by lot.
const FEW: usize = 16;
/// So many lots are drawn before all are looked at.
const LOTS: usize = 8;

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
        let (homes, seeds): (Vec<_>, Vec<_>) = homes(&list).into_iter().unzip();
        let (mut sums, mut uneven) = (Vec::with_capacity(list.len()), Vec::with_capacity(list.len()));
        for tier in &tiers {
            let weights = list.get(tier.clone()).unwrap_or_default().iter().map(weight);
            let is_uneven = weights.clone().min() != weights.clone().max();
            uneven.extend(tier.clone().map(|_| is_uneven));
            sums.extend(weights.scan(0_u64, |sum, weight| {
                *sum = sum.saturating_add(weight);
                Some(*sum)
            }));
        }
        let (sums, uneven) = (sums.into(), uneven.into());
        let mut places: Vec<(EndpointId, u32)> = homes.iter().copied().zip(0..).collect();
        places.sort_unstable();
        let affinity =
            order.iter().position(|c| *c == Criterion::Affinity).filter(|at| *at < stop || decider.is_none());
        let before_affinity =
            affinity.map(|at| order.iter().take(at).copied().filter(|c| c.is_fixed()).collect::<Vec<_>>());
        Self {
            list: list.into(),
            seeds: seeds.into(),
            homes: homes.into(),
            places: places.into(),
            tiers: tiers.into(),
            order,
            before_affinity,
            decider,
            sums,
            uneven,
            turn: AtomicU64::new(0),
            turn_instead: AtomicU64::new(0),
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
            let claim = match seen {
                Seen::Probe => match endpoint.claim(wish.now_ms, wish.trips) {
                    None => continue,
                    taken => taken,
                },
                Seen::Usable | Seen::Not => None,
            };
            return Some(Choice { claim, ..self.decided(wish, at, criterion, seen) });
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
        Choice { at, by, is_probe: seen == Seen::Probe, claim: None }
    }

    /// The conversation that was served by the candidate at `at` has its home there from now on.
    pub fn settle(&self, at: usize, wish: &Wish<'_>) {
        let Some((session, home)) = wish.session.zip(self.home(at)) else { return };
        if wish.is_opening && wish.sessions.home(session, wish.now_ms).is_some() {
            // Somebody else may have opened a conversation with the same words, and goes on with it elsewhere.
            return;
        }
        wish.sessions.settle(session, home, wish.now_ms);
    }

    /// What a conversation that is served by the candidate at `at` remembers.
    pub fn home(&self, at: usize) -> Option<EndpointId> {
        self.homes.get(at).copied()
    }

    /// Where a conversation that remembers `home` is at home.
    pub(super) fn place(&self, home: EndpointId) -> Option<usize> {
        let found = self.places.binary_search_by_key(&home, |(id, _)| *id).ok()?;
        self.places.get(found).map(|(_, at)| *at as usize)
    }

    fn propose(&self, wish: &Wish<'_>) -> Option<(usize, Option<Criterion>, Seen)> {
        if let Some((at, seen)) = self.at_home(wish) {
            return Some((at, Some(Criterion::Affinity), seen));
        }
        for (number, tier) in self.tiers.iter().enumerate() {
            // A request that has failed somewhere goes to one that serves others well, rather than show who does not.
            let steady = |endpoint: &Endpoint| endpoint.is_steady(wish.now_ms) && (wish.fits)(endpoint);
            let picky = Wish { fits: &steady, ..*wish };
            let first = (!wish.tried.is_empty()).then_some(picky);
            let found = first.iter().chain([wish]).find_map(|wish| self.within(tier, wish));
            if let Some((at, seen)) = found {
                let by = if tier.len() > 1 { self.decider } else { self.separated(number) };
                return Some((at, by, seen));
            }
        }
        None
    }

    fn within(&self, tier: &Range<usize>, wish: &Wish<'_>) -> Option<(usize, Seen)> {
        match tier.len() {
            1 => self.see(tier.start, wish).map(|seen| (tier.start, seen)),
            _ => self.quick(tier, wish).or_else(|| self.thorough(tier, wish)),
        }
    }

    /// The home of the conversation, if it can be called and nothing that counts more speaks against it.
    fn at_home(&self, wish: &Wish<'_>) -> Option<(usize, Seen)> {
        let before = self.before_affinity.as_ref()?;
        if wish.is_opening {
            return None;
        }
        let home = wish.sessions.home(wish.session?, wish.now_ms)?;
        let at = self.place(home)?;
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

    /// Looks at what would be chosen if all could be called; none if it cannot, nor the next few.
    fn quick(&self, tier: &Range<usize>, wish: &Wish<'_>) -> Option<(usize, Seen)> {
        let is_large = tier.len() > FEW;
        let lots = if is_large { LOTS } else { 1 };
        let draws = |random: u64| (0..lots as u64).map(move |lot| if lot == 0 { random } else { mix(random ^ lot) });
        let drawn = |random: u64| tier.start + below(random, tier.len());
        let seen = |at: usize| self.see(at, wish).map(|seen| (at, seen));
        match self.decider {
            // Few are looked at one by one, so that a probe waits for nobody's turn.
            Some(Criterion::RoundRobin | Criterion::Quota) if !is_large => None,
            Some(Criterion::RoundRobin) => {
                seen(tier.start + below_turn(self.turn.fetch_add(1, Ordering::Relaxed), tier.len()))
            }
            Some(Criterion::Quota) => {
                let from = draws(wish.random).find_map(|random| seen(drawn(random)))?.0;
                self.most_left((from..tier.end).chain(tier.start..from).filter_map(seen), wish)
            }
            Some(Criterion::Weighted) => {
                draws(self.random(wish)).filter_map(|random| self.by_sums(tier, random)).find_map(seen)
            }
            _ => {
                let first = match self.placed(wish) {
                    _ if self.uneven.get(tier.start) == Some(&true) => {
                        draws(self.random(wish)).filter_map(|random| self.by_sums(tier, random)).find_map(seen)?
                    }
                    Some(session) => {
                        let ranking = ranking(self.seeds.get(tier.clone())?, session);
                        ranking.take(lots).find_map(|at| seen(tier.start + at))?
                    }
                    None => draws(wish.random).find_map(|random| seen(drawn(random)))?,
                };
                let step = 1 + below(mix(wish.random), tier.len() - 1);
                let other = tier.start + (first.0 - tier.start + step) % tier.len();
                Some(seen(other).map_or(first, |other| self.better(first, other, wish)))
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
                let turn = if tier.len() > FEW { &self.turn_instead } else { &self.turn };
                usable.get(below_turn(turn.fetch_add(1, Ordering::Relaxed), usable.len())).copied()
            }
            Some(Criterion::Weighted) => self.by_weight(usable.iter().map(|(at, _)| *at), wish).and_then(pick),
            Some(Criterion::Quota) => {
                let from = below(wish.random, usable.len().max(1));
                self.most_left(usable.iter().copied().cycle().skip(from).take(usable.len()), wish)
            }
            _ => {
                let size = usable.len();
                if size < 2 {
                    return usable.first().copied();
                }
                let first = match self.placed(wish) {
                    _ if self.uneven.get(tier.start) == Some(&true) => {
                        let drawn = self.by_weight(usable.iter().map(|(at, _)| *at), wish)?;
                        usable.iter().position(|(at, _)| *at == drawn)?
                    }
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
        let tight = |c: &Candidate| c.endpoint.state.is_tight(wish.now_ms);
        match (tight(a), tight(b)) {
            (true, false) => return other,
            (false, true) => return first,
            _ => {}
        }
        if self.decider != Some(Criterion::Latency) {
            return first;
        }
        let is_better = match (a.endpoint.cost_us(wish.now_ms), b.endpoint.cost_us(wish.now_ms)) {
            // What waits there multiplies the noise as well.
            (Some(cost), Some(least)) => {
                let noise_us = NOISE_US.saturating_mul(u64::from(a.endpoint.state.in_flight()) + 1);
                least.saturating_mul(3) < cost.saturating_mul(2) && cost - least > noise_us
            }
            // Nothing is known of one of them: it gets its share, and no more than that.
            _ => (b.endpoint.state.in_flight() + 1) * 2 < a.endpoint.state.in_flight() + 1,
        };
        if is_better { other } else { first }
    }

    /// Who has most left of its limits, of the first of `usable`.
    fn most_left(&self, usable: impl Iterator<Item = (usize, Seen)>, wish: &Wish<'_>) -> Option<(usize, Seen)> {
        let mut best: Option<((usize, Seen), u64)> = None;
        for found in usable.take(MOST_COMPARED) {
            if found.1 == Seen::Probe {
                return Some(found);
            }
            let left = self.list.get(found.0).map_or(0, |c| c.endpoint.state.left_permille(wish.now_ms));
            if best.is_none_or(|(_, most)| left > most) {
                best = Some((found, left));
            }
        }
        best.map(|(found, _)| found)
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

/// For each candidate the number of its home and its seed. Prompt caches are the credential's, so that is what counts:
/// a conversation stays although its model was not listed yet when it began. Only where a credential stands there with
/// several models do these tell them apart.
fn homes(list: &[Candidate]) -> Vec<(EndpointId, u32)> {
    let mut count: HashMap<EndpointId, usize> = HashMap::with_capacity(list.len());
    for candidate in list {
        *count.entry(candidate.endpoint.key.id).or_default() += 1;
    }
    let home = |Candidate { endpoint, .. }: &Candidate| match count.get(&endpoint.key.id) {
        Some(1) => (endpoint.key.id, (mix(endpoint.seed) >> 32) as u32),
        _ => (endpoint.state.id, (mix(endpoint.seed ^ seed(&endpoint.model)) >> 32) as u32),
    };
    list.iter().map(home).collect()
}

fn fixed_key(criterion: Criterion, candidate: &Candidate) -> (u64, i64) {
    match criterion {
        Criterion::Priority => (u64::from(candidate.rank), i64::from(candidate.endpoint.priority)),
        // What has no known price may cost anything.
        Criterion::Price => (candidate.endpoint.price_nanos.unwrap_or(u64::MAX), 0),
        _ => (0, 0),
    }
}
