//! What one provider was used for, day by day and model by model, to be held against its own bill.

use rusqlite::{Connection, OptionalExtension as _};
use tokenrouter_shared::figures::{Dimension, StepUnit, Totals};
use tokenrouter_shared::ids::first_of_ms;

use super::StoreError;
use super::figures::{Line, Question, Step, figures};

const DAY_MS: i64 = 86_400_000;
/// Models of one provider that are told apart.
const MOST_MODELS: usize = 10_000;

/// Sums of one model on one day of UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ours {
    /// Days since 1970.
    pub day: i64,
    /// The model as it was sent.
    pub model: String,
    /// Calls that came to anything.
    pub calls: u64,
    /// LLM tokens: input uncached, cache read, written (any lifetime), output.
    pub tokens: [u64; 4],
    /// Of all tokens, those that are our estimate.
    pub estimated: u64,
    /// What they cost, in nano-dollars.
    pub nanos: u64,
    /// Of the cost, what was reckoned by the price for unknown models.
    pub unpriced_nanos: u64,
    /// Of the cost, that of calls for which a rate was taken by rule.
    pub assumed_nanos: u64,
    /// What the provider said in its answers that they cost, where it did.
    pub told_nanos: u64,
    /// The versions of prices that they were reckoned by.
    pub versions: String,
}

/// Sums of what `provider` was used for from `since_ms` to before `until_ms`. Failures that cost nothing are left out.
pub fn of_provider(
    connection: &Connection,
    provider: &str,
    since_ms: i64,
    until_ms: i64,
) -> Result<Vec<Ours>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT (u.id >> 20) / 86400000 AS day, (SELECT text FROM name WHERE id = u.model), count(*),
            sum(u.input_uncached), sum(u.cache_read), sum(u.cache_write_5m + u.cache_write_1h), sum(u.output),
            sum(CASE WHEN u.estimated THEN u.input_uncached + u.cache_read + u.cache_write_5m + u.cache_write_1h + u.output
                ELSE 0 END),
            sum(u.cost_nanos), sum(CASE WHEN u.price IS NULL THEN u.cost_nanos ELSE 0 END),
            sum(CASE WHEN u.cost_assumed AND u.price IS NOT NULL THEN u.cost_nanos ELSE 0 END),
            sum(coalesce(d.told_nanos, 0)),
            replace(group_concat(DISTINCT p.version), ',', ', ')
         FROM usage AS u LEFT JOIN usage_detail AS d ON d.id = u.id LEFT JOIN price AS p ON p.id = u.price
         WHERE u.id >= ?2 AND u.id < ?3 AND u.provider = (SELECT id FROM name WHERE text = ?1)
            AND (u.outcome IN (0, 1) OR u.cost_nanos > 0 OR u.input_uncached + u.output > 0)
         GROUP BY day, u.model",
    )?;
    let rows = statement.query_map((provider, first_of_ms(since_ms), first_of_ms(until_ms)), |row| {
        let sum = |at: usize| -> rusqlite::Result<u64> {
            Ok(u64::try_from(row.get::<_, Option<i64>>(at)?.unwrap_or(0)).unwrap_or(0))
        };
        Ok(Ours {
            day: row.get(0)?,
            model: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
            calls: sum(2)?,
            tokens: [sum(3)?, sum(4)?, sum(5)?, sum(6)?],
            estimated: sum(7)?,
            nanos: sum(8)?,
            unpriced_nanos: sum(9)?,
            assumed_nanos: sum(10)?,
            told_nanos: sum(11)?,
            versions: row.get::<_, Option<String>>(12)?.unwrap_or_default(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The same of what is summed up, where the rows themselves may be gone: less is known of it.
pub fn of_sums(connection: &Connection, provider: &str, since_ms: i64, until_ms: i64) -> Result<Vec<Ours>, StoreError> {
    let day = Step { unit: StepUnit::Day, zone: "UTC".to_owned() };
    let question = Question { most: MOST_MODELS, ..Question::new(since_ms, until_ms) }
        .only(Dimension::Provider, provider)
        .by(Dimension::Model)
        .step(day);
    let ours = |line: Line| {
        let Totals { attempts, failures, counts, estimated, cost_nanos, unpriced_nanos, .. } = line.totals;
        let written = counts.cache_write_5m.saturating_add(counts.cache_write_1h);
        Ours {
            day: line.at_ms.unwrap_or(since_ms).div_euclid(DAY_MS),
            model: line.key.into_iter().flatten().next().unwrap_or_default(),
            calls: attempts.saturating_sub(failures),
            tokens: [counts.input_uncached, counts.cache_read, written, counts.output],
            estimated,
            nanos: cost_nanos,
            unpriced_nanos,
            ..Ours::default()
        }
    };
    let used = |ours: &Ours| ours.calls > 0 || ours.nanos > 0 || ours.tokens != [0; 4];
    Ok(figures(connection, &question)?.lines.into_iter().map(ours).filter(used).collect())
}

/// When the first attempt was made that anything is known of, its row or only a sum, in milliseconds since 1970.
pub fn first_known_ms(connection: &Connection) -> Result<Option<i64>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT min(first) FROM (SELECT min(first_ms) AS first FROM usage_sum UNION ALL SELECT min(id) >> 20 FROM usage)",
    )?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// The providers that there are rows of.
pub fn providers(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare(
        "SELECT text FROM name WHERE id IN (SELECT DISTINCT provider FROM price)
            OR id IN (SELECT provider FROM usage ORDER BY id DESC LIMIT 10000) ORDER BY text",
    )?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

/// When the first of the rows that are still there was made, in milliseconds since 1970.
pub fn first_ms(connection: &Connection) -> Result<Option<i64>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT id >> 20 FROM usage ORDER BY id LIMIT 1")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?)
}

/// Records that were lost on a day.
pub fn lost_on(connection: &Connection, day: i64) -> Result<u64, StoreError> {
    let (from, until) = (day * 86_400_000, (day + 1) * 86_400_000);
    let mut statement = connection
        .prepare_cached("SELECT coalesce(sum(records), 0) FROM usage_gap WHERE until_ms >= ?1 AND from_ms < ?2")?;
    let lost: i64 = statement.query_row((from, until), |row| row.get(0))?;
    Ok(u64::try_from(lost).unwrap_or(0))
}
