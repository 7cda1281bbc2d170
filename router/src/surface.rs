//! Which path means what: the surfaces that clients reach, however they spell the way there.

use std::borrow::Cow;

use crate::protocol::Protocol;

/// One thing that a client can ask for on the data plane.
///
/// ```
/// use tokenrouter::surface::{Surface, generate};
/// use tokenrouter::Protocol;
///
/// let (surface, _) = Surface::at("/anthropic/v1/messages/").ok_or("no surface")?;
/// assert_eq!((surface, surface.protocol()), (Surface::Messages, Protocol::Anthropic));
/// let (surface, id) = Surface::at("/v1beta/models/gemini-3-pro:streamGenerateContent").ok_or("no surface")?;
/// assert_eq!((surface, generate(&id)), (Surface::Generate, Some(("gemini-3-pro", true))));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Surface {
    /// OpenAI `/v1/chat/completions`.
    Chat,
    /// OpenAI `/v1/completions`.
    Completions,
    /// OpenAI `/v1/embeddings`.
    Embeddings,
    /// OpenAI `/v1/responses`.
    Responses,
    /// OpenAI `/v1/responses/compact`.
    Compact,
    /// How many tokens a request would have, in the Responses protocol: `/v1/responses/input_tokens`.
    CountResponses,
    /// The same in Anthropic's: `/v1/messages/count_tokens`.
    CountMessages,
    /// The same in Gemini's: `/v1beta/models/{model}:countTokens`.
    CountGenerate,
    /// OpenAI `/v1/responses/{id}` and what lies below it.
    Answer,
    /// Anthropic `/v1/messages`.
    Messages,
    /// Gemini `/v1beta/models/{model}:generateContent` and `:streamGenerateContent`.
    Generate,
    /// Cohere `/v2/chat`.
    CohereChat,
    /// `/v1/models`.
    Models,
    /// `/v1/models/{id}`.
    Model,
}

impl Surface {
    /// The word for it in logs, storage and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Responses => "responses",
            Self::Compact => "compact",
            Self::CountResponses | Self::CountMessages | Self::CountGenerate => "count",
            Self::Answer => "answer",
            Self::Messages => "messages",
            Self::Generate => "generate",
            Self::CohereChat => "cohere_chat",
            Self::Models => "models",
            Self::Model => "model",
        }
    }

    /// The protocol that its clients speak, and that their errors are told in.
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::Chat | Self::Completions | Self::Embeddings | Self::Models | Self::Model => Protocol::OpenAi,
            Self::Responses | Self::Answer | Self::Compact | Self::CountResponses => Protocol::Responses,
            Self::Messages | Self::CountMessages => Protocol::Anthropic,
            Self::Generate | Self::CountGenerate => Protocol::Gemini,
            Self::CohereChat => Protocol::Cohere,
        }
    }

    /// Where conversations are held in `protocol`.
    pub const fn conversation(protocol: Protocol) -> Option<Self> {
        match protocol {
            Protocol::OpenAi => Some(Self::Chat),
            Protocol::Responses => Some(Self::Responses),
            Protocol::Anthropic => Some(Self::Messages),
            Protocol::Gemini => Some(Self::Generate),
            Protocol::Cohere => Some(Self::CohereChat),
        }
    }

    /// Whether its requests are conversations, which can be carried into other protocols.
    pub const fn is_conversation(self) -> bool {
        matches!(self, Self::Chat | Self::Responses | Self::Messages | Self::Generate | Self::CohereChat)
    }

    /// The protocol in which it asks how many tokens a request would have.
    pub const fn counts(self) -> Option<Protocol> {
        match self {
            Self::CountResponses | Self::CountMessages | Self::CountGenerate => Some(self.protocol()),
            _ => None,
        }
    }

    /// The upstream's path behind the version segment.
    pub const fn tail(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Completions => "/completions",
            Self::Embeddings => "/embeddings",
            Self::Responses | Self::Answer => "/responses",
            Self::Compact => "/responses/compact",
            Self::CountResponses => "/responses/input_tokens",
            Self::CountMessages => "/messages/count_tokens",
            Self::Messages => "/messages",
            // The model and the verb follow.
            Self::Generate | Self::CountGenerate | Self::Models | Self::Model => "/models",
            Self::CohereChat => "/chat",
        }
    }

    /// The one method it answers to.
    pub const fn method(self) -> &'static str {
        if matches!(self, Self::Models | Self::Model | Self::Answer) { "GET" } else { "POST" }
    }

    /// Whether the upstream sends the usage of a stream only when asked (`stream_options.include_usage`).
    pub const fn usage_on_request(self) -> bool {
        matches!(self, Self::Chat | Self::Completions)
    }

    /// The surface at `path`, and for [`Surface::Model`] and [`Surface::CountGenerate`] the model's id; for [`Surface::Answer`] its id and
    /// what stands behind; for [`Surface::Generate`] id and verb.
    ///
    /// The version segment may be missing or doubled, slashes may trail, and `openai/` or `anthropic/` may lead:
    /// every client builds its URL in its own way.
    pub fn at(path: &str) -> Option<(Self, Cow<'_, str>)> {
        let none = Cow::Borrowed("");
        // The usual spelling first: one comparison instead of a search.
        if path == "/v1/chat/completions" {
            return Some((Self::Chat, none));
        }
        let mut rest = path.trim_matches('/');
        for lead in ["openai/", "anthropic/", "gemini/", "cohere/"] {
            rest = rest.strip_prefix(lead).unwrap_or(rest).trim_start_matches('/');
        }
        while let Some(behind) = ["v1/", "v1beta/", "v1alpha/"].iter().find_map(|version| rest.strip_prefix(version)) {
            rest = behind.trim_start_matches('/');
        }
        Some(match rest {
            "chat/completions" => (Self::Chat, none),
            "completions" => (Self::Completions, none),
            "embeddings" => (Self::Embeddings, none),
            "responses" => (Self::Responses, none),
            "responses/compact" => (Self::Compact, none),
            "responses/input_tokens" => (Self::CountResponses, none),
            "messages" => (Self::Messages, none),
            "messages/count_tokens" => (Self::CountMessages, none),
            "models" => (Self::Models, none),
            "v2/chat" => (Self::CohereChat, none),
            _ => {
                if let Some(id) = rest.strip_prefix("responses/") {
                    return Some((Self::Answer, decode(id)));
                }
                let id = decode(rest.strip_prefix("models/")?);
                let surface = match id.rsplit_once(':') {
                    Some((_, "generateContent" | "streamGenerateContent")) => Self::Generate,
                    Some((_, "countTokens")) => Self::CountGenerate,
                    _ => Self::Model,
                };
                (surface, id)
            }
        })
    }
}

/// The model of what stands behind `models/` in a Gemini path that asks for a count.
pub fn counted(id: &str) -> Option<&str> {
    id.strip_suffix(":countTokens")
}

/// Model and whether to stream, of what stands behind `models/` in a Gemini path. Names may hold colons.
pub fn generate(id: &str) -> Option<(&str, bool)> {
    let (model, verb) = id.rsplit_once(':')?;
    match verb {
        "generateContent" => Some((model, false)),
        "streamGenerateContent" => Some((model, true)),
        _ => None,
    }
}

/// `model` as one segment of a path: nothing in it can leave its place.
pub fn segment(model: &str) -> String {
    let mut out = String::with_capacity(model.len());
    for byte in model.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Resolves percent escapes; a broken escape stands for itself.
fn decode(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = if byte == b'%' { tail.get(..2).and_then(|h| std::str::from_utf8(h).ok()) } else { None };
        match hex.filter(|h| !h.starts_with('+')).and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerates_the_ways_in_which_clients_build_urls() {
        for (path, expected) in [
            ("/v1/chat/completions", Some(Surface::Chat)),
            ("/v1/chat/completions/", Some(Surface::Chat)),
            ("/chat/completions", Some(Surface::Chat)),
            ("/v1/v1/chat/completions", Some(Surface::Chat)),
            ("/openai/v1/chat/completions", Some(Surface::Chat)),
            ("/anthropic/v1/messages", Some(Surface::Messages)),
            ("//v1//responses", Some(Surface::Responses)),
            ("/v1/completions", Some(Surface::Completions)),
            ("/v1/embeddings", Some(Surface::Embeddings)),
            ("/v1/models", Some(Surface::Models)),
            ("/models/", Some(Surface::Models)),
            ("/v1/models/a", Some(Surface::Model)),
            ("/", None),
            ("/v1", None),
            ("/admin", None),
            ("/v1/chat/completions/x", None),
            ("/v2/chat/completions", None),
            ("/v2/chat", Some(Surface::CohereChat)),
            ("/v1beta/models/a:generateContent", Some(Surface::Generate)),
            ("/models/a%2Fb:streamGenerateContent", Some(Surface::Generate)),
            ("/v1/models/qwen2.5:14b", Some(Surface::Model)),
            ("/v1beta/models", Some(Surface::Models)),
            ("/v1beta/models/a/b:countTokens", Some(Surface::CountGenerate)),
            ("/v1/messages/count_tokens", Some(Surface::CountMessages)),
            ("/v1/responses/input_tokens", Some(Surface::CountResponses)),
            ("/v1/responses/compact", Some(Surface::Compact)),
            ("/v1/responses/resp_1/input_items", Some(Surface::Answer)),
        ] {
            assert_eq!(Surface::at(path).map(|(surface, _)| surface), expected, "{path}");
        }
        assert_eq!(generate("qwen:14b:streamGenerateContent"), Some(("qwen:14b", true)));
        assert_eq!(Surface::at("/v1/models/openai/gpt%2D5%2Fx%zz").unwrap().1, "openai/gpt-5/x%zz");
    }
}
