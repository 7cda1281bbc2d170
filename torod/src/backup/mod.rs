//! Backups: one archive with the databases, the keys, the configuration and what else lies in the data folder.
//!
//! An archive is a gzipped tar that begins with `manifest.json`, which names every file with its size and digest. It is made
//! while the gateway serves, and taken back only where every file is what the manifest says and every database is whole.

pub mod archive;
pub mod restore;
pub mod staging;
pub mod take;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::store::StoreError;

/// The archive's own version; another one is another layout.
pub const FORMAT: u32 = 1;
/// Where files of the data folder stand in the archive.
pub const DATA: &str = "data/";
/// Where the configuration stands in the archive.
pub const CONFIG: &str = "config/torod.toml";

/// What an archive holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the layout.
    pub format: u32,
    /// Which torod made it.
    pub torod: String,
    /// When.
    pub made_ms: i64,
    /// Whether the keys are in it that open stored secrets and sign-ins.
    pub has_secrets: bool,
    /// The version of each database's schema.
    pub databases: BTreeMap<String, i64>,
    /// In the order of the archive.
    pub files: Vec<Entry>,
}

/// One file of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where, such as `data/torod.db`.
    pub path: String,
    /// How large.
    pub bytes: u64,
    /// Its digest, in hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    /// Whether a file of this name is in it.
    pub fn has(&self, path: &str) -> bool {
        self.files.iter().any(|file| file.path == path)
    }

    /// The size of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.bytes))
    }
}

/// Why there is no backup, or it cannot be taken back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file or folder could not be read or written.
    #[error("{}: {cause}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not. Not the error's source: it is told already.
        cause: std::io::Error,
    },
    /// A database could not be copied, or is not whole.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The archive is none, or was changed, or broke off.
    #[error("this is no whole backup of torod: {0}")]
    Broken(String),
    /// It is of a newer torod.
    #[error("this backup has layout {0}, which a newer torod writes: restore it with that one")]
    TooNew(u32),
    /// Somebody ended it.
    #[error("broken off: nothing was left behind")]
    Stopped,
}

impl BackupError {
    /// What `cause` is for the file `path`.
    pub fn file(path: &std::path::Path) -> impl Fn(std::io::Error) -> Self {
        move |cause| Self::File { path: path.to_owned(), cause }
    }
}
