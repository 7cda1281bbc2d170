//! `torod usage forecast`: what this month will come to.

use tokenrouter_shared::money::dollars;
use tokenrouter_shared::report::{Basis, Forecast, Outlook};

use super::Page;
use super::told::{percent, right, short};
use super::which::Place;
use crate::access::bounds::grouped;
use crate::commands::table::table;
use crate::reports::forecast::report;

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Show what this month will come to.
///
/// Each day to come is taken for the mean of the same weekdays of the last four weeks; as long as there are less than two
/// weeks, for the mean of all days. The range holds four of five months whose days vary as much as those did.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  torod usage forecast\n  torod usage forecast --token alice\n  torod usage forecast --provider openai --zone America/New_York --json"
)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Print JSON with exact numbers.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(&self, page: &mut Page<'_>) -> anyhow::Result<()> {
        let asked = self.place.asked("month", page.asking.now_ms)?;
        let now_ms = page.asking.now_ms;
        let of = page.asking.ask(&asked, |connection, scope| report(connection, &asked, scope, now_ms))?;
        if self.json {
            return page.json(&of);
        }
        let mut table = table(page.is_terminal);
        table.set_header(
            std::iter::once(comfy_table::Cell::new("this month"))
                .chain(["so far", "by its end", "at least", "at most"].map(right)),
        );
        let unknown = || "?".to_owned();
        let row = |name: &str, outlook: &Outlook, told: fn(u64) -> String, mark: &str| {
            let told = |amount: Option<u64>| amount.map_or_else(unknown, |amount| format!("{mark}{}", told(amount)));
            let figures = [told(Some(outlook.spent)), told(outlook.expected), told(outlook.low), told(outlook.high)];
            std::iter::once(comfy_table::Cell::new(name)).chain(figures.map(right)).collect::<Vec<_>>()
        };
        let mark = if of.total.unpriced_attempts > 0 { "≤ " } else { "" };
        table.add_row(row("cost", &of.cost, dollars, mark));
        table.add_row(row("tokens", &of.tokens, short, ""));
        table.add_row(row("requests", &of.requests, short, ""));
        std::io::Write::write_fmt(page.out, format_args!("{table}\n"))?;
        page.span(&asked.zone, of.since_ms, of.until_ms)?;
        for line in basis(&of) {
            page.say(&line)?;
        }
        Ok(page.notes(&of.total, 0, of.lost_records)?)
    }
}

/// What it goes by, and how things have been going.
fn basis(of: &Forecast) -> Vec<String> {
    let cost = &of.cost;
    let days = grouped(cost.days.into());
    let mut lines = vec![match (cost.basis, cost.low) {
        (Basis::Nothing, _) => "There is no whole day to go by yet: ask again tomorrow.".to_owned(),
        (Basis::Days, None) => {
            format!("This goes by {days} whole day(s) alone: too little for a range, and little for a figure.")
        }
        (Basis::Days, Some(_)) => {
            format!("This goes by the mean of {days} whole days: too few to tell weekdays apart.")
        }
        (Basis::Weekdays, _) => format!("This goes by the same weekdays of the last {days} days."),
    }];
    if !cost.weekdays.is_empty() && cost.weekdays.iter().flatten().any(|amount| *amount > 0) {
        let told = WEEKDAYS.iter().zip(&cost.weekdays);
        let told = told.filter_map(|(day, amount)| Some(format!("{day} {}", dollars((*amount)?))));
        lines.push(format!("A usual {}.", told.collect::<Vec<_>>().join(", ")));
    }
    if let (Some(recent), Some(before)) = (cost.recent, cost.before) {
        let (recent_told, before_told) = (dollars(recent), dollars(before));
        let change = u128::from(recent.abs_diff(before)) * 1_000;
        let change = change.checked_div(u128::from(before)).and_then(|share| u64::try_from(share).ok());
        let change = match change {
            Some(share) if share > 0 => {
                format!(", {} {}", percent(share), if recent > before { "more" } else { "less" })
            }
            _ => String::new(),
        };
        lines.push(format!("The last seven days came to {recent_told} after {before_told}{change}."));
    }
    if let Some(last) = of.last_month_nanos {
        lines.push(format!("The month before came to {}.", dollars(last)));
    }
    lines
}
