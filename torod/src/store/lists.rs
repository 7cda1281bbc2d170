//! The model lists as they were last seen, so that names mean something right after a start: one file per provider in a
//! folder of the data folder.
//!
//! It is a cache and not a part of the database: it may be thrown away at any time, and no backup needs it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokenrouter::catalog::listed::Listed;

use super::StoreError;

/// The folder's name in the data folder.
pub const FOLDER: &str = "models";
/// Another number whenever the form changes; what has another is as good as not there.
const VERSION: u32 = 1;
/// The largest file that is read.
const MAX_BYTES: u64 = 32 << 20;
/// So many files are kept; the oldest go.
const MAX_FILES: usize = 200;

/// A list as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    version: u32,
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// What the provider called this state of its list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The models.
    pub models: Vec<Listed>,
}

impl Seen {
    /// A list that was seen at `at_ms`.
    pub const fn new(at_ms: i64, etag: Option<String>, models: Vec<Listed>) -> Self {
        Self { version: VERSION, at_ms, etag, models }
    }
}

/// Where the lists lie.
#[derive(Debug)]
pub struct Lists {
    folder: PathBuf,
}

impl Lists {
    /// Those in the data folder `dir`.
    pub fn new(dir: &Path) -> Self {
        Self { folder: dir.join(FOLDER) }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.json"))
    }

    /// The list under `key`, which is made of letters and digits. One that cannot be read is told and as good as none.
    pub fn read(&self, key: &str) -> Option<Seen> {
        let path = self.path(key);
        let told = |why: &dyn std::fmt::Display| {
            tracing::warn!(path = %path.display(), "a model list that was kept cannot be used and is asked for anew: {why}");
        };
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => return None,
            Err(e) => {
                told(&e);
                return None;
            }
        }
        match serde_json::from_slice::<Seen>(&bytes) {
            Ok(seen) if seen.version == VERSION => Some(seen),
            Ok(seen) => {
                told(&format_args!("it has version {}", seen.version));
                None
            }
            Err(e) => {
                told(&e);
                None
            }
        }
    }

    /// Keeps `seen` under `key`: whole or not at all.
    pub fn write(&self, key: &str, seen: &Seen) -> Result<(), StoreError> {
        let path = self.path(key);
        let fail = |source: std::io::Error| StoreError::File { path: path.clone(), source };
        let bytes = serde_json::to_vec(seen).map_err(|e| fail(e.into()))?;
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(fail)?;
        let partial = self.folder.join(format!("{key}.partial"));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial).map_err(fail)?;
        // Not synchronised: what a power cut leaves of it is asked for anew.
        file.write_all(&bytes).map_err(fail)?;
        fs::rename(&partial, &path).map_err(fail)
    }

    /// Removes what nobody has looked at for longest, so that providers of the past do not pile up.
    pub fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let aged = |entry: fs::DirEntry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()));
        let mut files: Vec<_> = entries.filter_map(Result::ok).filter_map(aged).collect();
        files.sort_unstable_by(|a, b| b.cmp(a));
        for (_, path) in files.iter().skip(MAX_FILES) {
            drop(fs::remove_file(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_was_seen_is_there_again_and_the_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let lists = Lists::new(dir.path());
        assert_eq!(lists.read("a"), None);
        let seen = Seen::new(7, Some("\"e\"".into()), vec![Listed::named("m")]);
        lists.write("a", &seen).unwrap();
        lists.write("a", &seen).unwrap();
        assert_eq!((lists.read("a"), lists.read("b")), (Some(seen), None));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&lists.folder), mode(&lists.path("a"))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&lists.folder).unwrap().count(), 1, "nothing half written is left");
    }

    #[test]
    fn what_is_damaged_is_as_good_as_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let lists = Lists::new(dir.path());
        let seen = Seen::new(7, None, vec![Listed::named("m")]);
        lists.write("a", &seen).unwrap();
        let whole = fs::read_to_string(lists.path("a")).unwrap();
        for text in ["", "{", "[]", "null", &whole[..whole.len() - 1], &whole.replace("\"version\":1", "\"version\":2")]
        {
            fs::write(lists.path("a"), text).unwrap();
            assert_eq!(lists.read("a"), None, "{text}");
        }
        lists.write("a", &seen).unwrap();
        assert_eq!(lists.read("a"), Some(seen));
    }

    #[test]
    fn only_so_many_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let lists = Lists::new(dir.path());
        lists.sweep();
        for n in 0..MAX_FILES + 3 {
            lists.write(&format!("k{n}"), &Seen::new(0, None, Vec::new())).unwrap();
        }
        lists.sweep();
        assert_eq!(fs::read_dir(&lists.folder).unwrap().count(), MAX_FILES);
    }
}
