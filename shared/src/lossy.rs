//! What becomes of a request that cannot be told to its provider without loss.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What becomes of a request of which a part cannot be told to a provider of another protocol. What would change the
/// meaning of the answer is refused in either case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Lossy {
    /// It is sent without that part, which a header of the answer and the log name.
    #[default]
    Warn,
    /// It is refused with an error that names the part.
    Reject,
}

impl Lossy {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Reject => "reject",
        }
    }
}

impl fmt::Display for Lossy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Neither `warn` nor `reject`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoLossy;

impl fmt::Display for NoLossy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write `warn` or `reject`")
    }
}

impl std::error::Error for NoLossy {}

impl FromStr for Lossy {
    type Err = NoLossy;

    fn from_str(text: &str) -> Result<Self, NoLossy> {
        [Self::Warn, Self::Reject].into_iter().find(|lossy| lossy.as_str() == text).ok_or(NoLossy)
    }
}
