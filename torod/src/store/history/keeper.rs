//! The writer's side of summing up: what was written and is in no chunk yet, and the chunk that it becomes.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::fold::Fold;
use super::old::REQUEST_ID;
use super::tree::{Lane, Tier, add, merge};
use super::{CHUNK, NONE_YET, State, edition};
use crate::store::StoreError;
use crate::store::figures::block::{Block, COLUMNS, Entry};
use crate::store::usage::Written;

/// Rows of this many are read together.
const BLOCK: usize = 4_096;

/// What is in no chunk yet.
struct Pending {
    state: State,
    /// Of the rows that it was made of.
    edition: i64,
    fold: Fold,
    /// How many rows that is.
    rows: u64,
    /// Hashes of the ids that clients gave their requests.
    named: Vec<u32>,
}

/// Sums up rows as they are written. Everything that is in memory can be read from the rows again: after a failure it is.
pub struct History {
    /// So many rows are summed up together.
    chunk: u64,
    pending: Option<Pending>,
    /// Rows of a transaction that is not committed yet.
    fresh: Block,
    fresh_named: Vec<u32>,
    fresh_oldest: Option<i64>,
    /// Whether the last attempt to write a chunk failed: it is told once.
    is_failing: bool,
    /// So many rows there must be before it is tried again.
    again_at: u64,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("History")
    }
}

/// The hash of a client's id of its request.
pub(in crate::store) fn hash(request_id: &str) -> u32 {
    crc32fast::hash(request_id.as_bytes())
}

impl Default for History {
    fn default() -> Self {
        Self::by(CHUNK)
    }
}

impl History {
    /// Sums up so many rows together.
    pub fn by(chunk: u64) -> Self {
        Self {
            chunk,
            pending: None,
            fresh: Block::default(),
            fresh_named: Vec::new(),
            fresh_oldest: None,
            is_failing: false,
            again_at: 0,
        }
    }

    /// The round that rows are part of which are written now.
    pub fn round(&mut self, connection: &Connection) -> Result<i64, StoreError> {
        (self.fresh_oldest, self.fresh_named) = (None, Vec::new());
        self.fresh.clear();
        // Retention makes a chunk of old rows by itself, somebody may do that by hand, and costs may have been corrected.
        let (now, edition) = (State::read(connection)?, edition(connection)?);
        let is_ours = |pending: &&Pending| pending.state.round == now.round && pending.edition == edition;
        if let Some(pending) = self.pending.as_ref().filter(is_ours) {
            return Ok(pending.state.round);
        }
        let pending = Pending::read(connection)?;
        Ok(self.pending.insert(pending).state.round)
    }

    /// A row was written.
    pub fn add(&mut self, row: &Written, request_id: Option<&str>) {
        self.fresh.push(&row.entry);
        self.fresh_named.extend(request_id.map(hash));
        self.fresh_oldest = Some(self.fresh_oldest.map_or(row.id, |oldest| oldest.min(row.id)));
    }

    /// To be called before the rows are committed.
    pub fn prepare(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let Some(pending) = &mut self.pending else { return Ok(()) };
        let Some(oldest) = self.fresh_oldest.filter(|oldest| *oldest < pending.state.oldest_id) else { return Ok(()) };
        connection.prepare_cached("UPDATE usage_fold SET oldest_id = ?1")?.execute([oldest])?;
        pending.state.oldest_id = oldest;
        Ok(())
    }

    /// The rows are committed.
    pub fn committed(&mut self) {
        let Some(pending) = &mut self.pending else { return };
        pending.fold.take(&self.fresh, Tier::Minutes.stretch_ms(), true);
        pending.rows += self.fresh.len() as u64;
        pending.named.append(&mut self.fresh_named);
        self.fresh.clear();
    }

    /// They are not, or nobody knows.
    pub fn forget(&mut self) {
        self.pending = None;
    }

    /// Makes a chunk where there are enough rows. A failure costs nothing but time: rows are read instead of sums.
    pub fn work(&mut self, connection: &mut Connection) {
        let rows = self.pending.as_ref().map_or(0, |pending| pending.rows);
        if rows < self.chunk.max(self.again_at) {
            return;
        }
        let mut failed = None;
        match self.close(connection) {
            Ok(()) => self.again_at = 0,
            Err(error) => {
                self.again_at = rows.saturating_mul(2);
                self.pending = None;
                failed = Some(error);
            }
        }
        // Chunks that cannot be put together stay what they are, and others are made all the same.
        while failed.is_none() {
            match merge(connection, Lane::Live) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            None if std::mem::take(&mut self.is_failing) => tracing::info!("usage is summed up again"),
            Some(error) if !std::mem::replace(&mut self.is_failing, true) => {
                tracing::warn!(%error, "usage is not summed up: reports read more and are slow until it is");
            }
            None | Some(_) => {}
        }
    }

    /// Makes a chunk of what there is.
    fn close(&mut self, connection: &mut Connection) -> Result<(), StoreError> {
        let Some(mut pending) = self.pending.take() else { return Ok(()) };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if State::read(&transaction)?.round != pending.state.round {
            return Ok(());
        }
        if pending.edition != edition(&transaction)? {
            pending = Pending::read(&transaction)?;
        }
        let edition = pending.edition;
        let state = pending.close(&transaction)?;
        transaction.commit()?;
        self.pending = Some(Pending { state, edition, fold: Fold::default(), rows: 0, named: Vec::new() });
        Ok(())
    }
}

/// Makes a chunk of the rows that are in none yet, however few. Returns the state after that.
pub(super) fn close_round(transaction: &Transaction<'_>) -> Result<State, StoreError> {
    Pending::read(transaction)?.close(transaction)
}

impl Pending {
    /// Makes a chunk of it, with which the next round begins.
    fn close(mut self, transaction: &Transaction<'_>) -> Result<State, StoreError> {
        add(transaction, Lane::Live, &self.fold.block(), self.rows, &mut self.named)?;
        let state = State { round: self.state.round + 1, oldest_id: NONE_YET, ..self.state };
        transaction
            .prepare_cached("UPDATE usage_fold SET round = ?1, oldest_id = ?2")?
            .execute((state.round, state.oldest_id))?;
        Ok(state)
    }

    /// What the database says.
    fn read(connection: &Connection) -> Result<Self, StoreError> {
        let state = State::read(connection)?;
        let edition = edition(connection)?;
        let mut pending = Self { state, edition, fold: Fold::default(), rows: 0, named: Vec::new() };
        if state.oldest_id == NONE_YET {
            return Ok(pending);
        }
        let mut statement = connection
            .prepare_cached(&format!("SELECT {COLUMNS}, request_id FROM usage WHERE id >= ?1 AND round = ?2"))?;
        let mut rows = statement.query((state.oldest_id, state.round))?;
        let mut block = Block::default();
        while let Some(row) = rows.next()? {
            block.push(&Entry::read(row)?);
            let request_id = row.get_ref(REQUEST_ID)?.as_str_or_null().ok().flatten();
            pending.named.extend(request_id.map(hash));
            pending.rows += 1;
            if block.len() == BLOCK {
                pending.fold.take(&block, Tier::Minutes.stretch_ms(), true);
                block.clear();
            }
        }
        pending.fold.take(&block, Tier::Minutes.stretch_ms(), true);
        Ok(pending)
    }
}
