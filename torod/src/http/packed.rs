//! Answers of the API on their way out: large ones are packed for who can unpack them, and what a client has already is
//! not sent again.
//!
//! By gzip, which every browser takes and which is in the binary anyway; an encoder for brotli would add more to it than all the
//! pages. Only what was asked for by GET: answers that show a key once are none.

use std::io::Write as _;

use axum::body::{Body, to_bytes};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body::Body as _;
use sha2::{Digest as _, Sha256};

use super::encoding::takes;
use super::site::names;

/// Answers below this many bytes go out as they are.
const SMALL: u64 = 1 << 10;
/// Those above too: nothing of ours is as large, and packing must not take long.
const LARGE: u64 = 32 << 20;
/// What takes longer than a moment is packed where nothing else waits.
const QUICK: usize = 32 << 10;

/// What a request says of the answer that it takes.
pub(super) struct Takes {
    is_get: bool,
    packed: bool,
    known: Vec<HeaderValue>,
}

impl Takes {
    pub(super) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let known = headers.get_all(IF_NONE_MATCH).iter().cloned().collect();
        Self { is_get: *method == Method::GET, packed: takes(headers, "gzip"), known }
    }

    /// `response` as the client takes it.
    pub(super) async fn give(self, response: Response) -> Response {
        let is_text = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(|kind| {
            kind.starts_with("application/json")
                || (kind.starts_with("text/") && !kind.starts_with("text/event-stream"))
        });
        // A stream has no size that is known beforehand.
        let size = response.body().size_hint().exact().filter(|size| (SMALL..=LARGE).contains(size));
        let is_plain = !response.headers().contains_key(CONTENT_ENCODING);
        if !(self.is_get && response.status() == StatusCode::OK && is_text && is_plain && size.is_some()) {
            return response;
        }
        let (mut head, body) = response.into_parts();
        let Ok(text) = to_bytes(body, usize::MAX).await else {
            // Nobody else reads it: a body that is there as a whole does not fail.
            return Response::from_parts(head, Body::empty());
        };
        head.headers.append(VARY, HeaderValue::from_static("accept-encoding"));
        // A version is told for changes; the content alone says whether an answer is known.
        let (wants_tag, plain) = (!head.headers.contains_key(ETAG), text.clone());
        let work = move || self.done(&plain, wants_tag);
        let Done { tag, is_known, packed } = match text.len() {
            ..=QUICK => work(),
            _ => tokio::task::spawn_blocking(work).await.unwrap_or_default(),
        };
        if let Some(tag) = tag {
            head.headers.insert(ETAG, tag);
        }
        if is_known {
            head.status = StatusCode::NOT_MODIFIED;
            head.headers.remove(CONTENT_TYPE);
            head.headers.remove(CONTENT_LENGTH);
            return Response::from_parts(head, Body::empty());
        }
        let Some(packed) = packed else { return Response::from_parts(head, text.into()) };
        head.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        head.headers.remove(CONTENT_LENGTH);
        // Packed it is another sequence of bytes: the same version, said weakly.
        let weak = head.headers.get(ETAG).and_then(|tag| tag.to_str().ok()).filter(|tag| !tag.starts_with("W/"));
        if let Some(weak) = weak.and_then(|tag| HeaderValue::try_from(format!("W/{tag}")).ok()) {
            head.headers.insert(ETAG, weak);
        }
        Response::from_parts(head, packed.into())
    }

    /// What is to be known of an answer before it goes out.
    fn done(&self, text: &[u8], wants_tag: bool) -> Done {
        let tag = wants_tag.then(|| tag(text)).flatten();
        let names_it =
            |tag: &HeaderValue| self.known.iter().any(|known| tag.to_str().is_ok_and(|tag| names(known, tag)));
        let is_known = tag.as_ref().is_some_and(names_it);
        let packed = (self.packed && !is_known).then(|| pack(text)).flatten();
        Done { tag, is_known, packed }
    }
}

/// What tells an answer from others, whether the client has it, and the answer packed.
#[derive(Default)]
struct Done {
    tag: Option<HeaderValue>,
    is_known: bool,
    packed: Option<Bytes>,
}

/// What tells an answer from all others.
fn tag(text: &[u8]) -> Option<HeaderValue> {
    let digest = Sha256::digest(text);
    let first: [u8; 8] = digest.first_chunk().copied()?;
    HeaderValue::try_from(format!("W/\"{:016x}\"", u64::from_be_bytes(first))).ok()
}

/// `text` packed; none where that is no gain.
fn pack(text: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::new(4));
    encoder.write_all(text).ok()?;
    let packed = encoder.finish().ok()?;
    (packed.len() < text.len()).then(|| packed.into())
}
