//! What outlives a request, at rest: rows by kind, id and token, with an end.

use rusqlite::{Connection, OptionalExtension, Row};

use super::StoreError;

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// An answer that later requests may continue.
    Answer = 0,
    /// The state of a tool call, for clients that cannot carry it.
    Call = 1,
    /// A conversation that a provider keeps: whose it is, and nothing else.
    Conversation = 2,
    /// An item of an answer: whose it is, and nothing else.
    Item = 3,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What it is.
    pub kind: Kind,
    /// The answer's or the call's id.
    pub key: String,
    /// Whose it is; 0 for requests without a key on loopback.
    pub token_id: i64,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it ends, in milliseconds since 1970.
    pub expires_ms: i64,
    /// The answer that this one continues.
    pub previous: Option<String>,
    /// The provider that made it.
    pub provider: String,
    /// Whether the provider keeps it too.
    pub upstream: bool,
    /// The request's own items, a JSON list.
    pub input: Vec<u8>,
    /// The response object, or the envelopes.
    pub body: Vec<u8>,
}

impl Kept {
    /// What it weighs.
    pub const fn bytes(&self) -> usize {
        self.input.len() + self.body.len()
    }
}

fn get_row(kind: Kind, row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept {
        kind,
        key: row.get(0)?,
        token_id: row.get(1)?,
        created_ms: row.get(2)?,
        expires_ms: row.get(3)?,
        previous: row.get(4)?,
        provider: row.get(5)?,
        upstream: row.get(6)?,
        input: row.get(7)?,
        body: row.get(8)?,
    })
}

/// The row of `key` that belongs to a token and has not ended.
pub fn find(
    connection: &Connection,
    kind: Kind,
    key: &str,
    token_id: i64,
    now_ms: i64,
) -> Result<Option<Kept>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT key, token_id, created_ms, expires_ms, previous, provider, upstream, input, body
         FROM kept WHERE kind = ?1 AND key = ?2 AND token_id = ?3 AND expires_ms > ?4",
    )?;
    Ok(statement.query_row((kind as u8, key, token_id, now_ms), |row| get_row(kind, row)).optional()?)
}

/// Whether `key` is that of a row of another token than `token_id`.
pub fn is_anothers(
    connection: &Connection,
    kind: Kind,
    key: &str,
    token_id: i64,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM kept WHERE kind = ?1 AND key = ?2 AND token_id <> ?3 AND expires_ms > ?4)",
    )?;
    Ok(statement.query_row((kind as u8, key, token_id, now_ms), |row| row.get(0))?)
}

/// Whether there is any row of `kind`.
pub fn any(connection: &Connection, kind: Kind) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM kept WHERE kind = ?1)")?;
    Ok(statement.query_row([kind as u8], |row| row.get(0))?)
}

/// Adds `rows` in one transaction; one that is there already is replaced.
pub fn insert<'a>(connection: &mut Connection, rows: impl Iterator<Item = &'a Kept>) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    {
        let mut statement = transaction.prepare_cached(
            "INSERT OR REPLACE INTO kept
             (kind, key, token_id, created_ms, expires_ms, bytes, previous, provider, upstream, input, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?;
        for row in rows {
            statement.execute((
                row.kind as u8,
                &row.key,
                row.token_id,
                row.created_ms,
                row.expires_ms,
                i64::try_from(row.bytes()).unwrap_or(i64::MAX),
                &row.previous,
                &row.provider,
                row.upstream,
                &row.input,
                &row.body,
            ))?;
        }
    }
    Ok(transaction.commit()?)
}

/// Removes a row. Says whether there was one.
pub fn delete(connection: &Connection, kind: Kind, key: &str, token_id: i64) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("DELETE FROM kept WHERE kind = ?1 AND key = ?2 AND token_id = ?3")?;
    Ok(statement.execute((kind as u8, key, token_id))? > 0)
}

/// How many rows one step of [`sweep`] removes, so that nobody waits long behind it.
const STEP: i64 = 500;

/// Removes some of what has ended, and of what is oldest while all weighs more than `most_bytes`. Says whether there is
/// more to remove.
pub fn sweep(connection: &Connection, now_ms: i64, most_bytes: i64) -> Result<bool, StoreError> {
    let mut ended = connection.prepare_cached(
        "DELETE FROM kept WHERE id IN (SELECT id FROM kept WHERE expires_ms <= ?1 ORDER BY expires_ms LIMIT ?2)",
    )?;
    if i64::try_from(ended.execute((now_ms, STEP))?).unwrap_or(STEP) == STEP {
        return Ok(true);
    }
    let mut weigh = connection.prepare_cached("SELECT coalesce(sum(bytes), 0) FROM kept")?;
    let mut over = weigh.query_row([], |row| row.get::<_, i64>(0))? - most_bytes;
    if over <= 0 {
        return Ok(false);
    }
    let mut oldest = connection.prepare_cached("SELECT id, bytes FROM kept ORDER BY expires_ms LIMIT ?1")?;
    let rows = oldest.query_map([STEP], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut remove = connection.prepare_cached("DELETE FROM kept WHERE id = ?1")?;
    for (id, bytes) in rows {
        if over <= 0 {
            break;
        }
        remove.execute([id])?;
        over -= bytes;
    }
    Ok(over > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    fn row(key: &str, token_id: i64, expires_ms: i64, bytes: usize) -> Kept {
        Kept {
            kind: Kind::Answer,
            key: key.to_owned(),
            token_id,
            created_ms: 1,
            expires_ms,
            previous: None,
            provider: "p".to_owned(),
            upstream: false,
            input: Vec::new(),
            body: vec![b'x'; bytes],
        }
    }

    #[test]
    fn rows_belong_to_their_token_and_end() {
        let temp = tempfile::tempdir().unwrap();
        let mut connection = schema::open_writer(temp.path()).unwrap();
        let one = row("a", 1, 100, 10);
        insert(&mut connection, [&one, &Kept { body: b"other".to_vec(), ..row("a", 2, 100, 0) }].into_iter()).unwrap();
        let found = |key: &str, token: i64, now: i64| find(&connection, Kind::Answer, key, token, now).unwrap();
        assert_eq!(found("a", 1, 99), Some(one.clone()));
        assert_eq!(found("a", 2, 99).map(|row| row.body), Some(b"other".to_vec()));
        assert_eq!((found("a", 3, 99), found("b", 1, 99), found("a", 1, 100)), (None, None, None));
        assert_eq!(find(&connection, Kind::Call, "a", 1, 99).unwrap(), None);
        assert!(any(&connection, Kind::Answer).unwrap() && !any(&connection, Kind::Call).unwrap());
        assert!(!delete(&connection, Kind::Answer, "a", 3).unwrap());
        assert!(delete(&connection, Kind::Answer, "a", 1).unwrap());
        assert_eq!(find(&connection, Kind::Answer, "a", 1, 99).unwrap(), None);
    }

    #[test]
    fn the_ended_and_the_oldest_are_swept() {
        let temp = tempfile::tempdir().unwrap();
        let mut connection = schema::open_writer(temp.path()).unwrap();
        let rows: Vec<Kept> =
            (0..1200).map(|n| row(&n.to_string(), 1, if n < 600 { 10 } else { 20 + n }, 10)).collect();
        insert(&mut connection, rows.iter()).unwrap();
        let mut steps = 1;
        while sweep(&connection, 15, 1000).unwrap() {
            steps += 1;
        }
        assert!(steps <= 4, "{steps}");
        let left: Vec<i64> =
            (0..1200).filter(|n| find(&connection, Kind::Answer, &n.to_string(), 1, 15).unwrap().is_some()).collect();
        assert_eq!(left, (1100..1200).collect::<Vec<_>>(), "the newest, as many as fit");
        assert!(!sweep(&connection, 15, 1000).unwrap());
    }
}
