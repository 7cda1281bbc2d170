//! `torod backup`: databases, keys and configuration in one file, made while the gateway serves.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, bail};
use chrono::{DateTime, SecondsFormat};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::prompt::GivenUp;
use super::{Exit, counted, keyring, terminal};
use crate::access::system_random;
use crate::backup::BackupError;
use crate::backup::staging::{Staging, create};
use crate::backup::take::{Taken, Wanted, take};
use crate::clock::Clock;
use crate::config::Paths;
use crate::store::DATABASE;
use crate::telemetry::plain::plain;

/// Write databases, keys and configuration into one file, while the gateway serves.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  torod backup\n  torod backup /var/backups/torod.tar.gz\n  torod backup --without-secrets --without-conversations\n  torod backup - | age -r age1… > torod.age\n\nThe gateway goes on meanwhile; what is written is of one moment. `torod restore --check FILE` looks at all of it."
)]
pub struct Backup {
    /// Where: a new file, a folder, or `-` for the standard output [default: torod-backup-TIME.tar.gz here].
    file: Option<PathBuf>,
    /// Leave out what opens stored secrets: keys, sign-ins, and a torod.toml in which keys stand.
    #[arg(long)]
    without_secrets: bool,
    /// Leave out what was asked and answered.
    #[arg(long)]
    without_conversations: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Said of a backup with keys in it.
const WARNING: &str = "Whoever has this file can open every secret that is stored here: keep it like a key, or encrypt it\n(`torod backup - | age -r RECIPIENT > FILE`).";

impl Backup {
    /// Makes it and tells.
    pub async fn run(
        self,
        paths: &Paths,
        out: &mut (dyn Write + Send),
        is_terminal: bool,
        clock: &Clock,
    ) -> anyhow::Result<Exit> {
        if !paths.data_dir.join(DATABASE).exists() {
            bail!("there is nothing to back up in {}: `torod serve` begins it", paths.data_dir.display());
        }
        let now_ms = clock.now_ms();
        let is_piped = self.file.as_deref() == Some(Path::new("-"));
        if is_piped && (is_terminal || self.json) {
            bail!("`-` writes the backup itself to the standard output: pipe it somewhere, and leave out --json");
        }
        let wanted = Wanted { secrets: !self.without_secrets, conversations: !self.without_conversations };
        let (paths, random) = (paths.clone(), number()?);
        if is_piped {
            let taken = stoppable(move |stop| {
                let staging = Staging::new(&paths.data_dir, random)?;
                let out = std::io::stdout().lock();
                take(&paths, wanted, &keyring(&paths.data_dir), &staging, now_ms, stop, out)
            });
            let taken = taken.await?;
            left_out(&taken, &mut anstream::stderr())?;
            return Ok(Exit::Done);
        }
        let file = target(self.file.as_deref(), now_ms)?;
        let (place, partial) = (file.clone(), partial(&file));
        let taken = stoppable(move |stop| {
            let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let staging = Staging::new(folder, random)?;
            let made = create(&partial).and_then(|out| {
                let keys = keyring(&paths.data_dir);
                let taken = take(&paths, wanted, &keys, &staging, now_ms, stop, &out)?;
                out.sync_all().map_err(BackupError::file(&partial))?;
                fs::rename(&partial, &place).map_err(BackupError::file(&place))?;
                Ok(taken)
            });
            if made.is_err() {
                _ = fs::remove_file(&partial);
            }
            made
        });
        let taken = taken.await?;
        self.tell(out, &file, &taken)?;
        if wanted.secrets {
            terminal::say(WARNING, 0)?;
        }
        Ok(Exit::Done)
    }

    fn tell(&self, out: &mut dyn Write, file: &Path, taken: &Taken) -> anyhow::Result<()> {
        let bytes = fs::metadata(file).map_or(0, |data| data.len());
        let manifest = &taken.manifest;
        if self.json {
            let told = json!({
                "file": file.display().to_string(), "bytes": bytes, "made_ms": manifest.made_ms, "has_secrets": manifest.has_secrets,
                "databases": manifest.databases, "files": manifest.files.len(), "left_out": taken.left_out,
            });
            writeln!(out, "{told}")?;
            return Ok(());
        }
        let others = manifest.files.len() - manifest.databases.len();
        let databases: Vec<&str> = manifest.databases.keys().map(String::as_str).collect();
        let (all, size) = (databases.join(", "), megabytes(bytes));
        writeln!(out, "{}: {size}, {all} and {}", file.display(), counted(others, "other file"))?;
        left_out(taken, out)
    }
}

fn left_out(taken: &Taken, out: &mut dyn Write) -> anyhow::Result<()> {
    if !taken.left_out.is_empty() {
        writeln!(out, "not in it:")?;
    }
    for what in &taken.left_out {
        writeln!(out, "  {}", plain(what))?;
    }
    Ok(())
}

/// Where the backup goes; nothing is there yet.
fn target(asked: Option<&Path>, now_ms: i64) -> anyhow::Result<PathBuf> {
    let name = format!("torod-backup-{}.tar.gz", stamp(now_ms));
    let file = match asked {
        None => PathBuf::from(name),
        Some(folder) if folder.is_dir() => folder.join(name),
        Some(file) => file.to_owned(),
    };
    if file.exists() {
        bail!("{} is there already: name another file, or a folder", file.display());
    }
    Ok(file)
}

fn partial(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

/// `20261122T093000Z`.
pub(super) fn stamp(ms: i64) -> String {
    let at = DateTime::from_timestamp_millis(ms).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Secs, true).replace(['-', ':'], "")
}

/// `4.5 MB`.
pub(super) fn megabytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// A number that nobody else has.
pub(super) fn number() -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    system_random(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// Runs `work` on a thread of its own; Ctrl-C and SIGTERM have it tidy up and end.
pub(super) async fn stoppable<T: Send + 'static>(
    work: impl FnOnce(&AtomicBool) -> Result<T, BackupError> + Send + 'static,
) -> anyhow::Result<T> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let mut working = tokio::task::spawn_blocking(move || work(&told));
    let mut terminated = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            done = &mut working => return match done.context("the work ended by itself")? {
                Err(BackupError::Stopped) => Err(anyhow::Error::new(GivenUp::Stopped)),
                done => Ok(done?),
            },
            _ = tokio::signal::ctrl_c() => stop.store(true, Ordering::Relaxed),
            _ = terminated.recv() => stop.store(true, Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overwritten() {
        let temp = tempfile::tempdir().unwrap();
        let (there, new) = (temp.path().join("there"), temp.path().join("new.tar.gz"));
        fs::write(&there, "").unwrap();
        assert!(target(Some(&there), 0).unwrap_err().to_string().contains("there already"));
        assert_eq!(target(Some(&new), 0).unwrap(), new);
        assert_eq!(target(Some(temp.path()), 0).unwrap(), temp.path().join("torod-backup-19700101T000000Z.tar.gz"));
        assert_eq!(target(None, 1_700_000_000_000).unwrap(), Path::new("torod-backup-20231114T221320Z.tar.gz"));
    }

    #[test]
    fn sizes_are_told_in_three_digits_or_so() {
        assert_eq!([megabytes(950), megabytes(4_500_000), megabytes(2_340_000_000)], ["0.9 kB", "4.5 MB", "2.34 GB"]);
    }
}
