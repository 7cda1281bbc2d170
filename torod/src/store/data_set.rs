//! A newer set of models and prices than the one that came with the program: one file in the data folder, kept as it was
//! fetched, with the day on which that was in its name.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::NaiveDate;

use super::StoreError;

/// What stands before and after the day.
const AFFIXES: (&str, &str) = ("catalogue-", ".json");
/// The largest file that is read; larger ones are refused before.
const MAX_BYTES: u64 = 33 << 20;

/// Where the set lies.
#[derive(Clone, Debug)]
pub struct DataSet {
    folder: PathBuf,
}

/// Tells one state of the file from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    path: PathBuf,
    bytes: u64,
    changed: Option<SystemTime>,
}

impl DataSet {
    /// That of the data folder `dir`.
    pub fn new(dir: &Path) -> Self {
        Self { folder: dir.to_owned() }
    }

    /// Which file it is; none where there is none.
    pub fn stamp(&self) -> Option<Stamp> {
        let (path, _) = self.files().pop()?;
        let meta = fs::metadata(&path).ok()?;
        Some(Stamp { path, bytes: meta.len(), changed: meta.modified().ok() })
    }

    /// The bytes, and the day on which they were fetched (`YYYY-MM-DD`).
    pub fn read(&self) -> Result<Option<(Vec<u8>, String)>, StoreError> {
        let Some((path, day)) = self.files().pop() else { return Ok(None) };
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)) {
            Ok(_) => Ok(Some((bytes, day))),
            // Somebody has just put another in its place.
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::File { path, source }),
        }
    }

    /// Keeps `bytes`, fetched on `day`, in the place of what was there: whole or not at all.
    pub fn write(&self, bytes: &[u8], day: &str) -> Result<(), StoreError> {
        let path = self.folder.join(format!("{}{day}{}", AFFIXES.0, AFFIXES.1));
        let fail = |source: std::io::Error| StoreError::File { path: path.clone(), source };
        let partial = self.folder.join("catalogue.partial");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial).map_err(fail)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(fail)?;
        fs::rename(&partial, &path).map_err(fail)?;
        for (other, _) in self.files().into_iter().filter(|(other, _)| *other != path) {
            fs::remove_file(other).map_err(fail)?;
        }
        Ok(())
    }

    /// Removes it. Says whether there was one.
    pub fn remove(&self) -> Result<bool, StoreError> {
        let files = self.files();
        for (path, _) in &files {
            fs::remove_file(path).map_err(|source| StoreError::File { path: path.clone(), source })?;
        }
        Ok(!files.is_empty())
    }

    /// Every file of this kind with its day, the newest last.
    fn files(&self) -> Vec<(PathBuf, String)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().filter_map(Result::ok);
        let dated = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            let day = name.strip_prefix(AFFIXES.0)?.strip_suffix(AFFIXES.1)?;
            NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?;
            Some((entry.path(), day.to_owned()))
        };
        let mut files: Vec<_> = entries.filter_map(dated).collect();
        files.sort_unstable();
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_newest_is_the_only_one() {
        let folder = tempfile::tempdir().unwrap();
        let set = DataSet::new(folder.path());
        assert!(set.read().unwrap().is_none() && set.stamp().is_none() && !set.remove().unwrap());
        set.write(b"one", "2026-11-20").unwrap();
        let first = set.stamp();
        set.write(b"three", "2026-11-21").unwrap();
        assert_eq!(set.read().unwrap(), Some((b"three".to_vec(), "2026-11-21".to_owned())));
        assert_ne!(set.stamp(), first);
        // Whoever copies files about may leave several.
        fs::write(folder.path().join("catalogue-2026-11-19.json"), "old").unwrap();
        fs::write(folder.path().join("catalogue-soon.json"), "no day").unwrap();
        assert_eq!(set.read().unwrap().unwrap().0, b"three");
        let mode = fs::metadata(folder.path().join("catalogue-2026-11-21.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(set.remove().unwrap() && set.read().unwrap().is_none());
        assert!(folder.path().join("catalogue-soon.json").exists());
    }
}
