//! Imports the usage of another program: finds out which, reads it in passing, and writes all of it or nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime};
use rusqlite::TransactionBehavior;
use sha2::{Digest as _, Sha256};
use tokenrouter::catalog::Tariff;
use tokenrouter::count::{Counts, Report};
use tokenrouter::price::Bill;

use super::torod_go::Source;
use super::{ImportError, Left, MOST_CALLS, Past, damaged};
use crate::store::audit::{self, Entry};
use crate::store::history::sum_up_old;
use crate::store::imported::{self, PastRow, PastRows};
use crate::store::tokrouter::{self, At, Call};
use crate::store::{Connection, StoreError};

/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// Which program wrote a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The torod that was written in Go.
    TorodGo,
    /// tokrouter.
    Tokrouter,
}

impl Program {
    /// Its name, as it is kept with imports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TorodGo => "torod (Go)",
            Self::Tokrouter => "tokrouter",
        }
    }
}

/// How it is imported.
#[derive(Debug)]
pub struct Way<'a> {
    /// Whether it is written down; else only read and told.
    pub write: bool,
    /// Whether calls before the last one that was imported from this program are taken too: it ran on another machine.
    pub is_another_machine: bool,
    /// Who does it.
    pub actor: &'a str,
    /// When, in milliseconds since 1970.
    pub now_ms: i64,
}

/// What an import came to.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// Which program wrote it.
    pub program: &'static str,
    /// Calls that were carried over.
    pub calls: u64,
    /// Of them, those that had failed.
    pub failed: u64,
    /// LLM tokens, in and out.
    pub tokens: u64,
    /// What they cost by prices of today, in nano-dollars.
    pub cost_nanos: u64,
    /// Calls of models whose price is not known today: their cost is left open.
    pub unpriced_calls: u64,
    /// The times of the first and the last, in milliseconds since 1970.
    pub span_ms: Option<(i64, i64)>,
    /// What was not carried over, and how often.
    pub left: Left,
}

/// What a model costs at a provider today, by their names.
pub type Prices<'p> = dyn Fn(&str, &str) -> Option<Arc<Tariff>> + 'p;

/// Imports what is at `path`. Whatever goes wrong, nothing of it is written.
pub fn run(
    connection: &mut Connection,
    path: &Path,
    prices: &Prices<'_>,
    way: &Way<'_>,
) -> Result<Imported, ImportError> {
    if !path.exists() {
        return Err(damaged(path, "there is no such file or folder"));
    }
    // What is summed up yet is not summed up again with what comes between.
    while sum_up_old(connection)? {}
    let program = if tokrouter::is_database(path) { Program::Tokrouter } else { Program::TorodGo };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::from)?;
    let before = imported::last_of(&transaction, program.as_str())?.filter(|_| !way.is_another_machine);
    let mut book = Book {
        rows: PastRows::new(&transaction, way.now_ms),
        prices,
        known: HashMap::new(),
        before,
        now_ms: way.now_ms,
        told: Imported { program: program.as_str(), ..Imported::default() },
    };
    let digest = match program {
        Program::TorodGo => torod_go(path, &mut book)?,
        Program::Tokrouter => of_tokrouter(path, &mut book)?,
    };
    book.rows.close()?;
    let told = book.told;
    if let Some(earlier) = imported::of_digest(&transaction, &digest)? {
        let day = DateTime::from_timestamp_millis(earlier.at_ms).map(|at| at.format("%Y-%m-%d").to_string());
        let day = day.unwrap_or_default();
        return Err(damaged(path, format!("just this was imported on {day}; nothing is imported twice")));
    }
    if let (true, Some(span)) = (way.write, told.span_ms) {
        imported::remember(&transaction, &digest, program.as_str(), way.now_ms, told.calls, span)?;
        let detail = format!("{} calls of {}", told.calls, program.as_str());
        let entry =
            Entry { at_ms: way.now_ms, actor: way.actor, action: "usage.import", subject: "usage", detail: &detail };
        audit::add(&transaction, &entry)?;
        transaction.commit().map_err(StoreError::from)?;
    }
    Ok(told)
}

/// Takes calls in, one by one.
/// A price and its rates; none: nobody knows one.
type Known = Option<(Arc<Tariff>, String)>;

struct Book<'a, 'c> {
    rows: PastRows<'c>,
    prices: &'a Prices<'a>,
    known: HashMap<(Arc<str>, Arc<str>), Known>,
    /// Until when calls of this program were imported before.
    before: Option<i64>,
    now_ms: i64,
    told: Imported,
}

impl Book<'_, '_> {
    fn take(&mut self, past: &Past) -> Result<(), ImportError> {
        let left = &mut self.told.left;
        if past.at_ms <= 0 || past.at_ms > self.now_ms.saturating_add(DAY_MS) {
            left.note("a call at a time that cannot be");
            return Ok(());
        }
        if self.before.is_some_and(|until_ms| past.at_ms <= until_ms) {
            left.note("a call at or before the last one that was imported already (--another-machine takes these too)");
            return Ok(());
        }
        let address = past.address.parse::<IpAddr>().ok();
        if !past.address.is_empty() && address.is_none() {
            left.note("an address that is none; the call itself is kept");
        }
        let named = |name: &str| Arc::<str>::from(if name.is_empty() { "unknown" } else { name });
        let key = (named(&past.provider), named(&past.model));
        let (provider, model) = key.clone();
        let user_agent = past.user_agent.get(..past.user_agent.floor_char_boundary(200)).unwrap_or_default();
        let user_agent = Some(user_agent).filter(|text| !text.is_empty()).map(Arc::<str>::from);
        let prices = self.prices;
        if self.known.len() > 10_000 {
            self.known.clear();
        }
        let tariff = self.known.entry(key).or_insert_with(|| {
            // The model was kept as the client named it, which may be with its provider.
            let bare = model.strip_prefix(&*provider).and_then(|rest| rest.strip_prefix('/'));
            let tariff = prices(&provider, bare.unwrap_or(&model))?;
            let rates = tariff.price.to_string();
            Some((tariff, rates))
        });
        let [input_uncached, cache_read, output] = past.tokens;
        let report = Report::of(Counts { input_uncached, cache_read, output, ..Counts::default() });
        let bill = Bill::of(&report, u64::try_from(past.at_ms).unwrap_or(0));
        let is_use = report.counts.total() > 0;
        let cost = tariff.as_ref().filter(|_| is_use).and_then(|(tariff, rates)| {
            Some((tariff.price.cost(&bill)?.total_nanos, &*tariff.version, rates.as_str()))
        });
        self.rows.write(&PastRow {
            at_ms: past.at_ms,
            total_us: past.total_us,
            token: &past.token,
            provider: &provider,
            model: &model,
            address,
            user_agent: user_agent.as_ref(),
            status: past.status,
            // The other program knew of no other ends than well and not.
            outcome: if past.is_ok { 0 } else { 2 },
            stream: past.stream,
            tokens: past.tokens,
            cost,
        })?;
        let told = &mut self.told;
        told.calls += 1;
        told.failed += u64::from(!past.is_ok);
        told.tokens = told.tokens.saturating_add(report.counts.total());
        told.cost_nanos = told.cost_nanos.saturating_add(cost.map_or(0, |(nanos, ..)| nanos));
        told.unpriced_calls += u64::from(is_use && cost.is_none());
        let (first, last) = told.span_ms.unwrap_or((past.at_ms, past.at_ms));
        told.span_ms = Some((first.min(past.at_ms), last.max(past.at_ms)));
        Ok(())
    }
}

fn torod_go(path: &Path, book: &mut Book<'_, '_>) -> Result<[u8; 32], ImportError> {
    let Some(source) = Source::find(path)? else {
        let why =
            "it is neither a folder `usage-stats-db` or one above it, nor a usage-stats.json, nor tokrouter's usage.db";
        return Err(damaged(path, why));
    };
    let read = source.read(|past| book.take(&past))?;
    read.left.iter().for_each(|(why, count)| book.told.left.notes(why, count));
    Ok(read.digest)
}

fn of_tokrouter(path: &Path, book: &mut Book<'_, '_>) -> Result<[u8; 32], ImportError> {
    let unreadable = |e: StoreError| damaged(path, format!("it is damaged, or in use by another program: {e}"));
    let Some(theirs) = tokrouter::open(path).map_err(unreadable)? else {
        return Err(damaged(path, "it is a database without tokrouter's table usage_records"));
    };
    let mut digest = Sha256::new();
    let mut calls = 0;
    tokrouter::each(&theirs, |call: Call| {
        calls += 1;
        if calls > MOST_CALLS {
            return Err(ImportError::TooMuch { path: path.to_owned(), most: MOST_CALLS });
        }
        digest.update(format!("{call:?}\n"));
        let Some(at_ms) = time(&call.at) else {
            book.told.left.note("a call without a time");
            return Ok(());
        };
        if call.has_cost {
            book.told.left.note("a cost, which tokrouter reckoned wrongly; it is reckoned anew");
        }
        let provider = host(&call.provider);
        if provider != call.provider {
            book.told.left.note("the URL of a provider, of which the host is kept as its name");
        }
        book.take(&Past {
            at_ms,
            provider,
            model: call.model,
            status: if call.is_ok { 200 } else { 0 },
            is_ok: call.is_ok,
            stream: call.stream,
            tokens: [call.input, 0, call.output],
            total_us: call.latency_ms.saturating_mul(1_000),
            ..Past::default()
        })
    })
    .map_err(|e| match e {
        ImportError::Store(e) => unreadable(e),
        other => other,
    })?;
    Ok(digest.finalize().into())
}

/// The host of a URL; any other text as it is.
fn host(provider: &str) -> String {
    let rest = provider.strip_prefix("https://").or_else(|| provider.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    // What stands before an `@` may be a password.
    let host = host.map(|host| host.rsplit('@').next().unwrap_or_default());
    host.unwrap_or(provider).to_owned()
}

/// Milliseconds since 1970.
fn time(at: &At) -> Option<i64> {
    match at {
        At::None => None,
        // By its size: nobody used either program before 2001.
        At::Number(number) => match number {
            ..=0 => None,
            ..100_000_000_000 => number.checked_mul(1_000),
            ..100_000_000_000_000 => Some(*number),
            ..100_000_000_000_000_000 => Some(number / 1_000),
            _ => Some(number / 1_000_000),
        },
        At::Text(text) => {
            let text = text.trim();
            // Go appends its own clock's reading: `2025-01-02 03:04:05.6 +0200 CEST m=+0.1`.
            let text = text.split(" m=").next().unwrap_or(text);
            let zoned = ["%Y-%m-%d %H:%M:%S%.f%:z", "%Y-%m-%dT%H:%M:%S%.f%:z", "%Y-%m-%d %H:%M:%S%.f %z"];
            let named = text.rsplit_once(' ').filter(|(_, zone)| zone.bytes().all(|b| b.is_ascii_alphabetic()));
            let zoned = |text: &str| zoned.iter().find_map(|form| DateTime::parse_from_str(text, form).ok());
            let local = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.fZ"];
            let local = || local.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
            let at = zoned(text).or_else(|| zoned(named?.0)).map(|at| at.timestamp_millis());
            at.or_else(|| local().map(|at| at.and_utc().timestamp_millis()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_every_form_are_right() {
        let text = |text: &str| time(&At::Text(text.to_owned()));
        for same in [
            "2026-05-01 12:34:56.789+02:00",
            "2026-05-01T12:34:56.789+02:00",
            "2026-05-01 10:34:56.789",
            "2026-05-01T10:34:56.789Z",
            "2026-05-01 12:34:56.789123 +0200 CEST m=+0.1",
        ] {
            assert_eq!(text(same), Some(1_777_631_696_789), "{same}");
        }
        for wrong in ["", "yesterday", "2026-13-01 00:00:00"] {
            assert_eq!(text(wrong), None, "{wrong}");
        }
        for (number, ms) in [
            (1_777_631_696, Some(1_777_631_696_000)),
            (1_777_631_696_789, Some(1_777_631_696_789)),
            (1_777_631_696_789_123, Some(1_777_631_696_789)),
            (1_777_631_696_789_123_456, Some(1_777_631_696_789)),
            (0, None),
            (-5, None),
        ] {
            assert_eq!(time(&At::Number(number)), ms, "{number}");
        }
    }

    #[test]
    fn a_url_becomes_its_host_without_secrets() {
        assert_eq!(host("https://user:secret@api.example.com/v1?key=x"), "api.example.com");
        assert_eq!(host("openai"), "openai");
    }
}
