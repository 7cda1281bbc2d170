//! Keeps the house in order: who may import whom, how long a file may be, and that its first line says what it is for.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The rooms of `torod/src`, highest first. A room imports only from lines below its own; rooms of one line do not
/// import each other. `docs/architecture.md` explains the order.
const LAYERS: [&[&str]; 14] = [
    &["main"],
    &["commands", "cli"],
    &["daemon"],
    &["http"],
    &["server"],
    &["problem"],
    &["gateway", "admin"],
    &["app"],
    &["reload", "import", "backup"],
    &["reports"],
    &["conversations"],
    &["alerts", "telemetry"],
    &["access", "upstreams", "usage", "memory", "tls"],
    &["store", "config"],
];
/// Everybody may import these, and they import nothing of ours.
const GROUND: [&str; 4] = ["calendar", "clock", "lifecycle", "rolling"];

/// Imports against the order, each with its reason.
const EXCEPTIONS: [(&str, &str, &str); 7] = [
    ("cli", "commands", "the tree of words names the commands' arguments"),
    ("commands", "cli", "completions are made of the tree"),
    ("gateway", "problem", "every answer of the hot path that is a problem is made there"),
    ("problem", "gateway", "an answer's body and id are the gateway's types"),
    ("gateway", "server", "who is at the other end of the connection"),
    ("access", "server", "the same"),
    ("admin", "server", "the same"),
];

/// Files that may be longer, each with its reason.
const LONG: [(&str, &str); 0] = [];
const MAX_LINES: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    let skipped = ["target", "node_modules", ".git", "dist"];
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().unwrap().is_dir() {
            if !skipped.contains(&name.as_str()) {
                files(&entry.path(), found);
            }
        } else if [".rs", ".ts", ".svelte", ".mjs", ".py"].iter().any(|end| name.ends_with(end)) {
            found.push(entry.path());
        }
    }
}

fn sources(dir: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    files(&root().join(dir), &mut found);
    assert!(!found.is_empty(), "no files below {dir}");
    let mut named: Vec<_> = found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path.strip_prefix(root()).unwrap().display().to_string(), text)
        })
        .collect();
    named.sort();
    named
}

/// The part of a file that is not its tests: those may reach for anything.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

fn layer(room: &str) -> Option<usize> {
    LAYERS.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn lower_rooms_never_import_higher_ones() {
    let mut wrong = Vec::new();
    for (file, text) in sources("torod/src") {
        let inside = file.strip_prefix("torod/src/").unwrap();
        let room = inside.split(['/', '.']).next().unwrap();
        if room == "lib" || room == "main" {
            continue;
        }
        let own = if GROUND.contains(&room) { Some(usize::MAX) } else { layer(room) };
        let Some(own) = own else {
            wrong.push(format!("{file}: the room `{room}` is not in the table"));
            continue;
        };
        for (at, line) in without_tests(&text).lines().enumerate() {
            for used in line.split("crate::").skip(1) {
                let other = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
                let allowed = other == room
                    || GROUND.contains(&other)
                    || EXCEPTIONS.iter().any(|(from, to, _)| *from == room && *to == other)
                    || layer(other).is_some_and(|layer| layer > own);
                if !allowed {
                    wrong.push(format!("{file}:{}: `{room}` imports `{other}`", at + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_hot_path_knows_no_database_and_sql_stays_in_its_room() {
    let statements = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "CREATE TABLE", "PRAGMA "];
    for (file, text) in sources("torod/src") {
        let text = without_tests(&text);
        let code: String = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
        if file.starts_with("torod/src/gateway/") {
            assert!(!code.contains("crate::store") && !code.contains("rusqlite"), "{file} reaches for the database");
        }
        if !file.starts_with("torod/src/store/") {
            assert!(!statements.iter().any(|s| code.contains(s)), "{file} holds SQL");
        }
    }
}

#[test]
fn the_library_does_io_in_one_room_only() {
    for (file, text) in sources("router/src") {
        if !file.starts_with("router/src/call/") {
            let text = without_tests(&text);
            for word in [
                "tokio::",
                "hyper::",
                "hyper_util::",
                "reqwest",
                "async fn",
                "TcpStream",
                "TcpListener",
                "std::fs",
                "Instant::now",
            ] {
                assert!(!text.contains(word), "{file} uses `{word}`");
            }
        }
    }
}

#[test]
fn toro_speaks_to_the_daemon_by_its_api_alone() {
    let manifest = fs::read_to_string(root().join("toro/Cargo.toml")).unwrap();
    let shipped = manifest.split("[dependencies]").nth(1).unwrap().split("[dev-dependencies]").next().unwrap();
    let ours: Vec<&str> =
        shipped.lines().filter(|line| ["toro", "tokenrouter"].iter().any(|name| line.starts_with(name))).collect();
    assert_eq!(ours, ["tokenrouter-shared.workspace = true"]);
}

#[test]
fn no_file_is_too_long_and_each_says_what_it_is_for() {
    let mut wrong = Vec::new();
    for dir in ["router", "shared", "simulator", "torod", "toro", "bench", "web", "tests"] {
        let mut found = Vec::new();
        files(&root().join(dir), &mut found);
        for path in found {
            let text = fs::read_to_string(&path).unwrap();
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            // Generated from the API's document, and held to it by a test of the web admin.
            if name == "web/src/api/schema.d.ts" {
                continue;
            }
            let lines = text.lines().count();
            if lines > MAX_LINES && !LONG.iter().any(|(long, _)| *long == name) {
                wrong.push(format!("{name}: {lines} lines"));
            }
            let first = text.lines().find(|l| !l.starts_with("#!")).unwrap_or_default();
            let says = ["//!", "//", "#", "<!--", "\"\"\"", "/*"].iter().any(|mark| first.starts_with(mark));
            if !says || first.len() < 12 {
                wrong.push(format!("{name}: the first line does not say what it is for"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_that_a_trial_left_behind_is_kept_in_the_repository() {
    // An archive of the sources has no history to ask.
    if !root().join(".git").exists() {
        return;
    }
    let listed = Command::new("git").args(["ls-files"]).current_dir(root()).output().unwrap();
    assert!(listed.status.success());
    let stray: Vec<&str> = std::str::from_utf8(&listed.stdout)
        .unwrap()
        .lines()
        .filter(|name| {
            let has = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
            has(&[".db", ".db-wal", ".db-shm", ".lock", ".log", ".key", ".profraw"]) && !name.ends_with("Cargo.lock")
                || !name.contains('/') && !has(&[".md", ".toml", "Cargo.lock", "LICENSE", "Makefile", ".gitignore"])
        })
        .collect();
    assert!(stray.is_empty(), "{stray:?}");
}
