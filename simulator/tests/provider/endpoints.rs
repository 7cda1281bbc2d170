//! Each path of the provider: its shape, its errors, and that a stream says what the whole answer says.
use crate::client::{self, PROTOCOLS, Protocol, get, post, quick, send, with};
use serde_json::{Value, json};
use tokenrouter_simulator::{SCRIPTS, Settings};

#[tokio::test]
async fn streams_say_what_whole_answers_say() {
    let simulator = quick().await;
    for protocol in PROTOCOLS {
        for model in ["ok", "vendor/ok+chunks=3", "ok+chunks=1+piece=1", "crlf", "events400", "think", "cache"] {
            let whole = post(&simulator, protocol.path(), &protocol.ask(model, false)).await;
            let stream = post(&simulator, protocol.path(), &protocol.ask(model, true)).await;
            assert_eq!((whole.status, stream.status, stream.complete), (200, 200, true), "{protocol:?} {model}");
            assert_eq!(stream.header("content-type"), Some("text/event-stream; charset=utf-8"));
            let deltas = protocol.deltas(&stream.values());
            assert_eq!(deltas.concat(), protocol.text(&whole.json()), "{protocol:?} {model}");
            if model == "events400" {
                assert_eq!(deltas.len(), 400);
            }
            assert_eq!(stream.text().contains('\r'), model == "crlf", "{model}");
            assert_eq!(stream.is_done(), matches!(protocol, Protocol::Chat | Protocol::Completions));
        }
    }
    simulator.stop().await;
}

#[tokio::test]
async fn chat_chunks() {
    let simulator = quick().await;
    let mut ask = Protocol::Chat.ask("ok+chunks=2", true);
    let plain = post(&simulator, "/chat/completions/", &ask).await.values();
    assert!(plain.iter().all(|chunk| chunk.get("usage").is_none()));
    ask["stream_options"] = json!({"include_usage": true});
    let chunks = post(&simulator, "/openai/v1/chat/completions", &ask).await.values();
    assert_eq!(chunks.len(), 5);
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    let (last, others) = chunks.split_last().unwrap();
    assert!(others.iter().all(|chunk| chunk.get("usage") == Some(&Value::Null)));
    assert_eq!(others[3]["choices"][0]["finish_reason"], "stop");
    assert_eq!(others[3]["choices"][0]["delta"], json!({}));
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["completion_tokens"], 2);
    for chunk in &chunks {
        assert_eq!(chunk["id"], chunks[0]["id"]);
        assert_eq!((&chunk["object"], &chunk["model"]), (&json!("chat.completion.chunk"), &json!("ok+chunks=2")));
    }
    let whole = post(&simulator, "/v1/chat/completions", &Protocol::Chat.ask("ok", false)).await;
    assert!(whole.header("x-request-id").unwrap().starts_with("req_"));
    assert!(whole.header("x-ratelimit-limit-requests").is_some() && whole.header("openai-processing-ms").is_some());
    let whole = whole.json();
    let message = whole["choices"][0]["message"].as_object().unwrap();
    assert_eq!((message["refusal"].clone(), whole["choices"][0]["logprobs"].clone()), (Value::Null, Value::Null));
    simulator.stop().await;
}

#[tokio::test]
async fn usage_adds_up() {
    let simulator = quick().await;
    for model in ["ok", "think", "cache", "zero", "tool", "think+cached=1"] {
        let usage =
            post(&simulator, "/v1/chat/completions", &Protocol::Chat.ask(model, false)).await.json()["usage"].take();
        let n = |value: &Value| value.as_u64().unwrap();
        assert_eq!(n(&usage["total_tokens"]), n(&usage["prompt_tokens"]) + n(&usage["completion_tokens"]), "{model}");
        let details = &usage["prompt_tokens_details"];
        let cached = n(&details["cached_tokens"]) + n(&details["cache_write_tokens"]);
        assert!(cached <= n(&usage["prompt_tokens"]));
        assert_eq!(cached > 0, model.contains("cache"));
        let reasoning = n(&usage["completion_tokens_details"]["reasoning_tokens"]);
        assert!(reasoning <= n(&usage["completion_tokens"]));
        assert_eq!(reasoning > 0, model.starts_with("think"));
        assert_eq!(n(&usage["total_tokens"]) == 0, model == "zero");
    }
    let ask = Protocol::Messages.ask("cache", true);
    let values = post(&simulator, "/v1/messages", &ask).await.values();
    let usage = &values.iter().find(|value| value["type"] == "message_delta").unwrap()["usage"];
    let n = |name: &str| usage.pointer(name).and_then(Value::as_u64).unwrap();
    let written = n("/cache_creation/ephemeral_5m_input_tokens") + n("/cache_creation/ephemeral_1h_input_tokens");
    assert_eq!(n("/cache_creation_input_tokens"), written);
    let input = n("/input_tokens") + n("/cache_read_input_tokens") + written;
    assert_eq!(input, (ask.to_string().len() as u64 / 4).max(16));
    for protocol in PROTOCOLS {
        for stream in [false, true] {
            let mut ask = protocol.ask("nousage", stream);
            if stream && matches!(protocol, Protocol::Chat | Protocol::Completions) {
                ask["stream_options"] = json!({"include_usage": true});
            }
            let answer = post(&simulator, protocol.path(), &ask).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let answer = answer.text();
            assert!(!answer.contains("input_tokens") && !answer.contains("prompt_tokens"), "{protocol:?} {answer}");
        }
    }
    simulator.stop().await;
}

#[tokio::test]
async fn responses_events_nest_and_are_kept() {
    let simulator = quick().await;
    let mut ask = Protocol::Responses.ask("think", true);
    ask["include"] = json!(["reasoning.encrypted_content"]);
    let values = post(&simulator, "/v1/responses", &ask).await;
    for (name, data) in values.events() {
        assert_eq!(serde_json::from_str::<Value>(&data).unwrap()["type"], name);
    }
    let values = values.values();
    for (at, value) in values.iter().enumerate() {
        assert_eq!(value["sequence_number"], at);
    }
    let mut kinds: Vec<_> = values.iter().map(|value| value["type"].as_str().unwrap()).collect();
    kinds.dedup();
    let part = ["response.output_item.added", "response.content_part.added", "response.output_text.delta"];
    assert_eq!(kinds[..2], ["response.created", "response.in_progress"]);
    assert_eq!(kinds[2..4], ["response.output_item.added", "response.reasoning_summary_part.added"]);
    assert_eq!(kinds[8..11], part);
    assert_eq!(kinds[11..14], ["response.output_text.done", "response.content_part.done", "response.output_item.done"]);
    assert_eq!(kinds.last(), Some(&"response.completed"));
    let done = &values.last().unwrap()["response"];
    assert!(done["output"][0]["encrypted_content"].is_string());
    assert_eq!(done["output"][0]["encrypted_content"], values[values.len() - 2 - 20 - 5]["item"]["encrypted_content"]);
    let id = done["id"].as_str().unwrap();
    let path = format!("/v1/responses/{id}");
    assert_eq!(&get(&simulator, &path).await.json(), done);
    let mut next = Protocol::Responses.ask("ok", false);
    next["previous_response_id"] = json!(id);
    assert_eq!(post(&simulator, "/v1/responses", &next).await.json()["previous_response_id"], id);
    let deleted = send(simulator.addr(), "DELETE", &path, "", b"").await;
    assert_eq!(deleted.json()["deleted"], true);
    assert_eq!(get(&simulator, &path).await.status, 404);
    let refused = post(&simulator, "/v1/responses", &next).await;
    assert_eq!((refused.status, refused.json()["error"]["code"].clone()), (400, json!("previous_response_not_found")));
    let mut forgotten = Protocol::Responses.ask("ok", false);
    forgotten["store"] = json!(false);
    let id = post(&simulator, "/v1/responses", &forgotten).await.json()["id"].clone();
    assert_eq!(get(&simulator, &format!("/v1/responses/{}", id.as_str().unwrap())).await.status, 404);
    simulator.stop().await;
}

#[tokio::test]
async fn messages_events_nest() {
    let simulator = quick().await;
    let answer = post(&simulator, "/anthropic/v1/messages", &Protocol::Messages.ask("think", true)).await;
    assert!(answer.header("request-id").is_some());
    let mut names: Vec<_> = answer.events().into_iter().map(|(name, _)| name).collect();
    names.dedup();
    let block = ["content_block_start", "content_block_delta", "content_block_stop"];
    assert_eq!(names[..3], ["message_start", "content_block_start", "ping"]);
    assert_eq!(names[3..5], block[1..]);
    assert_eq!(names[5..8], block);
    assert_eq!(names[8..], ["message_delta", "message_stop"]);
    assert!(answer.values().iter().any(|value| value["delta"]["type"] == "signature_delta"));
    let whole = post(&simulator, "/v1/messages", &Protocol::Messages.ask("think", false)).await.json();
    assert!(whole["content"][0]["signature"].as_str().unwrap().len() > 10);
    assert_eq!(whole["stop_reason"], "end_turn");
    simulator.stop().await;
}

#[tokio::test]
async fn embeddings_in_all_forms() {
    let simulator = quick().await;
    let ask = |extra: Value| {
        let mut body = json!({"model": "ok", "input": ["a", "b"], "dimensions": 3});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    let floats = post(&simulator, "/v1/embeddings", &ask(json!({}))).await.json();
    assert_eq!(floats["data"][1]["index"], 1);
    assert_eq!(floats["data"][0]["embedding"].as_array().unwrap().len(), 3);
    assert_eq!(floats["usage"]["prompt_tokens"], floats["usage"]["total_tokens"]);
    let packed = post(&simulator, "/v1/embeddings", &ask(json!({"encoding_format": "base64"}))).await.json();
    assert_eq!(packed["data"][0]["embedding"].as_str().unwrap().len(), 16);
    for (input, vectors) in [(json!("a"), 1), (json!([1, 2]), 1), (json!([[1], [2], [3]]), 3)] {
        let answer = post(&simulator, "/v1/embeddings", &ask(json!({"input": input}))).await.json();
        assert_eq!(answer["data"].as_array().unwrap().len(), vectors);
    }
    for bad in
        [json!({"input": []}), json!({"dimensions": 0}), json!({"encoding_format": "octal"}), json!({"input": null})]
    {
        assert_eq!(post(&simulator, "/v1/embeddings", &ask(bad)).await.status, 400);
    }
    simulator.stop().await;
}

#[tokio::test]
async fn models() {
    let simulator = quick().await;
    let list = get(&simulator, "/v1/models").await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), SCRIPTS.len());
    assert_eq!(get(&simulator, "/v1/models/ok").await.json()["id"], "ok");
    assert_eq!(get(&simulator, "/v1/models/none").await.status, 404);
    let list = send(simulator.addr(), "GET", "/v1/models", "anthropic-version: 2023-06-01\r\n", b"").await.json();
    assert_eq!((&list["data"][0]["type"], &list["first_id"]), (&json!("model"), &json!("ok")));
    simulator.stop().await;
}

#[tokio::test]
async fn refusals() {
    let simulator = with(Settings { api_key: Some("right".to_owned()), ..Settings::default() }).await;
    let addr = simulator.addr();
    let (chat, ok) = ("/v1/chat/completions", Protocol::Chat.ask("ok", false).to_string());
    let right = "authorization: Bearer right\r\n";
    for (headers, status) in [("", 401), ("x-api-key: wrong\r\n", 401), (right, 200), ("x-api-key: right\r\n", 200)] {
        assert_eq!(send(addr, "POST", chat, headers, ok.as_bytes()).await.status, status, "{headers}");
    }
    let cases = [
        ("POST", chat, "{", 400, Value::Null),
        ("POST", chat, "{}", 400, Value::Null),
        ("POST", chat, r#"{"model":7}"#, 400, Value::Null),
        ("POST", chat, r#"{"model":"ok"}"#, 400, json!("missing_required_parameter")),
        ("POST", chat, r#"{"model":"nobody"}"#, 404, json!("model_not_found")),
        ("POST", chat, r#"{"model":"ok+a=b"}"#, 400, json!("unknown_script_option")),
        ("POST", "/v1/nothing", "{}", 404, json!("unknown_url")),
        ("GET", chat, "", 405, Value::Null),
    ];
    for (method, path, body, status, code) in cases {
        let answer = send(addr, method, path, right, body.as_bytes()).await;
        assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (status, code), "{method} {path} {body}");
    }
    let answer = send(addr, "POST", "/v1/messages", right, br#"{"model":"nobody"}"#).await;
    assert_eq!((answer.status, answer.json()["error"]["type"].clone()), (404, json!("not_found_error")));
    assert!(answer.json()["request_id"].as_str().unwrap().starts_with("req_"));
    let big =
        format!("POST {chat} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", (64 << 20) + 1);
    let mut stream = client::connect(addr, big.as_bytes()).await;
    let mut head = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 413");
    simulator.stop().await;
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let simulator = quick().await;
    let body = Protocol::Chat.ask("ok", false).to_string();
    let keep = String::from_utf8(client::request("POST", "/v1/chat/completions", "", body.as_bytes())).unwrap();
    let (keep, close) = (keep.replace("connection: close\r\n", ""), keep);
    let mut stream = client::connect(simulator.addr(), format!("{keep}{keep}{close}").as_bytes()).await;
    let mut bytes = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes).await.unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap().matches("HTTP/1.1 200 OK").count(), 3);
    let stats = simulator.wait_stats(client::SOON, |stats| stats.connections_open == 0).await.unwrap();
    assert_eq!((stats.connections, stats.requests, stats.in_flight, stats.client_closed), (1, 3, 0, 0));
    simulator.stop().await;
}
