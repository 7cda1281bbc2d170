//! What was used of one thing since a lifetime or a stretch of the calendar began.

use std::sync::atomic::Ordering;

use portable_atomic::AtomicU128;

use crate::calendar::Calendar;

/// Two numbers in one word: the upper is a window or a beginning, the lower an amount or an end.
const fn word(upper: u64, lower: u64) -> u128 {
    (upper as u128) << 64 | lower as u128
}

const fn parts(word: u128) -> (u64, u64) {
    ((word >> 64) as u64, word as u64)
}

/// A counter that begins anew with each stretch of its calendar, or never. Safe to use from any number of threads at
/// once, without a lock: window and amount are one word, so nobody sees the one without the other.
#[derive(Debug)]
pub struct Fixed {
    /// None: one window from the beginning to the end of time.
    calendar: Option<Calendar>,
    /// The window, by its first millisecond, and what was used in it.
    used: AtomicU128,
    /// The window that the clock is in: its first millisecond and the first of the next. Only ever moves on, so that a
    /// clock which is set back opens no window a second time.
    bounds: AtomicU128,
}

impl Fixed {
    /// Nothing used yet.
    pub const fn new(calendar: Option<Calendar>) -> Self {
        let bounds = if calendar.is_some() { word(0, 0) } else { word(0, u64::MAX) };
        Self { calendar, used: AtomicU128::new(0), bounds: AtomicU128::new(bounds) }
    }

    /// The window at `now_ms`: its first millisecond, and the first of the next one (`u64::MAX`: never).
    pub fn window(&self, now_ms: i64) -> (u64, u64) {
        let now = u64::try_from(now_ms).unwrap_or(0);
        let mut known = self.bounds.load(Ordering::Acquire);
        loop {
            let (start, end) = parts(known);
            if now < end {
                return (start, end);
            }
            let Some(calendar) = &self.calendar else { return (start, end) };
            let (start, end) = calendar.around(now_ms);
            let next = word(u64::try_from(start).unwrap_or(0), u64::try_from(end).unwrap_or(u64::MAX));
            match self.bounds.compare_exchange_weak(known, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return parts(next),
                Err(other) => known = other,
            }
        }
    }

    /// Takes `amount` if no more than `limit` is used with it, and nothing where all is used. Returns the window that it
    /// was taken in; else how much is used.
    pub fn reserve(&self, amount: u64, limit: u64, now_ms: i64) -> Result<u64, u64> {
        let fits = |used: u64| used.checked_add(amount).is_some_and(|sum| sum <= limit) && (amount > 0 || used < limit);
        self.change(now_ms, |used| if fits(used) { Ok(used + amount) } else { Err(used) })
    }

    /// Takes `amount`, whatever is left. Returns the window.
    pub fn charge(&self, amount: u64, now_ms: i64) -> u64 {
        self.change(now_ms, |used| Ok(used.saturating_add(amount))).unwrap_or_default()
    }

    fn change(&self, now_ms: i64, change: impl Fn(u64) -> Result<u64, u64>) -> Result<u64, u64> {
        let (at, _) = self.window(now_ms);
        let mut known = self.used.load(Ordering::Acquire);
        loop {
            let (window, used) = parts(known);
            // Another thread may have seen the next window already.
            let (window, used) = if window < at { (at, 0) } else { (window, used) };
            let next = word(window, change(used)?);
            match self.used.compare_exchange_weak(known, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(window),
                Err(other) => known = other,
            }
        }
    }

    /// Puts `actual` in the place of the `reserved` that was taken in `window`. A window that is over stays as it is.
    pub fn settle(&self, window: u64, reserved: u64, actual: u64) {
        let mut known = self.used.load(Ordering::Acquire);
        loop {
            let (current, used) = parts(known);
            if current != window {
                return;
            }
            let next = word(current, used.saturating_sub(reserved).saturating_add(actual));
            match self.used.compare_exchange_weak(known, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(other) => known = other,
            }
        }
    }

    /// What is used in the window at `now_ms`.
    pub fn used(&self, now_ms: i64) -> u64 {
        let (at, _) = self.window(now_ms);
        let (window, used) = parts(self.used.load(Ordering::Acquire));
        if window < at { 0 } else { used }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenrouter_shared::limits::Period;

    const DAY_MS: i64 = 86_400_000;

    fn daily() -> Fixed {
        Fixed::new(Calendar::new(Period::Day, "UTC"))
    }

    #[test]
    fn no_more_than_the_limit_is_taken_and_what_was_not_needed_comes_back() {
        let wall = Fixed::new(None);
        assert_eq!(wall.reserve(60, 100, 5), Ok(0));
        assert_eq!(wall.reserve(41, 100, 5), Err(60));
        assert_eq!(wall.reserve(40, 100, 5), Ok(0));
        assert_eq!(wall.reserve(0, 100, 5), Err(100), "nothing more, be it free");
        wall.settle(0, 60, 7);
        assert_eq!(wall.used(5), 47);
        wall.settle(0, 40, 90);
        assert_eq!(wall.used(i64::MAX), 97);
        assert_eq!(wall.reserve(u64::MAX, u64::MAX, 5), Err(97), "no overflow");
        assert_eq!(wall.reserve(0, 0, 5), Err(97));
        assert_eq!(Fixed::new(None).reserve(0, 0, 5), Err(0), "a limit of nothing allows nothing");
    }

    #[test]
    fn a_window_begins_with_nothing_and_keeps_to_itself() {
        let wall = daily();
        let first = wall.reserve(100, 100, DAY_MS - 1).unwrap();
        assert_eq!(first, 0);
        assert_eq!(wall.reserve(1, 100, DAY_MS - 1), Err(100));
        let second = wall.reserve(30, 100, DAY_MS).unwrap();
        assert_eq!(second, DAY_MS as u64);
        // What the day before reserved is no business of this day.
        wall.settle(first, 100, 5);
        assert_eq!(wall.used(DAY_MS), 30);
        wall.settle(second, 30, 40);
        assert_eq!((wall.used(DAY_MS), wall.used(2 * DAY_MS)), (40, 0));
    }

    #[test]
    fn a_clock_set_back_opens_no_window_again() {
        let wall = daily();
        wall.charge(90, DAY_MS);
        assert_eq!(wall.reserve(20, 100, DAY_MS - 1), Err(90), "the day before is over");
        assert_eq!(wall.used(0), 90);
        assert_eq!(wall.reserve(10, 100, DAY_MS - 1), Ok(DAY_MS as u64));
        assert_eq!(wall.reserve(100, 100, 2 * DAY_MS), Ok(2 * DAY_MS as u64));
    }

    #[test]
    fn many_threads_take_no_more_than_there_is() {
        let wall = daily();
        let taken: u64 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8_u64)
                .map(|thread| {
                    let wall = &wall;
                    scope.spawn(move || {
                        let mut kept = 0;
                        for round in 0..4_000_u64 {
                            let amount = 1 + (round * 7 + thread) % 5;
                            let Ok(window) = wall.reserve(amount, 1_000, 5) else { continue };
                            // Every other one costs less than was thought.
                            let actual = amount - round % 2;
                            wall.settle(window, amount, actual);
                            kept += actual;
                            assert!(wall.used(5) <= 1_000);
                        }
                        kept
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(wall.used(5), taken);
        assert!(taken >= 995, "{taken}");
    }
}
