//! What a provider says that it was used for: its export of usage or of costs, as CSV or JSON, by the names that OpenAI,
//! Anthropic, OpenRouter and Google give their columns, or by others that are named.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Map, Value};

use crate::config::shorten;

use super::{ImportError, Left, damaged};

pub use self::cells::model;
use self::cells::{DOLLAR_NANOS, count, day, nanos};

mod cells;

/// The largest file that is read.
const MOST_BYTES: u64 = 64 << 20;
/// Lines of days and models that are told apart.
const MOST_LINES: usize = 200_000;
/// Columns of a table, and fields of an object with those around it.
const MOST_COLUMNS: usize = 500;
/// Columns that are named where one is missing.
const MOST_NAMED: usize = 40;
/// Lists within lists of a JSON file.
const DEEPEST: usize = 6;

/// What a column stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meaning {
    /// The day, or a time on it.
    Day,
    /// The model.
    Model,
    /// US dollars.
    Cost,
    /// What else than US dollars the cost is in.
    Currency,
    /// Calls.
    Calls,
    /// Tokens in, those from a cache included.
    Input,
    /// Tokens in that no cache had to do with.
    InputUncached,
    /// Tokens from a cache.
    CacheRead,
    /// Tokens written to a cache.
    CacheWrite,
    /// Tokens out.
    Output,
}

impl Meaning {
    /// What the word of a column stands for.
    ///
    /// # Errors
    ///
    /// Which words there are.
    pub fn named(word: &str) -> Result<Self, String> {
        let found = Self::WORDS.iter().find(|(known, _)| *known == word.trim());
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let known = Self::WORDS.map(|(word, _)| word).join(", ");
            format!("`{}` is nothing that a column can be; known: {known}", shorten(word))
        })
    }

    /// What may be named with `--columns`.
    pub const WORDS: [(&'static str, Self); 10] = [
        ("day", Self::Day),
        ("model", Self::Model),
        ("cost", Self::Cost),
        ("currency", Self::Currency),
        ("calls", Self::Calls),
        ("input", Self::Input),
        ("input_uncached", Self::InputUncached),
        ("cache_read", Self::CacheRead),
        ("cache_write", Self::CacheWrite),
        ("output", Self::Output),
    ];
}

/// What vendors call their columns, in small letters and with `_` for whatever is no letter or digit; the first that is there
/// is taken.
const NAMES: [(Meaning, &[&str]); 10] = [
    (
        Meaning::Day,
        &[
            "usage_date_utc",
            "start_time_iso",
            "usage_start_time",
            "usage_start_date",
            "start_time",
            "created_at",
            "starting_at",
            "date",
            "day",
            "timestamp",
            "time",
        ],
    ),
    (
        Meaning::Model,
        &["model_version", "model_permaslug", "model", "line_item", "sku_description", "snapshot_id", "description"],
    ),
    (
        Meaning::Cost,
        &["cost_usd", "amount_value", "cost_total", "total_cost", "cost_in_usd", "cost", "usage", "amount", "usd"],
    ),
    (Meaning::Currency, &["amount_currency", "currency", "cost_currency"]),
    (Meaning::Calls, &["num_model_requests", "num_requests", "requests", "calls", "request_count"]),
    (
        Meaning::InputUncached,
        &["usage_input_tokens_no_cache", "input_tokens_no_cache", "uncached_input_tokens", "input_uncached"],
    ),
    (Meaning::Input, &["input_tokens", "tokens_prompt", "prompt_tokens", "n_context_tokens_total", "input"]),
    (
        Meaning::CacheRead,
        &[
            "usage_input_tokens_cache_read",
            "input_cached_tokens",
            "cache_read_input_tokens",
            "tokens_cached",
            "cached_tokens",
            "cache_read",
        ],
    ),
    (
        Meaning::CacheWrite,
        &[
            "usage_input_tokens_cache_write_5m",
            "cache_creation_ephemeral_5m_input_tokens",
            "cache_creation_input_tokens",
            "cache_write",
        ],
    ),
    (
        Meaning::Output,
        &[
            "usage_output_tokens",
            "output_tokens",
            "tokens_completion",
            "completion_tokens",
            "n_generated_tokens_total",
            "output",
        ],
    ),
];
/// A second column of tokens written to a cache.
const WRITE_1H: [&str; 2] = ["usage_input_tokens_cache_write_1h", "cache_creation_ephemeral_1h_input_tokens"];
/// Anthropic's cost report says `amount` in cents, and when each of its days begins by a name that nobody else uses:
/// <https://platform.claude.com/docs/en/api/admin/cost_report>.
const IN_CENTS: [&str; 2] = ["amount", "starting_at"];

/// Sums of one model on one day, as the provider says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Theirs {
    /// Calls, where it says so.
    pub calls: Option<u64>,
    /// Tokens in and out, where it says so.
    pub tokens: Option<u64>,
    /// Nano-dollars, where it says so; below zero for a credit.
    pub nanos: Option<i64>,
}

/// An export, summed up.
#[derive(Clone, Debug, Default)]
pub struct Bill {
    /// By days since 1970 and model.
    pub lines: BTreeMap<(i64, String), Theirs>,
    /// What could not be read, and how often.
    pub left: Left,
}

/// Reads the export at `path`; `columns` are the names of columns that stand for something else than their vendor would
/// call it.
pub fn read(path: &Path, columns: &[(Meaning, String)]) -> Result<Bill, ImportError> {
    let file_error = |source| ImportError::File { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes)).map_err(file_error)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(damaged(path, format!("it has more than {} MiB; export a shorter time", MOST_BYTES >> 20)));
    }
    let text = str::from_utf8(&bytes).map_err(|_| damaged(path, "it is no text in UTF-8; export it as CSV or JSON"))?;
    parse(text, columns).map_err(|why| damaged(path, why))
}

/// The same of the text of an export.
///
/// # Errors
///
/// Why it is none, in half a sentence.
pub fn parse(text: &str, columns: &[(Meaning, String)]) -> Result<Bill, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut bill = Bill::default();
    if text.trim_start().starts_with(['{', '[']) {
        let value: Value = serde_json::from_str(text).map_err(|e| format!("it is no JSON: {e}"))?;
        json(&value, &Map::new(), columns, &mut bill, DEEPEST);
    } else {
        csv(text, columns, &mut bill)?;
    }
    if bill.lines.is_empty() {
        let why = "nothing in it has a day with a cost or tokens; name its columns, such as \
                   `--columns day=Date,model=Name,cost=Price`";
        return Err(why.to_owned());
    }
    Ok(bill)
}

/// The names of columns, for people: as many as they may want to choose from.
fn list(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(MOST_NAMED).map(|name| shorten(name)).collect();
    let more = if names.len() > MOST_NAMED { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// A column's name as it is compared.
fn plain_name(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for c in name.trim().chars() {
        if c.is_alphanumeric() {
            plain.extend(c.to_lowercase());
        } else if !plain.ends_with('_') && !plain.is_empty() {
            plain.push('_');
        }
    }
    plain.trim_end_matches('_').to_owned()
}

/// Where what stands: by the names of the columns.
fn places(names: &[String], columns: &[(Meaning, String)]) -> BTreeMap<Meaning, usize> {
    let at = |name: &str| names.iter().position(|known| known == name);
    let mut places = BTreeMap::new();
    for (meaning, known) in NAMES {
        let named = columns.iter().find(|(named, _)| *named == meaning);
        let place = match named {
            Some((_, name)) => at(&plain_name(name)),
            None => known.iter().find_map(|name| at(name)),
        };
        places.extend(place.map(|place| (meaning, place)));
    }
    places
}

fn csv(text: &str, columns: &[(Meaning, String)], bill: &mut Bill) -> Result<(), String> {
    let head = text.lines().next().unwrap_or_default();
    let count = |delimiter: char| head.matches(delimiter).count();
    let delimiter = [',', ';', '\t'].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(',');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(u8::try_from(delimiter).unwrap_or(b','))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let names: Vec<String> =
        reader.headers().map_err(|e| format!("it is no CSV: {e}"))?.iter().map(plain_name).collect();
    if names.len() > MOST_COLUMNS {
        return Err(format!("it has {} columns; no export has as many", names.len()));
    }
    let places = places(&names, columns);
    for (meaning, name) in columns {
        if !places.contains_key(meaning) {
            return Err(format!("it has no column `{name}`; it has {}", list(&names)));
        }
    }
    if !places.contains_key(&Meaning::Day) {
        return Err(format!("no column is known to be the day; it has {}", list(&names)));
    }
    let long = names.iter().position(|name| WRITE_1H.contains(&name.as_str()));
    for record in reader.records() {
        let Ok(record) = record else {
            bill.left.note("a line that is no CSV");
            continue;
        };
        let field = |meaning: Meaning| places.get(&meaning).and_then(|place| record.get(*place)).unwrap_or_default();
        add(bill, &field, long.and_then(|place| record.get(place)).unwrap_or_default(), DOLLAR_NANOS);
    }
    Ok(())
}

/// Walks through lists of objects; what stands beside a list holds for all in it.
fn json(value: &Value, around: &Map<String, Value>, columns: &[(Meaning, String)], bill: &mut Bill, depth: usize) {
    if depth == 0 {
        bill.left.note("lists within lists, deeper than any export has");
        return;
    }
    match value {
        Value::Array(values) => values.iter().for_each(|value| json(value, around, columns, bill, depth - 1)),
        Value::Object(fields) if fields.len() + around.len() > MOST_COLUMNS => {
            bill.left.note("an object with more fields than any export has");
        }
        Value::Object(fields) => {
            let mut all = around.clone();
            let mut lists = Vec::new();
            for (name, value) in fields {
                match value {
                    Value::Array(values) if values.iter().any(Value::is_object) => lists.push(value),
                    Value::Object(inner) if inner.len() > MOST_COLUMNS => {
                        bill.left.note("an object with more fields than any export has");
                    }
                    Value::Object(inner) => {
                        all.extend(inner.iter().map(|(key, value)| (format!("{name}_{key}"), value.clone())));
                    }
                    Value::Array(_) => {}
                    other => drop(all.insert(name.clone(), other.clone())),
                }
            }
            if lists.is_empty() {
                object(&all, columns, bill);
            }
            for list in lists {
                json(list, &all, columns, bill, depth - 1);
            }
        }
        _ => {}
    }
}

fn object(fields: &Map<String, Value>, columns: &[(Meaning, String)], bill: &mut Bill) {
    let names: Vec<String> = fields.keys().map(|name| plain_name(name)).collect();
    let texts: Vec<String> = fields
        .values()
        .map(|value| match value {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        })
        .collect();
    let places = places(&names, columns);
    if !places.contains_key(&Meaning::Day) {
        return;
    }
    let field = |meaning: Meaning| places.get(&meaning).and_then(|place| texts.get(*place)).map_or("", String::as_str);
    let long = names.iter().position(|name| WRITE_1H.contains(&name.as_str())).and_then(|place| texts.get(place));
    let has_cents = IN_CENTS.iter().all(|name| names.iter().any(|known| known == name));
    add(bill, &field, long.map_or("", String::as_str), if has_cents { DOLLAR_NANOS / 100.0 } else { DOLLAR_NANOS });
}

/// Adds one line, whose cost is in units of `unit_nanos`.
fn add<'t>(bill: &mut Bill, field: &dyn Fn(Meaning) -> &'t str, written_long: &str, unit_nanos: f64) {
    let Some(day) = day(field(Meaning::Day)) else {
        return bill.left.note("a line whose day is none");
    };
    let currency = field(Meaning::Currency);
    if !currency.is_empty() && !currency.eq_ignore_ascii_case("usd") {
        return bill.left.note("a line in another currency than US dollars");
    }
    let count = |meaning| count(field(meaning));
    let (uncached, read) = (count(Meaning::InputUncached), count(Meaning::CacheRead));
    let written =
        [count(Meaning::CacheWrite), cells::count(written_long)].into_iter().flatten().reduce(u64::saturating_add);
    let input = match uncached {
        Some(uncached) => Some(uncached.saturating_add(read.unwrap_or(0)).saturating_add(written.unwrap_or(0))),
        None => count(Meaning::Input),
    };
    let tokens = [input, count(Meaning::Output)].into_iter().flatten().reduce(u64::saturating_add);
    let cost = field(Meaning::Cost);
    let nanos = nanos(cost, unit_nanos);
    if nanos.is_none() && !cost.is_empty() {
        bill.left.note("a cost that is no number");
    }
    if nanos.is_none() && tokens.is_none() {
        return bill.left.note("a line without a cost or tokens");
    }
    let key = (day, model(field(Meaning::Model)));
    if bill.lines.len() >= MOST_LINES && !bill.lines.contains_key(&key) {
        return bill.left.note("a line beyond the number of days and models that are told apart");
    }
    let line = bill.lines.entry(key).or_default();
    let sum = |known: Option<u64>, more: Option<u64>| {
        more.map_or(known, |more| Some(known.unwrap_or(0).saturating_add(more)))
    };
    line.calls = sum(line.calls, count(Meaning::Calls));
    line.tokens = sum(line.tokens, tokens);
    line.nanos = nanos.map_or(line.nanos, |more| Some(line.nanos.unwrap_or(0).saturating_add(more)));
}

/// The first and the last day of a bill.
pub fn span(bill: &Bill) -> Option<(i64, i64)> {
    let days: BTreeSet<i64> = bill.lines.keys().map(|(day, _)| *day).collect();
    Some((*days.first()?, *days.last()?))
}

#[cfg(test)]
mod tests;
