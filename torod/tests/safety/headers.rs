//! Heads that mean two things, or want to mean more than they may: hosts, keys, paths, and what proxies disagree about.

use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::hardening::{END_HEADERS, END_STREAM, GOAWAY, HEADERS, frame, preface, tell};
use crate::misread::{Told, answers};
use crate::support::{PROVIDER_KEY, TestDaemon, chat_body, configuration, port_zero};

const CHAT: &str = "/v1/chat/completions";

/// A request of HTTP/1.1 with the body of a chat, the last on its connection.
fn post(target: &str, fields: &str) -> String {
    let body = chat_body("sim/ok", "");
    format!("POST {target} HTTP/1.1\r\n{fields}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

async fn ask(daemon: &TestDaemon, request: &str) -> Told {
    let (heard, _) = tell(daemon, request.as_bytes()).await;
    let mut told = answers(&heard);
    assert_eq!(told.len(), 1, "{request:?}: {}", String::from_utf8_lossy(&heard));
    told.remove(0)
}

fn code(told: &Told) -> String {
    told.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
}

/// One where programs of this machine need no key.
async fn open() -> TestDaemon {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = configuration(&simulator.url(), "", "")
        .replace("allow_localhost_no_auth = false", "allow_localhost_no_auth = true");
    TestDaemon::configured(simulator, &text, Clock::system()).await
}

#[tokio::test]
async fn only_one_who_surely_asks_this_machine_needs_no_key() {
    let daemon = open().await;
    let told = ask(&daemon, &post(CHAT, "host: localhost\r\n")).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let long = format!("host: {}\r\n", "a".repeat(20 << 10));
    for fields in [
        &*long,
        "host: \r\n",
        "host: evil.example\r\n",
        "host: evil.example@localhost\r\n",
        "host: localhost@evil.example\r\n",
        "host: localhost, evil.example\r\n",
        "host: localhost.\r\n",
        "host: localhost/\r\n",
        "host: localhost:80:80\r\n",
        "host: [::1\r\n",
        "host: [fe80::1%25lo]\r\n",
        "host: localhost\r\norigin: null\r\n",
        "host: localhost\r\norigin: http://localhost\r\n",
        "host: localhost\r\norigin: null\r\norigin: http://localhost\r\n",
        "host: localhost\r\nsec-fetch-site: cross-site\r\n",
        "host: localhost\r\nx-forwarded-for: 127.0.0.1\r\n",
        // What a `connection` header names goes no further, but was said.
        "host: localhost\r\norigin: null\r\nconnection: origin\r\n",
        "host: localhost\r\nx-forwarded-for: 1.2.3.4\r\nconnection: x-forwarded-for\r\n",
    ] {
        let told = ask(&daemon, &post(CHAT, fields)).await;
        assert_eq!((told.status, &*code(&told)), (401, "token_missing"), "{fields:?}: {}", told.text());
    }
    // The target names a host, too: both must be this machine's.
    for (target, host, status) in [
        ("http://localhost/v1/chat/completions", "localhost", 200),
        ("http://evil.example/v1/chat/completions", "localhost", 401),
        ("http://localhost/v1/chat/completions", "evil.example", 401),
        ("https://localhost:8080/v1/chat/completions", "localhost:8080", 200),
    ] {
        let told = ask(&daemon, &post(target, &format!("host: {host}\r\n"))).await;
        assert_eq!(told.status, status, "{target} {host}: {}", told.text());
    }
    daemon.stop().await;
}

#[tokio::test]
async fn one_request_is_one_tokens() {
    let daemon = TestDaemon::with("", "").await;
    let (mine, other) = (daemon.key.clone(), daemon.other_key().await);
    let field = |name: &str, value: &str| format!("{name}: {value}\r\n");
    let bearer = |key: &str| field("authorization", &format!("Bearer {key}"));
    for (fields, status, said) in [
        (bearer(&mine), 200, ""),
        (bearer(&mine) + &bearer(&mine), 200, ""),
        (bearer(&mine) + &field("x-api-key", &mine), 200, ""),
        (bearer(&mine) + &field("x-api-key", "sk-of-somebody"), 200, ""),
        (field("authorization", "Basic dTpw") + &bearer(&mine), 200, ""),
        (bearer(&mine) + &bearer(&other), 401, "token_ambiguous"),
        (bearer(&mine) + &field("x-api-key", &other), 401, "token_ambiguous"),
        (field("x-goog-api-key", &mine) + &field("api-key", &other), 401, "token_ambiguous"),
        (bearer(&mine) + &field("x-api-key", "tr_nobody"), 401, "token_ambiguous"),
        (bearer("tr_nobody") + &field("x-api-key", "sk-of-somebody"), 401, "token_malformed"),
        (field("cookie", &format!("key={mine}")), 401, "token_missing"),
        // To name a key as one of the connection's own neither hides it nor takes another's away.
        (bearer(&mine) + "connection: authorization, x-api-key, content-type, host\r\n", 200, ""),
        (field("x-api-key", &mine) + "connection: x-api-key\r\n", 200, ""),
    ] {
        let told = ask(&daemon, &post(CHAT, &("host: localhost\r\n".to_owned() + &fields))).await;
        assert_eq!(told.status, status, "{fields:?}: {}", told.text());
        if status == 200 {
            let call = daemon.simulator.calls().pop().unwrap();
            let keys = call.headers.iter().filter(|(name, _)| name == "authorization").map(|(_, value)| value.as_str());
            assert_eq!(keys.collect::<Vec<_>>(), [format!("Bearer {PROVIDER_KEY}")], "{fields:?}");
            assert!(!format!("{:?}", call.headers).contains(&mine), "{fields:?}: {:?}", call.headers);
            assert!(call.headers.iter().any(|(name, value)| name == "content-type" && value == "application/json"));
        } else {
            assert_eq!(code(&told), said, "{fields:?}");
        }
    }
    // In the URL only where Gemini's clients put it.
    for (target, status) in [
        (format!("{CHAT}?key={mine}"), 401),
        (format!("/v1/messages?key={mine}"), 401),
        (format!("/v2/chat?key={mine}"), 401),
        (format!("/admin/api/tokens?key={mine}"), 415),
        (format!("/v1beta/models/sim%2Fok:generateContent?key={mine}"), 400),
    ] {
        let told = ask(&daemon, &post(&target, "host: localhost\r\n")).await;
        assert_eq!(told.status, status, "{target}: {}", told.text());
        assert!(!told.text().contains(&mine), "{}", told.text());
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_path_is_what_it_says_and_nothing_else() {
    let daemon = TestDaemon::with("", "").await;
    let key = format!("host: localhost\r\nauthorization: Bearer {}\r\n", daemon.other_key().await);
    for target in [
        "/v1%2Fchat%2Fcompletions",
        "/v1/chat%2fcompletions",
        "/v1/%63hat/completions",
        "/v1/models/../chat/completions",
        "/v1/chat/./completions",
        "/v1/chat/completions/..",
        "/v1/chat/completions%00",
        "/v1/chat/completions%2F..%2F..%2Fadmin",
        "/v1\\chat\\completions",
        "/./v1/chat/completions",
        "/v1/..;/chat/completions",
        "*",
    ] {
        let told = ask(&daemon, &post(target, &key)).await;
        assert!(matches!(told.status, 400 | 404 | 405), "{target}: {}", told.text());
        assert!(!code(&told).is_empty(), "{target}: {}", told.text());
    }
    for target in [
        "/admin%2Fapi%2Ftokens",
        "/admin/%61pi/tokens",
        "/v1/models/..%2f..%2fadmin%2fapi%2ftokens",
        "/v1/../admin/api/tokens",
        "//admin/api/tokens",
        "/admin/api/setup/../tokens",
        "/admin/api/setup%2f..%2ftokens",
        "/admin/api/tokens;/setup",
        "/admin/api/%74okens",
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let told = ask(&daemon, &request).await;
        assert!(matches!(told.status, 400 | 401 | 404), "{target}: {}", told.text());
        let with_key = request.replace("connection: close\r\n", &format!("connection: close\r\n{}", &key[17..]));
        let told = ask(&daemon, &with_key).await;
        assert!(matches!(told.status, 400 | 404), "{target}: {}", told.text());
    }
    // Nobody's tunnel.
    let connect = "CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example:443\r\nconnection: close\r\n\r\n";
    let told = ask(&daemon, connect).await;
    assert!(matches!(told.status, 400 | 404 | 405), "{}", told.text());
    assert!(daemon.simulator.calls().is_empty(), "{:?}", daemon.simulator.calls());
    daemon.stop().await;
}

/// RFC 9112, section 6.3: what names both lengths is read by its chunks, nothing after it is believed, and the connection
/// ends. What goes on from here has one length.
#[tokio::test]
async fn two_lengths_smuggle_nothing() {
    let daemon = TestDaemon::with("", "").await;
    let body = chat_body("sim/ok", "");
    let head = format!("host: localhost\r\nauthorization: Bearer {}\r\n", daemon.key);
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let smuggled = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for lengths in [
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 0\r\ncontent-length: 9\r\n",
    ] {
        let request = format!("POST {CHAT} HTTP/1.1\r\n{head}{lengths}\r\n{chunked}{smuggled}");
        let (heard, is_over) = tell(&daemon, request.as_bytes()).await;
        let told = answers(&heard);
        assert!(is_over && told.len() == 1, "{lengths:?}: {}", String::from_utf8_lossy(&heard));
        assert!(matches!(told[0].status, 200 | 400), "{}", told[0].text());
    }
    for call in daemon.simulator.calls() {
        let named = |wanted: &str| call.headers.iter().filter(|(name, _)| name == wanted).count();
        assert_eq!(
            (named("content-length"), named("transfer-encoding"), call.body.len()),
            (1, 0, body.len() - "sim/".len())
        );
    }
    daemon.stop().await;
}

#[tokio::test]
async fn who_waits_to_be_told_to_go_on_is_refused_before() {
    let daemon = TestDaemon::with("", "").await;
    let waits =
        |fields: &str| format!("POST {CHAT} HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n{fields}\r\n");
    let mine = format!("authorization: Bearer {}\r\n", daemon.key);
    for (fields, status) in [
        ("content-length: 50\r\n".to_owned(), 401),
        ("authorization: Bearer tr_nobody\r\ntransfer-encoding: chunked\r\n".to_owned(), 401),
        (format!("{mine}content-length: 9999999999\r\n"), 413),
    ] {
        let (heard, is_over) = tell(&daemon, waits(&fields).as_bytes()).await;
        let told = answers(&heard);
        assert!(is_over && told.len() == 1, "{fields:?}: {}", String::from_utf8_lossy(&heard));
        assert_eq!(told[0].status, status, "{}", told[0].text());
    }
    let body = chat_body("sim/ok", "");
    let request = waits(&format!("{mine}connection: close\r\ncontent-length: {}\r\n", body.len())) + &body;
    let (heard, _) = tell(&daemon, request.as_bytes()).await;
    let told = answers(&heard);
    assert_eq!(told.last().unwrap().status, 200, "{}", String::from_utf8_lossy(&heard));
    daemon.stop().await;
}

/// A field of HPACK by the name at `index` of its static table.
fn indexed(index: u8, value: &str) -> Vec<u8> {
    [&[0x40 | index, u8::try_from(value.len()).unwrap()], value.as_bytes()].concat()
}

#[tokio::test]
async fn in_http2_two_hosts_are_none() {
    let daemon = open().await;
    let named = |name: &str, value: &str| {
        let length = |text: &str| u8::try_from(text.len()).unwrap();
        [&[0x40, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
    };
    let ask = async |authority: Option<&str>, hosts: &[&str]| {
        // GET by http, of /v1/models.
        let mut fields = vec![0x82, 0x86];
        fields.extend(indexed(4, "/v1/models"));
        fields.extend(authority.map(|name| indexed(1, name)).unwrap_or_default());
        for host in hosts {
            fields.extend(named("host", host));
        }
        // And goes away, so that it is not waited for more.
        let sent = [preface(), frame(HEADERS, END_STREAM | END_HEADERS, 1, &fields), frame(GOAWAY, 0, 0, &[0; 8])];
        let (heard, _) = tell(&daemon, &sent.concat()).await;
        String::from_utf8_lossy(&heard).into_owned()
    };
    for (authority, hosts) in [
        (Some("evil.example"), &[][..]),
        (Some("localhost"), &["evil.example"][..]),
        (Some("evil.example"), &["localhost"][..]),
        (None, &["localhost", "evil.example"][..]),
        (None, &[][..]),
    ] {
        let heard = ask(authority, hosts).await;
        assert!(!heard.contains("sim/ok"), "{authority:?} {hosts:?}: {heard}");
    }
    for (authority, hosts) in [(Some("localhost"), &[][..]), (Some("localhost"), &["localhost"][..])] {
        let heard = ask(authority, hosts).await;
        assert!(heard.contains("sim/ok"), "{authority:?} {hosts:?}: {heard}");
    }
    daemon.stop().await;
}
