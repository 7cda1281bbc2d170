//! The parts of a message.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::tool::{Call, ToolResult};
use super::{Json, State};

/// One part of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// The client's wish that the prompt up to and with this part be cached.
    pub cache: Option<CacheMark>,
}

/// What a part is.
#[derive(Clone, Debug, PartialEq)]
pub enum PartKind {
    /// Text.
    Text(Text),
    /// The model's refusal, as OpenAI's protocols tell it apart from text.
    Refusal(String),
    /// An image.
    Image(Image),
    /// A document.
    Document(Document),
    /// Sound.
    Audio(Media),
    /// Moving pictures.
    Video(Media),
    /// A tool call by the model.
    Call(Call),
    /// What a tool call gave.
    Result(ToolResult),
    /// The model's reasoning.
    Reasoning(Reasoning),
    /// A block of one vendor that no other knows: a server-side tool's call or result, a compaction.
    Opaque(Opaque),
}

impl From<PartKind> for Part {
    fn from(kind: PartKind) -> Self {
        Self::new(kind)
    }
}

impl Part {
    /// A part without a cache mark.
    pub const fn new(kind: PartKind) -> Self {
        Self { kind, cache: None }
    }

    /// A plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(PartKind::Text(Text::new(text)))
    }

    /// The text, if the part is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.kind {
            PartKind::Text(text) => Some(&text.text),
            _ => None,
        }
    }
}

/// A text with what hangs on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Where it is taken from.
    pub citations: Vec<Citation>,
    /// OpenAI's `phase` of an assistant message: `commentary` or `final_answer`.
    pub phase: Option<String>,
    /// Gemini's thought signature on a text.
    pub state: Option<State>,
}

impl Text {
    /// A plain text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// Where a text was taken from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Citation {
    /// The page.
    pub url: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// The quoted text.
    pub quote: Option<String>,
    /// Begin and end of the text that it supports, in characters.
    pub range: Option<(u64, u64)>,
}

/// Where the bytes of an image, a document or a recording are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Media {
    /// In the request: standard base64, padded.
    Base64 {
        /// `image/png` and so on.
        media_type: String,
        /// The bytes.
        data: String,
    },
    /// At an address.
    Url {
        /// Where.
        url: String,
        /// What is there, if it was said.
        media_type: Option<String>,
    },
    /// At the provider.
    File {
        /// Its id or URI there.
        id: String,
        /// What it is, if it was said.
        media_type: Option<String>,
    },
    /// A text that stands for the file.
    Text(String),
}

impl Media {
    /// What a URL field says: a `data:` URL holds the bytes themselves.
    pub fn from_url(url: &str) -> Self {
        if let Some((head, data)) = url.strip_prefix("data:").and_then(|rest| rest.split_once(','))
            && let Some(media_type) = head.strip_suffix(";base64")
        {
            let media_type = media_type.split(';').next().unwrap_or_default().to_owned();
            return Self::Base64 { media_type, data: data.to_owned() };
        }
        Self::Url { url: url.to_owned(), media_type: None }
    }

    /// As a URL: an address, or the bytes in a `data:` URL; none for a file at the provider.
    pub fn to_url(&self) -> Option<String> {
        match self {
            Self::Base64 { media_type, data } => Some(format!("data:{media_type};base64,{data}")),
            Self::Url { url, .. } => Some(url.clone()),
            Self::File { .. } | Self::Text(_) => None,
        }
    }

    /// What it is, if that is known.
    pub fn media_type(&self) -> Option<&str> {
        match self {
            Self::Base64 { media_type, .. } => Some(media_type),
            Self::Url { media_type, .. } | Self::File { media_type, .. } => media_type.as_deref(),
            Self::Text(_) => Some("text/plain"),
        }
    }
}

/// Whether `text` is standard base64, padded or not. Looked at without decoding: it may be megabytes.
pub fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    let fits = match body.len() % 4 {
        0 => padding == 0,
        2 => padding == 0 || padding == 2,
        3 => padding == 0 || padding == 1,
        _ => false,
    };
    !body.is_empty() && fits && body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its bytes.
    pub media: Media,
    /// OpenAI's `detail`: `auto`, `low`, `high`, `original`.
    pub detail: Option<String>,
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its bytes.
    pub media: Media,
    /// Its file name or title.
    pub name: Option<String>,
    /// Anthropic's `context`: what the model should know about it.
    pub context: Option<String>,
    /// Anthropic's switch for citations.
    pub citations: bool,
}

impl Document {
    /// Its text, if it is one; also one that was sent as base64.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match &self.media {
            Media::Text(text) => Some(Cow::Borrowed(text)),
            Media::Base64 { media_type, data } if media_type.starts_with("text/") => {
                let bytes = STANDARD_NO_PAD.decode(data.trim_end_matches('=')).ok()?;
                String::from_utf8(bytes).ok().map(Cow::Owned)
            }
            _ => None,
        }
    }
}

/// What the model thought before it spoke.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// What of it may be seen. Empty where it is hidden or redacted.
    pub text: String,
    /// Whether the text is the reasoning itself and not a summary.
    pub raw: bool,
    /// Whether the provider hid all of it (Anthropic's `redacted_thinking`).
    pub redacted: bool,
    /// The item's id at its maker (OpenAI's `rs_…`).
    pub id: Option<String>,
    /// The signature or the encrypted reasoning.
    pub state: Option<State>,
}

/// A block that only its own protocol knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opaque {
    /// The protocol that it belongs to.
    pub protocol: crate::Protocol,
    /// Its type there.
    pub kind: String,
    /// The whole block.
    pub json: Json,
}

/// Asks the provider to keep the prompt up to here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CacheMark {
    /// For how long, in seconds; none: as the provider chooses (five minutes at Anthropic).
    pub ttl_s: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_urls_are_bytes_and_others_addresses() {
        let png = Media::from_url("data:image/png;base64,aGk=");
        assert_eq!(png, Media::Base64 { media_type: "image/png".into(), data: "aGk=".into() });
        assert_eq!(png.to_url().unwrap(), "data:image/png;base64,aGk=");
        let odd = Media::from_url("data:image/png;charset=x;base64,aGk=");
        assert_eq!(odd.media_type(), Some("image/png"));
        let far = Media::from_url("https://example.com/a.png");
        assert_eq!(far.to_url().unwrap(), "https://example.com/a.png");
    }
}
