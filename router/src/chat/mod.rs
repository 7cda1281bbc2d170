//! The neutral conversation in which every protocol meets: what a request asks, what an answer says, event by event.
//!
//! A protocol's `request` module reads its wire form into a [`Request`] and writes a [`Request`] in it; so N
//! protocols cost N implementations, not N×N. What a target cannot carry is noted in [`Losses`], or refused with an
//! [`Impossible`] where it would change what the user gets.

pub mod check;
pub mod collect;
pub mod content;
pub mod cut;
pub mod event;
pub mod field;
pub mod json;
pub mod loss;
pub mod lower;
pub mod message;
pub(crate) mod node;
pub mod request;
pub mod response;
pub mod sequence;
pub mod stop;
mod strand;
pub mod target;
pub mod tool;
pub mod typed;
pub mod unwrap;
pub(crate) mod wire;

pub use collect::Collector;
pub use content::{CacheMark, Citation, Document, Image, Media, Part, PartKind, Reasoning, Text};
pub use event::{Block, Event, Head, Sink};
pub use field::Field;
pub use json::Json;
pub use loss::{BadRequest, Impossible, Loss, Losses};
pub use message::{Message, Role};
pub use request::Request;
pub use response::{Choice, Response};
pub use sequence::{Broken, Sequencer};
pub use stop::Stop;
pub use target::{Reply, Target, Written};
pub use tool::{Call, CallKind, Tool, ToolChoice, ToolResult};

/// Who made a piece of opaque state, and so who alone can read it again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Maker {
    /// Whose models: the protocol in which the state was received tells the form it has.
    pub protocol: crate::Protocol,
    /// The family of models within which it is accepted, as [`crate::dialect::family`] names it.
    pub family: String,
}

/// A signature, encrypted reasoning or the like: readable by its maker only, and worthless once changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Who made it; unknown where a client sends it in the field of its own protocol.
    pub maker: Option<Maker>,
    /// The text as received.
    pub text: String,
}
