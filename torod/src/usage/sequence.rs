//! Gives out the ids of exchanges and attempts: a hybrid logical clock in one atomic.

use std::sync::atomic::{AtomicI64, Ordering};

use tokenrouter_shared::ids::{AttemptId, ExchangeId, first_of_ms, ms_of};

/// A clock that was set back is believed to be the right one where it was further ahead than this: a day, and the hour that summer
/// time is about.
const MOST_AHEAD_MS: i64 = 25 * 3_600_000;

/// Gives out ids that grow strictly and carry the time: `max(last + 1, now_ms << 20)`.
///
/// A clock that is set back stops the time in the ids until it has caught up; a million ids per millisecond spill into
/// the next one. Neither ever repeats an id.
#[derive(Debug)]
pub struct Sequence {
    last: AtomicI64,
}

impl Sequence {
    /// Continues after `greatest`, the greatest id in the database (0: none).
    pub const fn after(greatest: i64) -> Self {
        Self { last: AtomicI64::new(greatest) }
    }

    fn next(&self, now_ms: i64) -> i64 {
        let floor = first_of_ms(now_ms);
        let after = |last: i64| floor.max(last.saturating_add(1));
        // Relaxed: only the number itself has to be unique.
        after(
            self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(after(last))).unwrap_or_default(),
        )
    }

    /// What time it is by the ids: the clock's own, or that of the last id where the clock was set back a little. What is asked
    /// of the rows up to now means this time, or the newest would be left out until the clock has caught up.
    pub fn now_ms(&self, now_ms: i64) -> i64 {
        let last_ms = ms_of(self.last.load(Ordering::Relaxed));
        let is_near = last_ms > now_ms && last_ms.saturating_sub(now_ms) <= MOST_AHEAD_MS;
        if is_near { last_ms } else { now_ms }
    }

    /// The id of a new exchange.
    pub fn exchange(&self, now_ms: i64) -> ExchangeId {
        ExchangeId(self.next(now_ms))
    }

    /// The id of a new attempt.
    pub fn attempt(&self, now_ms: i64) -> AttemptId {
        AttemptId(self.next(now_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_through_a_clock_set_back_and_a_restart() {
        let sequence = Sequence::after(0);
        let first = sequence.attempt(1_000).0;
        assert_eq!(first, first_of_ms(1_000));
        assert_eq!(sequence.attempt(1_000).0, first + 1);
        assert_eq!(sequence.attempt(500).0, first + 2);
        assert_eq!(sequence.attempt(1_001).0, first_of_ms(1_001));
        assert_eq!((sequence.now_ms(900), sequence.now_ms(1_001), sequence.now_ms(1_002)), (1_001, 1_001, 1_002));
        let restarted = Sequence::after(first_of_ms(1_001));
        assert_eq!(restarted.attempt(900).0, first_of_ms(1_001) + 1);
    }

    #[test]
    fn a_clock_that_was_days_ahead_is_not_believed_for_days() {
        let sequence = Sequence::after(first_of_ms(10 * MOST_AHEAD_MS));
        assert_eq!(sequence.now_ms(9 * MOST_AHEAD_MS), 10 * MOST_AHEAD_MS);
        assert_eq!(sequence.now_ms(9 * MOST_AHEAD_MS - 1), 9 * MOST_AHEAD_MS - 1);
    }

    #[test]
    fn four_threads_never_get_the_same() {
        let sequence = Sequence::after(0);
        let mut ids: Vec<i64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..5_000).map(|n| sequence.attempt(n / 500).0).collect::<Vec<_>>()))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 20_000);
    }
}
