//! The trace that a request belongs to.

use http::HeaderValue;

/// The trace of one request.
#[derive(Debug)]
pub struct Trace {
    /// Its id.
    pub id: [u8; 16],
    /// The client's span that the request is a part of.
    pub parent: Option<[u8; 8]>,
    /// What vendors of the client's tracing add.
    pub state: Option<HeaderValue>,
    /// Whether it is sent to the collector. One that is not is still handed on where that is wanted.
    pub sampled: bool,
    /// When the request came, in Unix milliseconds.
    pub began_ms: i64,
}
