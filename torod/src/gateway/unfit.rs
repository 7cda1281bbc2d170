//! Answers of providers that must not reach the client as they are.

use http::header::CONTENT_ENCODING;
use http::{HeaderValue, StatusCode};
use tokenrouter::convert::provider_error;
use tokenrouter::error::{Kind, Problem};
use tokenrouter::protocol::Protocol;

use crate::upstreams::provider::Provider;

/// What is wrong with an answer by its head: it is about our own credential, or not of the protocol.
pub fn unfit(
    head: &http::response::Parts,
    content_type: &[u8],
    provider: &Provider,
    protocol: Protocol,
) -> Option<Problem> {
    let (status, name) = (head.status, &provider.name);
    let encodings = head.headers.get_all(CONTENT_ENCODING).iter().map(HeaderValue::as_bytes);
    if let Some(encoding) = encodings.into_iter().find(|e| !e.is_empty() && !e.eq_ignore_ascii_case(b"identity")) {
        let encoding = String::from_utf8_lossy(encoding);
        return Some(Problem::new(
            Kind::UpstreamFailed,
            "upstream_encoding",
            format!("the provider \"{name}\" compressed its answer ({encoding}) although it was asked not to"),
            "Its usage could not be read, nor its stream passed on event by event; switch compression off there.",
        ));
    }
    if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
        return Some(refused_key(provider, status.as_u16()));
    }
    if status.as_u16() >= 600 {
        return Some(Problem::new(
            Kind::UpstreamFailed,
            "upstream_failed",
            format!("the provider \"{name}\" answered with status {}, which HTTP does not have", status.as_u16()),
            "Try again; if it stays, check the provider's URL.",
        ));
    }
    if status.is_redirection() || status.is_informational() {
        return Some(Problem::new(
            Kind::UpstreamFailed,
            "upstream_redirect",
            format!("the provider \"{name}\" answered with a redirect (status {})", status.as_u16()),
            "Check its URL in torod.toml; redirects are not followed, because they would carry the key elsewhere.",
        ));
    }
    if status.is_success() && content_type.starts_with(b"text/html") {
        return Some(Problem::new(
            Kind::UpstreamFailed,
            "upstream_nonsense",
            format!("the provider \"{name}\" answered with a web page"),
            "Check its URL in torod.toml; a portal or a proxy may stand in between.",
        ));
    }
    let is_ours = content_type.starts_with(b"application/json") || content_type.starts_with(b"text/event-stream");
    if !status.is_success() && !is_ours {
        // A proxy's page says nothing; its status does.
        let told = provider_error(protocol, status.as_u16(), b"");
        return Some(Problem {
            message: format!("the provider \"{name}\" answered with status {} and no explanation", status.as_u16())
                .into(),
            advice: "Try again; if it stays, check the provider's URL and state.".into(),
            ..told.with_status(status.as_u16())
        });
    }
    None
}

/// The provider refuses a key of ours. Its own sentence may quote it.
pub fn refused_key(provider: &Provider, status: u16) -> Problem {
    let kind = if status == 403 { Kind::Forbidden } else { Kind::Unauthenticated };
    let name = &provider.name;
    Problem::new(
        kind,
        "upstream_refused_credential",
        format!("the provider \"{name}\" refuses the key that this gateway has for it (status {status})"),
        "Your own token is fine; check the provider's `api_key` in torod.toml.",
    )
}
