//! How far the budgets of tokens are used up, as alerts see it: what requests under way may give back does not count.

use std::collections::BTreeSet;

use tokenrouter_shared::limits::{BudgetUnit, Window};

use super::fact::{Fact, Family};
use super::standing::Seen;
use crate::access::refusal::amount_of;
use crate::access::wall::{Moment, Purpose, Wall};
use crate::access::{TokenEntry, TokenIndex};
use tokenrouter_shared::token::TokenState;

/// So much less than a mark must be used until it is over, in percent of the whole.
const MARGIN: u32 = 5;
/// The most facts of one round.
const MOST: usize = 20_000;

/// Whose budgets are looked at.
pub(super) enum Whose {
    /// Everybody's.
    All,
    /// Of the tokens with these numbers and those above them.
    These(BTreeSet<i64>),
}

/// Adds what is seen at `now`.
pub(super) fn see(tokens: &TokenIndex, whose: &Whose, marks: &[u32], now: Moment, facts: &mut Vec<Fact>) {
    if marks.is_empty() {
        return;
    }
    match whose {
        Whose::All => tokens.each(|token| see_one(token, marks, now, facts)),
        Whose::These(ids) => {
            let mut done = BTreeSet::new();
            for token in ids.iter().filter_map(|id| tokens.by_id(*id)) {
                for token in token.chain() {
                    if done.insert(token.id) {
                        see_one(token, marks, now, facts);
                    }
                }
            }
        }
    }
}

fn see_one(token: &TokenEntry, marks: &[u32], now: Moment, facts: &mut Vec<Fact>) {
    let walls = token.meter.walls();
    let Some(walls) = walls.as_ref() else { return };
    if facts.len() >= MOST || token.state(now.now_ms) != TokenState::Live {
        return;
    }
    let budgets = walls.walls.iter().filter(|wall| wall.purpose == Purpose::Budget && wall.limit > 0 && !wall.is_new);
    facts.extend(budgets.map(|wall| fact(token, wall, marks, now)));
}

fn fact(token: &TokenEntry, wall: &Wall, marks: &[u32], now: Moment) -> Fact {
    // Read after what is held: what is given back in between makes it too little, and is seen the next time.
    let held = wall.counter.held();
    let used = wall.counter.used(now).saturating_sub(held);
    let resets_ms =
        wall.counter.resets_in_ms(now).map(|ms| now.now_ms.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)));
    let seen = seen(used, wall.limit, marks);
    let episode = match wall.window {
        Window::Calendar { .. } => wall.counter.since_ms(&wall.window, now),
        Window::Lifetime | Window::Rolling { .. } => 0,
    };
    Fact {
        family: Family::Budget,
        key: format!("{}:{}:{}", token.public_id, unit(wall.unit), window(&wall.window)),
        seen: Seen { episode, ..seen },
        marks: marks.to_vec(),
        subject: token.name.to_string(),
        what: format!("the budget of {} {}", amount_of(wall.unit, wall.limit), in_words(&wall.window)),
        permille: permille(used, wall.limit),
        resets_ms,
    }
}

/// The greatest mark that `used` has passed, and the greatest that it is not clear of.
fn seen(used: u64, limit: u64, marks: &[u32]) -> Seen {
    let passes = |mark: u32| u128::from(used) * 100 >= u128::from(limit) * u128::from(mark);
    let greatest =
        |less: u32| marks.iter().copied().filter(|mark| passes(mark.saturating_sub(less).max(1))).max().unwrap_or(0);
    let level = greatest(0);
    Seen { level, leave: greatest(MARGIN).max(level), episode: 0 }
}

fn permille(used: u64, limit: u64) -> Option<u32> {
    u32::try_from(u128::from(used) * 1_000 / u128::from(limit.max(1))).ok()
}

const fn unit(unit: BudgetUnit) -> &'static str {
    match unit {
        BudgetUnit::Requests => "requests",
        BudgetUnit::Tokens => "tokens",
        BudgetUnit::UsdNanos => "usd",
    }
}

fn window(window: &Window) -> String {
    match window {
        Window::Lifetime => "lifetime".to_owned(),
        Window::Rolling { seconds } => format!("{seconds}s"),
        Window::Calendar { period, time_zone } => format!("{}({time_zone})", period.as_str()),
    }
}

fn in_words(window: &Window) -> String {
    match window {
        Window::Lifetime => "for the life".to_owned(),
        Window::Rolling { seconds } => format!("in {seconds} s"),
        Window::Calendar { period, time_zone } => format!("a {} ({time_zone})", period.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_passed_exactly_and_left_with_a_margin() {
        let at = |used| {
            let seen = seen(used, 200, &[50, 80, 100]);
            (seen.level, seen.leave)
        };
        assert_eq!((at(0), at(89), at(90)), ((0, 0), (0, 0), (0, 50)));
        assert_eq!((at(99), at(100), at(149), at(150)), ((0, 50), (50, 50), (50, 50), (50, 80)));
        assert_eq!((at(160), at(199), at(200), at(u64::MAX)), ((80, 80), (80, 100), (100, 100), (100, 100)));
        assert_eq!(seen(5, 5, &[]), Seen::default());
        assert_eq!(seen(u64::MAX, u64::MAX, &[100]).level, 100);
        assert_eq!((permille(1, 3), permille(u64::MAX, 1)), (Some(333), None));
    }
}
