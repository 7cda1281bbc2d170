//! Which headers pass the gateway, each way.
//!
//! Upstream goes everything that may carry meaning for the provider (`anthropic-beta`, `x-stainless-*`, agents'
//! session headers), because providers keep adding such headers; never a credential of the client, a cookie,
//! anything about where the client sits, or what would choose another account.

use http::header::{
    ACCEPT_ENCODING, ALLOW, ALT_SVC, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, DATE, EXPECT,
    HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SERVER, SET_COOKIE, STRICT_TRANSPORT_SECURITY, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, VIA, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName};

/// Name parts that speak of a secret. The gateway cannot know every header in which somebody keeps one.
const SECRET_PARTS: [&str; 7] = ["auth", "cookie", "credential", "key", "password", "secret", "token"];
/// Names with such a part that are known to hold none.
const HARMLESS: [&str; 3] = ["idempotency-key", "x-idempotency-key", "anthropic-max-tokens"];
/// About the client's network, its browser, or another account with the provider.
const PRIVATE_STARTS: [&str; 10] = [
    "cf-",
    "forwarded",
    "fly-",
    "openai-organization",
    "openai-project",
    "sec-",
    "tailscale-",
    "x-forwarded",
    "x-tokenrouter-",
    "proxy-",
];
const PRIVATE_NAMES: [&str; 9] = [
    "origin",
    "referer",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "x-envoy-external-address",
    "x-original-url",
    "x-rewrite-url",
    "x-goog-user-project",
];

/// Whether a client's header goes to the provider.
pub fn goes_upstream(name: &HeaderName) -> bool {
    if is_hop_by_hop(name) || [HOST, CONTENT_LENGTH, ACCEPT_ENCODING, CONTENT_ENCODING, EXPECT, VIA].contains(name) {
        return false;
    }
    if *name == AUTHORIZATION || *name == COOKIE || *name == super::request_id::HEADER {
        return false;
    }
    let name = name.as_str();
    if PRIVATE_NAMES.contains(&name) || PRIVATE_STARTS.iter().any(|start| name.starts_with(start)) {
        return false;
    }
    HARMLESS.contains(&name) || !SECRET_PARTS.iter().any(|part| name.contains(part))
}

/// Whether a provider's header goes to the client.
pub fn goes_downstream(name: &HeaderName) -> bool {
    if is_hop_by_hop(name) || *name == super::request_id::HEADER {
        return false;
    }
    if [SET_COOKIE, SERVER, DATE, ALT_SVC, STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE, PROXY_AUTHENTICATE, ALLOW, VIA]
        .contains(name)
    {
        return false;
    }
    let name = name.as_str();
    !(name.starts_with("access-control-")
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
    let listed: Vec<&str> = from
        .get_all(CONNECTION)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .map(str::trim)
        .filter(|name| !name.eq_ignore_ascii_case("keep-alive") && !name.eq_ignore_ascii_case("close"))
        .collect();
    for (name, value) in from {
        if pass(name) && !listed.iter().any(|l| l.eq_ignore_ascii_case(name.as_str())) {
            into.append(name.clone(), value.clone());
        }
    }
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
            "openai-organization",
            "access-control-allow-origin",
            "transfer-encoding",
            "x-request-id",
        ] {
            assert!(!goes_downstream(&HeaderName::from_static(name)), "{name}");
        }
        for name in
            ["content-type", "retry-after", "openai-processing-ms", "x-ratelimit-remaining-requests", "x-should-retry"]
        {
            assert!(goes_downstream(&HeaderName::from_static(name)), "{name}");
        }
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
    }
}
