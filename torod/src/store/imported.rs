//! Rows that another program had written down: history, for which no budget pays.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, Transaction};
use tokenrouter_shared::ids::first_of_ms;

use super::StoreError;
use super::usage::clamped;

/// The surface that imported rows are marked with.
pub const SURFACE: &str = "imported";

/// Ids of imported rows begin in the middle of their millisecond: rows of our own are counted from its beginning.
const MIDDLE: i64 = 1 << 19;

/// One call, ready to be written.
#[derive(Debug)]
pub struct PastRow<'a> {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// From start to end, in microseconds.
    pub total_us: u64,
    /// The access token's name there; empty: none.
    pub token: &'a str,
    /// The provider's name.
    pub provider: &'a str,
    /// The model.
    pub model: &'a str,
    /// HTTP status; 0: not known.
    pub status: u16,
    /// How it ended; 0 is well.
    pub outcome: u8,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// LLM tokens: input uncached, from a cache, output.
    pub tokens: [u64; 3],
    /// What it cost by a price of today, and that price; none where nobody knows one.
    pub cost: Option<(u64, &'a str, &'a str)>,
}

/// What is known of an earlier import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// When it was made, in milliseconds since 1970.
    pub at_ms: i64,
    /// The time of its last row.
    pub until_ms: i64,
}

/// The import of just these bytes, if there was one.
pub fn of_digest(connection: &Connection, digest: &[u8; 32]) -> Result<Option<Import>, StoreError> {
    let found = connection
        .prepare_cached("SELECT at_ms, until_ms FROM usage_import WHERE digest = ?1")?
        .query_row([digest.as_slice()], |row| Ok(Import { at_ms: row.get(0)?, until_ms: row.get(1)? }))
        .optional()?;
    Ok(found)
}

/// The time of the last row that was ever imported from a program.
pub fn last_of(connection: &Connection, source: &str) -> Result<Option<i64>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT max(until_ms) FROM usage_import WHERE source = ?1")?;
    Ok(statement.query_row([source], |row| row.get(0))?)
}

/// Remembers an import.
pub fn remember(
    connection: &Connection,
    digest: &[u8; 32],
    source: &str,
    at_ms: i64,
    rows: u64,
    span: (i64, i64),
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO usage_import (digest, source, at_ms, rows, from_ms, until_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (digest.as_slice(), source, at_ms, clamped(rows), span.0, span.1),
    )?;
    Ok(())
}

/// Writes rows inside a transaction.
pub struct PastRows<'c> {
    transaction: &'c Transaction<'c>,
    names: HashMap<String, i64>,
    tokens: HashMap<String, i64>,
    prices: HashMap<(String, i64, i64), i64>,
    now_ms: i64,
}

/// Names that are remembered; the maps start again when they hold this many.
const NAMES: usize = 10_000;

impl<'c> PastRows<'c> {
    /// For the rows of one transaction, made at `now_ms`.
    pub fn new(transaction: &'c Transaction<'c>, now_ms: i64) -> Self {
        let (names, tokens, prices) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { transaction, names, tokens, prices, now_ms }
    }

    /// Writes one.
    pub fn write(&mut self, row: &PastRow<'_>) -> Result<(), StoreError> {
        let (provider, model) = (self.name(row.provider)?, self.name(row.model)?);
        let (surface, token) = (self.name(SURFACE)?, self.token(row.token)?);
        let price = match row.cost {
            Some((_, version, rates)) => Some(self.price(version, rates, provider, model)?),
            None => None,
        };
        let nanos = row.cost.map_or(0, |(nanos, ..)| nanos.min(super::usage::MAX_NANOS).cast_signed());
        let [uncached, read, output] = row.tokens.map(clamped);
        let mut statement = self.transaction.prepare_cached(
            "INSERT OR IGNORE INTO usage (id, exchange_id, skew_ms, total_us, first_byte_us, token_id, provider, model,
                surface, client_protocol, upstream_protocol, status, outcome, stream, estimated, input_uncached,
                cache_read, cache_write_5m, cache_write_1h, output, reasoning, cost_nanos, price, cost_assumed, counted)
             VALUES (?1, ?1, 0, ?2, 0, ?3, ?4, ?5, ?6, 0, 0, ?7, ?8, ?9, 0, ?10, ?11, 0, 0, ?12, 0, ?13, ?14, 0, 1)",
        )?;
        let mut id = first_of_ms(row.at_ms).saturating_add(MIDDLE);
        // Of two calls in a millisecond, the second takes the next number.
        loop {
            statement.raw_bind_parameter(1, id)?;
            statement.raw_bind_parameter(2, clamped(row.total_us))?;
            let numbers = [token, provider, model, surface, row.status.into(), row.outcome.into(), row.stream.into()];
            for (at, number) in (3..).zip(numbers) {
                statement.raw_bind_parameter(at, number)?;
            }
            for (at, number) in (10..).zip([uncached, read, output, nanos]) {
                statement.raw_bind_parameter(at, number)?;
            }
            statement.raw_bind_parameter(14, price)?;
            if statement.raw_execute()? > 0 {
                return Ok(());
            }
            id = id.saturating_add(1);
        }
    }

    fn name(&mut self, text: &str) -> Result<i64, StoreError> {
        let text = super::usage::kept_name(text);
        if let Some(number) = self.names.get(text) {
            return Ok(*number);
        }
        let number = super::usage::number_in(self.transaction, text)?;
        if self.names.len() >= NAMES {
            self.names.clear();
        }
        self.names.insert(text.to_owned(), number);
        Ok(number)
    }

    /// A token of another program is one that is gone: it has a name in reports, nobody above it, and opens nothing.
    fn token(&mut self, name: &str) -> Result<i64, StoreError> {
        let name = super::usage::kept_name(name);
        if name.is_empty() {
            return Ok(0);
        }
        if let Some(number) = self.tokens.get(name) {
            return Ok(*number);
        }
        let public_id = format!("imported:{name}");
        let known: Option<i64> = self
            .transaction
            .query_row("SELECT id FROM token_removed WHERE public_id = ?1", [&public_id], |row| row.get(0))
            .optional()?;
        let number = match known {
            Some(number) => number,
            None => {
                let least: i64 = self.transaction.query_row(
                    "SELECT min(coalesce(min(id), 0), 0) FROM token_removed",
                    [],
                    |row| row.get(0),
                )?;
                self.transaction.execute(
                    "INSERT INTO token_removed (id, public_id, name, removed_ms) VALUES (?1, ?2, ?3, ?4)",
                    (least - 1, &public_id, name, self.now_ms),
                )?;
                least - 1
            }
        };
        if self.tokens.len() >= NAMES {
            self.tokens.clear();
        }
        self.tokens.insert(name.to_owned(), number);
        Ok(number)
    }

    fn price(&mut self, version: &str, rates: &str, provider: i64, model: i64) -> Result<i64, StoreError> {
        let key = (version.to_owned(), provider, model);
        if let Some(number) = self.prices.get(&key) {
            return Ok(*number);
        }
        let number = super::reprice::price_number(self.transaction, version, provider, model, rates)?;
        if self.prices.len() >= NAMES {
            self.prices.clear();
        }
        self.prices.insert(key, number);
        Ok(number)
    }
}
