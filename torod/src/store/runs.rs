//! Runs at rest: tokens that were made for one, whether they are still there or not.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use tokenrouter_shared::run::{RunEnd, RunSpent};
use tokenrouter_shared::{Labels, Limits};

use super::StoreError;
use super::token_list::escaped;
use super::usage_of::BELOW;

/// A run.
#[derive(Clone, Debug)]
pub struct RunRow {
    /// Its token's number.
    pub id: i64,
    /// `tok_…`
    pub public_id: String,
    /// Its name.
    pub name: String,
    /// What people sort and search by.
    pub labels: Labels,
    /// What it might use up.
    pub limits: Limits,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended.
    pub ended_ms: Option<i64>,
    /// How.
    pub ended_by: RunEnd,
    /// What the agent returned.
    pub exit_code: Option<u8>,
    /// The signal that the agent died of.
    pub exit_signal: Option<u8>,
}

/// Which runs are asked for.
#[derive(Clone, Debug)]
pub struct RunQuery {
    /// Only this token and those below it.
    pub root: Option<i64>,
    /// Only those with this text in name, id or labels.
    pub text: Option<String>,
    /// Only those that began at this time or later, in milliseconds since 1970.
    pub since_ms: i64,
    /// Only those before this one.
    pub before: i64,
    /// So many at most.
    pub limit: usize,
    /// The time, in milliseconds since 1970.
    pub now_ms: i64,
}

/// Every token, as a table `one`; `{}` stands for what is asked of both of its halves.
fn all(conditions: &str) -> String {
    format!(
        "SELECT id, public_id, name, labels, limits, created_ms,
             CASE WHEN revoked_ms IS NOT NULL THEN revoked_ms WHEN ends_ms <= :now THEN ends_ms END AS ended_ms,
             CASE WHEN revoked_ms IS NOT NULL THEN coalesce(end_reason, 'revoked')
                 WHEN ends_ms <= :now THEN 'expired' ELSE 'running' END AS ended_by, exit_code, exit_signal
         FROM token WHERE {conditions}
         UNION ALL
         SELECT id, public_id, name, labels, limits, created_ms, ended_ms, coalesce(end_reason, 'revoked'), exit_code,
             exit_signal
         FROM token_removed WHERE {conditions}"
    )
}

/// What is read out, with labels and limits as text; checked by [`checked`].
type Raw = (RunRow, [String; 2]);

fn read(row: &Row<'_>) -> rusqlite::Result<Raw> {
    let run = RunRow {
        id: row.get(0)?,
        public_id: row.get(1)?,
        name: row.get(2)?,
        labels: Labels::new(),
        limits: Limits::default(),
        started_ms: row.get(5)?,
        ended_ms: row.get(6)?,
        // The column holds these words or nothing.
        ended_by: row.get::<_, String>(7)?.parse().unwrap_or(RunEnd::Revoked),
        exit_code: row.get(8)?,
        exit_signal: row.get(9)?,
    };
    Ok((run, [row.get(3)?, row.get(4)?]))
}

fn checked((mut run, [labels, limits]): Raw) -> Result<RunRow, StoreError> {
    let damaged = |error: serde_json::Error| StoreError::Damaged(format!("token {}: {error}", run.public_id));
    run.labels = serde_json::from_str(&labels).map_err(damaged)?;
    run.limits = serde_json::from_str(&limits).map_err(damaged)?;
    Ok(run)
}

/// The runs of a page, the newest first, and whether there are more.
pub fn page(connection: &Connection, query: &RunQuery) -> Result<(Vec<RunRow>, bool), StoreError> {
    let whose = if query.root.is_some() { format!("id IN ({BELOW})") } else { ":root IS NULL".to_owned() };
    let text = if query.text.is_some() {
        r"(name LIKE :text ESCAPE '\' OR public_id LIKE :text ESCAPE '\' OR EXISTS (
             SELECT 1 FROM json_each(labels) WHERE key || '=' || value LIKE :text ESCAPE '\'))"
    } else {
        ":text IS NULL"
    };
    let conditions = format!("run = 1 AND id < :before AND created_ms >= :since AND {whose} AND {text}");
    let sql = format!("{} ORDER BY id DESC LIMIT :limit", all(&conditions));
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(
        named_params! {
            ":now": query.now_ms,
            ":root": query.root,
            ":before": query.before,
            ":since": query.since_ms,
            ":text": query.text.as_ref().map(|text| format!("%{}%", escaped(text))),
            ":limit": i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1),
        },
        read,
    )?;
    let mut runs = rows.map(|row| checked(row?)).collect::<Result<Vec<_>, _>>()?;
    let has_more = runs.len() > query.limit;
    runs.truncate(query.limit);
    Ok((runs, has_more))
}

/// The run of the token with a public id.
pub fn find(connection: &Connection, public_id: &str, now_ms: i64) -> Result<Option<RunRow>, StoreError> {
    let mut statement = connection.prepare_cached(&all("run = 1 AND public_id = :id"))?;
    statement.query_row(named_params! { ":now": now_ms, ":id": public_id }, read).optional()?.map(checked).transpose()
}

/// What a token and those below it took from budgets since they were made.
pub fn spent(connection: &Connection, id: i64) -> Result<RunSpent, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT coalesce(sum(requests), 0), coalesce(sum(tokens), 0), coalesce(sum(cost_nanos), 0)
         FROM spend_total WHERE token_id IN ({BELOW})"
    ))?;
    let sum = |row: &Row<'_>, at: usize| row.get::<_, i64>(at).map(|sum| u64::try_from(sum).unwrap_or(0));
    Ok(statement.query_row(named_params! { ":root": id }, |row| {
        Ok(RunSpent { requests: sum(row, 0)?, tokens: sum(row, 1)?, cost_nanos: sum(row, 2)? })
    })?)
}

/// What reports tell of a token, also of one that is gone.
#[derive(Clone, Debug)]
pub struct TokenFacts {
    /// Its number.
    pub id: i64,
    /// `tok_…`
    pub public_id: String,
    /// Its name.
    pub name: String,
    /// The number of the token above it.
    pub parent_id: Option<i64>,
    /// Whether it was made for a run.
    pub run: bool,
    /// Whether it is gone.
    pub is_removed: bool,
}

/// The token with a number.
pub fn token(connection: &Connection, id: i64) -> Result<Option<TokenFacts>, StoreError> {
    token_where(connection, "id = ?1", id)
}

/// The token with a public id.
pub fn token_named(connection: &Connection, public_id: &str) -> Result<Option<TokenFacts>, StoreError> {
    token_where(connection, "public_id = ?1", public_id)
}

fn token_where(
    connection: &Connection,
    condition: &str,
    value: impl rusqlite::ToSql,
) -> Result<Option<TokenFacts>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT id, public_id, name, parent_id, run, 0 FROM token WHERE {condition}
         UNION ALL SELECT id, public_id, name, parent_id, run, 1 FROM token_removed WHERE {condition}"
    ))?;
    let facts = |row: &Row<'_>| {
        Ok(TokenFacts {
            id: row.get(0)?,
            public_id: row.get(1)?,
            name: row.get(2)?,
            parent_id: row.get(3)?,
            run: row.get(4)?,
            is_removed: row.get(5)?,
        })
    };
    Ok(statement.query_row([value], facts).optional()?)
}

/// Whether `id` is `root` or lies, or lay, below it.
pub fn is_within(connection: &Connection, id: i64, root: i64) -> Result<bool, StoreError> {
    let mut at = Some(id);
    // A child is younger than its parent, so the numbers fall on the way up and it ends.
    while let Some(id) = at.filter(|id| *id >= root) {
        if id == root {
            return Ok(true);
        }
        at = token(connection, id)?.and_then(|token| token.parent_id).filter(|parent| *parent < id);
    }
    Ok(false)
}
