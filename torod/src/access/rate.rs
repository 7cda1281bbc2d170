//! How fast and how many at once: places among the requests of a token and of those above it, and the gateway's own pace.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokenrouter::error::{Kind, Problem};

use super::TokenEntry;
use super::caller::Caller;
use super::refusal::{self, RATE, Refused};
use super::remaining::in_the_way;
use super::wall::{Amounts, Moment, Wall};
use crate::clock::Clock;
use crate::config::Limits;
use crate::lifecycle::Permit;

/// What coming costs.
const ONE: Amounts = Amounts { requests: 1, tokens: 0, nanos: 0 };

/// A request's places among those of its token and of the tokens above it, until they are dropped. Without limits there
/// are none, and nothing is allocated.
#[derive(Debug, Default)]
pub struct Places {
    _permits: Vec<Permit>,
}

/// Lets a request of `caller` in, if the gateway's pace and its token's limits leave room for one more.
///
/// # Errors
///
/// What there is no room in, and when to come back.
pub fn let_in(caller: &Caller, pace: &Pace, limits: &Limits, clock: &Clock) -> Result<Places, Problem> {
    if limits.requests_per_second > 0 {
        let burst = if limits.burst > 0 { limits.burst } else { limits.requests_per_second };
        let taken = pace.take(limits.requests_per_second, burst, clock.uptime_ms());
        taken.map_err(|wait_us| too_fast(limits.requests_per_second, wait_us))?;
    }
    match caller.token() {
        Some(token) => enter(token, Moment::of(clock)).map_err(|problem| *problem),
        None => Ok(Places::default()),
    }
}

/// Lets a request of `token` in, if it and all above it may have one more at once and one more this minute.
///
/// # Errors
///
/// Which of the two it is not, and when to come back.
pub fn enter(token: &Arc<TokenEntry>, now: Moment) -> Result<Places, Box<Problem>> {
    let mut permits = Vec::new();
    let mut taken: Vec<(Wall, u64)> = Vec::new();
    for at in token.chain() {
        let walls = at.meter.walls();
        let Some(walls) = &*walls else { continue };
        let refused = if let Some(limit) = walls.concurrent {
            match at.meter.in_flight.enter(limit) {
                Some(permit) => {
                    permits.push(permit);
                    None
                }
                None => Some(refusal::concurrent(token, at, limit)),
            }
        } else {
            None
        };
        let refused = refused.or_else(|| {
            let wall = walls.requests_per_minute.as_ref()?;
            match wall.reserve(&ONE, now) {
                Some(mark) => {
                    taken.push((wall.clone(), mark));
                    None
                }
                None => Some(Refused::wall(wall, token, at, &ONE, now).problem()),
            }
        });
        if let Some(problem) = refused {
            // Who is not let in has not come.
            for (wall, mark) in taken {
                wall.counter.settle(mark, 1, 0);
            }
            // A place may be free at any moment, a minute takes its time.
            let longest = in_the_way(token, &ONE, now, Wall::is_pace).map(|refused| refused.problem());
            return Err(Box::new(longest.unwrap_or(problem)));
        }
    }
    for (wall, mark) in taken {
        // It stays however the request ends: none of it is held.
        wall.counter.settle(mark, 1, 1);
    }
    Ok(Places { _permits: permits })
}

/// What [`enter`] would refuse a request of `token` with. Nothing is taken.
pub fn refusal_now(token: &TokenEntry, now: Moment) -> Option<Problem> {
    let full = token.chain().find_map(|at| {
        let limit = at.meter.walls().as_ref()?.concurrent?;
        (at.meter.in_flight.count() >= limit).then(|| refusal::concurrent(token, at, limit))
    });
    full.or_else(|| Some(in_the_way(token, &ONE, now, Wall::is_pace)?.problem()))
}

/// A pace for everybody together: so many a second, and so many at once after a pause. One word, by the generic cell
/// rate algorithm; nothing is counted but the time at which the next one would be due.
#[derive(Debug, Default)]
pub struct Pace {
    /// In microseconds of the clock that never goes back.
    due_us: AtomicU64,
}

impl Pace {
    /// Takes one of `per_second`, of which `burst` may come at once. Else says in how many microseconds there is one.
    pub fn take(&self, per_second: u32, burst: u32, uptime_ms: u64) -> Result<(), u64> {
        let each_us = 1_000_000 / u64::from(per_second.max(1)).min(1_000_000);
        let now_us = uptime_ms.saturating_mul(1_000);
        let ahead_us = each_us * u64::from(burst.max(1));
        let next = |due: u64| {
            let next = due.max(now_us) + each_us;
            (next <= now_us + ahead_us).then_some(next)
        };
        let taken = self.due_us.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        taken.map(drop).map_err(|due| (due + each_us).saturating_sub(now_us + ahead_us))
    }
}

/// More requests a second than `[limits]` lets in.
pub fn too_fast(per_second: u32, wait_us: u64) -> Problem {
    Problem::new(
        Kind::RateLimited,
        RATE,
        format!("this gateway takes {per_second} requests a second"),
        "Wait as long as Retry-After says, or raise `limits.requests_per_second` in torod.toml.",
    )
    .retry_after(u32::try_from(wait_us.div_ceil(1_000_000).max(1)).unwrap_or(u32::MAX))
    .of_limit("gateway/requests_per_second")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_has_its_burst_and_then_its_rate() {
        let pace = Pace::default();
        let now = 90_000_000;
        let come = |at: u64| (0..40).filter(|_| pace.take(100, 20, at).is_ok()).count();
        assert_eq!(come(now), 20);
        assert_eq!(pace.take(100, 20, now), Err(10_000));
        assert_eq!(come(now + 10), 1);
        assert_eq!(come(now + 100), 9);
        assert_eq!(come(now + 10_000), 20, "no more than the burst after any pause");
        assert_eq!(come(now), 0, "a clock that goes back gives nothing");
        assert!(Pace::default().take(u32::MAX, u32::MAX, 0).is_ok());
    }
}
