//! What is kept of a request to estimate its tokens, should its provider not report them.

use bytes::Bytes;
use tokenrouter::count::estimate;

/// From what the input tokens can be estimated.
pub enum Input {
    /// The request body, kept as long as the exchange.
    Body(Bytes),
    /// An estimate made beforehand, so that a long stream need not keep a long body.
    Tokens(u64),
}

/// A stream keeps a body of this size for an estimate; of a longer one the estimate is made at the start.
const KEPT_BYTES: usize = 4 << 10;

impl Default for Input {
    fn default() -> Self {
        Self::Tokens(0)
    }
}

impl Input {
    /// The cheaper of the two for a request with `body`.
    pub fn of(body: &Bytes, stream: bool) -> Self {
        if stream && body.len() > KEPT_BYTES {
            Self::Tokens(estimate::sampled_request_tokens(body))
        } else {
            Self::Body(body.clone())
        }
    }

    /// The estimate.
    pub fn tokens(&self) -> u64 {
        match self {
            Self::Body(body) => estimate::request_tokens(body),
            Self::Tokens(tokens) => *tokens,
        }
    }
}
