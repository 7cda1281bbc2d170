//! Makes a backup: copies what belongs to it while it is in use, and writes the copies into one archive.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::archive::{self, is_path};
use super::staging::{Staging, create, entry, told};
use super::{BackupError, CONFIG, DATA, FORMAT, Manifest};
use crate::config::{Environment, Paths, examine_text_of};
use crate::store::backup::{BEFORE_UPGRADE, DATABASES, copy};
use crate::store::conversations::CONVERSATIONS;
use crate::store::{DATABASE, Keyring, lists};

/// Folders below folders beyond this are not looked into.
const DEEPEST: usize = 6;

/// What is wanted in it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The keys that open stored secrets, sign-ins, and a configuration with keys in it.
    pub secrets: bool,
    /// What was asked and answered.
    pub conversations: bool,
}

/// What was made.
#[derive(Debug)]
pub struct Taken {
    /// What is in it.
    pub manifest: Manifest,
    /// What is not in it, though it is there, with the reason.
    pub left_out: Vec<String>,
}

/// Writes a backup of `paths` to `out`. What is copied lies in `staging` meanwhile.
pub fn take(
    paths: &Paths,
    wanted: Wanted,
    keys: &Keyring,
    staging: &Staging,
    now_ms: i64,
    stop: &AtomicBool,
    out: impl Write,
) -> Result<Taken, BackupError> {
    // Nobody changes keys while it is made: what is sealed and what opens it belong together.
    let _hold = if wanted.secrets { Some(keys.hold()?) } else { None };
    let mut taking =
        Taking { staging, wanted, stop, databases: BTreeMap::new(), names: Vec::new(), left_out: Vec::new() };
    taking.config(&paths.config_file)?;
    for name in DATABASES {
        taking.database(&paths.data_dir, name)?;
    }
    taking.folder(&paths.data_dir, "", 0)?;
    let Taking { databases, names, left_out, .. } = taking;
    let files = names.iter().map(|name| entry(&staging.path().join(name), name, stop));
    let manifest = Manifest {
        format: FORMAT,
        torod: env!("CARGO_PKG_VERSION").to_owned(),
        made_ms: now_ms,
        has_secrets: wanted.secrets,
        databases,
        files: files.collect::<Result<_, _>>()?,
    };
    archive::write(&manifest, staging, Stoppable { out, stop }).map_err(|cause| {
        let is_stopped = stop.load(std::sync::atomic::Ordering::Relaxed);
        if is_stopped { BackupError::Stopped } else { BackupError::file(Path::new("the backup"))(cause) }
    })?;
    Ok(Taken { manifest, left_out })
}

struct Taking<'a> {
    staging: &'a Staging,
    wanted: Wanted,
    stop: &'a AtomicBool,
    databases: BTreeMap<String, i64>,
    names: Vec<String>,
    left_out: Vec<String>,
}

impl Taking<'_> {
    fn config(&mut self, file: &Path) -> Result<(), BackupError> {
        let (is_secret, text) = match examine_text_of(file, &Environment::default()) {
            // One with mistakes in it may have secrets where none are looked for.
            Ok((examined, text)) => (examined.has_errors() || examined.may_tell_secrets(), text),
            Err(_) if !file.exists() => {
                self.left_out.push(format!("{}: there is none", file.display()));
                return Ok(());
            }
            Err(e) => {
                self.left_out.push(e.to_string());
                return Ok(());
            }
        };
        if is_secret && !self.wanted.secrets {
            self.left_out.push(format!("{}: keys stand in it", file.display()));
            return Ok(());
        }
        let place = self.staging.place(CONFIG)?;
        create(&place)?.write_all(text.as_bytes()).map_err(BackupError::file(&place))?;
        self.names.push(CONFIG.to_owned());
        Ok(())
    }

    fn database(&mut self, dir: &Path, name: &str) -> Result<(), BackupError> {
        let from = dir.join(name);
        if name != DATABASE && !from.exists() {
            return Ok(());
        }
        if name == CONVERSATIONS && !self.wanted.conversations {
            self.left_out.push(format!("{name}: not wanted"));
            return Ok(());
        }
        let inside = format!("{DATA}{name}");
        let version = copy(&from, &self.staging.place(&inside)?, self.stop).map_err(told)?;
        self.databases.insert(name.to_owned(), version);
        self.names.push(inside);
        Ok(())
    }

    /// Takes what lies in the folder `inside` of the data folder.
    fn folder(&mut self, dir: &Path, inside: &str, depth: usize) -> Result<(), BackupError> {
        let folder = dir.join(inside);
        let entries = fs::read_dir(&folder).map_err(BackupError::file(&folder))?;
        let mut found = entries.collect::<Result<Vec<_>, _>>().map_err(BackupError::file(&folder))?;
        found.sort_by_key(fs::DirEntry::file_name);
        for one in found {
            let name = one.file_name().to_string_lossy().into_owned();
            let inside = if inside.is_empty() { name.clone() } else { format!("{inside}/{name}") };
            if is_passing(&name) || depth == 0 && (is_database(&name) || is_aside(&name)) {
                continue;
            }
            if !self.wanted.secrets && depth == 0 && !is_public(&name) {
                self.left_out.push(format!("{inside}: secret"));
                continue;
            }
            let kind = one.file_type().map_err(BackupError::file(&one.path()))?;
            if kind.is_dir() && depth < DEEPEST {
                self.folder(dir, &inside, depth + 1)?;
            } else if kind.is_file() && is_path(&format!("{DATA}{inside}")) {
                self.file(&one.path(), &inside)?;
            } else if !kind.is_file() || !name.starts_with('.') {
                self.left_out.push(format!("{inside}: nothing that torod keeps"));
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, inside: &str) -> Result<(), BackupError> {
        let mut from = match File::open(path) {
            Ok(file) => file,
            // Removed this moment.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(BackupError::file(path)(e)),
        };
        let name = format!("{DATA}{inside}");
        let place = self.staging.place(&name)?;
        std::io::copy(&mut from, &mut create(&place)?).map_err(BackupError::file(&place))?;
        self.names.push(name);
        Ok(())
    }
}

/// Ends writing when somebody has enough of it.
struct Stoppable<'a, W> {
    out: W,
    stop: &'a AtomicBool,
}

impl<W: Write> Write for Stoppable<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.stop.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(std::io::Error::other("stopped"));
        }
        self.out.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// A database or what SQLite keeps beside it: these are copied otherwise.
fn is_database(name: &str) -> bool {
    DATABASES.iter().any(|database| {
        name.strip_prefix(database).is_some_and(|rest| ["", "-wal", "-shm", "-journal"].contains(&rest))
    })
}

/// Copies from before something.
fn is_aside(name: &str) -> bool {
    name == BEFORE_UPGRADE || name.starts_with(super::restore::BEFORE_RESTORE)
}

/// What belongs to a running process, or is not whole.
fn is_passing(name: &str) -> bool {
    name.starts_with(".torod-") || [".lock", ".sock", ".partial"].iter().any(|end| name.ends_with(end))
}

/// What tells no secret.
fn is_public(name: &str) -> bool {
    name == lists::FOLDER || name.starts_with("catalogue-")
}
