//! `torod models`: what models there are, what they can do and cost.

mod update;

use std::io::Write;

use super::Exit;
use crate::clock::Clock;
use crate::config::Paths;

/// Update what is known of models and prices.
#[derive(Debug, clap::Args)]
pub struct Models {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Take newer prices and facts, after showing what would change.
    Update(update::Update),
}

impl Models {
    /// Does it and tells.
    pub async fn run(
        self,
        paths: &Paths,
        out: &mut (dyn Write + Send),
        is_terminal: bool,
        clock: &Clock,
    ) -> anyhow::Result<Exit> {
        match self.action {
            Action::Update(update) => update.run(paths, out, is_terminal, clock).await,
        }
    }
}
