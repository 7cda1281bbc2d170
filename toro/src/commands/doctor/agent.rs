//! An agent on this machine: is it there, and does something stand against what `toro` tells it?

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::report::Report;
use super::settings;
use crate::agents::Agent;
use crate::agents::families::{REMOVED, is_among};
use crate::agents::plan::find_program;
use crate::client::address::Address;
use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::printer::plain;

/// A program says its version within that time, or not at all.
const PATIENCE: Duration = Duration::from_secs(15);
/// What it says of its version is no longer, in characters.
const MOST_CHARS: usize = 80;

/// Checks all of it; asks nobody.
pub(super) fn check(context: &Context, agent: &Agent, report: &mut Report<'_>) -> Result<(), Failure> {
    let path = (context.env)("PATH");
    let found = agent.programs.iter().map(|name| find_program(name, path.as_deref()));
    let found: Vec<Result<_, Exit>> = found.collect();
    match found.iter().find_map(|found| found.as_ref().ok()) {
        None if found.contains(&Err(Exit::NotStarted)) => {
            report.bad(
                "installed",
                &format!("`{}` is there, but cannot be started", agent.name),
                "Make it executable.",
            )?;
        }
        None => report.bad(
            "installed",
            &format!("`{}` is not in PATH", agent.name),
            &format!("Install it: {}", agent.install),
        )?,
        Some(program) => match version(context, program) {
            Some(version) => report.good("installed", &format!("{} ({version})", program.display()))?,
            None => {
                let text = format!("{} does not say its version", program.display());
                report.warn(
                    "installed",
                    &text,
                    &format!("Try `{} --version`; install it anew: {}", program.display(), agent.install),
                )?;
            }
        },
    }
    let mut names: Vec<String> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    names.retain(|name| is_among(name, REMOVED) || is_among(name, agent.removes));
    names.retain(|name| !name.starts_with("TORO_"));
    names.sort();
    if names.is_empty() {
        report.good("environment", "nothing in it leads the agent elsewhere")?;
    } else {
        let text = format!("{} would lead it elsewhere; toro leaves that out", names.join(", "));
        report.good("environment", &text)?;
    }
    settings::check(context, agent, report)
}

/// The first line of what a program says to `--version`.
fn version(context: &Context, program: &Path) -> Option<String> {
    let mut child = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let end = context.clock.moment() + PATIENCE;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if !context.clock.left(end).is_zero() => std::thread::sleep(Duration::from_millis(10)),
            _ => break None,
        }
    };
    if status.is_none() {
        _ = child.kill();
        _ = child.wait();
        return None;
    }
    // What it wrote lies in the pipe; a helper of it that still holds the pipe is not waited for.
    let mut text = vec![0; 4096];
    let read = std::io::Read::read(&mut child.stdout.take()?, &mut text).ok()?;
    let text = String::from_utf8_lossy(text.get(..read)?).into_owned();
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    Some(plain(line.trim()).chars().take(MOST_CHARS).collect())
}

/// A proxy in the environment, which agents would ask for the gateway too.
pub(super) fn proxies(context: &Context, address: &Address, report: &mut Report<'_>) -> Result<(), Failure> {
    let scheme = if address.is_https() { "https_proxy" } else { "http_proxy" };
    let set = |name: &str| (context.env)(name).or_else(|| (context.env)(&name.to_uppercase()));
    let Some(name) = [scheme, "all_proxy"].into_iter().find(|name| set(name).is_some()) else {
        return report.good("proxy", "none in the environment");
    };
    let exempt = set("no_proxy").unwrap_or_default();
    let host = address.host();
    let is_exempt = exempt.split(',').map(str::trim).any(|entry| {
        let entry = entry.trim_start_matches("*.").trim_start_matches('.');
        entry == "*" || (!entry.is_empty() && (host == entry || host.ends_with(&format!(".{entry}"))))
    });
    if is_exempt {
        return report.good("proxy", &format!("{} is set, and NO_PROXY leaves the gateway out", name.to_uppercase()));
    }
    let advice = format!(
        "If the proxy does not lead there: export NO_PROXY={host}{}",
        if exempt.is_empty() { String::new() } else { format!(",{exempt}") }
    );
    report.warn("proxy", &format!("{} is set: agents ask it for the gateway too", name.to_uppercase()), &advice)
}
