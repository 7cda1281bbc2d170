//! Conversations, in a file of their own (`conversations.db`): what fills up or breaks there harms no bill.

pub mod group;
pub mod insert;
pub mod list;
pub mod pack;
pub mod pieces;
pub mod read;
pub mod remove;
pub mod stages;
pub mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{M, Migrations};

use super::schema::{self, make_dir, make_private};
use super::{StoreError, backup};

/// The file's name in the data folder.
pub const CONVERSATIONS: &str = "conversations.db";

const MIGRATIONS: &[M<'_>] = &[
    M::up(include_str!("../../../migrations/conversations/0001_conversations.sql")),
    M::up(include_str!("../../../migrations/conversations/0002_kept.sql")),
    M::up(include_str!("../../../migrations/conversations/0003_unforgotten.sql")),
];

const BUSY: Duration = Duration::from_secs(2);
/// How often emptying the log is tried while others read.
const TRIES: usize = 4;

/// What is deleted is overwritten, and gives its room back.
const PRAGMAS: &str = "
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA foreign_keys = ON;
    PRAGMA secure_delete = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -2048;
    PRAGMA journal_size_limit = 16777216;
";

const READER_PRAGMAS: &str = "
    PRAGMA query_only = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -2048;
";

/// Where the conversations of a data folder lie.
pub fn path(dir: &Path) -> PathBuf {
    dir.join(CONVERSATIONS)
}

/// Whether any were ever kept.
pub fn exists(dir: &Path) -> bool {
    path(dir).exists()
}

/// Opens the file for writing, and makes it (mode 0600) if it is missing.
pub fn open_writer(dir: &Path) -> Result<Connection, StoreError> {
    make_dir(dir)?;
    let path = path(dir);
    make_private(&path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(BUSY)?;
    let found = refuse_newer(&connection, &path)?;
    connection.execute_batch(PRAGMAS)?;
    add_functions(&connection)?;
    backup::keep_before(&connection, &path, found, known())?;
    connection.set_prepared_statement_cache_capacity(32);
    Migrations::from_slice(MIGRATIONS).to_latest(&mut connection)?;
    remove::set_thorough(&connection, false)?;
    Ok(connection)
}

/// Opens the file for reading; none where nothing was ever kept.
pub fn open_reader(dir: &Path) -> Result<Option<Connection>, StoreError> {
    let path = path(dir);
    match fs::metadata(&path) {
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StoreError::File { path, source }),
        Ok(_) => {}
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.execute_batch(READER_PRAGMAS)?;
    add_functions(&connection)?;
    refuse_newer(&connection, &path)?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    // A file that was made this moment has no tables yet.
    Ok((version > 0).then_some(connection))
}

pub(super) fn add_functions(connection: &Connection) -> Result<(), StoreError> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("unpacked", 1, flags, |context| {
        let packed = context.get_raw(0).as_blob().unwrap_or_default();
        Ok(String::from_utf8_lossy(&pack::unpack(packed).unwrap_or_default()).into_owned())
    })?;
    Ok(())
}

/// The version of the schema that this program knows.
pub fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn refuse_newer(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let (found, known) = (schema::version(connection)?, known());
    if found > known {
        return Err(StoreError::TooNew { path: path.to_owned(), found, known });
    }
    Ok(found)
}

/// Gives room back and empties the log: after this, what was deleted is nowhere. Who reads at this moment is waited for, a
/// few times two seconds.
pub fn settle(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch("PRAGMA incremental_vacuum(4096)")?;
    for _ in 0..TRIES {
        let is_busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if !is_busy {
            return Ok(());
        }
    }
    Err(StoreError::Busy)
}

/// How many bytes the file's contents take up.
pub fn used_bytes(connection: &Connection) -> Result<u64, StoreError> {
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let pages = number("PRAGMA page_count")?.saturating_sub(number("PRAGMA freelist_count")?);
    Ok(u64::try_from(pages.saturating_mul(number("PRAGMA page_size")?)).unwrap_or(0))
}
