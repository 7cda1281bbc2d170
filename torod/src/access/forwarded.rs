//! For whom a trusted proxy speaks. Nobody else is believed, whatever a request says.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderName};

use crate::config::Server;
use crate::server::connection::Peer;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Addresses that are looked at; beyond, a list is not one that proxies wrote.
const MOST_HOPS: usize = 64;

/// Who is at the other end of `peer`'s connection, where that is a proxy that `server` trusts.
///
/// From the right of `X-Forwarded-For` (or `Forwarded`, where that alone is there), the first address that is no
/// trusted proxy: what stands to the left of it a client may have made up. Where both headers are there and disagree,
/// one of them was made up, and the proxy itself counts as the client.
pub fn behind(peer: Peer, headers: &HeaderMap, server: &Server) -> Peer {
    let (own, is_tls) = match peer {
        Peer::Local | Peer::Untold { .. } => return peer,
        Peer::Unix if !server.trusts_unix => return peer,
        // It has no address, and one of this machine means nothing where a proxy is between.
        Peer::Unix => (IpAddr::V4(Ipv4Addr::LOCALHOST), false),
        Peer::Tcp(_) | Peer::Tls(_) | Peer::Proxied { .. } if server.trusted_proxies.is_empty() => return peer,
        Peer::Tcp(address) => (address.ip().to_canonical(), false),
        Peer::Tls(address) => (address.ip().to_canonical(), true),
        // Whom the PROXY protocol told of may be a proxy as well.
        Peer::Proxied { client, is_https } => (client, is_https),
    };
    if peer != Peer::Unix && !server.trusts(own) {
        return peer;
    }
    let itself = Peer::Proxied { client: own, is_https: is_tls };
    let listed = x_forwarded(headers).map(|hops| client(&hops, own, server));
    let told = forwarded(headers).map(|hops| client(&hops, own, server));
    match (listed, told) {
        (Some(one), None) | (None, Some(one)) => one,
        (Some(Peer::Proxied { client: a, is_https: x }), Some(Peer::Proxied { client: b, is_https: y })) if a == b => {
            Peer::Proxied { client: a, is_https: x || y }
        }
        // Nothing is said, or not the same.
        _ => itself,
    }
}

/// One station on the way, as the next one saw it.
#[derive(Clone, Copy, Debug, Default)]
struct Hop {
    /// None where it does not say, or in a way that means nothing here.
    address: Option<IpAddr>,
    is_https: bool,
}

fn client(hops: &[Hop], own: IpAddr, server: &Server) -> Peer {
    let mut last = Peer::Proxied { client: own, is_https: false };
    for hop in hops.iter().rev() {
        // Whoever wrote this is trusted; what it did not understand hides everything before it.
        let Some(address) = hop.address else { return last };
        last = Peer::Proxied { client: address, is_https: hop.is_https };
        if !server.trusts(address) {
            break;
        }
    }
    last
}

fn x_forwarded(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let addresses = listed(headers, &X_FORWARDED_FOR)?;
    let schemes = listed(headers, &X_FORWARDED_PROTO).unwrap_or_default();
    let is_https = |at: usize| {
        // One for each address, or one for all.
        let own = if schemes.len() == addresses.len() { schemes.get(at) } else { schemes.last() };
        own.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
    };
    Some(addresses.iter().enumerate().map(|(at, text)| Hop { address: read(text), is_https: is_https(at) }).collect())
}

/// The elements of a header that is a list; the last [`MOST_HOPS`] of them.
fn listed<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<Vec<&'h str>> {
    if !headers.contains_key(name) {
        return None;
    }
    let lines = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?"));
    let mut elements: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let surplus = elements.len().saturating_sub(MOST_HOPS);
    elements.drain(..surplus);
    Some(elements)
}

/// `Forwarded` (RFC 7239). A comma or semicolon inside of quotes has no business in an address, so none is expected.
fn forwarded(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let elements = listed(headers, &http::header::FORWARDED)?;
    let hop = |element: &&str| {
        let mut hop = Hop::default();
        for (name, value) in element.split(';').filter_map(|pair| pair.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => hop.address = read(value),
                "proto" => hop.is_https = value.eq_ignore_ascii_case("https"),
                _ => {}
            }
        }
        hop
    };
    Some(elements.iter().map(hop).collect())
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`.
fn read(text: &str) -> Option<IpAddr> {
    let address = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0.parse().ok().map(IpAddr::V6),
        None => text.parse().ok().or_else(|| text.split_once(':')?.0.parse().ok().map(IpAddr::V4)),
    };
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, lines: &[(&'static str, &str)]) -> String {
        let trusted_proxies = ["10.0.0.0/8", "127.0.0.1/32"].map(|net| net.parse().unwrap()).to_vec();
        let server = Server { trusted_proxies, ..Server::default() };
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        match behind(Peer::Tcp(peer.parse().unwrap()), &headers, &server) {
            Peer::Proxied { client, is_https: true } => format!("https {client}"),
            Peer::Proxied { client, is_https: false } => client.to_string(),
            Peer::Tcp(address) | Peer::Tls(address) => format!("direct {}", address.ip()),
            Peer::Unix | Peer::Local | Peer::Untold { .. } => "local".to_owned(),
        }
    }

    #[test]
    fn where_the_proxy_says_nothing_the_client_has_no_say_either() {
        let server = Server { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], ..Server::default() };
        let peer = Peer::Untold { proxy: "10.0.0.1".parse().unwrap(), is_https: true };
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_FOR, "192.0.2.1".parse().unwrap());
        assert_eq!(behind(peer, &headers, &server), peer);
        assert_eq!(peer.address(), Some("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_to_the_first_stranger() {
        let (stranger, proxy) = ("192.0.2.9:1000", "10.0.0.1:1000");
        for (peer, lines, expected) in [
            (stranger, &[("x-forwarded-for", "127.0.0.1")][..], "direct 192.0.2.9"),
            (stranger, &[("forwarded", "for=127.0.0.1;proto=https")], "direct 192.0.2.9"),
            (proxy, &[], "10.0.0.1"),
            (proxy, &[("x-forwarded-for", "192.0.2.1")], "192.0.2.1"),
            (proxy, &[("x-forwarded-for", "1.1.1.1, 192.0.2.1, 10.0.0.7")], "192.0.2.1"),
            (proxy, &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "192.0.2.1")], "192.0.2.1"),
            (proxy, &[("x-forwarded-for", "192.0.2.1:4711"), ("x-forwarded-proto", "https")], "https 192.0.2.1"),
            (proxy, &[("x-forwarded-for", "[2001:db8::1]:80")], "2001:db8::1"),
            (proxy, &[("x-forwarded-for", "2001:db8::1")], "2001:db8::1"),
            (proxy, &[("x-forwarded-for", "::ffff:192.0.2.1")], "192.0.2.1"),
            // What cannot be read hides whatever stands before it.
            (proxy, &[("x-forwarded-for", "127.0.0.1, unknown")], "10.0.0.1"),
            (proxy, &[("x-forwarded-for", "192.0.2.1, , 10.0.0.7")], "10.0.0.7"),
            (proxy, &[("x-forwarded-for", "")], "10.0.0.1"),
            // The client is one of the trusted addresses itself.
            (proxy, &[("x-forwarded-for", "10.3.3.3, 10.0.0.7")], "10.3.3.3"),
            (
                proxy,
                &[("forwarded", "for=1.1.1.1, for=\"[2001:db8::1]:80\";proto=https;by=10.0.0.1")],
                "https 2001:db8::1",
            ),
            (proxy, &[("forwarded", "for=_hidden")], "10.0.0.1"),
            // One of two was made up by the client.
            (proxy, &[("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=127.0.0.1;proto=https")], "10.0.0.1"),
            (proxy, &[("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1;proto=https")], "https 192.0.2.1"),
            (proxy, &[("x-forwarded-for", "1.1.1.1, 192.0.2.1"), ("x-forwarded-proto", "https, http")], "192.0.2.1"),
        ] {
            assert_eq!(seen(peer, lines), expected, "{peer} {lines:?}");
        }
        let many = vec!["127.0.0.1"; 10_000].join(",");
        assert_eq!(seen(proxy, &[("x-forwarded-for", &many)]), "127.0.0.1");
    }
}
