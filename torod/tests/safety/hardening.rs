//! What clients may send: heads that are too large, floods of HTTP/2, JSON without a floor, more connections than there are.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{SOON, TestDaemon};

/// Sends bytes and reads what comes until the other side hangs up or says nothing for a while.
pub async fn tell(daemon: &TestDaemon, bytes: &[u8]) -> (Vec<u8>, bool) {
    let addr = daemon.url.trim_start_matches("http://").to_owned();
    let (mut reading, mut writing) = TcpStream::connect(addr).await.unwrap().into_split();
    let sending = async {
        // Who is refused is not listened to any more.
        _ = writing.write_all(bytes).await;
        writing
    };
    let hearing = async {
        let mut heard = Vec::new();
        let mut piece = [0; 4096];
        loop {
            match tokio::time::timeout(Duration::from_secs(2), reading.read(&mut piece)).await {
                Ok(Ok(0) | Err(_)) => return (heard, true),
                Ok(Ok(read)) => heard.extend_from_slice(&piece[..read]),
                Err(_) => return (heard, false),
            }
        }
    };
    let both = tokio::time::timeout(SOON, async { tokio::join!(sending, hearing) });
    let (_writing, heard) = both.await.unwrap();
    heard
}

fn status(heard: &[u8]) -> String {
    String::from_utf8_lossy(heard.get(9..12).unwrap_or_default()).into_owned()
}

#[tokio::test]
async fn a_head_has_bounds() {
    let daemon = TestDaemon::start().await;
    let ask = |more: &str| format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{more}\r\n");
    let fields = |count: usize| (0..count).fold(String::new(), |text, n| text + &format!("x-{n}: y\r\n"));
    let long = |bytes: usize| format!("x: {}\r\n", "y".repeat(bytes));
    for (head, expected) in [
        (ask(""), "200"),
        (ask(&fields(90)), "200"),
        (ask(&fields(150)), "431"),
        (ask(&long(60 << 10)), "200"),
        (ask(&long(200 << 10)), "431"),
        (format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(20 << 10)), "414"),
        (format!("POST /v1/messages?{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(20 << 10)), "414"),
        (format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(200 << 10)), "431"),
    ] {
        let (heard, _) = tell(&daemon, head.as_bytes()).await;
        assert_eq!(status(&heard), expected, "{} bytes", head.len());
    }
    daemon.stop().await;
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const SETTINGS: u8 = 4;
pub const HEADERS: u8 = 1;
const RESET: u8 = 3;
const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const GOAWAY: u8 = 7;

/// `GET /` in HPACK: three entries of the static table and a host.
const GET_ROOT: &[u8] = b"\x82\x86\x84\x41\x09localhost";

pub fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])].concat()
}

/// Why the other side ended it, if it says so.
fn farewell(mut heard: &[u8]) -> Option<u32> {
    while heard.len() >= 9 {
        let length = usize::from(heard[0]) << 16 | usize::from(heard[1]) << 8 | usize::from(heard[2]);
        let payload = heard.get(9..9 + length)?;
        if heard[3] == GOAWAY {
            return Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        heard = &heard[9 + length..];
    }
    None
}

#[tokio::test]
async fn floods_of_http2_end_their_connection_and_nobody_elses() {
    let daemon = TestDaemon::start().await;
    // Asked and taken back at once, again and again (CVE-2023-44487).
    let mut resets = preface();
    for n in 0..20_000_u32 {
        resets.extend(frame(HEADERS, END_STREAM | END_HEADERS, 2 * n + 1, GET_ROOT));
        resets.extend(frame(RESET, 0, 2 * n + 1, &8_u32.to_be_bytes()));
    }
    let (heard, is_over) = tell(&daemon, &resets).await;
    assert!(is_over, "it goes on");
    assert!(matches!(farewell(&heard), None | Some(11)), "{:?}", farewell(&heard));
    // Headers that never end.
    let mut endless = preface();
    endless.extend(frame(HEADERS, END_STREAM, 1, GET_ROOT));
    let piece = [b"\x00\x01x\x7f\x80\x7e".as_slice(), &[b'y'; 16_000]].concat();
    for _ in 0..2_000 {
        endless.extend(frame(CONTINUATION, 0, 1, &piece));
    }
    let (_, is_over) = tell(&daemon, &endless).await;
    assert!(is_over, "it goes on");
    // One request whose headers are too large is refused, and the next is not.
    assert_eq!(daemon.get("/healthz").await.status, 200);
    assert_eq!(daemon.chat("sim/ok", "").await.status, 200);
    daemon.stop().await;
}

#[tokio::test]
async fn json_without_a_floor_is_a_clear_400() {
    let daemon = TestDaemon::with("", "").await;
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let message = r#""messages":[{"role":"user","content":"hi"}]"#;
    for depth in [100, 126, 127, 128, 200, 511, 513, 100_000] {
        let odd = nested(depth);
        let tool = format!(r#"{{"type":"function","function":{{"name":"f","parameters":{{"x":{odd}}}}}}}"#);
        let asks = [
            ("/v1/chat/completions", format!(r#"{{"model":"sim/ok",{message},"x":{odd}}}"#)),
            ("/v1/chat/completions", format!(r#"{{"x":{odd},"model":"sim/ok",{message}}}"#)),
            ("/v1/chat/completions", format!(r#"{{"model":"sim/ok",{message},"tools":[{tool}]}}"#)),
            ("/v1/responses", format!(r#"{{"model":"sim/ok","input":{odd}}}"#)),
            ("/v1/messages", format!(r#"{{"model":"sim/ok","max_tokens":5,{message},"x":{odd}}}"#)),
            ("/v1/messages/count_tokens", format!(r#"{{"model":"sim/ok",{message},"tools":{odd}}}"#)),
            // Translated: read by another parser.
            ("/v2/chat", format!(r#"{{"model":"sim/ok",{message},"tools":[{tool}]}}"#)),
            ("/v2/chat", format!(r#"{{"model":"sim/ok",{message},"x":{odd}}}"#)),
            (
                "/v1beta/models/sim%2Fok:generateContent",
                format!(r#"{{"contents":[{{"parts":[{{"text":"hi"}}]}}],"tools":{odd}}}"#),
            ),
            ("/admin/api/tokens", format!(r#"{{"name":{odd}}}"#)),
            ("/admin/api/routes/explain", format!(r#"{{"model":"sim/ok","x":{odd}}}"#)),
            ("/admin/api/setup", format!(r#"{{"code":{odd}}}"#)),
        ];
        for (path, body) in asks {
            let answer = daemon.post(path, body).await;
            let status = answer.status.as_u16();
            let is_told = serde_json::from_slice::<Value>(&answer.body).is_ok();
            assert!(status < 500 && is_told, "{depth} at {path}: {status} {}", answer.text());
            if depth > 512 {
                assert!((400..500).contains(&status), "{depth} at {path}: {status} {}", answer.text());
            }
        }
        let answer = daemon.post("/v1/chat/completions", format!(r#"{{"model":"sim/ok",{message},"x":{odd}}}"#)).await;
        if depth > 512 {
            assert!(answer.status == 400 && answer.text().contains("nested"), "{depth}: {}", answer.text());
        }
    }
    daemon.stop().await;
}

#[tokio::test]
async fn connections_that_ask_nothing_make_room_for_those_that_do() {
    let daemon = TestDaemon::with("[limits]\nconnections = 8", "").await;
    let addr = daemon.url.trim_start_matches("http://").to_owned();
    let mut silent = Vec::new();
    for n in 0..60 {
        let mut stream = TcpStream::connect(&addr).await.unwrap();
        // Each says a little, and never all.
        _ = stream.write_all(&b"GET / HTTP/1.1\r\nhost: x\r\nx-"[..n % 27]).await;
        silent.push(stream);
        if n % 20 == 0 {
            assert_eq!(daemon.get("/healthz").await.status, 200);
        }
    }
    assert_eq!(daemon.chat("sim/ok", "").await.status, 200);
    drop(silent);
    daemon.stop().await;
}
