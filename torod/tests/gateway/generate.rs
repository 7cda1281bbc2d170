//! Gemini's and Cohere's clients on other providers, and other clients on Gemini's.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use torod::clock::Clock;

use crate::support::{TestDaemon, events, port_zero};

const ASK: &str = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;

fn text_of(answer: &Value) -> String {
    let parts = answer["candidates"][0]["content"]["parts"].as_array().cloned().unwrap_or_default();
    parts.iter().filter_map(|part| part["text"].as_str().map(str::to_owned)).collect()
}

/// Row 28 of the feature table.
#[tokio::test]
async fn a_gemini_client_reaches_chat_and_messages_providers() {
    let daemon = TestDaemon::start().await;
    let plain = daemon.chat("sim/ok", "").await.json();
    let text = plain["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    for path in ["/v1beta/models/sim/ok", "/v1/models/sim%2Fok", "/models/sim/ok", "/gemini/v1beta/models/sim/ok"] {
        let answer = daemon.post(&format!("{path}:generateContent"), ASK).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let answer = answer.json();
        assert_eq!(
            (text_of(&answer).as_str(), answer["candidates"][0]["finishReason"].as_str()),
            (text.as_str(), Some("STOP"))
        );
        assert!(answer["usageMetadata"]["promptTokenCount"].as_u64().unwrap() > 0);
    }
    let stream = daemon.post("/v1beta/models/sim/ok:streamGenerateContent?alt=sse", ASK).await;
    assert!(stream.header("content-type").starts_with("text/event-stream"));
    let streamed: String =
        events(&stream.body).iter().map(|event| text_of(&serde_json::from_str(event).unwrap())).collect();
    assert_eq!(streamed, text);
    let list = daemon.post("/v1beta/models/sim/ok:streamGenerateContent", ASK).await;
    assert_eq!(list.header("content-type"), "application/json");
    let list: Vec<Value> = serde_json::from_slice(&list.body).unwrap();
    assert_eq!(list.iter().map(text_of).collect::<String>(), text);

    let cut = daemon.post("/v1beta/models/sim/die5:streamGenerateContent?alt=sse", ASK).await;
    assert!(cut.text().contains(r#"data: {"error":"#) && !cut.text().contains("finishReason"), "{}", cut.text());
    let refused = daemon.post("/v1beta/models/sim/s429ra2:generateContent", ASK).await;
    assert_eq!(
        (refused.status.as_u16(), refused.json()["error"]["status"].as_str()),
        (429, Some("RESOURCE_EXHAUSTED"))
    );
    let unknown = daemon.post("/v1beta/models/nothing:generateContent", ASK).await;
    assert_eq!((unknown.status.as_u16(), unknown.json()["error"]["status"].as_str()), (404, Some("NOT_FOUND")));
    for bad in ["", "[]", "{\"contents\":7}"] {
        assert_eq!(daemon.post("/v1beta/models/sim/ok:generateContent", bad).await.status, 400, "{bad}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn googles_clients_may_put_their_key_into_the_query() {
    let daemon = TestDaemon::start().await;
    let path = format!("/v1beta/models/sim/ok:generateContent?key={}", daemon.key);
    let mut request = daemon.request(&path, ASK);
    request.headers_mut().remove("authorization");
    assert_eq!(daemon.send(request).await.status, 200);
    let mut request = daemon.request("/v1beta/models/sim/ok:generateContent?key=tr_wrong", ASK);
    request.headers_mut().remove("authorization");
    assert_eq!(daemon.send(request).await.status, 401);
    // Only there: elsewhere a key in a URL is none.
    let mut request =
        daemon.request(&format!("/v1/chat/completions?key={}", daemon.key), crate::support::chat_body("sim/ok", ""));
    request.headers_mut().remove("authorization");
    assert_eq!(daemon.send(request).await.status, 401);
    daemon.stop().await;
}

#[tokio::test]
async fn a_cohere_client_reaches_a_chat_provider() {
    let daemon = TestDaemon::start().await;
    let body = |more: &str| format!(r#"{{"model":"sim/ok","messages":[{{"role":"user","content":"hi"}}]{more}}}"#);
    let answer = daemon.post("/v2/chat", body("")).await.json();
    assert_eq!(answer["finish_reason"], "COMPLETE");
    let text = answer["message"]["content"][0]["text"].as_str().unwrap().to_owned();
    let stream = daemon.post("/v2/chat", body(r#","stream":true"#)).await;
    let streamed: String = events(&stream.body)
        .iter()
        .map(|event| serde_json::from_str::<Value>(event).unwrap())
        .filter(|event| event["type"] == "content-delta")
        .map(|event| event["delta"]["message"]["content"]["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(streamed, text);
    assert!(stream.text().contains("event: message-end"));
    daemon.stop().await;
}

/// A provider that speaks Gemini: what it was asked, and a canned answer.
async fn google(answer: Value) -> (TestDaemon, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind(port_zero()).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let requests = Arc::clone(&seen);
    tokio::runtime::Handle::current().spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 64 << 10];
            let mut read = 0;
            // Head and body may come apart.
            while !String::from_utf8_lossy(&request[..read]).contains("}]}") && !request[..read].starts_with(b"GET") {
                read += stream.read(&mut request[read..]).await.unwrap();
            }
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let (kind, body) = if request.starts_with("GET") {
                ("application/json", json!({"models":[{"name":"models/gemini-3-pro"}]}).to_string())
            } else if request.contains("alt=sse") {
                ("text/event-stream", format!("data: {answer}\r\n\r\n"))
            } else {
                ("application/json", answer.to_string())
            };
            if !request.starts_with("GET") {
                requests.lock().unwrap().push(request);
            }
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = format!(
        "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = false\n\
         [[providers]]\nname = \"g\"\nprotocols = {{ gemini = \"{url}\" }}\napi_key = \"google-key-0123456789\"\n"
    );
    (TestDaemon::configured(simulator, &text, Clock::system()).await, seen)
}

fn canned() -> Value {
    json!({"responseId":"r","modelVersion":"gemini-3-pro","candidates":[{"index":0,"finishReason":"STOP","content":{"role":"model","parts":[
        {"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"U0lH"}]}}],
        "usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":6,"thoughtsTokenCount":2,"totalTokenCount":18}})
}

/// Row 26 and row 35: calls from Gemini, whole and streamed, and its signature back in its place.
#[tokio::test]
async fn other_clients_reach_a_gemini_provider_and_signatures_come_back() {
    let (daemon, seen) = google(canned()).await;
    let tools = r#","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"integer"}}}}}]"#;
    let first = daemon.chat("g/gemini-3-pro", tools).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let first = first.json();
    let message = &first["choices"][0]["message"];
    assert_eq!(first["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(message["tool_calls"][0]["function"], json!({"name":"f","arguments":"{\"a\":1}"}));
    assert_eq!((&first["usage"]["prompt_tokens"], &first["usage"]["completion_tokens"]), (&json!(10), &json!(8)));
    let id = &message["tool_calls"][0]["id"];
    assert!(id.as_str().unwrap().starts_with("call_"), "{id}");
    let body = format!(
        r#"{{"model":"g/gemini-3-pro","stream":true,"messages":[{{"role":"user","content":"hi"}},{message},{{"role":"tool","tool_call_id":{id},"content":"done"}}]{tools}}}"#
    );
    let second = daemon.post("/v1/chat/completions", body).await;
    assert!(second.text().contains(r#""finish_reason":"tool_calls""#) && second.text().ends_with("data: [DONE]\n\n"));
    let requests = seen.lock().unwrap().clone();
    assert!(requests[0].starts_with("POST /v1beta/models/gemini-3-pro:generateContent HTTP/1.1"), "{}", requests[0]);
    assert!(requests[1].starts_with("POST /v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse HTTP/1.1"));
    assert!(requests[0].contains("x-goog-api-key: google-key-0123456789"));
    assert!(requests[1].contains(r#""thoughtSignature":"U0lH""#), "{}", requests[1]);
    let rows = daemon.rows("input_uncached, cache_read, output, reasoning, estimated, outcome").await;
    assert_eq!(rows, [["6", "4", "8", "2", "0", "0"], ["6", "4", "8", "2", "0", "0"]]);
    daemon.stop().await;
}

/// The native lane: the body as it is, the model in the path, and no way out of its segment.
#[tokio::test]
async fn a_gemini_clients_bytes_reach_a_gemini_provider_unchanged() {
    let (daemon, seen) = google(canned()).await;
    let odd = r#"{ "x_new" : 1.50, "contents":[{"parts":[{"text":"\u0041"}]}]}"#;
    let answer = daemon.post("/v1beta/models/g/gemini-3-pro:generateContent", odd).await;
    assert_eq!(answer.json(), canned());
    let escaping = daemon.post("/v1beta/models/g%2F..%2F..%2Fevil%3Fx=1%23:generateContent", odd).await;
    assert!(escaping.status == 200 || escaping.status == 404, "{}", escaping.text());
    let requests = seen.lock().unwrap().clone();
    assert!(requests[0].ends_with(odd), "{}", requests[0]);
    for request in &requests {
        let path = request.split(' ').nth(1).unwrap();
        assert!(path.starts_with("/v1beta/models/") && path.matches('/').count() == 3 && !path.contains('#'), "{path}");
    }
    assert_eq!(daemon.rows("output").await[0], ["8"]);
    daemon.stop().await;
}

/// Rows 34 and 35: what a client of Chat Completions drops, the gateway puts back by the call's id; for its owner only.
#[tokio::test]
async fn a_client_that_drops_signatures_gets_them_back() {
    let tools = r#""tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"integer"}}}}}]"#;
    for stream in ["", r#""stream":true,"#] {
        let (daemon, seen) = google(canned()).await;
        let ask = |messages: &str| format!(r#"{{"model":"g/gemini-3-pro",{stream}{tools},"messages":{messages}}}"#);
        let first = daemon
            .post("/v1/chat/completions", ask(r#"[{"role":"user","content":[{"type":"text","text":"hi"}]}]"#))
            .await;
        assert_eq!(first.status, 200, "{}", first.text());
        let text = first.text();
        let id = text.split('"').find(|word| word.starts_with("call_")).unwrap().to_owned();
        let again = ask(&format!(
            r#"[{{"role":"user","content":"hi"}},{{"role":"assistant","content":null,"tool_calls":[{{"id":"{id}","type":"function","function":{{"name":"f","arguments":"{{\"a\":1}}"}}}}]}},{{"role":"tool","tool_call_id":"{id}","content":[{{"type":"text","text":"done"}}]}}]"#
        ));
        assert_eq!(daemon.post("/v1/chat/completions", again.clone()).await.status, 200);
        assert!(seen.lock().unwrap().last().unwrap().contains(r#""thoughtSignature":"U0lH""#));
        let mut stolen = daemon.request("/v1/chat/completions", again);
        let other = daemon.other_key().await;
        stolen.headers_mut().insert("authorization", format!("Bearer {other}").parse().unwrap());
        assert_eq!(daemon.send(stolen).await.status, 200);
        assert!(!seen.lock().unwrap().last().unwrap().contains("U0lH"));
        daemon.stop().await;
    }
}
