//! `torod restore`: looks at a backup, or puts it back where nobody uses the data folder.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use chrono::{DateTime, Local};
use serde_json::json;

use super::backup::{megabytes, number, stamp, stoppable};
use super::{Exit, counted, prompt, terminal};
use crate::access::Operator;
use crate::backup::CONFIG;
use crate::backup::restore::{Checked, Restored, check, holds_data, put, put_config};
use crate::backup::staging::Staging;
use crate::clock::Clock;
use crate::config::Paths;
use crate::store::audit::{self, Entry};
use crate::store::lock::LockError;
use crate::store::{DirLock, schema};
use crate::telemetry::plain::plain;

/// Look at a backup, or put it back.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  torod restore --check torod-backup-20261122T093000Z.tar.gz\n  torod restore torod-backup-20261122T093000Z.tar.gz\n  age -d torod.age | torod restore --yes -\n\nEvery file is held against its digest and every database is looked through before anything is changed. What is in the\ndata folder is kept there in a folder before-restore-TIME; a folder that a gateway uses is left alone."
)]
pub struct Restore {
    /// The backup; `-` reads it from the standard input.
    file: PathBuf,
    /// Only look whether all of it is whole and can be restored; nothing is changed.
    #[arg(long, conflicts_with_all = ["with_config", "yes"])]
    check: bool,
    /// Put torod.toml back too where there is one; that one is kept beside it.
    #[arg(long)]
    with_config: bool,
    /// Put it back without asking.
    #[arg(long)]
    yes: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Restore {
    /// Does it and tells.
    pub async fn run(self, paths: &Paths, out: &mut (dyn Write + Send), clock: &Clock) -> anyhow::Result<Exit> {
        let random = number()?;
        let archive: Box<dyn Read + Send> = if self.file == Path::new("-") {
            Box::new(std::io::stdin())
        } else {
            let file = File::open(&self.file);
            Box::new(file.with_context(|| format!("cannot read the backup {}", self.file.display()))?)
        };
        if self.check {
            let folder = std::env::temp_dir();
            let looking = stoppable(move |stop| check(archive, &Staging::new(&folder, random)?, stop));
            let checked = looking.await.with_context(|| temporary("nothing was changed"))?;
            return self.tell(out, &checked, None);
        }
        let _lock = match DirLock::take(&paths.data_dir) {
            Ok(lock) => lock,
            Err(LockError::Held { dir }) => {
                bail!("a gateway runs with {}: stop it before a backup is put there", dir.display())
            }
            Err(e) => return Err(e.into()),
        };
        let dir = paths.data_dir.clone();
        let looking = stoppable(move |stop| {
            let staging = Staging::new(&dir, random)?;
            let checked = check(archive, &staging, stop)?;
            Ok((staging, checked))
        });
        let (staging, checked) = looking.await.context("nothing was changed")?;
        if !self.yes && holds_data(&paths.data_dir) {
            show(&mut anstream::stderr(), &checked)?;
            if !prompt::is_possible() {
                terminal::say("torod: nothing was changed; add --yes to put it in place of what is there", 0)?;
                return Ok(Exit::Unasked);
            }
            let question = format!("Put it in place of what is in {}? That is kept.", paths.data_dir.display());
            if !prompt::confirm(&question, false)? {
                terminal::say("nothing was changed", 0)?;
                return Ok(Exit::Done);
            }
        }
        let now_ms = clock.now_ms();
        let restored = self.put(paths, staging, now_ms)?;
        note(&paths.data_dir, &checked, now_ms)?;
        self.tell(out, &checked, Some(&restored))
    }

    fn put(&self, paths: &Paths, staging: Staging, now_ms: i64) -> anyhow::Result<Restored> {
        let (stamp, staging) = (stamp(now_ms), Arc::new(staging));
        let (config, former_config) = put_config(&staging, &paths.config_file, self.with_config, &stamp)?;
        let kept = put(&staging, &paths.data_dir, &stamp).with_context(|| {
            format!("{} is neither what it was nor what it should be: run this once more", paths.data_dir.display())
        })?;
        Ok(Restored { kept, config, former_config })
    }

    fn tell(&self, out: &mut dyn Write, checked: &Checked, restored: Option<&Restored>) -> anyhow::Result<Exit> {
        let is_whole = !checked.findings.iter().any(crate::config::Finding::is_error);
        if self.json {
            let manifest = &checked.manifest;
            let findings: Vec<String> = checked.findings.iter().map(ToString::to_string).collect();
            let told = json!({
                "restored": restored.is_some(), "torod": manifest.torod, "made_ms": manifest.made_ms,
                "bytes": manifest.bytes(), "databases": manifest.databases, "files": manifest.files.len(),
                "has_secrets": manifest.has_secrets, "closed_secrets": checked.closed_secrets,
                "config_findings": findings,
                "kept": restored.and_then(|done| shown(done.kept.as_ref())),
                "config": restored.and_then(|done| shown(done.config.as_ref())),
                "former_config": restored.and_then(|done| shown(done.former_config.as_ref())),
            });
            writeln!(out, "{told}")?;
        } else {
            show(out, checked)?;
            match restored {
                Some(done) => told(out, done, checked.manifest.has(CONFIG))?,
                None => writeln!(out, "it is whole and can be restored")?,
            }
        }
        // A configuration that this torod does not take is no reason to keep the data from anybody.
        Ok(if is_whole || restored.is_some() { Exit::Done } else { Exit::Failed })
    }
}

fn shown(path: Option<&PathBuf>) -> Option<String> {
    path.map(|path| path.display().to_string())
}

fn temporary(what: &str) -> String {
    format!("{what} (the backup is unpacked in {}; TMPDIR names another folder)", std::env::temp_dir().display())
}

fn show(out: &mut dyn Write, checked: &Checked) -> std::io::Result<()> {
    let manifest = &checked.manifest;
    let made = DateTime::from_timestamp_millis(manifest.made_ms).map(|at| at.with_timezone(&Local));
    let made = made.map(|at| at.format("%Y-%m-%d %H:%M").to_string()).unwrap_or_default();
    let (torod, size) = (plain(&manifest.torod), megabytes(manifest.bytes()));
    writeln!(out, "a backup of torod {torod}, made {made}: {}, {size}", counted(manifest.files.len(), "file"))?;
    for (name, version) in &manifest.databases {
        writeln!(out, "  {:<18} schema {version}", plain(name))?;
    }
    if checked.closed_secrets > 0 {
        let count = counted(checked.closed_secrets, "stored secret");
        writeln!(
            out,
            "{count} cannot be opened, because the keys are not in it: give them anew with `torod secrets set`"
        )?;
    }
    for finding in &checked.findings {
        writeln!(out, "{finding}")?;
    }
    Ok(())
}

fn told(out: &mut dyn Write, done: &Restored, has_config: bool) -> std::io::Result<()> {
    writeln!(out, "restored")?;
    if let Some(kept) = &done.kept {
        writeln!(out, "what was there is kept in {}: remove it when all is well", kept.display())?;
    }
    match &done.config {
        Some(config) => writeln!(out, "wrote {}", config.display())?,
        None if has_config => {
            writeln!(out, "torod.toml was left as it is; --with-config puts that of the backup there")?;
        }
        None => {}
    }
    if let Some(former) = &done.former_config {
        writeln!(out, "the one before it is {}", former.display())?;
    }
    Ok(())
}

/// Notes it in the audit trail of what was restored.
fn note(dir: &Path, checked: &Checked, now_ms: i64) -> anyhow::Result<()> {
    let connection = schema::open_writer(dir).context("it was put back, and cannot be opened")?;
    let actor = Operator::LocalOwner;
    let detail = format!("made by torod {} at {} ms", checked.manifest.torod, checked.manifest.made_ms);
    let entry = Entry {
        at_ms: now_ms,
        actor: actor.actor(),
        action: "backup.restore",
        subject: "data folder",
        detail: &detail,
    };
    Ok(audit::add(&connection, &entry)?)
}
