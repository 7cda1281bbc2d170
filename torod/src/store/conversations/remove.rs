//! Removes conversations with all that hangs on them: what people delete, what is old, what is too much.

use rusqlite::{Connection, OptionalExtension as _, Transaction};
use tokenrouter_shared::conversation::ConversationsRemoved;

use super::super::StoreError;
use super::{settle, used_bytes};

/// Exchanges after which a step is over. More than a batch of new ones, so that whoever makes one step after each batch
/// keeps within bounds, however many come.
const STEP: usize = 160;
/// Free pages that are left for what comes next: their room would be taken again at once.
const SPARE_PAGES: i64 = 1_024;
/// Pages of the index that a step of [`forget_words`] writes.
const MERGED: i64 = 256;
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

/// Removes one conversation; none if there is none of that number. Its words leave the index at once.
pub fn one(connection: &mut Connection, id: i64) -> Result<Option<ConversationsRemoved>, StoreError> {
    set_thorough(connection, true)?;
    let removed = one_now(connection, id);
    set_thorough(connection, false)?;
    removed
}

fn one_now(connection: &mut Connection, id: i64) -> Result<Option<ConversationsRemoved>, StoreError> {
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
    transaction.execute("UPDATE kept SET exchanges = 0, unforgotten = 0", [])?;
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
    if removed > 0 {
        transaction.prepare_cached("UPDATE kept SET unforgotten = 1")?.execute([])?;
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

/// Whether the index looks up every word of what is removed at once, which takes several times as long as to keep it did, or
/// notes that it is gone until [`forget_words`].
pub(super) fn set_thorough(connection: &Connection, is_thorough: bool) -> Result<(), StoreError> {
    let now = connection
        .prepare_cached("SELECT v FROM said_config WHERE k = 'secure-delete'")?
        .query_row([], |row| row.get::<_, i64>(0))
        .optional()?;
    if now.unwrap_or(0) != i64::from(is_thorough) {
        connection
            .prepare_cached("INSERT INTO said (said, rank) VALUES ('secure-delete', ?1)")?
            .execute([is_thorough])?;
    }
    Ok(())
}

/// Whether the index may still hold words of what was removed.
pub fn is_unforgotten(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.query_row("SELECT unforgotten FROM kept", [], |row| row.get(0))?)
}

/// The index has been through all steps of [`forget_words`], and nothing was removed since they began.
pub fn forgot_words(connection: &Connection) -> Result<(), StoreError> {
    connection.execute("UPDATE kept SET unforgotten = 0", [])?;
    Ok(())
}

/// One small step towards an index that has no word any more of what was removed; `is_first` of several begins. Says whether
/// there is more to do.
pub fn forget_words(connection: &Connection, is_first: bool) -> Result<bool, StoreError> {
    let pages = if is_first { -MERGED } else { MERGED };
    let before = connection.total_changes();
    connection.prepare_cached("INSERT INTO said (said, rank) VALUES ('merge', ?1)")?.execute([pages])?;
    // One row is the command itself: https://sqlite.org/fts5.html#the_merge_command
    Ok(connection.total_changes().saturating_sub(before) >= 2)
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
