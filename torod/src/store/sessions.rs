//! Logins at rest: rows with the digest of a cookie, never the cookie.

use rusqlite::{Connection, Row};

use super::StoreError;

/// A row of the session table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// `ses_…`
    pub public_id: String,
    /// SHA-256 of the cookie's value.
    pub digest: [u8; 32],
    /// The token that logged in.
    pub token_id: i64,
    /// SHA-256 of the key that was shown at login.
    pub token_digest: [u8; 32],
    /// When it began, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it ends whatever happens, in milliseconds since 1970.
    pub expires_ms: i64,
    /// The last request, to the minute, in milliseconds since 1970.
    pub seen_ms: i64,
    /// Where the browser was at login.
    pub address: Option<String>,
    /// What the browser calls itself.
    pub agent: Option<String>,
}

const COLUMNS: &str = "public_id, digest, token_id, token_digest, created_ms, expires_ms, seen_ms, address, agent";

fn get_row(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        public_id: row.get(0)?,
        digest: row.get(1)?,
        token_id: row.get(2)?,
        token_digest: row.get(3)?,
        created_ms: row.get(4)?,
        expires_ms: row.get(5)?,
        seen_ms: row.get(6)?,
        address: row.get(7)?,
        agent: row.get(8)?,
    })
}

/// Every session, oldest first.
pub fn all(connection: &Connection) -> Result<Vec<SessionRow>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM session ORDER BY id"))?;
    let rows = statement.query_map([], get_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Adds a session.
pub fn insert(connection: &Connection, session: &SessionRow) -> Result<(), StoreError> {
    connection
        .prepare_cached(&format!("INSERT INTO session ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"))?
        .execute((
            &session.public_id,
            session.digest,
            session.token_id,
            session.token_digest,
            session.created_ms,
            session.expires_ms,
            session.seen_ms,
            &session.address,
            &session.agent,
        ))?;
    Ok(())
}

/// Removes those that are over at `now_ms`: those not seen since `idle_since_ms` too.
pub fn remove_ended(connection: &Connection, now_ms: i64, idle_since_ms: i64) -> Result<Vec<[u8; 32]>, StoreError> {
    digests(
        connection,
        "DELETE FROM session WHERE expires_ms <= ?1 OR seen_ms <= ?2 RETURNING digest",
        [now_ms, idle_since_ms],
    )
}

/// Removes the oldest of a token beyond `most`.
pub fn remove_oldest_of(connection: &Connection, token_id: i64, most: i64) -> Result<Vec<[u8; 32]>, StoreError> {
    digests(
        connection,
        "DELETE FROM session WHERE token_id = ?1 AND id NOT IN
             (SELECT id FROM session WHERE token_id = ?1 ORDER BY id DESC LIMIT ?2)
         RETURNING digest",
        [token_id, most],
    )
}

/// Removes the oldest of all beyond `most`.
pub fn remove_oldest(connection: &Connection, most: i64) -> Result<Vec<[u8; 32]>, StoreError> {
    digests(
        connection,
        "DELETE FROM session WHERE id NOT IN (SELECT id FROM session ORDER BY id DESC LIMIT ?1) RETURNING digest",
        [most],
    )
}

fn digests(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<Vec<[u8; 32]>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(values, |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Removes one. Says whether it was there.
pub fn remove(connection: &Connection, public_id: &str) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached("DELETE FROM session WHERE public_id = ?1")?.execute([public_id])? > 0)
}

/// Notes that a session was used.
pub fn touch(connection: &Connection, public_id: &str, seen_ms: i64) -> Result<(), StoreError> {
    connection.prepare_cached("UPDATE session SET seen_ms = ?2 WHERE public_id = ?1")?.execute((public_id, seen_ms))?;
    Ok(())
}
