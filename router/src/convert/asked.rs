//! A request as it comes from a client: the protocol, the body, and what Gemini says in the path.

use crate::protocol::Protocol;
use crate::surface::{Surface, generate};

/// A request as a client sends it.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::convert::Asked;
/// use tokenrouter::surface::Surface;
///
/// let asked = Asked::new(Protocol::OpenAi, br#"{"model":"m","messages":[]}"#);
/// assert!(!asked.path.stream);
/// // Where a client speaks Gemini, its path says what others say in the body.
/// let (surface, id) = Surface::at("/v1beta/models/gemini-3-pro:streamGenerateContent").ok_or("no surface")?;
/// let asked = Asked::at(surface, &id, br#"{"contents":[]}"#).ok_or("no conversation")?;
/// assert_eq!((asked.protocol, asked.path.model, asked.path.stream), (Protocol::Gemini, "gemini-3-pro", true));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The protocol that the client speaks.
    pub protocol: Protocol,
    /// The body.
    pub body: &'a [u8],
    /// What Gemini says in the path and not in the body; of no account in the other protocols.
    pub path: Path<'a>,
}

/// What Gemini says in the path.
#[derive(Clone, Copy, Debug, Default)]
pub struct Path<'a> {
    /// The model.
    pub model: &'a str,
    /// Whether the answer is to be a stream.
    pub stream: bool,
    /// Whether the stream is to be one JSON list (`alt=sse` was not asked for).
    pub list: bool,
}

impl<'a> Asked<'a> {
    /// `body` as a client of `protocol` sends it. For Gemini see [`Self::at`].
    pub fn new(protocol: Protocol, body: &'a [u8]) -> Self {
        Self { protocol, body, path: Path::default() }
    }

    /// `body` as it was sent to `surface`; `id` is what [`Surface::at`] found beside it. None where no conversations
    /// are held.
    pub fn at(surface: Surface, id: &'a str, body: &'a [u8]) -> Option<Self> {
        let (model, stream) = generate(id).unwrap_or_default();
        let path = Path { model, stream, list: false };
        surface.is_conversation().then(|| Self { protocol: surface.protocol(), body, path })
    }
}
