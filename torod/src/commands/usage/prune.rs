//! `torod usage prune`: removes usage rows that are older than somebody wants to keep them, whether the daemon runs or not.

use std::io::Write;
use std::time::Duration;

use chrono::{Local, TimeZone as _};
use serde::Serialize;

use super::since_ms;
use crate::access::bounds::grouped;
use crate::clock::Clock;
use crate::commands::{Exit, prompt};
use crate::config::Paths;
use crate::store::audit::{Entry, add};
use crate::store::history::{Cutoffs, Pruned, preview, prune_step};
use crate::store::{Connection, DATABASE, StoreError, schema};

/// The pause between two steps, in which others write.
const PAUSE: Duration = Duration::from_millis(5);
/// How often a busy database is asked again, a quarter of a second each time.
const TRIES: u32 = 40;

/// Remove rows of usage from before a time, for good. Sums of whole hours and days stay, and so does what budgets count.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  torod usage prune --before 90d --dry-run\n  torod usage prune --before 2026-01-01\n  torod usage prune --before 30d --sums --yes\n\n`[usage] retention_days` in torod.toml does this day by day."
)]
pub(super) struct Args {
    /// Rows older than this go: a span such as 90d, or a date such as 2026-01-01.
    #[arg(long, value_name = "TIME")]
    before: String,
    /// Remove sums by hours and days too, except those of stretches that reach beyond that time.
    #[arg(long)]
    sums: bool,
    /// Say what would go, and remove nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What went, or would go.
#[derive(Debug, Serialize)]
struct Told {
    before_ms: i64,
    rows: u64,
    first_ms: Option<i64>,
    last_ms: Option<i64>,
    removed: bool,
}

impl Args {
    /// Removes, or says what would go.
    pub(super) fn run(self, paths: &Paths, out: &mut dyn Write, clock: &Clock) -> anyhow::Result<Exit> {
        let now_ms = clock.now_ms();
        let now = Local.timestamp_millis_opt(now_ms).single();
        let before_ms = now
            .and_then(|now| since_ms(&self.before, now))
            .ok_or_else(|| anyhow::anyhow!("`--before {}` is no time; write 90d or 2026-01-01", self.before))?;
        if !paths.data_dir.join(DATABASE).exists() {
            anyhow::bail!("no usage yet: there is no database in {}", paths.data_dir.display());
        }
        let (rows, span) = preview(&schema::open_reader(&paths.data_dir)?, before_ms)?;
        let mut told = Told {
            before_ms,
            rows,
            first_ms: span.map(|(first, _)| first),
            last_ms: span.map(|(_, last)| last),
            removed: false,
        };
        let what = match span {
            Some((first, last)) => format!("{} rows from {} to {}", grouped(rows), date(first), date(last)),
            None => "no rows".to_owned(),
        };
        if self.dry_run || (rows == 0 && !self.sums) {
            return self.tell(out, &told, &format!("{what} would be removed"));
        }
        if !self.yes {
            if !prompt::is_possible() {
                anyhow::bail!("{what} would be removed for good: say `--yes` where nobody can be asked");
            }
            if !prompt::confirm(&format!("Remove {what} for good?"), false)? {
                return self.tell(out, &told, "nothing was removed");
            }
        }
        let mut connection = schema::open_writer(&paths.data_dir)?;
        let detail = format!("{what}, everything from before {}", date(before_ms));
        let entry =
            Entry { at_ms: now_ms, actor: "local owner", action: "usage.prune", subject: "usage", detail: &detail };
        patiently(&mut connection, |connection| add(connection, &entry))?;
        let sums_ms = if self.sums { before_ms } else { 0 };
        let cutoffs = Cutoffs { rows_ms: before_ms, hours_ms: sums_ms, days_ms: sums_ms };
        let mut gone = Pruned::default();
        loop {
            let step = patiently(&mut connection, |connection| prune_step(connection, &cutoffs))?;
            if step.is_nothing() {
                break;
            }
            (gone.rows, gone.chunks) = (gone.rows + step.rows, gone.chunks + step.chunks);
            std::thread::park_timeout(PAUSE);
        }
        (told.rows, told.removed) = (gone.rows, true);
        self.tell(out, &told, &format!("{} rows removed; their space is used for new ones", grouped(gone.rows)))
    }

    fn tell(&self, out: &mut dyn Write, told: &Told, sentence: &str) -> anyhow::Result<Exit> {
        if self.json {
            serde_json::to_writer(&mut *out, told)?;
            writeln!(out)?;
        } else {
            writeln!(out, "{sentence}")?;
        }
        Ok(Exit::Done)
    }
}

fn date(ms: i64) -> String {
    let at = Local.timestamp_millis_opt(ms).single();
    at.map(|at| at.format("%Y-%m-%d %H:%M").to_string()).unwrap_or_default()
}

/// Does it once more while a daemon writes at this very moment.
fn patiently<T>(
    connection: &mut Connection,
    mut work: impl FnMut(&mut Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    for _ in 1..TRIES {
        match work(connection) {
            Err(error) if error.is_transient() => {}
            done => return done,
        }
    }
    work(connection)
}
