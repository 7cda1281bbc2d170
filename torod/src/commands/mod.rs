//! One command, one file; here is what they share: the way in, the way out, and exit codes.

pub mod alerts;
pub mod audit;
pub mod backup;
pub mod completions;
pub mod config;
pub mod control;
pub mod conversations;
pub mod demo;
pub mod doctor;
pub mod health;
pub mod import;
pub mod log;
pub mod models;
pub mod profile;
mod prompt;
pub mod provider;
pub mod restore;
pub mod route;
mod route_auto;
mod route_table;
pub mod secrets;
pub mod serve;
pub mod simulate;
mod table;
mod terminal;
pub mod tls;
pub mod token;
pub mod usage;
pub mod version;
mod wizard;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use crate::access::system_random;
use crate::cli::{Cli, Command};
use crate::clock::Clock;
use crate::config::{Environment, Paths};
use crate::store::Keyring;
use crate::upstreams::vault::Vault;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// As asked.
    Done,
    /// It cannot be done; the reason was told.
    Failed,
    /// It was not said what to do, and nobody is there to be asked; what to type was told.
    Unasked,
    /// What was asked for means nothing; what may have been meant was told.
    Unclear,
    /// Ctrl-C was pressed.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::FAILURE,
            Exit::Unasked | Exit::Unclear => Self::from(2),
            // As a shell says it of a process that SIGINT ended.
            Exit::Interrupted => Self::from(130),
        }
    }
}

/// The environment as it is.
pub fn system_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The keys that the secrets of `data_dir` are sealed under.
fn keyring(data_dir: &Path) -> Arc<Keyring> {
    Arc::new(Keyring::new(data_dir, system_random))
}

/// The secrets that are stored in `data_dir`.
fn vault(data_dir: &Path) -> Vault {
    Vault::at(data_dir, keyring(data_dir))
}

/// Runs the command that was typed.
pub fn run(cli: Cli) -> ExitCode {
    match dispatch(cli) {
        Ok(exit) => exit.into(),
        // Whoever reads our output has read enough.
        Err(e) if is_broken_pipe(&e) => ExitCode::SUCCESS,
        Err(e) => fail(&e).into(),
    }
}

/// Tells why it cannot be done, and where a program reads the output tells it there too.
fn fail(e: &anyhow::Error) -> Exit {
    let message = format!("{e:#}");
    _ = terminal::say(&format!("torod: {message}"), "torod: ".len());
    if std::env::args_os().skip(1).take_while(|word| word != "--").any(|word| word == "--json") {
        let problem = serde_json::json!({ "error": { "message": message } });
        _ = writeln!(anstream::stdout(), "{problem}");
    }
    let is_interrupted = e.downcast_ref().is_some_and(prompt::GivenUp::is_interrupted);
    if is_interrupted { Exit::Interrupted } else { Exit::Failed }
}

/// `1 model`, `2 models`.
fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    let paths = Paths::resolve(cli.config.as_deref(), cli.data_dir.as_deref(), &system_env)
        .map(|paths| paths.under(Environment::of_process()));
    let out = &mut anstream::stdout();
    let is_terminal = std::io::stdout().is_terminal();
    let clock = Clock::system();
    match cli.command {
        Command::Serve(serve) => block_on(serve.run(&paths?, clock)),
        Command::Health(health) => block_on(health.run(&paths?, out)),
        Command::Demo(demo) => block_on(demo.run(out, clock)),
        Command::Simulate(simulate) => block_on(simulate.run(out)),
        Command::Config(config) => config.run(&paths?, out, is_terminal, &clock),
        Command::Provider(provider) => block_on(provider.run(&paths?, out, is_terminal, clock)),
        Command::Profile(profile) => profile.run(&paths?, out, is_terminal),
        Command::Models(models) => block_on(models.run(&paths?, out, &mut anstream::stderr(), is_terminal, clock)),
        Command::Route(route) => block_on(route.run(&paths?, out, &mut anstream::stderr(), clock)),
        Command::Secrets(secrets) => block_on(secrets.run(&paths?, out, is_terminal, clock)),
        Command::Token(token) => block_on(token.run(&paths?, out, is_terminal, clock, system_random)),
        Command::Tls(tls) => block_on(tls.run(&paths?, out)),
        Command::Alerts(alerts) => block_on(alerts.run(&paths?, out, is_terminal)),
        Command::Audit(audit) => block_on(audit.run(&paths?, out, is_terminal, &clock)),
        Command::Log(log) => block_on(log.run(&paths?, out, is_terminal, &clock)),
        Command::Conversations(talks) => block_on(talks.run(&paths?, out, is_terminal, &clock)),
        Command::Usage(usage) => block_on(usage.run(&paths?, out, &mut anstream::stderr(), is_terminal, &clock)),
        Command::Doctor(doctor) => block_on(doctor.run(&paths?, out, &clock)),
        Command::Backup(backup) => block_on(backup.run(&paths?, out, is_terminal, &clock)),
        Command::Restore(restore) => block_on(restore.run(&paths?, out, &clock)),
        Command::Import(import) => import.run(&paths?, out, &mut anstream::stderr(), &clock),
        Command::Completions(completions) => completions.run(out),
        Command::Version(version) => version.run(out),
    }
}

fn block_on(command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(command)
}

fn is_broken_pipe(e: &anyhow::Error) -> bool {
    let kind = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref::<std::io::Error>() {
        Some(io) => Some(io.kind()),
        // What is written as JSON fails by way of it.
        None => cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind),
    };
    e.chain().filter_map(kind).any(|kind| kind == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    /// Nobody reads what is written here.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whoever_reads_no_further_is_told_nothing() {
        let json = serde_json::to_writer(Closed, &[1]).context("cannot write").unwrap_err();
        let line = writeln!(Closed, "x").context("cannot write").unwrap_err();
        assert!(is_broken_pipe(&json) && is_broken_pipe(&line));
        let unreadable = serde_json::from_str::<u8>("{").context("cannot read").unwrap_err();
        let full = anyhow::Error::from(std::io::Error::from(std::io::ErrorKind::StorageFull));
        assert!(!is_broken_pipe(&unreadable) && !is_broken_pipe(&full));
    }
}
