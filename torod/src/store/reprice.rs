//! Rows whose cost is reckoned anew: read piece by piece, and corrected with everything that was summed from them.

use rusqlite::{Connection, OptionalExtension as _, Transaction};
use tokenrouter::count::{Counts, Report};
use tokenrouter_shared::ids::{first_of_ms, ms_of};

use super::figures::block::{self, Entry};
use super::history::State;
use super::history::late::{Late, Place};
use super::usage::PriceRow;
use super::{StoreError, detail};

/// The greatest cost that is stored; see [`super::usage`].
const MAX_NANOS: u64 = super::usage::MAX_NANOS;

/// Which rows.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// From when on, in milliseconds since 1970.
    pub since_ms: i64,
    /// Until when, exclusive.
    pub until_ms: i64,
    /// Of these providers alone, by the numbers of their names; none: of all.
    pub providers: Option<Vec<i64>>,
    /// The same for models.
    pub models: Option<Vec<i64>>,
    /// Those whose price was known as well.
    pub all: bool,
}

/// A row as it stands.
#[derive(Clone, Debug)]
pub struct Priced {
    /// Its id.
    pub id: i64,
    /// When the attempt began, in milliseconds since 1970.
    pub started_ms: i64,
    /// Whose it is; 0: no key.
    pub token_id: i64,
    /// Whether a budget paid for it: nobody pays for what another program had written down.
    pub is_paid: bool,
    /// Of summing up; see [`super::history`].
    round: Option<i64>,
    /// The number of its provider's name.
    pub provider: i64,
    /// The number of its model's name.
    pub model: i64,
    /// What was reported.
    pub report: Report,
    /// What it cost until now, in nano-dollars.
    pub nanos: u64,
    /// Whether a rate was taken by rule.
    pub assumed: bool,
    /// The number of the price that this was reckoned by; none: nobody knew one.
    pub price: Option<i64>,
}

/// The numbers of names, for [`Which`]; those that no row has are left out.
pub fn numbers(connection: &Connection, names: &[String]) -> Result<Vec<i64>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT id FROM name WHERE text = ?1")?;
    let found = names.iter().map(|name| statement.query_row([name], |row| row.get(0)).optional());
    Ok(found.collect::<Result<Vec<Option<i64>>, _>>()?.into_iter().flatten().collect())
}

/// The text of a name.
pub fn name(connection: &Connection, number: i64) -> Result<String, StoreError> {
    let mut statement = connection.prepare_cached("SELECT text FROM name WHERE id = ?1")?;
    Ok(statement.query_row([number], |row| row.get(0)).optional()?.unwrap_or_default())
}

/// The rows after `after_id` that may cost something else, at most `limit` of them, in the order of their ids; and until
/// which id was looked, if not to the end.
pub fn rows(
    connection: &Connection,
    which: &Which,
    after_id: i64,
    limit: usize,
) -> Result<(Vec<Priced>, Option<i64>), StoreError> {
    let from = first_of_ms(which.since_ms).max(after_id.saturating_add(1));
    let until = first_of_ms(which.until_ms);
    // So many rows are looked at, whatever is chosen of them: a piece takes about the same time everywhere.
    let mut last =
        connection.prepare_cached("SELECT id FROM usage WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 1 OFFSET ?3")?;
    let next: Option<i64> =
        last.query_row((from, until, i64::try_from(limit).unwrap_or(i64::MAX)), |row| row.get(0)).optional()?;
    let end = next.unwrap_or(until);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT u.id, u.skew_ms, u.token_id, u.provider, u.model, u.input_uncached, u.cache_read, u.cache_write_5m,
            u.cache_write_1h, u.output, u.reasoning, u.cost_nanos, u.cost_assumed, u.price,
            u.token_id <> 0 AND u.surface IS NOT (SELECT id FROM name WHERE text = ?4), u.round, {}
         FROM usage AS u LEFT JOIN usage_detail AS d ON d.id = u.id
         WHERE u.id >= ?1 AND u.id < ?2 AND (u.price IS NOT NULL
            OR u.cost_nanos + u.input_uncached + u.cache_read + u.cache_write_5m + u.cache_write_1h + u.output > 0) AND (?3 OR u.price IS NULL)",
        detail::COLUMNS
    ))?;
    let found = statement.query_map((from, end, which.all, super::imported::SURFACE), |row| {
        let count = |at: usize| -> rusqlite::Result<u64> { Ok(u64::try_from(row.get::<_, i64>(at)?).unwrap_or(0)) };
        let counts = Counts {
            input_uncached: count(5)?,
            cache_read: count(6)?,
            cache_write_5m: count(7)?,
            cache_write_1h: count(8)?,
            output: count(9)?,
            reasoning: count(10)?,
        };
        let id: i64 = row.get(0)?;
        Ok(Priced {
            id,
            started_ms: ms_of(id).saturating_add(row.get(1)?),
            token_id: row.get(2)?,
            provider: row.get(3)?,
            model: row.get(4)?,
            is_paid: row.get(14)?,
            round: row.get(15)?,
            report: detail::read(row, 16, counts)?,
            nanos: count(11)?,
            assumed: row.get(12)?,
            price: row.get(13)?,
        })
    })?;
    let is_meant = |row: &Priced| {
        let among = |numbers: &Option<Vec<i64>>, number| numbers.as_ref().is_none_or(|all| all.contains(&number));
        among(&which.providers, row.provider) && among(&which.models, row.model)
    };
    let rows: Result<Vec<_>, rusqlite::Error> = found.filter(|row| row.as_ref().map_or(true, is_meant)).collect();
    Ok((rows?, next.map(|next| next - 1)))
}

/// The number of a price, which is kept where it is not yet.
pub(super) fn price_number(
    connection: &Connection,
    version: &str,
    provider: i64,
    model: i64,
    rates: impl std::fmt::Display,
) -> Result<i64, StoreError> {
    let mut known =
        connection.prepare_cached("SELECT id FROM price WHERE version = ?1 AND provider = ?2 AND model = ?3")?;
    if let Some(number) = known.query_row((version, provider, model), |row| row.get(0)).optional()? {
        return Ok(number);
    }
    let mut add =
        connection.prepare_cached("INSERT INTO price (version, provider, model, rates) VALUES (?1, ?2, ?3, ?4)")?;
    add.execute((version, provider, model, rates.to_string()))?;
    Ok(connection.last_insert_rowid())
}

/// What a row costs now.
#[derive(Clone, Copy, Debug)]
pub struct Correction<'a> {
    /// The row as it stood.
    pub row: &'a Priced,
    /// What it costs, in nano-dollars.
    pub nanos: u64,
    /// What the prompt cache saved.
    pub saved_nanos: i64,
    /// Whether a rate was taken by rule.
    pub assumed: bool,
    /// By which price.
    pub price: PriceRow<'a>,
}

impl Correction<'_> {
    /// By how much the cost grows, as it is stored.
    pub fn difference(&self) -> i64 {
        self.nanos.min(MAX_NANOS).cast_signed() - self.row.nanos.cast_signed()
    }
}

/// Writes corrections, and puts right what was summed from these rows.
pub fn correct(transaction: &Transaction<'_>, corrections: &[Correction<'_>]) -> Result<(), StoreError> {
    let mut sums = super::spend::Sums::default();
    let (state, mut late, mut is_in_memory) = (State::read(transaction)?, Late::default(), false);
    {
        let mut update = transaction.prepare_cached(
            "UPDATE usage SET cost_nanos = ?2, cost_assumed = ?3, price = ?4, savings_nanos = ?5 WHERE id = ?1",
        )?;
        let mut select = transaction.prepare_cached(&format!("SELECT {} FROM usage WHERE id = ?1", block::COLUMNS))?;
        for correction in corrections {
            let Correction { row, nanos, saved_nanos, assumed, price } = correction;
            let number = price_number(transaction, price.version, row.provider, row.model, price.rates)?;
            let before = select.query_row([row.id], Entry::read)?;
            let most = MAX_NANOS.cast_signed();
            let saved_nanos = (*saved_nanos).clamp(-most, most);
            update.execute((row.id, nanos.min(&MAX_NANOS).cast_signed(), assumed, number, saved_nanos))?;
            match state.place(row.id, row.round) {
                Place::Chunk => late.change(&before, &select.query_row([row.id], Entry::read)?),
                Place::Rows => {}
                Place::Memory => is_in_memory = true,
            }
            if row.is_paid {
                let nanos = correction.difference();
                sums.add(ms_of(row.id), row.token_id, super::spend::Sum { requests: 0, tokens: 0, nanos });
            }
        }
    }
    late.close(transaction)?;
    if is_in_memory {
        transaction.prepare_cached("UPDATE usage_fold SET edition = edition + 1")?.execute([])?;
    }
    sums.write(transaction)
}
