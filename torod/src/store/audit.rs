//! The audit trail: who changed what. Entries are written in the transaction of the change they tell of.

use rusqlite::Connection;

use super::StoreError;

/// One entry. Nothing secret belongs in any field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who: `local owner` or a token's id.
    pub actor: &'a str,
    /// What was done, such as `token.create`.
    pub action: &'static str,
    /// To what: an id.
    pub subject: &'a str,
    /// More, for people.
    pub detail: &'a str,
}

/// Adds an entry; call it inside the transaction of the change.
pub fn add(connection: &Connection, entry: &Entry<'_>) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT INTO audit (at_ms, actor, action, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((entry.at_ms, entry.actor, entry.action, entry.subject, entry.detail))?;
    Ok(())
}
