//! `torod usage requests` and `torod usage request`: the requests behind the figures, one by one.

use std::io::Write;

use comfy_table::Cell;
use tokenrouter_shared::attempt::{UsageAttempt, UsageRequest};
use tokenrouter_shared::money::dollars;

use super::figures::{export, write_to};
use super::told::{right, short, signed_dollars, time_us};
use super::which::Which;
use super::{Asking, Page};
use crate::access::bounds::grouped;
use crate::calendar::Zone;
use crate::commands::table::table;
use crate::reports::asked::Asked;
use crate::reports::export::{Export, Form};
use crate::reports::requests;
use crate::reports::span::minute;
use crate::telemetry::plain::plain;

/// List the requests behind the figures, the newest first, or export every attempt.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  torod usage requests\n  torod usage requests week --token alice --status 429\n  torod usage requests 7d --session 0b5c2f6e --attempts\n  torod usage requests last-month --export csv november.csv\n  torod usage requests today --export json | jq .cost_nanos"
)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// At most so many requests.
    #[arg(long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    top: u32,
    /// Show each attempt of a request on a line of its own.
    #[arg(long)]
    attempts: bool,
    /// Write every attempt as csv, or as a line of json, into a file where one is named; name the span before it.
    #[arg(long, num_args = 1..=2, value_names = ["csv|json", "FILE"], conflicts_with = "json")]
    export: Option<Vec<String>>,
    /// Print JSON with exact numbers.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(&self, page: &mut Page<'_>) -> anyhow::Result<()> {
        let asked = self.which.asked("24h", page.asking.now_ms)?;
        if let Some((is_csv, file)) = export(self.export.as_deref(), page.asking.now_ms)? {
            let form = if is_csv { Form::Csv } else { Form::Json };
            return write_to(file.as_deref(), page.out, |out| every(page.asking, &asked, form, out));
        }
        let (found, has_more) = self.found(page.asking, &asked)?;
        if self.json {
            return page.json(&found);
        }
        if found.is_empty() {
            page.say(&format!("no request: {}", plain(&self.which.words("24h"))))?;
            return Ok(());
        }
        let mut table = table(page.is_terminal);
        table.set_header([
            Cell::new("when"),
            Cell::new("request"),
            Cell::new("token"),
            Cell::new("provider"),
            Cell::new("model"),
            Cell::new("ended"),
            right("tries"),
            right("took"),
            right("in"),
            right("out"),
            right("cost"),
        ]);
        table.keep_whole(&[0, 1]);
        table.spare(&[6, 2, 3, 8, 9, 7]);
        for request in &found {
            let tries = grouped(request.attempts.len() as u64);
            if self.attempts {
                for (at, attempt) in request.attempts.iter().enumerate() {
                    let tries = format!("{}/{tries}", at + 1);
                    table.add_row(line(&asked.zone, std::slice::from_ref(attempt), &tries, attempt.total_us));
                }
            } else {
                table.add_row(line(&asked.zone, &request.attempts, &tries, request.total_us));
            }
        }
        writeln!(page.out, "{table}")?;
        if page.is_terminal {
            page.span(&asked.zone, asked.span.since_ms, asked.span.until_ms)?;
        }
        if has_more {
            page.say("There are more: --top shows them; `torod usage request` with an id shows all of one.")?;
        }
        Ok(())
    }

    /// So many as are asked for, page by page, and whether there are more.
    fn found(&self, asking: Asking<'_>, asked: &Asked) -> anyhow::Result<(Vec<UsageRequest>, bool)> {
        let top = usize::try_from(self.top).unwrap_or(usize::MAX);
        let (mut found, mut cursor): (Vec<UsageRequest>, Option<String>) = (Vec::new(), None);
        loop {
            let limit = top.saturating_sub(found.len()).min(requests::MOST);
            let part = asking
                .ask(asked, |connection, scope| requests::page(connection, asked, scope, cursor.as_deref(), limit))?;
            found.extend(part.requests);
            cursor = part.next;
            if cursor.is_none() || found.len() >= top {
                return Ok((found, cursor.is_some()));
            }
        }
    }
}

/// Some attempts of one request on a line.
fn line(zone: &Zone, attempts: &[UsageAttempt], tries: &str, took_us: u64) -> Vec<Cell> {
    let sum = |of: fn(&UsageAttempt) -> u64| attempts.iter().map(of).fold(0, u64::saturating_add);
    let Some(last) = attempts.last() else { return Vec::new() };
    let first = attempts.first().unwrap_or(last);
    let mark = if attempts.iter().any(|one| one.unpriced) { "≤ " } else { "" };
    vec![
        Cell::new(minute(zone, first.started_ms)),
        Cell::new(&last.request),
        Cell::new(plain(last.token_name.as_deref().unwrap_or("(no key)"))),
        Cell::new(plain(&last.provider)),
        Cell::new(plain(&last.model)),
        Cell::new(ended(last)),
        right(tries),
        right(time_us(took_us)),
        right(short(sum(|one| one.counts.input()))),
        right(short(sum(|one| one.counts.output))),
        right(format!("{mark}{}", dollars(sum(|one| one.cost_nanos)))),
    ]
}

/// How an attempt ended, with the status where that tells more.
fn ended(attempt: &UsageAttempt) -> String {
    let word = attempt.error_class.as_deref().unwrap_or(&attempt.outcome).replace('_', " ");
    if attempt.outcome == "ok" || attempt.status == 0 { word } else { format!("{word} {}", attempt.status) }
}

/// Every attempt of the span.
fn every(asking: Asking<'_>, asked: &Asked, form: Form, out: &mut dyn Write) -> anyhow::Result<()> {
    let (since_ms, until_ms) = (asked.span.since_ms, asked.span.until_ms);
    let mut export = asking.ask(asked, |_, scope| Ok(Export::new(scope, since_ms, until_ms, form)))?;
    while let Some(piece) = asking.with(|connection| export.next(connection))? {
        out.write_all(&piece)?;
    }
    Ok(())
}

/// Show all that is known of a request.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  torod usage request req_0000000000000000\n  torod usage request req_0000000000000000 --json\n\nThe id of a request is in `x-request-id` of its answer. A client's own id is understood too."
)]
pub(super) struct One {
    /// Its id, or the client's own id of it.
    #[arg(value_name = "ID")]
    id: String,
    /// By whose clocks times are told, such as Europe/Berlin [default: this machine's].
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl One {
    pub(super) fn run(&self, page: &mut Page<'_>) -> anyhow::Result<()> {
        let zone = super::which::zone(self.zone.as_deref())?;
        let request = page.asking.with(|connection| requests::show(connection, &self.id, None, true))?;
        if self.json {
            return page.json(&request);
        }
        let tries = request.attempts.len();
        writeln!(page.out, "{}  {}", request.id, minute(&zone, request.started_ms))?;
        writeln!(
            page.out,
            "  {} after {}, {}, {}",
            request.outcome.replace('_', " "),
            time_us(request.total_us),
            crate::commands::counted(tries, "attempt"),
            dollars(request.cost_nanos)
        )?;
        for (at, attempt) in request.attempts.iter().enumerate() {
            writeln!(page.out, "\nattempt {} of {tries}", at + 1)?;
            for (name, value) in facts(attempt) {
                if !value.is_empty() {
                    page.tell(&format!("  {name:<12} {}", plain(&value)), 15)?;
                }
            }
        }
        Ok(())
    }
}

/// What is known of an attempt, in the order in which people ask.
fn facts(one: &UsageAttempt) -> Vec<(&'static str, String)> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let counts = &one.counts;
    let named = |name: &Option<String>, id: &Option<String>| match (name, id) {
        (Some(name), Some(id)) => format!("{name} ({id})"),
        (name, id) => text(if name.is_some() { name } else { id }),
    };
    let model = match &one.model_asked {
        Some(asked) => format!("{}/{}, asked for as {asked}", one.provider, one.model),
        None => format!("{}/{}", one.provider, one.model),
    };
    let written = counts.cache_write_5m.saturating_add(counts.cache_write_1h);
    let price = match (&one.price, &one.price_version) {
        (Some(price), Some(version)) => format!("{price} ({version})"),
        _ if one.unpriced => "not known: counted by `[prices] unknown`".to_owned(),
        (price, _) => text(price),
    };
    let labels: Vec<String> = one.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let protocols = if one.client_protocol == one.upstream_protocol {
        one.client_protocol.clone()
    } else {
        format!("{} to {}", one.client_protocol, one.upstream_protocol)
    };
    let reported = if one.estimated { "our estimate" } else { "as reported" };
    vec![
        ("model", model),
        ("ended", ended(one)),
        ("status", if one.status == 0 { String::new() } else { one.status.to_string() }),
        (
            "took",
            match one.first_byte_us {
                Some(first) => format!("{}, {} until the first byte", time_us(one.total_us), time_us(first)),
                None => time_us(one.total_us),
            },
        ),
        ("speed", speeds(one)),
        (
            "input",
            format!(
                "{} uncached, {} read from cache, {} written to it",
                grouped(counts.input_uncached),
                grouped(counts.cache_read),
                grouped(written)
            ),
        ),
        ("output", format!("{}, of it {} reasoning ({reported})", grouped(counts.output), grouped(counts.reasoning))),
        ("cost", dollars(one.cost_nanos)),
        ("price", price),
        ("saved", if one.savings_nanos == 0 { String::new() } else { signed_dollars(one.savings_nanos) }),
        ("surface", format!("{}, {protocols}{}", one.surface, if one.stream { ", streamed" } else { "" })),
        (
            "degraded",
            if one.degraded == 0 {
                String::new()
            } else {
                let told = format!("{} field(s) the provider was not told", one.degraded);
                if one.degraded_fields.is_empty() {
                    told
                } else {
                    format!("{told}: {}", one.degraded_fields.join(", "))
                }
            },
        ),
        ("token", named(&one.token_name, &one.token)),
        ("run", text(&one.run)),
        ("session", text(&one.session)),
        ("agent", text(&one.agent)),
        ("labels", labels.join(", ")),
        ("address", text(&one.address)),
        ("user agent", text(&one.user_agent)),
        ("credential", text(&one.credential)),
        ("client's id", text(&one.client_request_id)),
    ]
}

/// What is known of how fast it was.
fn speeds(one: &UsageAttempt) -> String {
    let told = one.speeds_milli().into_iter().zip(["read", "written"]);
    let told = told.filter_map(|(milli, how)| Some(format!("{} tokens/s {how}", grouped(milli? / 1_000))));
    told.collect::<Vec<_>>().join(", ")
}
