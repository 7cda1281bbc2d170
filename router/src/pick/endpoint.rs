//! One thing that can be tried — a model at a provider with one of its credentials — and what its calls told of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::breaker::{Breaker, Gate, Trip};
use super::latency::Latency;
use super::mix;
use super::session::EndpointId;
pub use super::ticket::{Claim, Ticket};
use super::verdict::Limits;
use crate::catalog::Tariff;

/// When the three breakers open and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trips {
    /// Of one endpoint: its model fails.
    pub endpoint: Trip,
    /// Of all of a provider: it cannot be reached.
    pub connection: Trip,
    /// Of a credential: it is refused.
    pub credential: Trip,
}

impl Default for Trips {
    fn default() -> Self {
        Self {
            endpoint: Trip { failures: 3, recovery_ms: 60_000 },
            connection: Trip { failures: 1, recovery_ms: 120_000 },
            credential: Trip { failures: 1, recovery_ms: 300_000 },
        }
    }
}

/// What a breaker is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A provider's connections.
    Connection,
    /// One of its credentials.
    Credential,
    /// A model with one of them.
    Endpoint,
}

impl Scope {
    /// All of them, in the order in which they are asked.
    pub const ALL: [Self; 3] = [Self::Connection, Self::Credential, Self::Endpoint];

    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Credential => "credential",
            Self::Endpoint => "endpoint",
        }
    }
}

/// How often breakers opened, and how often they closed.
#[derive(Debug, Default)]
struct Turns([AtomicU64; 2]);

/// A provider's connections, shared by all of its endpoints.
#[derive(Debug, Default)]
pub struct Line {
    /// Opens when it cannot be reached.
    pub breaker: Breaker,
    /// Of its breaker, and of those of its credentials and endpoints.
    turns: [Turns; 3],
    /// Calls and repeated calls of late, for [`Line::may_repeat`].
    budget: AtomicU64,
}

/// One call earns this much of a repeated one per percent allowed; a repeated call costs a hundred times as much.
const UNIT: u64 = 10;
/// Repeated calls that a provider without traffic may see at once.
const RESERVE: u64 = 10 * 100 * UNIT;

impl Line {
    /// How often breakers of the provider have opened, and closed again.
    pub fn turns(&self, scope: Scope) -> [u64; 2] {
        let turns = self.turns.get(scope as usize);
        turns.map(|Turns(turns)| turns.each_ref().map(|count| count.load(Ordering::Relaxed))).unwrap_or_default()
    }

    /// One opened, or closed, if it did.
    pub(super) fn turned(&self, scope: Scope, did: bool, is_open: bool) {
        let count = self.turns.get(scope as usize).and_then(|Turns(turns)| turns.get(usize::from(!is_open)));
        if let Some(count) = count.filter(|_| did) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A call goes to the provider; repeated calls may be `percent` of these.
    pub fn called(&self, percent: u32) {
        let earned = u64::from(percent) * UNIT;
        // The word holds what was spent: 0 is a full reserve, so that nothing needs to be set up.
        _ = self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |spent| {
            (spent != 0).then(|| spent.saturating_sub(earned))
        });
    }

    /// Takes a place for a repeated call; false where they have become too large a part of the traffic.
    pub fn may_repeat(&self) -> bool {
        let take = |spent: u64| (spent + 100 * UNIT <= RESERVE).then_some(spent + 100 * UNIT);
        self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

/// One of a provider's credentials, shared by its endpoints.
#[derive(Debug)]
pub struct Credential {
    /// Its number, which no endpoint has either.
    pub id: EndpointId,
    /// Opens when it is refused.
    pub breaker: Breaker,
}

impl Default for Credential {
    fn default() -> Self {
        Self { id: next_id(), breaker: Breaker::default() }
    }
}

fn next_id() -> EndpointId {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// An endpoint with less than this left of its limits, in thousandths, is spared.
const TIGHT: u64 = 50;

/// What one endpoint's calls told. It outlives the tables that it stands in.
#[derive(Debug)]
pub struct State {
    /// Its number.
    pub id: EndpointId,
    /// Opens when its model fails.
    pub breaker: Breaker,
    /// How fast it has been.
    pub latency: Latency,
    /// It is over a limit until then, in milliseconds.
    pub(super) cooling_ms: AtomicU64,
    /// When its limits are set back, in milliseconds, above ten bits of what is left of them in thousandths; 0 is
    /// unknown. Providers limit each model of a credential by itself, or say the same of all of them.
    left: AtomicU64,
    pub(super) in_flight: AtomicU32,
    pub(super) calls: AtomicU64,
    pub(super) failures: AtomicU64,
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// The state of an endpoint that was never called.
    pub fn new() -> Self {
        Self {
            id: next_id(),
            breaker: Breaker::default(),
            latency: Latency::default(),
            cooling_ms: AtomicU64::new(0),
            left: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }

    /// Calls under way.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Calls made, and those of them that failed by its fault.
    pub fn calls(&self) -> (u64, u64) {
        (self.calls.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed))
    }

    /// Until when it is over a limit, in milliseconds; 0 for never.
    pub fn cooling_ms(&self) -> u64 {
        self.cooling_ms.load(Ordering::Relaxed)
    }

    /// What an answer said of its limits.
    pub fn observe(&self, now_ms: u64, limits: Limits) {
        let reset = now_ms.saturating_add(limits.reset_ms);
        self.left.store((reset << 10) | u64::from(limits.left_permille.min(1_000)), Ordering::Relaxed);
    }

    /// What is left of its limits, in thousandths: all of it where nothing is known or they have been set back.
    pub fn left_permille(&self, now_ms: u64) -> u64 {
        let word = self.left.load(Ordering::Relaxed);
        if word >> 10 <= now_ms { 1_000 } else { word & 1_023 }
    }

    /// Whether it would soon be refused for its limits.
    pub fn is_tight(&self, now_ms: u64) -> bool {
        self.left_permille(now_ms) < TIGHT
    }
}

/// Why an endpoint cannot be called now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its provider could not be reached.
    Connection,
    /// Its credential was refused.
    Credential,
    /// Its model failed.
    Failing,
    /// It is over a limit of the provider.
    Limited,
    /// Somebody else's call finds out whether it has recovered.
    Probed,
}

impl Why {
    /// The word in explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "unreachable",
            Self::Credential => "credential_refused",
            Self::Failing => "failing",
            Self::Limited => "rate_limited",
            Self::Probed => "being_probed",
        }
    }
}

/// Whether an endpoint can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// It can.
    Yes,
    /// By one caller, who finds out whether it has recovered.
    Probe,
    /// Not before this time, in milliseconds.
    No(u64, Why),
}

/// One thing that can be tried.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The provider's place in the caller's own list.
    pub provider: usize,
    /// The credential's place in the provider's list.
    pub credential: usize,
    /// The model as the provider knows it.
    pub model: Arc<str>,
    /// Smaller is preferred.
    pub priority: i32,
    /// What a million tokens in and a million out cost, in nano-dollars.
    pub price_nanos: Option<u64>,
    /// Its whole price, for whoever reckons what a call cost.
    pub tariff: Option<Arc<Tariff>>,
    /// Its share where traffic is split by weight.
    pub weight: u32,
    /// A digest of its provider and credential, the same after a restart.
    pub seed: u64,
    /// Its provider's connections.
    pub line: Arc<Line>,
    /// Its credential.
    pub key: Arc<Credential>,
    /// What its calls told.
    pub state: Arc<State>,
}

/// A digest of an endpoint's name, the same after a restart.
pub(super) fn seed(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| mix(hash ^ u64::from(byte)))
}

impl Endpoint {
    /// An endpoint with nothing known of it yet. `name` tells it from all others, restarts included.
    pub fn new(provider: usize, credential: usize, model: &str, name: &str) -> Self {
        Self {
            provider,
            credential,
            model: model.into(),
            priority: 0,
            price_nanos: None,
            tariff: None,
            weight: 1,
            seed: seed(name),
            line: Arc::default(),
            key: Arc::default(),
            state: Arc::default(),
        }
    }

    /// Whether it can be called now.
    pub fn ready(&self, now_ms: u64) -> Ready {
        let cooling = self.state.cooling_ms.load(Ordering::Relaxed);
        if now_ms < cooling {
            return Ready::No(cooling, Why::Limited);
        }
        let (mut ready, mut probed) = (Ready::Yes, None);
        for (breaker, why) in self.breakers().into_iter().zip([Why::Connection, Why::Credential, Why::Failing]) {
            match breaker.gate(now_ms) {
                Gate::Open => {}
                Gate::Probe => ready = Ready::Probe,
                Gate::Probed(until) => probed = probed.max(Some(until)),
                Gate::Shut(until) => return Ready::No(until, why),
            }
        }
        probed.map_or(ready, |until| Ready::No(until, Why::Probed))
    }

    /// Takes the probe of every breaker that wants one; none where this caller may not call, and then none is taken.
    pub fn claim(self: &Arc<Self>, now_ms: u64, trips: &Trips) -> Option<Claim> {
        let mut claim = Claim { endpoint: Arc::clone(self), taken: [None, None, None] };
        let trips = [trips.connection, trips.credential, trips.endpoint];
        for ((breaker, trip), taken) in self.breakers().into_iter().zip(trips).zip(&mut claim.taken) {
            if breaker.gate(now_ms) != Gate::Open {
                // What was taken so far is given back on the way out.
                *taken = Some(breaker.claim(now_ms, trip)?);
            }
        }
        Some(claim)
    }

    /// The claim of a caller that calls it although it is shut, for want of anybody else: it shows whether it has
    /// recovered as a probe does, and takes nobody's probe away.
    pub(super) fn claim_anyway(self: &Arc<Self>) -> Claim {
        Claim { endpoint: Arc::clone(self), taken: self.breakers().map(Breaker::claim_anyway) }
    }

    /// Whether its key is refused for now.
    pub(super) fn is_refused(&self, now_ms: u64) -> bool {
        matches!(self.key.breaker.gate(now_ms), Gate::Shut(_))
    }

    /// Whether it can be called, and the last that was heard of it was good.
    pub fn is_steady(&self, now_ms: u64) -> bool {
        self.ready(now_ms) == Ready::Yes && self.breakers().iter().all(|breaker| breaker.reading().0 == 0)
    }

    /// Of its connections, its credential and itself, in this order.
    pub(super) fn breakers(&self) -> [&Breaker; 3] {
        Scope::ALL.map(|scope| self.breaker(scope))
    }

    /// Its breaker of this kind; others share it.
    pub fn breaker(&self, scope: Scope) -> &Breaker {
        match scope {
            Scope::Connection => &self.line.breaker,
            Scope::Credential => &self.key.breaker,
            Scope::Endpoint => &self.state.breaker,
        }
    }

    /// Something proves that all is well: its breaker of this kind closes.
    pub fn recovered(&self, scope: Scope) {
        self.line.turned(scope, self.breaker(scope).recovered(), false);
    }

    /// Whatever it was left alone for is forgotten: it may be called at once.
    pub fn forgive(&self) {
        for scope in Scope::ALL {
            self.recovered(scope);
        }
        self.state.cooling_ms.store(0, Ordering::Relaxed);
    }

    /// A call to it begins; `claim` is the one that it was chosen with.
    pub fn begin(self: &Arc<Self>, claim: Option<Claim>) -> Ticket {
        Ticket::new(Arc::clone(self), claim)
    }

    /// What a call costs in time, with those that wait there already; none while nothing is known.
    pub(super) fn cost_us(&self, now_ms: u64) -> Option<u64> {
        let mean = self.state.latency.at(now_ms)?;
        Some(mean.saturating_mul(u64::from(self.state.in_flight()) + 1))
    }
}
