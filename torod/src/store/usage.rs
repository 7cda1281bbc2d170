//! Usage rows at rest. A row is integers only; names are stored once and numbered.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction};

use super::StoreError;
use super::agent_sessions::{AgentSession, SessionNumbers};
use super::spend::Sum;

/// Names kept in memory; the map starts again when it holds this many.
const NAMES: usize = 10_000;

/// So many of them are compared before any is hashed.
const RECENT: usize = 5;

/// Bytes of a name that are kept: what a client calls a model may be anything.
const NAME_BYTES: usize = 256;

/// The greatest count that is stored, so that no hostile figure makes a sum overflow.
const MAX_COUNT: u64 = 1 << 40;

/// The greatest cost that is stored, for the same reason: no attempt costs a hundred thousand dollars.
const MAX_NANOS: u64 = 100_000_000_000_000;

/// One attempt, ready to be written.
#[derive(Debug)]
pub struct UsageRow<'a> {
    /// The attempt's id; carries its time.
    pub id: i64,
    /// The exchange it belongs to.
    pub exchange_id: i64,
    /// Start minus the time in `id`, in milliseconds.
    pub skew_ms: i64,
    /// From start to end, in microseconds.
    pub total_us: u64,
    /// From start to the first byte of the answer, in microseconds; 0: none came.
    pub first_byte_us: u64,
    /// The access token's number; 0: no key, on loopback.
    pub token_id: i64,
    /// The provider's name.
    pub provider: &'a Arc<str>,
    /// The model as sent upstream.
    pub model: &'a Arc<str>,
    /// The model as asked for, when different.
    pub model_asked: Option<&'a Arc<str>>,
    /// Which surface the client used.
    pub surface: &'static str,
    /// The client's protocol, numbered by the caller.
    pub client_protocol: u8,
    /// The provider's protocol, numbered by the caller.
    pub upstream_protocol: u8,
    /// HTTP status.
    pub status: u16,
    /// How it ended; 0 is well.
    pub outcome: u8,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// Whether the counts are an estimate.
    pub estimated: bool,
    /// LLM tokens: input uncached, cache read, cache write 5 min, cache write 1 h, output, reasoning.
    pub counts: [u64; 6],
    /// The client's own id of the request.
    pub request_id: Option<&'a str>,
    /// What it cost, in nano-dollars.
    pub cost_nanos: u64,
    /// Whether a rate was taken by rule.
    pub cost_assumed: bool,
    /// The price that it was reckoned by; none where none is known.
    pub price: Option<PriceRow<'a>>,
    /// Whether it is the one request that its exchange counts as.
    pub counted: bool,
    /// The agent's conversation.
    pub session: Option<&'a Arc<AgentSession>>,
    /// The program that asked.
    pub agent: Option<&'a Arc<str>>,
}

impl UsageRow<'_> {
    /// Its counts and what it cost, exactly as they stand in the row.
    pub fn figures(&self) -> ([u64; 6], u64) {
        (self.counts.map(|count| clamped(count).cast_unsigned()), self.cost_nanos.min(MAX_NANOS))
    }

    /// What it takes from its token's budgets: exactly what stands in the row.
    pub fn sum(&self) -> Sum {
        let [uncached, read, short, long, output, _] = self.counts.map(clamped);
        Sum {
            requests: self.counted.into(),
            tokens: uncached + read + short + long + output,
            nanos: self.cost_nanos.min(MAX_NANOS).cast_signed(),
        }
    }
}

/// A price as it is kept with the rows that were reckoned by it.
#[derive(Clone, Copy)]
pub struct PriceRow<'a> {
    /// The version of the set that it is from.
    pub version: &'a Arc<str>,
    /// Its rates, for people.
    pub rates: &'a dyn fmt::Display,
}

impl fmt::Debug for PriceRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.version, self.rates)
    }
}

/// The numbers of names, as far as they are in memory.
///
/// Numbers may come from a transaction that is not committed yet: forget them all when it is rolled back.
#[derive(Debug, Default)]
pub struct Names {
    numbers: HashMap<Arc<str>, i64>,
    /// Those asked for last, the latest at the end: most rows have the names of the row before.
    recent: Vec<(Arc<str>, i64)>,
    surfaces: Vec<(&'static str, i64)>,
    /// By version, provider and model.
    prices: HashMap<(Arc<str>, i64, i64), i64>,
    sessions: SessionNumbers,
}

impl Names {
    /// Forgets everything; the database still knows.
    pub fn forget(&mut self) {
        self.numbers.clear();
        self.recent.clear();
        self.surfaces.clear();
        self.prices.clear();
        self.sessions.forget();
    }

    fn number(&mut self, connection: &Connection, name: &Arc<str>) -> Result<i64, StoreError> {
        if let Some((_, number)) = self.recent.iter().find(|(known, _)| known == name) {
            return Ok(*number);
        }
        let number = self.known_number(connection, name)?;
        if self.recent.len() >= RECENT {
            self.recent.remove(0);
        }
        self.recent.push((Arc::clone(name), number));
        Ok(number)
    }

    fn known_number(&mut self, connection: &Connection, name: &Arc<str>) -> Result<i64, StoreError> {
        if let Some(&number) = self.numbers.get(name) {
            return Ok(number);
        }
        let number = number_in(connection, name)?;
        if self.numbers.len() >= NAMES {
            self.numbers.clear();
        }
        self.numbers.insert(Arc::clone(name), number);
        Ok(number)
    }

    fn price(
        &mut self,
        connection: &Connection,
        provider: i64,
        model: i64,
        price: PriceRow<'_>,
    ) -> Result<i64, StoreError> {
        let key = (Arc::clone(price.version), provider, model);
        if let Some(&number) = self.prices.get(&key) {
            return Ok(number);
        }
        let number = price_in(connection, provider, model, price)?;
        if self.prices.len() >= NAMES {
            self.prices.clear();
        }
        self.prices.insert(key, number);
        Ok(number)
    }

    fn surface(&mut self, connection: &Connection, name: &'static str) -> Result<i64, StoreError> {
        if let Some((_, number)) = self.surfaces.iter().find(|(known, _)| *known == name) {
            return Ok(*number);
        }
        let number = number_in(connection, name)?;
        self.surfaces.push((name, number));
        Ok(number)
    }
}

fn price_in(connection: &Connection, provider: i64, model: i64, price: PriceRow<'_>) -> Result<i64, StoreError> {
    let version: &str = price.version;
    let mut known =
        connection.prepare_cached("SELECT id FROM price WHERE version = ?1 AND provider = ?2 AND model = ?3")?;
    if let Some(number) = known.query_row((version, provider, model), |row| row.get(0)).optional()? {
        return Ok(number);
    }
    let mut insert =
        connection.prepare_cached("INSERT INTO price (version, provider, model, rates) VALUES (?1, ?2, ?3, ?4)")?;
    insert.execute((version, provider, model, price.rates.to_string()))?;
    Ok(connection.last_insert_rowid())
}

fn number_in(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    let kept = name.get(..name.floor_char_boundary(NAME_BYTES)).unwrap_or_default();
    let mut known = connection.prepare_cached("SELECT id FROM name WHERE text = ?1")?;
    if let Some(number) = known.query_row([kept], |row| row.get(0)).optional()? {
        return Ok(number);
    }
    connection.prepare_cached("INSERT INTO name (text) VALUES (?1)")?.execute([kept])?;
    Ok(connection.last_insert_rowid())
}

/// Writes rows inside a transaction.
pub struct Insert<'c> {
    transaction: &'c Transaction<'c>,
    statement: CachedStatement<'c>,
}

impl<'c> Insert<'c> {
    /// Prepares for the rows of one transaction.
    pub fn new(transaction: &'c Transaction<'c>) -> Result<Self, StoreError> {
        // A commit that failed after it took effect is tried again: a row that is there already is the same row.
        let statement = transaction.prepare_cached(
            "INSERT OR IGNORE INTO usage VALUES
             (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26,?27,?28,?29)",
        )?;
        Ok(Self { transaction, statement })
    }

    /// Writes one row. Says whether it was not there yet.
    pub fn row(&mut self, names: &mut Names, row: &UsageRow<'_>) -> Result<bool, StoreError> {
        let provider = names.number(self.transaction, row.provider)?;
        let model = names.number(self.transaction, row.model)?;
        let asked = row.model_asked.map(|asked| names.number(self.transaction, asked)).transpose()?;
        let surface = names.surface(self.transaction, row.surface)?;
        let price = row.price.map(|price| names.price(self.transaction, provider, model, price)).transpose()?;
        let session = match row.session {
            Some(session) => Some(names.sessions.number(self.transaction, row.token_id, session)?),
            None => None,
        };
        let agent = row.agent.map(|agent| names.number(self.transaction, agent)).transpose()?;
        let [uncached, read, short, long, output, reasoning] = row.counts.map(clamped);
        let integers = [
            row.id,
            row.exchange_id,
            row.skew_ms,
            clamped(row.total_us),
            clamped(row.first_byte_us),
            row.token_id,
            provider,
            model,
        ];
        let more = [
            surface,
            row.client_protocol.into(),
            row.upstream_protocol.into(),
            row.status.into(),
            row.outcome.into(),
            row.stream.into(),
            row.estimated.into(),
            uncached,
            read,
            short,
            long,
            output,
            reasoning,
        ];
        let statement = &mut self.statement;
        for (at, value) in (1..).zip(integers) {
            statement.raw_bind_parameter(at, value)?;
        }
        statement.raw_bind_parameter(9, asked)?;
        for (at, value) in (10..).zip(more) {
            statement.raw_bind_parameter(at, value)?;
        }
        statement.raw_bind_parameter(23, row.request_id)?;
        statement.raw_bind_parameter(24, row.cost_nanos.min(MAX_NANOS).cast_signed())?;
        statement.raw_bind_parameter(25, price)?;
        statement.raw_bind_parameter(26, row.cost_assumed)?;
        statement.raw_bind_parameter(27, row.counted)?;
        statement.raw_bind_parameter(28, session)?;
        statement.raw_bind_parameter(29, agent)?;
        Ok(statement.raw_execute()? > 0)
    }
}

fn clamped(count: u64) -> i64 {
    count.min(MAX_COUNT).cast_signed()
}

/// Notes that records were dropped; returns the gap's number, with which it can grow.
pub fn open_gap(connection: &Connection, from_ms: i64, until_ms: i64, records: u64) -> Result<i64, StoreError> {
    connection.prepare_cached("INSERT INTO usage_gap (from_ms, until_ms, records) VALUES (?1, ?2, ?3)")?.execute((
        from_ms,
        until_ms,
        clamped(records),
    ))?;
    Ok(connection.last_insert_rowid())
}

/// Adds more dropped records to a gap.
pub fn grow_gap(connection: &Connection, gap: i64, until_ms: i64, records: u64) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE usage_gap SET until_ms = max(until_ms, ?2), records = records + ?3 WHERE id = ?1")?
        .execute((gap, until_ms, clamped(records)))?;
    Ok(())
}

/// The greatest id in the database, of attempts and their exchanges; 0 in an empty one.
pub fn greatest_id(connection: &Connection) -> Result<i64, StoreError> {
    // An exchange's id is older than those of its attempts, so the attempts' suffice: one step down the tree.
    Ok(connection.query_row("SELECT coalesce(max(id), 0) FROM usage", [], |row| row.get(0))?)
}
