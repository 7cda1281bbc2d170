//! `torod usage`: what was used and what it cost, from the database, whether the daemon runs or not.

mod cache;
mod chart;
mod errors;
mod figures;
mod forecast;
mod movers;
mod prune;
mod reconcile;
mod reprice;
mod requests;
mod told;
mod which;

use std::io::Write;

use clap::Subcommand;

use super::Exit;
use crate::access::Operator;
use crate::clock::Clock;
use crate::config::Paths;
use crate::reports::ReportError;
use crate::reports::asked::{Asked, Scope};
use crate::store::usage::greatest_id;
use crate::store::{Connection, DATABASE, Readers};
use crate::usage::Sequence;

/// Show what was used and what it cost.
///
/// Without a word behind it: the figures of today, by model. Every number can be looked behind: `torod usage requests` with
/// the same span and filters lists the requests that it is made of.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  torod usage\n  torod usage --since 7d --by provider\n  torod usage month --by model,token --chart\n  torod usage last-month --by day --label team=search --export csv november.csv\n  torod usage week --token alice --not-outcome ok --json\n  torod usage movers week --by token\n  torod usage forecast\n  torod usage cache --by session\n  torod usage errors 24h\n  torod usage reprice --dry-run\n  torod usage requests today --model gpt-5.5 --status 429\n\nA filter can be named again, and `!` in front of a value, or --not-… as its name, leaves it out."
)]
pub struct Usage {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    figures: figures::Args,
}

/// The other reports, and what else is done with usage.
#[derive(Debug, Subcommand)]
enum What {
    /// Show what rose and fell against the span before.
    Movers(movers::Args),
    /// Show what this month will come to.
    Forecast(forecast::Args),
    /// Show what prompt caches saved, and what was written to them for nothing.
    Cache(cache::Args),
    /// Show what failed, when last, and what to do.
    Errors(errors::Args),
    /// List the requests behind the figures, or export every attempt.
    Requests(requests::Args),
    /// Show all that is known of a request.
    Request(requests::One),
    /// Reckon anew what calls cost.
    Reprice(reprice::Reprice),
    /// Hold a provider's export of usage or costs against what is written down here.
    Reconcile(reconcile::Reconcile),
    /// Remove rows from before a time, for good.
    Prune(prune::Args),
}

impl Usage {
    /// Prints the report, or does what else was typed.
    pub async fn run(
        self,
        paths: &Paths,
        out: &mut dyn Write,
        talk: &mut (dyn Write + Send),
        is_terminal: bool,
        clock: &Clock,
    ) -> anyhow::Result<Exit> {
        match self.what {
            Some(What::Reprice(reprice)) => reprice.run(paths, out, talk, is_terminal, clock).await,
            Some(What::Reconcile(reconcile)) => reconcile.run(paths, out, is_terminal),
            Some(What::Prune(prune)) => prune.run(paths, out, clock),
            _ => self.report(paths, out, is_terminal, clock),
        }
    }

    fn report(self, paths: &Paths, out: &mut dyn Write, is_terminal: bool, clock: &Clock) -> anyhow::Result<Exit> {
        if !paths.data_dir.join(DATABASE).exists() {
            anyhow::bail!("no usage yet: there is no database in {}; `torod serve` makes it", paths.data_dir.display());
        }
        let readers = Readers::new(paths.data_dir.clone());
        let newest = readers.with(greatest_id)?;
        let asking = Asking { readers: &readers, now_ms: Sequence::after(newest).now_ms(clock.now_ms()) };
        let mut page = Page { out, is_terminal, is_ascii: false, asking };
        match self.what {
            None => self.figures.run(&mut page),
            Some(What::Movers(movers)) => movers.run(&mut page),
            Some(What::Forecast(forecast)) => forecast.run(&mut page),
            Some(What::Cache(cache)) => cache.run(&mut page),
            Some(What::Errors(errors)) => errors.run(&mut page),
            Some(What::Requests(requests)) => requests.run(&mut page),
            Some(What::Request(one)) => one.run(&mut page),
            Some(What::Reprice(_) | What::Reconcile(_) | What::Prune(_)) => Ok(()),
        }?;
        Ok(Exit::Done)
    }
}

/// Where a report is written, and what it is made of.
struct Page<'a> {
    out: &'a mut dyn Write,
    is_terminal: bool,
    /// Whether the terminal shows ASCII alone.
    is_ascii: bool,
    asking: Asking<'a>,
}

/// Who asks, and when.
#[derive(Clone, Copy)]
struct Asking<'a> {
    readers: &'a Readers,
    now_ms: i64,
}

impl Asking<'_> {
    /// Asks the database for a report.
    fn ask<T>(
        &self,
        asked: &Asked,
        report: impl FnOnce(&Connection, &Scope) -> Result<T, ReportError>,
    ) -> anyhow::Result<T> {
        self.with(|connection| {
            let scope = Scope::new(connection, &asked.choices, None, &Operator::LocalOwner, self.now_ms)?;
            report(connection, &scope)
        })
    }

    /// Asks the database.
    fn with<T>(&self, ask: impl FnOnce(&Connection) -> Result<T, ReportError>) -> anyhow::Result<T> {
        self.readers.with(|connection| Ok(ask(connection)))?.map_err(|error| {
            let problem = error.problem();
            // What the API is told to look at is nothing that people have at hand.
            match error {
                ReportError::Unclear(why) => anyhow::anyhow!(why),
                _ => anyhow::anyhow!("{} {}", problem.message, problem.advice),
            }
        })
    }
}

impl Page<'_> {
    /// Writes a report as JSON.
    fn json(&mut self, report: &impl serde::Serialize) -> anyhow::Result<()> {
        serde_json::to_writer(&mut *self.out, report)?;
        Ok(writeln!(self.out)?)
    }
}
