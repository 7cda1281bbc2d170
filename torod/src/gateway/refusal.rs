//! What the client is told when nobody serves its request.

use bytes::Bytes;
use http::HeaderMap;
use http::response::Parts;
use tokenrouter::error::Problem;
use tokenrouter::pick::verdict::{Blame, Verdict};

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
