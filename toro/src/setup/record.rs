//! What was there before, so that it can be put back to the last byte; and the token that was made for it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::exit::Failure;

/// The folder beside `toro.toml`.
const FOLDER: &str = "setup";
/// Larger files are no configuration.
const LARGEST: u64 = 4 << 20;

/// What is remembered of an agent's setup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The agent.
    pub agent: String,
    /// Its configuration.
    pub file: PathBuf,
    /// Whether that was there before; then `NAME.before` is what it was.
    pub existed: bool,
    /// The configuration's mode before.
    pub mode: Option<u32>,
    /// What was written.
    pub written: String,
    /// Whether somebody else had changed the file between two setups.
    #[serde(default)]
    pub edited: bool,
    /// The gateway's name in `toro.toml`.
    pub server: String,
    /// The token that was made for it.
    pub token: String,
}

/// The folder of records, beside the file of gateways.
#[derive(Clone, Debug)]
pub struct Records {
    folder: PathBuf,
}

impl Records {
    /// Those beside `profile`.
    pub fn beside(profile: &Path) -> Self {
        Self { folder: profile.parent().unwrap_or(Path::new(".")).join(FOLDER) }
    }

    /// The file for an agent's key alone.
    pub fn key_file(&self, agent: &str) -> PathBuf {
        self.folder.join(format!("{agent}.key"))
    }

    /// What the configuration was before.
    pub fn before(&self, agent: &str) -> PathBuf {
        self.folder.join(format!("{agent}.before"))
    }

    /// What the configuration was when it was put back, where that was more than what had been written.
    pub fn undone(&self, agent: &str) -> PathBuf {
        self.folder.join(format!("{agent}.undone"))
    }

    fn path(&self, agent: &str) -> PathBuf {
        self.folder.join(format!("{agent}.json"))
    }

    /// What is remembered of an agent, if it was set up.
    pub fn of(&self, agent: &str) -> Result<Option<Record>, Failure> {
        let path = self.path(agent);
        let Some(text) = read(&path)? else { return Ok(None) };
        let record = serde_json::from_str(&text).map_err(|_| {
            Failure::failed(
                format!("{} cannot be understood", path.display()),
                "Remove it, and edit the agent's file by hand.",
            )
        })?;
        Ok(Some(record))
    }

    /// What the configuration was before the first setup; none where there was none.
    pub fn first(&self, record: &Record) -> Result<Option<String>, Failure> {
        if !record.existed {
            return Ok(None);
        }
        let place = self.before(&record.agent);
        let gone = || Failure::failed(format!("{} is gone", place.display()), "Edit the agent's file by hand.");
        read(&place)?.ok_or_else(gone).map(Some)
    }

    /// Remembers what is about to be written over: before anything is.
    pub fn keep(&self, record: &Record, before: &str, key: &str) -> Result<(), Failure> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        if record.existed {
            replace(&self.before(&record.agent), before, 0o600)?;
        }
        replace(&self.key_file(&record.agent), &format!("{key}\n"), 0o600)?;
        replace(&self.path(&record.agent), &serde_json::to_string_pretty(record)?, 0o600)
    }

    /// Forgets an agent's setup.
    pub fn forget(&self, agent: &str) -> Result<(), Failure> {
        // The record last: without it nobody knows of the others.
        for path in [self.key_file(agent), self.before(agent), self.path(agent)] {
            match fs::remove_file(&path) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(e.into()),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The text of a file; none where there is none.
pub fn read(path: &Path) -> Result<Option<String>, Failure> {
    let failed = |why: String| Failure::failed(format!("{}: {why}", path.display()), "Look at the file.");
    match fs::metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(e.to_string())),
        Ok(found) if found.len() > LARGEST => return Err(failed("it is larger than 4 MiB".to_owned())),
        Ok(_) => {}
    }
    match fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => Ok(Some(text)),
        Ok(Err(_)) => Err(failed("it is not UTF-8".to_owned())),
        Err(e) => Err(failed(e.to_string())),
    }
}

/// The mode of a file.
pub fn mode(path: &Path) -> Option<u32> {
    fs::metadata(path).ok().map(|found| found.permissions().mode() & 0o7777)
}

/// Writes a file whole or not at all; a link is followed to the file itself.
pub fn replace(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let Some(folder) = target.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let partial = target.with_file_name(name);
    _ = fs::remove_file(&partial);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&partial)?;
    let written = file
        .write_all(text.as_bytes())
        // Whatever the mask says.
        .and_then(|()| file.set_permissions(fs::Permissions::from_mode(mode)))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&partial, &target));
    if written.is_err() {
        _ = fs::remove_file(&partial);
    }
    Ok(written?)
}
