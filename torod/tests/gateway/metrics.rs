//! `/metrics`: what it counts equals the rows, who may read it, and that Prometheus' own tools like it.
#![expect(clippy::float_cmp, reason = "whole numbers, which the format writes as floats")]

use http::{Method, Request};
use http_body_util::Full;
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;
use torod::telemetry::metrics::families::ALL;

use crate::exposition::Page;
use crate::promtool;
use crate::support::{Answer, TestDaemon, chat_body, configuration, port_zero};

async fn ask(daemon: &TestDaemon, url: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(Method::GET).uri(format!("{url}/metrics"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    daemon.send(request.body(Full::default()).unwrap()).await
}

async fn page(daemon: &TestDaemon) -> Page {
    let answer = daemon.get("/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    Page::read(&answer.text())
}

/// Every kind of request that leaves another kind of row.
async fn traffic(daemon: &TestDaemon) {
    for model in ["ok", "cache", "think", "zero", "nousage", "s500", "s429", "nodone", "sim/ok", "absent"] {
        daemon.chat(model, "").await;
        daemon.chat(model, r#","stream":true"#).await;
        daemon.post("/v1/responses", format!(r#"{{"model":"{model}","input":"x"}}"#)).await;
        let body = format!(r#"{{"model":"{model}","max_tokens":9,"messages":[{{"role":"user","content":"hi"}}]}}"#);
        daemon.post("/v1/messages", body).await;
    }
    for n in 0..50 {
        daemon.chat(&format!("sim/made-up-{n}"), "").await;
    }
}

#[tokio::test]
async fn row_126_counters_equal_the_rows_and_promtool_likes_them() {
    let daemon = TestDaemon::start().await;
    traffic(&daemon).await;
    let rows = daemon.rows(
        "outcome, counted, stream, input_uncached, cache_read, cache_write_5m, cache_write_1h, output, reasoning, \
         cost_nanos, total_us, status",
    );
    let mut rows: Vec<Vec<f64>> =
        rows.await.iter().map(|row| row.iter().map(|n| n.parse().unwrap()).collect()).collect();
    let all = rows.len();
    rows.retain(|row| row[0] != 6.0);
    assert!(rows.len() < all, "requests that nobody was called for are no attempts");
    let text = daemon.get("/metrics").await.text();
    let page = Page::read(&text);
    let sum = |column: usize| rows.iter().map(|row| row[column]).sum::<f64>();
    let attempts = "tokenrouter_upstream_attempts_total";
    assert!(rows.len() > 60);
    assert_eq!(page.sum(attempts, &[]), rows.len() as f64);
    for (number, outcome) in [(0.0, "ok"), (2.0, "upstream_error"), (5.0, "cut")] {
        let expected = rows.iter().filter(|row| row[0] == number).count();
        assert!(expected > 0, "{outcome}");
        assert_eq!(page.sum(attempts, &[("outcome", outcome)]), expected as f64, "{outcome}");
    }
    for class in [4.0, 5.0] {
        let expected = rows.iter().filter(|row| (row[11] / 100.0).floor() == class).count();
        assert_eq!(page.sum(attempts, &[("status_class", &format!("{class}xx"))]), expected as f64);
    }
    assert_eq!(page.sum("tokenrouter_requests_total", &[]), sum(1));
    let streams = rows.iter().filter(|row| row[1] * row[2] > 0.0).count() as f64;
    assert_eq!(page.sum("tokenrouter_requests_total", &[("stream", "true")]), streams);
    let kinds = ["input", "cache_read", "cache_write_5m", "cache_write_1h", "output"];
    for (column, kind) in (3..).zip(kinds) {
        assert_eq!(page.sum("tokenrouter_tokens_total", &[("kind", kind)]), sum(column), "{kind}");
    }
    assert_eq!(page.sum("tokenrouter_reasoning_tokens_total", &[]), sum(8));
    assert!(sum(9) > 0.0);
    let dollars = page.sum("tokenrouter_cost_usd_total", &[]);
    assert!((dollars * 1e9 - sum(9)).abs() < 0.5, "{dollars} and {}", sum(9));
    // What was paid for comes to the same.
    let by_kind = "tokenrouter_cost_by_kind_usd_total";
    assert!((page.sum(by_kind, &[]) - dollars).abs() * 1e9 < 0.5, "{} and {dollars}", page.sum(by_kind, &[]));
    for kind in ["input", "cache_read", "output", "reasoning"] {
        assert!(page.sum(by_kind, &[("kind", kind)]) > 0.0, "{kind}");
    }
    assert_eq!(page.sum("tokenrouter_request_duration_seconds_count", &[]), sum(1));
    let seconds: f64 = rows.iter().filter(|row| row[1] > 0.0).map(|row| row[10] / 1e6).sum();
    assert!((page.sum("tokenrouter_request_duration_seconds_sum", &[]) - seconds).abs() < 1e-3);
    // Fifty models that nobody lists are one series.
    let models = page.values(attempts, "model");
    assert!(models.contains("ok") && models.contains("other"), "{models:?}");
    assert!(!models.iter().any(|model| model.starts_with("made-up")), "{models:?}");
    assert!(page.sum("tokenrouter_error_responses_total", &[("code", "model_not_found")]) > 0.0);
    // What is documented is shown, except what is about a collector that there is not.
    for family in ALL.iter().filter(|family| !family.name.starts_with("tokenrouter_otlp_")) {
        assert_eq!(page.kinds.get(family.name).map(String::as_str), Some(family.kind.as_str()), "{}", family.name);
    }
    promtool::check("metrics", &text);
    daemon.stop().await;
}

#[tokio::test]
async fn counters_outlast_a_changed_configuration_and_gauges_follow_it() {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("torod.toml");
    let text = configuration(&simulator.url(), "", "");
    std::fs::write(&path, &text).unwrap();
    let daemon = TestDaemon::in_folder(simulator, &text, Clock::system(), folder).await;
    daemon.chat("ok", "").await;
    daemon.rows("id").await;
    let before = page(&daemon).await;
    assert_eq!(before.sum("tokenrouter_config_reloads_total", &[]), 0.0);
    assert_eq!(before.values("tokenrouter_provider_up", "provider"), ["sim"].into());
    std::fs::write(&path, format!("{text}[[providers]]\nname = \"other-one\"\nbase_url = \"http://127.0.0.1:9\"\n"))
        .unwrap();
    assert_eq!(daemon.post("/admin/api/reload", "{}").await.status, 200);
    std::fs::write(&path, "nonsense").unwrap();
    assert_ne!(daemon.post("/admin/api/reload", "{}").await.status, 200);
    let after = page(&daemon).await;
    let attempts = "tokenrouter_upstream_attempts_total";
    assert_eq!((before.sum(attempts, &[]), after.sum(attempts, &[])), (1.0, 1.0));
    assert!(after.sum("tokenrouter_config_reloads_total", &[("result", "success")]) >= 1.0);
    assert!(after.sum("tokenrouter_config_reloads_total", &[("result", "failure")]) >= 1.0);
    assert_eq!(after.values("tokenrouter_provider_up", "provider"), ["sim", "other-one"].into());
    assert!(after.sum("process_resident_memory_bytes", &[]) > 1e6);
    assert_eq!(after.sum("tokenrouter_usage_records_written_total", &[]), 1.0);
    daemon.stop().await;
}

#[tokio::test]
async fn the_page_is_for_admins_and_for_whoever_has_the_scrape_key() {
    let daemon = TestDaemon::with("[telemetry]\nmetrics_token = \"scrape-key-0123456789\"\n", "").await;
    let url = daemon.url.clone();
    let bearer = |key: &str| format!("Bearer {key}");
    let other = daemon.other_key().await;
    for (key, status) in [
        (daemon.key.as_str(), 200),
        ("scrape-key-0123456789", 200),
        ("scrape-key-012345678", 401),
        (other.as_str(), 403),
        ("tr_wrong", 401),
    ] {
        let answer = ask(&daemon, &url, &[("authorization", &bearer(key))]).await;
        assert_eq!(answer.status, status, "{key}: {}", answer.text());
        assert_eq!(answer.text().contains("tokenrouter_build_info"), status == 200);
        assert!(!answer.text().contains("scrape-key"));
    }
    assert_eq!(ask(&daemon, &url, &[]).await.status, 401);
    daemon.stop().await;
}

#[tokio::test]
async fn it_is_off_where_nobody_wants_it() {
    let daemon = TestDaemon::with("telemetry = { prometheus = false, metrics_addr = \"127.0.0.1:0\" }\n", "").await;
    daemon.chat("ok", "").await;
    assert!(daemon.app.metrics.is_none() && daemon.metrics_addr.is_none());
    let answer = daemon.get("/metrics").await;
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("prometheus = true"), "{}", answer.text());
    daemon.stop().await;
}

#[tokio::test]
async fn its_own_address_shows_it_and_nothing_else() {
    let daemon = TestDaemon::with("telemetry = { metrics_addr = \"127.0.0.1:0\" }\n", "").await;
    let url = format!("http://{}", daemon.metrics_addr.unwrap());
    let answer = ask(&daemon, &url, &[]).await;
    assert_eq!(answer.status, 200);
    Page::read(&answer.text());
    // A page in a browser, by a name that somebody made lead here.
    assert_eq!(ask(&daemon, &url, &[("host", "evil.example")]).await.status, 403);
    assert_eq!(ask(&daemon, &url, &[("origin", "http://evil.example")]).await.status, 403);
    for path in ["/", "/v1/models", "/admin/api/me", "/metricsx"] {
        let request = Request::get(format!("{url}{path}")).header("authorization", format!("Bearer {}", daemon.key));
        assert_eq!(daemon.send(request.body(Full::default()).unwrap()).await.status, 404, "{path}");
    }
    let body = Full::new(chat_body("ok", "").into());
    let request = Request::post(format!("{url}/metrics")).body(body).unwrap();
    assert_eq!(daemon.send(request).await.status, 405);
    daemon.stop().await;
    let guarded = "telemetry = { metrics_addr = \"127.0.0.1:0\", metrics_token = \"scrape-key-0123456789\" }\n";
    let daemon = TestDaemon::with(guarded, "").await;
    let url = format!("http://{}", daemon.metrics_addr.unwrap());
    assert_eq!(ask(&daemon, &url, &[]).await.status, 401);
    assert_eq!(ask(&daemon, &url, &[("authorization", "Bearer scrape-key-0123456789")]).await.status, 200);
    daemon.stop().await;
}

#[tokio::test]
async fn without_the_key_that_guards_it_the_own_address_stays_shut() {
    let text = "telemetry = { metrics_addr = \"127.0.0.1:0\", metrics_token = \"${NOT_SET_ANYWHERE}\" }\n";
    let daemon = TestDaemon::with(text, "").await;
    assert!(daemon.metrics_addr.is_none());
    assert_eq!(daemon.get("/metrics").await.status, 200, "admins read it all the same");
    daemon.stop().await;
}
