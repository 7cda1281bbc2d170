//! Opens the database: directory and file modes, pragmas, migrations.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::{DATABASE, StoreError, backup};

/// Every migration; they are added to and never edited.
const MIGRATIONS: &[M<'_>] = &[
    M::up(include_str!("../../migrations/0001_usage_and_tokens.sql")),
    M::up(include_str!("../../migrations/0002_kept.sql")),
    M::up(include_str!("../../migrations/0003_token_lossy.sql")),
    M::up(include_str!("../../migrations/0004_cost.sql")),
    M::up(include_str!("../../migrations/0005_usage_unchecked.sql")),
    M::up(include_str!("../../migrations/0006_tokens.sql")),
    M::up(include_str!("../../migrations/0007_spend.sql")),
    M::up(include_str!("../../migrations/0008_sessions.sql")),
    M::up(include_str!("../../migrations/0009_secrets.sql")),
    M::up(include_str!("../../migrations/0010_runs.sql")),
    M::up(include_str!("../../migrations/0011_audit.sql")),
    M::up(include_str!("../../migrations/0012_spend_spans.sql")),
    M::up(include_str!("../../migrations/0013_usage_detail.sql")),
    M::up(include_str!("../../migrations/0014_quota_alerts.sql")),
    M::up(include_str!("../../migrations/0016_log.sql")),
    M::up(include_str!("../../migrations/0017_cost_detail.sql")),
    M::up(include_str!("../../migrations/0018_inspect.sql")),
    M::up(include_str!("../../migrations/0019_degraded.sql")),
    M::up(include_str!("../../migrations/0020_usage_failed.sql")),
];

/// How long the writer waits for another writer before it says [`StoreError::Busy`].
const WRITER_BUSY: Duration = Duration::from_millis(250);

/// How long a reader waits. In WAL mode it only ever waits for recovery or for a checkpoint that truncates the log.
const READER_BUSY: Duration = Duration::from_secs(2);

/// Pragmas of the writing connection. NORMAL: a power cut may cost the last commits, never the database.
const WRITER_PRAGMAS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA foreign_keys = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -2048;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA wal_autocheckpoint = 2000;
";

/// Pragmas of a reading connection.
const READER_PRAGMAS: &str = "
    PRAGMA query_only = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -2048;
";

/// Where the database of a data directory lies.
pub fn database_path(dir: &Path) -> PathBuf {
    dir.join(DATABASE)
}

/// Makes the data directory (mode 0700) if it is missing. One that is there keeps its mode: it may be the operator's.
pub fn make_dir(dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|source| StoreError::File { path: dir.to_owned(), source })
}

/// Opens the database for writing, makes it (mode 0600) if it is missing, and brings its schema up to date. The caller
/// holds the data directory's lock.
pub fn open_writer(dir: &Path) -> Result<Connection, StoreError> {
    make_dir(dir)?;
    if dir.join(backup::UNFINISHED).exists() {
        return Err(StoreError::HalfRestored(dir.to_owned()));
    }
    let path = database_path(dir);
    make_private(&path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(WRITER_BUSY)?;
    let found = refuse_newer(&connection, &path)?;
    connection.execute_batch(WRITER_PRAGMAS)?;
    backup::keep_before(&connection, &path, found, known())?;
    connection.set_prepared_statement_cache_capacity(32);
    Migrations::from_slice(MIGRATIONS).to_latest(&mut connection)?;
    Ok(connection)
}

/// Opens the database for reading only. It must exist and have this program's schema.
pub fn open_reader(dir: &Path) -> Result<Connection, StoreError> {
    let path = database_path(dir);
    // SQLite alone would say "unable to open database file" whatever the reason.
    fs::metadata(&path).map_err(|source| StoreError::File { path: path.clone(), source })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(READER_BUSY)?;
    connection.execute_batch(READER_PRAGMAS)?;
    refuse_newer(&connection, &path)?;
    Ok(connection)
}

/// Makes the file before SQLite does, so that it is never readable by others, not even for a moment. SQLite gives the
/// log and the shared memory the mode of the database.
pub(super) fn make_private(path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::File { path: path.to_owned(), source };
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600)).map_err(failed)?;
    }
    Ok(())
}

/// The version of the schema that this program knows.
pub fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// The version of the schema that a database has.
pub fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

fn refuse_newer(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let (found, known) = (version(connection)?, known());
    if found > known {
        return Err(StoreError::TooNew { path: path.to_owned(), found, known });
    }
    Ok(found)
}

/// Makes a database of an earlier version.
#[cfg(test)]
pub(super) fn open_older(dir: &Path, version: usize) -> Connection {
    let mut connection = Connection::open(database_path(dir)).unwrap();
    connection.execute_batch(WRITER_PRAGMAS).unwrap();
    Migrations::from_slice(MIGRATIONS).to_version(&mut connection, version).unwrap();
    connection
}

#[cfg(test)]
mod upgrades;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_valid() {
        Migrations::from_slice(MIGRATIONS).validate().unwrap();
    }

    #[test]
    fn usage_rows_are_written_without_looking_their_names_up() {
        let temp = tempfile::tempdir().unwrap();
        let writer = open_writer(temp.path()).unwrap();
        let one = |sql: &str| writer.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(one("SELECT count(*) || '' FROM pragma_foreign_key_list('usage')"), "0");
        assert_eq!(one("SELECT count(*) || '' FROM pragma_foreign_key_list('token')"), "1");
        assert_eq!(one("PRAGMA integrity_check"), "ok");
        assert!(writer.execute("UPDATE sqlite_schema SET name = name", []).is_err(), "the schema is closed again");
    }

    #[test]
    fn files_are_private_even_if_they_were_not() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("data");
        make_dir(&dir).unwrap();
        fs::write(database_path(&dir), "").unwrap();
        fs::set_permissions(database_path(&dir), Permissions::from_mode(0o644)).unwrap();
        let connection = open_writer(&dir).unwrap();
        connection.execute("INSERT INTO name (text) VALUES ('a')", []).unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        for file in fs::read_dir(&dir).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
        }
    }

    #[test]
    fn a_newer_schema_is_refused_with_a_sentence_and_left_alone() {
        let temp = tempfile::tempdir().unwrap();
        open_writer(temp.path()).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
        let before = fs::read(database_path(temp.path())).unwrap();
        let message = open_writer(temp.path()).unwrap_err().to_string();
        assert!(message.contains("schema version 99") && message.contains("newer torod"), "{message}");
        assert!(open_reader(temp.path()).is_err());
        assert_eq!(fs::read(database_path(temp.path())).unwrap(), before);
    }

    #[test]
    fn a_reader_cannot_write() {
        let temp = tempfile::tempdir().unwrap();
        assert!(matches!(open_reader(temp.path()), Err(StoreError::File { .. })));
        let _writer = open_writer(temp.path()).unwrap();
        let reader = open_reader(temp.path()).unwrap();
        assert!(reader.execute("INSERT INTO name (text) VALUES ('a')", []).is_err());
    }
}
