//! The two ways of a request: its own bytes, or written anew in the provider's protocol.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use tokenrouter::call::Pieces;
use tokenrouter::convert::Back;
use tokenrouter::peek::Peek;
use tokenrouter::splice::{self, Edit};
use tokenrouter::surface::Surface;

use crate::upstreams::provider::Provider;

/// What goes to the provider, and how its answer comes back.
pub enum Lane {
    /// The client's own bytes.
    Native {
        /// The body.
        pieces: Pieces,
        /// Whether the usage that we asked for is kept from the client.
        hide_usage: bool,
        /// What was lost: nothing, unless the state of another vendor had to be taken out.
        degraded: Option<HeaderValue>,
    },
    /// A request in the provider's protocol.
    Translated {
        /// The body.
        body: Bytes,
        /// The answer's way back.
        back: Box<Back>,
        /// What was lost.
        degraded: Option<HeaderValue>,
    },
}

/// The way of an answer.
pub enum Way {
    /// As it comes.
    Native {
        /// Whether the usage that we asked for is kept from the client.
        hide_usage: bool,
    },
    /// Back into the client's protocol.
    Translated(Box<Back>),
}

impl Lane {
    /// The client's own bytes with the model in place, and a question for the usage of a stream.
    pub fn native(body: &Bytes, peek: &Peek<'_>, surface: Surface, provider: &Provider, model: &str) -> Self {
        let wants_usage = peek.stream && surface.usage_on_request() && provider.asks_stream_usage;
        let usage_edit = if wants_usage { splice::ask_stream_usage(body, peek) } else { None };
        let hide_usage = usage_edit.is_some();
        if surface == Surface::Generate {
            // The model stands in the path.
            return Self::Native { pieces: Pieces::new(vec![body.clone()]), hide_usage, degraded: None };
        }
        let edits: Vec<Edit> = splice::set_model(peek, model).into_iter().chain(usage_edit).collect();
        Self::Native { pieces: Pieces::new(splice::apply(body, edits)), hide_usage, degraded: None }
    }

    /// What is sent, and the way back; what was lost is said in `said`.
    pub fn split(self, said: &mut HeaderMap) -> (Pieces, Way) {
        let (pieces, way, degraded) = match self {
            Self::Native { pieces, hide_usage, degraded } => (pieces, Way::Native { hide_usage }, degraded),
            Self::Translated { body, back, degraded } => (Pieces::new(vec![body]), Way::Translated(back), degraded),
        };
        if let Some(fields) = degraded {
            said.insert(super::translated::DEGRADED, fields);
        }
        (pieces, way)
    }
}
