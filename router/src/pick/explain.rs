//! What would be chosen and why, without choosing: no probe is taken, no turn is used up, no conversation finds a home.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::endpoint::Ready;
use super::order::{Candidates, Choice, Wish};

/// What is known of one candidate at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The place of its tier, from 0: a later one is looked at only when nothing in those before can be called.
    pub tier: usize,
    /// Whether it can be called, and until when not.
    pub ready: Ready,
    /// Whether it can serve the request at all.
    pub fits: bool,
    /// What to expect of its first byte, in microseconds; none while nothing was observed.
    pub latency_us: Option<u64>,
    /// Calls under way to it.
    pub in_flight: u32,
    /// What is left of its limits, in thousandths; all of it where nothing is known.
    pub left_permille: u64,
}

/// The candidates of a name as they stand, and what would be chosen.
#[derive(Debug, PartialEq, Eq)]
pub struct Explanation {
    /// By the places of [`Candidates::list`].
    pub seen: Vec<Seen>,
    /// What [`Candidates::choose`] would say to the same wish.
    pub choice: Option<Choice>,
    /// The candidate where the conversation is at home, whether or not it can be called.
    pub home: Option<usize>,
}

impl Candidates {
    /// How every candidate stands, and what [`Candidates::choose`] would say to `wish`. Nothing changes by asking.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tokenrouter::pick::endpoint::{Endpoint, Trips};
    /// use tokenrouter::pick::order::{By, Candidate, Candidates, Criterion, Wish};
    /// use tokenrouter::pick::session::Sessions;
    ///
    /// let endpoint = |place, rank| Candidate { endpoint: Arc::new(Endpoint::new(place, 0, "m", "")), rank, weight: 1 };
    /// let candidates = Candidates::new(vec![endpoint(0, 1), endpoint(1, 0)], Criterion::USUAL.into());
    /// let (sessions, trips) = (Sessions::new(0), Trips::default());
    /// let wish = Wish {
    ///     now_ms: 1, random: 0, session: None, is_opening: false, sessions: &sessions, tried: &[], fits: &|_| true, trips: &trips,
    /// };
    /// let explained = candidates.explain(&wish);
    /// assert_eq!(explained.seen.iter().map(|seen| seen.tier).collect::<Vec<_>>(), [0, 1]);
    /// assert_eq!(explained.choice.as_ref().map(|choice| choice.by), Some(By::Criterion(Criterion::Priority)));
    /// assert_eq!(explained.choice, candidates.choose(&wish));
    /// ```
    pub fn explain(&self, wish: &Wish<'_>) -> Explanation {
        let mut seen = Vec::with_capacity(self.list().len());
        for (tier, range) in self.tiers.iter().enumerate() {
            for candidate in self.list().get(range.clone()).unwrap_or_default() {
                let endpoint = &candidate.endpoint;
                seen.push(Seen {
                    tier,
                    ready: endpoint.ready(wish.now_ms),
                    fits: (wish.fits)(endpoint),
                    latency_us: endpoint.state.latency.at(wish.now_ms),
                    in_flight: endpoint.state.in_flight(),
                    left_permille: endpoint.state.left_permille(wish.now_ms),
                });
            }
        }
        // Turns are the only thing that a choice moves, so a copy with turns of its own is asked. Its list is in
        // order already, and stays as it is.
        let copy = Self::new(self.list().to_vec(), Arc::clone(&self.order));
        for (to, from) in [(&copy.turn, &self.turn), (&copy.turn_instead, &self.turn_instead)] {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        let home = wish.session.and_then(|session| wish.sessions.home(session, wish.now_ms));
        let home = home.and_then(|home| self.place(home));
        Explanation { seen, choice: copy.proposed(wish), home }
    }
}
