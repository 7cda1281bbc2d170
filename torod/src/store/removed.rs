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

/// Keeps in mind since when the tokens in `used_up` are so, and forgets it of all others.
pub fn note_used_up(connection: &Connection, used_up: &[(i64, i64)]) -> Result<(), StoreError> {
    let pairs = serde_json::to_string(used_up).unwrap_or_else(|_| "[]".to_owned());
    let ids = "SELECT json_extract(value, '$[0]') FROM json_each(?1)";
    connection
        .prepare_cached(&format!(
            "UPDATE token SET used_up_ms = NULL WHERE used_up_ms IS NOT NULL AND id NOT IN ({ids})"
        ))?
        .execute([&pairs])?;
    connection
        .prepare_cached(
            "UPDATE token SET used_up_ms = seen.since FROM
                 (SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS since FROM json_each(?1)) AS seen
             WHERE token.id = seen.id AND token.used_up_ms IS NULL",
        )?
        .execute([&pairs])?;
    Ok(())
}

/// Tokens that nobody revoked and that are used up since `until_ms` or longer, with that time: at most `most`.
pub fn used_up(connection: &Connection, until_ms: i64, most: usize) -> Result<Vec<(TokenRow, i64)>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS}, used_up_ms AS since FROM token WHERE used_up_ms <= ?1 AND revoked_ms IS NULL ORDER BY id LIMIT ?2"
    ))?;
    let rows = statement
        .query_map((until_ms, i64::try_from(most).unwrap_or(i64::MAX)), |row| Ok((get_row(row)?, row.get("since")?)))?;
    rows.map(|row| row.map_err(StoreError::from).and_then(|(row, since)| Ok((checked(row)?, since)))).collect()
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
