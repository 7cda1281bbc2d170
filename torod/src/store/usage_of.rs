//! Questions about what some tokens have used: sums over a span of time, as a whole and by group.
//!
//! A span is a range of the primary key. A second index by token was measured and left out: it makes every row dearer by
//! a quarter and more, to save 75 ms per million rows that a question looks at.

use rusqlite::{Connection, Row, named_params};
use tokenrouter_shared::ids::first_of_ms;
use tokenrouter_shared::usage_of::{Buckets, UsageTotals};

use super::StoreError;

/// The sums of a group, in the order that [`totals`] reads them. All of them can be added.
const SUMS: &str = "
    sum(counted), count(*), sum(outcome <> 0), sum(input_uncached), sum(cache_read), sum(cache_write_5m),
    sum(cache_write_1h), sum(output), sum(reasoning),
    sum(CASE WHEN estimated THEN input_uncached + cache_read + cache_write_5m + cache_write_1h + output ELSE 0 END),
    sum(cost_nanos), sum(CASE WHEN price IS NULL THEN cost_nanos ELSE 0 END),
    sum(price IS NULL AND cost_nanos + input_uncached + cache_read + cache_write_5m + cache_write_1h + output > 0)";

/// A token and everything below it, what is gone included.
pub(super) const BELOW: &str = "
    WITH RECURSIVE below (id) AS (
        VALUES (:root)
        UNION SELECT token.id FROM token JOIN below ON token.parent_id = below.id
        UNION SELECT token_removed.id FROM token_removed JOIN below ON token_removed.parent_id = below.id
    ) SELECT id FROM below";

/// Whose rows of which time.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// The number of a token; those below it count with it. `None`: all rows.
    pub root: Option<i64>,
    /// From this time on, in milliseconds since 1970.
    pub since_ms: i64,
    /// Before this time.
    pub until_ms: i64,
}

impl Scope {
    fn filter(&self) -> String {
        let whose = if self.root.is_some() { format!("token_id IN ({BELOW})") } else { ":root IS NULL".to_owned() };
        format!("id >= :from AND id < :until AND {whose}")
    }

    fn ids(&self) -> (i64, i64) {
        (first_of_ms(self.since_ms), first_of_ms(self.until_ms))
    }
}

/// One group of rows.
#[derive(Clone, Debug)]
pub struct Group {
    /// The name; `None`: what belongs to none.
    pub key: Option<String>,
    /// Their sums.
    pub totals: UsageTotals,
}

fn totals(row: &Row<'_>, from: usize) -> rusqlite::Result<UsageTotals> {
    // A sum over no row is NULL; a negative one cannot come from our own rows.
    let at = |column: usize| -> rusqlite::Result<u64> {
        let value: Option<i64> = row.get(from + column)?;
        Ok(u64::try_from(value.unwrap_or(0)).unwrap_or(0))
    };
    Ok(UsageTotals {
        requests: at(0)?,
        attempts: at(1)?,
        failures: at(2)?,
        counts: Buckets {
            input_uncached: at(3)?,
            cache_read: at(4)?,
            cache_write_5m: at(5)?,
            cache_write_1h: at(6)?,
            output: at(7)?,
            reasoning: at(8)?,
        },
        estimated: at(9)?,
        cost_nanos: at(10)?,
        unpriced_nanos: at(11)?,
        unpriced_attempts: at(12)?,
    })
}

/// Everything in the scope.
pub fn total(connection: &Connection, scope: &Scope) -> Result<UsageTotals, StoreError> {
    let (from, until) = scope.ids();
    let mut statement = connection.prepare_cached(&format!("SELECT {SUMS} FROM usage WHERE {}", scope.filter()))?;
    let bound = named_params! { ":root": scope.root, ":from": from, ":until": until };
    Ok(statement.query_row(bound, |row| totals(row, 0))?)
}

/// The dearest models of the scope, `most` at most.
pub fn models(connection: &Connection, scope: &Scope, most: usize) -> Result<Vec<Group>, StoreError> {
    // Rows are grouped by number first, so that a name is looked up once per group and not once per row.
    let (from, until) = scope.ids();
    let mut statement = connection.prepare_cached(&format!(
        "SELECT (SELECT text FROM name WHERE id = number), grouped.* FROM (
             SELECT model AS number, {SUMS} FROM usage WHERE {} GROUP BY 1 ORDER BY 12 DESC, 3 DESC, 1 LIMIT :most
         ) AS grouped",
        scope.filter()
    ))?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let bound = named_params! { ":root": scope.root, ":from": from, ":until": until, ":most": most };
    let groups = statement.query_map(bound, |row| Ok(Group { key: row.get(0)?, totals: totals(row, 2)? }))?;
    Ok(groups.collect::<Result<_, _>>()?)
}

/// A conversation and what it used.
#[derive(Clone, Debug)]
pub struct SessionSums {
    /// The agent's own id of it; `None`: rows without one.
    pub id: Option<String>,
    /// The id of the one that it was begun by.
    pub parent: Option<String>,
    /// The program that asked, where it was always the same.
    pub agent: Option<String>,
    /// When the first of its attempts began, in milliseconds since 1970.
    pub first_ms: i64,
    /// When the last one did.
    pub last_ms: i64,
    /// Its sums.
    pub totals: UsageTotals,
}

/// The conversations of the scope, the oldest first, `most` at most, and how many there are.
pub fn sessions(connection: &Connection, scope: &Scope, most: usize) -> Result<(Vec<SessionSums>, u64), StoreError> {
    let (from, until) = scope.ids();
    let mut statement = connection.prepare_cached(&format!(
        "SELECT agent_session.text, agent_session.parent, (SELECT text FROM name WHERE id = agent), grouped.*
         FROM (
             SELECT session, count(*) OVER () AS groups, CASE WHEN min(agent) = max(agent) THEN max(agent) END AS agent,
                 min(id) >> 20 AS first_ms, max(id) >> 20 AS last_ms, {SUMS}
             FROM usage WHERE {} GROUP BY session ORDER BY min(id) LIMIT :most
         ) AS grouped LEFT JOIN agent_session ON agent_session.id = grouped.session ORDER BY first_ms, session",
        scope.filter()
    ))?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut rows =
        statement.query(named_params! { ":root": scope.root, ":from": from, ":until": until, ":most": most })?;
    let (mut sessions, mut count) = (Vec::new(), 0_i64);
    while let Some(row) = rows.next()? {
        count = row.get(4)?;
        sessions.push(SessionSums {
            id: row.get(0)?,
            parent: row.get(1)?,
            agent: row.get(2)?,
            first_ms: row.get(6)?,
            last_ms: row.get(7)?,
            totals: totals(row, 8)?,
        });
    }
    Ok((sessions, u64::try_from(count).unwrap_or(0)))
}

/// Records of all tokens that were lost from `since_ms` to before `until_ms`.
pub fn lost(connection: &Connection, since_ms: i64, until_ms: i64) -> Result<u64, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT coalesce(sum(records), 0) FROM usage_gap WHERE until_ms >= ?1 AND from_ms < ?2")?;
    let lost: i64 = statement.query_row((since_ms, until_ms), |row| row.get(0))?;
    Ok(u64::try_from(lost).unwrap_or(0))
}
