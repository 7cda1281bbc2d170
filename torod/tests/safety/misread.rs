//! Bytes that are no request: their sender is told so in its own protocol, with an id, before the connection ends.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::hardening::tell;
use crate::support::TestDaemon;

/// One answer of HTTP/1.1, taken from the front of what was heard.
pub struct Told {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Told {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        format!("{}\n\n{}", self.head, String::from_utf8_lossy(&self.body))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

/// The answers in `heard`, each as long as it says.
pub fn answers(mut heard: &[u8]) -> Vec<Told> {
    let mut all = Vec::new();
    while let Some(end) = heard.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8(heard[..end].to_vec()).unwrap();
        heard = &heard[end + 4..];
        let status = head[9..12].parse().unwrap();
        let mut told = Told { status, head, body: Vec::new() };
        let length: usize = told.header("content-length").map_or(0, |length| length.parse().unwrap());
        told.body = heard[..length.min(heard.len())].to_vec();
        heard = &heard[told.body.len()..];
        all.push(told);
    }
    assert!(heard.is_empty(), "something is left over: {}", String::from_utf8_lossy(heard));
    all
}

const HOST: &str = "host: localhost\r\n";

/// Where the words of a refusal are, in each protocol.
fn said(body: &Value) -> &str {
    let places = ["/error/message", "/message"];
    places.into_iter().find_map(|place| body.pointer(place)?.as_str()).unwrap_or_default()
}

#[tokio::test]
async fn what_is_no_request_is_answered_in_json() {
    let daemon = TestDaemon::start().await;
    let fields = (0..150).fold(String::new(), |text, n| text + &format!("x-{n}: y\r\n"));
    let long = |bytes: usize| "y".repeat(bytes);
    for (status, code, request) in [
        (400, "malformed_request", "BAD\r\n\r\n".to_owned()),
        (400, "malformed_request", format!("GET /healthz HTTP/3.0\r\n{HOST}\r\n")),
        (400, "malformed_request", format!("GET /health z HTTP/1.1\r\n{HOST}\r\n")),
        (400, "malformed_request", format!("GET /healthz HTTP/1.1\r\n{HOST}a b: c\r\n\r\n")),
        (400, "malformed_request", format!("GET /healthz HTTP/1.1\r\n{HOST} folded: c\r\n\r\n")),
        (400, "malformed_request", format!("GET /healthz HTTP/1.1\r\n{HOST}x: a\0b\r\n\r\n")),
        (400, "malformed_request", format!("POST /v1/responses HTTP/1.1\r\n{HOST}content-length: x\r\n\r\n")),
        (
            400,
            "malformed_request",
            format!("POST /v1/responses HTTP/1.1\r\n{HOST}content-length: 1\r\ncontent-length: 2\r\n\r\nab"),
        ),
        (
            400,
            "malformed_request",
            format!("POST /v1/responses HTTP/1.1\r\n{HOST}content-length: 99999999999999999999\r\n\r\n"),
        ),
        (
            400,
            "malformed_request",
            format!("POST /v1/responses HTTP/1.0\r\n{HOST}transfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        ),
        (
            400,
            "malformed_request",
            format!("POST /v1/responses HTTP/1.1\r\n{HOST}transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
        ),
        (431, "headers_too_large", format!("GET /healthz HTTP/1.1\r\n{HOST}{fields}\r\n")),
        (431, "headers_too_large", format!("GET /healthz HTTP/1.1\r\n{HOST}x: {}\r\n\r\n", long(140 << 10))),
        (431, "headers_too_large", format!("GET /healthz HTTP/1.1\r\n{HOST}x: {}\r\n\r\n", long(6 << 20))),
        (414, "url_too_long", format!("GET /{} HTTP/1.1\r\n{HOST}\r\n", long(70 << 10))),
        (400, "tls_on_plain_port", "\u{16}\u{3}\u{1}\u{0}\u{5}\u{1}\u{0}\u{0}\u{1}\u{0}\r\n\r\n".to_owned()),
        (400, "host_not_one", "GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned()),
        (400, "host_not_one", format!("GET /healthz HTTP/1.1\r\n{HOST}{HOST}connection: close\r\n\r\n")),
    ] {
        let begins = request.chars().take(60).collect::<String>();
        let (heard, is_over) = tell(&daemon, request.as_bytes()).await;
        let told = answers(&heard);
        assert!(is_over && told.len() == 1, "{begins:?}: {}", String::from_utf8_lossy(&heard));
        let (told, body) = (&told[0], told[0].json());
        assert_eq!((told.status, &body["error"]["code"]), (status, &Value::from(code)), "{begins:?}: {}", told.text());
        assert!(told.header("x-request-id").is_some_and(|id| id.starts_with("req_")), "{}", told.text());
        assert_eq!(told.header("content-type"), Some("application/json"));
        assert_eq!(told.header("connection"), Some("close"), "{}", told.text());
        assert!(said(&body).len() > 30, "{}", told.text());
    }
    assert_eq!(daemon.chat("sim/ok", "").await.status, 200);
    daemon.stop().await;
}

#[tokio::test]
async fn it_is_told_in_the_protocol_of_the_path() {
    let daemon = TestDaemon::start().await;
    let bad = |line: &str| format!("{line} HTTP/1.1\r\n{HOST}a b: c\r\n\r\n");
    for (line, place) in [
        ("POST /v1/chat/completions", "/error/code"),
        ("POST /v1/messages?beta=true", "/request_id"),
        ("POST /anthropic/v1/messages", "/request_id"),
        ("POST http://localhost/v1/messages", "/request_id"),
        ("POST /v1beta/models/sim%2Fok:generateContent", "/error/status"),
        ("POST /v2/chat", "/id"),
        ("POST /admin/api/tokens", "/error/advice"),
    ] {
        let (heard, _) = tell(&daemon, bad(line).as_bytes()).await;
        let told = answers(&heard);
        assert!(told[0].status == 400 && told[0].json().pointer(place).is_some(), "{line}: {}", told[0].text());
    }
    // What is asked by HEAD has no body, and says nothing of its length that would be waited for.
    let (heard, is_over) = tell(&daemon, bad("HEAD /v1/models").as_bytes()).await;
    assert!(is_over && heard.ends_with(b"\r\n\r\n") && heard.starts_with(b"HTTP/1.1 400 "));
    daemon.stop().await;
}

#[tokio::test]
async fn after_good_requests_a_bad_one_is_told_as_well() {
    let daemon = TestDaemon::start().await;
    let good = format!("GET /healthz HTTP/1.1\r\n{HOST}\r\n");
    let bad = format!("POST /v1/messages HTTP/1.1\r\n{HOST}a b: c\r\n\r\n");
    // All at once.
    let (heard, is_over) = tell(&daemon, format!("{good}{good}{bad}").as_bytes()).await;
    let told = answers(&heard);
    assert!(is_over && told.iter().map(|told| told.status).eq([200, 200, 400]), "{}", String::from_utf8_lossy(&heard));
    assert_eq!(told[2].json()["error"]["code"], "malformed_request");
    // One after the other, in pieces.
    let addr = daemon.url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let mut heard = Vec::new();
    for round in 1..=3 {
        stream.write_all(good.as_bytes()).await.unwrap();
        while answers_so_far(&heard) < round {
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece).await.unwrap();
            assert!(read > 0);
            heard.extend_from_slice(&piece[..read]);
        }
    }
    for piece in bad.as_bytes().chunks(7) {
        stream.write_all(piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    heard.clear();
    stream.read_to_end(&mut heard).await.unwrap();
    let told = answers(&heard);
    assert_eq!((told.len(), told[0].json()["type"].clone()), (1, "error".into()), "{}", told[0].text());
    daemon.stop().await;
}

fn answers_so_far(heard: &[u8]) -> usize {
    heard.windows(9).filter(|window| window.starts_with(b"HTTP/1.1 ")).count()
}

#[tokio::test]
async fn a_body_that_is_not_framed_is_told() {
    let daemon = TestDaemon::start().await;
    let key = &daemon.key;
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\n{HOST}authorization: Bearer {key}\r\n");
    for body in ["xyz\r\n{}\r\n0\r\n\r\n", "5\r\n{}\r\n0\r\n\r\n", "ffffffffffffffffff\r\n{}", "2;\r\n{}junk\r\n"] {
        let request = format!("{head}transfer-encoding: chunked\r\n\r\n{body}");
        let (heard, is_over) = tell(&daemon, request.as_bytes()).await;
        let told = answers(&heard);
        assert!(is_over && told.len() == 1, "{body:?}: {}", String::from_utf8_lossy(&heard));
        assert_eq!((told[0].status, &told[0].json()["error"]["code"]), (400, &"body_incomplete".into()), "{body:?}");
    }
    daemon.stop().await;
}
