//! `torod usage`: what was used, from the database, whether the daemon runs or not.

mod prune;

use std::io::Write;

use chrono::{DateTime, Local, NaiveDate, TimeZone};
use comfy_table::{Cell, CellAlignment};
use tokenrouter_shared::usage::{UsageBy, UsageReport, UsageSums};

use super::Exit;
use super::table::table;
use crate::access::bounds::grouped;
use crate::clock::Clock;
use crate::config::Paths;
use crate::store::{DATABASE, Readers, reports};
use crate::telemetry::plain::plain;
use tokenrouter_shared::money::dollars;

/// The columns behind the name.
const NUMBERS: [&str; 9] =
    ["requests", "failed", "input", "cache read", "cache write", "output", "reasoning", "estimated", "cost"];

/// Show what was used.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  torod usage\n  torod usage --since 7d --by provider\n  torod usage --since 2026-11-01 --json"
)]
pub struct Usage {
    #[command(subcommand)]
    what: Option<What>,
    /// From when on: today, 24h, 7d, or a date such as 2026-11-01.
    #[arg(long, default_value = "today", value_name = "TIME")]
    since: String,
    /// What the rows stand for: model, provider or token.
    #[arg(long, default_value = "model", value_name = "WHAT")]
    by: UsageBy,
    /// Print JSON with exact numbers.
    #[arg(long)]
    json: bool,
}

/// What else is done with usage.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// Remove rows from before a time, for good.
    Prune(prune::Args),
}

impl Usage {
    /// Prints the report.
    pub fn run(self, paths: &Paths, out: &mut dyn Write, is_terminal: bool, clock: &Clock) -> anyhow::Result<Exit> {
        if let Some(What::Prune(prune)) = self.what {
            return prune.run(paths, out, clock);
        }
        let now_ms = clock.now_ms();
        let now = Local.timestamp_millis_opt(now_ms).single();
        let since_ms = now.and_then(|now| since_ms(&self.since, now)).ok_or_else(|| {
            anyhow::anyhow!("`--since {}` is no time; write today, 24h, 7d or 2026-11-01", self.since)
        })?;
        if !paths.data_dir.join(DATABASE).exists() {
            anyhow::bail!("no usage yet: there is no database in {}; `torod serve` makes it", paths.data_dir.display());
        }
        let readers = Readers::new(paths.data_dir.clone());
        let report = readers.with(|connection| reports::usage(connection, since_ms, now_ms + 1, self.by))?;
        if self.json {
            serde_json::to_writer(&mut *out, &report)?;
            writeln!(out)?;
        } else {
            show(out, &report, &self.since, is_terminal)?;
        }
        Ok(Exit::Done)
    }
}

pub(super) fn since_ms(text: &str, now: DateTime<Local>) -> Option<i64> {
    let midnight = |date: NaiveDate| {
        let start = date.and_hms_opt(0, 0, 0)?;
        // Where summer time skips midnight, the day begins when the clock has a time again.
        Some(
            Local
                .from_local_datetime(&start)
                .earliest()
                .map_or_else(|| start.and_utc().timestamp_millis(), |t| t.timestamp_millis()),
        )
    };
    if text == "today" {
        return midnight(now.date_naive());
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return midnight(date);
    }
    let (number, unit_ms) = [("h", 3_600_000), ("d", 86_400_000), ("m", 60_000)]
        .iter()
        .find_map(|(end, ms)| Some((text.strip_suffix(end)?.parse::<i64>().ok()?, *ms)))?;
    let back = number.checked_mul(unit_ms).filter(|ms| *ms > 0)?;
    Some(now.timestamp_millis().saturating_sub(back).max(0))
}

fn show(out: &mut dyn Write, report: &UsageReport, since: &str, is_terminal: bool) -> std::io::Result<()> {
    if report.rows.is_empty() {
        writeln!(out, "nothing was used since {since}")?;
        return lost(out, report);
    }
    let mut table = table(is_terminal);
    table.set_header(std::iter::once(Cell::new(report.by.as_str())).chain(NUMBERS.map(right)));
    for row in &report.rows {
        table.add_row(cells(&row.name, &row.sums));
    }
    if report.rows.len() > 1 {
        table.add_row(cells("all", &report.total));
    }
    table.spare(&idle(&report.total));
    writeln!(out, "{table}")?;
    if report.total.unpriced_attempts > 0 {
        writeln!(
            out,
            "≤: the price of {} calls is not known; they are counted with {} by `[prices] unknown` in torod.toml",
            grouped(report.total.unpriced_attempts),
            dollars(report.total.unpriced_nanos)
        )?;
    }
    lost(out, report)
}

/// The columns in which there is nothing, the least missed one first: where not all fit, they are left out.
fn idle(total: &UsageSums) -> Vec<usize> {
    let columns =
        [(7, total.reasoning), (5, total.cache_write), (4, total.cache_read), (8, total.estimated), (2, total.failed)];
    columns.into_iter().filter(|(_, sum)| *sum == 0).map(|(at, _)| at).collect()
}

fn lost(out: &mut dyn Write, report: &UsageReport) -> std::io::Result<()> {
    if report.lost_records > 0 {
        writeln!(out, "{} records are missing: the database took none at the time", report.lost_records)?;
    }
    Ok(())
}

fn right(text: impl std::fmt::Display) -> Cell {
    Cell::new(text.to_string()).set_alignment(CellAlignment::Right)
}

fn cells(name: &str, sums: &UsageSums) -> Vec<Cell> {
    let estimated = match sums.total() {
        0 => "-".to_owned(),
        all => format!("{} %", sums.estimated * 100 / all),
    };
    let mut cells = vec![Cell::new(plain(name))];
    cells.extend(
        [
            sums.requests,
            sums.failed,
            sums.input_uncached,
            sums.cache_read,
            sums.cache_write,
            sums.output,
            sums.reasoning,
        ]
        .map(|n| right(grouped(n))),
    );
    cells.push(right(estimated));
    cells.push(right(cost(sums)));
    cells
}

/// US dollars; where some of it has no known price, the most that it may be.
fn cost(sums: &UsageSums) -> String {
    let most = dollars(sums.cost_nanos.saturating_add(sums.unpriced_nanos));
    if sums.unpriced_attempts > 0 { format!("≤ {most}") } else { most }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times() {
        let now = Local.with_ymd_and_hms(2026, 11, 21, 15, 30, 0).unwrap();
        let midnight = Local.with_ymd_and_hms(2026, 11, 21, 0, 0, 0).unwrap().timestamp_millis();
        assert_eq!(since_ms("today", now), Some(midnight));
        assert_eq!(since_ms("2026-11-21", now), Some(midnight));
        assert_eq!(since_ms("24h", now), Some(now.timestamp_millis() - 86_400_000));
        assert_eq!(since_ms("7d", now), Some(now.timestamp_millis() - 604_800_000));
        for wrong in ["", "yesterday", "-1h", "0d", "2026-13-01"] {
            assert_eq!(since_ms(wrong, now), None, "{wrong}");
        }
    }

    #[test]
    fn columns_of_noughts_can_be_spared() {
        let sums = UsageSums { requests: 1, failed: 1, cache_read: 5, ..UsageSums::default() };
        let names: Vec<&str> = idle(&sums).into_iter().map(|at| NUMBERS[at - 1]).collect();
        assert_eq!(names, ["reasoning", "cache write", "estimated"]);
    }
}
