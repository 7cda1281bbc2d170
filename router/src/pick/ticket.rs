//! One call to an endpoint under way: what it tells of the endpoint, and the probes that were taken for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::breaker::{Claimed, Trip};
use super::endpoint::{Endpoint, Scope, Trips};
use super::verdict::{Blame, Verdict};

/// Nobody is left alone for longer than this because he said so, in milliseconds.
const LONGEST_MS: u64 = 900_000;
/// So many refusals in a row that may be about the request rather than the key make the key a refused one.
const FORBIDDEN: u32 = 3;

/// The probes of an endpoint that a caller has taken. Dropped, those that showed nothing are the next caller's.
#[derive(Debug)]
pub struct Claim {
    pub(super) endpoint: Arc<Endpoint>,
    /// By the places of [`Endpoint::breakers`].
    pub(super) taken: [Option<Claimed>; 3],
}

impl Drop for Claim {
    fn drop(&mut self) {
        for (breaker, taken) in self.endpoint.breakers().into_iter().zip(&mut self.taken) {
            // What was judged has changed since, and stays as it is.
            if let Some(claimed) = taken.take() {
                breaker.give_back(claimed);
            }
        }
    }
}

/// One call to an endpoint under way; dropped at its end.
#[derive(Debug)]
pub struct Ticket {
    endpoint: Arc<Endpoint>,
    claim: Option<Claim>,
    is_repeat: bool,
}

impl Ticket {
    pub(super) fn new(endpoint: Arc<Endpoint>, claim: Option<Claim>) -> Self {
        endpoint.state.in_flight.fetch_add(1, Ordering::Relaxed);
        endpoint.state.calls.fetch_add(1, Ordering::Relaxed);
        Self { endpoint, claim, is_repeat: false }
    }

    /// The same request was here before: what fails again for it counts no second time, so that one request that
    /// nobody can serve does not shut an endpoint for all others.
    #[must_use]
    pub const fn repeated(mut self, is_repeat: bool) -> Self {
        self.is_repeat = is_repeat;
        self
    }

    /// Who is called.
    pub const fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// The first byte of the answer took so long.
    pub fn first_byte(&self, now_ms: u64, first_byte_us: u64) {
        self.endpoint.state.latency.observe(now_ms, first_byte_us);
    }

    /// What came of the call so far. A call may succeed first and break later.
    pub fn tell(&mut self, now_ms: u64, verdict: &Verdict, trips: &Trips) {
        let Endpoint { line, key, state, .. } = &*self.endpoint;
        let failed = |scope: Scope, trip: Trip| {
            line.turned(scope, self.endpoint.breaker(scope).failed(now_ms, trip), true);
        };
        if verdict.blame != Blame::Nobody && !matches!(verdict.blame, Blame::Request | Blame::Missing) {
            state.failures.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(limits) = verdict.limits {
            state.observe(now_ms, limits);
        }
        // However long it wants to be left alone, it is asked again before that.
        let wait_ms = verdict.wait_ms.min(LONGEST_MS);
        match verdict.blame {
            Blame::Connection => {
                failed(Scope::Connection, trips.connection);
                return;
            }
            Blame::Credential => {
                failed(Scope::Credential, trips.credential);
            }
            Blame::Forbidden => {
                let failures = trips.credential.failures.max(FORBIDDEN);
                if self.claim.is_some() || !self.is_repeat {
                    failed(Scope::Credential, Trip { failures, ..trips.credential });
                }
            }
            Blame::Exhausted => {
                line.turned(Scope::Credential, key.breaker.shut(now_ms.saturating_add(wait_ms)), true);
            }
            Blame::Limit => {
                state.cooling_ms.fetch_max(now_ms.saturating_add(wait_ms), Ordering::Relaxed);
            }
            Blame::Endpoint => {
                if self.claim.is_some() || !self.is_repeat {
                    failed(Scope::Endpoint, trips.endpoint);
                }
                // It said itself when to come back.
                if verdict.is_told {
                    state.cooling_ms.fetch_max(now_ms.saturating_add(wait_ms), Ordering::Relaxed);
                }
            }
            Blame::Nobody | Blame::Request | Blame::Missing => self.well(Scope::Endpoint),
        }
        // Somebody answered, whatever it was: the connection stands. And it looked at the credential.
        self.well(Scope::Connection);
        if !matches!(verdict.blame, Blame::Credential | Blame::Forbidden | Blame::Exhausted | Blame::Endpoint) {
            self.well(Scope::Credential);
        }
    }

    /// The endpoint's breaker of this kind has nothing to fear: closed by its own probe, otherwise only if it is.
    fn well(&self, scope: Scope) {
        let taken = self.claim.as_ref().and_then(|claim| claim.taken.get(scope as usize));
        if taken.is_some_and(Option::is_some) {
            self.endpoint.recovered(scope);
        } else {
            self.endpoint.breaker(scope).succeeded();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Whoever asked may have gone away before the answer, which says nothing of the endpoint: its claim goes back.
        self.endpoint.state.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
