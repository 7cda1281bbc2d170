//! Every surface answers in its protocol.

use serde_json::Value;

use crate::support::{TestDaemon, events};

#[tokio::test]
async fn every_surface_answers_in_its_shape() {
    let daemon = TestDaemon::start().await;
    let chat = daemon.chat("ok", "").await.json();
    assert_eq!(chat["object"], "chat.completion");
    for field in ["prompt_tokens", "completion_tokens", "total_tokens"] {
        assert!(chat["usage"][field].as_u64().unwrap() > 0, "{field}");
    }
    let embeddings = daemon.post("/v1/embeddings", r#"{"model":"ok","input":"x"}"#).await.json();
    assert!(embeddings["data"][0]["embedding"].as_array().unwrap().len() > 1);
    let completion = daemon.post("/v1/completions", r#"{"model":"ok","prompt":"x"}"#).await.json();
    assert_eq!(completion["object"], "text_completion");
    let response = daemon.post("/v1/responses", r#"{"model":"ok","input":"x"}"#).await.json();
    assert_eq!(response["status"], "completed");
    assert!(!response["output"][0]["content"][0]["text"].as_str().unwrap().is_empty());
    daemon.stop().await;
}

#[tokio::test]
async fn a_stream_ends_in_done_and_its_deltas_are_the_text() {
    let daemon = TestDaemon::start().await;
    let whole = daemon.chat("ok", "").await.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    let answer = daemon.chat("ok", r#","stream":true"#).await;
    assert!(answer.header("content-type").starts_with("text/event-stream"));
    let events = events(&answer.body);
    assert_eq!(events.last().unwrap(), "[DONE]");
    let text: String = events[..events.len() - 1]
        .iter()
        .map(|e| serde_json::from_str::<Value>(e).unwrap())
        .filter_map(|e| e["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(text, whole);
    daemon.stop().await;
}

/// Claude Code asks this before anything else, without a key; a redirect would end its start.
#[tokio::test]
async fn whoever_asks_whether_anybody_is_there_is_told_at_once() {
    let daemon = TestDaemon::start().await;
    for method in [http::Method::HEAD, http::Method::GET] {
        for path in ["/api/hello", "/api/hello/", "/healthz"] {
            let mut request = daemon.request(path, "");
            *request.method_mut() = method.clone();
            request.headers_mut().remove("authorization");
            let answer = daemon.send(request).await;
            assert_eq!(answer.status, 200, "{method} {path}");
            assert_eq!(answer.body.is_empty(), method == http::Method::HEAD, "{method} {path}");
        }
    }
    assert!(daemon.simulator.calls().is_empty());
    daemon.stop().await;
}

#[tokio::test]
async fn request_ids_go_in_and_out() {
    let daemon = TestDaemon::start().await;
    let mut request = daemon.request("/v1/chat/completions", crate::support::chat_body("ok", ""));
    request.headers_mut().insert("x-request-id", "abc".parse().unwrap());
    let answer = daemon.send(request).await;
    assert_eq!(answer.header("x-request-id"), "abc");
    assert_eq!(daemon.simulator.calls()[0].header("x-request-id"), Some("abc"));
    let answer = daemon.chat("ok", "").await;
    let made = answer.header("x-request-id");
    assert!(made.starts_with("req_") && made.len() == 20, "{made}");
    assert_eq!(daemon.simulator.calls()[1].header("x-request-id"), Some(made));
    assert_eq!(answer.header("x-tokenrouter-provider"), "sim");
    assert_eq!(answer.header("x-tokenrouter-model"), "ok");
    assert_eq!(answer.header("x-tokenrouter-attempts"), "1");
    assert_eq!(answer.header("x-tokenrouter-route"), "listed; only");
    daemon.stop().await;
}

#[tokio::test]
async fn secrets_of_the_client_never_go_upstream() {
    let daemon = TestDaemon::start().await;
    let mut request = daemon.request("/v1/chat/completions", crate::support::chat_body("ok", ""));
    for (name, value) in [
        ("cookie", "session=client-secret"),
        ("x-api-key", "client-secret"),
        ("x-auth-token", "client-secret"),
        ("x-forwarded-for", "10.1.2.3"),
        ("openai-organization", "client-secret"),
        ("x-stainless-lang", "python"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    assert_eq!(daemon.send(request).await.status, 200);
    let call = daemon.simulator.calls().remove(0);
    let all = format!("{call:?}");
    for secret in ["client-secret", "10.1.2.3", &daemon.key] {
        assert!(!all.contains(secret), "{secret} went upstream: {all}");
    }
    assert_eq!(call.header("authorization"), Some(&*format!("Bearer {}", crate::support::PROVIDER_KEY)));
    assert_eq!(call.header("x-stainless-lang"), Some("python"));
    daemon.stop().await;
}

#[tokio::test]
async fn a_providers_refusal_of_our_key_is_told_without_its_text() {
    let daemon = TestDaemon::start().await;
    let answer = daemon.chat("s401", "").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.json()["error"]["code"], "upstream_refused_credential");
    assert!(answer.text().contains("Your own token is fine"), "{}", answer.text());
    assert_eq!(daemon.simulator.calls().len(), 1);
    let answer = daemon.chat("html502", "").await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"]["type"].as_str()), (502, Some("server_error")));
    daemon.stop().await;
}
