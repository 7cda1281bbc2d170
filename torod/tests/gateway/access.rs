//! Who may come in.

use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;
use torod::config;
use torod::daemon::{Daemon, Options};

use crate::support::{TestDaemon, chat_body, configuration, port_zero};

async fn with_header(daemon: &TestDaemon, name: &'static str, value: &str) -> (u16, String) {
    let mut request = daemon.request("/v1/chat/completions", chat_body("ok", ""));
    request.headers_mut().remove("authorization");
    request.headers_mut().insert(name, value.parse().unwrap());
    let answer = daemon.send(request).await;
    let code =
        if answer.status == 200 { String::new() } else { answer.json()["error"]["code"].as_str().unwrap().to_owned() };
    (answer.status.as_u16(), code)
}

#[tokio::test]
async fn a_token_opens_wherever_clients_put_it_and_nothing_else_does() {
    let daemon = TestDaemon::start().await;
    let key = daemon.key.clone();
    for (name, value) in [
        ("authorization", format!("Bearer {key}")),
        ("authorization", format!("bearer {key}")),
        ("x-api-key", key.clone()),
        ("api-key", key.clone()),
        ("x-goog-api-key", key.clone()),
    ] {
        assert_eq!(with_header(&daemon, name, &value).await.0, 200, "{name}");
    }
    let mut wrong = key.clone();
    wrong.replace_range(10..11, if &key[10..11] == "a" { "b" } else { "a" });
    for (value, code) in [
        (format!("Bearer {wrong}"), "token_malformed"),
        (format!("Bearer {}", &key[..20]), "token_malformed"),
        ("Bearer sk-something".to_owned(), "token_unknown"),
        ("Bearer ".to_owned(), "token_missing"),
        (format!("Basic {key}"), "token_missing"),
    ] {
        assert_eq!(with_header(&daemon, "authorization", &value).await, (401, code.to_owned()), "{value}");
    }
    assert_eq!(daemon.simulator.calls().len(), 5);
    daemon.stop().await;
}

#[tokio::test]
async fn an_ended_token_is_told_how_it_ended() {
    let clock = Clock::fixed(1_800_000_000_000);
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = configuration(&simulator.url(), "", "");
    let daemon = TestDaemon::configured(simulator, &text, clock.clone()).await;
    let create = |body: &'static str| daemon.post("/admin/api/tokens", body);
    let short = create(r#"{"name":"short","role":"inferrer","ttl_ms":60000}"#).await;
    assert_eq!(short.status, 201);
    let short = short.json()["key"].as_str().unwrap().to_owned();
    let gone = create(r#"{"name":"gone","role":"keymaster"}"#).await.json();
    let gone_key = gone["key"].as_str().unwrap().to_owned();
    let bearer = |key: &str| format!("Bearer {key}");
    for key in [&short, &gone_key] {
        assert_eq!(with_header(&daemon, "authorization", &bearer(key)).await.0, 200);
    }
    let mut delete = daemon.request(&format!("/admin/api/tokens/{}", gone["id"].as_str().unwrap()), "");
    *delete.method_mut() = http::Method::DELETE;
    assert_eq!(daemon.send(delete).await.status, 200);
    assert_eq!(with_header(&daemon, "authorization", &bearer(&gone_key)).await, (401, "token_revoked".into()));
    clock.advance(60_001);
    assert_eq!(with_header(&daemon, "authorization", &bearer(&short)).await, (401, "token_expired".into()));
    daemon.stop().await;
}

#[tokio::test]
async fn only_admins_administer() {
    let daemon = TestDaemon::start().await;
    let made = daemon.post("/admin/api/tokens", r#"{"role":"inferrer"}"#).await.json();
    let mut request = daemon.request("/admin/api/tokens", r#"{"role":"admin"}"#);
    let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    assert_eq!(daemon.send(request).await.status, 403);
    let mut request = daemon.request("/admin/api/tokens", r#"{"role":"admin"}"#);
    request.headers_mut().remove("authorization");
    assert_eq!(daemon.send(request).await.status, 401);
    let answer = daemon.post("/admin/api/tokens", r#"{"roll":"admin"}"#).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"]["code"].as_str()), (400, Some("bad_request")));
    daemon.stop().await;
}

#[tokio::test]
async fn loopback_needs_no_key_but_a_browser_a_proxy_and_a_foreign_name_do() {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = configuration(&simulator.url(), "", "").replace("no_auth = false", "no_auth = true");
    let daemon = TestDaemon::configured(simulator, &text, Clock::system()).await;
    assert_eq!(with_header(&daemon, "accept", "*/*").await.0, 200);
    assert_eq!(with_header(&daemon, "authorization", "Bearer dummy").await.0, 200);
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("x-forwarded-for", "1.2.3.4"),
        ("forwarded", "for=1.2.3.4"),
        ("via", "1.1 proxy"),
        ("host", "evil.example"),
    ] {
        assert_eq!(with_header(&daemon, name, value).await, (401, "token_missing".into()), "{name}");
    }
    for (head, answer) in [
        ("GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n", "HTTP/1.1 200 OK"),
        ("GET http://evil.example/v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n", "HTTP/1.1 401 Unauthorized"),
        ("GET /v1/models HTTP/1.0\r\n\r\n", "HTTP/1.0 401 Unauthorized"),
    ] {
        assert_eq!(crate::bad_input::raw(&daemon, head, b"", 0).await, answer, "{head}");
    }
    assert_eq!(with_header(&daemon, "authorization", "Bearer tr_not-a-token").await.1, "token_malformed");
    let mut admin = daemon.request("/admin/api/tokens", "{}");
    admin.headers_mut().remove("authorization");
    assert_eq!(daemon.send(admin).await.status, 401);
    daemon.stop().await;
}

#[tokio::test]
async fn a_token_outlives_neither_its_maker_nor_its_parent() {
    let daemon = TestDaemon::start().await;
    let made = daemon.post("/admin/api/tokens", r#"{"role":"admin","ttl_ms":60000}"#).await.json();
    let other = daemon.post("/admin/api/tokens", r#"{"role":"keymaster"}"#).await.json();
    let ask = async |more: &str| {
        let body = format!(r#"{{"role":"inferrer","parent":"{}"{more}}}"#, other["id"].as_str().unwrap());
        let mut request = daemon.request("/admin/api/tokens", body);
        let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
        request.headers_mut().insert("authorization", bearer.parse().unwrap());
        daemon.send(request).await
    };
    assert_eq!(ask("").await.json()["expires_ms"], made["expires_ms"]);
    assert_eq!(ask(r#","ttl_ms":61000"#).await.status, 400);
    daemon.stop().await;
}

#[tokio::test]
async fn other_machines_are_let_in_only_when_there_is_an_owner() {
    assert!(config::Config::default().listen_addr.ip().is_loopback());
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        Daemon::start(Options {
            config: config::parse("listen_addr = \"0.0.0.0:0\"\nauto_detect_local_servers = false", "t").unwrap(),
            file: None,
            data_dir: folder.path().join("data"),
            clock: Clock::system(),
            random: torod::access::system_random,
            env: |_| None,
        })
    };
    let refused = start().await.err().unwrap().to_string();
    assert!(refused.contains("torod token create --role admin"), "{refused}");
}

/// Many change tokens at once; whoever has an answer finds it true, and nothing older is published over it.
#[tokio::test]
async fn a_change_of_tokens_holds_from_its_answer_on() {
    let daemon = TestDaemon::start().await;
    tokio::join!(turns_of(&daemon), turns_of(&daemon), turns_of(&daemon), turns_of(&daemon));
    daemon.stop().await;
}

async fn turns_of(daemon: &TestDaemon) {
    for _ in 0..25 {
        let made = daemon.post("/admin/api/tokens", r#"{"role":"inferrer"}"#).await.json();
        let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
        assert_eq!(with_header(daemon, "authorization", &bearer).await.0, 200);
        let path = format!("/admin/api/tokens/{}", made["id"].as_str().unwrap());
        let mut delete = daemon.request(&path, "");
        *delete.method_mut() = http::Method::DELETE;
        assert_eq!(daemon.send(delete).await.status, 200);
        for _ in 0..3 {
            assert_eq!(with_header(daemon, "authorization", &bearer).await, (401, "token_revoked".to_owned()));
        }
    }
}
