//! `GET /admin/api/openapi.json`: the admin API as an `OpenAPI` 3.1 document.

#[cfg(feature = "openapi")]
mod document;

use std::io::Read as _;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::answer::Failure;

#[cfg(feature = "openapi")]
pub use document::document;

/// `web/openapi.json`, packed by brotli.
const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.br"));

/// Answers with it.
pub async fn handler() -> Response {
    let mut document = Vec::new();
    match brotli_decompressor::Decompressor::new(PACKED, 4096).read_to_end(&mut document) {
        Ok(_) => ([(CONTENT_TYPE, "application/json")], document).into_response(),
        Err(e) => {
            let said = format!("The document cannot be unpacked: {e}.");
            Failure::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal_error",
                said,
                "This torod is broken: install it anew.",
            )
            .into_response()
        }
    }
}
