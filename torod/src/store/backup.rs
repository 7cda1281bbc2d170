//! Copies of a database, whole and of one moment while it is in use, and what a copy must be to be taken for one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::conversations::{self, CONVERSATIONS};
use super::schema::{self, make_private, version};
use super::{DATABASE, StoreError};

/// Pages that are copied before somebody may end it: 16 MiB or so.
const STEP: i32 = 4096;
/// How long a lock of somebody else is waited for.
const BUSY: Duration = Duration::from_secs(5);
/// The folder in the data folder where copies from before an upgrade are.
pub const BEFORE_UPGRADE: &str = "before-upgrade";
/// A file that lies in a data folder while it is neither what it was nor what a backup makes of it.
pub const UNFINISHED: &str = "restore.unfinished";
/// So many copies of each database are kept there.
const KEPT: usize = 2;

/// Copies the database `from` to the new file `to`, the owner's alone. Whoever writes meanwhile is not held up, and what they
/// write is not in it. Gives the version of its schema.
pub fn copy(from: &Path, to: &Path, stop: &AtomicBool) -> Result<i64, StoreError> {
    // SQLite alone would say "unable to open database file" whatever the reason.
    fs::metadata(from).map_err(|source| StoreError::File { path: from.to_owned(), source })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags)?;
    source.busy_timeout(BUSY)?;
    copy_of(&source, to, stop)
}

fn copy_of(source: &Connection, to: &Path, stop: &AtomicBool) -> Result<i64, StoreError> {
    make_private(to)?;
    let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // One look at the database for all steps: without it each change by somebody else would begin the copy anew.
    source.execute_batch("BEGIN")?;
    source.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
    let copied = steps(source, &mut target, stop);
    source.execute_batch("COMMIT")?;
    copied?;
    // A file of its own, with no log beside it.
    target.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0))?;
    let version = version(&target)?;
    target.close().map_err(|(_, e)| StoreError::from(e))?;
    let sync = fs::File::open(to).and_then(|file| file.sync_all());
    sync.map_err(|source| StoreError::File { path: to.to_owned(), source })?;
    Ok(version)
}

fn steps(source: &Connection, target: &mut Connection, stop: &AtomicBool) -> Result<(), StoreError> {
    let backup = Backup::new(source, target)?;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(StoreError::Interrupted);
        }
        match backup.step(STEP)? {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            // The reading connection waits by itself; nobody else knows the target.
            _ => return Err(StoreError::Busy),
        }
    }
}

/// Looks at all of the database `path`, which is named `name` in a data folder. Gives the version of its schema.
///
/// # Errors
///
/// Where it is damaged, of a newer torod, or no database of torod at all.
pub fn examine(path: &Path, name: &str) -> Result<i64, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    let known = if name == CONVERSATIONS {
        conversations::add_functions(&connection)?;
        conversations::known()
    } else {
        schema::known()
    };
    let found = version(&connection)?;
    if found > known {
        return Err(StoreError::TooNew { path: PathBuf::from(name), found, known });
    }
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(StoreError::Damaged(format!("{name}: {verdict}")));
    }
    let table = if name == CONVERSATIONS { "exchange" } else { "token" };
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    if found < 1 || connection.query_row(sql, [table], |row| row.get::<_, i64>(0))? == 0 {
        return Err(StoreError::Damaged(format!("{name} is no database of torod")));
    }
    Ok(found)
}

/// Keeps a copy of the database `path` before its schema, of version `found`, is brought up to date.
///
/// # Errors
///
/// Where it cannot be copied: then nothing may be changed.
pub(super) fn keep_before(connection: &Connection, path: &Path, found: i64, known: i64) -> Result<(), StoreError> {
    if found == 0 || found >= known {
        return Ok(());
    }
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Ok(());
    };
    let folder = dir.join(BEFORE_UPGRADE);
    let copy = folder.join(format!("{name}.v{found}"));
    // One that is there already is of an upgrade that broke off, or of one that was taken back since: this database is newer.
    let partial = folder.join(format!("{name}.partial"));
    _ = fs::remove_file(&partial);
    let made = schema::make_dir(&folder)
        .and_then(|()| copy_of(connection, &partial, &AtomicBool::new(false)))
        .and_then(|_| fs::rename(&partial, &copy).map_err(|source| StoreError::File { path: copy.clone(), source }));
    if let Err(error) = made {
        _ = fs::remove_file(&partial);
        return Err(StoreError::NoCopy { folder, cause: Box::new(error) });
    }
    tracing::info!(
        "{name} has schema version {found} and is brought to {known}; as it was, it is kept in {}",
        copy.display()
    );
    forget_older(&folder, name);
    Ok(())
}

/// Removes all but the newest copies.
fn forget_older(folder: &Path, name: &str) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let version = |path: &Path| -> Option<i64> {
        path.file_name()?.to_str()?.strip_prefix(name)?.strip_prefix(".v")?.parse().ok()
    };
    let mut copies: Vec<_> = entries
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter_map(|path| Some((version(&path)?, path)))
        .collect();
    copies.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    for (_, path) in copies.into_iter().skip(KEPT) {
        _ = fs::remove_file(path);
    }
}

/// The files of a data folder that are databases.
pub const DATABASES: [&str; 2] = [DATABASE, CONVERSATIONS];

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(from: &Path, to: &Path) -> Result<i64, StoreError> {
        copy(from, to, &AtomicBool::new(false))
    }

    #[test]
    fn a_copy_is_of_one_moment_and_needs_no_other_file() {
        let temp = tempfile::tempdir().unwrap();
        let writer = schema::open_writer(temp.path()).unwrap();
        writer.execute("INSERT INTO name (text) VALUES ('before')", []).unwrap();
        let to = temp.path().join("copy");
        let version = copied(&schema::database_path(temp.path()), &to).unwrap();
        writer.execute("INSERT INTO name (text) VALUES ('after')", []).unwrap();
        assert_eq!((version, examine(&to, DATABASE).unwrap()), (schema::known(), schema::known()));
        assert!(!temp.path().join("copy-wal").exists());
        let copy = Connection::open(&to).unwrap();
        let names = |sql: &str| copy.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(names("SELECT count(*) FROM name WHERE text = 'before'"), 1);
        assert_eq!(names("SELECT count(*) FROM name WHERE text = 'after'"), 0);
    }

    #[test]
    fn whoever_has_enough_ends_it() {
        let temp = tempfile::tempdir().unwrap();
        drop(schema::open_writer(temp.path()).unwrap());
        let ended = copy(&schema::database_path(temp.path()), &temp.path().join("copy"), &AtomicBool::new(true));
        assert!(matches!(ended, Err(StoreError::Interrupted)));
    }

    #[test]
    fn what_is_damaged_newer_or_foreign_is_no_copy() {
        let temp = tempfile::tempdir().unwrap();
        let writer = schema::open_writer(temp.path()).unwrap();
        for n in 0..2_000 {
            writer
                .execute("INSERT INTO name (text) VALUES (?1)", [format!("a name that takes up some room {n}")])
                .unwrap();
        }
        drop(writer);
        let to = temp.path().join("copy");
        copied(&schema::database_path(temp.path()), &to).unwrap();
        let mut bytes = fs::read(&to).unwrap();
        let at = bytes.len() / 2;
        bytes[at..at + 4096].fill(0xa5);
        fs::write(&to, bytes).unwrap();
        assert!(examine(&to, DATABASE).is_err());

        let foreign = temp.path().join("foreign");
        Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE a (b); PRAGMA user_version = 1").unwrap();
        assert!(matches!(examine(&foreign, DATABASE), Err(StoreError::Damaged(_))));
        Connection::open(&foreign).unwrap().execute_batch("PRAGMA user_version = 999").unwrap();
        assert!(matches!(examine(&foreign, DATABASE), Err(StoreError::TooNew { found: 999, .. })));
        fs::write(&foreign, "no database at all, just some words").unwrap();
        assert!(examine(&foreign, DATABASE).is_err());
    }

    #[test]
    fn an_older_database_is_kept_before_it_is_brought_up_to_date() {
        let temp = tempfile::tempdir().unwrap();
        schema::open_older(temp.path(), 3);
        let writer = schema::open_writer(temp.path()).unwrap();
        assert_eq!(version(&writer).unwrap(), schema::known());
        let kept = temp.path().join(BEFORE_UPGRADE).join("torod.db.v3");
        assert_eq!(version(&Connection::open(&kept).unwrap()).unwrap(), 3);
        drop(writer);
        // A further start has nothing to keep.
        drop(schema::open_writer(temp.path()).unwrap());
        assert_eq!(fs::read_dir(temp.path().join(BEFORE_UPGRADE)).unwrap().count(), 1);
    }

    #[test]
    fn without_a_copy_nothing_is_changed() {
        let temp = tempfile::tempdir().unwrap();
        schema::open_older(temp.path(), 3);
        // There is no room for a folder where a file is.
        fs::write(temp.path().join(BEFORE_UPGRADE), "").unwrap();
        assert!(schema::open_writer(temp.path()).is_err());
        let connection = Connection::open(schema::database_path(temp.path())).unwrap();
        assert_eq!(version(&connection).unwrap(), 3);
    }

    #[test]
    fn the_newest_copies_are_kept() {
        let temp = tempfile::tempdir().unwrap();
        for name in ["torod.db.v9", "torod.db.v10", "torod.db.v11", "conversations.db.v1", "torod.db.mine"] {
            fs::write(temp.path().join(name), "").unwrap();
        }
        forget_older(temp.path(), DATABASE);
        let mut left: Vec<_> = fs::read_dir(temp.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["conversations.db.v1", "torod.db.mine", "torod.db.v10", "torod.db.v11"]);
    }
}
