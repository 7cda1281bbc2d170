//! `torod`: flags, runtime, exit code.

use std::process::ExitCode;

use clap::Parser;
use torod::cli::Cli;
use torod::commands;

fn main() -> ExitCode {
    commands::run(Cli::parse())
}
