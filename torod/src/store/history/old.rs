//! Rows from before there were chunks are summed up in small steps, while the gateway has nothing better to write.

use rusqlite::Connection;

use super::fold::Fold;
use super::keeper::hash;
use super::tree::{Lane, Tier, add, merge};
use super::{CHUNK, State};
use crate::store::StoreError;
use crate::store::figures::block::{Block, COLUMNS, Entry, Sum};

/// Where the id that a client gave its request stands behind the columns of an entry.
pub(super) const REQUEST_ID: usize = 32;

/// Sums up the next rows from before. Says whether there may be more of them.
pub fn sum_up_old(connection: &mut Connection) -> Result<bool, StoreError> {
    sum_up_old_by(connection, CHUNK)
}

/// The same, so many of them.
pub fn sum_up_old_by(connection: &mut Connection, chunk: u64) -> Result<bool, StoreError> {
    let state = State::read(connection)?;
    if state.is_all_summed_up() {
        return Ok(false);
    }
    if merge(connection, Lane::Old)? {
        return Ok(true);
    }
    let transaction = connection.transaction()?;
    let (mut block, mut named, mut failures, mut done) = (Block::default(), Vec::new(), Vec::new(), None);
    {
        let mut statement = transaction.prepare_cached(&format!(
            "SELECT {COLUMNS}, request_id FROM usage WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3"
        ))?;
        let most = i64::try_from(chunk).unwrap_or(i64::MAX);
        let mut rows = statement.query((state.old_done_id, state.old_until_id, most))?;
        while let Some(row) = rows.next()? {
            let (id, entry): (i64, _) = (row.get(0)?, Entry::read(row)?);
            block.push(&entry);
            named.extend(row.get_ref(REQUEST_ID)?.as_str_or_null().ok().flatten().map(hash));
            if Sum::Failures.of(&entry.sums) > 0 {
                failures.push(id);
            }
            done = Some(id);
        }
    }
    for id in failures {
        transaction.prepare_cached("INSERT OR IGNORE INTO usage_failure VALUES (?1)")?.execute([id])?;
    }
    let rows = block.len() as u64;
    if rows > 0 {
        let mut fold = Fold::default();
        fold.take(&block, Tier::Minutes.stretch_ms(), true);
        add(&transaction, Lane::Old, &fold.block(), rows, &mut named)?;
    }
    let done = done.filter(|_| rows == chunk).unwrap_or(state.old_until_id);
    transaction.prepare_cached("UPDATE usage_fold SET old_done_id = ?1")?.execute([done])?;
    transaction.commit()?;
    Ok(true)
}
