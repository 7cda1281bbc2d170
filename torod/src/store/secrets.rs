//! Secrets that were given by name: sealed, each bound to its name and to where it may be sent.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use sha2::{Digest as _, Sha256};
use tokenrouter_shared::Secret;
use zeroize::Zeroizing;

use super::StoreError;
use super::keyring::Keyring;
use super::token_list::escaped;

/// What is known of a secret without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRow {
    /// What it is called, such as `provider/openai`.
    pub name: String,
    /// Where it may be sent: `https://host[:port]` each.
    pub origins: Vec<String>,
    /// When it was first given, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it was last given, in milliseconds since 1970.
    pub changed_ms: i64,
    /// Another one whenever it is sealed: no two nonces are the same.
    pub version: String,
}

/// What is sealed in beside the secret: a row that was renamed, or told another place to be sent to, opens no more.
fn about(name: &str, origins: &str) -> Vec<u8> {
    format!("secret 1\n{}:{name}\n{origins}", name.len()).into_bytes()
}

/// Keeps `secret` under `name`, for `origins` alone. Says whether there was one of that name.
pub fn put(
    connection: &Connection,
    keys: &Keyring,
    name: &str,
    origins: &[String],
    secret: &Secret,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let origins = origins.join(" ");
    let sealed = keys.seal(&about(name, &origins), secret.expose().as_bytes())?;
    let before = connection.query_row("SELECT 1 FROM secret WHERE name = ?1", [name], |_| Ok(())).optional()?;
    connection.execute(
        "INSERT INTO secret (name, origins, sealed, created_ms, changed_ms) VALUES (?1, ?2, ?3, ?4, ?4)
         ON CONFLICT (name) DO UPDATE SET origins = ?2, sealed = ?3, changed_ms = ?4",
        (name, &origins, &sealed, now_ms),
    )?;
    Ok(before.is_some())
}

/// The secret of `name`, and where it may be sent.
pub fn get(connection: &Connection, keys: &Keyring, name: &str) -> Result<Option<(Secret, Vec<String>)>, StoreError> {
    let row = connection
        .query_row("SELECT origins, sealed FROM secret WHERE name = ?1", [name], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))
        })
        .optional()?;
    let Some((origins, sealed)) = row else { return Ok(None) };
    let plain = keys.open(&about(name, &origins), &sealed)?;
    let text = std::str::from_utf8(&plain).map_err(|_| StoreError::Damaged(format!("the secret `{name}`")))?;
    Ok(Some((Secret::from(text), split(&origins))))
}

/// Where the secret of `name` may be sent; it is not opened.
pub fn origins(connection: &Connection, name: &str) -> Result<Option<Vec<String>>, StoreError> {
    let find = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    let origins = connection.query_row("SELECT origins FROM secret WHERE name = ?1", [name], find).optional()?;
    Ok(origins.as_deref().map(split))
}

/// Every secret by name, none of them opened.
pub fn all(connection: &Connection) -> Result<Vec<SecretRow>, StoreError> {
    page(connection, None, None, usize::MAX)
}

/// Those behind the name `after`, with `text` in their names or places: so many at most.
pub fn page(
    connection: &Connection,
    text: Option<&str>,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<SecretRow>, StoreError> {
    let like = text.map(|text| format!("%{}%", escaped(text)));
    let mut statement = connection.prepare_cached(
        r"SELECT name, origins, created_ms, changed_ms, sealed FROM secret
          WHERE name > coalesce(?1, '') AND (?2 IS NULL OR name LIKE ?2 ESCAPE '\' OR origins LIKE ?2 ESCAPE '\')
          ORDER BY name LIMIT ?3",
    )?;
    let rows = statement.query_map((after, like, i64::try_from(limit).unwrap_or(i64::MAX)), |row| {
        let (origins, sealed): (String, Vec<u8>) = (row.get(1)?, row.get(4)?);
        let digest: [u8; 32] = Sha256::digest(&sealed).into();
        Ok(SecretRow {
            name: row.get(0)?,
            origins: split(&origins),
            created_ms: row.get(2)?,
            changed_ms: row.get(3)?,
            version: format!("{:016x}", u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default())),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How many secrets of the database `path`, which may be of an earlier version, `keys` do not open.
pub fn closed(path: &Path, keys: &Keyring) -> Result<usize, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'secret'";
    if connection.query_row(sql, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(0);
    }
    let mut statement = connection.prepare("SELECT name, origins, sealed FROM secret")?;
    let rows = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, Vec<u8>>(2)?)))?;
    let mut closed = 0;
    for row in rows {
        let (name, origins, sealed) = row?;
        closed += usize::from(keys.open(&about(&name, &origins), &sealed).is_err());
    }
    Ok(closed)
}

/// Forgets a secret. Says whether there was one.
pub fn remove(connection: &Connection, name: &str) -> Result<bool, StoreError> {
    Ok(connection.execute("DELETE FROM secret WHERE name = ?1", [name])? > 0)
}

/// Seals every secret anew that is not under the newest key; inside a transaction, so that all are or none. How many.
pub fn reseal(connection: &Connection, keys: &Keyring) -> Result<usize, StoreError> {
    let mut statement = connection.prepare("SELECT name, origins, sealed FROM secret")?;
    let rows = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, Vec<u8>>(2)?)))?;
    let mut changed = 0;
    for row in rows.collect::<rusqlite::Result<Vec<_>>>()? {
        let (name, origins, sealed) = row;
        if keys.is_newest(&sealed)? {
            continue;
        }
        let about = about(&name, &origins);
        let plain: Zeroizing<Vec<u8>> = keys.open(&about, &sealed)?;
        let sealed = keys.seal(&about, &plain)?;
        connection.execute("UPDATE secret SET sealed = ?2 WHERE name = ?1", (&name, &sealed))?;
        changed += 1;
    }
    Ok(changed)
}

/// Does `work` so that what it deletes or overwrites goes from the files too, and not only from their tables. What `work` did
/// stays done where the files cannot be cleaned yet: readers that are at work may put that off.
pub fn scrubbed<T, E: From<StoreError>>(
    connection: &mut Connection,
    work: impl FnOnce(&mut Connection) -> Result<T, E>,
) -> Result<T, E> {
    let scrub = |connection: &Connection, is_on: bool| connection.pragma_update(None, "secure_delete", is_on);
    scrub(connection, true).map_err(StoreError::from)?;
    let done = work(connection);
    // Moves the log into the database and empties it: what was overwritten stands in neither any more.
    let empty_log = |connection: &Connection| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    if let Err(error) = scrub(connection, false).and_then(|()| empty_log(connection)) {
        tracing::warn!(%error, "what was sealed before may stand in the database's log until that is emptied");
    }
    done
}

fn split(origins: &str) -> Vec<String> {
    origins.split_ascii_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    fn keys(dir: &Path) -> Keyring {
        Keyring::new(dir, |out: &mut [u8]| getrandom::fill(out))
    }

    fn origins() -> Vec<String> {
        vec!["https://api.example.com".to_owned(), "https://b.example.com:8443".to_owned()]
    }

    #[test]
    fn a_secret_is_kept_sealed_and_bound_to_its_name_and_place() {
        let dir = tempfile::tempdir().unwrap();
        let (connection, keys) = (schema::open_writer(dir.path()).unwrap(), keys(dir.path()));
        assert!(!put(&connection, &keys, "a", &origins(), &"hunter2".into(), 5).unwrap());
        let version = all(&connection).unwrap().remove(0).version;
        assert!(put(&connection, &keys, "a", &origins(), &"hunter3".into(), 6).unwrap());
        assert_eq!(get(&connection, &keys, "a").unwrap(), Some(("hunter3".into(), origins())));
        assert_eq!(get(&connection, &keys, "b").unwrap(), None);
        let row = all(&connection).unwrap().remove(0);
        assert_ne!(row.version, version, "another secret, another version");
        assert_eq!((row.name.as_str(), row.origins, row.created_ms, row.changed_ms), ("a", origins(), 5, 6));
        for (change, back) in [
            ("UPDATE secret SET origins = 'https://evil.example'", "UPDATE secret SET origins = 'x'"),
            ("UPDATE secret SET name = 'b'", "UPDATE secret SET name = 'a'"),
        ] {
            connection.execute(change, []).unwrap();
            let name = all(&connection).unwrap()[0].name.clone();
            assert!(get(&connection, &keys, &name).is_err(), "{change}");
            connection.execute(back, []).unwrap();
        }
        assert!(remove(&connection, "a").unwrap() && !remove(&connection, "a").unwrap());
    }

    #[test]
    fn keys_change_for_all_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let (mut connection, keys) = (schema::open_writer(dir.path()).unwrap(), keys(dir.path()));
        for name in ["a", "b", "c"] {
            put(&connection, &keys, name, &[], &name.into(), 1).unwrap();
        }
        let all_open = |connection: &Connection| {
            let open = |name| get(connection, &keys, name).unwrap().unwrap().0;
            assert_eq!(["a", "b", "c"].map(open), ["a", "b", "c"].map(Secret::from));
        };
        let rotation = keys.begin().unwrap();
        // It breaks off in the middle.
        let transaction = connection.transaction().unwrap();
        assert_eq!(reseal(&transaction, &keys).unwrap(), 3);
        drop((transaction, rotation));
        all_open(&connection);
        let rotation = keys.begin().unwrap();
        assert_eq!(reseal(&connection, &keys).unwrap(), 3);
        all_open(&connection);
        rotation.finish().unwrap();
        all_open(&connection);
        assert_eq!(reseal(&connection, &keys).unwrap(), 0);
    }
}
