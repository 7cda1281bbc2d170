//! Rows that another program had written down: history, for which no budget pays.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Transaction};
use tokenrouter_shared::ids::{first_of_ms, ms_of};

use super::StoreError;
use super::figures::block::{Entry, Facts};
use super::history::late::{IN_CHUNKS, Late};
use super::names::{Names, kept};
use super::origins::Origin;
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
    pub provider: &'a Arc<str>,
    /// The model.
    pub model: &'a Arc<str>,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// What the client called itself.
    pub user_agent: Option<&'a Arc<str>>,
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
    names: Names,
    surface: Arc<str>,
    tokens: HashMap<String, i64>,
    prices: HashMap<(String, i64, i64), i64>,
    late: Late,
    now_ms: i64,
}

/// Names that are remembered; the maps start again when they hold this many.
const NAMES: usize = 10_000;

impl<'c> PastRows<'c> {
    /// For the rows of one transaction, made at `now_ms`.
    pub fn new(transaction: &'c Transaction<'c>, now_ms: i64) -> Self {
        let (tokens, prices) = (HashMap::new(), HashMap::new());
        let (names, late) = (Names::default(), Late::default());
        Self { transaction, names, surface: SURFACE.into(), tokens, prices, late, now_ms }
    }

    /// Writes one.
    pub fn write(&mut self, row: &PastRow<'_>) -> Result<(), StoreError> {
        let provider = self.names.number(self.transaction, row.provider)?;
        let model = self.names.number(self.transaction, row.model)?;
        let surface = self.names.number(self.transaction, &self.surface)?;
        let token = self.token(row.token)?;
        let origin = Origin { address: row.address, user_agent: row.user_agent, labels: None };
        let origin = self.names.origin(self.transaction, &origin)?;
        let price = match row.cost {
            Some((_, version, rates)) => Some(self.price(version, rates, provider, model)?),
            None => None,
        };
        let nanos = row.cost.map_or(0, |(nanos, ..)| nanos.min(super::usage::MAX_NANOS).cast_signed());
        let [uncached, read, output] = row.tokens.map(clamped);
        let total_us = clamped(row.total_us);
        let mut statement = self.transaction.prepare_cached(
            "INSERT OR IGNORE INTO usage (id, exchange_id, skew_ms, total_us, first_byte_us, token_id, provider, model,
                surface, client_protocol, upstream_protocol, status, outcome, stream, estimated, input_uncached,
                cache_read, cache_write_5m, cache_write_1h, output, reasoning, cost_nanos, price, cost_assumed, counted,
                origin, is_first, round)
             VALUES (?1, ?1, 0, ?2, 0, ?3, ?4, ?5, ?6, 0, 0, ?7, ?8, ?9, 0, ?10, ?11, 0, 0, ?12, 0, ?13, ?14, 0, 1,
                ?15, 1, ?16)",
        )?;
        let mut id = first_of_ms(row.at_ms).saturating_add(MIDDLE);
        // Of two calls in a millisecond, the second takes the next number.
        loop {
            statement.raw_bind_parameter(1, id)?;
            statement.raw_bind_parameter(2, total_us)?;
            let numbers = [token, provider, model, surface, row.status.into(), row.outcome.into(), row.stream.into()];
            for (at, number) in (3..).zip(numbers) {
                statement.raw_bind_parameter(at, number)?;
            }
            for (at, number) in (10..).zip([uncached, read, output, nanos]) {
                statement.raw_bind_parameter(at, number)?;
            }
            statement.raw_bind_parameter(14, price)?;
            statement.raw_bind_parameter(15, origin)?;
            statement.raw_bind_parameter(16, IN_CHUNKS)?;
            if statement.raw_execute()? > 0 {
                break;
            }
            id = id.saturating_add(1);
        }
        if row.outcome != 0 {
            self.transaction.prepare_cached("INSERT OR IGNORE INTO usage_failure VALUES (?1)")?.execute([id])?;
        }
        let (status, outcome, stream) = (row.status.into(), row.outcome.into(), row.stream.into());
        let dims = [token, provider, model, model, 0, surface, 0, status, outcome, 0, stream, 0, 0, origin];
        let facts = Facts {
            is_first: true,
            counted: true,
            counts: [uncached, read, 0, 0, output, 0],
            cost_nanos: nanos,
            unpriced: price.is_none(),
            total_us,
            ..Facts::default()
        };
        self.late.row(self.transaction, &Entry::of(ms_of(id), dims, &facts))
    }

    /// Sums up what is left.
    pub fn close(&mut self) -> Result<(), StoreError> {
        self.late.close(self.transaction)
    }

    /// A token of another program is one that is gone: it has a name in reports, nobody above it, and opens nothing.
    fn token(&mut self, name: &str) -> Result<i64, StoreError> {
        let name = kept(name);
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
                // A number of its own, which no token has had or will have.
                let next = "SELECT 1 + max((SELECT coalesce(max(id), 0) FROM token), (SELECT coalesce(max(id), 0) FROM \
                            token_removed), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'token'), 0))";
                let number: i64 = self.transaction.query_row(next, [], |row| row.get(0))?;
                let moved =
                    self.transaction.execute("UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'token'", [number])?;
                if moved == 0 {
                    self.transaction
                        .execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('token', ?1)", [number])?;
                }
                self.transaction.execute(
                    "INSERT INTO token_removed (id, public_id, name, removed_ms) VALUES (?1, ?2, ?3, ?4)",
                    (number, &public_id, name, self.now_ms),
                )?;
                number
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
