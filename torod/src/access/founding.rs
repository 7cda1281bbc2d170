//! What was used before a budget was there: at a start, and where a token is given another budget, counters begin with
//! the sums in the database.
//!
//! The sums are of what tokens used by themselves. Each is charged to the token and to every one above it, also to those
//! above a token that was removed since.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tokenrouter_shared::limits::{BudgetUnit, Window};

use super::meter::Meter;
use super::wall::{Amounts, Moment, Wall, Walls};
use super::{TokenEntry, TokenIndex};
use crate::rolling;
use crate::store::spend::{self, Pieces, QUARTER_MS, SPAN_MS, Spent};
use crate::store::{Connection, StoreError};

/// A new wall of a token, from when on what was used counts, and in which pieces it is read.
struct Job {
    wall: Wall,
    since_ms: i64,
    pieces: Pieces,
}

impl Job {
    fn new(wall: &Wall, now: Moment) -> Self {
        let since_ms = wall.counter.since_ms(&wall.window, now);
        let (since_ms, pieces) = match wall.window {
            // All of it leaves together: only the beginning must be exact.
            Window::Lifetime | Window::Calendar { .. } => (since_ms, Pieces::Spans),
            // A piece leaves with its last moment, late by its length. It is not longer than about what such a window tells
            // apart anyway.
            Window::Rolling { seconds } => match rolling::part_ms(seconds) {
                part_ms if part_ms >= SPAN_MS / 2 => (since_ms - since_ms.rem_euclid(SPAN_MS), Pieces::Spans),
                part_ms if part_ms >= QUARTER_MS => (since_ms - since_ms.rem_euclid(QUARTER_MS), Pieces::Quarters),
                _ => (since_ms, Pieces::Quarters),
            },
        };
        Self { wall: wall.clone(), since_ms, pieces }
    }
}

/// Every new wall, by its token.
type Jobs = HashMap<i64, Vec<Job>>;

/// Founds every new wall of `tokens`; reads nothing where there is none.
///
/// On the connection of the writer, between two batches: what is settled from now on is not in the database yet.
pub fn found<'m>(
    connection: &Connection,
    index: &TokenIndex,
    tokens: impl IntoIterator<Item = (i64, &'m Arc<Meter>)>,
    now: Moment,
) -> Result<(), StoreError> {
    let mut jobs = Jobs::new();
    let mut meters = Vec::new();
    for (id, meter) in tokens {
        let walls = meter.walls();
        let new = walls.iter().flat_map(|walls| walls.all()).filter(|wall| wall.is_new).map(|wall| Job::new(wall, now));
        let new: Vec<Job> = new.collect();
        if !new.is_empty() {
            jobs.insert(id, new);
            meters.push(meter);
        }
    }
    if jobs.is_empty() {
        return Ok(());
    }
    let tree = Tree { index, removed: spend::removed(connection)?, jobs: &jobs };
    let all = || jobs.values().flatten();
    if all().any(|job| job.wall.window.is_lifetime()) {
        spend::totals(connection, |spent| tree.charge(&spent, |job| job.wall.window.is_lifetime(), now))?;
    }
    // Windows that began at the same time are read together.
    let of = |job: &Job| (job.since_ms, job.pieces);
    let starts: BTreeSet<(i64, Pieces)> = all().filter(|job| !job.wall.window.is_lifetime()).map(of).collect();
    for (since_ms, pieces) in starts {
        let is_due = |job: &Job| !job.wall.window.is_lifetime() && of(job) == (since_ms, pieces);
        spend::since(connection, since_ms, pieces, |spent| tree.charge(&spent, is_due, now))?;
    }
    for meter in meters {
        meter.founded();
    }
    Ok(())
}

/// Founds every wall that there is.
pub fn found_all(connection: &Connection, index: &TokenIndex, now: Moment) -> Result<(), StoreError> {
    let mut tokens = Vec::new();
    index.each(|token| {
        if token.meter.is_new() {
            tokens.push((token.id, Arc::clone(&token.meter)));
        }
    });
    found(connection, index, tokens.iter().map(|(id, meter)| (*id, meter)), now)
}

/// Founds what a change of `token` has put up. The change holds whatever comes of this: a budget that could not be founded
/// counts from now on, and all of it after the next start.
pub fn found_again(connection: &Connection, index: &TokenIndex, token: Option<i64>, now: Moment) {
    let Some(token) = token.and_then(|id| index.by_id(id)) else { return };
    if let Err(error) = found(connection, index, [(token.id, &token.meter)], now) {
        tracing::error!(%error, token = &*token.name, "a new budget does not know what was used before it was there");
    }
}

/// Puts budgets right by `differences` of what tokens were charged: what is above zero is charged besides, what is below is
/// given back. In the writer's turn in which they were written.
pub fn correct(
    connection: &Connection,
    index: &TokenIndex,
    differences: &[Spent],
    now: Moment,
) -> Result<(), StoreError> {
    if differences.is_empty() {
        return Ok(());
    }
    let removed = spend::removed(connection)?;
    for difference in differences {
        let Some(token) = payer(index, &removed, difference.token_id) else { continue };
        let age_ms = u64::try_from(now.now_ms.saturating_sub(difference.at_ms)).unwrap_or(0);
        for wall in token.chain().flat_map(|token| token.meter.walls().iter().flat_map(money).collect::<Vec<_>>()) {
            let nanos = difference.sum.nanos;
            // What is not founded yet is founded with what is written; what is before its window is none of its business.
            if wall.is_new || difference.at_ms < wall.counter.since_ms(&wall.window, now) {
                continue;
            }
            if nanos > 0 {
                wall.counter.charge_past(nanos.unsigned_abs(), age_ms, now);
            } else {
                wall.counter.refund_past(nanos.unsigned_abs(), age_ms, now);
            }
        }
    }
    Ok(())
}

/// The walls that count money.
fn money(walls: &Arc<Walls>) -> Vec<Wall> {
    walls.all().filter(|wall| wall.unit == BudgetUnit::UsdNanos).cloned().collect()
}

/// The token `id`, or the nearest one above it that was not removed.
fn payer(index: &TokenIndex, removed: &HashMap<i64, i64>, id: i64) -> Option<Arc<TokenEntry>> {
    let mut id = Some(id);
    // A tree cannot be deeper than it has tokens; a damaged table must not keep us here for ever.
    let mut steps = removed.len() + 1;
    while let Some(at) = id {
        if let Some(token) = index.by_id(at) {
            return Some(token);
        }
        steps -= 1;
        id = removed.get(&at).copied().filter(|_| steps > 0);
    }
    None
}

/// Who pays for whom.
struct Tree<'a> {
    index: &'a TokenIndex,
    /// By the number of a removed token: the one above it.
    removed: HashMap<i64, i64>,
    jobs: &'a Jobs,
}

impl Tree<'_> {
    fn charge(&self, spent: &Spent, is_due: impl Fn(&Job) -> bool, now: Moment) {
        let amounts = Amounts::from(spent.sum);
        let age_ms = u64::try_from(now.now_ms.saturating_sub(spent.at_ms)).unwrap_or(0);
        let pay = |id: &i64| {
            for job in self.jobs.get(id).into_iter().flatten().filter(|job| is_due(job)) {
                let amount = amounts.of(job.wall.unit);
                match job.wall.window {
                    Window::Rolling { .. } => job.wall.counter.charge_past(amount, age_ms, now),
                    _ => job.wall.counter.charge(amount, now),
                }
            }
        };
        if let Some(token) = payer(self.index, &self.removed, spent.token_id) {
            token.chain().for_each(|token| pay(&token.id));
        }
    }
}
