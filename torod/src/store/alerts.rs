//! Alerts at rest: what was told, what of it is over, and messages that wait to be delivered.

use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior};
use tokenrouter_shared::alert::{AlertMessage, AlertView};

use super::StoreError;

/// Alerts that are over are kept for so long, in milliseconds.
const KEPT_MS: i64 = 90 * 86_400_000;
/// The most alerts that are kept.
const MOST: i64 = 10_000;
/// The most messages that wait for one webhook; of more, the oldest go.
pub const MOST_WAITING: i64 = 1_000;

/// An alert that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// What kind.
    pub kind: &'static str,
    /// Tells it from others of its kind.
    pub key: String,
    /// How grave.
    pub severity: &'static str,
    /// What it is about.
    pub subject: String,
    /// In a sentence.
    pub message: String,
    /// What to do.
    pub advice: String,
    /// The figure, in thousandths.
    pub permille: Option<u32>,
    /// When what it is about is set back, in milliseconds since 1970.
    pub resets_ms: Option<i64>,
    /// When, in milliseconds since 1970.
    pub fired_ms: i64,
}

/// What was told of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldRow {
    /// What it is about.
    pub family: String,
    /// Tells it from others of the family.
    pub key: String,
    /// How it stands, as JSON; none: nothing is to be remembered.
    pub body: Option<String>,
}

/// Where messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// A digest of its URL.
    pub id: String,
    /// Of these kinds.
    pub kinds: Vec<&'static str>,
}

/// What changes at once.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// These begin.
    pub fired: Vec<Fired>,
    /// These are over: kind and key.
    pub resolved: Vec<(&'static str, String)>,
    /// How things stand.
    pub told: Vec<ToldRow>,
    /// Who is sent what.
    pub hooks: Vec<Hook>,
    /// When, in milliseconds since 1970.
    pub now_ms: i64,
}

/// What a change came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The alerts that began.
    pub fired: Vec<AlertView>,
    /// Those that are over.
    pub resolved: Vec<AlertView>,
    /// Messages that were pushed out, by webhook.
    pub lost: Vec<(String, u64)>,
}

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// What its receiver knows it by.
    pub message_id: String,
    /// The body.
    pub body: String,
    /// When it was made, in milliseconds since 1970.
    pub made_ms: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// Not before this, in milliseconds since 1970.
    pub next_ms: i64,
}

/// Which alerts are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertQuery {
    /// Only those that are firing, or only those that are not.
    pub firing: Option<bool>,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only those older than the one with this number.
    pub before: Option<i64>,
    /// So many at most.
    pub limit: usize,
}

const COLUMNS: &str = "id, kind, severity, subject, key, message, advice, fired_ms, resolved_ms, acknowledged_ms, \
     acknowledged_by, permille, resets_ms";

fn get_row(row: &Row<'_>) -> rusqlite::Result<AlertView> {
    let resolved_ms: Option<i64> = row.get(8)?;
    Ok(AlertView {
        id: row.get(0)?,
        kind: row.get(1)?,
        severity: row.get(2)?,
        subject: row.get(3)?,
        key: row.get(4)?,
        message: row.get(5)?,
        advice: row.get(6)?,
        state: if resolved_ms.is_some() { "resolved" } else { "firing" }.to_owned(),
        fired_ms: row.get(7)?,
        resolved_ms,
        acknowledged_ms: row.get(9)?,
        acknowledged_by: row.get(10)?,
        permille: row.get(11)?,
        resets_ms: row.get(12)?,
    })
}

/// How everything stood that was told.
pub fn told(connection: &Connection) -> Result<Vec<ToldRow>, StoreError> {
    let mut statement = connection.prepare("SELECT kind, key, body FROM alert_told")?;
    let rows =
        statement.query_map([], |row| Ok(ToldRow { family: row.get(0)?, key: row.get(1)?, body: row.get(2)? }))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Writes a change with the messages that tell of it, all or nothing.
pub fn apply(connection: &mut Connection, batch: &Batch) -> Result<Applied, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut applied = Applied::default();
    for (kind, key) in &batch.resolved {
        let sql = format!(
            "UPDATE alert SET resolved_ms = ?3 WHERE kind = ?1 AND key = ?2 AND resolved_ms IS NULL RETURNING {COLUMNS}"
        );
        let mut statement = transaction.prepare_cached(&sql)?;
        let rows = statement.query_map((kind, key, batch.now_ms), get_row)?;
        applied.resolved.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    for fired in &batch.fired {
        let Fired { kind, key, severity, subject, message, advice, permille, resets_ms, fired_ms } = fired;
        let sql = format!(
            "INSERT INTO alert (kind, key, severity, subject, message, advice, permille, resets_ms, fired_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING {COLUMNS}"
        );
        let values = (kind, key, severity, subject, message, advice, permille, resets_ms, fired_ms);
        applied.fired.push(transaction.prepare_cached(&sql)?.query_row(values, get_row)?);
    }
    for ToldRow { family, key, body } in &batch.told {
        match body {
            Some(body) => transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO alert_told (kind, key, body, changed_ms) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((family, key, body, batch.now_ms))?,
            None => transaction
                .prepare_cached("DELETE FROM alert_told WHERE kind = ?1 AND key = ?2")?
                .execute((family, key))?,
        };
    }
    let all = applied
        .fired
        .iter()
        .map(|alert| ("firing", alert))
        .chain(applied.resolved.iter().map(|alert| ("resolved", alert)));
    for (event, alert) in all {
        for hook in batch.hooks.iter().filter(|hook| hook.kinds.contains(&alert.kind.as_str())) {
            let body = body(&format!("alert.{event}"), alert, batch.now_ms);
            let message_id = format!("msg_{}_{event}_{}", alert.id, batch.now_ms);
            transaction
                .prepare_cached("INSERT INTO alert_delivery (webhook, message_id, body, made_ms, next_ms) VALUES (?1, ?2, ?3, ?4, ?4)")?
                .execute((&hook.id, &message_id, &body, batch.now_ms))?;
        }
    }
    for hook in &batch.hooks {
        let sql = "DELETE FROM alert_delivery WHERE webhook = ?1 AND id NOT IN
             (SELECT id FROM alert_delivery WHERE webhook = ?1 ORDER BY id DESC LIMIT ?2)";
        let lost = transaction.prepare_cached(sql)?.execute((&hook.id, MOST_WAITING))?;
        if lost > 0 {
            applied.lost.push((hook.id.clone(), lost as u64));
        }
    }
    if !applied.fired.is_empty() {
        let before = batch.now_ms.saturating_sub(KEPT_MS);
        transaction.execute("DELETE FROM alert WHERE resolved_ms < ?1", [before])?;
        transaction.execute("DELETE FROM alert WHERE id <= (SELECT max(id) FROM alert) - ?1", [MOST])?;
    }
    transaction.commit()?;
    Ok(applied)
}

/// The body of a message.
pub fn body(event: &str, alert: &AlertView, now_ms: i64) -> String {
    let time = chrono::DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
    let timestamp = time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let message = AlertMessage { event: event.to_owned(), timestamp, data: alert.clone() };
    serde_json::to_string(&message).unwrap_or_default()
}

/// Alerts, the newest first, and whether there are more.
pub fn page(connection: &Connection, query: &AlertQuery) -> Result<(Vec<AlertView>, bool), StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM alert
         WHERE (?1 IS NULL OR (resolved_ms IS NULL) = ?1) AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR id < ?3)
         ORDER BY id DESC LIMIT ?4"
    );
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map((query.firing, &query.kind, query.before, limit), get_row)?;
    let mut alerts = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let has_more = alerts.len() > query.limit;
    alerts.truncate(query.limit);
    Ok((alerts, has_more))
}

fn count(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(at)?.unsigned_abs())
}

/// How many are firing, and how many of these nobody has acknowledged.
pub fn firing(connection: &Connection) -> Result<(u64, u64), StoreError> {
    let sql = "SELECT count(*), count(*) FILTER (WHERE acknowledged_ms IS NULL) FROM alert WHERE resolved_ms IS NULL";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| Ok((count(row, 0)?, count(row, 1)?)))?)
}

/// Notes that `by` has seen an alert, and returns it with whether nobody had before: the first who did stays.
pub fn acknowledge(
    connection: &Connection,
    id: i64,
    by: &str,
    now_ms: i64,
) -> Result<Option<(AlertView, bool)>, StoreError> {
    let sql = "UPDATE alert SET acknowledged_ms = ?2, acknowledged_by = ?3 WHERE id = ?1 AND acknowledged_ms IS NULL";
    let is_first = connection.prepare_cached(sql)?.execute((id, now_ms, by))? > 0;
    let sql = format!("SELECT {COLUMNS} FROM alert WHERE id = ?1");
    let alert = connection.prepare_cached(&sql)?.query_row([id], get_row).optional()?;
    Ok(alert.map(|alert| (alert, is_first)))
}

/// The message for `webhook` that waits longest.
pub fn next(connection: &Connection, webhook: &str) -> Result<Option<Delivery>, StoreError> {
    let sql = "SELECT id, message_id, body, made_ms, attempts, next_ms FROM alert_delivery WHERE webhook = ?1 ORDER BY id LIMIT 1";
    let delivery = connection.prepare_cached(sql)?.query_row([webhook], |row| {
        Ok(Delivery {
            id: row.get(0)?,
            message_id: row.get(1)?,
            body: row.get(2)?,
            made_ms: row.get(3)?,
            attempts: row.get(4)?,
            next_ms: row.get(5)?,
        })
    });
    Ok(delivery.optional()?)
}

/// How many messages wait for each webhook.
pub fn waiting(connection: &Connection) -> Result<Vec<(String, u64)>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT webhook, count(*) FROM alert_delivery GROUP BY webhook")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, count(row, 1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A message need not be sent any more.
pub fn done(connection: &Connection, id: i64) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM alert_delivery WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// A message is tried again at `next_ms`.
pub fn again(connection: &Connection, id: i64, next_ms: i64) -> Result<(), StoreError> {
    let sql = "UPDATE alert_delivery SET attempts = attempts + 1, next_ms = ?2 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute((id, next_ms))?;
    Ok(())
}

/// Forgets messages for webhooks that are not among `known`. How many there were.
pub fn forget_others(connection: &Connection, known: &[String]) -> Result<usize, StoreError> {
    let known = serde_json::to_string(known).unwrap_or_default();
    let sql = "DELETE FROM alert_delivery WHERE webhook NOT IN (SELECT value FROM json_each(?1))";
    Ok(connection.execute(sql, [known])?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    fn fired(key: &str) -> Fired {
        Fired {
            kind: "budget",
            key: key.into(),
            severity: "warning",
            subject: "s".into(),
            message: "m".into(),
            advice: "a".into(),
            permille: Some(500),
            resets_ms: None,
            fired_ms: 5,
        }
    }

    fn hook() -> Hook {
        Hook { id: "w".into(), kinds: vec!["budget"] }
    }

    #[test]
    fn an_alert_begins_is_seen_and_ends() {
        let temp = tempfile::tempdir().unwrap();
        let mut connection = schema::open_writer(temp.path()).unwrap();
        let told = ToldRow { family: "budget".into(), key: "k".into(), body: Some("{}".into()) };
        let batch = Batch {
            fired: vec![fired("k"), fired("l")],
            told: vec![told.clone()],
            hooks: vec![hook()],
            now_ms: 5,
            ..Batch::default()
        };
        let applied = apply(&mut connection, &batch).unwrap();
        assert_eq!((applied.fired.len(), firing(&connection).unwrap()), (2, (2, 2)));
        assert_eq!(super::told(&connection).unwrap(), std::slice::from_ref(&told));
        let id = applied.fired[0].id;
        let (seen, is_first) = acknowledge(&connection, id, "ann", 6).unwrap().unwrap();
        assert_eq!((seen.acknowledged_ms, seen.acknowledged_by.as_deref(), is_first), (Some(6), Some("ann"), true));
        let again = acknowledge(&connection, id, "bob", 7).unwrap().unwrap();
        assert_eq!(again, (seen, false), "the first who did stays");
        assert_eq!(acknowledge(&connection, 99, "ann", 6).unwrap(), None);
        assert_eq!(firing(&connection).unwrap(), (2, 1));
        let gone = ToldRow { body: None, ..told };
        let over = Batch {
            resolved: vec![("budget", "k".into()), ("budget", "never".into())],
            told: vec![gone],
            hooks: vec![hook()],
            now_ms: 9,
            ..Batch::default()
        };
        let applied = apply(&mut connection, &over).unwrap();
        assert_eq!(applied.resolved.iter().map(|a| (a.id, a.resolved_ms)).collect::<Vec<_>>(), [(id, Some(9))]);
        assert!(super::told(&connection).unwrap().is_empty());
        let query = |firing, before, limit| AlertQuery { firing, before, limit, kind: None };
        let ids = |query| page(&connection, &query).unwrap().0.iter().map(|a| a.id).collect::<Vec<_>>();
        assert_eq!(ids(query(None, None, 9)), [id + 1, id]);
        assert_eq!((ids(query(Some(true), None, 9)), ids(query(Some(false), None, 9))), (vec![id + 1], vec![id]));
        assert_eq!(
            (ids(query(None, Some(id + 1), 9)), page(&connection, &query(None, None, 1)).unwrap().1),
            (vec![id], true)
        );
        assert_eq!(waiting(&connection).unwrap(), [("w".to_owned(), 3)]);
        let first = next(&connection, "w").unwrap().unwrap();
        let message: AlertMessage = serde_json::from_str(&first.body).unwrap();
        assert_eq!(
            (message.event.as_str(), message.timestamp.as_str(), message.data.id),
            ("alert.firing", "1970-01-01T00:00:00.005Z", id)
        );
        again_and_done(&connection, first.id);
        assert_eq!(forget_others(&connection, &["w".into()]).unwrap(), 0);
        assert_eq!(forget_others(&connection, &[]).unwrap(), 2);
    }

    fn again_and_done(connection: &Connection, id: i64) {
        again(connection, id, 77).unwrap();
        let delivery = next(connection, "w").unwrap().unwrap();
        assert_eq!((delivery.attempts, delivery.next_ms), (1, 77));
        done(connection, id).unwrap();
        assert_ne!(next(connection, "w").unwrap().unwrap().id, id);
    }

    #[test]
    fn no_more_messages_wait_than_there_is_room_for() {
        let temp = tempfile::tempdir().unwrap();
        let mut connection = schema::open_writer(temp.path()).unwrap();
        let all: Vec<Fired> = (0..MOST_WAITING + 5).map(|n| fired(&n.to_string())).collect();
        let applied = apply(&mut connection, &Batch { fired: all, hooks: vec![hook()], ..Batch::default() }).unwrap();
        assert_eq!(applied.lost, [("w".to_owned(), 5)]);
        assert_eq!(waiting(&connection).unwrap(), [("w".to_owned(), 1_000)]);
        assert!(next(&connection, "w").unwrap().unwrap().message_id.starts_with("msg_6_"), "the oldest went");
    }
}
