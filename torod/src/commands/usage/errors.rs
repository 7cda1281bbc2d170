//! `torod usage errors`: what failed, when last, and what to do.

use comfy_table::Cell;

use super::Page;
use super::told::{percent, right};
use super::which::Which;
use crate::access::bounds::grouped;
use crate::commands::table::table;
use crate::reports::errors::report;
use crate::reports::span::minute;
use crate::telemetry::plain::plain;

/// Show what failed, when last, and what to do.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  torod usage errors\n  torod usage errors 7d --provider openai\n  torod usage errors today --not-outcome client_abort\n  torod usage errors --json"
)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// At most so many kinds of failures.
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..=1000))]
    top: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(&self, page: &mut Page<'_>) -> anyhow::Result<()> {
        let asked = self.which.asked("24h", page.asking.now_ms)?;
        let top = usize::try_from(self.top).unwrap_or(usize::MAX);
        let of = page.asking.ask(&asked, |connection, scope| report(connection, &asked, scope, top))?;
        if self.json {
            return page.json(&of);
        }
        if of.rows.is_empty() {
            let attempts = grouped(of.attempts);
            page.say(&format!("none of {attempts} attempts failed: {}", plain(&self.which.words("24h"))))?;
            return Ok(());
        }
        let mut table = table(page.is_terminal);
        table.set_header([
            Cell::new("failed"),
            Cell::new("provider"),
            right("status"),
            right("times"),
            Cell::new("last"),
            Cell::new("last model"),
            Cell::new("last request"),
        ]);
        table.keep_whole(&[0, 4, 6]);
        table.spare(&[5, 6]);
        for row in &of.rows {
            let models = if row.models > 1 { format!(" and {} more", row.models - 1) } else { String::new() };
            table.add_row([
                Cell::new(kind(row.class.as_deref(), &row.outcome)),
                Cell::new(plain(&row.provider)),
                right(row.status.map(|status| status.to_string()).unwrap_or_default()),
                right(grouped(row.failures)),
                Cell::new(minute(&asked.zone, row.last_ms)),
                Cell::new(format!("{}{models}", plain(&row.model))),
                Cell::new(row.last_request.as_deref().unwrap_or_default()),
            ]);
        }
        std::io::Write::write_fmt(page.out, format_args!("{table}\n"))?;
        let share = u128::from(of.failures) * 1_000;
        let share = share.checked_div(u128::from(of.attempts)).and_then(|share| u64::try_from(share).ok()).unwrap_or(0);
        let (failures, attempts) = (grouped(of.failures), grouped(of.attempts));
        page.say(&format!("{failures} of {attempts} attempts failed ({})", percent(share)))?;
        if page.is_terminal {
            page.span(&asked.zone, of.since_ms, of.until_ms)?;
        }
        if of.omitted > 0 {
            page.say(&format!("{} more kinds are left out (--top shows more)", grouped(of.omitted)))?;
        }
        writeln(page)?;
        let mut told: Vec<&str> = Vec::new();
        for row in &of.rows {
            if !told.contains(&row.advice.as_str()) {
                told.push(&row.advice);
                let kind = kind(row.class.as_deref(), &row.outcome);
                let provider = plain(&row.provider);
                page.tell(&format!("{kind} ({provider}): {}", plain(&row.advice)), 2)?;
            }
        }
        if of.lost_records > 0 {
            page.say(&format!("{} records are missing: the database took none at the time", grouped(of.lost_records)))?;
        }
        Ok(())
    }
}

fn writeln(page: &mut Page<'_>) -> std::io::Result<()> {
    std::io::Write::write_all(page.out, b"\n")
}

/// Why, where that is known; else how it ended.
fn kind(class: Option<&str>, outcome: &str) -> String {
    class.unwrap_or(outcome).replace('_', " ")
}
