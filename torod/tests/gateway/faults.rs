//! What goes wrong around inference is told, costs it nothing, and heals by itself: providers, records, clocks, receivers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use torod::clock::Clock;

use crate::support::{TestDaemon, configuration, port_zero, until};
use crate::upstream::{Upstream, completion, list};

/// 2026-11-22 12:00 UTC.
const NOON_MS: i64 = 1_795_348_800_000;
const HOUR_MS: i64 = 3_600_000;

async fn daemon(text: &str, clock: Clock) -> TestDaemon {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    TestDaemon::configured(simulator, text, clock).await
}

async fn alerts(daemon: &TestDaemon, query: &str) -> Vec<Value> {
    daemon.get(&format!("/admin/api/alerts?{query}")).await.json()["alerts"].as_array().unwrap().clone()
}

/// Takes connections and never answers; each one that came is told of.
async fn silence() -> (String, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind(port_zero()).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (came, told) = mpsc::unbounded_channel();
    tokio::runtime::Handle::current().spawn(async move {
        let mut held: Vec<TcpStream> = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
            if came.send(()).is_err() {
                return;
            }
        }
    });
    (url, told)
}

#[tokio::test]
async fn a_provider_that_serves_no_more_is_told_once_and_when_it_serves_again() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let upstream = Upstream::start(move |asked| {
        let body = if asked.head.starts_with("GET") { list() } else { completion() };
        let serves = up.load(Ordering::SeqCst) || asked.head.starts_with("GET");
        Some(if serves { (200, String::new(), body) } else { (503, String::new(), "{}".to_owned()) })
    })
    .await;
    let more = "[alerts]\nkinds = ['provider_down']\nprovider_down_after = '1m'\n";
    let clock = Clock::fixed(NOON_MS);
    let daemon = daemon(&configuration(&upstream.url, more, ""), clock.clone()).await;
    for _ in 0..3 {
        assert_eq!(daemon.chat("sim/m", "").await.status, 503);
    }
    assert!(alerts(&daemon, "").await.is_empty(), "a moment of failures is none");
    // It is down from when somebody first looked, and is looked at as long as it is.
    until("it is told", || async {
        clock.advance(60_000);
        assert_eq!(daemon.chat("sim/m", "").await.status, 503);
        !alerts(&daemon, "").await.is_empty()
    })
    .await;
    assert_eq!(daemon.chat("sim/m", "").await.status, 503);
    let told = alerts(&daemon, "").await;
    assert_eq!((told.len(), &told[0]["subject"], &told[0]["state"]), (1, &json!("sim"), &json!("firing")));
    assert_eq!((&told[0]["kind"], &told[0]["severity"]), (&json!("provider_down"), &json!("critical")));
    let message = told[0]["message"].as_str().unwrap();
    assert!(message.contains("calls failed") && message.contains("\"sim\""), "{message}");
    is_up.store(true, Ordering::SeqCst);
    assert_eq!(daemon.chat("sim/m", "").await.status, 200);
    until("it is over", || async { alerts(&daemon, "").await[0]["state"] == json!("resolved") }).await;
    assert_eq!(alerts(&daemon, "").await.len(), 1);
    daemon.stop().await;
}

#[tokio::test]
async fn records_that_are_lost_are_told_as_soon_as_the_database_takes_anything() {
    let more = "[usage]\nqueue = 10\n[alerts]\nkinds = ['usage_lost']\n";
    let daemon = TestDaemon::with(more, "").await;
    let other = torod::store::Connection::open(daemon.folder.path().join("data/torod.db")).unwrap();
    until("the database can be locked", || async { other.execute_batch("BEGIN EXCLUSIVE").is_ok() }).await;
    for _ in 0..40 {
        assert_eq!(daemon.chat("ok", "").await.status, 200);
    }
    other.execute_batch("COMMIT").unwrap();
    until("it is told", || async { !alerts(&daemon, "kind=usage_lost").await.is_empty() }).await;
    let told = alerts(&daemon, "kind=usage_lost").await;
    assert_eq!((told.len(), &told[0]["severity"]), (1, &json!("critical")));
    assert!(told[0]["message"].as_str().unwrap().contains("30 usage records were lost"), "{}", told[0]);
    until("reports say it too", || async { daemon.get("/admin/api/usage").await.json()["lost_records"] == json!(30) })
        .await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_an_hour_while_requests_come_loses_none() {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = configuration(&simulator.url(), "", "");
    let clock = Clock::fixed(NOON_MS + HOUR_MS / 2);
    let daemon = TestDaemon::configured(simulator, &text, clock.clone()).await;
    let chat = async |times: usize| {
        for _ in 0..times {
            assert_eq!(daemon.chat("ok", "").await.status, 200);
        }
    };
    chat(3).await;
    until("they are written", || async { daemon.rows("id").await.len() == 3 }).await;
    clock.jump(-HOUR_MS);
    chat(4).await;
    until("they are written", || async { daemon.rows("id").await.len() == 7 }).await;
    // Whoever asks for what was until now asks for all of it.
    for period in ["today", "24h", "7d"] {
        let of = daemon.get(&format!("/admin/api/usage?period={period}")).await.json();
        assert_eq!(of["total"]["requests"], json!(7), "{period}: {of}");
        let listed = daemon.get(&format!("/admin/api/usage/requests?period={period}")).await.json();
        assert_eq!(listed["requests"].as_array().unwrap().len(), 7, "{period}");
    }
    clock.jump(HOUR_MS);
    chat(2).await;
    assert_eq!(daemon.rows("id").await.len(), 9);
    let ids = daemon.rows("id").await;
    let mut unlike = ids.clone();
    unlike.sort();
    unlike.dedup();
    assert_eq!(unlike.len(), 9, "{ids:?}");
    let span = format!("since_ms={}&until_ms={}&step=hour&time_zone=UTC", NOON_MS - HOUR_MS, NOON_MS + HOUR_MS);
    let report = daemon.get(&format!("/admin/api/usage?{span}")).await;
    assert_eq!(report.status, 200, "{}", report.text());
    let report = report.json();
    assert_eq!((&report["total"]["requests"], &report["lost_records"]), (&json!(9), &json!(0)), "{report}");
    let hours: Vec<_> = report["rows"].as_array().unwrap().iter().map(|row| row["requests"].as_u64()).collect();
    assert_eq!(hours.into_iter().flatten().sum::<u64>(), 9, "{report}");
    daemon.stop().await;
}

#[tokio::test]
async fn a_webhook_that_never_answers_holds_up_neither_requests_nor_the_end() {
    let (url, mut came) = silence().await;
    let more = format!("[[alerts.webhooks]]\nurl = '{url}/in'\nkinds = ['price_unknown']\n");
    let daemon = TestDaemon::with(&more, "").await;
    assert_eq!(daemon.chat("ok", "").await.status, 200);
    tokio::time::timeout(Duration::from_secs(20), came.recv()).await.unwrap().unwrap();
    for _ in 0..20 {
        assert_eq!(daemon.chat("ok", "").await.status, 200);
    }
    assert_eq!(daemon.get("/admin/api/alerts").await.json()["alerts"][0]["state"], json!("firing"));
    tokio::time::timeout(Duration::from_secs(20), daemon.stop()).await.unwrap();
}

#[tokio::test]
async fn a_vendor_that_never_says_what_is_left_holds_up_neither_requests_nor_the_end() {
    let (silent, mut came) = silence().await;
    let upstream = Upstream::start(|asked| {
        let body = if asked.head.starts_with("GET") { list() } else { completion() };
        Some((200, String::new(), body))
    })
    .await;
    let text = configuration(&upstream.url, "", "")
        .replace("name = \"sim\"\n", "name = \"sim\"\nprovider_type = \"deepseek\"\n")
        + &format!(
            "[[providers]]\nname = \"mute\"\nprovider_type = \"deepseek\"\napi_key = \"sk-mute\"\n\
             protocols = {{ openai = \"{silent}/v1\" }}\n"
        );
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::at_once(simulator, &text, Clock::system(), folder).await;
    tokio::time::timeout(Duration::from_secs(20), came.recv()).await.unwrap().unwrap();
    for _ in 0..20 {
        assert_eq!(daemon.chat("sim/m", "").await.status, 200);
    }
    tokio::time::timeout(Duration::from_secs(20), daemon.stop()).await.unwrap();
}

#[tokio::test]
async fn the_span_before_is_told_as_what_movers_are_held_against() {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = configuration(&simulator.url(), "", "");
    let clock = Clock::fixed(NOON_MS);
    let daemon = TestDaemon::configured(simulator, &text, clock.clone()).await;
    for (requests, days) in [(2, 1), (3, 0)] {
        for _ in 0..requests {
            assert_eq!(daemon.chat("ok", "").await.status, 200);
        }
        clock.advance(days * 24 * 3_600_000);
    }
    until("they are written", || async { daemon.rows("id").await.len() == 5 }).await;
    for period in ["today", "24h", "7d", "month"] {
        let ask = async |what: &str| daemon.get(&format!("/admin/api/usage{what}period={period}")).await.json();
        let (movers, now) = (ask("/movers?").await, ask("?").await);
        let before = ask("?before=true&spread=total&").await;
        assert_eq!(before["total"], movers["before"], "{period}");
        assert_eq!(now["total"], movers["now"], "{period}");
        assert_eq!(
            (&before["since_ms"], &before["until_ms"]),
            (&movers["before_since_ms"], &movers["before_until_ms"]),
            "{period}"
        );
        let has_times = before["spread"]["total"]["p50_us"].is_u64();
        assert_eq!(has_times, before["total"]["attempts"] != json!(0), "{period}: {before}");
    }
    let today = daemon.get("/admin/api/usage?before=true&period=today").await.json();
    assert_eq!(today["total"]["requests"], json!(2), "{today}");
    let refused = daemon.get("/admin/api/usage?spread=all").await;
    assert!(refused.status == 400 && refused.text().contains("total"), "{}", refused.text());
    daemon.stop().await;
}
