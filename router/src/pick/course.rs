//! The course of one request: who is called next, whether somebody is waited for, and when it is given up.
//!
//! Only decides. The caller makes the calls, waits, and tells what came of it:
//!
//! ```
//! use std::sync::Arc;
//! use tokenrouter::pick::course::{Course, Move, Rules, Scene};
//! use tokenrouter::pick::endpoint::Endpoint;
//! use tokenrouter::pick::order::{Candidate, Candidates, Criterion};
//! use tokenrouter::pick::session::Sessions;
//! use tokenrouter::pick::verdict::{Next, Verdict};
//!
//! let endpoints = ["a", "b"].map(|name| Arc::new(Endpoint::new(0, 0, "m", name)));
//! let list = endpoints.into_iter().zip(0..).map(|(endpoint, rank)| Candidate { endpoint, rank, weight: 1 });
//! let candidates = Candidates::new(list.collect(), Criterion::USUAL.into());
//! let (sessions, rules) = (Sessions::new(3_600_000), Rules::default());
//! let scene =
//!     Scene { now_ms: 1_000, candidates: &candidates, sessions: &sessions, rules: &rules, fits: &|_| true };
//!
//! let mut course = Course::new(None, 7);
//! let Move::Call(first) = course.next(&scene) else { return Err("the first is well") };
//! course.called(first.at, &scene);
//! // The call breaks off, and the other one is next.
//! assert_eq!((first.at, course.failed(first.at, &Verdict::BROKEN)), (0, Next::Any));
//! let Move::Call(second) = course.next(&scene) else { return Err("the second is well") };
//! course.called(second.at, &scene);
//! course.served(second.at, &scene);
//! assert_eq!((second.at, second.by.as_str(), course.calls()), (1, "fallback", 2));
//! # Ok::<(), &str>(())
//! ```

use super::affinity::Known;
use super::endpoint::{Endpoint, Ready, Trips, Why};
use super::lots::scale;
use super::mix;
use super::order::{Candidates, Choice, Wish};
use super::session::Sessions;
use super::verdict::{Blame, Next, Verdict};

/// The most endpoints that one request is tried at.
const MOST_CALLS: usize = 16;
/// The most candidates that are looked at for somebody to wait for.
const MOST_AWAITED: usize = 128;
/// The longest pause before the first repeated call; doubled each time, and a random part of it is taken.
const BACKOFF_MS: u64 = 100;
/// Who is shut for another reason than a limit is waited for no longer than this.
const SOON_MS: u64 = 1_000;

/// Somebody's call that shows whether an endpoint has recovered is asked after for the first time after this long, then
/// after twice as long each time, up to [`SOON_MS`].
const ASKED_AFTER_MS: u64 = 125;

/// One request waits no more often than this.
const MOST_WAITS: u32 = 16;

/// How much is tried for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// When breakers open, and for how long.
    pub trips: Trips,
    /// Calls in all for one request, where fewer endpoints than that can serve it. Every endpoint is called once
    /// anyway, up to 16 of them.
    pub attempts: usize,
    /// The longest wait for somebody who is over a limit, in milliseconds, all waits of the request together.
    pub max_wait_ms: u64,
    /// Repeated calls to a provider, in hundredths of its traffic.
    pub retry_percent: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self { trips: Trips::default(), attempts: 3, max_wait_ms: 20_000, retry_percent: 20 }
    }
}

impl Rules {
    /// How long a request waits for an endpoint that cannot be called now, in milliseconds; none where it does not wait.
    pub fn wait_ms(&self, ready: Ready, now_ms: u64) -> Option<u64> {
        let Ready::No(until, why) = ready else { return None };
        let wait_ms = soon(until, why, now_ms);
        if why == Why::Probed {
            // Asked after in between, so that it is never too long to begin with.
            return (self.max_wait_ms > 0).then_some(wait_ms.min(self.max_wait_ms));
        }
        (wait_ms <= self.max_wait_ms && (why == Why::Limited || wait_ms <= SOON_MS)).then_some(wait_ms)
    }
}

/// In how many milliseconds somebody who is shut may be called again.
fn soon(until: u64, why: Why, now_ms: u64) -> u64 {
    let wait_ms = until.saturating_sub(now_ms);
    // Nobody knows when the call comes back that shows it, but long before its time is up.
    if why == Why::Probed { wait_ms.min(SOON_MS) } else { wait_ms }
}

const fn is_probed(ready: Ready) -> bool {
    matches!(ready, Ready::No(_, Why::Probed))
}

/// What decisions depend on besides the request itself.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The time, in milliseconds of a clock that never goes back.
    pub now_ms: u64,
    /// Who may serve the request.
    pub candidates: &'a Candidates,
    /// Where conversations are at home.
    pub sessions: &'a Sessions,
    /// How much is tried.
    pub rules: &'a Rules,
    /// Whether an endpoint can serve the request at all.
    pub fits: &'a dyn Fn(&Endpoint) -> bool,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Move {
    /// Call this endpoint. Say [`Course::called`] where it comes to a call; where not, drop it, and the next
    /// caller finds out whether the endpoint has recovered.
    Call(Choice),
    /// Wait so long, in milliseconds, then ask again.
    Wait(u64),
    /// Nobody serves it.
    GiveUp,
}

/// The course of one request.
#[derive(Debug)]
pub struct Course {
    known: Option<Known>,
    dice: u64,
    /// Places of candidates that are not asked again for now.
    tried: Vec<usize>,
    /// Those of them that may be asked once more.
    again: Vec<usize>,
    /// Only endpoints that are known to have the model are of use any more.
    only_listed: bool,
    calls: usize,
    /// Places of candidates that were called.
    called: Vec<usize>,
    /// Somebody has forbidden it.
    is_forbidden: bool,
    /// How often it was waited, and for how long in all.
    waits: u32,
    waited_ms: u64,
}

impl Course {
    /// The course of a request of the conversation `known`; `dice` is a random number.
    pub const fn new(known: Option<Known>, dice: u64) -> Self {
        Self {
            known,
            dice,
            tried: Vec::new(),
            again: Vec::new(),
            only_listed: false,
            calls: 0,
            called: Vec::new(),
            is_forbidden: false,
            waits: 0,
            waited_ms: 0,
        }
    }

    /// The conversation.
    pub const fn known(&self) -> Option<Known> {
        self.known
    }

    /// How many calls were made.
    pub const fn calls(&self) -> usize {
        self.calls
    }

    /// What to do next. Whom it says to call is not named again before there is nobody else.
    pub fn next(&mut self, scene: &Scene<'_>) -> Move {
        if self.calls >= MOST_CALLS {
            return Move::GiveUp;
        }
        self.dice = mix(self.dice.wrapping_add(1));
        let fits = |endpoint: &Endpoint| self.fits(endpoint, scene);
        if let Some(choice) = scene.candidates.choose(&self.wish(scene, &fits)) {
            self.tried.push(choice.at);
            return Move::Call(choice);
        }
        // Somebody else said no already, so that this is no traffic for who wants to be left alone.
        let hope = (self.calls > 0).then(|| scene.candidates.last_hope(&self.wish(scene, &fits))).flatten();
        if let Some(choice) = hope {
            self.tried.push(choice.at);
            return Move::Call(choice);
        }
        if self.calls < scene.rules.attempts.min(MOST_CALLS) { self.wait(scene) } else { Move::GiveUp }
    }

    /// Whether what fails at the candidate at `at` says no more of it: it has been called for this request before, or
    /// the request was forbidden elsewhere, which must not cost more than one credential.
    pub fn is_repeat(&self, at: usize) -> bool {
        self.called.contains(&at) || self.is_forbidden
    }

    /// The candidate at `at` is being called.
    pub fn called(&mut self, at: usize, scene: &Scene<'_>) {
        self.calls += 1;
        self.called.push(at);
        if let Some(candidate) = scene.candidates.list().get(at) {
            candidate.endpoint.line.called(scene.rules.retry_percent);
        }
    }

    /// The call to the candidate at `at` came to nothing. [`Next::Answer`] says that this is what the client is told.
    pub fn failed(&mut self, at: usize, verdict: &Verdict) -> Next {
        if verdict.next == Next::Any {
            self.again.push(at);
        }
        self.only_listed |= verdict.blame == Blame::Missing;
        self.is_forbidden |= verdict.blame == Blame::Forbidden;
        verdict.next
    }

    /// What made the candidate at `at` fail is mended, such as a key that was renewed: it may be asked again at once.
    pub fn try_again(&mut self, at: usize) {
        self.tried.retain(|tried| *tried != at);
        self.again.retain(|again| *again != at);
    }

    /// The candidate at `at` serves the request: the conversation is at home there.
    pub fn served(&self, at: usize, scene: &Scene<'_>) {
        scene.candidates.settle(at, &self.wish(scene, scene.fits));
    }

    /// Whether an endpoint can serve the request, with what has been learnt on the way.
    pub fn fits(&self, endpoint: &Endpoint, scene: &Scene<'_>) -> bool {
        !(self.only_listed && endpoint.model.is_empty()) && (scene.fits)(endpoint)
    }

    /// In how many milliseconds the first of those that fit, and are shut, can be called again; none if none is shut.
    pub fn soonest_ms(&self, scene: &Scene<'_>) -> Option<u64> {
        let fitting = scene.candidates.list().iter().map(|c| &c.endpoint).filter(|e| self.fits(e, scene));
        let until = |endpoint: &Endpoint| match endpoint.ready(scene.now_ms) {
            Ready::No(until, why) => Some(soon(until, why, scene.now_ms)),
            Ready::Yes | Ready::Probe => None,
        };
        fitting.filter_map(|endpoint| until(endpoint)).min()
    }

    fn wish<'w>(&'w self, scene: &Scene<'w>, fits: &'w dyn Fn(&Endpoint) -> bool) -> Wish<'w> {
        Wish {
            now_ms: scene.now_ms,
            random: self.dice,
            session: self.known.map(|known| known.session),
            is_opening: self.known.is_some_and(|known| known.is_opening),
            sessions: scene.sessions,
            tried: &self.tried,
            fits,
            trips: &scene.rules.trips,
        }
    }

    /// Waits for somebody who may serve it soon.
    fn wait(&mut self, scene: &Scene<'_>) -> Move {
        let Scene { now_ms, rules, .. } = *scene;
        if self.waits >= MOST_WAITS {
            return Move::GiveUp;
        }
        // However often somebody says "in a second", the client does not wait longer than it was promised.
        let longest_ms = rules.max_wait_ms.saturating_sub(self.waited_ms);
        let mut soonest: Option<(u64, usize)> = None;
        for (at, candidate) in scene.candidates.list().iter().enumerate().take(MOST_AWAITED) {
            let was_tried = self.tried.contains(&at);
            if (was_tried && !self.again.contains(&at)) || !self.fits(&candidate.endpoint, scene) {
                continue;
            }
            let wait_ms = match candidate.endpoint.ready(now_ms) {
                Ready::Yes | Ready::Probe if was_tried => 0,
                ready => match rules.wait_ms(ready, now_ms) {
                    Some(_) if is_probed(ready) && longest_ms == 0 => continue,
                    Some(wait_ms) if is_probed(ready) => {
                        wait_ms.min(ASKED_AFTER_MS << self.waits.min(6)).min(SOON_MS - BACKOFF_MS).min(longest_ms)
                    }
                    Some(wait_ms) => wait_ms,
                    None => continue,
                },
            };
            if wait_ms <= longest_ms && soonest.is_none_or(|(least, _)| wait_ms < least) {
                soonest = Some((wait_ms, at));
            }
        }
        let Some((wait_ms, at)) = soonest else { return Move::GiveUp };
        let was_tried = self.tried.contains(&at);
        if was_tried && !scene.candidates.list().get(at).is_some_and(|c| c.endpoint.line.may_repeat()) {
            return Move::GiveUp;
        }
        let is_probed = scene.candidates.list().get(at).is_some_and(|c| is_probed(c.endpoint.ready(now_ms)));
        let backoff_ms = if is_probed { BACKOFF_MS } else { BACKOFF_MS << self.waits.min(6) };
        let jitter_ms = scale(mix(self.dice), backoff_ms);
        self.waits += 1;
        self.waited_ms += wait_ms + jitter_ms;
        self.tried.retain(|tried| *tried != at);
        self.again.retain(|again| *again != at);
        Move::Wait(wait_ms + jitter_ms)
    }
}
