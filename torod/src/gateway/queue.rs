//! Waits for a place where there is none, as many requests and as long as the file allows.

use std::sync::Arc;
use std::time::Duration;

use super::entry::Call;
use crate::config::Limits;
use crate::lifecycle::{Gauge, Permit, Waiting};

/// One request's place in the queue.
#[derive(Default)]
pub(super) struct Queue {
    /// The first candidate that had no place for it, and what was full there.
    busy: Option<(usize, Arc<Gauge>)>,
    line: Option<(Permit, Waiting)>,
    waited: Duration,
}

impl Queue {
    /// The candidate at `at` had no place, because `gauge` is full.
    pub(super) fn saw(&mut self, at: usize, gauge: Arc<Gauge>) {
        if self.busy.is_none() {
            self.busy = Some((at, gauge));
        }
    }

    /// Whether it is this request's turn at `gauge`.
    pub(super) fn is_next(&self, gauge: &Arc<Gauge>) -> bool {
        self.line.as_ref().is_some_and(|(_, waiting)| Arc::ptr_eq(waiting.gauge(), gauge))
    }

    /// It has a place.
    pub(super) fn leave(&mut self) {
        (self.busy, self.line) = (None, None);
    }

    /// Waits until there may be a place, and says at which candidate. None where nobody was full, the queue is, or it has
    /// waited long enough.
    pub(super) async fn wait(&mut self, call: &Call, limits: &Limits) -> Option<usize> {
        let (at, gauge) = self.busy.take()?;
        let left = limits.queue_wait.checked_sub(self.waited).filter(|left| !left.is_zero())?;
        if !self.is_next(&gauge) {
            let place = call.app.queue.enter(limits.queue)?;
            self.line = Some((place, gauge.wait()));
        }
        let (_, waiting) = self.line.as_ref()?;
        let began = call.app.clock.instant();
        // What was freed between the refusal and this line has woken nobody.
        let is_free = tokio::time::timeout(left.min(RECHECK), waiting.freed()).await.is_ok();
        self.waited += call.app.clock.instant().saturating_duration_since(began);
        (is_free || self.waited < limits.queue_wait).then_some(at)
    }
}

/// So often somebody who waits looks by himself.
const RECHECK: Duration = Duration::from_millis(50);
