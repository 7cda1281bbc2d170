//! `toro completions SHELL`.

use clap_complete::Shell;

use super::Context;
use crate::cli;
use crate::exit::{Exit, Failure};

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  toro completions bash > ~/.local/share/bash-completion/completions/toro")]
pub struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    /// Prints it.
    pub fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut cli::listed(), "toro", &mut script);
        context.printer.bytes(&script)?;
        Ok(Exit::Done)
    }
}
