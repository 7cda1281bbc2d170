//! Removes conversations with all that hangs on them: what people delete, what is old, what is too much.

use rusqlite::{Connection, OptionalExtension as _};
use tokenrouter_shared::conversation::ConversationsRemoved;

use super::super::StoreError;
use super::{settle, used_bytes};

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
    // The index forgets words only when it is told which.
    transaction.execute(
        "INSERT INTO said (said, rowid, words)
         SELECT 'delete', id, unpacked(words) FROM exchange WHERE conversation_id = ?1 AND length(words) > 1",
        [id],
    )?;
    transaction
        .execute("DELETE FROM stage WHERE exchange_id IN (SELECT id FROM exchange WHERE conversation_id = ?1)", [id])?;
    let exchanges = transaction.execute("DELETE FROM exchange WHERE conversation_id = ?1", [id])?;
    transaction.execute(
        "DELETE FROM piece WHERE id IN (SELECT piece_id FROM piece_use WHERE conversation_id = ?1)
            AND NOT EXISTS (SELECT 1 FROM piece_use u WHERE u.piece_id = piece.id AND u.conversation_id <> ?1)",
        [id],
    )?;
    transaction.execute("DELETE FROM piece_use WHERE conversation_id = ?1", [id])?;
    transaction.execute("DELETE FROM conversation WHERE id = ?1", [id])?;
    transaction
        .execute("UPDATE kept SET exchanges = exchanges - ?1", [i64::try_from(exchanges).unwrap_or(i64::MAX)])?;
    transaction.commit()?;
    Ok(Some(ConversationsRemoved { conversations: 1, exchanges: exchanges as u64 }))
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

/// One small step towards `bounds`: removes at most one conversation, the longest untouched. Says whether there is more
/// to do.
pub fn step(connection: &mut Connection, bounds: &Bounds) -> Result<bool, StoreError> {
    let stages = connection.execute(
        "DELETE FROM stage WHERE id IN (SELECT id FROM stage WHERE at_ms < ?1 LIMIT 200)",
        [bounds.stages_before_ms],
    )?;
    if stages > 0 {
        connection.execute_batch("PRAGMA incremental_vacuum(1024)")?;
        return Ok(true);
    }
    let oldest: Option<(i64, i64)> = connection
        .query_row("SELECT id, last_ms FROM conversation ORDER BY last_ms, id LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((id, last_ms)) = oldest else { return Ok(false) };
    let exchanges: i64 = connection.query_row("SELECT exchanges FROM kept", [], |row| row.get(0))?;
    let is_too_much = last_ms < bounds.before_ms
        || u64::try_from(exchanges).unwrap_or(0) > bounds.exchanges
        || used_bytes(connection)? > bounds.bytes;
    if !is_too_much {
        return Ok(false);
    }
    one(connection, id)?;
    connection.execute_batch("PRAGMA incremental_vacuum(1024)")?;
    Ok(true)
}
