//! Who asks: the token of a request, or nobody on loopback.

use std::sync::Arc;

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{HeaderMap, HeaderName};
use tokenrouter::error::{Kind, Problem};
use tokenrouter_shared::Lossy;
use tokenrouter_shared::token::TokenState;

use super::index::{TokenEntry, TokenIndex};
use super::key::{self, Digest, Key};
use super::proxy::is_proxy_header;
use super::rights::Wanted;
use super::site::FETCH_SITE;
use crate::server::connection::Peer;

static KEY_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
];

/// Whoever sent a request.
#[derive(Clone, Debug)]
pub enum Caller {
    /// The holder of a token.
    Token(Arc<TokenEntry>),
    /// A program on this machine, without a key.
    Loopback,
}

impl Caller {
    /// What the token says of requests that lose something on the way.
    pub fn lossy(&self) -> Option<Lossy> {
        match self {
            Self::Token(entry) => entry.lossy,
            Self::Loopback => None,
        }
    }

    /// The token, if there is one.
    pub const fn token(&self) -> Option<&Arc<TokenEntry>> {
        match self {
            Self::Token(entry) => Some(entry),
            Self::Loopback => None,
        }
    }

    /// Whether it may use `model` of `provider` by its own name.
    pub fn may_use(&self, provider: &str, model: &str) -> bool {
        let wanted = Wanted { alias: None, through: None, passed: &[], provider, model };
        let Self::Token(token) = self else { return true };
        token.chain().all(|token| token.meter.walls().iter().all(|walls| walls.rights.allow(&wanted)))
    }

    /// The token's row, 0 without one.
    pub fn token_id(&self) -> i64 {
        match self {
            Self::Token(entry) => entry.id,
            Self::Loopback => 0,
        }
    }

    /// The token's name for the log.
    pub fn name(&self) -> &str {
        match self {
            Self::Token(entry) => &entry.name,
            Self::Loopback => "loopback",
        }
    }
}

/// Identifies the caller of a request with `headers` from `peer`.
///
/// A key of another make counts as none: SDKs insist on sending one. A key of ours must be right, also on loopback.
pub fn identify(
    headers: &HeaderMap,
    peer: Peer,
    tokens: &TokenIndex,
    now_ms: i64,
    allow_loopback: bool,
) -> Result<Caller, Problem> {
    let presented = presented_key(headers)?;
    let is_ours = presented.is_some_and(|key| key.starts_with(key::PREFIX));
    if !is_ours && allow_loopback && is_local(headers, peer) {
        return Ok(Caller::Loopback);
    }
    let Some(presented) = presented else {
        return Err(refuse(
            "token_missing",
            "this request carries no token",
            "Send `Authorization: Bearer tr_…`; `torod token create` makes one.",
        ));
    };
    let (entry, _) = check(presented, tokens, now_ms)?;
    tokens.touch(&entry, peer.address(), now_ms);
    Ok(Caller::Token(entry))
}

/// The live token with this key, and the key's digest.
pub fn check(key: &str, tokens: &TokenIndex, now_ms: i64) -> Result<(Arc<TokenEntry>, Digest), Problem> {
    let digest = match Key::parse(key) {
        Ok(digest) => digest,
        Err(key::KeyError::Malformed) => {
            return Err(refuse("token_malformed", "this token is not complete", "Copy all of it; it starts with tr_."));
        }
        Err(key::KeyError::NotOurs) => {
            return Err(refuse(
                "token_unknown",
                "this is not a token of this gateway",
                "Use one that starts with tr_; `torod token create` makes one.",
            ));
        }
    };
    let Some(entry) = tokens.find_at(&digest, now_ms) else {
        return Err(refuse(
            "token_unknown",
            "this gateway does not know this token",
            "Check that it belongs to this gateway; `torod token list` shows what exists.",
        ));
    };
    ended(&entry, now_ms).map_or(Ok((entry, digest)), Err)
}

/// The digest of a key that could be one of ours.
pub fn digest(key: &str) -> Option<Digest> {
    Key::parse(key).ok()
}

/// What a token that opens nothing any more is refused with.
pub fn ended(token: &TokenEntry, now_ms: i64) -> Option<Problem> {
    if token.lease_ended || !token.revoked && token.is_unrenewed() {
        return Some(refuse(
            "lease_ended",
            "this token has ended, because nobody renewed its lease",
            "The run that it was made for is over, or lost touch with the gateway: start a new one.",
        ));
    }
    match token.state(now_ms) {
        TokenState::Live => None,
        TokenState::Revoked => Some(refuse("token_revoked", "this token was revoked", "Ask for a new one.")),
        TokenState::Expired => Some(refuse("token_expired", "this token has expired", "Ask for a new one.")),
    }
}

fn refuse(code: &'static str, message: &'static str, advice: &'static str) -> Problem {
    Problem::new(Kind::Unauthenticated, code, message, advice)
}

/// The key among the headers that clients put one in: the one of ours, else the first of any make.
///
/// # Errors
///
/// Two different ones of ours: whoever stands between may have added one, and it is not for us to say whose request it is.
pub fn presented_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let bearer = headers.get_all(AUTHORIZATION).iter().filter_map(|v| v.to_str().ok()).filter_map(|v| {
        let (scheme, key) = v.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    });
    let named =
        KEY_HEADERS.iter().flat_map(|name| headers.get_all(name)).filter_map(|v| v.to_str().ok()).map(str::trim);
    let (mut ours, mut other) = (None, None);
    for key in bearer.chain(named) {
        if !key.starts_with(key::PREFIX) {
            other = other.or(Some(key).filter(|k| !k.is_empty()));
        } else if *ours.get_or_insert(key) != key {
            let said = "this request carries two different tokens";
            return Err(refuse("token_ambiguous", said, "Send one: in `Authorization`, or in `x-api-key`."));
        }
    }
    Ok(ours.or(other))
}

/// Whether the request comes from a program on this machine itself, and not from a page in its browser (`Origin`).
fn is_local(headers: &HeaderMap, peer: Peer) -> bool {
    let from_a_page = headers.contains_key(ORIGIN)
        || headers.get_all(&FETCH_SITE).iter().any(|site| site != "none" && site != "same-origin");
    !from_a_page && is_here(headers, peer)
}

/// Whether the request comes from this machine: not through a proxy, and not by a name that somebody made resolve to
/// this machine (`Host`). A page of whatever site in this machine's browser may have sent it.
pub(super) fn is_here(headers: &HeaderMap, peer: Peer) -> bool {
    let from_loopback = match peer {
        Peer::Tcp(addr) | Peer::Tls(addr) => addr.ip().to_canonical().is_loopback(),
        // Also where the proxy is on this machine: whom it speaks for need not be. By a Unix socket proxies come, too.
        Peer::Proxied { .. } | Peer::Untold { .. } | Peer::Unix => false,
        Peer::Local => true,
    };
    let forwarded = headers.keys().any(|name| is_proxy_header(name.as_str()));
    let mut hosts = headers.get_all(HOST).iter();
    let named_local = hosts.next().and_then(|v| v.to_str().ok()).is_some_and(is_local_host) && hosts.next().is_none();
    from_loopback && !forwarded && named_local
}

/// Whether `host` is a name of this machine and nothing else: what does not parse is not.
pub fn is_local_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(v6) => match v6.split_once(']') {
            Some((ip, port)) if ip.parse::<std::net::Ipv6Addr>().is_ok() => (ip, port),
            _ => return false,
        },
        None => host.find(':').map_or((host, ""), |at| host.split_at(at)),
    };
    let port_is_fine = match port.strip_prefix(':') {
        None => port.is_empty(),
        Some(digits) => digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok(),
    };
    let is_loopback = name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    port_is_fine && (name.eq_ignore_ascii_case("localhost") || is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (HeaderName::from_static(n), v.parse().unwrap())).collect()
    }

    #[test]
    fn finds_our_key_in_any_of_the_usual_places() {
        for (pairs, expected) in [
            (&[("authorization", "Bearer tr_a")][..], Some("tr_a")),
            (&[("authorization", "bearer  tr_a ")], Some("tr_a")),
            (&[("authorization", "Bearer sk-x"), ("x-api-key", "tr_b")], Some("tr_b")),
            (&[("api-key", "tr_c")], Some("tr_c")),
            (&[("x-goog-api-key", "dummy")], Some("dummy")),
            (&[("authorization", "Basic dXNlcjpwYXNz")], None),
            (&[("x-api-key", "")], None),
        ] {
            assert_eq!(presented_key(&headers(pairs)).unwrap(), expected, "{pairs:?}");
        }
        // SDKs that are told a key in two ways send it twice; two of ours are two people's.
        let both = |other: &str| headers(&[("authorization", "Bearer tr_a"), ("x-api-key", other)]);
        assert_eq!(presented_key(&both("tr_a")).unwrap(), Some("tr_a"));
        assert_eq!(presented_key(&both("tr_b")).unwrap_err().code, "token_ambiguous");
        let mut twice = headers(&[("authorization", "Basic x")]);
        twice.append("authorization", "Bearer tr_a".parse().unwrap());
        assert_eq!(presented_key(&twice).unwrap(), Some("tr_a"));
        twice.append("authorization", "Bearer tr_b".parse().unwrap());
        assert!(presented_key(&twice).is_err());
    }

    #[test]
    fn local_means_socket_host_and_no_browser_or_proxy() {
        let here = Peer::Tcp("127.0.0.1:5000".parse().unwrap());
        for host in ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "127.9.9.9"] {
            assert!(is_local(&headers(&[("host", host)]), here), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "192.168.1.5:8080",
            "0.0.0.0",
            "[::1]evil.example",
            "[::1",
            "localhost:x",
            "localhost:",
            "localhost:80:80",
            "localhost:+80",
            "localhost:70000",
            "me@localhost",
            "me@localhost:80",
            "",
        ] {
            assert!(!is_local(&headers(&[("host", host)]), here), "{host}");
        }
        assert!(!is_local(&headers(&[("host", "localhost")]), Peer::Tcp("192.168.1.5:5000".parse().unwrap())));
        assert!(is_local(&headers(&[("host", "localhost")]), Peer::Tcp("[::ffff:127.0.0.1]:5000".parse().unwrap())));
        let mut twice = headers(&[("host", "localhost")]);
        twice.append("host", "evil.example".parse().unwrap());
        assert!(!is_local(&twice, here));
        for (site, local) in [("none", true), ("same-origin", true), ("same-site", false), ("cross-site", false)] {
            assert_eq!(is_local(&headers(&[("host", "localhost"), ("sec-fetch-site", site)]), here), local, "{site}");
        }
        for name in [
            "origin",
            "x-forwarded-for",
            "forwarded",
            "via",
            "x-real-ip",
            "x-client-ip",
            "true-client-ip",
            "cf-connecting-ip",
            "fly-client-ip",
            "fastly-client-ip",
            "x-cluster-client-ip",
            "x-original-forwarded-for",
            "tailscale-user-login",
            "x-envoy-external-address",
            "x-proxyuser-ip",
            "cdn-loop",
            "x-azure-clientip",
        ] {
            assert!(!is_local(&headers(&[("host", "localhost"), (name, "x")]), here), "{name}");
        }
    }
}
