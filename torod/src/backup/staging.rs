//! A folder for what is not whole yet: the owner's alone, and gone when it is dropped.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest as _, Sha256};
use tokenrouter_shared::hex;

use super::{BackupError, Entry};
use crate::store::StoreError;

const PIECE: usize = 256 << 10;

/// The folder.
#[derive(Debug)]
pub struct Staging {
    path: PathBuf,
}

impl Staging {
    /// Makes one in `folder`. Its name begins with a dot, and `random` tells it from others.
    pub fn new(folder: &Path, random: u64) -> Result<Self, BackupError> {
        let path = folder.join(format!(".torod-{random:016x}"));
        DirBuilder::new().mode(0o700).create(&path).map_err(BackupError::file(&path))?;
        Ok(Self { path })
    }

    /// The place of a file in it, such as `data/models/a.json`, with the folders before it.
    pub fn place(&self, name: &str) -> Result<PathBuf, BackupError> {
        let path = self.path.join(name);
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(BackupError::file(folder))?;
        }
        Ok(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.path);
    }
}

/// Makes a file that is the owner's alone and was not there.
pub fn create(path: &Path) -> Result<File, BackupError> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(BackupError::file(path))
}

/// Copies all of `from`, at most `most` bytes, and tells size and digest. What fails in reading and in writing is told by
/// `unread` and `unwritten`.
pub fn pour(
    from: &mut dyn Read,
    to: &mut dyn Write,
    most: u64,
    stop: &AtomicBool,
    unread: &dyn Fn(std::io::Error) -> BackupError,
    unwritten: &dyn Fn(std::io::Error) -> BackupError,
) -> Result<(u64, String), BackupError> {
    let (mut digest, mut bytes) = (Sha256::new(), 0_u64);
    let mut piece = vec![0; PIECE];
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(BackupError::Stopped);
        }
        let count = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(unread(e)),
        };
        bytes = bytes.saturating_add(count as u64);
        if bytes > most {
            return Err(BackupError::Broken("a file is longer than it says".to_owned()));
        }
        let read = piece.get(..count).unwrap_or_default();
        digest.update(read);
        to.write_all(read).map_err(unwritten)?;
    }
    Ok((bytes, hex::of(&digest.finalize())))
}

/// Size and digest of the file `path`, which is `name` in the archive.
pub fn entry(path: &Path, name: &str, stop: &AtomicBool) -> Result<Entry, BackupError> {
    let failed = BackupError::file(path);
    let mut file = File::open(path).map_err(&failed)?;
    let (bytes, sha256) = pour(&mut file, &mut std::io::sink(), u64::MAX, stop, &failed, &failed)?;
    Ok(Entry { path: name.to_owned(), bytes, sha256 })
}

/// What the store's `Interrupted` means here.
pub fn told(error: StoreError) -> BackupError {
    if matches!(error, StoreError::Interrupted) { BackupError::Stopped } else { error.into() }
}
