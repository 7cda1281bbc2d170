//! What providers had left, as it was known last: for the time after a restart.

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Rows that nobody has written for so long are of providers of the past, in milliseconds.
const FORGOTTEN_MS: i64 = 60 * 86_400_000;

/// What was known of one key of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaRow {
    /// The provider's name.
    pub provider: String,
    /// What the key is called; empty where there is none.
    pub credential: String,
    /// Tells whether it is still the same key at the same place.
    pub mark: String,
    /// When it was kept, in milliseconds since 1970.
    pub at_ms: i64,
    /// What was known, as JSON.
    pub body: String,
}

/// Every row.
pub fn all(connection: &Connection) -> Result<Vec<QuotaRow>, StoreError> {
    let mut statement = connection.prepare("SELECT provider, credential, mark, at_ms, body FROM quota")?;
    let rows = statement.query_map([], |row| {
        Ok(QuotaRow {
            provider: row.get(0)?,
            credential: row.get(1)?,
            mark: row.get(2)?,
            at_ms: row.get(3)?,
            body: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Keeps `rows` in the place of what was known before.
pub fn put(connection: &mut Connection, rows: &[QuotaRow]) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for QuotaRow { provider, credential, mark, at_ms, body } in rows {
        transaction.execute(
            "INSERT OR REPLACE INTO quota (provider, credential, mark, at_ms, body) VALUES (?1, ?2, ?3, ?4, ?5)",
            (provider, credential, mark, at_ms, body),
        )?;
        transaction.execute("DELETE FROM quota WHERE at_ms < ?1", [at_ms.saturating_sub(FORGOTTEN_MS)])?;
    }
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    #[test]
    fn the_last_word_is_kept_and_the_past_goes() {
        let temp = tempfile::tempdir().unwrap();
        let mut connection = schema::open_writer(temp.path()).unwrap();
        let row = |provider: &str, at_ms, body: &str| QuotaRow {
            provider: provider.into(),
            credential: "1".into(),
            mark: "m".into(),
            at_ms,
            body: body.into(),
        };
        put(&mut connection, &[row("a", 1, "old"), row("b", 2, "b")]).unwrap();
        put(&mut connection, &[row("a", 3, "new")]).unwrap();
        let mut rows = all(&connection).unwrap();
        rows.sort_by(|one, other| one.provider.cmp(&other.provider));
        assert_eq!(rows, [row("a", 3, "new"), row("b", 2, "b")]);
        put(&mut connection, &[row("c", FORGOTTEN_MS + 3, "c")]).unwrap();
        assert_eq!(all(&connection).unwrap().len(), 2, "b is of the past");
    }
}
