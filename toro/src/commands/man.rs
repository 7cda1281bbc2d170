//! `toro man`: the manual pages, made of the help texts.

use std::path::PathBuf;

use clap_mangen::Man as Page;

use super::Context;
use crate::cli;
use crate::exit::{Exit, Failure};

/// Print the manual page, or write all of them into a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  toro man | man -l -\n  toro man ~/.local/share/man/man1")]
pub struct Man {
    /// The folder that toro.1 and a page for each command go to.
    folder: Option<PathBuf>,
}

impl Man {
    /// Prints or writes them.
    pub fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let mut tree = cli::listed().disable_help_subcommand(true);
        tree.build();
        let Some(folder) = &self.folder else {
            context.printer.bytes(&page(tree)?)?;
            return Ok(Exit::Done);
        };
        let failed = |e: std::io::Error| {
            Failure::failed(format!("cannot write to {}: {e}", folder.display()), "Name another folder.")
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let own = tree.get_subcommands().filter(|command| !command.is_hide_set());
        let mut pages: Vec<(String, clap::Command)> =
            own.map(|command| (format!("toro-{}", command.get_name()), command.clone())).collect();
        pages.push(("toro".to_owned(), tree.clone()));
        for (name, command) in pages {
            std::fs::write(folder.join(format!("{name}.1")), page(command.display_name(name.clone()))?)
                .map_err(failed)?;
        }
        context.printer.say(&format!("Written to {}.", folder.display()));
        Ok(Exit::Done)
    }
}

fn page(command: clap::Command) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    Page::new(command).render(&mut text)?;
    Ok(text)
}
