//! Why a call failed: which side, and whether the provider can have seen it.

use std::error::Error;
use std::fmt;

/// A call that brought no answer.
#[derive(Debug)]
pub enum CallError {
    /// No connection: refused, unreachable, name not found, TLS failed, or too slow. The provider saw nothing.
    Connect(String),
    /// The connection ended before the answer's head. The provider may have worked.
    Broken(String),
    /// The answer's head did not come in time. The provider may still be working.
    FirstByteTimeout,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(why) => write!(f, "no connection: {why}"),
            Self::Broken(why) => write!(f, "the connection broke: {why}"),
            Self::FirstByteTimeout => f.write_str("no answer within the first-byte timeout"),
        }
    }
}

impl Error for CallError {}

impl CallError {
    /// Whether the provider cannot have begun to work on the request.
    pub const fn is_unseen(&self) -> bool {
        matches!(self, Self::Connect(_))
    }
}

impl From<hyper_util::client::legacy::Error> for CallError {
    fn from(e: hyper_util::client::legacy::Error) -> Self {
        let why = root_cause(&e);
        if e.is_connect() { Self::Connect(why) } else { Self::Broken(why) }
    }
}

/// The innermost cause: "connection refused" says more than "client error".
pub(crate) fn root_cause(e: &(dyn Error + 'static)) -> String {
    let mut cause = e;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
