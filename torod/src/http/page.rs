//! The pages of the daemon: what a browser or a curious `curl` sees.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response};

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

/// `/admin`: the embedded page.
pub fn admin(id: &RequestId) -> Response<Reply> {
    let mut response = entry::json(Bytes::from_static(include_bytes!("../../../web/index.html")), id);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'sha256-Q8rVgVUTf+T6zz2CQwy3mpPUmpeD91Vd6JAwho07djE='; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    );
    response
}
