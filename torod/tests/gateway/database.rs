//! Inference never waits for the database.

use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use torod::clock::Clock;
use torod::store::{Connection, schema};

use crate::support::{TestDaemon, configuration, until};

#[tokio::test]
async fn a_locked_database_costs_no_inference_and_no_row() {
    let daemon = TestDaemon::start().await;
    daemon.chat("ok", "").await;
    assert_eq!(daemon.rows("id").await.len(), 1);
    let other = Connection::open(daemon.folder.path().join("data/torod.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for _ in 0..200 {
        assert_eq!(daemon.chat("ok", "").await.status, 200);
    }
    until("the lock is noticed", || async { daemon.app.usage.status().last_error.is_some() }).await;
    let status = daemon.get("/v1/status").await.json();
    assert_eq!(status["usage"]["lost"], 0);
    assert!(status["usage"]["waiting"].as_u64().unwrap() > 0);
    assert!(status["usage"]["error"].as_str().unwrap().contains("busy"), "{status}");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(daemon.rows("id").await.len(), 201);
    assert_eq!(daemon.get("/v1/status").await.json()["usage"]["error"], serde_json::Value::Null);
    daemon.stop().await;
}

#[tokio::test]
async fn what_does_not_fit_the_queue_is_counted_shown_and_kept_as_a_gap() {
    let daemon = TestDaemon::with("[usage]\nqueue = 10\n", "").await;
    let other = Connection::open(daemon.folder.path().join("data/torod.db")).unwrap();
    until("the database can be locked", || async { other.execute_batch("BEGIN EXCLUSIVE").is_ok() }).await;
    for _ in 0..50 {
        assert_eq!(daemon.chat("ok", "").await.status, 200);
    }
    assert_eq!(daemon.get("/v1/status").await.json()["usage"]["lost"], 40);
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(daemon.rows("id").await.len(), 10);
    // What was lost while a batch was on its way is added to its gap by the next.
    until("the gap is written", || async {
        let gap = |row: &torod::store::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?));
        other.query_row("SELECT count(*), sum(records) FROM usage_gap", [], gap).unwrap() == (1, Some(40))
    })
    .await;
    tokio::time::timeout(Duration::from_secs(20), daemon.stop()).await.unwrap();
}

#[tokio::test]
async fn a_damaged_page_costs_no_inference_is_told_and_heals_without_a_restart() {
    // Rows enough for pages of their own, of a gateway that ended: the next one has read none of them.
    let daemon = TestDaemon::with("[usage]\nqueue = 10\n", "").await;
    for _ in 0..100 {
        assert_eq!(daemon.chat("ok", "").await.status, 200);
        daemon.rows("id").await;
    }
    let text = configuration(&daemon.simulator.url(), "[usage]\nqueue = 10\n", "");
    let (simulator, folder) = daemon.stop_keeping().await;
    let path = schema::database_path(&folder.path().join("data"));
    // The page that the next row belongs to.
    let last = "SELECT pageno FROM dbstat WHERE name = 'usage' AND pagetype = 'leaf' ORDER BY path DESC LIMIT 1";
    let page: i64 = Connection::open(&path).unwrap().query_row(last, [], |row| row.get(0)).unwrap();
    let at = (page - 1).cast_unsigned() * 4_096;
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut whole = [0; 4_096];
    file.read_exact_at(&mut whole, at).unwrap();
    let daemon = TestDaemon::in_folder(simulator, &text, Clock::system(), folder).await;
    file.write_all_at(&[0xee; 4_096], at).unwrap();
    // What another connection writes makes everybody look again.
    let elsewhere = |text: &str| {
        Connection::open(&path).unwrap().execute("INSERT INTO name (text) VALUES (?1)", [text]).unwrap();
    };
    elsewhere("damaged");
    for _ in 0..50 {
        assert_eq!(daemon.chat("ok", "").await.status, 200);
    }
    until("the damage is noticed", || async { daemon.app.usage.status().last_error.is_some() }).await;
    let status = daemon.get("/v1/status").await.json();
    assert!(status["usage"]["error"].as_str().unwrap().contains("malformed"), "{status}");
    assert_eq!((&status["usage"]["waiting"], &status["usage"]["lost"]), (&10.into(), &40.into()), "{status}");
    assert_eq!(daemon.get("/admin/api/usage?period=today").await.status, 500, "it does not say that there is nothing");

    // Somebody puts the page back.
    file.write_all_at(&whole, at).unwrap();
    elsewhere("mended");
    assert_eq!(daemon.chat("ok", "").await.status, 200);
    until("all is written", || async { daemon.rows("id").await.len() >= 110 }).await;
    let status = daemon.get("/v1/status").await.json();
    assert!(status["usage"]["error"].is_null(), "{status}");
    let usage = daemon.get("/admin/api/usage?period=24h").await.json();
    assert!(usage["lost_records"].as_u64().unwrap() >= 40, "{usage}");
    daemon.stop().await;
}
