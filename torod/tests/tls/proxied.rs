//! Proxies before the gateway: the PROXY protocol, of trusted ones alone, and headers by a Unix socket.

use http::Request;
use http_body_util::Full;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UnixStream};
use torod::clock::Clock;

use crate::support::{Answer, Gateway, exchange, tls_over, until};

const TRUSTING: &str = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\nproxy_protocol = true\n";

/// Waits until the gateway has noted from where the test's token was last used.
async fn is_seen_from(gateway: &Gateway, expected: Option<&str>) {
    until("it is noted where the token was used from", || async {
        let all = gateway.control("GET", "/admin/api/tokens").await.json();
        let token = all["tokens"].as_array().unwrap().iter().find(|token| token["name"] == "test").unwrap().clone();
        !token["last_used_ms"].is_null() && token["last_used_from"].as_str() == expected
    })
    .await;
}

/// A use is noted once a minute at most.
async fn start(more: &str) -> (Gateway, Clock) {
    let clock = Clock::fixed(Clock::system().now_ms());
    (Gateway::in_folder(more, tempfile::tempdir().unwrap(), clock.clone()).await.unwrap(), clock)
}

async fn ask_behind(gateway: &Gateway, header: &[u8], is_tls: bool) -> Result<Answer, String> {
    let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
    stream.write_all(header).await.unwrap();
    if is_tls {
        let stream = tls_over(stream, &[b"http/1.1"]).await.map_err(|e| e.to_string())?;
        return exchange(stream, gateway.chat()).await.map_err(|e| e.to_string());
    }
    exchange(stream, gateway.chat()).await.map_err(|e| e.to_string())
}

#[tokio::test]
async fn a_trusted_proxy_says_whose_connection_it_hands_on() {
    for (is_tls, more) in [(false, TRUSTING.to_owned()), (true, format!("{TRUSTING}[tls]\nmode = \"self-signed\"\n"))] {
        let (gateway, clock) = start(&more).await;
        let answer = ask_behind(&gateway, b"PROXY TCP4 203.0.113.9 127.0.0.1 4711 443\r\n", is_tls).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        is_seen_from(&gateway, Some("203.0.113.9")).await;
        clock.advance(61_000);
        let second = [
            &b"\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x24"[..],
            &"2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap().octets(),
            &std::net::Ipv6Addr::LOCALHOST.octets(),
            &[0x12, 0x67, 0x01, 0xbb],
        ]
        .concat();
        assert_eq!(ask_behind(&gateway, &second, is_tls).await.unwrap().status, 200);
        is_seen_from(&gateway, Some("2001:db8::7")).await;
        // Who is not told of is the proxy, whatever its request says.
        clock.advance(61_000);
        let mut stream = TcpStream::connect(gateway.addr).await.unwrap();
        stream.write_all(b"PROXY UNKNOWN\r\n").await.unwrap();
        let mut request = gateway.chat();
        request.headers_mut().insert("x-forwarded-for", "203.0.113.7".parse().unwrap());
        let answer = if is_tls {
            exchange(tls_over(stream, &[b"http/1.1"]).await.unwrap(), request).await
        } else {
            exchange(stream, request).await
        };
        assert_eq!(answer.unwrap().status, 200);
        is_seen_from(&gateway, Some("127.0.0.1")).await;
        // Without the header there is no word on this connection.
        assert!(ask_behind(&gateway, b"", is_tls).await.is_err());
        gateway.stop().await;
    }
}

#[tokio::test]
async fn nobody_else_is_believed() {
    let more = "[server]\ntrusted_proxies = [\"10.0.0.0/8\"]\nproxy_protocol = true\n";
    let gateway = Gateway::start(more).await;
    // For one who is no trusted proxy it is no HTTP.
    let refused = ask_behind(&gateway, b"PROXY TCP4 203.0.113.9 127.0.0.1 4711 443\r\n", false).await;
    assert!(refused.as_ref().is_err() || refused.as_ref().is_ok_and(|answer| answer.status == 400), "{refused:?}");
    assert_eq!(ask_behind(&gateway, b"", false).await.unwrap().status, 200);
    is_seen_from(&gateway, Some("127.0.0.1")).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_proxy_by_a_socket_is_believed_where_the_operator_says_so() {
    for (more, expected) in [("trusted_proxies = [\"unix\"]\n", Some("203.0.113.9")), ("", None)] {
        let gateway = Gateway::start(&format!("[server]\nlisten = [\"unix:{{folder}}/s\"]\n{more}")).await;
        let stream = UnixStream::connect(gateway.folder.path().join("s")).await.unwrap();
        let request = Request::get("/v1/models")
            .header("host", "gw")
            .header("authorization", format!("Bearer {}", gateway.key))
            .header("x-forwarded-for", "203.0.113.9");
        let answer = exchange(stream, request.body(Full::default()).unwrap()).await.unwrap();
        assert_eq!(answer.status, 200);
        is_seen_from(&gateway, expected).await;
        gateway.stop().await;
    }
}
