//! Whatever arrives, the answer is clear and the daemon goes on.

use http::{Method, Request};
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{SOON, TestDaemon, chat_body};

#[tokio::test]
async fn bodies_that_cannot_be_routed_are_told_why() {
    let daemon = TestDaemon::with("[limits]\nrequest_body = \"1MiB\"\n", "").await;
    let deep = format!(r#"{{"model":"ok","messages":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let large = chat_body("ok", &format!(r#","x":"{}""#, "x".repeat(2 << 20)));
    for (body, status, code, word) in [
        ("", 400, "invalid_json", "empty"),
        ("hello", 400, "invalid_json", "line 1 column 1"),
        (r#"{"model":"ok""#, 400, "invalid_json", "stops in the middle"),
        ("[]", 400, "invalid_json", "must be a JSON object"),
        (r#"{"messages":[]}"#, 400, "model_missing", "/v1/models"),
        (r#"{"model":["ok"]}"#, 400, "invalid_model", "string"),
        (r#"{"model":"ok","model":"ok"}"#, 400, "duplicate_field", "twice"),
        (r#"{"model":"ok","stream":"x"}"#, 400, "invalid_stream", "true or false"),
        (&deep, 400, "too_deep", "512 levels"),
        (&large, 413, "request_too_large", "1 MiB"),
    ] {
        let answer = daemon.post("/v1/chat/completions", body.to_owned()).await;
        let error = &answer.json()["error"];
        let shown = &body[..body.len().min(40)];
        assert_eq!((answer.status.as_u16(), error["code"].as_str()), (status, Some(code)), "{shown}");
        assert!(error["message"].as_str().unwrap().contains(word), "{shown}: {error}");
        assert!(error["request_id"].as_str().unwrap().starts_with("req_"));
    }
    let answer = daemon.post("/v1/messages", "{}").await;
    assert_eq!(
        (answer.json()["type"].as_str(), answer.json()["error"]["type"].as_str()),
        (Some("error"), Some("invalid_request_error"))
    );
    assert!(daemon.simulator.calls().is_empty());
    assert_eq!(daemon.chat("ok", "").await.status, 200);
    daemon.stop().await;
}

#[tokio::test]
async fn wrong_methods_and_paths_are_told() {
    let daemon = TestDaemon::start().await;
    let get = daemon.get("/v1/chat/completions").await;
    assert_eq!((get.status.as_u16(), get.header("allow")), (405, "POST"));
    let mut delete = daemon.request("/v1/models", "");
    *delete.method_mut() = Method::DELETE;
    let delete = daemon.send(delete).await;
    assert_eq!((delete.status.as_u16(), delete.header("allow")), (405, "GET"));
    let nowhere = daemon.post("/v1/nothing/here", "{}").await;
    assert_eq!((nowhere.status.as_u16(), nowhere.json()["error"]["code"].as_str()), (404, Some("path_not_found")));
    assert!(nowhere.text().contains("chat/completions"));
    let mut anthropic = daemon.request("/v1/nothing", "");
    anthropic.headers_mut().insert("anthropic-version", "2023-06-01".parse().unwrap());
    assert_eq!(daemon.send(anthropic).await.json()["type"], "error");
    daemon.stop().await;
}

/// Sends `head` and then `piece` until the daemon answers or `most` bytes are out; returns the answer's first line.
pub async fn raw(daemon: &TestDaemon, head: &str, piece: &[u8], most: usize) -> String {
    let mut stream = TcpStream::connect(daemon.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut read, mut write) = stream.split();
    let mut sent = 0;
    let sending = async {
        while sent < most && !piece.is_empty() && write.write_all(piece).await.is_ok() {
            sent += piece.len();
        }
        std::future::pending::<()>().await;
    };
    let mut answer = vec![0; 4096];
    let reading = async {
        let read = tokio::time::timeout(SOON, read.read(&mut answer)).await.unwrap().unwrap_or(0);
        String::from_utf8_lossy(&answer[..read]).lines().next().unwrap_or_default().to_owned()
    };
    tokio::select! {
        line = reading => line,
        () = sending => String::new(),
    }
}

#[tokio::test]
async fn a_websocket_is_refused_at_once() {
    let daemon = TestDaemon::start().await;
    let head = "GET /v1/responses HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: eA==\r\n\r\n";
    assert_eq!(raw(&daemon, head, b"", 0).await, "HTTP/1.1 426 Upgrade Required");
    daemon.stop().await;
}

#[tokio::test]
async fn a_very_long_name_is_refused_without_looking_for_the_closest() {
    let daemon = TestDaemon::start().await;
    let answer = daemon.get(&format!("/v1/models/{}", "m".repeat(60_000))).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"]["code"].as_str()), (414, Some("url_too_long")));
    let answer = daemon.get(&format!("/v1/models/{}", "m".repeat(5_000))).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"]["code"].as_str()), (404, Some("model_not_found")));
    assert!(!answer.text().contains("Did you mean"), "{}", answer.text());
    let answer = daemon.chat("gpt\\u001b[2J", "").await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"]["code"].as_str()), (400, Some("invalid_model")));
    let answer = daemon.chat("ok", r#","Model":"other""#).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"]["code"].as_str()), (400, Some("ambiguous_field")));
    daemon.stop().await;
}

#[tokio::test]
async fn two_hundred_megabytes_are_refused_without_being_kept() {
    let daemon = TestDaemon::start().await;
    let head = |length: &str| {
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n{length}\r\n\r\n",
            daemon.key
        )
    };
    let piece = vec![b'x'; 1 << 20];
    let announced = raw(&daemon, &head("content-length: 209715200"), &piece, 200 << 20).await;
    assert_eq!(announced, "HTTP/1.1 413 Payload Too Large");
    let waiting = raw(&daemon, &head("content-length: 209715200\r\nexpect: 100-continue"), b"", 0).await;
    assert_eq!(waiting, "HTTP/1.1 413 Payload Too Large");
    let mut chunk = b"100000\r\n".to_vec();
    chunk.extend_from_slice(&piece);
    chunk.extend_from_slice(b"\r\n");
    let chunked = raw(&daemon, &head("transfer-encoding: chunked"), &chunk, 400 << 20).await;
    assert_eq!(chunked, "HTTP/1.1 413 Payload Too Large");
    assert_eq!(daemon.chat("ok", "").await.status, 200);
    daemon.stop().await;
}

#[tokio::test]
async fn garbage_instead_of_http_ends_its_own_connection_only() {
    let daemon = TestDaemon::start().await;
    for garbage in [
        "\u{0}\u{1}\u{2}garbage\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST /v1/chat/completions HTTP/1.1\r\nbad header\r\n\r\n",
    ] {
        let line = raw(&daemon, garbage, b"", 0).await;
        assert!(
            line.is_empty() || line.starts_with("HTTP/1.1 400") || line.starts_with("HTTP/1.0 400"),
            "{garbage:?}: {line}"
        );
    }
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x-a: b\r\n".repeat(1_000));
    assert_eq!(raw(&daemon, &many, b"", 0).await, "HTTP/1.1 431 Request Header Fields Too Large");
    let mut odd = Request::get(format!("{}/healthz", daemon.url)).body(Full::default()).unwrap();
    odd.headers_mut().insert("x-odd", http::HeaderValue::from_bytes(b"\xff\xfe").unwrap());
    assert_eq!(daemon.send(odd).await.status, 200);
    daemon.stop().await;
}
