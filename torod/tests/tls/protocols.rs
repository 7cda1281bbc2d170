//! What is spoken: versions of TLS, HTTP/2 and HTTP/1.1, and what becomes of plain HTTP where TLS is on.

use std::process::{Command, Stdio};

use http::Request;
use http_body_util::Full;
use tokio::net::TcpStream;

use crate::support::{Gateway, exchange, exchange_h2, tls};

const SELF_SIGNED: &str = "[tls]\nmode = \"self-signed\"\n";

/// What `openssl s_client` says of a gateway, asked with `arguments`.
fn openssl(gateway: &Gateway, arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &gateway.addr.to_string(), "-servername", "localhost"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("these tests need openssl");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_and_protocols_are_those_of_today() {
    let gateway = Gateway::start(SELF_SIGNED).await;
    // So that the client itself is willing: without it no hello of TLS 1.1 would be sent at all.
    let willing = ["-cipher", "DEFAULT@SECLEVEL=0"];
    for (version, cipher) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let said = openssl(&gateway, &[version, "-alpn", "h2,http/1.1"]);
        assert!(said.contains(cipher) && said.contains("ALPN protocol: h2"), "{version}: {said}");
        assert!(said.contains("subject=CN = tokenrouter"), "{said}");
    }
    for version in ["-tls1", "-tls1_1"] {
        let said = openssl(&gateway, &[&[version][..], &willing].concat());
        assert!(said.contains("SSL alert number") && said.contains("Cipher is (NONE)"), "{version}: {said}");
    }
    let said = openssl(&gateway, &["-tls1_2", "-cipher", "AES128-SHA:AES256-SHA:DES-CBC3-SHA:@SECLEVEL=0"]);
    assert!(said.contains("handshake failure"), "no cipher without forward secrecy: {said}");
    let said = openssl(&gateway, &["-alpn", "http/1.1"]);
    assert!(said.contains("ALPN protocol: http/1.1"), "{said}");
    let said = openssl(&gateway, &["-alpn", "acme-tls/1"]);
    assert!(!said.contains("ALPN protocol: acme-tls/1"), "nothing is ordered from a CA: {said}");
    gateway.stop().await;
}

#[tokio::test]
async fn http_2_and_1_1_are_both_served() {
    let gateway = Gateway::start(SELF_SIGNED).await;
    let by_h2 = tls(gateway.addr, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(by_h2.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut request = gateway.chat();
    let uri = format!("https://{}/v1/chat/completions", gateway.addr);
    *request.uri_mut() = uri.parse().unwrap();
    request.headers_mut().remove("host");
    assert_eq!(exchange_h2(by_h2, request).await.status, 200);
    let answer = gateway.by_tls(gateway.chat()).await;
    assert_eq!(answer.status, 200);
    gateway.stop().await;
}

#[tokio::test]
async fn plain_http_is_told_the_way_and_only_pages_are_led_there() {
    let gateway = Gateway::start(&format!("{SELF_SIGNED}http_addr = \"127.0.0.1:0\"\n")).await;
    let apart: std::net::SocketAddr = gateway.listeners("http").await.remove(0).parse().unwrap();
    for place in [gateway.addr, apart] {
        let ask = async |request: Request<Full<bytes::Bytes>>| {
            exchange(TcpStream::connect(place).await.unwrap(), request).await.unwrap()
        };
        let page = |path: &str, host: String| {
            let request = Request::get(path).header("host", host).header("accept", "text/html,*/*;q=0.8");
            request.body(Full::default()).unwrap()
        };
        let led = ask(page("/admin/usage?x=1", place.to_string())).await;
        let there = format!("https://127.0.0.1:{}/admin/usage?x=1", gateway.addr.port());
        assert_eq!((led.status, led.header("location")), (307, there.as_str()), "{led:?}");
        // Nobody is led to a name that is not ours.
        let foreign = ask(page("/admin", "evil.example".to_owned())).await;
        assert_eq!((foreign.status, foreign.header("location")), (400, ""));
        let refused = ask(gateway.chat()).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "tls_required"), "{refused:?}");
        assert!(String::from_utf8_lossy(&refused.body).contains("travelled where others may have read it"));
        let anthropic = Request::post("/v1/messages").header("host", place.to_string()).header("accept", "text/html");
        let told = ask(anthropic.body(Full::default()).unwrap()).await;
        assert_eq!((told.status, told.json()["type"].as_str()), (400, Some("error")), "in the caller's protocol");
        let models = Request::get("/v1/models").header("host", place.to_string()).header("accept", "text/html");
        assert_eq!(ask(models.body(Full::default()).unwrap()).await.code(), "tls_required");
        let api = Request::get("/admin/api/status").header("host", place.to_string()).header("accept", "text/html");
        assert_eq!(ask(api.body(Full::default()).unwrap()).await.code(), "tls_required");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_login_by_tls_is_bound_to_https() {
    let gateway = Gateway::start(SELF_SIGNED).await;
    let body = format!(r#"{{"key":"{}"}}"#, gateway.key);
    let request = Request::post("/admin/api/login")
        .header("host", gateway.addr.to_string())
        .header("origin", gateway.url.clone())
        .header("content-type", "application/json")
        .body(Full::new(body.into()))
        .unwrap();
    let answer = gateway.by_tls(request).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-") && cookie.contains("Secure"), "{cookie}");
    gateway.stop().await;
}

#[tokio::test]
async fn whoever_begins_tls_and_does_not_go_on_is_closed_and_disturbs_nobody() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let gateway = Gateway::start(SELF_SIGNED).await;
    let mut broken = TcpStream::connect(gateway.addr).await.unwrap();
    broken.write_all(b"\x16\x03\x01\xff\xff and this is no hello").await.unwrap();
    let mut silent = TcpStream::connect(gateway.addr).await.unwrap();
    silent.write_all(b"\x16").await.unwrap();
    assert_eq!(gateway.by_tls(gateway.chat()).await.status, 200);
    drop(broken.shutdown().await);
    let mut rest = Vec::new();
    drop(broken.read_to_end(&mut rest).await);
    assert_eq!(gateway.by_tls(gateway.chat()).await.status, 200);
    gateway.stop().await;
}
