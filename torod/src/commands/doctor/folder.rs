//! The data folder: whose it is, who else may look, how much room is left, and what is in its databases.

use std::fs::{self, Metadata, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::sys::statvfs::statvfs;
use nix::unistd::geteuid;

use super::report::Report;
use crate::access::TokenIndex;
use crate::clock::Clock;
use crate::commands::backup::megabytes;
use crate::store::backup::{DATABASES, UNFINISHED};
use crate::store::conversations::CONVERSATIONS;
use crate::store::{DATABASE, conversations, key_file, keyring, schema, tokens};

const FOLDER: &str = "data folder";
/// With less room than this, usage is soon lost.
const SCARCE_BYTES: u64 = 1_000_000_000;
/// With less than this, it may be any moment.
const LEAST_BYTES: u64 = 100_000_000;

pub(super) fn check(dir: &Path, is_running: bool, clock: &Clock, report: &mut Report) {
    let found = match fs::metadata(dir) {
        Ok(found) => found,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let text = format!("there is no {}", dir.display());
            return report.warn(
                FOLDER,
                text,
                "the first start makes it; --data-dir or TOROD_DATA_DIR names another one",
            );
        }
        Err(e) => return report.bad(FOLDER, format!("{}: {e}", dir.display()), "look at its owner and mode"),
    };
    folder(dir, &found, report);
    files(dir, report);
    room(dir, report);
    databases(dir, is_running, clock, report);
}

fn folder(dir: &Path, found: &Metadata, report: &mut Report) {
    let shown = dir.display();
    if !found.is_dir() {
        return report.bad(FOLDER, format!("{shown} is no folder"), "name a folder with --data-dir");
    }
    let me = geteuid().as_raw();
    let probe = dir.join(format!(".doctor-{}.partial", std::process::id()));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&probe);
    _ = fs::remove_file(&probe);
    if let Err(e) = written {
        let advice =
            format!("it belongs to user {}, and this is user {me}: run torod as its owner, or `chown` it", found.uid());
        return report.bad(FOLDER, format!("nothing can be written in {shown}: {e}"), advice);
    }
    if found.mode() & 0o077 != 0 {
        let text = format!("others can look into {shown} (mode {:04o})", found.mode() & 0o7777);
        return report.warn(FOLDER, text, format!("run `chmod 700 {shown}`"));
    }
    if found.uid() != me {
        let text = format!("{shown} belongs to user {}, and this is user {me}", found.uid());
        return report.warn(FOLDER, text, "what is made here as another user, the gateway may not be able to open");
    }
    report.good(FOLDER, format!("{shown}, for its owner alone"));
}

/// Files that others must not read, and files of somebody else.
fn files(dir: &Path, report: &mut Report) {
    const CHECK: &str = "files";
    let me = geteuid().as_raw();
    let mut is_well = true;
    for name in [DATABASE, CONVERSATIONS, keyring::SECRETS_KEY, key_file::KEY_FILE] {
        let path = dir.join(name);
        let Ok(found) = fs::metadata(&path) else { continue };
        if found.mode() & 0o077 != 0 {
            let text = format!("{name} can be read by others (mode {:04o})", found.mode() & 0o7777);
            report.bad(
                CHECK,
                text,
                format!("run `chmod 600 {}`, and give every secret anew if somebody may have read it", path.display()),
            );
            is_well = false;
        } else if found.uid() != me && OpenOptions::new().write(true).open(&path).is_err() {
            let text = format!("{name} belongs to user {}, and this is user {me}", found.uid());
            report.bad(CHECK, text, format!("run `chown {me} {}`", path.display()));
            is_well = false;
        }
    }
    if is_well {
        report.good(CHECK, "databases and keys are for their owner alone");
    }
}

fn room(dir: &Path, report: &mut Report) {
    const CHECK: &str = "disk";
    let Ok(found) = statvfs(dir) else {
        return report.skipped(CHECK, "the system does not tell how much room is left");
    };
    let free = wide(found.blocks_available()).saturating_mul(wide(found.fragment_size()));
    let text = format!("{} free", megabytes(free));
    let advice = "`torod usage prune --before 180d --dry-run` tells what older usage takes up; [usage] and [conversations] bound it";
    match free {
        0..LEAST_BYTES => report.bad(CHECK, text, format!("make room: usage that cannot be written is lost. {advice}")),
        LEAST_BYTES..SCARCE_BYTES => report.warn(CHECK, text, advice),
        _ if found.files() > 0 && found.files_available() == 0 => {
            report.bad(CHECK, "no more files can be made (inodes)", "remove files from this disk");
        }
        _ => report.good(CHECK, text),
    }
}

/// Systems count in numbers of different width.
fn wide(number: impl Into<u64>) -> u64 {
    number.into()
}

fn databases(dir: &Path, is_running: bool, clock: &Clock, report: &mut Report) {
    const CHECK: &str = "database";
    if dir.join(UNFINISHED).exists() {
        return report.bad(CHECK, "a restore was broken off", "run `torod restore FILE` again");
    }
    for name in DATABASES.iter().filter(|name| dir.join(name).exists()) {
        let (version, known) = if *name == CONVERSATIONS {
            (
                conversations::open_reader(dir).map(|found| found.map(|c| schema::version(&c)).transpose()),
                conversations::known(),
            )
        } else {
            (schema::open_reader(dir).map(|c| schema::version(&c).map(Some)), schema::known())
        };
        let size = fs::metadata(dir.join(name)).map_or(0, |data| data.len());
        match version.flatten() {
            Ok(None) => report.good(CHECK, format!("{name}: empty")),
            Ok(Some(version)) if version < known => report.warn(
                CHECK,
                format!("{name}: schema {version}, and this torod has {known}"),
                "the next start brings it up to date, and keeps a copy before",
            ),
            Ok(Some(version)) => report.good(CHECK, format!("{name}: schema {version}, {}", megabytes(size))),
            Err(e) => report.bad(CHECK, format!("{name}: {e}"), "`torod restore --check FILE` looks at a backup"),
        }
    }
    let state = if is_running { "a gateway runs with it" } else { "no gateway runs with it" };
    report.good("gateway", state);
    let rows = schema::open_reader(dir).and_then(|connection| tokens::all(&connection));
    let admin = rows.map(|rows| TokenIndex::timed(&rows, clock.clone()).has_admin(clock.now_ms()));
    match admin {
        Ok(true) => report.good("admin", "there is an admin token"),
        Ok(false) => report.warn("admin", "there is no admin token", "`torod token create --role admin` makes one"),
        Err(_) => report.skipped("admin", "not known: there is no database that can be read"),
    }
}
