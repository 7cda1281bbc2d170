//! How one thing stands: told once when it passes a mark, again only after it was well, and not within the quiet time.

use serde::{Deserialize, Serialize};

/// How one thing is seen now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The greatest mark that is passed; 0 for none.
    pub level: u32,
    /// The greatest mark that it is not clear of yet: no less than `level`, so that what wavers is told once.
    pub leave: u32,
    /// Another number for another window, in which everything begins anew.
    pub episode: i64,
}

/// How one thing stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// The greatest mark that holds.
    pub level: u32,
    /// The window that it is about.
    pub episode: i64,
    /// The greatest mark that was told in the quiet time that runs.
    pub told_level: u32,
    /// When something was told last, in milliseconds since 1970.
    pub told_ms: i64,
}

/// What changes for one thing. Marks are those above the first number up to the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// These are over.
    pub resolved: (u32, u32),
    /// These begin.
    pub fired: (u32, u32),
    /// It is worse than was told, and told when the quiet time is over.
    pub waits: bool,
}

impl Change {
    /// Whether `mark` begins.
    pub(super) const fn fires(&self, mark: u32) -> bool {
        self.fired.0 < mark && mark <= self.fired.1
    }

    /// Whether `mark` is over.
    pub(super) const fn resolves(&self, mark: u32) -> bool {
        self.resolved.0 < mark && mark <= self.resolved.1
    }
}

impl Standing {
    /// Whether nothing of it needs to be remembered at `now_ms`.
    pub(super) const fn is_forgotten(&self, now_ms: i64, quiet_ms: i64) -> bool {
        self.level == 0 && self.is_quiet_over(now_ms, quiet_ms)
    }

    const fn is_quiet_over(&self, now_ms: i64, quiet_ms: i64) -> bool {
        let since = now_ms.saturating_sub(self.told_ms);
        // A clock that was set back keeps nobody quiet for longer than it should.
        since >= quiet_ms || since < 0
    }

    /// It is seen so at `now_ms`; what was told is not told again for `quiet_ms`.
    pub(super) fn step(&mut self, seen: Seen, now_ms: i64, quiet_ms: i64) -> Change {
        let mut change = Change::default();
        if seen.episode != self.episode {
            change.resolved = (0, self.level);
            *self = Self { episode: seen.episode, ..Self::default() };
        }
        if self.is_quiet_over(now_ms, quiet_ms) {
            self.told_level = 0;
        }
        if seen.level > self.level {
            let from = self.level.max(self.told_level);
            if seen.level > from {
                change.fired = (from, seen.level);
                (self.level, self.told_level, self.told_ms) = (seen.level, seen.level, now_ms);
            } else {
                change.waits = true;
            }
        } else if seen.leave < self.level {
            change.resolved = (seen.leave, self.level);
            self.level = seen.leave;
        }
        change
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const QUIET: i64 = 1_000;

    fn seen(level: u32, leave: u32) -> Seen {
        Seen { level, leave, episode: 0 }
    }

    #[test]
    fn marks_are_told_in_order_and_once() {
        let mut standing = Standing::default();
        assert_eq!(standing.step(seen(0, 0), 5_000, QUIET), Change::default());
        let change = standing.step(seen(50, 50), 5_000, QUIET);
        assert!(change.fires(50) && !change.fires(80));
        assert_eq!(standing.step(seen(50, 80), 5_001, QUIET), Change::default());
        let change = standing.step(seen(100, 100), 5_002, QUIET);
        assert!(!change.fires(50) && change.fires(80) && change.fires(100), "worse is told at once: {change:?}");
        let change = standing.step(seen(0, 0), 5_003, QUIET);
        assert!(change.resolves(50) && change.resolves(80) && change.resolves(100));
        let change = standing.step(seen(50, 50), 5_004, QUIET);
        assert_eq!((change.fired, change.waits), ((0, 0), true), "not so soon again");
        assert!(standing.step(seen(50, 50), 6_002, QUIET).fires(50));
    }

    #[test]
    fn what_wavers_about_a_mark_is_told_once_and_another_window_begins_anew() {
        let mut standing = Standing::default();
        assert!(standing.step(seen(1, 1), 0, QUIET).fires(1));
        for n in 1..50 {
            assert_eq!(standing.step(seen(u32::from(n % 2 == 0), 1), n * 900, QUIET), Change::default());
        }
        let change = standing.step(Seen { level: 1, leave: 1, episode: 7 }, 50_000, QUIET);
        assert!(change.resolves(1) && change.fires(1));
        let change = standing.step(Seen { level: 1, leave: 1, episode: 8 }, 50_001, QUIET);
        assert!(change.resolves(1) && change.fires(1), "however soon");
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nobody_quiet() {
        let mut standing = Standing::default();
        standing.step(seen(1, 1), 1_000_000, QUIET);
        standing.step(seen(0, 0), 1_000_001, QUIET);
        assert!(standing.step(seen(1, 1), 5, QUIET).fires(1));
    }

    proptest! {
        #[test]
        fn nothing_is_told_twice_and_nothing_bad_is_kept_back_for_good(
            steps in proptest::collection::vec((0_u32..4, 0_u32..4, 0_i64..400, 0_i64..2), 1..200),
        ) {
            let (mut standing, mut now, mut open, mut last) =
                (Standing::default(), 0, HashMap::<u32, bool>::new(), HashMap::<(u32, i64), i64>::new());
            let (mut bad_since, mut episode) = (None::<i64>, 0);
            for (level, more, ms, other) in steps {
                now += ms;
                if other == 1 && ms == 0 {
                    episode += 1;
                }
                let seen = Seen { level, leave: level.max(more), episode };
                let before = standing;
                let change = standing.step(seen, now, QUIET);
                for mark in 1..=3 {
                    if change.resolves(mark) {
                        open.insert(mark, false);
                    }
                    if change.fires(mark) {
                        prop_assert!(!open.get(&mark).copied().unwrap_or(false), "{mark} was told and is not over");
                        open.insert(mark, true);
                        let then = last.insert((mark, episode), now);
                        prop_assert!(then.is_none_or(|then| now - then >= QUIET), "{mark} was told a moment ago");
                        prop_assert!(mark <= level);
                    }
                    prop_assert!(!open.get(&mark).copied().unwrap_or(false) || mark <= standing.level);
                }
                prop_assert!(standing.level <= seen.leave.max(level));
                bad_since = if level > standing.level { bad_since.or(Some(before.told_ms)) } else { None };
                prop_assert!(bad_since.is_none_or(|_| now - standing.told_ms < QUIET), "it waits for no reason");
                // What is remembered survives a restart.
                let again: Standing = serde_json::from_str(&serde_json::to_string(&standing).unwrap()).unwrap();
                prop_assert_eq!(again, standing);
            }
        }
    }
}
