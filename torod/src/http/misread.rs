//! What is told to whoever sends no HTTP/1.1: hyper cannot read it, so no route has seen it.

use axum::response::IntoResponse as _;
use futures_util::FutureExt as _;
use http::{HeaderMap, Response};
use http_body_util::BodyExt as _;
use tokenrouter::error::{Kind, Problem};
use tokenrouter::protocol::Protocol;
use tokenrouter::surface::Surface;

use super::admin::secure;
use super::routes::Routes;
use crate::admin::answer::Failure;
use crate::gateway::reply::Reply;
use crate::gateway::request_id;
use crate::problem;

/// How a client's greeting in TLS begins: a handshake of some version 3.
const TLS: &[u8] = &[0x16, 3];

impl Routes {
    /// The answer to a request that begins with `beginning`, which hyper refuses with `status`.
    pub(super) fn told_misread(&self, status: u16, beginning: &[u8]) -> Response<Reply> {
        let id = self.id(&HeaderMap::new());
        let problem = misread(status, beginning);
        self.count(problem::Code(problem.code, problem.limit));
        if self.app.logs_requests() {
            tracing::info!(
                target: "request",
                id = id.as_str(),
                status,
                outcome = problem.code,
                "refused: {}", problem.message
            );
        }
        let path = path(beginning).unwrap_or_default();
        if !(path == "/admin/api" || path.starts_with("/admin/api/")) {
            let protocol = Surface::at(path).map_or(Protocol::OpenAi, |(surface, _)| surface.protocol());
            return problem::respond(&problem, protocol, &id);
        }
        let (mut head, body) = Failure::from(problem).into_response().into_parts();
        let body = body.collect().now_or_never().and_then(Result::ok).map(http_body_util::Collected::to_bytes);
        secure(&mut head.headers, true);
        head.headers.insert(request_id::HEADER, id.header().clone());
        Response::from_parts(head, Reply::from(body.unwrap_or_default()))
    }
}

/// The path that is asked for, as far as it is there.
fn path(beginning: &[u8]) -> Option<&str> {
    let line = beginning.split(|byte| matches!(byte, b'\r' | b'\n')).find(|line| !line.is_empty())?;
    let target = std::str::from_utf8(line.split(|byte| *byte == b' ').nth(1)?).ok()?;
    let target = target.split(['?', '#']).next().unwrap_or_default();
    // With the host in front, as proxies are asked.
    match target.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)),
        None => Some(target),
    }
}

fn misread(status: u16, beginning: &[u8]) -> Problem {
    let (code, said, advice) = match status {
        431 => (
            "headers_too_large",
            "the request's head is larger than 128 KiB, or has more than 100 headers",
            "Send fewer or shorter headers, and parameters in the body.",
        ),
        414 => ("url_too_long", "the URL is longer than 64 KiB", "Send parameters in the body."),
        _ if beginning.starts_with(TLS) => {
            ("tls_on_plain_port", "this port speaks plain HTTP, and not TLS", "Use a URL that begins with http://.")
        }
        _ => (
            "malformed_request",
            "the request is no valid HTTP/1.1: its first line, one of its headers or the length of its body cannot be read",
            "Send a line such as `POST /v1/chat/completions HTTP/1.1`, a header a line, and one Content-Length.",
        ),
    };
    Problem::new(Kind::BadRequest, code, said, advice).with_status(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_read_as_far_as_it_is_there() {
        for (beginning, expected) in [
            ("POST /v1/messages HTTP/1.1\r\n", Some("/v1/messages")),
            ("\r\nPOST /v1/messages?beta=true HTTP/1.1\r\n", Some("/v1/messages")),
            ("POST http://somewhere/v1/messages HTTP/1.1\r\n", Some("/v1/messages")),
            ("POST http://somewhere HTTP/1.1\r\n", None),
            ("POST /v1/mess", Some("/v1/mess")),
            ("\u{16}\u{3}\u{1}", None),
            ("", None),
        ] {
            assert_eq!(path(beginning.as_bytes()), expected, "{beginning:?}");
        }
    }
}
