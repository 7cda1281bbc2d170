//! What providers have left: read in passing, asked for, shown, kept, and never at the price of a key.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::support::{PROVIDER_KEY, TestDaemon, configuration, port_zero, until};
use crate::upstream::{Answer, Asked, Upstream, completion, list};

async fn daemon(text: &str) -> TestDaemon {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    TestDaemon::configured(simulator, text, Clock::system()).await
}

/// A provider with 5 % left of its requests.
async fn nearly_out() -> Upstream {
    Upstream::start(|asked| {
        let limits = "x-ratelimit-limit-requests: 100\r\nx-ratelimit-remaining-requests: 5\r\nx-ratelimit-reset-requests: 6m0s\r\n";
        let body = if asked.head.starts_with("GET") { list() } else { completion() };
        Some((200, limits.to_owned(), body))
    })
    .await
}

async fn alerts(daemon: &TestDaemon, kind: &str) -> Vec<Value> {
    let page = daemon.get(&format!("/admin/api/alerts?kind={kind}")).await.json();
    page["alerts"].as_array().unwrap().clone()
}

#[tokio::test]
async fn five_percent_left_in_a_header_are_shown_kept_and_told() {
    let upstream = nearly_out().await;
    let text = configuration(&upstream.url, "", "");
    let first = daemon(&text).await;
    let before = first.get("/admin/api/quotas").await.json();
    assert_eq!((&before["quotas"][0]["state"], &before["quotas"][0]["metrics"]), (&json!("unknown"), &json!([])));
    assert_eq!(first.chat("sim/m", "").await.status, 200);
    let seen = first.get("/admin/api/quotas?provider=sim").await.json();
    let quota = &seen["quotas"][0];
    assert_eq!(
        (&quota["provider"], &quota["state"], &quota["left_permille"]),
        (&json!("sim"), &json!("ok"), &json!(50))
    );
    let metric = &quota["metrics"][0];
    assert_eq!(
        (&metric["feature"], &metric["unit"], &metric["model"]),
        (&json!("requests"), &json!("requests"), &json!("m"))
    );
    assert_eq!((&metric["limit"], &metric["remaining"], &metric["used"]), (&json!(100), &json!(5), &json!(95)));
    assert_eq!(metric["source"], "headers");
    assert!(metric["resets_ms"].as_i64() > metric["seen_ms"].as_i64());
    until("the alert is told", || async { !alerts(&first, "quota_low").await.is_empty() }).await;
    let told = alerts(&first, "quota_low").await;
    assert_eq!(told.len(), 1);
    let message = told[0]["message"].as_str().unwrap();
    assert!(message.starts_with("5.0 % is left of the requests at the provider \"sim\""), "{message}");
    assert_eq!(
        (&told[0]["permille"], &told[0]["state"], &told[0]["severity"]),
        (&json!(50), &json!("firing"), &json!("warning"))
    );
    let status = first.get("/v1/status").await.json();
    assert_eq!(
        (&status["quotas"][0]["left_permille"], status["alerts"]["firing"].as_u64() >= Some(1)),
        (&json!(50), true)
    );
    // Nobody but an admin is told of either.
    let mut request = first.request("/v1/status", "");
    *request.method_mut() = http::Method::GET;
    let key = format!("Bearer {}", first.other_key().await);
    request.headers_mut().insert("authorization", key.parse().unwrap());
    let status = first.send(request).await.json();
    assert!(status["providers"].is_array() && status["quotas"].is_null() && status["alerts"].is_null(), "{status}");

    let (simulator, folder) = first.stop_keeping().await;
    let second = TestDaemon::in_folder(simulator, &text, Clock::system(), folder).await;
    until("what was known is known again", || async {
        second.get("/admin/api/quotas").await.json()["quotas"][0]["left_permille"] == json!(50)
    })
    .await;
    assert_eq!(second.chat("sim/m", "").await.status, 200);
    second.rows("id").await;
    // A round of the alerts has passed when what was only just used is told of.
    until("the price is told", || async { !alerts(&second, "price_unknown").await.is_empty() }).await;
    assert_eq!(alerts(&second, "quota_low").await.len(), 1, "what was told is not told again after a restart");
    second.stop().await;
}

#[tokio::test]
async fn nothing_left_is_told_as_such_and_over_when_there_is_something_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let upstream = Upstream::start(move |asked| {
        if asked.head.starts_with("GET") {
            return Some((200, String::new(), list()));
        }
        let (status, left, wait) = if counted.fetch_add(1, Ordering::SeqCst) == 0 {
            (429, 0, "retry-after-ms: 50\r\n")
        } else {
            (200, 90, "")
        };
        let limits = format!(
            "anthropic-ratelimit-requests-limit: 100\r\nanthropic-ratelimit-requests-remaining: {left}\r\n{wait}"
        );
        let error = r#"{"error":{"message":"slow down","type":"rate_limit_error"}}"#.to_owned();
        Some((status, limits, if status == 200 { completion() } else { error }))
    })
    .await;
    let daemon = daemon(&configuration(&upstream.url, "", "")).await;
    assert_eq!(daemon.chat("sim/m", "").await.status, 429);
    until("it is told", || async { !alerts(&daemon, "quota_exhausted").await.is_empty() }).await;
    let told = alerts(&daemon, "quota_exhausted").await;
    assert_eq!((&told[0]["severity"], &told[0]["permille"]), (&json!("critical"), &json!(0)));
    assert!(alerts(&daemon, "quota_low").await.is_empty(), "that nothing is left says it");
    until("a call is served", || async { daemon.chat("sim/m", "").await.status == 200 }).await;
    until("it is over", || async { alerts(&daemon, "quota_exhausted").await[0]["state"] == json!("resolved") }).await;
    daemon.stop().await;
}

/// A provider of DeepSeek's that says of its account what `answer` says.
async fn asked(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> (Upstream, TestDaemon) {
    let upstream = Upstream::start(move |asked| match asked.path() {
        "/user/balance" => answer(asked),
        _ if asked.head.starts_with("GET") => Some((200, String::new(), list())),
        _ => Some((200, String::new(), completion())),
    })
    .await;
    let text = configuration(&upstream.url, "", "")
        .replace("name = \"sim\"\n", "name = \"sim\"\nprovider_type = \"deepseek\"\n");
    let daemon = daemon(&text).await;
    (upstream, daemon)
}

async fn refreshed(daemon: &TestDaemon) -> Value {
    let answer = daemon.post("/admin/api/quotas/refresh", "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_vendor_is_asked_at_its_own_address_with_its_own_key_and_not_too_often() {
    let (upstream, daemon) = asked(|_| {
        let body = r#"{"is_available":true,"balance_infos":[{"currency":"USD","total_balance":"0.50"}]}"#;
        Some((200, String::new(), body.to_owned()))
    })
    .await;
    let told = refreshed(&daemon).await;
    assert_eq!((&told["asked"], &told["too_soon"]), (&json!(["sim"]), &json!([])));
    let quota = &told["quotas"][0];
    assert_eq!((&quota["reader"], &quota["state"]), (&json!("deep-seek"), &json!("ok")));
    let metric = &quota["metrics"][0];
    assert_eq!(
        (&metric["feature"], &metric["unit"], &metric["remaining"]),
        (&json!("balance"), &json!("usd"), &json!(500_000_000))
    );
    let again = refreshed(&daemon).await;
    assert_eq!((&again["asked"], &again["too_soon"]), (&json!([]), &json!(["sim"])));
    let questions: Vec<_> = upstream.asked().into_iter().filter(|asked| asked.path() == "/user/balance").collect();
    assert_eq!(questions.len(), 1);
    assert!(questions[0].head.starts_with("GET ") && questions[0].body.is_empty());
    assert_eq!(questions[0].header("authorization"), format!("Bearer {PROVIDER_KEY}"));
    until("half a dollar is told of", || async { !alerts(&daemon, "quota_low").await.is_empty() }).await;
    assert!(
        alerts(&daemon, "quota_low").await[0]["message"].as_str().unwrap().starts_with("$0.50 is left of the balance")
    );
    assert_eq!(daemon.post("/admin/api/quotas/refresh", r#"{"provider":"nobody"}"#).await.status, 404);
    daemon.stop().await;
}

#[tokio::test]
async fn vendors_that_lie_are_not_believed_and_nothing_is_quoted() {
    let stranger = Upstream::start(|_| Some((200, String::new(), "{}".to_owned()))).await;
    let elsewhere = format!("location: {}/user/balance\r\n", stranger.url);
    let secret = format!(r#"{{"error":"{PROVIDER_KEY}"}}"#);
    let huge = format!(r#"{{"is_available":true,"balance_infos":[],"x":"{}"}}"#, "x".repeat(100 << 10));
    let cases: Vec<(Answer, &str)> = vec![
        (Some((302, elsewhere, String::new())), "status 302"),
        (Some((401, String::new(), secret.clone())), "it refuses the key for this question"),
        (Some((500, String::new(), secret.clone())), "status 500"),
        (Some((200, String::new(), secret)), "its answer is not what its vendor documents"),
        (Some((200, String::new(), huge)), "larger than"),
        (None, ""),
    ];
    for (answer, expected) in cases {
        let (_upstream, daemon) = asked(move |_| answer.clone()).await;
        let told = refreshed(&daemon).await;
        let (state, why) = (&told["quotas"][0]["state"], told["quotas"][0]["error"].as_str().unwrap());
        assert!(state == "error" && why.contains(expected) && !why.contains(PROVIDER_KEY), "{expected}: {told}");
        daemon.stop().await;
    }
    assert!(stranger.asked().is_empty(), "the key went elsewhere");
}
