//! Alerts from outside: budgets in order and once, webhooks signed and retried, what was seen and by whom.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::support::{TestDaemon, chat_body, configuration, port_zero, until};
use crate::upstream::{Asked, Upstream};

async fn alerts(daemon: &TestDaemon, query: &str) -> Vec<Value> {
    let page = daemon.get(&format!("/admin/api/alerts?{query}")).await.json();
    page["alerts"].as_array().unwrap_or_else(|| panic!("{page}")).clone()
}

/// The marks of budgets that were told, in the order in which they were.
async fn marks(daemon: &TestDaemon) -> Vec<String> {
    let told = alerts(daemon, "kind=budget").await;
    told.iter().rev().map(|alert| alert["key"].as_str().unwrap().rsplit(':').next().unwrap().to_owned()).collect()
}

async fn spend(daemon: &TestDaemon, key: &str, requests: usize) {
    let one = || async {
        let mut request = daemon.request("/v1/chat/completions", chat_body("ok", ""));
        request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        assert_eq!(daemon.send(request).await.status, 200);
    };
    join_all((0..requests).map(|_| one())).await;
}

#[tokio::test]
async fn a_budget_is_told_at_each_mark_once_whoever_spends_it_and_over_restarts() {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = configuration(&simulator.url(), "[alerts]\nkinds = ['budget']\n", "");
    let mut daemon = TestDaemon::configured(simulator, &text, Clock::system()).await;
    // The budget is its parent's.
    let limits = r#"{"name":"team","role":"keymaster","limits":{"budgets":[{"unit":"requests","limit":20}]}}"#;
    let team = daemon.post("/admin/api/tokens", limits).await.json();
    let below = format!(r#"{{"name":"one","parent":"{}"}}"#, team["id"].as_str().unwrap());
    let key = daemon.post("/admin/api/tokens", below).await.json()["key"].as_str().unwrap().to_owned();
    spend(&daemon, &key, 9).await;
    for (requests, expected) in [(1, &["50"][..]), (6, &["50", "80"]), (4, &["50", "80", "100"])] {
        spend(&daemon, &key, requests).await;
        until("the mark is told", || async { marks(&daemon).await.len() >= expected.len() }).await;
        assert_eq!(marks(&daemon).await, expected);
        let (simulator, folder) = daemon.stop_keeping().await;
        daemon = TestDaemon::in_folder(simulator, &text, Clock::system(), folder).await;
    }
    let told = alerts(&daemon, "kind=budget&state=firing").await;
    assert_eq!(told.len(), 3);
    let last = &told[0];
    assert_eq!(
        (&last["subject"], &last["severity"], &last["permille"]),
        (&json!("team"), &json!("critical"), &json!(1_000))
    );
    let message = last["message"].as_str().unwrap();
    assert!(message.contains("20 requests for the life of the token \"team\" is used to 100 %"), "{message}");
    // More room, and all of it is over.
    let which = format!("/admin/api/tokens/{}", team["id"].as_str().unwrap());
    let more = r#"{"version":1,"limits":{"budgets":[{"unit":"requests","limit":2000}]}}"#;
    let mut request = daemon.request(&which, more);
    *request.method_mut() = http::Method::PATCH;
    let changed = daemon.send(request).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    spend(&daemon, &key, 1).await;
    until("they are over", || async { alerts(&daemon, "kind=budget&state=firing").await.is_empty() }).await;
    daemon.stop().await;
}

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Whether a message is signed as it should be, by another library than the one that signs.
fn is_signed(asked: &Asked) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(&SECRET[6..]).unwrap());
    let signed = format!("{}.{}.{}", asked.header("webhook-id"), asked.header("webhook-timestamp"), asked.body);
    let signature = asked.header("webhook-signature").strip_prefix("v1,").map(|text| STANDARD.decode(text).unwrap());
    signature.is_some_and(|signature| hmac::verify(&key, signed.as_bytes(), &signature).is_ok())
}

#[tokio::test]
async fn a_webhook_gets_what_it_wants_signed_and_what_it_missed_after_a_restart() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let receiver = Upstream::start(move |_| {
        let status = if up.load(Ordering::SeqCst) { 204 } else { 503 };
        Some((status, String::new(), String::new()))
    })
    .await;
    let other = Upstream::start(|_| Some((200, String::new(), String::new()))).await;
    let hooks = format!(
        "[[alerts.webhooks]]\nurl = '{}/in?token=hunter2'\nsecret = '{SECRET}'\nkinds = ['price_unknown']\n\
         [[alerts.webhooks]]\nurl = '{}'\nkinds = ['usage_lost']\n",
        receiver.url, other.url
    );
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = configuration(&simulator.url(), &hooks, "");
    let first = TestDaemon::configured(simulator, &text, Clock::system()).await;
    assert_eq!(first.chat("ok", "").await.status, 200);
    until("it was tried", || async { !receiver.asked().is_empty() }).await;
    until("it waits", || async {
        let page = first.get("/admin/api/alerts").await;
        assert!(!page.text().contains("hunter2"));
        page.json()["webhooks"][0]["waiting"] == json!(1) && page.json()["webhooks"][0]["error"] == json!("status 503")
    })
    .await;
    let (simulator, folder) = first.stop_keeping().await;
    is_up.store(true, Ordering::SeqCst);
    let second = TestDaemon::in_folder(simulator, &text, Clock::system(), folder).await;
    until("it is delivered", || async {
        second.get("/admin/api/alerts").await.json()["webhooks"][0]["waiting"] == json!(0)
            && receiver.asked().len() >= 2
    })
    .await;
    let messages = receiver.asked();
    assert!(messages.iter().all(is_signed), "{messages:?}");
    let ids: std::collections::BTreeSet<&str> = messages.iter().map(|asked| asked.header("webhook-id")).collect();
    assert_eq!(ids.len(), 1, "the same message keeps its id");
    let last = messages.last().unwrap();
    let body: Value = serde_json::from_str(&last.body).unwrap();
    assert_eq!((&body["type"], &body["data"]["kind"]), (&json!("alert.firing"), &json!("price_unknown")));
    assert_eq!((&body["data"]["subject"], last.path()), (&json!("sim/ok"), "/in?token=hunter2"));

    let tested = second.post("/admin/api/alerts/test", "").await;
    assert!(!tested.text().contains("hunter2"));
    let tested = tested.json();
    assert_eq!((&tested["webhooks"][0]["status"], &tested["webhooks"][1]["status"]), (&json!(204), &json!(200)));
    assert_eq!(other.asked().len(), 1, "nothing was lost, and so nothing told");
    assert_eq!(serde_json::from_str::<Value>(&other.asked()[0].body).unwrap()["type"], "alert.test");
    assert_eq!(other.asked()[0].header("webhook-signature"), "");
    second.stop().await;
}

#[tokio::test]
async fn who_has_seen_an_alert_first_stays_and_stands_in_the_audit_trail() {
    let daemon = TestDaemon::start().await;
    assert_eq!(daemon.chat("ok", "").await.status, 200);
    until("it is told", || async { !alerts(&daemon, "").await.is_empty() }).await;
    let id = alerts(&daemon, "").await[0]["id"].as_i64().unwrap();
    let page = daemon.get("/admin/api/alerts?state=firing").await.json();
    assert_eq!(page["unacknowledged"], 1);
    let path = format!("/admin/api/alerts/{id}/acknowledge");
    let seen = daemon.post(&path, "").await.json();
    let again = daemon.post(&path, "").await.json();
    assert_eq!((&seen["acknowledged_by"], &again), (&json!("test"), &seen));
    assert_eq!(daemon.get("/admin/api/alerts").await.json()["unacknowledged"], 0);
    let audit = daemon.get("/admin/api/audit?action=alert.acknowledge").await.json();
    assert_eq!(audit["entries"].as_array().unwrap().len(), 1);
    for wrong in ["0", "-1", "x", "99999999999999999999"] {
        assert_eq!(daemon.post(&format!("/admin/api/alerts/{wrong}/acknowledge"), "").await.status, 404, "{wrong}");
    }
    for wrong in ["state=x", "kind=x", "cursor=x", "limit=0", "limit=501", "x=1"] {
        assert_eq!(daemon.get(&format!("/admin/api/alerts?{wrong}")).await.status, 400, "{wrong}");
    }
    daemon.stop().await;
}
