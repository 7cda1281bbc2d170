//! One call from its beginning to the end of its answer: its endpoint is told what comes of it.

use std::fmt;
use std::sync::Arc;

use super::clock::Clock;
use crate::pick::endpoint::{Ticket, Trips};
use crate::pick::verdict::Verdict;

/// A call under way; over when it is dropped.
pub(super) struct Underway {
    ticket: Ticket,
    clock: Arc<dyn Clock>,
    trips: Trips,
    began_us: u64,
}

impl Underway {
    /// A call to `endpoint` begins.
    pub(super) fn begin(ticket: Ticket, clock: &Arc<dyn Clock>, trips: Trips) -> Self {
        Self { ticket, clock: Arc::clone(clock), trips, began_us: clock.uptime_us() }
    }

    /// It has begun to answer.
    pub(super) fn first_byte(&self) {
        let now_us = self.clock.uptime_us();
        self.ticket.first_byte(now_us / 1_000, now_us.saturating_sub(self.began_us).max(1));
    }

    /// What came of it so far.
    pub(super) fn tell(&mut self, verdict: &Verdict) {
        self.ticket.tell(self.clock.uptime_us() / 1_000, verdict, &self.trips);
    }

    /// The time of day, in milliseconds since 1970.
    pub(super) fn unix_ms(&self) -> i64 {
        self.clock.unix_ms()
    }
}

impl fmt::Debug for Underway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Underway").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}
