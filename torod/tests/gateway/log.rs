//! The log: one line for each request, kept in the database, found again.

use std::sync::Arc;

use serde_json::Value;
use torod::clock::Clock;
use torod::telemetry::lines::{Kept, Lines};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::{TestDaemon, until};

/// A daemon whose log is kept. This thread runs all of it but its writer.
pub async fn kept(more: &str) -> (TestDaemon, Arc<Lines>, tracing::subscriber::DefaultGuard) {
    let lines = Lines::new(Clock::system(), 20_000);
    let subscriber = tracing_subscriber::registry()
        .with(tracing_subscriber::EnvFilter::new("warn,torod=debug,request=info"))
        .with(Kept(Arc::clone(&lines)));
    let guard = tracing::subscriber::set_default(subscriber);
    let daemon = TestDaemon::with(more, "").await;
    daemon.keep_log(&lines);
    (daemon, lines, guard)
}

impl TestDaemon {
    fn keep_log(&self, lines: &Arc<Lines>) {
        let keep = self.app.reload.status().config.log.keep_lines;
        let writer = self.app.usage.handle();
        self.app.lines.set(Arc::clone(lines)).unwrap();
        let kept = torod::telemetry::keep::run(Arc::clone(lines), writer, keep, self.lifecycle.clone());
        self.lifecycle.spawn("log", kept);
    }

    async fn lines(&self, query: &str) -> Vec<Value> {
        let page = self.get(&format!("/admin/api/log?{query}")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        page.json()["lines"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn row_127_a_request_is_one_line_with_its_attempts() {
    let (daemon, _, _guard) = kept(
        "[[model_aliases]]\nname = \"both\"\ntargets = [{ provider = \"sim\", model = \"s500\" }, { provider = \"sim\", model = \"ok\" }]\n",
    )
    .await;
    let answer = daemon.chat("both", "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.header("x-request-id").to_owned();
    let query = format!("target=request&request_id={id}");
    until("the line is kept", || async { !daemon.lines(&query).await.is_empty() }).await;
    let lines = daemon.lines(&query).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    let (message, fields) = (lines[0]["message"].as_str().unwrap(), &lines[0]["fields"]);
    assert!(message.contains("sim/ok 200 ok") && message.contains(", after sim/s500 500 upstream_error"), "{message}");
    assert_eq!((&fields["attempts"], &fields["caller"], &fields["model"]), (&2.into(), &"test".into(), &"ok".into()));
    assert_eq!(daemon.rows("id").await.len(), 2, "and two rows");
    daemon.stop().await;
}

#[tokio::test]
async fn row_128_lines_are_found_by_request_text_and_level_and_can_be_followed() {
    let (daemon, lines, _guard) = kept("").await;
    let mut ids = Vec::new();
    for model in ["ok", "s500", "ok"] {
        ids.push(daemon.chat(model, "").await.header("x-request-id").to_owned());
    }
    until("three lines", || async { daemon.lines("target=request").await.len() == 3 }).await;
    for id in &ids {
        let found = daemon.lines(&format!("q={id}")).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0]["request_id"], **id);
    }
    assert_eq!(daemon.lines("q=upstream_error&level=info").await.len(), 1);
    assert_eq!(daemon.lines("target=request&level=warn").await.len(), 0);
    // Page by page, the newest first, each once.
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = daemon.get(&format!("/admin/api/log?limit=2&level=info&cursor={cursor}")).await.json();
        seen.extend(page["lines"].as_array().unwrap().iter().map(|line| line["id"].as_i64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut cursor);
    }
    assert!(seen.len() >= 3 && seen.is_sorted_by(|a, b| a > b), "{seen:?}");
    // What comes after the last.
    let last = daemon.get("/admin/api/log").await.json()["last"].as_i64().unwrap();
    daemon.chat("ok", "").await;
    let query = format!("after={last}&target=request");
    until("the next line", || async { daemon.lines(&query).await.len() == 1 }).await;
    assert_eq!(lines.dropped(), 0);
    daemon.stop().await;
}

#[tokio::test]
async fn only_so_many_are_kept_and_all_can_be_taken_away() {
    let (daemon, _, _guard) = kept("log = { keep_lines = 10 }\n").await;
    for n in 0..50 {
        tracing::info!(target: "request", n, "line {n}");
    }
    until("the last line", || async {
        daemon.lines("q=line 49&target=request".replace(' ', "+").as_str()).await.len() == 1
    })
    .await;
    let page = daemon.get("/admin/api/log?limit=500").await.json();
    assert!(page["lines"].as_array().unwrap().len() <= 10, "{page}");
    assert_eq!(page["keep"], 10);
    let mut request = daemon.request("/admin/api/log", "");
    *request.method_mut() = http::Method::DELETE;
    let cleared = daemon.send(request).await;
    assert_eq!(cleared.status, 200, "{}", cleared.text());
    assert!(cleared.json()["lines"].as_u64().unwrap() > 0);
    let trail = daemon.get("/admin/api/audit?action=log.clear").await.json();
    assert_eq!(trail["entries"].as_array().unwrap().len(), 1);
    daemon.stop().await;
}

#[tokio::test]
async fn a_database_that_takes_nothing_delays_no_request_and_loses_no_more_than_it_must() {
    let (daemon, lines, _guard) = kept("").await;
    let path = torod::store::schema::database_path(&daemon.folder.path().join("data"));
    let other = torod::store::Connection::open(path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for n in 0..10_000 {
        tracing::info!(target: "request", n, "burst");
    }
    assert!(lines.dropped() > 0, "the queue has an end");
    assert_eq!(daemon.chat("ok", "").await.status, 200);
    other.execute_batch("ROLLBACK").unwrap();
    tracing::warn!(target: "request", "afterwards");
    until("it recovers", || async { daemon.lines("q=afterwards").await.len() == 1 }).await;
    assert_eq!(daemon.get("/admin/api/log").await.json()["dropped"], lines.dropped());
    daemon.stop().await;
}
