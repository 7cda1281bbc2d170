//! Tokens that somebody has to renew: when they end, for whom, what is told of it, and what a restart does.

use http::Method;
use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::support::{Answer, TestDaemon, chat_body, configuration, port_zero, until};

const START: i64 = 1_800_000_000_000;

async fn ask(daemon: &TestDaemon, method: Method, path: &str, key: &str, body: &str) -> Answer {
    let mut request = daemon.request(path, body.to_owned());
    *request.method_mut() = method;
    request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    daemon.send(request).await
}

async fn made(daemon: &TestDaemon, key: &str, body: &Value) -> (String, String) {
    let answer = ask(daemon, Method::POST, "/admin/api/tokens", key, &body.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let text = |field: &str| answer.json()[field].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

async fn renewed(daemon: &TestDaemon, key: &str) -> Answer {
    ask(daemon, Method::POST, "/admin/api/me/lease", key, "").await
}

async fn chats(daemon: &TestDaemon, key: &str) -> Answer {
    ask(daemon, Method::POST, "/v1/chat/completions", key, &chat_body("ok", "")).await
}

async fn start() -> (TestDaemon, Clock) {
    let clock = Clock::fixed(START);
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = configuration(&simulator.url(), "", "");
    (TestDaemon::configured(simulator, &text, clock.clone()).await, clock)
}

#[tokio::test]
async fn a_lease_ends_a_token_and_all_below_it_unless_it_is_renewed() {
    let (daemon, clock) = start().await;
    let wanted = json!({"name": "codex", "role": "keymaster", "run": true, "lease_s": 60});
    let (id, key) = made(&daemon, &daemon.key, &wanted).await;
    let (below_id, below) = made(&daemon, &key, &json!({"role": "inferrer"})).await;
    let shown = daemon.get(&format!("/admin/api/tokens/{id}")).await.json();
    assert_eq!((&shown["run"], &shown["lease_s"], &shown["state"]), (&json!(true), &json!(60), &json!("live")));
    clock.advance(50_000);
    let renewal = renewed(&daemon, &key).await;
    assert_eq!((renewal.status.as_u16(), renewal.json()), (200, json!({"lease_s": 60, "ends_ms": START + 110_000})));
    // Somebody sets the machine's clock: no time has passed.
    clock.jump(86_400_000);
    assert_eq!(chats(&daemon, &key).await.status, 200);
    clock.jump(-86_400_000);
    // Requests do not renew it, nor does a token below it.
    assert_eq!(code(&renewed(&daemon, &below).await), (400, "no_lease".into()));
    assert_eq!(code(&renewed(&daemon, &daemon.key).await), (400, "no_lease".into()));
    let me = ask(&daemon, Method::GET, "/admin/api/me", &below, "").await.json();
    assert_eq!((&me["lease"]["ends_ms"], &me["ends_ms"]), (&json!(START + 110_000), &json!(START + 110_000)));
    clock.advance(59_999);
    assert_eq!(
        (chats(&daemon, &key).await.status, chats(&daemon, &below).await.status),
        (200.try_into().unwrap(), 200.try_into().unwrap())
    );
    clock.advance(1);
    for key in [&key, &below] {
        assert_eq!(code(&chats(&daemon, key).await), (401, "lease_ended".into()));
        let messages = ask(&daemon, Method::POST, "/v1/messages", key, &chat_body("ok", ",\"max_tokens\":5")).await;
        assert_eq!((messages.status.as_u16(), &messages.json()["type"]), (401, &json!("error")), "{}", messages.text());
        assert!(messages.text().contains("lease"), "{}", messages.text());
        assert_eq!(code(&renewed(&daemon, key).await), (401, "lease_ended".into()));
        assert_eq!(code(&ask(&daemon, Method::GET, "/admin/api/me", key, "").await), (401, "lease_ended".into()));
    }
    // The end is written, with one entry that says so.
    until("the end is written", || async {
        daemon.get(&format!("/admin/api/tokens/{id}")).await.json()["state"] == "revoked"
    })
    .await;
    let shown = daemon.get(&format!("/admin/api/tokens/{below_id}")).await.json();
    assert_eq!((&shown["end_reason"], &shown["ended_by"]), (&json!("lease"), &json!(id)));
    let trail = daemon.get("/admin/api/audit?action=token.lease_ended").await.json();
    let entries = trail["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!((&entries[0]["subject"], &entries[0]["actor"]), (&json!(id), &json!("torod")));
    assert_eq!(code(&chats(&daemon, &key).await), (401, "lease_ended".into()));
    daemon.stop().await;
}

#[tokio::test]
async fn a_restart_gives_every_lease_its_full_term() {
    let (daemon, clock) = start().await;
    let (_, key) = made(&daemon, &daemon.key, &json!({"lease_s": 60})).await;
    clock.advance(59_000);
    let (simulator, folder) = daemon.stop_keeping().await;
    clock.advance(3_600_000);
    let text = configuration(&simulator.url(), "", "");
    let daemon = TestDaemon::in_folder(simulator, &text, clock.clone(), folder).await;
    clock.advance(59_999);
    assert_eq!(chats(&daemon, &key).await.status, 200);
    clock.advance(1);
    assert_eq!(code(&chats(&daemon, &key).await), (401, "lease_ended".into()));
    daemon.stop().await;
}

#[tokio::test]
async fn a_change_of_the_token_is_no_renewal_and_a_wrong_lease_is_refused() {
    let (daemon, clock) = start().await;
    let (id, key) = made(&daemon, &daemon.key, &json!({"lease_s": 15})).await;
    clock.advance(14_000);
    let body = r#"{"version":1,"name":"other","limits":{"concurrent":3}}"#;
    let changed = ask(&daemon, Method::PATCH, &format!("/admin/api/tokens/{id}"), &daemon.key, body).await;
    assert_eq!((changed.status.as_u16(), &changed.json()["lease_s"]), (200, &json!(15)));
    clock.advance(1_000);
    assert_eq!(code(&chats(&daemon, &key).await), (401, "lease_ended".into()));
    for seconds in [0, 14, 3_601, u32::MAX] {
        let body = json!({"lease_s": seconds}).to_string();
        let refused = ask(&daemon, Method::POST, "/admin/api/tokens", &daemon.key, &body).await;
        assert_eq!(code(&refused), (400, "bad_lease".into()), "{seconds}");
    }
    for (seconds, status) in [(15, 201), (3_600, 201)] {
        let body = json!({"lease_s": seconds}).to_string();
        assert_eq!(ask(&daemon, Method::POST, "/admin/api/tokens", &daemon.key, &body).await.status.as_u16(), status);
    }
    for body in [r#"{"lease_s":-1}"#, r#"{"lease_s":"60"}"#, r#"{"run":1}"#, r#"{"lease_s":1e9}"#] {
        let refused = ask(&daemon, Method::POST, "/admin/api/tokens", &daemon.key, body).await;
        assert_eq!(code(&refused), (400, "bad_request".into()), "{body}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn renewals_at_the_very_end_never_bring_a_token_back() {
    let (daemon, clock) = start().await;
    for _ in 0..20 {
        let (_, key) = made(&daemon, &daemon.key, &json!({"lease_s": 15})).await;
        clock.advance(14_999);
        let (renewal, ()) = tokio::join!(renewed(&daemon, &key), async { clock.advance(1) });
        let is_alive = renewal.status == 200;
        // Whoever was told that it is renewed has all of its term; whoever was not, nothing.
        clock.advance(14_998);
        assert_eq!(chats(&daemon, &key).await.status == 200, is_alive, "{}", renewal.text());
    }
    daemon.stop().await;
}
