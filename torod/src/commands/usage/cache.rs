//! `torod usage cache`: what prompt caches saved, and what was written to them for nothing.

use comfy_table::Cell;
use tokenrouter_shared::figures::Totals;
use tokenrouter_shared::money::dollars;
use tokenrouter_shared::report::CacheReport;

use super::Page;
use super::told::{percent, right, short, signed_dollars};
use super::which::{Which, grouping};
use crate::access::bounds::grouped;
use crate::commands::table::table;
use crate::reports::cache::report;
use crate::telemetry::plain::plain;

/// Show what prompt caches saved, and what was written to them for nothing.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  torod usage cache\n  torod usage cache month --by provider\n  torod usage cache 24h --by session --token alice\n  torod usage cache --json"
)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// What the rows stand for: any one or two that `torod usage --by` knows, but no time.
    #[arg(long, default_value = "model", value_name = "WHAT[,WHAT]")]
    by: Vec<String>,
    /// At most so many rows, those with the most tokens first.
    #[arg(long, value_name = "N", default_value = "30", value_parser = clap::value_parser!(u32).range(1..=1000))]
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
            anyhow::bail!("`--by` of the cache's report is a thing and no time: model, provider, session, …");
        }
        let top = usize::try_from(self.top).unwrap_or(usize::MAX);
        let of = page.asking.ask(&asked, |connection, scope| report(connection, &asked, scope, &grouping.by, top))?;
        if self.json {
            return page.json(&of);
        }
        if of.total.attempts == 0 {
            page.say(&format!("nothing was used: {}", plain(&self.which.words("7d"))))?;
            return Ok(page.notes(&of.total, 0, of.lost_records)?);
        }
        let mut table = table(page.is_terminal);
        let names = of.by.iter().map(|one| Cell::new(one.to_string().replace('_', " ")));
        table.set_header(names.chain(["hits", "input", "read", "written 5m", "written 1h", "saved"].map(right)));
        for row in &of.rows {
            let names = row.names.iter().map(|name| Cell::new(plain(name)));
            table.add_row(names.chain(figures(row.hits_per_mille, &row.totals).map(right)));
        }
        if of.rows.len() > 1 || of.omitted > 0 {
            let names = (0..of.by.len()).map(|at| Cell::new(if at == 0 { "all" } else { "" }));
            table.add_row(names.chain(figures(of.hits_per_mille, &of.total).map(right)));
        }
        std::io::Write::write_fmt(page.out, format_args!("{table}\n"))?;
        if page.is_terminal {
            page.span(&asked.zone, of.since_ms, of.until_ms)?;
        }
        for line in told(&of) {
            page.say(&line)?;
        }
        Ok(page.notes(&of.total, of.omitted, of.lost_records)?)
    }
}

fn figures(hits: Option<u64>, totals: &Totals) -> [String; 6] {
    let counts = &totals.counts;
    [
        hits.map(percent).unwrap_or_default(),
        short(counts.input()),
        short(counts.cache_read),
        short(counts.cache_write_5m),
        short(counts.cache_write_1h),
        signed_dollars(totals.savings_nanos),
    ]
}

/// What it comes to in a sentence or two.
fn told(of: &CacheReport) -> Vec<String> {
    let saved = of.total.savings_nanos;
    let mut lines = vec![match saved {
        0 => "Prompt caches saved nothing and cost nothing.".to_owned(),
        1.. => format!(
            "Prompt caches saved {}: so much more it would have cost without them.",
            dollars(saved.unsigned_abs())
        ),
        _ => format!(
            "Prompt caches cost {} more than they saved: more was written than read.",
            dollars(saved.unsigned_abs())
        ),
    }];
    let unread = &of.unread;
    if unread.sessions > 0 {
        let least = if unread.is_least { "at least " } else { "" };
        let lost = if unread.lost_nanos > 0 { format!(", for {}", dollars(unread.lost_nanos)) } else { String::new() };
        let names: Vec<String> =
            unread.rows.iter().flat_map(|row| &row.names).map(|name| plain(name).into_owned()).collect();
        lines.push(format!(
            "Written and never read: {least}{} tokens in {} conversation(s){lost}; most in {}.",
            short(unread.tokens),
            grouped(unread.sessions),
            names.join(", ")
        ));
    }
    lines
}
