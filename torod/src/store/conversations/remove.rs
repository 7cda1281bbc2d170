//! Removes conversations with all that hangs on them: what people delete, what is old, what is too much.

use rusqlite::{Connection, OptionalExtension as _, Transaction};
use tokenrouter_shared::conversation::ConversationsRemoved;

use super::super::StoreError;
use super::{settle, used_bytes};

/// Exchanges after which a step is over. More than a batch of new ones, so that whoever makes one step after each batch
/// keeps within bounds, however many come.
const STEP: usize = 64;
/// Free pages that are left for what comes next: their room would be taken again at once.
const SPARE_PAGES: i64 = 1_024;
/// Pages whose room a step gives back at most.
const GIVEN_BACK: i64 = 256;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// What was last continued before this time goes, in milliseconds since 1970.
    pub before_ms: i64,
    /// The most exchanges.
    pub exchanges: u64,
    /// The most bytes of the file.
    pub bytes: u64,
    /// Wire stages from before this time go, in milliseconds since 1970.
    pub stages_before_ms: i64,
}

/// Removes one conversation; none if there is none of that number.
pub fn one(connection: &mut Connection, id: i64) -> Result<Option<ConversationsRemoved>, StoreError> {
    let transaction = connection.transaction()?;
    let is_there = transaction.query_row("SELECT 1 FROM conversation WHERE id = ?1", [id], |_| Ok(())).optional()?;
    if is_there.is_none() {
        return Ok(None);
    }
    let exchanges = take_out(&transaction, id)?;
    transaction.commit()?;
    Ok(Some(ConversationsRemoved { conversations: 1, exchanges: exchanges as u64 }))
}

/// Removes the conversation `id`; of how many exchanges it was.
fn take_out(transaction: &Transaction<'_>, id: i64) -> Result<usize, StoreError> {
    let execute = |sql: &str| transaction.prepare_cached(sql)?.execute([id]);
    // The index forgets words only when it is told which.
    execute(
        "INSERT INTO said (said, rowid, words)
         SELECT 'delete', id, unpacked(words) FROM exchange WHERE conversation_id = ?1 AND length(words) > 1",
    )?;
    execute("DELETE FROM stage WHERE exchange_id IN (SELECT id FROM exchange WHERE conversation_id = ?1)")?;
    let exchanges = execute("DELETE FROM exchange WHERE conversation_id = ?1")?;
    execute(
        "DELETE FROM piece WHERE id IN (SELECT piece_id FROM piece_use WHERE conversation_id = ?1)
            AND NOT EXISTS (SELECT 1 FROM piece_use u WHERE u.piece_id = piece.id AND u.conversation_id <> ?1)",
    )?;
    execute("DELETE FROM piece_use WHERE conversation_id = ?1")?;
    execute("DELETE FROM conversation WHERE id = ?1")?;
    let gone = i64::try_from(exchanges).unwrap_or(i64::MAX);
    transaction.prepare_cached("UPDATE kept SET exchanges = exchanges - ?1")?.execute([gone])?;
    Ok(exchanges)
}

/// Removes everything.
pub fn all(connection: &mut Connection) -> Result<ConversationsRemoved, StoreError> {
    let transaction = connection.transaction()?;
    transaction.execute("INSERT INTO said (said) VALUES ('delete-all')", [])?;
    transaction.execute("DELETE FROM stage", [])?;
    let exchanges = transaction.execute("DELETE FROM exchange", [])?;
    transaction.execute("DELETE FROM piece", [])?;
    transaction.execute("DELETE FROM piece_use", [])?;
    let conversations = transaction.execute("DELETE FROM conversation", [])?;
    transaction.execute("UPDATE kept SET exchanges = 0", [])?;
    transaction.commit()?;
    // All at once: nothing is left that could be in the way.
    connection.execute_batch("PRAGMA incremental_vacuum")?;
    settle(connection)?;
    Ok(ConversationsRemoved { conversations: conversations as u64, exchanges: exchanges as u64 })
}

/// One small step towards `bounds`: removes the conversations that are the longest untouched, up to some dozens of
/// exchanges. Says whether anything was removed, and so whether there may be more to do.
pub fn step(connection: &mut Connection, bounds: &Bounds) -> Result<bool, StoreError> {
    let stages = connection.execute(
        "DELETE FROM stage WHERE id IN (SELECT id FROM stage WHERE at_ms < ?1 LIMIT 200)",
        [bounds.stages_before_ms],
    )?;
    if stages > 0 {
        give_back(connection)?;
        return Ok(true);
    }
    let transaction = connection.transaction()?;
    let mut removed = 0;
    while removed < STEP
        && let Some(id) = too_much(&transaction, bounds)?
    {
        // One without exchanges is a step too.
        removed += take_out(&transaction, id)?.max(1);
    }
    transaction.commit()?;
    if removed > 0 {
        give_back(connection)?;
    }
    Ok(removed > 0)
}

/// The conversation to go next; none where all is within `bounds`.
fn too_much(connection: &Connection, bounds: &Bounds) -> Result<Option<i64>, StoreError> {
    let oldest: Option<(i64, i64)> = connection
        .prepare_cached("SELECT id, last_ms FROM conversation ORDER BY last_ms, id LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((id, last_ms)) = oldest else { return Ok(None) };
    let exchanges: i64 = connection.prepare_cached("SELECT exchanges FROM kept")?.query_row([], |row| row.get(0))?;
    let is_too_much = last_ms < bounds.before_ms
        || u64::try_from(exchanges).unwrap_or(0) > bounds.exchanges
        || used_bytes(connection)? > bounds.bytes;
    Ok(is_too_much.then_some(id))
}

/// Gives a little of the room back that nothing takes up any more.
fn give_back(connection: &Connection) -> Result<(), StoreError> {
    let free: i64 = connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
    if free > SPARE_PAGES {
        let pages = (free - SPARE_PAGES).min(GIVEN_BACK);
        connection.execute_batch(&format!("PRAGMA incremental_vacuum({pages})"))?;
    }
    Ok(())
}
