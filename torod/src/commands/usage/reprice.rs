//! `torod usage reprice`: what attempts cost by the prices of today, beside what they cost until now; and, when that is
//! wanted, written down in its place.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use comfy_table::{Cell, CellAlignment};
use http::Method;
use tokenrouter_shared::money::dollars;
use tokenrouter_shared::reprice::{Reprice as Asked, Repriced};

use crate::access::Operator;
use crate::access::bounds::grouped;
use crate::calendar::Zone;
use crate::clock::Clock;
use crate::commands::models::world;
use crate::commands::table::table;
use crate::commands::{Exit, control, prompt};
use crate::config::Paths;
use crate::reports::span::{MOMENTS, moment};
use crate::store::lock::LockError;
use crate::store::{Connection, DATABASE, DirLock, schema};
use crate::telemetry::plain::plain;
use crate::upstreams::catalogue;
use crate::upstreams::snapshot::Snapshot;
use crate::usage::reprice;

/// Reckon anew what calls cost whose price nobody knew; shows what would change and asks before it is written.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod usage reprice --dry-run\n  torod usage reprice --since 30d --model gpt-5\n  torod usage reprice --all --since 2026-11-01 --until 2026-11-15 --yes"
)]
pub(super) struct Reprice {
    /// From when on: today, 24h, 7d, or a date such as 2026-11-01 [default: the beginning].
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Until when, exclusive [default: now].
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only this model, by the name that its provider knows; may be given several times.
    #[arg(long = "model", value_name = "MODEL")]
    models: Vec<String>,
    /// Only this provider; may be given several times.
    #[arg(long = "provider", value_name = "PROVIDER")]
    providers: Vec<String>,
    /// Also calls whose price was known when they were made.
    #[arg(long)]
    all: bool,
    /// Show what would change and write nothing.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Write without asking.
    #[arg(long)]
    yes: bool,
    /// Print JSON with exact numbers.
    #[arg(long)]
    json: bool,
}

/// Who does it.
enum Way<'p> {
    Daemon(&'p Path),
    Here(Box<Connection>, Arc<Snapshot>, DirLock),
}

impl Way<'_> {
    /// Every step, one after the other; `write` or only told.
    async fn all(&mut self, asked: &Asked, write: bool, clock: &Clock) -> anyhow::Result<Repriced> {
        let mut told = Repriced::default();
        let mut asked = Asked { write, ..asked.clone() };
        loop {
            let step = match self {
                Way::Daemon(dir) => control::ask(dir, Method::POST, "/admin/api/usage/reprice", Some(&asked)).await?,
                Way::Here(connection, world, _lock) => {
                    let prices = |provider: &str, model: &str| {
                        catalogue::tariff(&world.catalogue, &world.providers, provider, model)
                    };
                    let actor = Operator::LocalOwner;
                    reprice::run(connection, &asked, &prices, actor.actor(), clock.now_ms())?.told
                }
            };
            asked.after = step.next;
            told.add(step);
            if asked.after.is_none() {
                return Ok(told);
            }
        }
    }
}

impl Reprice {
    /// Tells, asks and writes.
    pub(super) async fn run(
        self,
        paths: &Paths,
        out: &mut dyn Write,
        talk: &mut (dyn Write + Send),
        is_terminal: bool,
        clock: &Clock,
    ) -> anyhow::Result<Exit> {
        if !paths.data_dir.join(DATABASE).exists() {
            bail!("no usage yet: there is no database in {}; `torod serve` makes it", paths.data_dir.display());
        }
        let asked = self.asked(clock)?;
        let mut way = match DirLock::take(&paths.data_dir) {
            Ok(lock) => {
                let world = world(paths, talk, clock)?;
                Way::Here(Box::new(schema::open_writer(&paths.data_dir)?), world, lock)
            }
            Err(LockError::Held { .. }) => Way::Daemon(&paths.data_dir),
            Err(e) => return Err(e.into()),
        };
        let told = way.all(&asked, false, clock).await?;
        let is_asked = !self.dry_run && !told.lines.is_empty();
        if !self.json || (is_asked && !self.yes) {
            let shown: &mut dyn Write = if self.json { &mut *talk } else { &mut *out };
            show(shown, &told, is_terminal && !self.json)?;
        }
        if is_asked && !self.yes {
            if !prompt::is_possible() {
                writeln!(talk, "torod: nothing was written; add --yes to write it, or --dry-run to only look")?;
                return Ok(Exit::Unasked);
            }
            if !prompt::confirm("Write these costs?", false)? {
                writeln!(talk, "nothing was written")?;
                return Ok(Exit::Done);
            }
        }
        let told = if is_asked { way.all(&asked, true, clock).await? } else { told };
        if self.json {
            serde_json::to_writer(&mut *out, &told)?;
            writeln!(out)?;
        } else if is_asked {
            let rows: u64 = told.lines.iter().map(|line| line.rows).sum();
            writeln!(out, "{} calls have their new cost, and budgets go by it", grouped(rows))?;
        }
        Ok(Exit::Done)
    }

    fn asked(&self, clock: &Clock) -> anyhow::Result<Asked> {
        let (zone, now_ms) = (Zone::here(), clock.now_ms());
        let read = |flag: &str, text: &str| {
            moment(text, &zone, now_ms, false)
                .ok_or_else(|| anyhow::anyhow!("`{flag} {}` is no time; write {MOMENTS}", plain(text)))
        };
        let since_ms = self.since.as_deref().map_or(Ok(0), |text| read("--since", text))?;
        let until_ms = self.until.as_deref().map(|text| read("--until", text)).transpose()?;
        if until_ms.is_some_and(|until_ms| until_ms <= since_ms) {
            bail!("there is no time between --since and --until");
        }
        let Self { models, providers, all, .. } = self;
        let (models, providers) = (models.clone(), providers.clone());
        Ok(Asked { since_ms, until_ms, providers, models, all: *all, ..Asked::default() })
    }
}

fn show(out: &mut dyn Write, told: &Repriced, is_terminal: bool) -> std::io::Result<()> {
    if told.lines.is_empty() {
        writeln!(out, "no call would cost anything else")?;
        return left(out, told);
    }
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    let mut table = table(is_terminal);
    let names = ["calls", "cost", "new cost", "difference"].map(|name| right(name.to_owned()));
    table.set_header(std::iter::once(Cell::new("model")).chain(names));
    let (mut rows, mut old, mut new) = (0_u64, 0_u64, 0_u64);
    for line in &told.lines {
        table.add_row(vec![
            Cell::new(plain(&format!("{}/{}", line.provider, line.model))),
            right(grouped(line.rows)),
            right(dollars(line.old_nanos)),
            right(dollars(line.new_nanos)),
            right(difference(line.old_nanos, line.new_nanos)),
        ]);
        (rows, old, new) = (rows + line.rows, old.saturating_add(line.old_nanos), new.saturating_add(line.new_nanos));
    }
    if told.lines.len() > 1 {
        let sums = [grouped(rows), dollars(old), dollars(new), difference(old, new)];
        table.add_row(std::iter::once(Cell::new("all")).chain(sums.map(right)));
    }
    writeln!(out, "{table}")?;
    left(out, told)
}

fn left(out: &mut dyn Write, told: &Repriced) -> std::io::Result<()> {
    if told.unpriced_rows > 0 {
        writeln!(
            out,
            "the price of {} calls is not known now either; `torod models update` may fetch it, `price` in \
             `[[providers.models]]` sets it",
            grouped(told.unpriced_rows)
        )?;
    }
    Ok(())
}

/// By how much it is more or less.
fn difference(old: u64, new: u64) -> String {
    let sign = if new >= old { "+" } else { "-" };
    format!("{sign}{}", dollars(old.abs_diff(new)))
}
