//! The last lines of the log at rest: written in batches, read page by page, and no more of them than are wanted.

use rusqlite::types::Value as Bound;
use rusqlite::{Connection, TransactionBehavior, params_from_iter};
use tokenrouter_shared::log::{Level, LogLine};

use super::StoreError;
use super::audit::{self, Entry};
use super::token_list::escaped;

/// The most lines that go with one batch, where there are more than are wanted: one delete is to be short.
const MOST_TRIMMED: i64 = 2_000;

/// A line as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLine {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// How important it is.
    pub level: Level,
    /// Which part of the program says it.
    pub target: &'static str,
    /// What it says.
    pub message: String,
    /// A JSON object, where it says more.
    pub fields: Option<String>,
    /// The request that it is about.
    pub request_id: Option<String>,
}

/// Adds `lines` and takes the oldest away, as long as there are more than `keep`.
pub fn add(connection: &mut Connection, lines: &[NewLine], keep: u32) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO log (at_ms, level, target, message, fields, request_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for line in lines {
            let NewLine { at_ms, level, target, message, fields, request_id } = line;
            insert.execute((at_ms, number(*level), target, message, fields, request_id))?;
        }
        // Numbers have no gaps but those that were taken away, so counting is not needed.
        let mut trim = transaction.prepare_cached(
            "DELETE FROM log WHERE id <= min((SELECT max(id) FROM log) - ?1, (SELECT min(id) FROM log) + ?2)",
        )?;
        trim.execute((keep, MOST_TRIMMED.max(i64::try_from(lines.len()).unwrap_or(i64::MAX))))?;
    }
    Ok(transaction.commit()?)
}

/// Takes all lines away, with an entry in the audit trail; says how many there were.
pub fn clear(connection: &mut Connection, actor: &str, now_ms: i64) -> Result<u64, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let lines = transaction.execute("DELETE FROM log", [])? as u64;
    let detail = format!("{lines} lines");
    audit::add(&transaction, &Entry { at_ms: now_ms, actor, action: "log.clear", subject: "log", detail: &detail })?;
    transaction.commit()?;
    Ok(lines)
}

/// Which lines.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// Only those of this importance or more.
    pub level: Option<Level>,
    /// Only from this part of the program, or from one whose name begins so.
    pub target: Option<String>,
    /// Only those about this request.
    pub request_id: Option<String>,
    /// Only those with this text in message, fields or request.
    pub text: Option<String>,
    /// Only from this time on, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Only before this time, in milliseconds since 1970.
    pub until_ms: Option<i64>,
    /// Only those older than the line with this number.
    pub before: Option<i64>,
    /// Only those newer than the line with this number, the oldest first.
    pub after: Option<i64>,
    /// So many at most.
    pub limit: usize,
}

/// Lines, the newest first, or with `after` the oldest first; and whether there are more.
pub fn page(connection: &Connection, query: &LogQuery) -> Result<(Vec<LogLine>, bool), StoreError> {
    let mut values: Vec<Bound> = Vec::new();
    let mut conditions = vec!["TRUE".to_owned()];
    let mut given = |condition: &str, value: Option<Bound>| {
        if let Some(value) = value {
            values.push(value);
            conditions.push(condition.replace('?', &format!("?{}", values.len())));
        }
    };
    given("level <= ?", query.level.map(|level| number(level).into()));
    given("(target = ? OR substr(target, 1, length(?) + 2) = ? || '::')", query.target.clone().map(Into::into));
    given("request_id = ?", query.request_id.clone().map(Into::into));
    let like = query.text.as_ref().map(|text| format!("%{}%", escaped(text)));
    given(
        r"(message LIKE ? ESCAPE '\' OR fields LIKE ? ESCAPE '\' OR request_id LIKE ? ESCAPE '\')",
        like.map(Into::into),
    );
    given("at_ms >= ?", query.since_ms.map(Into::into));
    given("at_ms < ?", query.until_ms.map(Into::into));
    given("id < ?", query.before.map(Into::into));
    given("id > ?", query.after.map(Into::into));
    values.push(i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1).into());
    let sql = format!(
        "SELECT id, at_ms, level, target, message, fields, request_id FROM log WHERE {} ORDER BY id {} LIMIT ?{}",
        conditions.join(" AND "),
        if query.after.is_some() { "ASC" } else { "DESC" },
        values.len()
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        let level: u16 = row.get(2)?;
        let fields: Option<String> = row.get(5)?;
        Ok(LogLine {
            id: row.get(0)?,
            at_ms: row.get(1)?,
            level: Level::ALL.get(usize::from(level)).copied().unwrap_or(Level::Trace),
            target: row.get(3)?,
            message: row.get(4)?,
            fields: fields.and_then(|text| serde_json::from_str(&text).ok()),
            request_id: row.get(6)?,
        })
    })?;
    let mut lines = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let has_more = lines.len() > query.limit;
    lines.truncate(query.limit);
    Ok((lines, has_more))
}

/// The greatest number that a line was ever given; 0: none was.
pub fn last(connection: &Connection) -> Result<i64, StoreError> {
    let sql = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'log'), 0)";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

fn number(level: Level) -> i64 {
    Level::ALL.iter().position(|known| *known == level).and_then(|at| i64::try_from(at).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    fn line(n: i64) -> NewLine {
        NewLine {
            at_ms: n,
            level: Level::ALL[n as usize % 5],
            target: if n % 2 == 0 { "torod::daemon" } else { "request" },
            message: format!("line {n} 100%"),
            fields: (n == 7).then(|| r#"{"provider":"acme"}"#.to_owned()),
            request_id: (n == 7).then(|| "req_7".to_owned()),
        }
    }

    fn ids(connection: &Connection, query: LogQuery) -> Vec<i64> {
        page(connection, &query).unwrap().0.iter().map(|line| line.id).collect()
    }

    #[test]
    fn the_last_lines_stay_and_numbers_grow_for_good() {
        let temp = tempfile::tempdir().unwrap();
        let mut connection = schema::open_writer(temp.path()).unwrap();
        assert_eq!(last(&connection).unwrap(), 0);
        for n in 1..=30 {
            add(&mut connection, &[line(n)], 10).unwrap();
        }
        let all = || LogQuery { limit: 50, ..LogQuery::default() };
        assert_eq!(ids(&connection, all()), (21..=30).rev().collect::<Vec<_>>());
        assert_eq!(clear(&mut connection, "local owner", 5).unwrap(), 10);
        assert_eq!(ids(&connection, all()), [] as [i64; 0]);
        add(&mut connection, &[line(31)], 10).unwrap();
        assert_eq!((ids(&connection, all()), last(&connection).unwrap()), (vec![31], 31));
        let trail = audit::page(&connection, &audit::AuditQuery { limit: 9, ..Default::default() }).unwrap().0;
        assert_eq!((trail[0].action.as_str(), trail[0].detail.as_str()), ("log.clear", "10 lines"));
    }

    #[test]
    fn fewer_lines_are_wanted_and_go_in_steps() {
        let temp = tempfile::tempdir().unwrap();
        let mut connection = schema::open_writer(temp.path()).unwrap();
        let many: Vec<_> = (1..=6_000).map(line).collect();
        add(&mut connection, &many, 10_000).unwrap();
        let count = |connection: &Connection| -> i64 {
            connection.query_row("SELECT count(*) FROM log", [], |row| row.get(0)).unwrap()
        };
        let mut seen = Vec::new();
        for n in 0..4 {
            add(&mut connection, &[line(n)], 5).unwrap();
            seen.push(count(&connection));
        }
        assert_eq!(seen, [4_000, 2_000, 5, 5]);
    }

    #[test]
    fn lines_are_found_by_what_they_say() {
        let temp = tempfile::tempdir().unwrap();
        let mut connection = schema::open_writer(temp.path()).unwrap();
        add(&mut connection, &(1..=10).map(line).collect::<Vec<_>>(), 100).unwrap();
        let query = || LogQuery { limit: 50, ..LogQuery::default() };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(ids(&connection, LogQuery { level: Some(Level::Warn), ..query() }), [10, 6, 5, 1]);
        assert_eq!(ids(&connection, LogQuery { request_id: text("req_7"), ..query() }), [7]);
        assert_eq!(ids(&connection, LogQuery { text: text("ACME"), ..query() }), [7]);
        assert_eq!(ids(&connection, LogQuery { text: text("0%"), ..query() }).len(), 10);
        assert_eq!(ids(&connection, LogQuery { text: text("_"), ..query() }), [7], "no wildcard");
        assert_eq!(ids(&connection, LogQuery { target: text("torod"), ..query() }), [10, 8, 6, 4, 2]);
        assert_eq!(ids(&connection, LogQuery { target: text("tor"), ..query() }), [] as [i64; 0]);
        assert_eq!(ids(&connection, LogQuery { since_ms: Some(3), until_ms: Some(5), ..query() }), [4, 3]);
        assert_eq!(ids(&connection, LogQuery { after: Some(7), limit: 2, ..query() }), [8, 9]);
        assert_eq!(ids(&connection, LogQuery { before: Some(3), ..query() }), [2, 1]);
        let (lines, has_more) = page(&connection, &LogQuery { limit: 4, ..query() }).unwrap();
        assert_eq!((lines.len(), has_more), (4, true));
        let seven = &page(&connection, &LogQuery { request_id: text("req_7"), ..query() }).unwrap().0[0];
        assert_eq!(seven.fields.as_ref().unwrap()["provider"], "acme");
        assert_eq!((seven.level, seven.target.as_str()), (Level::Info, "request"));
    }
}
