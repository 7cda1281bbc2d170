//! SQLite: every SQL statement of the daemon, the one writer thread, and the read connections.

pub mod agent_sessions;
pub mod alerts;
mod attempt_filter;
pub mod attempts;
pub mod audit;
pub mod backup;
pub mod begun;
pub mod bell;
pub mod conversations;
pub mod data_set;
pub mod detail;
pub mod drift;
pub mod figures;
pub mod history;
pub mod imported;
pub mod kept;
pub mod key_file;
pub mod keyring;
pub mod lists;
pub mod lock;
pub mod log;
pub mod names;
pub mod one_api;
pub mod origins;
pub mod quotas;
pub mod reader;
pub mod removed;
pub mod reprice;
pub mod requests;
pub mod runs;
pub mod schema;
pub mod secrets;
pub mod sessions;
pub mod sign_ins;
pub mod spend;
pub mod token_list;
pub mod tokens;
pub mod tokrouter;
pub mod usage;
pub mod usage_of;
pub mod writer;

use std::path::PathBuf;

pub use bell::Bell;
pub use data_set::DataSet;
pub use keyring::Keyring;
pub use lists::Lists;
pub use lock::DirLock;
pub use reader::{Readers, Stop};
pub use rusqlite::types::Value;
pub use rusqlite::{Connection, Row};
pub use sign_ins::{SignIn, SignInLock, SignInName, SignIns};
pub use writer::{Feed, Writer, WriterHandle};

/// The database's file name in the data directory.
pub const DATABASE: &str = "torod.db";

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another connection holds the database; trying again helps.
    #[error("the database is busy")]
    Busy,
    /// SQLite refused; the text is its own.
    #[error("the database refused: {0}")]
    Sqlite(#[source] rusqlite::Error),
    /// The schema could not be brought up to date.
    #[error("the database could not be migrated: {0}")]
    Migration(#[source] Box<rusqlite_migration::Error>),
    /// The database was written by a newer torod.
    #[error(
        "{} has schema version {found}, and this torod knows versions up to {known}: start the newer torod again, or restore a backup made by this one",
        path.display()
    )]
    TooNew {
        /// The database file.
        path: PathBuf,
        /// The version it has.
        found: i64,
        /// The greatest version this program knows.
        known: i64,
    },
    /// The database is older, and no copy of it could be made before it is brought up to date.
    #[error(
        "the database is of an older torod, and it cannot be copied to {} before it is brought up to date, so it was left as it is ({cause}): make room there, or put a link to a folder with room in its place",
        folder.display()
    )]
    NoCopy {
        /// Where the copy would be.
        folder: PathBuf,
        /// Why it is not there. Not the error's source: it is told already.
        cause: Box<StoreError>,
    },
    /// A backup was being put there when that was broken off.
    #[error(
        "a restore was broken off in {}: run `torod restore FILE` again, which brings it to its end",
        .0.display()
    )]
    HalfRestored(PathBuf),
    /// A file or directory could not be made or opened.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The writer took longer than the caller can wait. What was asked for may still happen.
    #[error("the database did not answer in time")]
    TimedOut,
    /// Nobody waited for the answer any longer.
    #[error("the question took too long: ask for a shorter span, or for less at once")]
    Interrupted,
    /// The writer has stopped or has too much to do.
    #[error("the database writer takes no more work")]
    Closed,
    /// Others on this machine can read a key.
    #[error(
        "{} can be read by others (mode {mode:04o}): run `chmod 600 {}`, and give every secret anew if somebody may have read it",
        path.display(), path.display()
    )]
    KeyExposed {
        /// The key's file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The key that something was sealed under is gone.
    #[error(
        "the key that this secret was sealed under is not in {}: put the file back from a backup, or give the secret anew with `torod secrets set NAME` (a sign-in with `torod provider login`)",
        path.display()
    )]
    KeyLost {
        /// Where it should be.
        path: PathBuf,
    },
    /// A question cannot be answered as it was put; the text says why.
    #[error("{0}")]
    Refused(String),
    /// A stored value is not what this program writes.
    #[error("the database holds a value that does not belong there: {0}")]
    Damaged(String),
}

impl StoreError {
    /// Whether the same call may succeed a little later.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Busy | Self::TimedOut)
    }

    /// Whether the disk is full, gone, or takes nothing.
    pub fn is_full_or_gone(&self) -> bool {
        use rusqlite::ErrorCode::{CannotOpen, DiskFull, ReadOnly, SystemIoFailure};
        let Self::Sqlite(error) = self else { return false };
        matches!(error.sqlite_error_code(), Some(CannotOpen | DiskFull | ReadOnly | SystemIoFailure))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => Self::Busy,
            Some(rusqlite::ErrorCode::OperationInterrupted) => Self::Interrupted,
            _ => Self::Sqlite(error),
        }
    }
}

impl From<rusqlite_migration::Error> for StoreError {
    fn from(error: rusqlite_migration::Error) -> Self {
        Self::Migration(Box::new(error))
    }
}
