//! Usage as a table with bars, and as comma-separated values.

use tokenrouter_shared::usage_of::{UsageGroup, UsageLine, UsageOf, UsageTotals};

use super::plot::bar;
use crate::commands::Context;
use crate::exit::Failure;
use crate::printer::time::Zone;
use crate::printer::{counted, figures, grouped, plain};

/// Bars are at most so wide, and not told at all where there is less room than that, in characters.
const BAR: std::ops::RangeInclusive<usize> = 6..=40;
/// From this width on there is room for more columns.
const FOR_MORE: usize = 100;

/// Prints it.
pub(super) fn print(context: &Context, of: &UsageOf, zone: &Zone) -> Result<(), Failure> {
    let printer = &context.printer;
    let span = format!("{} – {} ({})", zone.minute(of.since_ms), zone.minute(of.until_ms), plain(&of.time_zone));
    if of.total.attempts == 0 && of.total.requests == 0 {
        printer.say(&format!("nothing was used: {span}"));
        return Ok(());
    }
    let width = printer.width();
    let is_wide = width.is_none_or(|width| width >= FOR_MORE);
    let mut titles = vec![(of.by.as_str(), false)];
    titles.extend((of.by == UsageGroup::Run && is_wide).then_some(("id", false)));
    titles.extend([("requests", true), ("in", true), ("cached", true), ("out", true)]);
    titles.extend(is_wide.then_some(("failed", true)));
    titles.push(("cost", true));
    let row = |name: String, id: &str, totals: &UsageTotals| {
        let mut row = vec![name];
        row.extend((of.by == UsageGroup::Run && is_wide).then(|| id.to_owned()));
        row.extend([
            grouped(totals.requests),
            figures::short(totals.counts.input()),
            figures::cached(&totals.counts),
            figures::short(totals.counts.output),
        ]);
        row.extend(is_wide.then(|| if totals.failures == 0 { String::new() } else { totals.failures.to_string() }));
        row.push(figures::cost(totals));
        row
    };
    let mut table = printer.table().columns(titles.iter().copied());
    let rows: Vec<Vec<String>> = of.rows.iter().map(|line| row(name(line, of.by), &line.key, &line.totals)).collect();
    let total = row("total".to_owned(), "", &of.total);
    for row in rows.iter().chain([&total]) {
        table.row(row);
    }
    // Without any price, tokens are what can be compared.
    let is_priced = of.rows.iter().any(|line| line.totals.cost_nanos > 0);
    let value = |totals: &UsageTotals| if is_priced { totals.cost_nanos } else { totals.counts.total() };
    let most = of.rows.iter().map(|line| value(&line.totals)).max().unwrap_or(0);
    let room = width.map_or(0, |width| width.saturating_sub(table.natural_width() + 2)).min(*BAR.end());
    if BAR.contains(&room) && of.rows.len() > 1 {
        let titles = titles.iter().copied().chain([(if is_priced { "" } else { "tokens" }, false)]);
        table = printer.table().columns(titles);
        for (cells, line) in rows.iter().zip(&of.rows) {
            table.row(cells.iter().cloned().chain([bar(value(&line.totals), most, room)]));
        }
        table.row(&total);
    }
    printer.line(&table.to_string())?;
    if printer.is_terminal() {
        printer.say(&span);
    }
    if of.omitted > 0 {
        printer.say(&format!("{} left out; the total counts them (--limit shows more)", counted(of.omitted, "line")));
    }
    let estimated = of.total.estimated_per_mille();
    if estimated > 0 {
        printer.say(&format!("{}.{}% of the tokens are our estimate", estimated / 10, estimated % 10));
    }
    if of.total.unpriced_attempts > 0 {
        let attempts = counted(of.total.unpriced_attempts, "attempt");
        printer.say(&format!("{attempts} had no known price; `toro models` shows which models have one"));
    }
    if of.lost_records > 0 {
        printer.say(&format!(
            "{} of all tokens was lost, because the disk did not take it",
            counted(of.lost_records, "record")
        ));
    }
    Ok(())
}

/// What a line is called; what belongs to nothing is said so.
fn name(line: &UsageLine, by: UsageGroup) -> String {
    match (line.name.as_str(), line.key.as_str()) {
        ("", "") => format!("(no {by})"),
        ("", key) => key.to_owned(),
        (name, _) => name.to_owned(),
    }
}

/// As comma-separated values (RFC 4180), exact, in dollars.
pub(super) fn csv(of: &UsageOf) -> String {
    let mut text = format!(
        "{},name,requests,attempts,failures,input_uncached,cache_read,cache_write_5m,cache_write_1h,output,reasoning,estimated,cost_usd,unpriced_attempts\r\n",
        of.by
    );
    for line in &of.rows {
        let (totals, counts) = (&line.totals, &line.totals.counts);
        let numbers = [
            totals.requests,
            totals.attempts,
            totals.failures,
            counts.input_uncached,
            counts.cache_read,
            counts.cache_write_5m,
            counts.cache_write_1h,
            counts.output,
            counts.reasoning,
            totals.estimated,
        ];
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        let cost = figures::price(Some(totals.cost_nanos));
        let (key, name) = (field(&line.key), field(&line.name));
        text += &format!("{key},{name},{},{cost},{}\r\n", numbers.join(","), totals.unpriced_attempts);
    }
    text
}

/// A field; what a spreadsheet would obey as a formula is told as text.
fn field(text: &str) -> String {
    let plain = plain(text);
    let safe = if plain.starts_with(['=', '+', '-', '@']) { format!("'{plain}") } else { plain };
    if safe.contains([',', '"', ' ']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_named_is_neither_a_formula_nor_a_column() {
        let cases =
            [("2026-11-21", "2026-11-21"), ("=1+2", "'=1+2"), ("a,\"b\"", "\"a,\"\"b\"\"\""), ("a\nb", "a\u{fffd}b")];
        for (text, expected) in cases {
            assert_eq!(field(text), expected);
        }
    }
}
