//! The only place that asks the time.
use std::time::Instant;

/// Now, on the monotonic clock.
#[expect(
    clippy::disallowed_methods,
    reason = "a measurement is made of real time; this is the one place it comes from"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Microseconds between two moments; 0 when they are in the wrong order.
pub(crate) fn us_between(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u64::MAX)
}
