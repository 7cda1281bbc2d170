//! The time for a pool: the only place of this library that asks for it, and only where nobody else's clock is given.

use std::fmt;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What [`Clock::wait`] gives: a wait that is over some time.
pub type Wait<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Tells the time and lets it pass. A test's clock may stand still, and move where it is waited for.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Microseconds that never go back, from some moment on that is not now.
    fn uptime_us(&self) -> u64;
    /// Milliseconds since 1970, for dates that providers tell.
    fn unix_ms(&self) -> i64;
    /// Over after `ms` milliseconds of this clock.
    fn wait(&self, ms: u64) -> Wait<'_>;
}

/// The system's clock, on a runtime of tokio.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Clock for System {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else asks")]
    fn uptime_us(&self) -> u64 {
        /// A day before the process asked first, so that no time is 0.
        const BEFORE_US: u64 = 86_400_000_000;
        static START: OnceLock<Instant> = OnceLock::new();
        BEFORE_US + u64::try_from(START.get_or_init(Instant::now).elapsed().as_micros()).unwrap_or(0)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else asks")]
    fn unix_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn wait(&self, ms: u64) -> Wait<'_> {
        Box::pin(tokio::time::sleep(Duration::from_millis(ms)))
    }
}
