//! What tokens have used up, summed by quarters of an hour and by stretches of three hours: written with the usage rows, read when budgets are founded.

use std::collections::HashMap;

use rusqlite::{Connection, Row, Transaction};
use tokenrouter_shared::ids::first_of_ms;

use super::StoreError;
use super::history::State;

/// A quarter of an hour in milliseconds.
pub const QUARTER_MS: i64 = 900_000;
/// Quarters of an hour in a stretch.
const QUARTERS: i64 = 12;
/// A stretch of three hours in milliseconds.
pub const SPAN_MS: i64 = QUARTERS * QUARTER_MS;

/// Requests, LLM tokens and nano-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Requests.
    pub requests: i64,
    /// LLM tokens, in and out.
    pub tokens: i64,
    /// Nano-dollars.
    pub nanos: i64,
}

impl Sum {
    fn add(&mut self, more: Self) {
        self.requests = self.requests.saturating_add(more.requests);
        self.tokens = self.tokens.saturating_add(more.tokens);
        self.nanos = self.nanos.saturating_add(more.nanos);
    }

    fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// What the rows of one transaction add.
#[derive(Debug, Default)]
pub struct Sums {
    /// By quarter and token.
    by_key: HashMap<(i64, i64), Sum>,
    /// Of the row before, which is mostly that of the next.
    last: Option<((i64, i64), Sum)>,
}

impl Sums {
    /// A row of `token_id` at `at_ms` was written. Requests without a token have no budget.
    pub fn add(&mut self, at_ms: i64, token_id: i64, sum: Sum) {
        if token_id == 0 || sum.is_nothing() {
            return;
        }
        let key = (at_ms.div_euclid(QUARTER_MS), token_id);
        match &mut self.last {
            Some((last, sums)) if *last == key => sums.add(sum),
            last => {
                if let Some((key, sum)) = last.replace((key, sum)) {
                    self.by_key.entry(key).or_default().add(sum);
                }
            }
        }
    }

    /// Writes them into the transaction of the rows.
    pub fn write(mut self, transaction: &Transaction<'_>) -> Result<(), StoreError> {
        if let Some((key, sum)) = self.last.take() {
            self.by_key.entry(key).or_default().add(sum);
        }
        let mut quarters = transaction.prepare_cached(
            "INSERT INTO spend VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (quarter, token_id) DO UPDATE SET
                requests = requests + excluded.requests, tokens = tokens + excluded.tokens,
                cost_nanos = cost_nanos + excluded.cost_nanos",
        )?;
        let mut spans = transaction.prepare_cached(
            "INSERT INTO spend_span VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (span, token_id) DO UPDATE SET
                requests = requests + excluded.requests, tokens = tokens + excluded.tokens,
                cost_nanos = cost_nanos + excluded.cost_nanos",
        )?;
        let mut total = transaction.prepare_cached(
            "INSERT INTO spend_total VALUES (?1, ?2, ?3, ?4) ON CONFLICT (token_id) DO UPDATE SET
                requests = requests + excluded.requests, tokens = tokens + excluded.tokens,
                cost_nanos = cost_nanos + excluded.cost_nanos",
        )?;
        for ((quarter, token), Sum { requests, tokens, nanos }) in self.by_key {
            quarters.execute((quarter, token, requests, tokens, nanos))?;
            spans.execute((quarter.div_euclid(QUARTERS), token, requests, tokens, nanos))?;
            total.execute((token, requests, tokens, nanos))?;
        }
        Ok(())
    }
}

/// What one token used up at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// When at the latest, in milliseconds since 1970.
    pub at_ms: i64,
    /// Whose it is.
    pub token_id: i64,
    /// How much.
    pub sum: Sum,
}

fn spent(row: &Row<'_>) -> rusqlite::Result<Spent> {
    let sum = Sum { requests: row.get(2)?, tokens: row.get(3)?, nanos: row.get(4)? };
    Ok(Spent { at_ms: row.get(0)?, token_id: row.get(1)?, sum })
}

/// What every token used up since it was made; `at_ms` says nothing.
pub fn totals(connection: &Connection, mut each: impl FnMut(Spent)) -> Result<(), StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT 0, token_id, requests, tokens, cost_nanos FROM spend_total")?;
    for row in statement.query_map([], spent)? {
        each(row?);
    }
    Ok(())
}

/// In which pieces what was used is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pieces {
    /// Of a quarter of an hour.
    Quarters,
    /// Of three hours: a twelfth as many to read.
    Spans,
}

/// What every token used up from `from_ms` on, the future included: rows made before the clock was set back.
///
/// A piece comes as one; of the one that `from_ms` cuts, the quarters of an hour, and of the one of these that it cuts,
/// every row.
pub fn since(
    connection: &Connection,
    from_ms: i64,
    pieces: Pieces,
    mut each: impl FnMut(Spent),
) -> Result<(), StoreError> {
    let from_ms = from_ms.max(0);
    // Where rows are gone, the quarter of an hour that is cut counts as a whole: a budget rather ends early than late.
    let from_ms = if from_ms < State::read(connection)?.gone_ms { from_ms - from_ms % QUARTER_MS } else { from_ms };
    let quarter = from_ms.saturating_add(QUARTER_MS - 1).div_euclid(QUARTER_MS);
    let whole_ms = quarter.saturating_mul(QUARTER_MS);
    if whole_ms > from_ms {
        let mut rows = connection.prepare_cached(
            "SELECT id >> 20, token_id, counted, input_uncached + cache_read + cache_write_5m + cache_write_1h + output,
                cost_nanos
             FROM usage WHERE id >= ?1 AND id < ?2 AND token_id <> 0",
        )?;
        for row in rows.query_map((first_of_ms(from_ms), first_of_ms(whole_ms)), spent)? {
            each(row?);
        }
    }
    let span = (pieces == Pieces::Spans).then(|| quarter.saturating_add(QUARTERS - 1).div_euclid(QUARTERS));
    let until = span.map_or(i64::MAX, |span| span.saturating_mul(QUARTERS));
    let mut quarters = connection.prepare_cached(
        "SELECT (quarter + 1) * 900000 - 1, token_id, requests, tokens, cost_nanos FROM spend
         WHERE quarter >= ?1 AND quarter < ?2",
    )?;
    for row in quarters.query_map((quarter, until), spent)? {
        each(row?);
    }
    if let Some(span) = span {
        let mut spans = connection.prepare_cached(
            "SELECT (span + 1) * 10800000 - 1, token_id, requests, tokens, cost_nanos FROM spend_span WHERE span >= ?1",
        )?;
        for row in spans.query_map([span], spent)? {
            each(row?);
        }
    }
    Ok(())
}

/// The tokens above those that were removed, which still pay for what these used.
pub fn removed(connection: &Connection) -> Result<HashMap<i64, i64>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT id, parent_id FROM token_removed WHERE parent_id IS NOT NULL")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
