//! The wire protocols, the operations they share, and which path means which.

use std::fmt;
use std::str::FromStr;

/// A wire protocol, named as in the configuration.
///
/// ```
/// use tokenrouter::Protocol;
///
/// let protocol: Protocol = "anthropic".parse()?;
/// assert_eq!((protocol, protocol.version()), (Protocol::Anthropic, "v1"));
/// assert!("smtp".parse::<Protocol>().is_err());
/// # Ok::<(), tokenrouter::protocol::UnknownProtocol>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// OpenAI Chat Completions and the other `/v1` paths of OpenAI.
    OpenAi,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Anthropic,
    /// Google Gemini `generateContent`.
    Gemini,
    /// Cohere v2 chat.
    Cohere,
}

impl Protocol {
    /// Every protocol, in the order in which the documentation lists them.
    pub const ALL: [Self; 5] = [Self::OpenAi, Self::Responses, Self::Anthropic, Self::Gemini, Self::Cohere];

    /// The id used in configuration, storage and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Responses => "responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Cohere => "cohere",
        }
    }

    /// The version segment that this protocol's paths start with.
    pub const fn version(self) -> &'static str {
        match self {
            Self::OpenAi | Self::Responses | Self::Anthropic => "v1",
            Self::Gemini => "v1beta",
            Self::Cohere => "v2",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A protocol id that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownProtocol(pub String);

impl fmt::Display for UnknownProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown protocol `{}`; known: openai, responses, anthropic, gemini, cohere", self.0)
    }
}

impl std::error::Error for UnknownProtocol {}

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|p| p.as_str() == s).ok_or_else(|| UnknownProtocol(s.to_owned()))
    }
}
