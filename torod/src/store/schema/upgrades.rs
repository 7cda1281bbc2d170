//! A database that any earlier program has left, opened by this one: nothing of it is lost, and every number stays what it was.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite_migration::Migrations;

use super::*;
use crate::store::figures::{Question, figures};
use crate::store::history::sum_up_old;
use crate::store::kept::{self, Kind};
use crate::store::spend::{self, Pieces};
use crate::store::tokens;

const NOW_MS: i64 = 1_780_000_000_000;
const ROWS: i64 = 6_000;

/// What was in the database at each version and in no version before; `{NOW}` is the time, `{ID}` the id of a row then.
const WRITTEN: [&str; 19] = [
    // Two requests of three end well at once, one at the second attempt. Tokens 1 and 2, and nobody's.
    "INSERT INTO name (text) VALUES ('one'), ('two'), ('model'), ('chat');
     WITH RECURSIVE n (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 5999)
     INSERT INTO usage (id, exchange_id, skew_ms, total_us, first_byte_us, token_id, provider, model, model_asked, surface,
             client_protocol, upstream_protocol, status, outcome, stream, estimated, input_uncached, cache_read,
             cache_write_5m, cache_write_1h, output, reasoning, request_id)
         SELECT {ID} + i * (60000 << 20), {ID} + (i - (i % 4 = 3)) * (60000 << 20), 0, 1000 + i, i % 900, i % 3,
             1 + i % 2, 3, iif(i % 5, NULL, 1), 4, 0, 0, iif(i % 4 = 2, 500, 200), iif(i % 4 = 2, 2, 0), i % 2, i % 7 = 0,
             iif(i % 4 = 2, 0, 100 + i % 50), i % 11, i % 3, i % 2, iif(i % 4 = 2, 0, 10 + i % 9), i % 5,
             iif(i % 100, NULL, 'req-' || i)
         FROM n;
     INSERT INTO usage_gap VALUES (1, {NOW}, {NOW} + 5, 7);
     INSERT INTO token (id, public_id, digest, name, role, parent_id, created_ms, expires_ms) VALUES
         (1, 'tok_1', x'0101010101010101010101010101010101010101010101010101010101010101', 'anna', 'admin', NULL, {NOW}, NULL),
         (2, 'tok_2', x'0202020202020202020202020202020202020202020202020202020202020202', 'run', 'inferrer', 1, {NOW}, {NOW} + 99);
     INSERT INTO audit (id, at_ms, actor, action, subject, detail) VALUES (1, {NOW}, 'local owner', 'token.create', 'tok_1', 'admin');",
    "INSERT INTO kept VALUES (1, 0, 'resp_1', 2, {NOW}, {NOW} + 1000, 3, NULL, 'one', 1, x'5b5d', x'7b')",
    "UPDATE token SET lossy = 'reject' WHERE id = 2",
    "INSERT INTO price VALUES (1, 'v1', 1, 3, '{}');
     UPDATE usage SET cost_nanos = input_uncached * 7 + output * 31, price = iif(provider = 1, 1, NULL)",
    "",
    "UPDATE token SET limits = '{\"budgets\":[{\"unit\":\"requests\",\"limit\":9}]}', labels = '{\"team\":\"red\"}', version = 3;
     INSERT INTO token_removed (id, public_id, name, parent_id, removed_ms) VALUES (9, 'tok_9', 'gone', 1, {NOW});
     INSERT INTO audit (at_ms, actor, action, subject, detail, after) VALUES ({NOW}, 'tok_1', 'token.create', 'tok_2', '', '{}')",
    "UPDATE usage SET counted = 1 WHERE outcome = 0 AND id = (SELECT min(id) FROM usage AS other
         WHERE other.exchange_id = usage.exchange_id AND other.outcome = 0);
     INSERT INTO spend SELECT (id >> 20) / 900000, token_id, sum(counted),
             sum(input_uncached + cache_read + cache_write_5m + cache_write_1h + output), sum(cost_nanos)
         FROM usage WHERE token_id <> 0 GROUP BY 1, 2;
     INSERT INTO spend_total SELECT token_id, sum(requests), sum(tokens), sum(cost_nanos) FROM spend GROUP BY token_id",
    "INSERT INTO session VALUES (1, 'ses_1', x'03', 1, x'01', {NOW}, {NOW} + 1000, {NOW}, NULL, NULL)",
    "INSERT INTO secret VALUES ('provider/one', 'https://one.example', x'00', {NOW}, {NOW})",
    "INSERT INTO agent_session VALUES (1, 2, 'session', NULL);
     UPDATE usage SET session = 1, agent = 3 WHERE token_id = 2;
     UPDATE token SET run = 1, lease_s = 60 WHERE id = 2",
    "INSERT INTO audit_begun VALUES (1, {NOW}, 'tok_1', 'settings.change', 'torod.toml', '', 'v')",
    "INSERT INTO spend_span SELECT quarter / 12, token_id, sum(requests), sum(tokens), sum(cost_nanos) FROM spend GROUP BY 1, 2",
    "INSERT INTO label_set VALUES (1, '{\"team\":\"red\"}');
     INSERT INTO origin VALUES (1, 0, 3, 1);
     UPDATE usage SET origin = 1, credential = 3, is_first = (id = exchange_id), round = 1,
         error_class = iif(outcome, 3, 0);
     UPDATE usage_fold SET oldest_id = (SELECT min(id) FROM usage), old_until_id = 0;
     INSERT INTO usage_failure SELECT id FROM usage WHERE outcome",
    "INSERT INTO quota VALUES ('one', '1', 'm', {NOW}, '{}');
     INSERT INTO alert (kind, key, severity, subject, message, advice, fired_ms) VALUES ('budget', 'k', 'warning', 's', 'm', 'a', {NOW})",
    "INSERT INTO log (at_ms, level, target, message) VALUES ({NOW}, 1, 't', 'm')",
    "INSERT INTO usage_detail SELECT id, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL FROM usage WHERE id % 1000 = 0;
     INSERT INTO usage_import VALUES (1, x'04', 'torod', {NOW}, 5, {NOW}, {NOW})",
    "UPDATE token SET inspect_until_ms = {NOW} WHERE id = 1",
    "UPDATE usage SET degraded = 2 WHERE id % 1000 = 0;
     INSERT INTO usage_degraded SELECT id, 'top_k, n' FROM usage WHERE degraded > 0",
    "",
];

/// The database as the program of `version` left it.
fn left_by(version: usize, dir: &Path) -> Connection {
    make_dir(dir).unwrap();
    let mut connection = Connection::open(database_path(dir)).unwrap();
    connection.execute_batch(WRITER_PRAGMAS).unwrap();
    Migrations::from_slice(MIGRATIONS).to_version(&mut connection, version).unwrap();
    for written in WRITTEN.iter().take(version) {
        let id = (NOW_MS << 20).to_string();
        let sql = written.replace("{NOW}", &NOW_MS.to_string()).replace("{ID}", &id);
        connection.execute_batch(&sql).unwrap_or_else(|error| panic!("{version}: {error} in {sql}"));
    }
    connection
}

fn texts(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";

/// Every row of every table, by the names of `columns` where they are given.
type Rows = BTreeMap<String, (Vec<String>, Vec<Vec<Value>>)>;

fn rows(connection: &Connection, of: Option<&Rows>) -> Rows {
    let mut all = Rows::new();
    for table in of.map_or_else(|| texts(connection, TABLES), |of| of.keys().cloned().collect()) {
        let columns = match of {
            Some(of) => of[&table].0.clone(),
            None => texts(connection, &format!("SELECT name FROM pragma_table_info('{table}')")),
        };
        let order = (1..=columns.len()).map(|at| at.to_string()).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT \"{}\" FROM \"{table}\" ORDER BY {order}", columns.join("\", \""));
        let mut statement = connection.prepare(&sql).unwrap();
        let row = |row: &rusqlite::Row<'_>| (0..columns.len()).map(|at| row.get(at)).collect::<Result<Vec<Value>, _>>();
        let found = statement.query_map([], row).unwrap().map(Result::unwrap).collect();
        all.insert(table, (columns, found));
    }
    all
}

/// The tables, columns, indexes and triggers, however they came to be.
fn shape(connection: &Connection) -> Vec<String> {
    let mut shape = Vec::new();
    for table in texts(connection, TABLES) {
        let columns = format!(
            "SELECT name || ' ' || type || ' ' || \"notnull\" || ' ' || coalesce(dflt_value, '-') || ' ' || pk
             FROM pragma_table_info('{table}')"
        );
        shape.push(format!("{table}: {}", texts(connection, &columns).join(", ")));
    }
    let others =
        "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema WHERE type <> 'table' ORDER BY 1";
    shape.extend(texts(connection, others));
    shape
}

/// What every question of a dashboard rests on.
fn sums(connection: &Connection) -> (u64, u64, u64, u64, u64) {
    let all = figures(connection, &Question::new(NOW_MS, NOW_MS + ROWS * 60_000)).unwrap().total;
    (all.attempts, all.requests, all.failures, all.cost_nanos, all.counts.output)
}

fn spent(connection: &Connection) -> BTreeMap<i64, (i64, i64, i64)> {
    let mut spent = BTreeMap::new();
    spend::totals(connection, |one| {
        spent.insert(one.token_id, (one.sum.requests, one.sum.tokens, one.sum.nanos));
    })
    .unwrap();
    spent
}

#[test]
fn whatever_an_earlier_program_left_is_there_and_says_the_same() {
    let fresh = tempfile::tempdir().unwrap();
    let fresh = shape(&open_writer(fresh.path()).unwrap());
    assert_eq!(WRITTEN.len(), MIGRATIONS.len(), "what does this version write that those before did not?");
    for version in 1..=MIGRATIONS.len() {
        let temp = tempfile::tempdir().unwrap();
        let old = left_by(version, temp.path());
        let before = rows(&old, None);
        drop(old);
        let mut new = open_writer(temp.path()).unwrap();
        assert_eq!(texts(&new, "PRAGMA integrity_check"), ["ok"], "{version}");
        assert_eq!(shape(&new), fresh, "{version}");
        for (table, (columns, found)) in rows(&new, Some(&before)) {
            assert!(found == before[&table].1, "{version}: {table} ({columns:?})");
        }
        let known = tokens::all(&new).unwrap();
        assert_eq!(
            known.iter().map(|row| (row.digest, row.name.as_str())).collect::<Vec<_>>(),
            [([1; 32], "anna"), ([2; 32], "run")]
        );
        assert_eq!(known[1].ends_ms, (version < 6).then_some(NOW_MS + 99), "{version}");
        assert_eq!(kept::find(&new, Kind::Answer, "resp_1", 2, NOW_MS).unwrap().is_some(), version >= 2, "{version}");

        // The same sums by the rows, before and after old ones are summed up, and by what budgets begin with.
        let plain = |sql: &str| -> i64 { new.query_row(sql, [], |row| row.get(0)).unwrap() };
        let cost = plain("SELECT sum(cost_nanos) FROM usage");
        assert_eq!(cost > 0, version >= 4, "{version}");
        let expected = [
            ROWS,
            plain("SELECT count(DISTINCT exchange_id) FROM usage"),
            plain("SELECT count(*) FROM usage WHERE outcome <> 0"),
            cost,
            plain("SELECT sum(output) FROM usage"),
        ]
        .map(|sum| u64::try_from(sum).unwrap());
        let expected: (u64, u64, u64, u64, u64) = expected.into();
        assert_eq!(sums(&new), expected, "{version}");
        let by_rows = "SELECT token_id || ' ' || sum(counted) || ' '
                || sum(input_uncached + cache_read + cache_write_5m + cache_write_1h + output) || ' ' || sum(cost_nanos)
            FROM usage WHERE token_id <> 0 GROUP BY token_id ORDER BY 1";
        let told = spent(&new).iter().map(|(token, (a, b, c))| format!("{token} {a} {b} {c}")).collect::<Vec<_>>();
        assert_eq!(told, texts(&new, by_rows), "{version}");
        for pieces in [Pieces::Quarters, Pieces::Spans] {
            let mut since = BTreeMap::new();
            spend::since(&new, NOW_MS, pieces, |one| {
                let sum: &mut (i64, i64, i64) = since.entry(one.token_id).or_default();
                *sum = (sum.0 + one.sum.requests, sum.1 + one.sum.tokens, sum.2 + one.sum.nanos);
            })
            .unwrap();
            assert_eq!(since, spent(&new), "{version} {pieces:?}");
        }
        let mut steps = 0;
        while sum_up_old(&mut new).unwrap() {
            steps += 1;
        }
        assert_eq!(steps > 0, version < 13, "{version}");
        assert_eq!(sums(&new), expected, "{version}");
    }
}
