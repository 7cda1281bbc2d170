//! Every list of the admin API is paged, bounded and searched by its text alone.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::TestDaemon;
use crate::versions::{send, with_file};

/// Where a list is, the field that its entries stand in, and what names one.
const LISTS: [(&str, &str, &str); 6] = [
    ("tokens", "tokens", "id"),
    ("audit", "entries", "id"),
    ("sessions", "sessions", "id"),
    ("secrets", "secrets", "name"),
    ("providers", "providers", "name"),
    ("models", "models", "id"),
];

async fn filled() -> TestDaemon {
    let daemon = with_file().await;
    for at in 0..7 {
        let made = send(&daemon, "POST", "/tokens", None, &format!(r#"{{"name":"t{at}_100%"}}"#)).await.json();
        let login = format!(r#"{{"key":{}}}"#, made["key"]);
        assert_eq!(send(&daemon, "POST", "/login", None, &login).await.status, 201);
        let body = format!(r#"{{"value":"s","for":["https://h{at}.example"]}}"#);
        assert_eq!(send(&daemon, "PUT", &format!("/secrets/s{at}"), None, &body).await.status, 200);
        let body = format!(r#"{{"provider":"http://127.0.0.1:9/v1","name":"p{at}"}}"#);
        let added = send(&daemon, "POST", "/providers", None, &body).await;
        assert_eq!(added.status, 201, "{}", added.text());
    }
    daemon
}

async fn list(daemon: &TestDaemon, list: &str, query: &str) -> Value {
    let answer = send(daemon, "GET", &format!("/{list}?{query}"), None, "").await;
    assert_eq!(answer.status, 200, "{list}?{query}: {}", answer.text());
    answer.json()
}

#[tokio::test]
async fn pages_hold_every_entry_once_and_no_more_than_asked_for() {
    let daemon = filled().await;
    for (path, field, name) in LISTS {
        let names = |page: &Value| -> Vec<String> {
            page[field].as_array().unwrap().iter().map(|one| one[name].to_string()).collect()
        };
        let whole = list(&daemon, path, "limit=500").await;
        assert!(whole["next"].is_null(), "{path}");
        let whole = names(&whole);
        assert!(whole.len() >= 7, "{path}: {whole:?}");
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = list(&daemon, path, &format!("limit=3&cursor={cursor}")).await;
            let part = names(&page);
            assert!(!part.is_empty() && part.len() <= 3, "{path}: {page}");
            seen.extend(part);
            let Some(next) = page["next"].as_str() else { break };
            cursor = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        }
        assert_eq!(seen, whole, "{path}");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "{path}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn hostile_words_are_refused_or_mean_their_own_letters() {
    let daemon = filled().await;
    for (path, field, _) in LISTS {
        for query in [
            "limit=0",
            "limit=501",
            "limit=-1",
            "limit=x",
            "limit=99999999999999999999",
            "limit=1&limit=2",
            "cursor=nonsense%21",
            "cursor=%27%20OR%201%3D1%20--",
            "cursor=%00",
            "cursor=%F0%9F%A6%80",
            "cursor=1.ses_%25",
            "cursor=n:1",
            "nonsense=1",
        ] {
            let answer = send(&daemon, "GET", &format!("/{path}?{query}"), None, "").await;
            assert_eq!(answer.status, 400, "{path}?{query}: {}", answer.text());
        }
        let word = if path == "models" { "search" } else { "q" };
        for text in ["%25%25", "__", "%5C", "%27%20OR%20%27%27%3D%27", "%25t"] {
            let found = list(&daemon, path, &format!("{word}={text}")).await;
            assert!(found[field].as_array().unwrap().is_empty(), "{path} {text}: {found}");
        }
        if path != "models" {
            let long = format!("/{path}?q={}", "x".repeat(201));
            assert_eq!(send(&daemon, "GET", &long, None, "").await.status, 400, "{path}");
        }
    }
    for (path, text) in [
        ("tokens", "T3_100%25"),
        ("audit", "t3_100%25"),
        ("sessions", "T3_1"),
        ("secrets", "H3.exa"),
        ("providers", "P3"),
    ] {
        let (_, field, _) = LISTS.iter().find(|(known, ..)| *known == path).unwrap();
        let page = list(&daemon, path, &format!("q={text}")).await;
        assert!((1..7).contains(&page[field].as_array().unwrap().len()), "{path}: {page}");
    }
    daemon.stop().await;
}
