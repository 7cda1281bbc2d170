//! What exports and `/metrics` say of the same rows.

use std::path::Path;
use std::sync::Arc;

use tokenrouter_shared::attempt::UsageAttempt;
use tokenrouter_shared::figures::Totals;
use torod::clock::Clock;
use torod::config::Config;
use torod::reports::asked::Scope;
use torod::reports::export::{Export, Form};
use torod::store::schema;
use torod::telemetry::metrics::{Metrics, Text};
use torod::upstreams::snapshot::Live;
use torod::usage::{Outcome, Record};

use super::world::totals;

/// Counters that nobody has told anything yet.
pub fn counters() -> Arc<Metrics> {
    Arc::new(Metrics::new(Arc::new(Live::new(&Config::default(), Vec::new(), 0, Clock::fixed(0)))))
}

/// What both ways of telling the same have in common: attempts, requests, the six counts, and nano-dollars.
type Sums = [u64; 9];

fn sums(of: &Totals) -> Sums {
    let counts = of.counts;
    [
        of.attempts,
        of.requests,
        counts.input_uncached,
        counts.cache_read,
        counts.cache_write_5m,
        counts.cache_write_1h,
        counts.output,
        counts.reasoning,
        of.cost_nanos,
    ]
}

/// What the lines of an export come to: as JSON, or as a table by the names in its first line.
fn exported(dir: &Path, form: Form) -> Sums {
    let connection = schema::open_reader(dir).unwrap();
    let scope = Scope { root: None, filters: Vec::new(), is_admin: true };
    let mut export = Export::new(&scope, 0, i64::MAX, form);
    let mut text = Vec::new();
    while let Some(piece) = export.next(&connection).unwrap() {
        text.extend(piece);
    }
    let mut sum = Sums::default();
    let mut add = |line: Sums| sum.iter_mut().zip(line).for_each(|(sum, of)| *sum += of);
    let text = String::from_utf8(text).unwrap();
    if form == Form::Json {
        for line in text.lines() {
            let view: UsageAttempt = serde_json::from_str(line).unwrap();
            let (cost_nanos, requests) = (view.cost_nanos, view.counted.into());
            add(sums(&Totals { attempts: 1, requests, counts: view.counts, cost_nanos, ..Totals::default() }));
        }
        return sum;
    }
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    // Labels alone hold commas, and stand before all that is read here.
    let from_behind = |name: &str| names.len() - names.iter().position(|known| *known == name).unwrap();
    let read = [
        "counted",
        "input_uncached",
        "cache_read",
        "cache_write_5m",
        "cache_write_1h",
        "output",
        "reasoning",
        "cost_nanos",
    ]
    .map(from_behind);
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |at: usize| match fields[fields.len() - at] {
            "true" => 1,
            "false" => 0,
            number => number.parse().unwrap(),
        };
        let [counted, input, read, five, hour, output, reasoning, cost] = read.map(number);
        add([1, counted, input, read, five, hour, output, reasoning, cost]);
    }
    sum
}

/// The sum of all samples of a family that have the label, in billionths.
fn counted(page: &str, family: &str, label: &str) -> u64 {
    let mut sum = 0;
    for line in page.lines().filter(|line| line.starts_with(family) && line.contains(label)) {
        let number = line.rsplit(' ').next().unwrap();
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        sum += whole.parse::<u64>().unwrap() * 1_000_000_000 + format!("{part:0<9}").parse::<u64>().unwrap();
    }
    sum
}

/// Compares exports and the page of metrics with the plain way.
pub fn check(dir: &Path, metrics: &Metrics, records: &[Record]) {
    let expected = sums(&totals(records.iter()));
    assert_eq!(exported(dir, Form::Json), expected, "as JSON");
    assert_eq!(exported(dir, Form::Csv), expected, "as a table");

    let mut text = Text::default();
    metrics.write(&mut text);
    let page = text.finish();
    let whole = |family: &str, label: &str| counted(&page, family, label) / 1_000_000_000;
    let tokens = |kind: &str| whole("tokenrouter_tokens_total{", &format!("kind=\"{kind}\""));
    let told = [
        whole("tokenrouter_upstream_attempts_total{", ""),
        whole("tokenrouter_requests_total{", ""),
        tokens("input"),
        tokens("cache_read"),
        tokens("cache_write_5m"),
        tokens("cache_write_1h"),
        tokens("output"),
        whole("tokenrouter_reasoning_tokens_total{", ""),
        counted(&page, "tokenrouter_cost_usd_total{", ""),
    ];
    // A request that nobody was called for is no attempt at a provider.
    let called = records.iter().filter(|record| record.outcome != Outcome::Refused);
    assert_eq!(told, sums(&totals(called)), "as metrics");
}
