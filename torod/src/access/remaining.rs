//! What is left of a token's limits: the tightest of them and of those above it for its requests, its own for its owner.

use tokenrouter_shared::budget::{BudgetView, LeftView};
use tokenrouter_shared::limits::BudgetUnit;

use super::TokenEntry;
use super::refusal::Refused;
use super::wall::{Amounts, Moment, Purpose, Wall};

/// The tightest wall of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tightest {
    /// How high it is.
    pub limit: u64,
    /// What is left.
    pub left: u64,
    /// In how many milliseconds all of it is there again; none: never by itself.
    pub resets_in_ms: Option<u64>,
}

impl Tightest {
    fn of(wall: &Wall, now: Moment) -> Self {
        let used = wall.counter.used(now);
        let resets_in_ms = wall.counter.resets_in_ms(now);
        Self { limit: wall.limit, left: wall.limit.saturating_sub(used), resets_in_ms }
    }
}

/// The tightest walls for requests of one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remaining {
    /// Of requests.
    pub requests: Option<Tightest>,
    /// Of LLM tokens.
    pub tokens: Option<Tightest>,
    /// Of nano-dollars.
    pub nanos: Option<Tightest>,
}

impl Remaining {
    /// What is left for `token`; none where neither it nor one above it has such a limit.
    pub fn of(token: &TokenEntry, now: Moment) -> Option<Self> {
        let mut remaining = None;
        for token in token.chain() {
            for wall in token.meter.walls().iter().flat_map(|walls| walls.all()) {
                let remaining: &mut Self = remaining.get_or_insert_default();
                let place = match wall.unit {
                    BudgetUnit::Requests => &mut remaining.requests,
                    BudgetUnit::Tokens => &mut remaining.tokens,
                    BudgetUnit::UsdNanos => &mut remaining.nanos,
                };
                let this = Tightest::of(wall, now);
                if place.is_none_or(|place| this.left < place.left) {
                    *place = Some(this);
                }
            }
        }
        remaining
    }
}

/// What is left for the next request of `token`, of each unit that it or one above it has a limit of.
pub fn left(token: &TokenEntry, now: Moment) -> Vec<LeftView> {
    let remaining = Remaining::of(token, now).unwrap_or_default();
    let units = [
        (BudgetUnit::Requests, remaining.requests),
        (BudgetUnit::Tokens, remaining.tokens),
        (BudgetUnit::UsdNanos, remaining.nanos),
    ];
    let view = |(unit, tightest): (BudgetUnit, Option<Tightest>)| {
        let Tightest { limit, left, resets_in_ms } = tightest?;
        Some(LeftView { unit, limit, remaining: left, resets_ms: resets_ms(resets_in_ms, now) })
    };
    units.into_iter().filter_map(view).collect()
}

/// A time to come, in milliseconds since 1970.
fn resets_ms(in_ms: Option<u64>, now: Moment) -> Option<i64> {
    in_ms.map(|ms| now.now_ms.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
}

/// Of the walls of `token` and of those above it that are `meant`, the one that will keep a request from what is `wanted`
/// longest: whoever comes back when it is told to is not sent away by another. Nothing is reserved.
pub fn in_the_way(token: &TokenEntry, wanted: &Amounts, now: Moment, meant: impl Fn(&Wall) -> bool) -> Option<Refused> {
    let mut longest: Option<Refused> = None;
    for at in token.chain() {
        let walls = at.meter.walls();
        let full = walls.iter().flat_map(|walls| walls.all()).filter(|wall| meant(wall) && !wall.has_room(wanted, now));
        for wall in full {
            let refused = Refused::wall(wall, token, at, wanted, now);
            if longest.as_ref().is_none_or(|longest| refused.outlasts(longest)) {
                longest = Some(refused);
            }
        }
    }
    longest
}

/// How the budgets of `token` itself stand.
pub fn budgets(token: &TokenEntry, now: Moment) -> Vec<BudgetView> {
    let walls = token.meter.walls();
    let budgets = walls.iter().flat_map(|walls| &walls.walls).filter(|wall| wall.purpose == Purpose::Budget);
    let view = |wall: &Wall| {
        let Tightest { limit, left, resets_in_ms } = Tightest::of(wall, now);
        BudgetView {
            unit: wall.unit,
            limit,
            window: wall.window.clone(),
            used: wall.counter.used(now),
            remaining: left,
            resets_ms: resets_ms(resets_in_ms, now),
        }
    };
    budgets.map(view).collect()
}
