//! `toro`: runs coding agents through a tokenrouter gateway. This version knows its flags and its version.

use clap::{CommandFactory, Parser};

/// Runs coding agents through a tokenrouter gateway under a short-lived token.
///
/// This version has no launchers yet: it answers --version and --help.
#[derive(Debug, Parser)]
#[command(name = "toro", version, propagate_version = true)]
struct Cli {}

fn main() -> std::process::ExitCode {
    let Cli {} = Cli::parse();
    match Cli::command().write_help(&mut anstream::stdout()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(_) => std::process::ExitCode::FAILURE,
    }
}
