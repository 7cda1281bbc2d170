//! Prometheus' own checker, from Debian's package `prometheus`: the one of this machine, else one that is unpacked beside the
//! other test clients. Where none can be had, a notice says so; our own strict reader has looked anyway.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Has it check `text`; `what` is `metrics` or `rules`.
#[expect(clippy::print_stderr, reason = "a notice for whoever runs the tests")]
pub fn check(what: &str, text: &str) {
    let Some(promtool) = find() else {
        eprintln!("NOTICE: no promtool can be had, so `promtool check {what}` was left out");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(promtool);
    command.args(["check", what]);
    if what == "rules" {
        // Older ones read rules from files alone.
        let file = folder.path().join("rules.yml");
        std::fs::write(&file, text).unwrap();
        command.arg(file);
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // One that reads a file hears nothing.
    drop(child.stdin.take().unwrap().write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "promtool check {what}: {said}");
    assert!(what != "metrics" || said.trim().is_empty(), "promtool check {what}: {said}");
}

fn find() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(|| on_this_machine().or_else(unpacked)).as_deref()
}

fn on_this_machine() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join("promtool")).find(|file| file.is_file())
}

/// Unpacks the package without installing it: no service, no root.
fn unpacked() -> Option<PathBuf> {
    let cache = match std::env::var_os("TOKENROUTER_CACHE") {
        Some(dir) => PathBuf::from(dir),
        None => match std::env::var_os("XDG_CACHE_HOME") {
            Some(dir) => PathBuf::from(dir).join("tokenrouter-tests"),
            None => PathBuf::from(std::env::var_os("HOME")?).join(".cache/tokenrouter-tests"),
        },
    };
    let (promtool, kept) = (cache.join("prometheus/usr/bin/promtool"), cache.join("prometheus"));
    if promtool.is_file() {
        return Some(promtool);
    }
    std::fs::create_dir_all(&cache).ok()?;
    let work = tempfile::tempdir_in(&cache).ok()?;
    let done = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).current_dir(work.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if !done("apt-get", &["-qq", "download", "prometheus"]) {
        // Lists of our own where the machine's are missing, as in images, or name what is no longer there.
        let dir = work.path().display();
        let own = [
            format!("-oDir::State::Lists={dir}/lists"),
            format!("-oDir::Cache={dir}"),
            "-oDebug::NoLocking=1".to_owned(),
            "-oAPT::Sandbox::User=".to_owned(),
            "-oAcquire::http::Timeout=20".to_owned(),
        ];
        for folder in ["lists/partial", "archives/partial"] {
            std::fs::create_dir_all(work.path().join(folder)).ok()?;
        }
        let with_own = |words: &[&'static str]| {
            let all: Vec<&str> = own.iter().map(String::as_str).chain(["-qq"]).chain(words.iter().copied()).collect();
            done("apt-get", &all)
        };
        if !with_own(&["update"]) || !with_own(&["download", "prometheus"]) {
            return None;
        }
    }
    let package = std::fs::read_dir(work.path()).ok()?.find_map(|entry| {
        let path = entry.ok()?.path();
        (path.extension()? == "deb").then_some(path)
    })?;
    let inside = work.path().join("unpacked");
    if !done("dpkg-deb", &["-x", &package.display().to_string(), &inside.display().to_string()]) {
        return None;
    }
    // Whoever is first keeps it; two do no harm.
    drop(std::fs::rename(&inside, &kept));
    promtool.is_file().then_some(promtool)
}
