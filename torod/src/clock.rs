//! The only place that asks the time. Everybody else is given a [`Clock`].

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Tells the time: the system's, or a fixed one in tests. Cheap to clone; clones of a fixed clock move together.
#[derive(Clone, Debug)]
pub struct Clock {
    fixed: Option<Arc<Fixed>>,
}

/// Two times that stand still.
#[derive(Debug)]
struct Fixed {
    now_ms: AtomicI64,
    uptime_ms: AtomicI64,
}

impl Clock {
    /// The system's clock.
    pub const fn system() -> Self {
        Self { fixed: None }
    }

    /// A clock that stands at `ms` milliseconds since 1970 until somebody calls [`Clock::advance`].
    pub fn fixed(ms: i64) -> Self {
        let fixed = Fixed { now_ms: AtomicI64::new(ms), uptime_ms: AtomicI64::new(ms) };
        Self { fixed: Some(Arc::new(fixed)) }
    }

    /// Moves a fixed clock by `ms` milliseconds, backwards when negative. The system's clock does not care.
    pub fn advance(&self, ms: i64) {
        if let Some(fixed) = &self.fixed {
            fixed.now_ms.fetch_add(ms, Ordering::SeqCst);
            fixed.uptime_ms.fetch_add(ms, Ordering::SeqCst);
        }
    }

    /// Sets a fixed clock by `ms` milliseconds, as somebody does who sets a machine's: no time passes.
    pub fn jump(&self, ms: i64) {
        if let Some(fixed) = &self.fixed {
            fixed.now_ms.fetch_add(ms, Ordering::SeqCst);
        }
    }

    /// Milliseconds since 1970. May jump either way when somebody sets the machine's clock.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else asks")]
    pub fn now_ms(&self) -> i64 {
        match &self.fixed {
            Some(fixed) => fixed.now_ms.load(Ordering::SeqCst),
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
        }
    }

    /// Milliseconds that never go back, from some moment on; a fixed clock tells its own time.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else asks")]
    pub fn uptime_ms(&self) -> u64 {
        self.uptime_ms_at(Instant::now())
    }

    /// The same for `now`, which was asked for a moment ago: who needs both asks once.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else asks")]
    pub fn uptime_ms_at(&self, now: Instant) -> u64 {
        /// A day before the process asked first, so that no time is 0.
        const BEFORE_MS: u64 = 86_400_000;
        static START: OnceLock<Instant> = OnceLock::new();
        match &self.fixed {
            Some(fixed) => u64::try_from(fixed.uptime_ms.load(Ordering::SeqCst)).unwrap_or(0),
            None => {
                let since = now.saturating_duration_since(*START.get_or_init(Instant::now));
                BEFORE_MS + u64::try_from(since.as_millis()).unwrap_or(0)
            }
        }
    }

    /// A monotonic instant for durations and deadlines; real even on a fixed clock, which has no say about waiting.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else asks")]
    pub fn instant(&self) -> Instant {
        Instant::now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_only_when_told_and_with_its_clones() {
        let clock = Clock::fixed(1_000);
        let clone = clock.clone();
        assert_eq!(clone.now_ms(), 1_000);
        clock.advance(-250);
        assert_eq!(clone.now_ms(), 750);
    }

    #[test]
    fn the_system_clock_is_after_2025() {
        assert!(Clock::system().now_ms() > 1_735_689_600_000);
    }
}
