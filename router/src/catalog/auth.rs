//! How a key is sent to a provider: in which header, and behind which word.

use http::header::{AUTHORIZATION, HeaderName, HeaderValue, InvalidHeaderValue};
use serde::Deserialize;

use crate::Protocol;

/// How a key is sent upstream.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::catalog::AuthStyle;
///
/// let (name, value) = AuthStyle::usual(Protocol::Anthropic).header("sk-1")?.ok_or("no header")?;
/// assert_eq!((name.as_str(), value.to_str()?), ("x-api-key", "sk-1"));
/// assert!(value.is_sensitive());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthStyle {
    /// `Authorization: Bearer <key>`.
    Bearer,
    /// `x-api-key: <key>` (Anthropic).
    XApiKey,
    /// `x-goog-api-key: <key>` (Gemini).
    XGoogApiKey,
    /// `api-key: <key>` (Azure).
    ApiKey,
    /// Not at all: a key is never sent.
    None,
}

impl AuthStyle {
    /// Every style.
    pub const ALL: [Self; 5] = [Self::Bearer, Self::XApiKey, Self::XGoogApiKey, Self::ApiKey, Self::None];

    /// The headers that may carry a key.
    pub const HEADERS: [&str; 4] = ["authorization", "x-api-key", "x-goog-api-key", "api-key"];

    /// What a provider expects that speaks `protocol` as its inventor does.
    pub const fn usual(protocol: Protocol) -> Self {
        match protocol {
            Protocol::OpenAi | Protocol::Responses | Protocol::Cohere => Self::Bearer,
            Protocol::Anthropic => Self::XApiKey,
            Protocol::Gemini => Self::XGoogApiKey,
        }
    }

    /// Its name in presets.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::XApiKey => "x-api-key",
            Self::XGoogApiKey => "x-goog-api-key",
            Self::ApiKey => "api-key",
            Self::None => "none",
        }
    }

    /// The header that carries `key`, marked as sensitive; none where no key is sent.
    ///
    /// # Errors
    ///
    /// Where `key` holds characters that no header can carry.
    pub fn header(self, key: &str) -> Result<Option<(HeaderName, HeaderValue)>, InvalidHeaderValue> {
        let (name, mut value) = match self {
            Self::Bearer => (AUTHORIZATION, HeaderValue::try_from(format!("Bearer {key}"))?),
            Self::XApiKey => (HeaderName::from_static("x-api-key"), HeaderValue::from_str(key)?),
            Self::XGoogApiKey => (HeaderName::from_static("x-goog-api-key"), HeaderValue::from_str(key)?),
            Self::ApiKey => (HeaderName::from_static("api-key"), HeaderValue::from_str(key)?),
            Self::None => return Ok(None),
        };
        value.set_sensitive(true);
        Ok(Some((name, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_is_known_as_one_that_carries_a_key() {
        for style in AuthStyle::ALL {
            let quoted = format!("\"{}\"", style.as_str());
            assert_eq!(serde_json::from_str::<AuthStyle>(&quoted).unwrap(), style);
            let Some((name, value)) = style.header("k").unwrap() else { continue };
            assert!(AuthStyle::HEADERS.contains(&name.as_str()) && value.is_sensitive(), "{name}");
            assert!(style.header("a\nb").is_err(), "{name}");
        }
    }
}
