//! `torod usage`: the figures of a span as a table, a chart, comma-separated values or JSON.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tokenrouter_shared::figures::{Dimension, Sort, StepUnit, Totals};
use tokenrouter_shared::report::{Report, ReportRow};

use super::Page;
use super::chart::{Ink, bar, columns};
use super::told::{cost, estimated, right, signed_dollars, time_us, weighed, weight};
use super::which::{Which, grouping};
use crate::access::bounds::grouped;
use crate::commands::table::{Table, table};
use crate::commands::terminal;
use crate::reports::asked::{Asked, Grouping, SpreadOf};
use crate::reports::csv::{self, Field};
use crate::reports::figures::report;
use crate::reports::span::Span;
use crate::telemetry::plain::plain;

/// What a chart is as wide as where there is no terminal.
const WIDTH: usize = 80;
/// The widest name beside a bar.
const WIDEST_NAME: usize = 34;
/// The narrowest bar.
const NARROWEST_BAR: usize = 10;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// What the rows stand for: model, provider, token, run, session, agent, label:KEY, address, user-agent, credential,
    /// surface, protocol, status, outcome, error-class, stream; or 5min, hour, day, week, month. Two at most, and a time.
    #[arg(long, default_value = "model", value_name = "WHAT[,WHAT]")]
    by: Vec<String>,
    /// What comes first: cost, tokens, requests, attempts, failures, savings or time [default: tokens].
    #[arg(long, value_name = "WHAT")]
    sort: Option<Sort>,
    /// At most so many rows.
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=1000))]
    top: u32,
    /// Show more of each row: attempts, savings, times and speed.
    #[arg(long)]
    long: bool,
    /// Draw it: over time, and by what the rows stand for.
    #[arg(long)]
    chart: bool,
    /// Draw with ASCII alone.
    #[arg(long)]
    ascii: bool,
    /// Print comma-separated values with exact numbers.
    #[arg(long, conflicts_with_all = ["json", "export", "chart"])]
    csv: bool,
    /// Write the rows as csv or json, into a file where one is named; name the span before it.
    #[arg(long, num_args = 1..=2, value_names = ["csv|json", "FILE"], conflicts_with_all = ["json", "chart"])]
    export: Option<Vec<String>>,
    /// Print JSON with exact numbers.
    #[arg(long)]
    json: bool,
}

/// The form of an export, and its file.
pub(super) fn export(words: Option<&[String]>, now_ms: i64) -> anyhow::Result<Option<(bool, Option<PathBuf>)>> {
    let Some(words) = words else { return Ok(None) };
    let is_csv = match words.first().map(String::as_str) {
        Some("csv") => true,
        Some("json") => false,
        other => anyhow::bail!("`--export {}` is no form: write csv or json", plain(other.unwrap_or_default())),
    };
    let file = words.get(1);
    if let Some(name) = file
        && Span::named(name, &crate::calendar::Zone::here(), now_ms).is_some()
    {
        anyhow::bail!("`{name}` is a span: name it before --export; or write ./{name} if a file is meant");
    }
    Ok(Some((is_csv, file.map(PathBuf::from))))
}

/// Writes an export into a file, or where else there is none.
pub(super) fn write_to(
    file: Option<&Path>,
    out: &mut dyn Write,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Some(path) = file else { return write(out) };
    let told = |e: std::io::Error| anyhow::anyhow!("{}: {e}", path.display());
    let mut out = BufWriter::new(File::create(path).map_err(told)?);
    write(&mut out)?;
    out.flush().map_err(told)
}

impl Args {
    pub(super) fn run(&self, page: &mut Page<'_>) -> anyhow::Result<()> {
        let asked = self.which.asked("today", page.asking.now_ms)?;
        let grouping = grouping(&self.by)?;
        let sort = self.sort.unwrap_or(Sort::Tokens);
        let top = usize::try_from(self.top).unwrap_or(usize::MAX);
        let of =
            page.asking.ask(&asked, |connection, scope| report(connection, &asked, scope, &grouping, sort, top))?;
        let form = export(self.export.as_deref(), page.asking.now_ms)?;
        if let Some((is_csv, file)) = form.or(self.csv.then_some((true, None))) {
            return write_to(file.as_deref(), page.out, |out| {
                if is_csv {
                    return Ok(write_csv(out, &of)?);
                }
                serde_json::to_writer(&mut *out, &of)?;
                Ok(writeln!(out)?)
            });
        }
        if self.json {
            return page.json(&of);
        }
        if of.total.attempts == 0 {
            page.say(&format!("nothing was used: {}", plain(&self.which.words("today"))))?;
            return Ok(page.notes(&of.total, 0, of.lost_records)?);
        }
        if self.chart {
            self.draw(page, &asked, &of)?;
        } else {
            writeln!(page.out, "{}", self.table(page.is_terminal, &of))?;
        }
        if page.is_terminal {
            page.span(&asked.zone, of.since_ms, of.until_ms)?;
        }
        Ok(page.notes(&of.total, of.omitted, of.lost_records)?)
    }

    fn table(&self, is_terminal: bool, of: &Report) -> Table {
        let mut table = table(is_terminal);
        let mut keys: Vec<String> = of.by.iter().map(|one| one.to_string().replace('_', " ")).collect();
        keys.extend(of.step.map(told_step));
        if keys.is_empty() {
            keys.push("all".to_owned());
        }
        let mut header: Vec<comfy_table::Cell> = keys.iter().map(comfy_table::Cell::new).collect();
        let columns = Column::all(self.long);
        header.extend(columns.iter().map(|column| right(column.name)));
        table.set_header(header);
        for row in &of.rows {
            let mut cells: Vec<comfy_table::Cell> =
                row.names.iter().map(|name| comfy_table::Cell::new(plain(name))).collect();
            cells.extend(row.at.iter().map(comfy_table::Cell::new));
            if cells.is_empty() {
                cells.push(comfy_table::Cell::new("all"));
            }
            cells.extend(columns.iter().map(|column| right((column.told)(&row.totals))));
            table.add_row(cells);
        }
        if of.rows.len() > 1 || of.omitted > 0 {
            let mut cells = vec![comfy_table::Cell::new("all")];
            cells.extend(keys.iter().skip(1).map(|_| comfy_table::Cell::new("")));
            cells.extend(columns.iter().map(|column| right((column.told)(&of.total))));
            table.add_row(cells);
        }
        // Where not all columns fit, those in which there is nothing are left out, and then the least missed ones.
        let numbered = || columns.iter().enumerate().map(|(at, column)| (keys.len() + at, column));
        let mut spare: Vec<(u8, usize)> = numbered()
            .filter_map(|(at, column)| {
                let is_idle = column.of.is_some_and(|of_totals| of_totals(&of.total) == 0);
                Some((column.spare? + if is_idle { 0 } else { 100 }, at))
            })
            .collect();
        spare.sort_unstable();
        table.spare(&spare.into_iter().map(|(_, at)| at).collect::<Vec<_>>());
        table
    }

    /// Over time, and by what rows stand for.
    fn draw(&self, page: &mut Page<'_>, asked: &Asked, of: &Report) -> anyhow::Result<()> {
        let ink = Ink::of(self.ascii, super::super::system_env);
        let width = terminal::width().filter(|_| page.is_terminal).unwrap_or(WIDTH);
        // Without any price, tokens are what can be compared.
        let sort = match self.sort {
            None if of.total.cost_nanos > 0 => Sort::Cost,
            sort => sort.unwrap_or(Sort::Tokens),
        };
        let unit = of.step.unwrap_or_else(|| fitting(of.until_ms.saturating_sub(of.since_ms)));
        let over_time = Grouping { step: Some(unit), spread: SpreadOf::None, ..Grouping::default() };
        let in_time = page.asking.ask(asked, |connection, scope| {
            report(connection, asked, scope, &over_time, sort, crate::reports::MOST_ROWS)
        })?;
        let points: Vec<(String, u64)> =
            in_time.rows.iter().map(|row| (short_label(row, unit), weight(sort, &row.totals))).collect();
        let mark = if sort == Sort::Cost && of.total.unpriced_attempts > 0 { "≤ " } else { "" };
        let total = weighed(sort, weight(sort, &of.total));
        page.is_ascii = ink == Ink::Plain;
        page.say(&format!("{sort} by {}: {mark}{total} in all", told_step(unit)))?;
        writeln!(page.out)?;
        for line in columns(&points, width, ink, |value| weighed(sort, value)) {
            writeln!(page.out, "{line}")?;
        }
        if of.by.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = of.by.iter().map(ToString::to_string).collect();
        writeln!(page.out, "\n{sort} by {}\n", names.join(" and "))?;
        for line in bars(of, sort, width, ink) {
            writeln!(page.out, "{line}")?;
        }
        Ok(())
    }
}

/// A bar for each group, the greatest first.
fn bars(of: &Report, sort: Sort, width: usize, ink: Ink) -> Vec<String> {
    let mut groups: Vec<(String, u64)> = Vec::new();
    for row in &of.rows {
        let name = plain(&row.names.join(" / ")).into_owned();
        match groups.last_mut().filter(|(known, _)| of.step.is_some() && *known == name) {
            Some((_, sum)) => *sum = sum.saturating_add(weight(sort, &row.totals)),
            None => groups.push((name, weight(sort, &row.totals))),
        }
    }
    groups.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let most = groups.first().map_or(0, |(_, value)| *value);
    let longest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let name_width = longest(&mut groups.iter().map(|(name, _)| name.chars().count())).min(WIDEST_NAME);
    let value_width = longest(&mut groups.iter().map(|(_, value)| weighed(sort, *value).chars().count()));
    let room = width.saturating_sub(name_width + value_width + 4).max(NARROWEST_BAR);
    let mut lines = Vec::with_capacity(groups.len());
    for (name, value) in groups {
        let short = if name.chars().count() > name_width {
            let end = if ink == Ink::Plain { "~" } else { "…" };
            name.chars().take(name_width.saturating_sub(1)).chain(end.chars()).collect()
        } else {
            name
        };
        let told = weighed(sort, value);
        lines.push(
            format!("{short:<name_width$}  {told:>value_width$}  {}", bar(value, most, room, ink))
                .trim_end()
                .to_owned(),
        );
    }
    lines
}

/// Stretches of which a span has a few dozen.
const fn fitting(length_ms: i64) -> StepUnit {
    const HOUR_MS: i64 = 3_600_000;
    match length_ms / HOUR_MS {
        ..3 => StepUnit::FiveMinutes,
        3..=49 => StepUnit::Hour,
        50..=1_700 => StepUnit::Day,
        1_701..=9_000 => StepUnit::Week,
        _ => StepUnit::Month,
    }
}

fn told_step(unit: StepUnit) -> String {
    unit.to_string().replace('_', " ")
}

/// What stands below a column: the day is known where there are hours.
fn short_label(row: &ReportRow, unit: StepUnit) -> String {
    let label = row.at.clone().unwrap_or_default();
    let skipped = match unit {
        StepUnit::FiveMinutes | StepUnit::Hour => "2026-11-21 ".len(),
        StepUnit::Day | StepUnit::Week => "2026-".len(),
        StepUnit::Month => 0,
    };
    label.get(skipped..).map(str::to_owned).unwrap_or(label)
}

/// A column of the table.
struct Column {
    name: &'static str,
    told: fn(&Totals) -> String,
    /// How much there is, where nothing is no news.
    of: Option<fn(&Totals) -> u64>,
    /// When it is left out where not all fit: the smallest first.
    spare: Option<u8>,
}

impl Column {
    fn all(is_long: bool) -> Vec<Self> {
        let column = |name, told, of, spare| Self { name, told, of, spare };
        let written = |t: &Totals| t.counts.cache_write_5m.saturating_add(t.counts.cache_write_1h);
        let mut all = vec![
            column("requests", |t| grouped(t.exchanges), None, None),
            column("failed", |t| grouped(t.failures), Some(|t| t.failures), Some(4)),
            column("input", |t| grouped(t.counts.input_uncached), None, None),
            column("cache read", |t| grouped(t.counts.cache_read), Some(|t| t.counts.cache_read), Some(2)),
            column(
                "cache write",
                |t| grouped(t.counts.cache_write_5m.saturating_add(t.counts.cache_write_1h)),
                Some(written),
                Some(1),
            ),
            column("output", |t| grouped(t.counts.output), None, None),
            column("reasoning", |t| grouped(t.counts.reasoning), Some(|t| t.counts.reasoning), Some(0)),
            column("estimated", estimated, Some(|t| t.estimated), Some(3)),
        ];
        if is_long {
            all.extend([
                column("attempts", |t| grouped(t.attempts), None, Some(5)),
                column("saved", |t| signed_dollars(t.savings_nanos), Some(|t| t.savings_nanos.unsigned_abs()), Some(6)),
                column("first byte", |t| t.mean_first_byte_us().map(time_us).unwrap_or_default(), None, Some(9)),
                column("took", |t| t.mean_us().map(time_us).unwrap_or_default(), None, Some(10)),
                column("read/s", |t| speed(t.prompted_per_second_milli()), None, Some(7)),
                column("written/s", |t| speed(t.generated_per_second_milli()), None, Some(8)),
            ]);
        }
        all.push(column("cost", cost, None, None));
        all
    }
}

/// LLM tokens a second, of thousandths.
fn speed(milli: Option<u64>) -> String {
    milli.map(|n| grouped(n / 1_000)).unwrap_or_default()
}

/// The rows as comma-separated values, exactly.
pub(super) fn write_csv(out: &mut dyn Write, of: &Report) -> std::io::Result<()> {
    let mut names: Vec<String> = Vec::new();
    for dimension in &of.by {
        names.push(dimension.to_string());
        names.extend(has_name(dimension).then(|| format!("{dimension}_name")));
    }
    names.extend(of.step.iter().flat_map(|unit| [unit.to_string(), "at_ms".to_owned()]));
    names.extend(SUMS.iter().map(|(name, _)| (*name).to_owned()));
    csv::header(out, &names.iter().map(String::as_str).collect::<Vec<_>>())?;
    for row in &of.rows {
        let mut fields = Vec::new();
        for ((dimension, key), name) in of.by.iter().zip(&row.key).zip(&row.names) {
            fields.push(Field::from(key.as_deref()));
            fields.extend(has_name(dimension).then_some(Field::Text(name)));
        }
        if of.step.is_some() {
            fields.extend([Field::from(row.at.as_deref()), row.at_ms.map_or(Field::None, Field::Signed)]);
        }
        fields.extend(SUMS.iter().map(|(_, of)| of(&row.totals)));
        csv::line(out, &fields)?;
    }
    Ok(())
}

const fn has_name(dimension: &Dimension) -> bool {
    matches!(dimension, Dimension::Token | Dimension::Subtree | Dimension::Run)
}

type SumField = fn(&Totals) -> Field<'static>;

const SUMS: [(&str, SumField); 22] = [
    ("requests", |t| Field::Number(t.exchanges)),
    ("counted_requests", |t| Field::Number(t.requests)),
    ("attempts", |t| Field::Number(t.attempts)),
    ("failures", |t| Field::Number(t.failures)),
    ("degraded", |t| Field::Number(t.degraded)),
    ("input_uncached", |t| Field::Number(t.counts.input_uncached)),
    ("cache_read", |t| Field::Number(t.counts.cache_read)),
    ("cache_write_5m", |t| Field::Number(t.counts.cache_write_5m)),
    ("cache_write_1h", |t| Field::Number(t.counts.cache_write_1h)),
    ("output", |t| Field::Number(t.counts.output)),
    ("reasoning", |t| Field::Number(t.counts.reasoning)),
    ("estimated", |t| Field::Number(t.estimated)),
    ("cost_nanos", |t| Field::Number(t.cost_nanos)),
    ("cost_usd", |t| Field::Dollars(i64::try_from(t.cost_nanos).unwrap_or(i64::MAX))),
    ("unpriced_nanos", |t| Field::Number(t.unpriced_nanos)),
    ("unpriced_attempts", |t| Field::Number(t.unpriced_attempts)),
    ("savings_nanos", |t| Field::Signed(t.savings_nanos)),
    ("total_us", |t| Field::Number(t.total_us)),
    ("first_byte_us", |t| Field::Number(t.first_byte_us)),
    ("first_bytes", |t| Field::Number(t.first_bytes)),
    ("generated", |t| Field::Number(t.generated)),
    ("generation_us", |t| Field::Number(t.generation_us)),
];
