//! `torod usage movers`: what rose and fell against the span before.

use comfy_table::Cell;
use tokenrouter_shared::figures::Totals;
use tokenrouter_shared::report::{Measure, Movers};

use super::Page;
use super::told::{cost, right, short};
use super::which::{Which, grouping};
use crate::commands::table::table;
use crate::reports::movers::report;
use crate::reports::span::minute;
use crate::telemetry::plain::plain;
use tokenrouter_shared::money::dollars;

/// Show what rose and fell against the span before.
///
/// What is still going on, such as `week`, is held against as much of the one before as has passed of it; any other span
/// against just as long a time before it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  torod usage movers\n  torod usage movers week --by token\n  torod usage movers last-month --by model,provider --measure tokens\n  torod usage movers 24h --label team=search --json"
)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// What rose and fell: any one or two that `torod usage --by` knows, but no time.
    #[arg(long, default_value = "model", value_name = "WHAT[,WHAT]")]
    by: Vec<String>,
    /// What is compared: cost, tokens, requests or failures.
    #[arg(long, default_value = "cost", value_name = "WHAT")]
    measure: Measure,
    /// At most so many.
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u32).range(1..=1000))]
    top: u32,
    /// Print JSON with exact numbers.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(&self, page: &mut Page<'_>) -> anyhow::Result<()> {
        let asked = self.which.asked("7d", page.asking.now_ms)?;
        let grouping = grouping(&self.by)?;
        if grouping.step.is_some() || grouping.by.is_empty() {
            anyhow::bail!("`--by` of movers is a thing and no time: model, token, provider, …");
        }
        let top = usize::try_from(self.top).unwrap_or(usize::MAX);
        let of = page
            .asking
            .ask(&asked, |connection, scope| report(connection, &asked, scope, &grouping.by, self.measure, top))?;
        if self.json {
            return page.json(&of);
        }
        let spans = |since, until| format!("{} – {}", minute(&asked.zone, since), minute(&asked.zone, until));
        let (now, before) = (spans(of.since_ms, of.until_ms), spans(of.before_since_ms, of.before_until_ms));
        page.say(&format!("{now} against {before} ({})", plain(&of.time_zone)))?;
        if of.movers.is_empty() {
            page.say("nothing rose and nothing fell")?;
            return Ok(page.notes(&of.now, 0, of.lost_records)?);
        }
        let mut table = table(page.is_terminal);
        let names = of.by.iter().map(|one| Cell::new(one.to_string().replace('_', " ")));
        table.set_header(names.chain(["before", "now", "change", ""].map(right)));
        for mover in &of.movers {
            let names = mover.names.iter().map(|name| Cell::new(plain(name)));
            let figures = [
                told(self.measure, &mover.before),
                told(self.measure, &mover.now),
                change(self.measure, mover.change),
                share(mover.change_per_mille, mover.change),
            ];
            table.add_row(names.chain(figures.map(right)));
        }
        table.add_row(all(&of));
        std::io::Write::write_fmt(page.out, format_args!("{table}\n"))?;
        Ok(page.notes(&of.now, of.omitted, of.lost_records)?)
    }
}

fn all(of: &Movers) -> Vec<Cell> {
    let mut cells = vec![Cell::new("all")];
    cells.extend(of.by.iter().skip(1).map(|_| Cell::new("")));
    let figures = [
        told(of.measure, &of.before),
        told(of.measure, &of.now),
        change(of.measure, of.change),
        share(of.change_per_mille, of.change),
    ];
    cells.extend(figures.map(right));
    cells
}

fn told(measure: Measure, totals: &Totals) -> String {
    if measure == Measure::Cost { cost(totals) } else { short(measure.of(totals)) }
}

fn change(measure: Measure, change: i64) -> String {
    let sign = if change < 0 { '-' } else { '+' };
    let amount = change.unsigned_abs();
    if change == 0 {
        return "0".to_owned();
    }
    if measure == Measure::Cost { format!("{sign}{}", dollars(amount)) } else { format!("{sign}{}", short(amount)) }
}

fn share(per_mille: Option<i64>, change: i64) -> String {
    match per_mille {
        _ if change == 0 => String::new(),
        None => "new".to_owned(),
        Some(-1_000) => "gone".to_owned(),
        Some(share) if share.abs() >= 10_000 => format!("× {}", (share + 1_000) / 1_000),
        Some(share) => format!("{}{} %", if share < 0 { '-' } else { '+' }, share.unsigned_abs() / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_with_their_direction() {
        assert_eq!(change(Measure::Cost, -1_500_000_000), "-$1.50");
        assert_eq!([change(Measure::Tokens, 12_345), change(Measure::Requests, 0)], ["+12.3K", "0"]);
        let told = [(Some(500), 1), (Some(-255), -1), (None, 1), (Some(-1_000), -1), (Some(30_000), 1), (None, 0)]
            .map(|(share_of, change)| share(share_of, change));
        assert_eq!(told, ["+50 %", "-25 %", "new", "gone", "× 31", ""]);
        assert_eq!(change(Measure::Failures, i64::MIN).chars().next(), Some('-'));
        assert!(share(Some(i64::MIN + 1), -1).contains('%') || share(Some(i64::MIN + 1), -1).starts_with('×'));
    }
}
