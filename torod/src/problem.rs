//! The only place where a problem becomes a response.

use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use tokenrouter::error::{Kind, Problem};
use tokenrouter::protocol::Protocol;

use crate::access::refusal::{QUOTA, RATE};
use crate::gateway::reply::Reply;
use crate::gateway::request_id::RequestId;

/// The type of every JSON body.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The code of the problem that a response tells of and the limit that stood in the way, for whoever counts them.
#[derive(Clone, Copy, Debug)]
pub struct Code(pub &'static str, pub Option<&'static str>);

/// `problem` as clients of `protocol` expect it.
pub fn respond(problem: &Problem, protocol: Protocol, id: &RequestId) -> Response<Reply> {
    let mut response = Response::new(Reply::from(problem.body(protocol, id.as_str())));
    *response.status_mut() =
        StatusCode::from_u16(problem.http_status(protocol)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.extensions_mut().insert(Code(problem.code, problem.limit));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    id.say(protocol, headers);
    if let Some(seconds) = problem.retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    // SDKs of OpenAI and Anthropic obey: nothing gets better within the minute that they would try for, or ever.
    let is_hopeless = match problem.code {
        QUOTA => problem.retry_after_s.is_none_or(|seconds| seconds > 60),
        RATE => problem.retry_after_s.is_none(),
        _ => false,
    };
    if is_hopeless {
        headers.insert(HeaderName::from_static("x-should-retry"), HeaderValue::from_static("false"));
    }
    if problem.kind == Kind::Unauthenticated {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// A path that exists, asked with another method.
pub fn wrong_method(allowed: &'static str, protocol: Protocol, id: &RequestId) -> Response<Reply> {
    let problem = Problem::new(
        Kind::MethodNotAllowed,
        "method_not_allowed",
        format!("this path answers to {allowed} only"),
        format!("Send a {allowed} request."),
    );
    let mut response = respond(&problem, protocol, id);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// What every request is told during a soft stop.
pub fn draining() -> Problem {
    Problem::new(
        Kind::Unavailable,
        "shutting_down",
        "this gateway is stopping and takes no new requests",
        "Try again in a moment.",
    )
    .retry_after(2)
    .with_status(503)
}

/// The answer to every request during a soft stop; the client should come back on another connection.
pub fn stopping(protocol: Protocol, id: &RequestId) -> Response<Reply> {
    let mut response = respond(&draining(), protocol, id);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
