//! Headers of requests: nobody becomes somebody by them, and nothing of the client's own goes to a provider.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use torod::access::TokenIndex;
use torod::access::caller::{self, Caller};
use torod::gateway::headers;
use torod::gateway::request_id::RequestId;
use torod::server::connection::Peer;

/// What a client sends for us alone.
const OURS: [&str; 9] = [
    "authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "proxy-authorization",
    "x-forwarded-for",
    "forwarded",
    "host",
];

/// Reads the bytes as lines of headers. The first byte says where the client is.
pub fn run(data: &[u8]) {
    let Some((place, lines)) = data.split_first() else { return };
    let mut map = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n').take(200) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
    let addr: SocketAddr = if place % 2 == 0 { ([127, 0, 0, 1], 1).into() } else { ([10, 0, 0, 1], 1).into() };
    let tokens = TokenIndex::new(&[]);
    for allow_loopback in [false, true] {
        match caller::identify(&map, Peer::Tcp(addr), &tokens, 1, allow_loopback) {
            Ok(Caller::Token(_)) => panic!("there is no token"),
            Ok(Caller::Loopback) => {
                assert!(allow_loopback && addr.ip().is_loopback());
                assert!(
                    ["origin", "forwarded", "x-forwarded-for", "x-real-ip", "via"]
                        .iter()
                        .all(|n| !map.contains_key(*n))
                );
            }
            Err(problem) => assert!(!problem.message.is_empty()),
        }
    }
    let id = RequestId::of(&map, 7);
    assert!((1..=128).contains(&id.as_str().len()) && id.as_str().bytes().all(|b| b.is_ascii_graphic()));
    let mut upstream = HeaderMap::new();
    headers::filter(&map, &mut upstream, headers::goes_upstream);
    assert!(OURS.iter().all(|name| !upstream.contains_key(*name)), "{:?}", upstream.keys().collect::<Vec<_>>());
    let mut downstream = HeaderMap::new();
    headers::hand_on(map, &mut downstream, headers::goes_downstream);
    assert!(!downstream.contains_key("set-cookie"));
}
