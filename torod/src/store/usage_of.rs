//! What questions about usage share: whose a token's is, and what was lost of everybody's.

use rusqlite::Connection;

use super::StoreError;

/// A token and everything below it, what is gone included.
pub(super) const BELOW: &str = "
    WITH RECURSIVE below (id) AS (
        VALUES (:root)
        UNION SELECT token.id FROM token JOIN below ON token.parent_id = below.id
        UNION SELECT token_removed.id FROM token_removed JOIN below ON token_removed.parent_id = below.id
    ) SELECT id FROM below";

/// Records of all tokens that were lost from `since_ms` to before `until_ms`.
pub fn lost(connection: &Connection, since_ms: i64, until_ms: i64) -> Result<u64, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT coalesce(sum(records), 0) FROM usage_gap WHERE until_ms >= ?1 AND from_ms < ?2")?;
    let lost: i64 = statement.query_row((since_ms, until_ms), |row| row.get(0))?;
    Ok(u64::try_from(lost).unwrap_or(0))
}
