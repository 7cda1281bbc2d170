//! Access tokens at rest: rows with the digest of a key, never the key.

use rusqlite::{Connection, OptionalExtension, Row};
use tokenrouter_shared::run::RunEnd;
use tokenrouter_shared::{Labels, Limits, Lossy, Role};

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
    /// When it ends, by itself or with one above it, in milliseconds since 1970.
    pub ends_ms: Option<i64>,
    /// When somebody ended it, in milliseconds since 1970.
    pub revoked_ms: Option<i64>,
    /// The token above it that it was revoked with; `None`: it was named itself.
    pub revoked_with: Option<i64>,
    /// When it was last used, in milliseconds since 1970; lags by up to a minute.
    pub last_used_ms: Option<i64>,
    /// What becomes of its requests that lose something on the way; `None`: as the configuration says.
    pub lossy: Option<Lossy>,
    /// What it may use up.
    pub limits: Limits,
    /// What people sort and search by.
    pub labels: Labels,
    /// Whether its conversations may be kept.
    pub capture: bool,
    /// Until when what goes over the wire for it is kept, in milliseconds since 1970.
    pub inspect_until_ms: Option<i64>,
    /// Grows with every change.
    pub version: i64,
    /// Who made it: `local owner` or a token's public id.
    pub created_by: Option<String>,
    /// From which address it was last used.
    pub last_used_from: Option<String>,
    /// SHA-256 of the key before the last rotation, and until when that one opens too, in milliseconds since 1970.
    pub old_key: Option<([u8; 32], i64)>,
    /// Whether it was made for one run of an agent.
    pub run: bool,
    /// It ends when nobody has renewed it for so many seconds.
    pub lease_s: Option<u32>,
    /// Why it was revoked; `None` where it was not, or before anybody asked.
    pub end_reason: Option<RunEnd>,
    /// What the agent returned.
    pub exit_code: Option<u8>,
    /// The signal that the agent died of.
    pub exit_signal: Option<u8>,
}

impl TokenRow {
    /// A token of which nothing else is said.
    pub fn new(public_id: &str, role: Role) -> Self {
        Self {
            id: 0,
            public_id: public_id.to_owned(),
            digest: [0; 32],
            name: public_id.to_owned(),
            role,
            parent_id: None,
            created_ms: 0,
            expires_ms: None,
            ends_ms: None,
            revoked_ms: None,
            revoked_with: None,
            last_used_ms: None,
            lossy: None,
            limits: Limits::default(),
            labels: Labels::new(),
            capture: true,
            inspect_until_ms: None,
            version: 1,
            created_by: None,
            last_used_from: None,
            old_key: None,
            run: false,
            lease_s: None,
            end_reason: None,
            exit_code: None,
            exit_signal: None,
        }
    }
}

pub(super) const COLUMNS: &str = "id, public_id, digest, name, role, parent_id, created_ms, expires_ms, revoked_ms, last_used_ms, \
                       lossy, limits, labels, capture, version, created_by, last_used_from, old_digest, old_until_ms, \
                       ends_ms, revoked_with, run, lease_s, end_reason, exit_code, exit_signal, \
                       inspect_until_ms";

/// What `get_row` reads out, with role, limits and labels as text; checked by [`checked`].
pub(super) type Raw = (TokenRow, [String; 3]);

pub(super) fn get_row(row: &Row<'_>) -> rusqlite::Result<Raw> {
    let token = TokenRow {
        id: row.get(0)?,
        public_id: row.get(1)?,
        digest: row.get(2)?,
        name: row.get(3)?,
        role: Role::Inferrer,
        parent_id: row.get(5)?,
        created_ms: row.get(6)?,
        expires_ms: row.get(7)?,
        ends_ms: row.get(19)?,
        revoked_ms: row.get(8)?,
        revoked_with: row.get(20)?,
        last_used_ms: row.get(9)?,
        // The column holds these words or nothing.
        lossy: row.get::<_, Option<String>>(10)?.and_then(|word| word.parse().ok()),
        limits: Limits::default(),
        labels: Labels::new(),
        capture: row.get(13)?,
        inspect_until_ms: row.get(26)?,
        version: row.get(14)?,
        created_by: row.get(15)?,
        last_used_from: row.get(16)?,
        old_key: row.get::<_, Option<[u8; 32]>>(17)?.zip(row.get(18)?),
        run: row.get(21)?,
        lease_s: row.get(22)?,
        end_reason: row.get::<_, Option<String>>(23)?.and_then(|word| word.parse().ok()),
        exit_code: row.get(24)?,
        exit_signal: row.get(25)?,
    };
    Ok((token, [row.get(4)?, row.get(11)?, row.get(12)?]))
}

/// A role or a limit this program does not know must never fall back to another one, nor to none.
pub(super) fn checked((mut token, [role, limits, labels]): Raw) -> Result<TokenRow, StoreError> {
    let damaged = |what: &dyn std::fmt::Display| StoreError::Damaged(format!("token {}: {what}", token.public_id));
    let role = role.parse().map_err(|error| damaged(&error))?;
    if limits != NOTHING {
        token.limits = serde_json::from_str(&limits).map_err(|error| damaged(&error))?;
    }
    if labels != NOTHING {
        token.labels = serde_json::from_str(&labels).map_err(|error| damaged(&error))?;
    }
    token.role = role;
    Ok(token)
}

/// JSON of no limits and of no labels.
const NOTHING: &str = "{}";

/// Limits or labels as they are stored.
fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Damaged(error.to_string()))
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

/// Tokens of a name, those that are live at `now_ms` first, `most` at most; with `root` only that one and those below it.
/// Names need not be unique.
pub fn by_name(
    connection: &Connection,
    name: &str,
    root: Option<i64>,
    now_ms: i64,
    most: usize,
) -> Result<Vec<TokenRow>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM token
         WHERE name = ?1 AND (?2 IS NULL OR id IN (
             WITH RECURSIVE below (root) AS (
                 VALUES (?2)
                 UNION SELECT token.id FROM token JOIN below ON token.parent_id = below.root
             ) SELECT root FROM below))
         ORDER BY revoked_ms IS NULL AND (ends_ms IS NULL OR ends_ms > ?3) DESC, id LIMIT ?4"
    ))?;
    let rows = statement.query_map((name, root, now_ms, i64::try_from(most).unwrap_or(i64::MAX)), get_row)?;
    rows.map(|row| checked(row?)).collect()
}

/// The labels of a token, and whether it was made for a run.
pub fn labels_and_run(connection: &Connection, id: i64) -> Result<(Labels, bool), StoreError> {
    let mut statement = connection.prepare_cached("SELECT labels, run FROM token WHERE id = ?1")?;
    let found: Option<(String, bool)> = statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((labels, run)) = found else { return Ok((Labels::new(), false)) };
    let labels = serde_json::from_str(&labels).map_err(|error| StoreError::Damaged(format!("labels: {error}")))?;
    Ok((labels, run))
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
            "INSERT INTO token (public_id, digest, name, role, parent_id, created_ms, expires_ms, lossy, limits, labels,
                                capture, created_by, ends_ms, run, lease_s)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
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
            json(&token.limits)?,
            json(&token.labels)?,
            token.capture,
            &token.created_by,
            token.ends_ms,
            token.run,
            token.lease_s,
        ))?;
    Ok(connection.last_insert_rowid())
}

/// A token and everything below it, oldest first: parents before children.
pub fn subtree(connection: &Connection, root: i64) -> Result<Vec<TokenRow>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "WITH RECURSIVE below (root) AS (
             VALUES (?1)
             UNION SELECT token.id FROM token JOIN below ON token.parent_id = below.root
         )
         SELECT {COLUMNS} FROM token WHERE id IN (SELECT root FROM below) ORDER BY id"
    ))?;
    let rows = statement.query_map([root], get_row)?;
    rows.map(|row| checked(row?)).collect()
}

/// A token and those above it, itself first.
pub fn chain(connection: &Connection, id: i64) -> Result<Vec<TokenRow>, StoreError> {
    // A child is younger than its parent, so the numbers fall on the way up.
    let mut statement = connection.prepare_cached(&format!(
        "WITH RECURSIVE up (above) AS (
             VALUES (?1)
             UNION SELECT token.parent_id FROM token JOIN up ON token.id = up.above WHERE token.parent_id IS NOT NULL
         )
         SELECT {COLUMNS} FROM token WHERE id IN (SELECT above FROM up) ORDER BY id DESC"
    ))?;
    let rows = statement.query_map([id], get_row)?;
    rows.map(|row| checked(row?)).collect()
}

/// How many tokens lie below one, at any depth.
pub fn count_below(connection: &Connection, id: i64) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(
        "WITH RECURSIVE below (id) AS (
             SELECT id FROM token WHERE parent_id = ?1
             UNION SELECT token.id FROM token JOIN below ON token.parent_id = below.id
         )
         SELECT count(*) FROM below",
    )?;
    let count: i64 = statement.query_row([id], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// The public id of a token, also of one that was removed.
pub fn public_id(connection: &Connection, id: i64) -> Result<Option<String>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT public_id FROM token WHERE id = ?1 UNION ALL SELECT public_id FROM token_removed WHERE id = ?1",
    )?;
    Ok(statement.query_row([id], |row| row.get(0)).optional()?)
}

/// Writes what may change of a token if it is still at `token.version`, and moves it on to the next version. Says
/// whether it was.
pub fn update(connection: &Connection, token: &TokenRow) -> Result<bool, StoreError> {
    let changed = connection
        .prepare_cached(
            "UPDATE token SET name = ?3, expires_ms = ?4, ends_ms = ?5, lossy = ?6, limits = ?7, labels = ?8,
                              capture = ?9, digest = ?10, old_digest = ?11, old_until_ms = ?12, inspect_until_ms = ?13,
                              version = version + 1
             WHERE id = ?1 AND version = ?2",
        )?
        .execute((
            token.id,
            token.version,
            &token.name,
            token.expires_ms,
            token.ends_ms,
            token.lossy.map(Lossy::as_str),
            json(&token.limits)?,
            json(&token.labels)?,
            token.capture,
            token.digest,
            token.old_key.map(|(digest, _)| digest),
            token.old_key.map(|(_, until_ms)| until_ms),
            token.inspect_until_ms,
        ))?;
    Ok(changed == 1)
}

/// Writes when a token ends with those above it.
pub fn set_end(connection: &Connection, id: i64, ends_ms: Option<i64>) -> Result<(), StoreError> {
    connection.prepare_cached("UPDATE token SET ends_ms = ?2 WHERE id = ?1")?.execute((id, ends_ms))?;
    Ok(())
}

/// Ends a token and everything below it at `at_ms`, nobody before it was made, for `reason`. Returns the public ids of
/// those that were not revoked before, oldest first.
pub fn revoke(connection: &Connection, id: i64, at_ms: i64, reason: RunEnd) -> Result<Vec<String>, StoreError> {
    // An agent that ended says nothing of those that others still run below it.
    let below = if reason == RunEnd::Finished { RunEnd::Revoked } else { reason };
    let mut statement = connection.prepare_cached(
        "WITH RECURSIVE below (id) AS (
             VALUES (?1)
             UNION SELECT token.id FROM token JOIN below ON token.parent_id = below.id
         )
         UPDATE token SET revoked_ms = max(?2, created_ms), revoked_with = nullif(?1, id), version = version + 1,
             end_reason = CASE id WHEN ?1 THEN ?3 ELSE ?4 END
         WHERE id IN (SELECT id FROM below) AND revoked_ms IS NULL
         RETURNING id, public_id",
    )?;
    let bound = (id, at_ms, reason.as_str(), below.as_str());
    let rows = statement.query_map(bound, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    let mut ended = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    ended.sort_unstable_by_key(|(id, _)| *id);
    Ok(ended.into_iter().map(|(_, public_id)| public_id).collect())
}

/// Keeps how the agent of a run ended, unless that is known already.
pub fn set_exit(connection: &Connection, id: i64, code: Option<u8>, signal: Option<u8>) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE token SET exit_code = ?2, exit_signal = ?3
             WHERE id = ?1 AND exit_code IS NULL AND exit_signal IS NULL",
        )?
        .execute((id, code, signal))?;
    Ok(())
}

/// Notes that a token was used.
pub fn touch(connection: &Connection, id: i64, at_ms: i64, from: Option<&str>) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE token SET last_used_ms = ?2, last_used_from = ?3 WHERE id = ?1 AND coalesce(last_used_ms, 0) < ?2",
        )?
        .execute((id, at_ms, from))?;
    Ok(())
}
