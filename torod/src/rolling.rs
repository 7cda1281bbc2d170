//! What was used of one thing in the last so many seconds, told in sixtieths of that time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use portable_atomic::AtomicU128;

/// Parts of a window. An amount leaves when the whole part in which it was taken is older than the window.
const PARTS: u64 = 60;
/// One more, for the part that has just begun.
const SLOTS: usize = PARTS as usize + 1;

/// How long a part of a window of `seconds` is, in milliseconds.
pub fn part_ms(seconds: u32) -> i64 {
    (i64::from(seconds) * 1_000 + PARTS.cast_signed() - 1) / PARTS.cast_signed()
}

const fn word(part: u64, amount: u64) -> u128 {
    (part as u128) << 64 | amount as u128
}

const fn parts(word: u128) -> (u64, u64) {
    ((word >> 64) as u64, word as u64)
}

/// A counter of a window that ends now. Its times are those of a clock that never goes back, so that nobody opens it
/// again by setting the machine's clock. Safe to use from any number of threads at once, without a lock.
///
/// Every amount is in `total` at least as long as in its slot, so that `total` is never below what is used.
#[derive(Debug)]
pub struct Rolling {
    /// Of one part, in milliseconds.
    part_ms: u64,
    total: AtomicU64,
    /// The part up to which what is old was taken out.
    swept: AtomicU64,
    /// The part that each slot is for, and what was used in it. Made when it is used for the first time: of many tokens
    /// few are in use.
    slots: OnceLock<Box<[AtomicU128; SLOTS]>>,
}

impl Rolling {
    /// Nothing used in the last `seconds`.
    pub fn new(seconds: u32) -> Self {
        Self {
            part_ms: part_ms(seconds).unsigned_abs(),
            total: AtomicU64::new(0),
            swept: AtomicU64::new(0),
            slots: OnceLock::new(),
        }
    }

    fn slots(&self) -> &[AtomicU128; SLOTS] {
        self.slots.get_or_init(|| Box::new([const { AtomicU128::new(0) }; SLOTS]))
    }

    fn slot(&self, part: u64) -> Option<&AtomicU128> {
        self.slots().get((part % SLOTS as u64) as usize)
    }

    /// Takes out what is too old at `now_ms`, and says which part that is.
    fn sweep(&self, now_ms: u64) -> u64 {
        let part = now_ms / self.part_ms;
        let swept = self.swept.load(Ordering::Acquire);
        if part <= swept {
            return swept;
        }
        for new in part.saturating_sub(PARTS).max(swept + 1)..=part {
            let Some(slot) = self.slot(new) else { continue };
            let mut known = slot.load(Ordering::Acquire);
            // Of those that sweep at the same time, one takes the old amount out.
            while parts(known).0 < new {
                match slot.compare_exchange_weak(known, word(new, 0), Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => {
                        self.total.fetch_sub(parts(known).1, Ordering::AcqRel);
                        break;
                    }
                    Err(other) => known = other,
                }
            }
        }
        self.swept.fetch_max(part, Ordering::AcqRel);
        part
    }

    /// Takes `amount` if no more than `limit` is used with it, and nothing where all is used. Returns the part that it
    /// was taken in; else how much is used.
    pub fn reserve(&self, amount: u64, limit: u64, now_ms: u64) -> Result<u64, u64> {
        let part = self.sweep(now_ms);
        let fits = |used: u64| used.checked_add(amount).is_some_and(|sum| sum <= limit) && (amount > 0 || used < limit);
        let taken =
            self.total.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| fits(used).then(|| used + amount));
        taken?;
        self.put(part, amount);
        Ok(part)
    }

    /// Takes `amount`, whatever is left. Returns the part.
    pub fn charge(&self, amount: u64, now_ms: u64) -> u64 {
        let part = self.sweep(now_ms);
        self.charge_part(part, amount);
        part
    }

    /// The same for an amount of `age_ms` before `now_ms`; nothing where that is too long ago.
    pub fn charge_past(&self, amount: u64, age_ms: u64, now_ms: u64) {
        let current = self.sweep(now_ms);
        let part = now_ms.saturating_sub(age_ms) / self.part_ms;
        if part + PARTS >= current {
            self.charge_part(part, amount);
        }
    }

    fn charge_part(&self, part: u64, amount: u64) {
        self.total.fetch_add(amount, Ordering::AcqRel);
        self.put(part, amount);
    }

    /// Puts an amount that `total` has already into the slot of `part`.
    fn put(&self, part: u64, amount: u64) {
        let Some(slot) = self.slot(part) else { return };
        let mut known = slot.load(Ordering::Acquire);
        loop {
            let (current, used) = parts(known);
            if current > part {
                // So late that it is too old already.
                self.total.fetch_sub(amount, Ordering::AcqRel);
                return;
            }
            let (kept, old) = if current < part { (0, used) } else { (used, 0) };
            match slot.compare_exchange_weak(
                known,
                word(part, kept.saturating_add(amount)),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => {
                    self.total.fetch_sub(old, Ordering::AcqRel);
                    return;
                }
                Err(other) => known = other,
            }
        }
    }

    /// Puts `actual` in the place of the `reserved` that was taken in `part`. What is too old stays gone.
    pub fn settle(&self, part: u64, reserved: u64, actual: u64) {
        if actual > reserved {
            self.charge_part(part, actual - reserved);
            return;
        }
        self.take_back(part, reserved - actual);
    }

    /// Takes `amount` back that was taken `age_ms` before `now_ms`, or in a part since: what was counted when this program
    /// began was counted late.
    pub fn refund_past(&self, amount: u64, age_ms: u64, now_ms: u64) {
        let current = self.sweep(now_ms);
        let first = (now_ms.saturating_sub(age_ms) / self.part_ms).max(current.saturating_sub(PARTS));
        let mut left = amount;
        for part in first..=current {
            left -= self.take_back(part, left);
        }
    }

    /// Takes back as much of `amount` as there is in `part`; says how much that was.
    fn take_back(&self, part: u64, amount: u64) -> u64 {
        let Some(slot) = self.slot(part).filter(|_| amount > 0) else { return 0 };
        let mut known = slot.load(Ordering::Acquire);
        loop {
            let (current, used) = parts(known);
            if current != part {
                return 0;
            }
            let less = amount.min(used);
            match slot.compare_exchange_weak(known, word(part, used - less), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    self.total.fetch_sub(less, Ordering::AcqRel);
                    return less;
                }
                Err(other) => known = other,
            }
        }
    }

    /// What was used in the window that ends at `now_ms`.
    pub fn used(&self, now_ms: u64) -> u64 {
        if self.slots.get().is_some() {
            self.sweep(now_ms);
        }
        self.total.load(Ordering::Acquire)
    }

    /// In how many milliseconds all that is used has left the window by itself; 0 where nothing is.
    pub fn empties_in_ms(&self, now_ms: u64) -> u64 {
        if self.slots.get().is_none() {
            return 0;
        }
        let current = self.sweep(now_ms);
        let is_used = |part: &u64| {
            self.slot(*part).is_some_and(|slot| {
                let (of, used) = parts(slot.load(Ordering::Acquire));
                of == *part && used > 0
            })
        };
        let newest = (current.saturating_sub(PARTS)..=current).rev().find(is_used);
        newest.map_or(0, |part| ((part + PARTS + 1) * self.part_ms).saturating_sub(now_ms))
    }

    /// In how many milliseconds `amount` of what is used has left the window by itself; none where so much is not used.
    pub fn frees_in_ms(&self, amount: u64, now_ms: u64) -> Option<u64> {
        let current = self.sweep(now_ms);
        let mut free = 0_u64;
        for part in current.saturating_sub(PARTS)..=current {
            let (of, used) = parts(self.slot(part)?.load(Ordering::Acquire));
            if of == part {
                free = free.saturating_add(used);
                if free >= amount && used > 0 {
                    return Some(((part + PARTS + 1) * self.part_ms).saturating_sub(now_ms));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: u64 = 1_000_000_000;

    #[test]
    fn a_window_is_full_for_its_whole_length() {
        let wall = Rolling::new(60);
        assert_eq!(wall.used(NOW), 0);
        for n in 0..10 {
            assert!(wall.reserve(1, 10, NOW + n * 100).is_ok());
        }
        assert_eq!(wall.reserve(1, 10, NOW + 59_999), Err(10));
        assert_eq!(wall.reserve(0, 10, NOW + 59_999), Err(10));
        assert_eq!((wall.frees_in_ms(1, NOW), wall.empties_in_ms(NOW)), (Some(61_000), 61_000));
        assert!(wall.reserve(10, 10, NOW + 61_000).is_ok(), "all of them came in the first second");
        assert_eq!(wall.used(NOW + 300_000), 0);
        assert_eq!((wall.frees_in_ms(1, NOW + 300_000), wall.empties_in_ms(NOW + 300_000)), (None, 0));
    }

    #[test]
    fn what_is_settled_counts_when_it_was_taken() {
        let wall = Rolling::new(60);
        let first = wall.reserve(50, 100, NOW).unwrap();
        let second = wall.reserve(50, 100, NOW + 30_000).unwrap();
        wall.settle(first, 50, 20);
        assert_eq!(wall.used(NOW + 30_000), 70);
        wall.settle(second, 50, 80);
        assert_eq!(wall.used(NOW + 30_000), 100);
        assert_eq!(wall.used(NOW + 61_000), 80);
        // It has left already, so that nothing of it can come back or be added.
        wall.settle(first, 20, 0);
        wall.settle(first, 20, 500);
        assert_eq!((wall.used(NOW + 61_000), wall.used(NOW + 91_000)), (80, 0));
    }

    #[test]
    fn a_clock_that_goes_back_takes_nothing_out_twice() {
        let wall = Rolling::new(60);
        wall.charge(5, NOW);
        wall.charge(5, NOW - 59_000);
        wall.charge(5, NOW - 600_000);
        assert_eq!(wall.used(NOW), 15);
        assert_eq!((wall.used(NOW + 61_000), wall.used(NOW)), (0, 0));
        wall.charge_past(7, 30_000, NOW + 61_000);
        wall.charge_past(7, 62_000, NOW + 61_000);
        assert_eq!((wall.used(NOW + 61_000), wall.used(NOW + 92_000)), (7, 0));
    }

    #[test]
    fn many_threads_take_no_more_than_there_is_and_all_of_it_leaves() {
        let wall = Rolling::new(1);
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let wall = &wall;
                scope.spawn(move || {
                    for round in 0..3_000_u64 {
                        let now = NOW + round + thread;
                        let Ok(part) = wall.reserve(3, 50, now) else { continue };
                        assert!(wall.used(now) <= 50);
                        wall.settle(part, 3, round % 4);
                    }
                });
            }
        });
        assert_eq!(wall.used(NOW + 10_000), 0);
        assert!(wall.reserve(50, 50, NOW + 10_000).is_ok());
    }

    /// Takes `amount` of 100, if it is there, and notes it.
    fn take(wall: &Rolling, amount: u64, now: u64, taken: &mut Vec<(u64, u64)>) {
        if wall.reserve(amount, 100, now).is_ok() {
            taken.push((now, amount));
        }
    }

    proptest! {
        #[test]
        fn never_more_in_any_window_and_never_less_than_is_used(
            steps in prop::collection::vec((0_u64..2_500, 1_u64..40), 1..200)
        ) {
            let wall = Rolling::new(10);
            let mut now = NOW;
            let mut taken: Vec<(u64, u64)> = Vec::new();
            for (pause, amount) in steps {
                now += pause;
                take(&wall, amount, now, &mut taken);
                let within = |long: u64| taken.iter().filter(|(at, _)| at + long > now).map(|(_, n)| n).sum::<u64>();
                let used = wall.used(now);
                prop_assert!(within(10_000) <= used && used <= within(10_000 + 2 * 167), "{used}");
                prop_assert!(used <= 100);
            }
        }

        /// Whoever comes when it is told to is let in, not a moment before, and no later than the parts of the window tell.
        #[test]
        fn room_is_there_when_it_was_told_to_be(
            steps in prop::collection::vec((0_u64..2_500, 1_u64..40), 1..80), wanted in 1_u64..=100,
        ) {
            let wall = Rolling::new(10);
            let mut now = NOW;
            let mut taken: Vec<(u64, u64)> = Vec::new();
            for (pause, amount) in steps {
                now += pause;
                take(&wall, amount, now, &mut taken);
            }
            let excess = (wall.used(now) + wanted).saturating_sub(100);
            prop_assume!(excess > 0);
            let free_ms = wall.frees_in_ms(excess, now).unwrap();
            let left = |at: u64| taken.iter().filter(|(then, _)| then + 10_000 > at).map(|(_, n)| n).sum::<u64>();
            let exact_ms = (0..=10_000).find(|ms| left(now + ms) + wanted <= 100).unwrap();
            prop_assert!(exact_ms <= free_ms && free_ms <= exact_ms + 2 * 167, "{exact_ms} {free_ms}");
            prop_assert!(wall.reserve(wanted, 100, now + free_ms - 1).is_err());
            prop_assert!(wall.reserve(wanted, 100, now + free_ms).is_ok());
        }
    }
}
