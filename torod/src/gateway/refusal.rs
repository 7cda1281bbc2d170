//! What the client is told when nobody serves its request.

use bytes::Bytes;
use http::HeaderMap;
use http::response::Parts;
use tokenrouter::error::Problem;

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
