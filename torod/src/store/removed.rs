//! Tokens that are taken out of the token table: what is left of them is a number, an id and a name.

use rusqlite::Connection;

use super::StoreError;
use super::tokens::{COLUMNS, TokenRow, checked, get_row};

/// Tokens that ended at `until_ms` or before and have none below them, at most `most`, the oldest first.
pub fn ended_leaves(connection: &Connection, until_ms: i64, most: usize) -> Result<Vec<TokenRow>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM token
         WHERE (revoked_ms <= ?1 OR ends_ms <= ?1)
           AND NOT EXISTS (SELECT 1 FROM token AS child WHERE child.parent_id = token.id)
         ORDER BY id LIMIT ?2"
    ))?;
    let rows = statement.query_map((until_ms, i64::try_from(most).unwrap_or(i64::MAX)), get_row)?;
    rows.map(|row| checked(row?)).collect()
}

/// Moves a token without children out of the table. Its number is never given again.
pub fn remove(connection: &Connection, token: &TokenRow, now_ms: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO token_removed (id, public_id, name, parent_id, removed_ms, run, labels, limits, created_ms,
                                        ended_ms, end_reason, exit_code, exit_signal)
             SELECT id, public_id, name, parent_id, ?2, run, labels, limits, created_ms, coalesce(revoked_ms, ends_ms),
                    CASE WHEN revoked_ms IS NULL THEN 'expired' ELSE coalesce(end_reason, 'revoked') END, exit_code,
                    exit_signal
             FROM token WHERE id = ?1",
        )?
        .execute((token.id, now_ms))?;
    connection.prepare_cached("DELETE FROM token WHERE id = ?1")?.execute([token.id])?;
    Ok(())
}
