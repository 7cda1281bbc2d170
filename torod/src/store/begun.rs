//! Changes of the file that were begun, so that none is without its audit entry whenever the gateway ends.

use rusqlite::Connection;

use super::audit::{self, Entry};
use super::{StoreError, secrets};

/// Says that a change begins, to the file at `version`. Its number.
pub fn begin(connection: &Connection, entry: &Entry<'_>, version: &str) -> Result<i64, StoreError> {
    let Entry { at_ms, actor, action, subject, detail } = entry;
    connection
        .prepare_cached(
            "INSERT INTO audit_begun (at_ms, actor, action, subject, detail, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((at_ms, actor, action, subject, detail, version))?;
    Ok(connection.last_insert_rowid())
}

/// The change is made: `entry` tells of it. The secrets that are `freed` by it are forgotten with it.
pub fn end(connection: &mut Connection, id: i64, entry: &Entry<'_>, freed: &[String]) -> Result<(), StoreError> {
    let end = |connection: &mut Connection| {
        let transaction = connection.transaction()?;
        transaction.prepare_cached("DELETE FROM audit_begun WHERE id = ?1")?.execute([id])?;
        audit::add(&transaction, entry)?;
        for name in freed {
            if secrets::remove(&transaction, name)? {
                let detail = format!("with {} of {}", entry.action, entry.subject);
                let entry = Entry { action: "secret.remove", subject: name, detail: &detail, ..entry.clone() };
                audit::add(&transaction, &entry)?;
            }
        }
        Ok(transaction.commit()?)
    };
    if freed.is_empty() { end(connection) } else { secrets::scrubbed(connection, end) }
}

/// What becomes of changes that were broken off: of the one with the number `only`, or of all. Where the file is at
/// another `version` by now, an entry says that the end was not seen. How many such entries.
pub fn settle(connection: &mut Connection, only: Option<i64>, version: &str) -> Result<usize, StoreError> {
    let transaction = connection.transaction()?;
    let told = transaction.execute(
        "INSERT INTO audit (at_ms, actor, action, subject, detail, actor_name)
         SELECT at_ms, actor, action, subject, trim(detail || ' (broken off: the end was not seen)'),
             (SELECT name FROM token WHERE public_id = actor)
         FROM audit_begun WHERE version <> ?1 AND id = coalesce(?2, id) ORDER BY id",
        (version, only),
    )?;
    transaction.execute("DELETE FROM audit_begun WHERE id = coalesce(?1, id)", [only])?;
    transaction.commit()?;
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::audit::{AuditQuery, page};
    use crate::store::schema;

    fn told(connection: &Connection) -> Vec<String> {
        let (entries, _) = page(connection, &AuditQuery { limit: 9, ..AuditQuery::default() }).unwrap();
        entries.into_iter().map(|entry| format!("{} {}", entry.action, entry.detail)).collect()
    }

    #[test]
    fn what_was_broken_off_is_told_where_the_file_is_another() {
        let temp = tempfile::tempdir().unwrap();
        let mut connection = schema::open_writer(temp.path()).unwrap();
        let entry =
            |detail| Entry { at_ms: 1, actor: "tok_a", action: "settings.change", subject: "torod.toml", detail };
        let one = begin(&connection, &entry("one"), "v1").unwrap();
        let two = begin(&connection, &entry("two"), "v2").unwrap();
        end(&mut connection, one, &entry("done"), &[]).unwrap();
        assert_eq!(told(&connection), ["settings.change done"]);
        assert_eq!(settle(&mut connection, Some(two), "v2").unwrap(), 0, "nothing was changed");
        assert_eq!(told(&connection).len(), 1);
        begin(&connection, &entry("three"), "v2").unwrap();
        begin(&connection, &entry(""), "v3").unwrap();
        assert_eq!(settle(&mut connection, None, "v3").unwrap(), 1);
        assert_eq!(
            told(&connection),
            ["settings.change three (broken off: the end was not seen)", "settings.change done"]
        );
        assert_eq!(settle(&mut connection, None, "v4").unwrap(), 0, "once");
    }
}
