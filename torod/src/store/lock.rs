//! The lock on a data directory: held by the daemon for its life and by a command for the moment in which it writes.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::schema::make_dir;

/// The lock's file name in the data directory.
pub const LOCK: &str = "torod.lock";

/// Why a data directory could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody has it.
    #[error(
        "another torod is using {}: stop it first, or give this one a data directory of its own with --data-dir",
        dir.display()
    )]
    Held {
        /// The data directory.
        dir: PathBuf,
    },
    /// The lock file could not be made or locked.
    #[error(transparent)]
    File(#[from] StoreError),
}

/// The lock, held until it is dropped. The kernel lets go of it when the process dies, however it dies.
#[derive(Debug)]
pub struct DirLock {
    /// Closing it unlocks. The file itself stays: removing it would let two processes lock two files of one name.
    _file: File,
}

impl DirLock {
    /// Takes the lock of a data directory, which is made if it is missing. Never waits.
    pub fn take(dir: &Path) -> Result<Self, LockError> {
        make_dir(dir)?;
        let path = dir.join(LOCK);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|source| StoreError::File { path: path.clone(), source })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held { dir: dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(StoreError::File { path, source }.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_the_refusal_says_what_to_do() {
        let temp = tempfile::tempdir().unwrap();
        let first = DirLock::take(temp.path()).unwrap();
        let message = DirLock::take(temp.path()).unwrap_err().to_string();
        assert!(message.contains(temp.path().to_str().unwrap()) && message.contains("--data-dir"), "{message}");
        drop(first);
        DirLock::take(temp.path()).unwrap();
    }
}
