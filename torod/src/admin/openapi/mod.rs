//! `GET /admin/api/openapi.json`: the admin API as an `OpenAPI` 3.1 document.

#[cfg(feature = "openapi")]
mod document;

use std::io::Read as _;
use std::sync::OnceLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use bytes::Bytes;

#[cfg(feature = "openapi")]
pub use document::document;

/// `web/openapi.json`, packed by brotli.
const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.br"));
/// It never changes, and whoever has no token may ask for it too: it is unpacked for the first who does.
static DOCUMENT: OnceLock<Bytes> = OnceLock::new();

/// Answers with it.
pub async fn handler() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.get_or_init(unpacked).clone())
}

fn unpacked() -> Bytes {
    let mut document = Vec::new();
    // What cannot be: it was packed when this was compiled, and tests read it.
    if brotli_decompressor::Decompressor::new(PACKED, 4096).read_to_end(&mut document).is_err() {
        document = b"{}".to_vec();
    }
    document.into()
}
