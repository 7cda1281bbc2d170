//! What is added to sums after its time: rows that another program had written down, and what changed of rows that chunks have
//! already. Either is in chunks of its own, so that none is ever changed.

use rusqlite::Transaction;

use super::State;
use super::fold::Fold;
use super::tree::{Lane, Tier, add};
use crate::store::StoreError;
use crate::store::figures::block::{Block, Entry};

/// Rows of this many are summed up together.
const ROWS: u64 = 4_096;

/// The round of rows that are in chunks from the beginning.
pub(in crate::store) const IN_CHUNKS: i64 = 0;

/// Entries that become chunks as they come.
#[derive(Default)]
pub(in crate::store) struct Late {
    fold: Fold,
    block: Block,
    rows: u64,
}

impl Late {
    /// A row that is in no round, such as an imported one.
    pub(in crate::store) fn row(&mut self, transaction: &Transaction<'_>, entry: &Entry) -> Result<(), StoreError> {
        self.block.push(entry);
        self.rows += 1;
        if self.rows >= ROWS { self.close(transaction) } else { Ok(()) }
    }

    /// What a row that is in a chunk was, and what it is now.
    pub(in crate::store) fn change(&mut self, before: &Entry, after: &Entry) {
        if before.sums == after.sums {
            return;
        }
        self.block.at_ms.push(after.at_ms);
        for (list, dim) in self.block.dims.iter_mut().zip(after.dims) {
            list.push(dim);
        }
        // No attempt, and no time of one: only what is more or less than it was.
        for ((list, after), before) in self.block.sums.iter_mut().zip(after.sums).zip(before.sums) {
            list.push(after.saturating_sub(before));
        }
    }

    /// Makes a chunk of what is left.
    pub(in crate::store) fn close(&mut self, transaction: &Transaction<'_>) -> Result<(), StoreError> {
        if self.block.len() == 0 {
            return Ok(());
        }
        self.fold.take(&self.block, Tier::Minutes.stretch_ms(), true);
        let rows = std::mem::take(&mut self.rows);
        self.block.clear();
        add(transaction, Lane::Live, &std::mem::take(&mut self.fold).block(), rows, &mut [])
    }
}

/// Where a row's sums are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Place {
    /// In a chunk.
    Chunk,
    /// In none yet, and nobody has it in memory.
    Rows,
    /// In none yet; whoever makes the next one may have it in memory.
    Memory,
}

impl State {
    /// Where the sums of the row `id` of `round` are.
    pub(in crate::store) fn place(&self, id: i64, round: Option<i64>) -> Place {
        match round {
            Some(round) if round == self.round => Place::Memory,
            None if id > self.old_done_id && id <= self.old_until_id => Place::Rows,
            Some(_) | None => Place::Chunk,
        }
    }
}
