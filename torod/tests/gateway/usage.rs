//! What is written down of each attempt.

use http_body_util::BodyExt as _;

use crate::support::{TestDaemon, chat_body};

const BUCKETS: &str = "input_uncached, cache_read, cache_write_5m, cache_write_1h, output, reasoning, estimated";

/// The buckets as the provider's own answer states them.
fn openai(usage: &serde_json::Value) -> Vec<String> {
    let at = |path: &str| usage.pointer(path).and_then(serde_json::Value::as_u64).unwrap_or(0);
    let input = at("/prompt_tokens") + at("/input_tokens");
    let read = at("/prompt_tokens_details/cached_tokens") + at("/input_tokens_details/cached_tokens");
    let write = at("/prompt_tokens_details/cache_write_tokens") + at("/input_tokens_details/cache_write_tokens");
    let output = at("/completion_tokens") + at("/output_tokens");
    let reasoning = at("/completion_tokens_details/reasoning_tokens") + at("/output_tokens_details/reasoning_tokens");
    assert_eq!(input + output, at("/total_tokens"), "{usage}");
    [input - read - write, read, write, 0, output, reasoning, 0].map(|n| n.to_string()).to_vec()
}

#[tokio::test]
async fn buckets_are_disjoint_and_sum_to_the_providers_total() {
    let daemon = TestDaemon::start().await;
    let mut expected = Vec::new();
    for model in ["ok", "cache", "think", "zero"] {
        expected.push(openai(&daemon.chat(model, "").await.json()["usage"]));
        let body = format!(r#"{{"model":"{model}","input":"x"}}"#);
        expected.push(openai(&daemon.post("/v1/responses", body).await.json()["usage"]));
    }
    assert_eq!(daemon.rows(BUCKETS).await, expected);
    daemon.stop().await;
}

#[tokio::test]
async fn streams_report_the_same_as_answers_in_one_piece() {
    let daemon = TestDaemon::start().await;
    for model in ["ok", "cache", "think"] {
        for (path, rest) in [
            ("/v1/chat/completions", r#""messages":[{"role":"user","content":"hi"}]"#),
            ("/v1/responses", r#""input":"x""#),
            ("/v1/messages", r#""messages":[{"role":"user","content":"hi"}],"max_tokens":99"#),
        ] {
            for stream in ["false", "true "] {
                daemon.post(path, format!(r#"{{"model":"{model}","stream":{stream},{rest}}}"#)).await;
            }
        }
    }
    // The input differs by the option that asks for usage.
    let rows = daemon
        .rows("output, reasoning, estimated, outcome, cache_read > 0, cache_write_5m > 0, cache_write_1h > 0")
        .await;
    assert_eq!(rows.len(), 18);
    for pair in rows.chunks(2) {
        assert_eq!(pair[0], pair[1]);
        assert_eq!(pair[0][2..4], ["0", "0"]);
    }
    assert_eq!(rows[10][4..], ["1", "1", "1"], "Anthropic reads, writes for five minutes and for an hour");
    daemon.stop().await;
}

#[tokio::test]
async fn what_the_provider_does_not_report_is_estimated_and_marked() {
    let daemon = TestDaemon::start().await;
    for more in ["", r#","stream":true"#] {
        assert_eq!(daemon.chat("nousage", more).await.status, 200);
    }
    daemon.post("/v1/messages", chat_body("nousage", r#","max_tokens":9"#)).await;
    for row in daemon.rows("estimated, input_uncached BETWEEN 3 AND 60, output BETWEEN 5 AND 200").await {
        assert_eq!(row, ["1", "1", "1"]);
    }
    daemon.stop().await;
}

#[tokio::test]
async fn every_attempt_is_a_row_failures_too() {
    let daemon = TestDaemon::start().await;
    for model in ["ok", "ok", "s500", "ok", "s503", "ok", "ok", "s429ra2", "ok", "ok"] {
        daemon.chat(model, "").await;
    }
    let rows = daemon.rows("id, outcome, total_us > 0, token_id > 0, status").await;
    assert_eq!(rows.len(), 10);
    assert_eq!(rows.iter().filter(|r| r[1] != "0").count(), 3);
    assert!(rows.iter().all(|r| r[2] == "1" && r[3] == "1"), "{rows:?}");
    assert_eq!(rows[2][4], "500");
    let mut ids: Vec<i64> = rows.iter().map(|r| r[0].parse().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 10);
    daemon.stop().await;
}

/// Anthropic's first event reports one token of output; that is no usage of an answer that broke off.
#[tokio::test]
async fn a_broken_answer_costs_what_was_seen_of_it() {
    let daemon = TestDaemon::start().await;
    let body = r#"{"model":"sim/ok+chunks=400+interval_ms=5","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let mut answer = daemon.head(daemon.request("/v1/messages", body)).await;
    let mut text = String::new();
    while text.matches("content_block_delta").count() < 60 {
        let frame = answer.body_mut().frame().await.unwrap().unwrap();
        text.push_str(&String::from_utf8_lossy(frame.data_ref().unwrap()));
    }
    drop(answer);
    let rows = daemon.rows("outcome, estimated, output").await;
    assert_eq!((rows[0][0].as_str(), rows[0][1].as_str()), ("1", "1"));
    assert!(rows[0][2].parse::<u64>().unwrap() >= 30, "{rows:?}");
    daemon.stop().await;
}

#[tokio::test]
async fn a_row_says_where_its_request_came_from_and_labels_stay_those_of_that_time() {
    let daemon = TestDaemon::start().await;
    let made = daemon.post("/admin/api/tokens", r#"{"role":"inferrer","labels":{"team":"red","stage":"1"}}"#).await;
    let made = made.json();
    let (key, id) = (made["key"].as_str().unwrap(), made["token"]["id"].as_str().unwrap());
    let says = format!("codex_cli_rs/0.20.0 {}", "x".repeat(300));
    let ask = async |model: &str| {
        let mut request = daemon.request("/v1/chat/completions", chat_body(model, ""));
        for (name, value) in [("authorization", format!("Bearer {key}")), ("user-agent", says.clone())] {
            request.headers_mut().insert(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
        request.headers_mut().insert("x-request-id", "mine-1".parse().unwrap());
        daemon.send(request).await.status.as_u16()
    };
    assert_eq!((ask("ok").await, ask("s500").await), (200, 502));
    let mut change = daemon.request(&format!("/admin/api/tokens/{id}"), r#"{"version":1,"labels":{"team":"blue"}}"#);
    *change.method_mut() = http::Method::PATCH;
    assert_eq!(daemon.send(change).await.status, 200);
    ask("ok").await;
    let name = |column: &str| {
        format!("(SELECT text FROM name WHERE id = (SELECT {column} FROM origin WHERE id = usage.origin))")
    };
    let columns = format!(
        "{}, {}, (SELECT text FROM label_set WHERE id = (SELECT labels FROM origin WHERE id = usage.origin)), is_first,
         error_class, degraded, (SELECT text FROM name WHERE id = credential)",
        name("address"),
        name("user_agent"),
    );
    let rows = daemon.rows(&columns).await;
    let kept = &says[..200];
    let row = |labels: &str, class: &str| ["127.0.0.1", kept, labels, "1", class, "0"].map(str::to_owned).to_vec();
    let (red, blue) = (r#"{"stage":"1","team":"red"}"#, r#"{"stage":"1","team":"blue"}"#);
    let found: Vec<_> = rows.iter().map(|row| row[..6].to_vec()).collect();
    assert_eq!(found, [row(red, "0"), row(red, "4"), row(blue, "0")]);
    assert!(rows.iter().all(|row| !row[6].contains("sk-") && row[6] != "-"), "{rows:?}");
    let connection = torod::store::schema::open_reader(&daemon.folder.path().join("data")).unwrap();
    let named = torod::store::requests::exchanges_named(&connection, "mine-1").unwrap();
    assert_eq!(named.len(), 3);
    assert_eq!(torod::store::requests::attempt_ids(&connection, named[0]).unwrap().len(), 1);
    assert!(torod::store::requests::exchanges_named(&connection, "mine-2").unwrap().is_empty());
    daemon.stop().await;
}
