//! What a token has used up so far: live figures that outlast every change of the token.

use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};
use tokenrouter_shared::limits::Limits;

use super::wall::Walls;
use crate::lifecycle::Gauge;

/// The live figures of one token.
///
/// The index makes one when it first sees a token's number, and hands the same on whenever the token or one above it
/// changes: whoever counts here counts for all snapshots.
#[derive(Default)]
pub struct Meter {
    /// None where the token itself has no limit.
    walls: ArcSwapOption<Walls>,
    /// Requests of it and of those below it, as far as they are counted.
    pub in_flight: Arc<Gauge>,
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meter({:?})", self.walls.load().as_deref())
    }
}

impl Meter {
    /// Puts `limits` in force. What is only higher or lower than before keeps what was used; what is new has nothing
    /// used until it is founded.
    pub fn limit(&self, limits: &Arc<Limits>) {
        let before = self.walls.load();
        if before.as_ref().map_or_else(|| limits.is_empty(), |walls| walls.limits == *limits) {
            return;
        }
        let walls = (!limits.is_empty()).then(|| Arc::new(Walls::new(limits, before.as_deref())));
        self.walls.store(walls);
    }

    /// The limits in force.
    pub fn walls(&self) -> Guard<Option<Arc<Walls>>> {
        self.walls.load()
    }

    /// Whether a wall does not know yet what was used before it was there.
    pub fn is_new(&self) -> bool {
        self.walls.load().as_ref().is_some_and(|walls| walls.all().any(|wall| wall.is_new))
    }

    /// Every wall knows what was used before it was there.
    pub fn founded(&self) {
        if let Some(walls) = &*self.walls.load() {
            self.walls.store(Some(Arc::new(walls.founded())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::wall::{Amounts, Moment};

    const NOW: Moment = Moment { now_ms: 1_800_000_000_000, uptime_ms: 90_000_000 };

    fn limits(text: &str) -> Arc<Limits> {
        Arc::new(serde_json::from_str(text).unwrap())
    }

    fn used(meter: &Meter) -> Vec<(u64, bool)> {
        let walls = meter.walls();
        walls.iter().flat_map(|walls| walls.all()).map(|wall| (wall.counter.used(NOW), wall.is_new)).collect()
    }

    #[test]
    fn what_was_used_stays_when_a_limit_is_raised() {
        let meter = Meter::default();
        meter.limit(&limits("{}"));
        assert!(meter.walls().is_none() && !meter.is_new());
        meter.limit(&limits(r#"{"budgets":[{"unit":"tokens","limit":10}],"requests_per_minute":5}"#));
        assert!(meter.is_new());
        for wall in meter.walls().as_ref().unwrap().all() {
            wall.reserve(&Amounts { requests: 1, tokens: 7, nanos: 0 }, NOW).unwrap();
        }
        meter.founded();
        meter.limit(&limits(
            r#"{"budgets":[{"unit":"tokens","limit":9,"window":{"seconds":60}},{"unit":"tokens","limit":20}],"tokens_per_minute":3}"#,
        ));
        // The budget of a minute is no rate of a minute.
        assert_eq!(used(&meter), [(0, true), (7, false), (0, true)]);
        meter.limit(&limits("{}"));
        assert!(meter.walls().is_none());
    }
}
