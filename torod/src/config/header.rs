//! `headers` of a provider: static headers that are sent with every call.

use tokenrouter_shared::Secret;

use super::section::{Section, shorten};

/// Headers that belong to the connection or to torod itself.
const OWN: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that carry the key.
const CREDENTIAL: &[&str] = &["authorization", "api-key", "x-api-key", "x-goog-api-key"];

pub(super) fn read_all(section: &Section<'_>) -> Vec<(String, Secret)> {
    let mut headers: Vec<(String, Secret)> = Vec::new();
    for (name, field) in section.entries() {
        field.hide();
        let Some(value) = field.string() else { continue };
        let lower = name.to_ascii_lowercase();
        let shown = shorten(name);
        if http::HeaderName::from_bytes(lower.as_bytes()).is_err() {
            field.refuse(format!("`{shown}` is no header name"), "use letters, digits and `-`");
        } else if CREDENTIAL.contains(&lower.as_str()) {
            field.refuse(format!("header `{shown}` carries the key"), "use `api_key` instead");
        } else if OWN.contains(&lower.as_str()) {
            field.refuse(format!("header `{shown}` is set by torod"), "remove it");
        } else if headers.iter().any(|(other, _)| *other == lower) {
            field.refuse(format!("header `{shown}` is given twice"), "keep one");
        } else if http::HeaderValue::from_str(value).is_err() || !value.is_ascii() {
            field.refuse(format!("the value of header `{shown}` is not allowed"), "use printable ASCII characters");
        } else {
            headers.push((lower, Secret::from(value)));
        }
    }
    headers
}
