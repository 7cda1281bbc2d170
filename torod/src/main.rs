//! `torod`: flags, runtime, exit code.

use std::process::ExitCode;

use clap::Parser;
use torod::cli::Cli;
use torod::commands;

/// Of a static program: in musl's own, whoever needs memory waits for everybody else who does.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    commands::run(Cli::parse())
}
