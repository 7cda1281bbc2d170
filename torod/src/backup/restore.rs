//! Takes a backup back: looks at all of it first, keeps what was there, and puts the new in its place piece by piece.

use std::fs;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::staging::{Staging, create, told};
use super::{BackupError, CONFIG, DATA, Manifest, archive};
use crate::config::{self, Finding};
use crate::store::backup::{DATABASES, UNFINISHED, examine};
use crate::store::lock::LOCK;
use crate::store::{DATABASE, Keyring, StoreError, secrets};

/// What the names of folders begin with in which a data folder's former content is kept.
pub const BEFORE_RESTORE: &str = "before-restore-";

/// What was looked at.
#[derive(Debug)]
pub struct Checked {
    /// What is in it.
    pub manifest: Manifest,
    /// What is wrong with the configuration in it.
    pub findings: Vec<Finding>,
    /// Stored secrets that its keys do not open.
    pub closed_secrets: usize,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Restored {
    /// Where the data folder's former content is.
    pub kept: Option<PathBuf>,
    /// Where the configuration was written; none where one was there that was left alone, or there is none in the backup.
    pub config: Option<PathBuf>,
    /// Where the former configuration is.
    pub former_config: Option<PathBuf>,
}

/// Reads all of a backup into `staging` and looks at every part of it.
pub fn check(archive: impl Read, staging: &Staging, stop: &AtomicBool) -> Result<Checked, BackupError> {
    let manifest = archive::read(archive, staging, stop)?;
    let data = staging.place("data/x")?;
    let data = data.parent().unwrap_or(&data);
    for name in DATABASES.iter().filter(|name| manifest.has(&format!("{DATA}{name}"))) {
        let found = examine(&data.join(name), name).map_err(told)?;
        if manifest.databases.get(*name) != Some(&found) {
            return Err(BackupError::Broken(format!("`{name}` has another version than the manifest says")));
        }
    }
    if !manifest.has(&format!("{DATA}{DATABASE}")) {
        return Err(BackupError::Broken(format!("it has no `{DATABASE}`")));
    }
    let file = staging.path().join(CONFIG);
    let findings = if manifest.has(CONFIG) {
        let examined = config::examine_file(&file).map_err(|e| BackupError::Broken(e.to_string()))?;
        let name = |finding: Finding| Finding { file: "torod.toml".to_owned(), ..finding };
        examined.findings.into_iter().map(name).collect()
    } else {
        Vec::new()
    };
    Ok(Checked { closed_secrets: closed(data)?, manifest, findings })
}

/// How many stored secrets the keys beside them do not open.
fn closed(data: &Path) -> Result<usize, StoreError> {
    let keys = Keyring::new(data, |_: &mut [u8]| Err::<(), _>("a backup has all the keys that it has"));
    secrets::closed(&data.join(DATABASE), &keys)
}

/// Puts what was checked into the data folder `dir`, whose lock the caller holds. What is there is kept aside.
pub fn put(staging: &Staging, dir: &Path, stamp: &str) -> Result<Option<PathBuf>, BackupError> {
    let marker = dir.join(UNFINISHED);
    // On the disk before anything is moved: a power cut must not leave a folder that looks whole.
    let marked = fs::File::create(&marker).and_then(|mut file| {
        file.write_all(b"`torod restore` was at work here.\n")?;
        file.sync_all()?;
        fs::File::open(dir)?.sync_all()
    });
    marked.map_err(BackupError::file(&marker))?;
    let aside = dir.join(format!("{BEFORE_RESTORE}{stamp}"));
    let mut kept = None;
    for path in content(dir)? {
        if path == staging.path() || path == marker {
            continue;
        }
        if kept.is_none() {
            fs::DirBuilder::new().recursive(true).create(&aside).map_err(BackupError::file(&aside))?;
            restrict(&aside)?;
            kept = Some(aside.clone());
        }
        shift(&path, &aside)?;
    }
    let data = staging.path().join(DATA.trim_end_matches('/'));
    for path in content(&data)? {
        shift(&path, dir)?;
    }
    fs::remove_file(&marker).map_err(BackupError::file(&marker))?;
    let sync = fs::File::open(dir).and_then(|folder| folder.sync_all());
    sync.map_err(BackupError::file(dir))?;
    Ok(kept)
}

/// What lies in a data folder, without its lock and what was kept aside before.
fn content(dir: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let failed = BackupError::file(dir);
    let entries = fs::read_dir(dir).map_err(&failed)?;
    let mut found = entries.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>().map_err(&failed)?;
    found.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name != LOCK && !name.starts_with(BEFORE_RESTORE)
    });
    found.sort();
    Ok(found)
}

/// Whether `dir` holds anything that a restore would put aside.
pub fn holds_data(dir: &Path) -> bool {
    dir.join(DATABASE).exists() || dir.join(UNFINISHED).exists()
}

fn shift(path: &Path, folder: &Path) -> Result<(), BackupError> {
    let name = path.file_name().unwrap_or_default();
    fs::rename(path, folder.join(name)).map_err(BackupError::file(path))
}

fn restrict(folder: &Path) -> Result<(), BackupError> {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(folder, mode).map_err(BackupError::file(folder))
}

/// Writes the configuration of the backup to `file`: where there is none, or, if `replaces`, in place of the one that is there,
/// which is kept beside it.
pub fn put_config(
    staging: &Staging,
    file: &Path,
    replaces: bool,
    stamp: &str,
) -> Result<(Option<PathBuf>, Option<PathBuf>), BackupError> {
    let from = staging.path().join(CONFIG);
    let failed = BackupError::file(file);
    let Ok(text) = fs::read(&from) else { return Ok((None, None)) };
    let is_there = file.exists();
    if is_there && !replaces {
        return Ok((None, None));
    }
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(BackupError::file(folder))?;
    }
    let former = is_there.then(|| file.with_extension(format!("toml.{BEFORE_RESTORE}{stamp}")));
    if let Some(former) = &former {
        let mut copy = create(former)?;
        fs::read(file).and_then(|bytes| copy.write_all(&bytes)).map_err(BackupError::file(former))?;
    }
    let partial = file.with_extension("toml.partial");
    _ = fs::remove_file(&partial);
    let mut out = create(&partial)?;
    out.write_all(&text).and_then(|()| out.sync_all()).map_err(&failed)?;
    fs::rename(&partial, file).map_err(&failed)?;
    Ok((Some(file.to_owned()), former))
}
