//! Which headers pass the gateway, each way.
//!
//! Upstream goes everything that may carry meaning for the provider (`anthropic-beta`, `x-stainless-*`, agents'
//! session headers), because providers keep adding such headers; never a credential of the client, a cookie,
//! anything about where the client sits, or what would choose another account.

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, ALT_SVC, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, DATE,
    EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SERVER, SET_COOKIE, STRICT_TRANSPORT_SECURITY, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, VIA, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokenrouter::Protocol;

use crate::access::key::{Key, PREFIX};
use crate::access::proxy::is_proxy_header;

/// Name parts that speak of a secret. The gateway cannot know every header in which somebody keeps one.
const SECRET_PARTS: [&str; 12] =
    ["auth", "cookie", "credential", "csrf", "jwt", "key", "passw", "pwd", "saml", "secret", "token", "xsrf"];
/// Name parts by which a proxy in front of the client or of us says who the client is.
const IDENTITY_PARTS: [&str; 9] =
    ["assertion", "client-ip", "clientip", "goog-iap", "oidc", "principal", "remote-user", "user-email", "user-login"];
/// Names with such a part that are known to hold none.
const HARMLESS: [&str; 3] = ["idempotency-key", "x-idempotency-key", "anthropic-max-tokens"];
/// What nearly every request has. Looked at first, because looking for the parts above in each name costs more than
/// everything else that is done to headers.
const USUAL: [&str; 6] = ["accept", "anthropic-beta", "anthropic-version", "content-type", "openai-beta", "user-agent"];
/// About the client's network, its browser, or another account with the provider.
const PRIVATE_STARTS: [&str; 6] =
    ["openai-organization", "openai-project", "proxy-", "sec-", "x-remote-", "x-tokenrouter-"];
const PRIVATE_NAMES: [&str; 9] =
    ["from", "origin", "referer", "remote-addr", "x-email", "x-goog-user-project", "x-session", "x-user", "x-username"];
/// What may be in a provider's answer that speaks to the browser about another site, or repeats a credential.
const NOT_FOR_CLIENTS: [&str; 15] = [
    "authorization",
    "clear-site-data",
    "content-security-policy",
    "content-security-policy-report-only",
    "link",
    "location",
    "nel",
    "public-key-pins",
    "public-key-pins-report-only",
    "refresh",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "set-cookie2",
    "x-frame-options",
];

/// In which a provider tells what is left of its limits.
const RATE_LIMITS: [&str; 4] = ["anthropic-ratelimit-", "ratelimit", "x-rate-limit-", "x-ratelimit-"];

/// Whether a client's header goes to the provider.
pub fn goes_upstream(name: &HeaderName) -> bool {
    if USUAL.contains(&name.as_str()) {
        return true;
    }
    if is_hop_by_hop(name) || [HOST, CONTENT_LENGTH, ACCEPT_ENCODING, CONTENT_ENCODING, EXPECT, VIA].contains(name) {
        return false;
    }
    if *name == AUTHORIZATION || *name == COOKIE || *name == super::request_id::HEADER {
        return false;
    }
    let name = name.as_str();
    if PRIVATE_NAMES.contains(&name)
        || PRIVATE_STARTS.iter().any(|start| name.starts_with(start))
        || IDENTITY_PARTS.iter().any(|part| name.contains(part))
        || is_proxy_header(name)
    {
        return false;
    }
    HARMLESS.contains(&name) || !SECRET_PARTS.iter().any(|part| name.contains(part))
}

/// Whether a client's header goes to a provider of another protocol: nothing that only its own would understand.
pub fn goes_to_another_protocol(name: &HeaderName) -> bool {
    let text = name.as_str();
    let belongs_elsewhere =
        ["anthropic-", "openai-", "x-goog-", "x-stainless-", "x-app"].iter().any(|start| text.starts_with(start));
    goes_upstream(name) && !belongs_elsewhere && *name != ACCEPT
}

/// Says what every client of `protocol` says.
pub fn introduce(protocol: Protocol, to: &mut HeaderMap) {
    to.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    if protocol == Protocol::Anthropic {
        to.insert(HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));
    }
}

/// Whether a provider's header goes to the client.
pub fn goes_downstream(name: &HeaderName) -> bool {
    // The length is set by what is really sent: an upstream's own may contradict its framing.
    if is_hop_by_hop(name) || *name == super::request_id::HEADER || *name == CONTENT_LENGTH {
        return false;
    }
    if [SET_COOKIE, SERVER, DATE, ALT_SVC, STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE, PROXY_AUTHENTICATE, ALLOW, VIA]
        .contains(name)
    {
        return false;
    }
    let name = name.as_str();
    !(NOT_FOR_CLIENTS.contains(&name)
        // The limits of the gateway's key, which many share, are no client's: it is told its own.
        || RATE_LIMITS.iter().any(|start| name.starts_with(start))
        || name.ends_with("api-key")
        || name.starts_with("access-control-")
        || name.starts_with("cf-")
        || name.starts_with("x-tokenrouter-")
        || name == "openai-organization"
        || name == "openai-project"
        || name == "anthropic-organization-id")
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    [CONNECTION, TRANSFER_ENCODING, TE, TRAILER, UPGRADE, PROXY_AUTHORIZATION, PROXY_AUTHENTICATE].contains(name)
        || name == "keep-alive"
        || name == "proxy-connection"
}

/// The headers of `from` that `pass`, less those that its `connection` header names.
pub fn filter(from: &HeaderMap, into: &mut HeaderMap, pass: impl Fn(&HeaderName) -> bool) {
    let listed: Vec<&str> = listed(from).collect();
    for (name, value) in from {
        if pass(name) && !holds_key(value.as_bytes()) && !is_listed(name, &listed) {
            into.append(name.clone(), value.clone());
        }
    }
}

/// The same of an answer that is needed for nothing else: its texts are handed on, and not shared.
pub fn hand_on(from: HeaderMap, into: &mut HeaderMap, pass: impl Fn(&HeaderName) -> bool) {
    let listed: Vec<String> = listed(&from).map(str::to_owned).collect();
    let mut passing = None;
    for (name, value) in from {
        // Only the first of several values of one name comes with it.
        if let Some(name) = name {
            passing = (pass(&name) && !is_listed(&name, &listed)).then_some(name);
        }
        if let Some(name) = passing.as_ref().filter(|_| !holds_key(value.as_bytes())) {
            into.append(name.clone(), value);
        }
    }
}

/// What a `connection` header names besides the connection itself.
fn listed(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).map(str::trim);
    names.filter(|name| !name.eq_ignore_ascii_case("keep-alive") && !name.eq_ignore_ascii_case("close"))
}

fn is_listed<S: AsRef<str>>(name: &HeaderName, listed: &[S]) -> bool {
    listed.iter().any(|listed| listed.as_ref().eq_ignore_ascii_case(name.as_str()))
}

/// Whether one of our keys stands in `value`, wherever a client put it.
fn holds_key(value: &[u8]) -> bool {
    let is_key = |text: &[u8]| {
        let length = text.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        text.get(..length)
            .and_then(|text| std::str::from_utf8(text).ok())
            .is_some_and(|text| Key::parse(&format!("{PREFIX}{text}")).is_ok())
    };
    // The shortest way to say no: hardly any value has the prefix.
    value.contains(&b'_')
        && value
            .windows(PREFIX.len())
            .enumerate()
            .filter(|(_, window)| *window == PREFIX.as_bytes())
            .any(|(at, _)| is_key(value.get(at + PREFIX.len()..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meaning_passes_and_secrets_stay() {
        for name in [
            "content-type",
            "accept",
            "user-agent",
            "anthropic-version",
            "anthropic-beta",
            "openai-beta",
            "x-stainless-lang",
            "session-id",
            "x-session-id",
            "x-session-affinity",
            "x-client-request-id",
            "x-claude-code-session-id",
            "idempotency-key",
            "traceparent",
        ] {
            assert!(goes_upstream(&HeaderName::from_static(name)), "{name}");
        }
        for name in [
            "authorization",
            "x-api-key",
            "api-key",
            "x-goog-api-key",
            "cookie",
            "x-auth-request-user",
            "cf-access-client-secret",
            "cf-access-jwt-assertion",
            "x-amzn-oidc-data",
            "x-amzn-oidc-identity",
            "x-ms-client-principal-name",
            "x-goog-iap-jwt-assertion",
            "remote-user",
            "x-remote-user",
            "x-user-email",
            "x-csrf",
            "x-passwd",
            "x-original-url",
            "x-session",
            "true-client-ip",
            "fastly-client-ip",
            "x-my-token",
            "openai-organization",
            "x-forwarded-for",
            "forwarded",
            "origin",
            "connection",
            "host",
            "content-length",
            "proxy-authorization",
            "x-request-id",
            "x-tokenrouter-route",
            "sec-fetch-mode",
        ] {
            assert!(!goes_upstream(&HeaderName::from_static(name)), "{name}");
        }
        for name in [
            "set-cookie",
            "server",
            "content-length",
            "content-security-policy",
            "clear-site-data",
            "location",
            "refresh",
            "authorization",
            "x-api-key",
            "openai-organization",
            "access-control-allow-origin",
            "transfer-encoding",
            "x-request-id",
            "x-ratelimit-remaining-requests",
            "anthropic-ratelimit-tokens-reset",
            "ratelimit",
            "ratelimit-policy",
        ] {
            assert!(!goes_downstream(&HeaderName::from_static(name)), "{name}");
        }
        for name in ["content-type", "retry-after", "openai-processing-ms", "x-should-retry"] {
            assert!(goes_downstream(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn our_own_key_goes_nowhere_whatever_carries_it() {
        let mut bytes = |buffer: &mut [u8]| buffer.fill(7);
        let key = Key::generate(&mut bytes);
        let mut from = HeaderMap::new();
        from.insert("user-agent", format!("agent/1 (key={})", key.reveal()).parse().unwrap());
        from.insert("x-note", "tr_ack of tr_something".parse().unwrap());
        let mut into = HeaderMap::new();
        filter(&from, &mut into, goes_upstream);
        assert_eq!(into.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-note"]);
    }

    #[test]
    fn what_connection_names_is_hop_by_hop() {
        let mut from = HeaderMap::new();
        from.insert("connection", "close, X-Hop".parse().unwrap());
        from.insert("x-hop", "1".parse().unwrap());
        from.insert("x-end", "2".parse().unwrap());
        let mut into = HeaderMap::new();
        filter(&from, &mut into, goes_upstream);
        assert_eq!(into.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-end"]);
        into.clear();
        from.append("x-end", "3".parse().unwrap());
        hand_on(from, &mut into, goes_upstream);
        assert_eq!(into.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-end"]);
        assert_eq!(into.get_all("x-end").iter().collect::<Vec<_>>(), ["2", "3"]);
    }
}
