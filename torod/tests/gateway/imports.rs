//! Usage that other programs wrote down: carried over as history, once, and for no budget.

use std::path::Path;
use std::process::{Command, Output};

use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::{Value, json};
use torod::store::{Connection, schema};

/// The 20th of November 2026, 10:02:00.
const AT: &str = "2026-11-20T10:02:00";

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = "[[providers]]\nname = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\n\
            [[providers.models]]\nid = \"m\"\nprice = { input = 1, output = 2, cache_read = 0.5 }\n";
        std::fs::write(folder.path().join("torod.toml"), text).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn torod(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_torod"));
        command.args(args).arg("--config").arg(self.path("torod.toml")).arg("--data-dir").arg(self.path("data"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.folder.path());
        command.stdin(std::process::Stdio::null()).output().unwrap()
    }

    fn import(&self, path: &Path, more: &[&str]) -> Result<Value, String> {
        let mut args = vec!["import", "usage", path.to_str().unwrap(), "--json"];
        args.extend(more);
        let ran = self.torod(&args);
        let text = String::from_utf8_lossy(&ran.stdout).into_owned();
        if !ran.status.success() {
            return Err(String::from_utf8_lossy(&ran.stderr).into_owned());
        }
        Ok(serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}")))
    }

    fn one(&self, sql: &str) -> String {
        let reader = schema::open_reader(&self.path("data")).unwrap();
        reader.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap()
    }
}

fn packed(path: &Path, lines: &[Value]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text = lines.iter().map(|line| line.to_string() + "\n").collect::<String>();
    std::fs::write(path, compress_to_vec(text.as_bytes(), CompressionLevel::Fastest)).unwrap();
}

fn call(at: &str, status: u16, tokens: [u64; 3]) -> Value {
    let [prompt, cached, completion] = tokens;
    json!({"timestamp": at, "provider": "openai", "model": "m", "client_type": "curl", "user_agent": "curl/8",
        "client_ip": "127.0.0.1", "api_key_name": "ci", "status_code": status, "prompt_tokens": prompt,
        "prompt_cached_tokens": cached, "completion_tokens": completion, "total_tokens": prompt + completion,
        "latency_ms": 1500.5, "prompt_tps": 1.0, "gen_tps": 2.0})
}

fn sum(at: &str, seconds: u64, requests: u64, failed: u64, tokens: [u64; 3]) -> Value {
    let [prompt, cached, completion] = tokens;
    json!({"start_at": at, "slot_seconds": seconds, "provider": "openai", "model": "m", "api_key_name": "ci",
        "requests": requests, "failed_requests": failed, "prompt_tokens": prompt, "prompt_cached_tokens": cached,
        "completion_tokens": completion, "latency_ms_sum": 10.0})
}

const SUMS: &str = "SELECT concat_ws(' ', count(*), sum(outcome <> 0), sum(input_uncached), sum(cache_read), sum(output), \
    sum(cost_nanos), count(DISTINCT token_id), min(token_id), min(id >> 20), max(id >> 20)) FROM usage";

#[test]
fn usage_of_the_torod_in_go_is_carried_over_once() {
    let place = Place::new();
    let db = place.path("usage-stats-db");
    // Raw calls, of which both sums know as well; an hour before that only the short sums know; a day that only the long.
    packed(
        &db.join("raw/2026/11/20/10/0-59-1.jsonl.zst"),
        &[
            call(&format!("{AT}Z"), 200, [100, 40, 10]),
            call("2026-11-20T12:02:00.5+02:00", 500, [0, 0, 0]),
            json!({"provider": "openai"}),
        ],
    );
    packed(
        &db.join("rollup/300/2026/11/20/1.jsonl.zst"),
        &[sum("2026-11-20T10:00:00Z", 300, 2, 1, [100, 40, 10]), sum("2026-11-20T09:55:00Z", 300, 3, 1, [31, 0, 5])],
    );
    packed(
        &db.join("rollup/3600/2026/11/20/1.jsonl.zst"),
        &[
            sum("2026-11-20T10:00:00Z", 3600, 2, 1, [100, 40, 10]),
            sum("2026-11-20T09:00:00Z", 3600, 3, 1, [31, 0, 5]),
            sum("2026-11-19T09:00:00Z", 3600, 4, 0, [7, 0, 0]),
        ],
    );
    std::fs::write(db.join("raw/2026/11/20/10/open-1.tmp"), b"").unwrap();
    let dry = place.import(&db, &["--dry-run"]).unwrap();
    assert_eq!((&dry["calls"], &dry["failed"], &dry["written"]), (&json!(9), &json!(2), &json!(false)), "{dry}");
    let told = place.import(&db, &["--yes"]).unwrap();
    assert_eq!((&told["calls"], &told["tokens"], &told["program"]), (&json!(9), &json!(153), &json!("torod (Go)")));
    let left = told["left"].to_string();
    assert!(left.contains("a call without a time") && left.contains("still open"), "{left}");
    // 60 + 31 + 7 uncached at 1000, 40 at 500, 15 out at 2000.
    let sums = place.one(SUMS);
    let from = "2026-11-19T09:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_millis();
    let last = "2026-11-20T10:02:00.500Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_millis();
    let cost = 98 * 1000 + 40 * 500 + 15 * 2000;
    assert_eq!(sums, format!("9 2 98 40 15 {cost} 1 1 {from} {last}"));
    assert_eq!(place.one("SELECT name || ' ' || (SELECT count(*) FROM spend_total) FROM token_removed"), "ci 0");
    let report = place.torod(&["usage", "--since", "2026-11-01", "--by", "token"]);
    assert!(String::from_utf8_lossy(&report.stdout).contains("ci"), "{report:?}");

    let twice = place.import(&db, &["--yes", "--another-machine"]).unwrap_err();
    assert!(twice.contains("nothing is imported twice"), "{twice}");
    packed(&db.join("raw/2026/11/20/11/0-59-1.jsonl.zst"), &[call("2026-11-20T11:00:00Z", 200, [5, 0, 5])]);
    let more = place.import(&db, &["--yes"]).unwrap();
    assert_eq!(more["calls"], 1, "only what is new: {more}");
}

#[test]
fn the_single_file_of_before_is_read_too_and_broken_ones_are_refused() {
    let place = Place::new();
    let single = place.path("usage-stats.json");
    let text = json!({"version": 1, "buckets": [sum("2026-11-20T10:00:00Z", 300, 2, 0, [10, 0, 4])]});
    std::fs::write(&single, text.to_string()).unwrap();
    assert_eq!(place.import(&single, &["--yes"]).unwrap()["calls"], 2);
    let db = place.path("usage-stats-db");
    let segment = db.join("raw/2026/11/20/10/0-59-1.jsonl.zst");
    packed(&segment, &[call("2026-11-21T10:00:00Z", 200, [1, 1, 1])]);
    let whole = std::fs::read(&segment).unwrap();
    for broken in [&whole[..whole.len() - 5], &b"not packed at all"[..], &b"\x28\xB5\x2F\xFD\x00\xFF"[..]] {
        std::fs::write(&segment, broken).unwrap();
        let why = place.import(&db, &["--yes"]).unwrap_err();
        assert!(why.contains("0-59-1.jsonl.zst cannot be used"), "{why}");
    }
    for (name, bytes) in [("x.json", &b"{}"[..]), ("x.db", &b"SQLite format 3\0nothing"[..]), ("x", &b"x"[..])] {
        let path = place.path(name);
        std::fs::write(&path, bytes).unwrap();
        let why = place.import(&path, &["--yes"]).unwrap_err();
        assert!(why.contains("cannot be used"), "{name}: {why}");
    }
    assert!(place.import(&place.path("none"), &[]).unwrap_err().contains("no such file"));
    assert_eq!(place.one("SELECT '' || count(*) FROM usage"), "2", "nothing of what is broken is written");
}

#[test]
fn usage_of_every_tokrouter_is_carried_over() {
    let place = Place::new();
    for (at, columns, values) in [
        (
            "old",
            "id INTEGER PRIMARY KEY, timestamp DATETIME, provider TEXT, model TEXT, input_tokens INTEGER, output_tokens INTEGER, \
             success NUMERIC, stream NUMERIC, latency_ms INTEGER, cost INTEGER",
            "(1, '2026-11-01 10:00:00.5+02:00', 'https://me:secret@api.openai.com/v1', 'm', 10, 2, 1, 0, 0, 77)",
        ),
        (
            "new",
            "id INTEGER PRIMARY KEY, timestamp DATETIME, provider TEXT, model TEXT, input_tokens INTEGER, output_tokens INTEGER, \
             success NUMERIC, stream NUMERIC, latency_ms INTEGER",
            "(1, '2026-11-02 10:00:00+02:00', 'openai', 'm', 10, 2, 1, 1, 0), (2, NULL, 'openai', 'm', 1, 1, 1, 1, 0)",
        ),
    ] {
        let path = place.path(at);
        let theirs = Connection::open(&path).unwrap();
        let sql = format!("CREATE TABLE usage_records ({columns}); INSERT INTO usage_records VALUES {values}");
        theirs.execute_batch(&sql).unwrap();
        drop(theirs);
        let told = place.import(&path, &["--yes"]).unwrap();
        assert_eq!((&told["calls"], &told["program"]), (&json!(1), &json!("tokrouter")), "{told}");
    }
    let rows = place.one(
        "SELECT group_concat((id >> 20) || ' ' || (SELECT text FROM name WHERE id = provider) || ' ' || cost_nanos || ' ' || stream, '; ')
         FROM (SELECT * FROM usage ORDER BY id)",
    );
    // 8 o'clock in UTC; a price is known at the provider of that name alone.
    assert_eq!(rows, "1793520000500 api.openai.com 0 0; 1793606400000 openai 14000 1");
    // What nobody knows the price of is told, and priced once somebody knows it.
    let told = |args: &[&str]| -> Value { serde_json::from_slice(&place.torod(args).stdout).unwrap() };
    let usage = || told(&["usage", "--since", "2026-11-01", "--json"])["total"].clone();
    assert_eq!((&usage()["unpriced_attempts"], &usage()["cost_nanos"]), (&json!(1), &json!(14_000)));
    let known = std::fs::read_to_string(place.path("torod.toml")).unwrap();
    std::fs::write(place.path("torod.toml"), format!("{known}{}", known.replace("\"openai\"", "\"api.openai.com\"")))
        .unwrap();
    let priced = told(&["usage", "reprice", "--yes", "--json"]);
    assert_eq!(
        (&priced["lines"][0]["unpriced_rows"], &priced["lines"][0]["new_nanos"]),
        (&json!(1), &json!(14_000)),
        "{priced}"
    );
    assert_eq!((&usage()["unpriced_attempts"], &usage()["cost_nanos"]), (&json!(0), &json!(28_000)));
    // Nobody's budget pays for what another program had written down.
    assert_eq!(place.one("SELECT '' || count(*) FROM spend_total"), "0");
    let other = place.path("other");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE x (y)").unwrap();
    assert!(place.import(&other, &[]).unwrap_err().contains("without tokrouter's table"));
}
