//! The only place that asks the time. Everybody else is given a [`Clock`].

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Clock {
    /// Milliseconds since 1970. May jump either way when somebody sets the machine's clock.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else asks")]
    pub fn now_ms(self) -> i64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// A moment of a clock that never goes back.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else asks")]
    pub fn moment(self) -> Instant {
        Instant::now()
    }

    /// How much is left until `end`; nothing once it is over.
    pub fn left(self, end: Instant) -> Duration {
        end.saturating_duration_since(self.moment())
    }
}
