//! Questions about runs: pages, searches, what makes no sense, and agents that say hostile things of their sessions.

use http::Method;
use serde_json::json;

use crate::run_site::{DAY_MS, START, Site, column};

#[tokio::test]
async fn runs_come_in_pages_and_hostile_questions_are_refused() {
    let site = Site::start().await;
    let admin = site.daemon.key.clone();
    let (_, master) = site.made(&admin, &json!({"role": "keymaster"})).await;
    let mut made = Vec::new();
    for n in 0..7 {
        site.clock.advance(1_000);
        let labels = json!({"branch": if n == 3 { "100%_x" } else { "main" }});
        made.push(site.made(&master, &json!({"name": format!("n{n}"), "run": true, "labels": labels})).await.0);
    }
    site.made(&master, &json!({"name": "no run"})).await;
    made.reverse();
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = site.get(&format!("/admin/api/me/runs?limit=3&cursor={next}"), &master).await;
        seen.extend(column(&page["runs"], "id").into_iter().map(str::to_owned));
        match page["next"].as_str() {
            Some(cursor) => cursor.clone_into(&mut next),
            None => break,
        }
    }
    assert_eq!(seen, made);
    let found = async |query: &str| {
        let page = site.get(&format!("/admin/api/me/runs?{query}"), &master).await;
        column(&page["runs"], "name").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found("q=100%25_").await, ["n3"]);
    assert_eq!(found("q=%25").await, ["n3"]);
    assert_eq!(found("q=branch%3Dmain").await.len(), 6);
    assert_eq!(found(&format!("since_ms={}", START + 6_000)).await, ["n6", "n5"]);
    for query in ["limit=0", "limit=201", "cursor=x", "cursor=cnVuOng", "since_ms=x", "page=1", "q=a&q=b"] {
        assert_eq!(
            site.status(&format!("/admin/api/me/runs?{query}"), &master).await,
            (400, "bad_request".into()),
            "{query}"
        );
    }
    for query in [
        "by=hour",
        "since_ms=-1",
        "since_ms=9&until_ms=8",
        "until_ms=x",
        "limit=0",
        "limit=1001",
        "by=day&since_ms=0",
        "by=day&time_zone=Europe/Atlantis",
        "by=day&since_ms=9223372036854775806&until_ms=9223372036854775807&time_zone=..",
    ] {
        assert_eq!(
            site.status(&format!("/admin/api/me/usage?{query}"), &master).await,
            (400, "bad_request".into()),
            "{query}"
        );
    }
    assert_eq!(
        site.get("/admin/api/me/usage?by=model&since_ms=0&until_ms=9223372036854775807", &master).await["rows"],
        json!([])
    );
    for id in ["none", "tok_", "%00", "%25", &"x".repeat(5_000)] {
        assert_eq!(
            site.status(&format!("/admin/api/me/runs/{id}"), &master).await,
            (404, "run_not_found".into()),
            "{id}"
        );
    }
    for query in [
        "reason=gone",
        "reason=finished&exit=256",
        "reason=finished&exit=-1",
        "reason=finished&signal=0",
        "reason=finished&signal=65",
        "reason=finished&exit=0&signal=9",
        "exit=0",
        "reason=revoked&signal=9",
        "why=x",
    ] {
        let path = format!("/admin/api/tokens/{}?{query}", made[0]);
        assert_eq!(site.ask(Method::DELETE, &path, &master, "", &[]).await.status, 400, "{query}");
    }
    site.daemon.stop().await;
}

#[tokio::test]
async fn hostile_sessions_are_no_sessions_and_one_id_with_two_tokens_is_two() {
    let site = Site::start().await;
    let admin = site.daemon.key.clone();
    let (run, key) = site.made(&admin, &json!({"run": true})).await;
    let long = "x".repeat(5_000);
    for value in [long.as_str(), "two words", "\u{202e}gnp", "'; DROP TABLE usage; --"] {
        let mut request = site.daemon.request("/v1/responses", r#"{"model":"ok","input":"hi"}"#);
        request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        request.headers_mut().insert("x-session-id", http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        assert_eq!(site.daemon.send(request).await.status, 200, "{value}");
    }
    for (id, parent) in [("a", "b"), ("b", "a"), ("c", "c")] {
        site.response(&key, &[("x-session-id", id), ("x-parent-session-id", parent)]).await;
    }
    site.response(&admin, &[("x-session-id", "a")]).await;
    site.written().await;
    let shown = site.get(&format!("/admin/api/me/runs/{run}"), &admin).await;
    assert_eq!(column(&shown["sessions"], "id"), ["-", "c", "a", "b"]);
    assert_eq!(shown["sessions"][0]["totals"]["requests"], 4);
    assert_eq!(shown["sessions"][1]["totals"]["requests"], 1);
    assert_eq!(shown["totals"]["requests"], 7);
    site.daemon.stop().await;
}

#[tokio::test]
async fn a_run_over_which_the_clock_was_set_is_told_whole() {
    let site = Site::start().await;
    let admin = site.daemon.key.clone();
    site.response(&admin, &[]).await;
    // Ids stay where they were until the time has come back to them.
    site.clock.advance(-10 * DAY_MS);
    let (run, key) = site.made(&admin, &json!({"run": true})).await;
    site.response(&key, &[("x-session-id", "a")]).await;
    site.response(&key, &[("x-session-id", "a")]).await;
    let end = format!("/admin/api/tokens/{run}?reason=finished&exit=0");
    assert_eq!(site.ask(Method::DELETE, &end, &key, "", &[]).await.status, 200);
    site.written().await;
    let shown = site.get(&format!("/admin/api/me/runs/{run}"), &admin).await;
    assert_eq!((&shown["totals"]["requests"], &shown["sessions"][0]["totals"]["requests"]), (&json!(2), &json!(2)));
    site.daemon.stop().await;
}
