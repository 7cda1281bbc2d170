//! The pages at `/admin`: the web admin as it was built, or a plain page where it was not.
//!
//! A path without the end of a file is a place inside the pages, which all begin with the same document. Everything
//! else is a part of it: those in `assets` have a digest of what they hold in their names and never change.

use std::borrow::Cow;
use std::io::Read as _;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use tokenrouter::protocol::Protocol;
use tokenrouter_shared::hex;

use super::admin::secure;
use super::encoding::takes;
use crate::access::setup::Door;
use crate::gateway::reply::Reply;
use crate::gateway::request_id::RequestId;
use crate::gateway::{entry, reject};
use crate::problem;

include!(concat!(env!("OUT_DIR"), "/site.rs"));

/// The document that every page begins with.
const INDEX: &str = "index.html";
/// In the document, this stands for how the first token can be made.
const STATE: &str = "{{state}}";
/// The most bytes of a part, unpacked.
const LARGEST: u64 = 8 << 20;
/// The longest name of a part.
const LONGEST: usize = 200;
/// What shows setup, login and a first look where the web admin was not built.
const PLAIN: [(&str, &[u8]); 3] = [
    (INDEX, include_bytes!("plain/index.html")),
    ("plain.js", include_bytes!("plain/plain.js")),
    ("plain.css", include_bytes!("plain/plain.css")),
];
/// Ends of names, and what such a file is.
const KINDS: [(&str, &str); 17] = [
    ("avif", "image/avif"),
    ("css", "text/css; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("map", "application/json"),
    ("md", "text/markdown; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff2", "font/woff2"),
];

/// A file of the site.
struct Part {
    data: Cow<'static, [u8]>,
    /// Tells what it holds from all that it ever held.
    digest: [u8; 32],
    /// Whether it is packed by brotli.
    is_packed: bool,
}

impl Part {
    fn new(file: rust_embed::EmbeddedFile, is_packed: bool) -> Self {
        Self { digest: file.metadata.sha256_hash(), data: file.data, is_packed }
    }

    /// The one of this name.
    fn find(name: &str) -> Option<Self> {
        if let Some(plain) = Site::get(name) {
            return Some(Self::new(plain, false));
        }
        if let Some(packed) = Site::get(&format!("{name}.br")) {
            return Some(Self::new(packed, true));
        }
        if Site::get(INDEX).is_some() {
            return None;
        }
        let (_, data) = PLAIN.iter().find(|(known, _)| *known == name)?;
        Some(Self { data: Cow::Borrowed(*data), digest: digest(data), is_packed: false })
    }

    fn bytes(self) -> Bytes {
        match self.data {
            Cow::Borrowed(data) => Bytes::from_static(data),
            Cow::Owned(data) => data.into(),
        }
    }

    /// It unpacked, for clients that cannot do so themselves.
    fn unpacked(self) -> Option<Bytes> {
        if !self.is_packed {
            return Some(self.bytes());
        }
        let mut plain = Vec::new();
        let unpacking = brotli_decompressor::Decompressor::new(&*self.data, 4096);
        unpacking.take(LARGEST).read_to_end(&mut plain).ok()?;
        Some(plain.into())
    }
}

fn digest(data: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(data).into()
}

/// What a file of this name is; none where the name does not end like a file's.
fn kind(name: &str) -> Option<&'static str> {
    let (_, end) = name.rsplit_once('/').map_or(name, |(_, last)| last).rsplit_once('.')?;
    KINDS.iter().find(|(known, _)| *known == end).map(|(_, kind)| *kind)
}

/// Whether `name` can be that of a part: nothing else is even looked for.
fn is_name(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
    name.len() <= LONGEST
        && name.bytes().all(is_plain)
        && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
}

/// `/admin` and all below it but the API. `place` is what stands behind `/admin/`.
pub(super) fn answer(place: &str, door: Door, headers: &HeaderMap, id: &RequestId) -> Response<Reply> {
    let Some(kind) = kind(place) else { return document(door, id) };
    let is_part = is_name(place) && place != INDEX;
    match is_part.then(|| Part::find(place)).flatten() {
        Some(part) => file(part, place, kind, headers, id),
        None => nothing(place, id),
    }
}

/// The document. Nobody keeps it: what it says of the first token may be over, and after an update it names other files.
fn document(door: Door, id: &RequestId) -> Response<Reply> {
    let page = Part::find(INDEX).and_then(Part::unpacked).unwrap_or_default();
    let mut response = entry::json(String::from_utf8_lossy(&page).replace(STATE, door.as_str()).into(), id);
    secure(response.headers_mut(), true);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

fn file(part: Part, name: &str, kind: &'static str, headers: &HeaderMap, id: &RequestId) -> Response<Reply> {
    let is_packed = part.is_packed && takes(headers, "br");
    let tag = tag(&part.digest, is_packed);
    let is_known = headers.get_all(IF_NONE_MATCH).iter().any(|known| names(known, &tag));
    let body = match () {
        () if is_known => Bytes::new(),
        () if is_packed => part.bytes(),
        () => match part.unpacked() {
            Some(body) => body,
            None => return nothing(name, id),
        },
    };
    let mut response = entry::json(body, id);
    let head = response.headers_mut();
    secure(head, false);
    if name.starts_with("assets/") {
        head.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    }
    head.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        head.insert(ETAG, tag);
    }
    if is_known {
        head.remove(CONTENT_TYPE);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    head.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if is_packed {
        head.insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    response
}

/// What it holds and how it is packed, in a word.
fn tag(digest: &[u8; 32], is_packed: bool) -> String {
    ["\"", &hex::of(digest.iter().take(12)), if is_packed { "-br\"" } else { "\"" }].concat()
}

/// Whether `known` is the version `tag`, or one of several of which one is.
pub(super) fn names(known: &HeaderValue, tag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let Ok(known) = known.to_str() else { return false };
    known.trim() == "*" || known.split(',').any(|one| bare(one) == bare(tag))
}

fn nothing(place: &str, id: &RequestId) -> Response<Reply> {
    let mut response = problem::respond(&reject::unknown_path(&format!("/admin/{place}")), Protocol::OpenAi, id);
    secure(response.headers_mut(), true);
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    const PACKED: &[u8] = include_bytes!("../../tests/gateway/hi.json.br");

    fn id() -> RequestId {
        RequestId::of(&HeaderMap::new(), 1)
    }

    fn headers(pairs: &[(http::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    fn packed() -> Part {
        Part { data: Cow::Borrowed(PACKED), digest: [7; 32], is_packed: true }
    }

    async fn body(response: Response<Reply>) -> Bytes {
        response.into_body().collect().await.map_err(|e| e.to_string()).unwrap().to_bytes()
    }

    #[tokio::test]
    async fn a_packed_part_goes_out_packed_to_who_can_unpack_it() {
        use http::header::ACCEPT_ENCODING;
        let name = "assets/index-C0ffee.js";
        let ask =
            |pairs: &[(http::HeaderName, &str)]| file(packed(), name, kind(name).unwrap(), &headers(pairs), &id());
        let browser = ask(&[(ACCEPT_ENCODING, "gzip, br")]);
        let told =
            |response: &Response<Reply>, name| response.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
        assert_eq!(told(&browser, "content-encoding").as_deref(), Some("br"));
        assert_eq!(told(&browser, "content-type").as_deref(), Some("text/javascript; charset=utf-8"));
        assert_eq!(told(&browser, "cache-control").as_deref(), Some("public, max-age=31536000, immutable"));
        assert_eq!(told(&browser, "vary").as_deref(), Some("accept-encoding"));
        assert_eq!(told(&browser, "x-content-type-options").as_deref(), Some("nosniff"));
        let tag = told(&browser, "etag").unwrap();
        assert_eq!(tag, format!("\"{}-br\"", "07".repeat(12)));
        assert_eq!(body(browser).await, PACKED);
        let plain = ask(&[]);
        assert_eq!(told(&plain, "content-encoding"), None);
        let other = told(&plain, "etag").unwrap();
        assert_ne!(other, tag, "another coding is another answer");
        let text = body(plain).await;
        assert!(serde_json::from_slice::<serde_json::Value>(&text).is_ok(), "{text:?}");
        for (known, status) in [(tag.clone(), 304), (format!("\"x\", W/{tag}"), 304), ("*".into(), 304), (other, 200)] {
            let again = ask(&[(ACCEPT_ENCODING, "br"), (IF_NONE_MATCH, &known)]);
            assert_eq!(again.status(), status, "{known}");
            assert_eq!(
                (told(&again, "etag"), told(&again, "content-type").is_none()),
                (Some(tag.clone()), status == 304)
            );
            assert_eq!(body(again).await.is_empty(), status == 304);
        }
    }

    #[test]
    fn places_and_files_are_told_apart_and_names_lead_nowhere_else() {
        for place in ["", "usage", "tokens/tok_1", "models/gpt-4.1", "models/a.b/c", "x."] {
            assert_eq!(kind(place), None, "{place}");
        }
        for name in ["assets/a-1.js", "favicon.svg", "assets/b.woff2", "x/y.png"] {
            assert!(kind(name).is_some() && is_name(name), "{name}");
        }
        let long = format!("{}.js", "x".repeat(300));
        for name in ["../x.js", "a/../b.js", "/etc/x.js", "a//b.js", "%2e%2e/x.js", "a\\b.js", ".env.js", "ä.js", &long]
        {
            assert!(!is_name(name), "{name}");
            let answer = answer(name, Door::Closed, &HeaderMap::new(), &id());
            assert_eq!(answer.status(), 404, "{name}");
        }
    }

    #[test]
    fn what_breaks_off_is_not_sent_as_if_it_were_whole() {
        let broken = Part { data: Cow::Borrowed(&PACKED[..PACKED.len() / 2]), digest: [1; 32], is_packed: true };
        assert!(broken.unpacked().is_none());
    }
}
