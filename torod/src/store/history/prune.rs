//! Removes what is older than it is to be kept, a little at a time. Pages that come free are used by the next rows, so the
//! file does not grow while as much goes as comes; giving them back to the file system would mean to move every row.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use tokenrouter_shared::ids::{first_of_ms, ms_of};

use super::State;
use super::keeper::close_round;
use super::tree::{Lane, Tier, remove_one};
use crate::store::StoreError;

/// So many rows go at once: a millisecond or two.
const STEP: i64 = 1_000;

/// What was before these times goes, in milliseconds since 1970; 0: nothing does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cutoffs {
    /// Rows, and their sums by five minutes.
    pub rows_ms: i64,
    /// Sums by hours.
    pub hours_ms: i64,
    /// Sums by days.
    pub days_ms: i64,
}

/// What goes, or would go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Rows.
    pub rows: u64,
    /// Chunks of sums.
    pub chunks: u64,
}

impl Pruned {
    /// Whether that is nothing.
    pub const fn is_nothing(self) -> bool {
        self.rows == 0 && self.chunks == 0
    }
}

/// Rows below this id may go: no row that sums do not have yet.
fn bound(state: &State, rows_ms: i64) -> i64 {
    let whole = if state.old_done_id < state.old_until_id { state.old_done_id.saturating_add(1) } else { i64::MAX };
    first_of_ms(rows_ms).min(state.oldest_id).min(whole)
}

/// Removes a little. Says what; nothing when all is done.
pub fn step(connection: &mut Connection, cutoffs: &Cutoffs) -> Result<Pruned, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut state = State::read(&transaction)?;
    // Rows of a gateway that has little to do are old before there are enough of them for a chunk.
    if state.oldest_id < first_of_ms(cutoffs.rows_ms) {
        state = close_round(&transaction)?;
    }
    let until = bound(&state, cutoffs.rows_ms);
    let last: Option<i64> = transaction
        .prepare_cached("SELECT max(id) FROM (SELECT id FROM usage WHERE id < ?1 ORDER BY id LIMIT ?2)")?
        .query_row((until, STEP), |row| row.get(0))?;
    if let Some(last) = last {
        let rows = transaction.prepare_cached("DELETE FROM usage WHERE id <= ?1")?.execute([last])?;
        transaction.prepare_cached("DELETE FROM usage_failure WHERE id <= ?1")?.execute([last])?;
        transaction.prepare_cached("DELETE FROM usage_detail WHERE id <= ?1")?.execute([last])?;
        transaction.prepare_cached("DELETE FROM usage_degraded WHERE id <= ?1")?.execute([last])?;
        let gone_ms = state.gone_ms.max(ms_of(last).saturating_add(1));
        transaction.prepare_cached("UPDATE usage_fold SET gone_ms = ?1")?.execute([gone_ms])?;
        transaction.commit()?;
        return Ok(Pruned { rows: rows as u64, chunks: 0 });
    }
    let tiers = [(Tier::Minutes, cutoffs.rows_ms), (Tier::Hours, cutoffs.hours_ms), (Tier::Days, cutoffs.days_ms)];
    for (tier, until_ms) in tiers {
        for lane in Lane::ALL {
            if until_ms > 0 && remove_one(&transaction, lane, tier, until_ms)? {
                transaction.commit()?;
                return Ok(Pruned { rows: 0, chunks: 1 });
            }
        }
    }
    Ok(Pruned::default())
}

/// How many rows [`step`] would remove in the end, and from when to when they are, in milliseconds since 1970.
pub fn preview(connection: &Connection, rows_ms: i64) -> Result<(u64, Option<(i64, i64)>), StoreError> {
    let until = bound(&State { oldest_id: i64::MAX, ..State::read(connection)? }, rows_ms);
    let rows: i64 = connection.query_row("SELECT count(*) FROM usage WHERE id < ?1", [until], |row| row.get(0))?;
    let end = |order: &str| {
        let sql = format!("SELECT id FROM usage WHERE id < ?1 ORDER BY id {order} LIMIT 1");
        connection.query_row(&sql, [until], |row| row.get(0)).optional()
    };
    let span = end("ASC")?.zip(end("DESC")?).map(|(first, last): (i64, i64)| (ms_of(first), ms_of(last)));
    Ok((u64::try_from(rows).unwrap_or(0), span))
}
