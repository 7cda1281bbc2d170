//! `torod import usage|config`: what another program wrote down, carried over; usage as history that no budget pays for.

mod config;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use chrono::{Local, TimeZone as _};
use clap::{Args, Subcommand};
use serde_json::json;
use tokenrouter_shared::money::dollars;

use super::models::world;
use super::{Exit, prompt};
use crate::access::Operator;
use crate::access::bounds::grouped;
use crate::clock::Clock;
use crate::config::Paths;
use crate::import::usage::{Imported, Way, run};
use crate::store::lock::LockError;
use crate::store::{DirLock, schema};
use crate::telemetry::plain::plain;
use crate::upstreams::catalogue;

/// Carry over what other programs wrote down.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod import config litellm_config.yaml --dry-run\n  torod import usage ~/.cache/tokenrouter/usage-stats-db --dry-run\n\n`torod import config --help` and `torod import usage --help` tell what is read, and what is carried over."
)]
pub struct Import {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Import usage: of the torod written in Go (its folder usage-stats-db, or usage-stats.json), or of tokrouter (usage.db).
    Usage(Usage),
    /// Import a configuration: of LiteLLM, tokrouter, one-api, new-api, or the torod written in Go.
    Config(config::Config),
}

/// Import usage.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod import usage ~/.cache/tokenrouter/usage-stats-db --dry-run\n  torod import usage ~/.config/tokrouter/data/usage.db\n\nThe calls stand in every report, by the names that tokens had there; no budget of today pays for them. Their cost is\nreckoned by prices of today. What was imported once is not imported again."
)]
struct Usage {
    /// The file or folder.
    path: PathBuf,
    /// Read all of it, tell what would be imported, and write nothing.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Write without asking.
    #[arg(long)]
    yes: bool,
    /// Take also calls from before the last one that was imported: the program ran on another machine.
    #[arg(long)]
    another_machine: bool,
    /// Print JSON with exact numbers.
    #[arg(long)]
    json: bool,
}

impl Import {
    /// Does it and tells.
    pub fn run(
        self,
        paths: &Paths,
        out: &mut dyn Write,
        talk: &mut (dyn Write + Send),
        clock: &Clock,
    ) -> anyhow::Result<Exit> {
        match self.what {
            What::Usage(usage) => usage.run(paths, out, talk, clock),
            What::Config(config) => config.run(paths, out, talk, clock),
        }
    }
}

impl Usage {
    fn run(
        &self,
        paths: &Paths,
        out: &mut dyn Write,
        talk: &mut (dyn Write + Send),
        clock: &Clock,
    ) -> anyhow::Result<Exit> {
        let _lock = match DirLock::take(&paths.data_dir) {
            Ok(lock) => lock,
            Err(LockError::Held { .. }) => anyhow::bail!(
                "a gateway runs with {}: stop it for the import, which writes all of the history at once",
                paths.data_dir.display()
            ),
            Err(e) => return Err(e.into()),
        };
        let world = world(paths, talk, clock).context("the prices of today are needed")?;
        let prices =
            |provider: &str, model: &str| catalogue::tariff(&world.catalogue, &world.providers, provider, model);
        let mut connection = schema::open_writer(&paths.data_dir)?;
        let actor = Operator::LocalOwner;
        let way = |write| Way {
            write,
            is_another_machine: self.another_machine,
            actor: actor.actor(),
            now_ms: clock.now_ms(),
        };
        let mut import = |write| run(&mut connection, &self.path, &prices, &way(write));
        if self.yes {
            let told = import(true)?;
            self.tell(out, &told, true)?;
            return Ok(Exit::Done);
        }
        let told = import(false)?;
        if self.dry_run || told.calls == 0 {
            self.tell(out, &told, false)?;
            return Ok(Exit::Done);
        }
        show(talk, &told, false)?;
        if !prompt::is_possible() {
            writeln!(talk, "torod: nothing was written; add --yes to write it, or --dry-run to only look")?;
            return Ok(Exit::Unasked);
        }
        if !prompt::confirm("Import these calls?", false)? {
            writeln!(talk, "nothing was written")?;
            return Ok(Exit::Done);
        }
        let told = import(true)?;
        self.tell(out, &told, true)?;
        Ok(Exit::Done)
    }

    fn tell(&self, out: &mut dyn Write, told: &Imported, written: bool) -> anyhow::Result<()> {
        if !self.json {
            return Ok(show(out, told, written)?);
        }
        let left: Vec<_> = told.left.iter().map(|(why, count)| json!({ "what": why, "count": count })).collect();
        let told = json!({
            "program": told.program, "written": written, "calls": told.calls, "failed": told.failed,
            "tokens": told.tokens, "cost_nanos": told.cost_nanos, "unpriced_calls": told.unpriced_calls,
            "first_ms": told.span_ms.map(|span| span.0), "last_ms": told.span_ms.map(|span| span.1), "left": left,
        });
        writeln!(out, "{told}")?;
        Ok(())
    }
}

fn show(out: &mut dyn Write, told: &Imported, written: bool) -> std::io::Result<()> {
    let Some((first, last)) = told.span_ms else {
        writeln!(out, "no call of {} is to be imported", told.program)?;
        return left(out, told);
    };
    let day = |at_ms| Local.timestamp_millis_opt(at_ms).single().map(|at| at.format("%Y-%m-%d %H:%M").to_string());
    let (first, last) = (day(first).unwrap_or_default(), day(last).unwrap_or_default());
    writeln!(
        out,
        "{} {} calls of {}, {} of them failed, from {first} to {last}: {} tokens, {} by prices of today",
        if written { "imported" } else { "to be imported:" },
        grouped(told.calls),
        told.program,
        grouped(told.failed),
        grouped(told.tokens),
        dollars(told.cost_nanos)
    )?;
    if told.unpriced_calls > 0 {
        let calls = grouped(told.unpriced_calls);
        writeln!(out, "the price of {calls} calls is not known today: their cost is left open")?;
    }
    left(out, told)
}

fn left(out: &mut dyn Write, told: &Imported) -> std::io::Result<()> {
    if told.left.count() > 0 {
        writeln!(out, "not carried over as it was:")?;
    }
    for (why, count) in told.left.iter() {
        writeln!(out, "  {:>9}  {}", grouped(count), plain(why))?;
    }
    Ok(())
}
