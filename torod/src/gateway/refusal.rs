//! What the client is told when nobody serves its request.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::response::Parts;
use http::{HeaderMap, Response};
use tokenrouter::error::{Kind, Problem};
use tokenrouter::pick::verdict::{Blame, Verdict};

use super::entry::{Call, with_headers};
use super::headers;
use super::reply::Reply;
use crate::problem;

/// What is left to tell the client if nobody serves it.
pub struct Refusal {
    /// What is wrong.
    pub problem: Problem,
    /// The provider's own words.
    pub verbatim: Option<(Parts, Bytes)>,
    /// What the client is told of who said it.
    pub said: HeaderMap,
    /// How much it tells: an answer more than a lost connection, and that more than a request that fits nowhere.
    pub weight: u8,
}

impl Refusal {
    /// The answer to `call`; `soonest` says in how many seconds somebody can be called again.
    pub(super) fn response(self, call: &Call, soonest: impl FnOnce() -> Option<u32>) -> Response<Reply> {
        let Self { mut problem, verbatim, mut said, .. } = self;
        let protocol = call.surface.protocol();
        if let Some((head, body)) = verbatim {
            headers::filter(&head.headers, &mut said, headers::goes_downstream);
            said.remove(CONTENT_LENGTH);
            call.request_id.say(protocol, &mut said);
            let mut response = Response::new(Reply::from(body));
            *response.status_mut() = head.status;
            *response.headers_mut() = said;
            return response;
        }
        if problem.retry_after_s.is_none() && problem.kind == Kind::Unavailable {
            problem.retry_after_s = soonest();
        }
        with_headers(problem::respond(&problem, protocol, &call.request_id), said)
    }
}

/// The request cannot be told there.
pub const UNFIT: u8 = 0;
/// There is no place for it there now.
pub const BUSY: u8 = 1;

/// How much a failure tells: what says when to come back more than a failure, that more than a lost connection, and a
/// key that is refused, about which clients can do nothing, least.
pub const fn weight(verdict: &Verdict) -> u8 {
    match verdict.blame {
        Blame::Request | Blame::Nobody => 9,
        Blame::Limit => 7,
        Blame::Endpoint => 6,
        Blame::Connection => 5,
        Blame::Exhausted => 4,
        Blame::Missing => 3,
        Blame::Credential | Blame::Forbidden => 2,
    }
}
