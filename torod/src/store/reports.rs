//! Questions about usage, asked on read connections.

use rusqlite::{Connection, Row};
use tokenrouter_shared::ids::first_of_ms;
use tokenrouter_shared::usage::{UsageBy, UsageReport, UsageRow, UsageSums};

use super::StoreError;

/// The sums of a group, in the order that [`sums`] reads them.
const SUMS: &str = "
    count(DISTINCT exchange_id), count(*), sum(outcome <> 0),
    sum(input_uncached), sum(cache_read), sum(cache_write_5m + cache_write_1h), sum(output), sum(reasoning),
    sum(CASE WHEN estimated THEN input_uncached + cache_read + cache_write_5m + cache_write_1h + output ELSE 0 END),
    sum(CASE WHEN price IS NULL THEN 0 ELSE cost_nanos END), sum(CASE WHEN price IS NULL THEN cost_nanos ELSE 0 END),
    sum(price IS NULL AND cost_nanos + input_uncached + cache_read + cache_write_5m + cache_write_1h + output > 0)";

fn sums(row: &Row<'_>, from: usize) -> rusqlite::Result<UsageSums> {
    // A sum over no row is NULL; a negative one cannot come from our own rows.
    let at = |column: usize| -> rusqlite::Result<u64> {
        let value: Option<i64> = row.get(from + column)?;
        Ok(u64::try_from(value.unwrap_or(0)).unwrap_or(0))
    };
    Ok(UsageSums {
        requests: at(0)?,
        attempts: at(1)?,
        failed: at(2)?,
        input_uncached: at(3)?,
        cache_read: at(4)?,
        cache_write: at(5)?,
        output: at(6)?,
        reasoning: at(7)?,
        estimated: at(8)?,
        cost_nanos: at(9)?,
        unpriced_nanos: at(10)?,
        unpriced_attempts: at(11)?,
    })
}

/// Usage from `since_ms` to before `until_ms` (milliseconds since 1970), most LLM tokens first.
pub fn usage(connection: &Connection, since_ms: i64, until_ms: i64, by: UsageBy) -> Result<UsageReport, StoreError> {
    // Rows are grouped by number first, so that a name is looked up once per group and not once per row.
    let (column, name) = match by {
        UsageBy::Model => ("model", "(SELECT text FROM name WHERE id = usage.model)"),
        UsageBy::Provider => ("provider", "(SELECT text FROM name WHERE id = usage.provider)"),
        UsageBy::Token => (
            "token_id",
            "CASE token_id WHEN 0 THEN '(no key)' ELSE coalesce(
                 (SELECT name || ' (' || public_id || ')' FROM token WHERE id = token_id),
                 (SELECT name || ' (' || public_id || ', removed)' FROM token_removed WHERE id = token_id)) END",
        ),
    };
    let range = (first_of_ms(since_ms), first_of_ms(until_ms));
    // One transaction, so that the rows and the total see the same moment.
    let transaction = connection.unchecked_transaction()?;
    let mut rows = {
        let mut statement = transaction.prepare(&format!(
            "SELECT coalesce({name}, '#' || {column}), {SUMS}
             FROM usage WHERE id >= ?1 AND id < ?2 GROUP BY {column}"
        ))?;
        let rows = statement.query_map(range, |row| Ok(UsageRow { name: row.get(0)?, sums: sums(row, 1)? }))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()?
    };
    let total =
        transaction
            .query_row(&format!("SELECT {SUMS} FROM usage WHERE id >= ?1 AND id < ?2"), range, |row| sums(row, 0))?;
    let lost: i64 = transaction.query_row(
        "SELECT coalesce(sum(records), 0) FROM usage_gap WHERE until_ms >= ?1 AND from_ms < ?2",
        (since_ms, until_ms),
        |row| row.get(0),
    )?;
    rows.sort_by(|a, b| b.sums.total().cmp(&a.sums.total()).then_with(|| a.name.cmp(&b.name)));
    Ok(UsageReport { since_ms, until_ms, by, rows, total, lost_records: u64::try_from(lost).unwrap_or(0) })
}

/// What one token has used from `since_ms` to before `until_ms` (milliseconds since 1970), without those below it.
pub fn of_token(connection: &Connection, token_id: i64, since_ms: i64, until_ms: i64) -> Result<UsageSums, StoreError> {
    let sql = format!("SELECT {SUMS} FROM usage WHERE id >= ?1 AND id < ?2 AND token_id = ?3");
    let range = (first_of_ms(since_ms), first_of_ms(until_ms), token_id);
    Ok(connection.prepare_cached(&sql)?.query_row(range, |row| sums(row, 0))?)
}
