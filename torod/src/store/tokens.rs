//! Access tokens at rest: rows with the digest of a key, never the key.

use rusqlite::{Connection, OptionalExtension, Row};
use tokenrouter_shared::{Lossy, Role};

use super::StoreError;

/// A row of the token table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// The number that usage rows carry; 0 in a row that is about to be inserted.
    pub id: i64,
    /// `tok_…`
    pub public_id: String,
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// A name for people; not unique.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The token above it.
    pub parent_id: Option<i64>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it ends by itself, in milliseconds since 1970.
    pub expires_ms: Option<i64>,
    /// When somebody ended it, in milliseconds since 1970.
    pub revoked_ms: Option<i64>,
    /// When it was last used, in milliseconds since 1970; lags by up to a minute.
    pub last_used_ms: Option<i64>,
    /// What becomes of its requests that lose something on the way; `None`: as the configuration says.
    pub lossy: Option<Lossy>,
}

const COLUMNS: &str =
    "id, public_id, digest, name, role, parent_id, created_ms, expires_ms, revoked_ms, last_used_ms, lossy";

/// What `get_row` reads out; checked by [`checked`].
type Raw = (TokenRow, String);

fn get_row(row: &Row<'_>) -> rusqlite::Result<Raw> {
    let token = TokenRow {
        id: row.get(0)?,
        public_id: row.get(1)?,
        digest: row.get(2)?,
        name: row.get(3)?,
        role: Role::Inferrer,
        parent_id: row.get(5)?,
        created_ms: row.get(6)?,
        expires_ms: row.get(7)?,
        revoked_ms: row.get(8)?,
        last_used_ms: row.get(9)?,
        // The column holds these words or nothing.
        lossy: row.get::<_, Option<String>>(10)?.and_then(|word| word.parse().ok()),
    };
    Ok((token, row.get(4)?))
}

/// A role this program does not know must never fall back to another one.
fn checked((mut token, role): Raw) -> Result<TokenRow, StoreError> {
    token.role = role.parse().map_err(|error| StoreError::Damaged(format!("token {}: {error}", token.public_id)))?;
    Ok(token)
}

/// Every token, oldest first, ended ones included.
pub fn all(connection: &Connection) -> Result<Vec<TokenRow>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM token ORDER BY id"))?;
    let rows = statement.query_map([], get_row)?;
    rows.map(|row| checked(row?)).collect()
}

/// Whether a token was ever made, also if none is left.
pub fn any_ever(connection: &Connection) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'token' AND seq > 0)";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// The token with a public id.
pub fn by_public_id(connection: &Connection, public_id: &str) -> Result<Option<TokenRow>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM token WHERE public_id = ?1"))?;
    statement.query_row([public_id], get_row).optional()?.map(checked).transpose()
}

/// The tokens of a name, oldest first. Names need not be unique.
pub fn by_name(connection: &Connection, name: &str) -> Result<Vec<TokenRow>, StoreError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM token WHERE name = ?1 ORDER BY id"))?;
    let rows = statement.query_map([name], get_row)?;
    rows.map(|row| checked(row?)).collect()
}

/// Whether `id` is `root` or lies below it.
pub fn is_within(connection: &Connection, id: i64, root: i64) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached(
        "WITH RECURSIVE up (id) AS (
             VALUES (?1)
             UNION SELECT token.parent_id FROM token JOIN up ON token.id = up.id WHERE token.parent_id IS NOT NULL
         )
         SELECT EXISTS (SELECT 1 FROM up WHERE id = ?2)",
    )?;
    Ok(statement.query_row((id, root), |row| row.get(0))?)
}

/// Adds a token and returns its number. The `id` of `token` is not looked at.
pub fn insert(connection: &Connection, token: &TokenRow) -> Result<i64, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO token (public_id, digest, name, role, parent_id, created_ms, expires_ms, lossy)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            &token.public_id,
            token.digest,
            &token.name,
            token.role.as_str(),
            token.parent_id,
            token.created_ms,
            token.expires_ms,
            token.lossy.map(Lossy::as_str),
        ))?;
    Ok(connection.last_insert_rowid())
}

/// Ends a token and everything below it. Returns the public ids of those that were not revoked before, oldest first.
pub fn revoke(connection: &Connection, id: i64, now_ms: i64) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare_cached(
        "WITH RECURSIVE below (id) AS (
             VALUES (?1)
             UNION SELECT token.id FROM token JOIN below ON token.parent_id = below.id
         )
         UPDATE token SET revoked_ms = ?2
         WHERE id IN (SELECT id FROM below) AND revoked_ms IS NULL
         RETURNING id, public_id",
    )?;
    let rows = statement.query_map((id, now_ms), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    let mut ended = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    ended.sort_unstable_by_key(|(id, _)| *id);
    Ok(ended.into_iter().map(|(_, public_id)| public_id).collect())
}

/// Notes that a token was used.
pub fn touch(connection: &Connection, id: i64, at_ms: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE token SET last_used_ms = ?2 WHERE id = ?1 AND coalesce(last_used_ms, 0) < ?2")?
        .execute((id, at_ms))?;
    Ok(())
}
