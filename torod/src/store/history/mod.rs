//! Usage summed up as it grows old, so that a question over millions of rows reads thousands of sums.
//!
//! Rows are summed up in the order in which they were written, [`CHUNK`] at a time: a *chunk* has one entry for each stretch
//! of five minutes and each combination of dimensions that its rows had, column by column. Some chunks in a row become one
//! of the next *tier*, with stretches of an hour, and some of these one with days. So a row that comes late, as that of a long
//! stream does, or with a clock that was set back, is in the chunk that is being made, under its own time, and no chunk is
//! ever changed. A question (`figures/source`) takes the highest chunks that lie within its span and goes down where the
//! span cuts one. What is in no chunk yet, and the five minutes that the span cuts, it reads from the rows.
//!
//! Every row is in one chunk of the lowest tier, or its `round` is that of `usage_fold` (it is in none yet), or it is from
//! before there were chunks and beyond `old_done_id`. A chunk and the step of `usage_fold` are one transaction.

pub(in crate::store) mod codec;
pub(in crate::store) mod column;
pub(in crate::store) mod fold;
mod keeper;
pub(in crate::store) mod late;
mod old;
mod prune;
mod tree;

pub(in crate::store) use super::figures::block::{DIMS, SUMS};
pub use keeper::History;
pub(in crate::store) use keeper::hash;
pub use old::{sum_up_old, sum_up_old_by};
pub use prune::{Cutoffs, Pruned, preview, step as prune_step};
pub(in crate::store) use tree::{Lane, Node, Tier, children, data, named, roots, totals};

use rusqlite::{Connection, Row};

use super::StoreError;

/// So many rows are summed up together.
pub const CHUNK: u64 = 4_096;

/// The newest of everything: no row is.
const NONE_YET: i64 = i64::MAX;

/// How far summing up is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct State {
    /// Of the rows that are in no chunk yet.
    pub(in crate::store) round: i64,
    /// None of these has a smaller id.
    pub(in crate::store) oldest_id: i64,
    /// Rows from before: up to this id they are in chunks.
    pub(in crate::store) old_done_id: i64,
    /// The last of them.
    pub(in crate::store) old_until_id: i64,
    /// Rows from before this time were deleted.
    pub(in crate::store) gone_ms: i64,
}

/// Which edition of the rows there is: it grows when rows were changed that may be in memory.
pub(in crate::store) fn edition(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.prepare_cached("SELECT edition FROM usage_fold")?.query_row([], |row| row.get(0))?)
}

impl State {
    /// Whether rows from before are in chunks, all of them.
    pub(in crate::store) const fn is_all_summed_up(&self) -> bool {
        self.old_done_id >= self.old_until_id
    }

    /// What the database says.
    pub(in crate::store) fn read(connection: &Connection) -> Result<Self, StoreError> {
        let state = |row: &Row<'_>| {
            Ok(Self {
                round: row.get(0)?,
                oldest_id: row.get(1)?,
                old_done_id: row.get(2)?,
                old_until_id: row.get(3)?,
                gone_ms: row.get(4)?,
            })
        };
        let sql = "SELECT round, oldest_id, old_done_id, old_until_id, gone_ms FROM usage_fold";
        Ok(connection.prepare_cached(sql)?.query_row([], state)?)
    }
}
