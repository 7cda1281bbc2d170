//! Inference never waits for the database.

use std::time::Duration;

use crate::support::{TestDaemon, until};

#[tokio::test]
async fn a_locked_database_costs_no_inference_and_no_row() {
    let daemon = TestDaemon::start().await;
    daemon.chat("ok", "").await;
    assert_eq!(daemon.rows("id").await.len(), 1);
    let other = torod::store::Connection::open(daemon.folder.path().join("data/torod.db")).unwrap();
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
    let other = torod::store::Connection::open(daemon.folder.path().join("data/torod.db")).unwrap();
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
