//! Usage rows at rest. A row is integers only; names are stored once and numbered.

use std::fmt;
use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, Transaction};
use tokenrouter::count::Report;
use tokenrouter_shared::figures::Totals;
use tokenrouter_shared::ids::ms_of;

use super::StoreError;
use super::agent_sessions::AgentSession;
use super::detail;
use super::figures::block::{self, Entry, Facts};
pub use super::names::Names;
use super::origins::Origin;
use super::spend::Sum;

/// The greatest count that is stored, so that no hostile figure makes a sum overflow.
const MAX_COUNT: u64 = 1 << 40;

/// The greatest cost that is stored, for the same reason: no attempt costs a hundred thousand dollars.
pub(super) const MAX_NANOS: u64 = 100_000_000_000_000;

/// The same for savings.
const MAX_SAVINGS: i64 = MAX_NANOS.cast_signed();

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
    /// What the provider reported, where that is more than the counts.
    pub detail: Option<&'a Report>,
    /// The label of the provider's key; empty: none.
    pub credential: &'a Arc<str>,
    /// Where the request came from.
    pub origin: Origin<'a>,
    /// Whether it is the first attempt of its exchange.
    pub is_first: bool,
    /// Why it failed, numbered by the caller; 0: it did not.
    pub error_class: u8,
    /// Fields of the request that the provider was not told.
    pub degraded: u16,
    /// Their names, where there are any.
    pub degraded_fields: Option<&'a Arc<str>>,
    /// What the prompt cache saved, in nano-dollars; negative: what it cost more.
    pub savings_nanos: i64,
    /// How long the provider says that it wrote, in microseconds; 0: it did not say.
    pub generation_us: u32,
    /// How long it says that it read, in microseconds; 0: it did not say.
    pub prompt_us: u32,
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

impl UsageRow<'_> {
    fn facts(&self) -> Facts {
        Facts {
            is_first: self.is_first,
            counted: self.counted,
            degraded: self.degraded.into(),
            counts: self.counts.map(clamped),
            estimated: self.estimated,
            cost_nanos: self.cost_nanos.min(MAX_NANOS).cast_signed(),
            unpriced: self.price.is_none(),
            savings_nanos: self.savings_nanos.clamp(-MAX_SAVINGS, MAX_SAVINGS),
            total_us: clamped(self.total_us),
            first_byte_us: clamped(self.first_byte_us),
            generation_us: self.generation_us.into(),
            prompt_us: self.prompt_us.into(),
        }
    }
}

/// Sums of rows that grow row by row, exactly as reports tell them of the same rows.
#[derive(Debug, Default)]
pub struct Tally(block::Sums);

impl Tally {
    /// One more.
    pub fn add(&mut self, row: &UsageRow<'_>) {
        let sums = row.facts().sums(row.outcome == 0, row.stream);
        for (sum, more) in self.0.iter_mut().zip(sums) {
            *sum = sum.saturating_add(more);
        }
    }

    /// What they come to.
    pub fn totals(&self) -> Totals {
        block::totals(&self.0)
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
/// Writes rows inside a transaction.
pub struct Insert<'c> {
    transaction: &'c Transaction<'c>,
    statement: CachedStatement<'c>,
    failure: CachedStatement<'c>,
    round: i64,
}

/// A row that was written, as it is summed up.
#[derive(Debug)]
pub struct Written {
    pub(super) id: i64,
    pub(super) entry: Entry,
}

impl<'c> Insert<'c> {
    /// Prepares for the rows of one transaction, which are part of `round`.
    pub fn new(transaction: &'c Transaction<'c>, round: i64) -> Result<Self, StoreError> {
        // A commit that failed after it took effect is tried again: a row that is there already is the same row.
        let statement = transaction.prepare_cached(
            "INSERT OR IGNORE INTO usage (id, exchange_id, skew_ms, total_us, first_byte_us, token_id, provider, model,
                model_asked, surface, client_protocol, upstream_protocol, status, outcome, stream, estimated,
                input_uncached, cache_read, cache_write_5m, cache_write_1h, output, reasoning, request_id, cost_nanos,
                price, cost_assumed, counted, session, agent, credential, origin, is_first, error_class, degraded,
                savings_nanos, generation_us, prompt_us, round)
             VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26,?27,
                ?28,?29,?30,?31,?32,?33,?34,?35,?36,?37,?38)",
        )?;
        let failure = transaction.prepare_cached("INSERT OR IGNORE INTO usage_failure VALUES (?1)")?;
        Ok(Self { transaction, statement, failure, round })
    }

    /// Writes one row; none where it was there already.
    pub fn row(&mut self, names: &mut Names, row: &UsageRow<'_>) -> Result<Option<Written>, StoreError> {
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
        let credential =
            if row.credential.is_empty() { None } else { Some(names.number(self.transaction, row.credential)?) };
        let origin = names.origin(self.transaction, &row.origin)?;
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
        statement.raw_bind_parameter(30, credential)?;
        let last = [
            origin,
            row.is_first.into(),
            row.error_class.into(),
            row.degraded.into(),
            row.savings_nanos.clamp(-MAX_SAVINGS, MAX_SAVINGS),
            row.generation_us.into(),
            row.prompt_us.into(),
            self.round,
        ];
        for (at, value) in (31..).zip(last) {
            statement.raw_bind_parameter(at, value)?;
        }
        if statement.raw_execute()? == 0 {
            return Ok(None);
        }
        if let Some(fields) = row.degraded_fields {
            let sql = "INSERT OR IGNORE INTO usage_degraded VALUES (?1, ?2)";
            self.transaction.prepare_cached(sql)?.execute((row.id, &**fields))?;
        }
        if let Some(report) = row.detail {
            detail::keep(self.transaction, row.id, report)?;
        }
        if row.outcome != 0 {
            self.failure.execute([row.id])?;
        }
        let dims = [
            row.token_id,
            provider,
            model,
            asked.unwrap_or(model),
            credential.unwrap_or(0),
            surface,
            row.client_protocol.into(),
            row.status.into(),
            row.outcome.into(),
            row.error_class.into(),
            row.stream.into(),
            agent.unwrap_or(0),
            session.unwrap_or(0),
            origin,
        ];
        Ok(Some(Written { id: row.id, entry: Entry::of(ms_of(row.id), dims, &row.facts()) }))
    }
}

/// A count as it is stored.
pub(super) fn clamped(count: u64) -> i64 {
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
