//! What a curious `curl` sees: where things are, and how they are asked for.

use std::sync::OnceLock;

use bytes::Bytes;
use http::Response;

use super::listed;
use crate::gateway::entry;
use crate::gateway::reply::Reply;
use crate::gateway::request_id::RequestId;

/// `/`: where things are.
pub fn root(id: &RequestId) -> Response<Reply> {
    const TEXT: &str = concat!(
        r#"{"name":"tokenrouter","version":""#,
        env!("CARGO_PKG_VERSION"),
        r#"","api":"/v1","models":"/v1/models","health":"/health","status":"/v1/status","admin":"/admin"}"#
    );
    entry::json(Bytes::from_static(TEXT.as_bytes()), id)
}

/// `/openapi.json`
pub fn document(id: &RequestId) -> Response<Reply> {
    // Whoever has no token may ask for it too: it is written for the first who does.
    static WRITTEN: OnceLock<Bytes> = OnceLock::new();
    entry::json(WRITTEN.get_or_init(|| listed::document().to_string().into()).clone(), id)
}
