//! The pages of the daemon: what a browser or a curious `curl` sees.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};

use super::admin::secure;
use super::listed;
use crate::access::setup::Door;
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
    entry::json(listed::document().to_string().into(), id)
}

/// `/admin`: the page for people, as far as it can be without a script. What it shows hangs on how the first token can
/// be made: by whoever came here, with the code, or not any more.
pub fn admin(door: Door, id: &RequestId) -> Response<Reply> {
    const PAGE: &str = include_str!("../../../web/index.html");
    let state = match door {
        Door::Open => "open",
        Door::Code => "code",
        Door::Closed => "closed",
    };
    file(PAGE.replace("{{state}}", state).into(), "text/html; charset=utf-8", true, id)
}

/// `/admin/app.js`
pub fn script(id: &RequestId) -> Response<Reply> {
    let text = Bytes::from_static(include_bytes!("../../../web/app.js"));
    file(text, "text/javascript; charset=utf-8", false, id)
}

/// `/admin/app.css`
pub fn style(id: &RequestId) -> Response<Reply> {
    let text = Bytes::from_static(include_bytes!("../../../web/app.css"));
    file(text, "text/css; charset=utf-8", false, id)
}

fn file(text: Bytes, kind: &'static str, is_private: bool, id: &RequestId) -> Response<Reply> {
    let mut response = entry::json(text, id);
    secure(response.headers_mut(), is_private);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
