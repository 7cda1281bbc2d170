//! Which LLM provider gets a request, in which protocol, how many tokens it took and what that costs.
//!
//! # The life of a request
//!
//! A client sends JSON in its [`Protocol`]. [`peek`] reads out of the raw bytes what routing needs, checking all of
//! the syntax and copying nothing. [`pick`] finds the provider that serves the model. Where client and upstream
//! speak the same protocol, [`splice`] changes single values in place and every other byte stays as it was.
//! Where they do not, [`convert`] reads the request into the neutral conversation of [`chat`] and writes it anew, and
//! its answer walks the same road back. `call` sends it.
//!
//! # The life of a stream
//!
//! [`sse`] cuts what comes back into frames at whatever position the network cut it. [`count`] reads each frame's
//! usage in passing. The relay in `call` hands every frame on at once, keeps the connection alive in silence, and
//! ends a stream that broke with an [`error`] in the client's protocol, never with a made-up clean end.
//!
//! Everything but `call` is free of I/O: bytes in, bytes out, no clock, no lock, no randomness.

pub mod anthropic;
#[cfg(feature = "client")]
pub mod call;
pub mod catalog;
pub mod chat;
pub mod cohere;
pub mod convert;
pub mod count;
pub mod dialect;
pub mod envelope;
pub mod error;
mod fields;
pub mod gemini;
pub mod hidden;
pub mod openai;
pub mod peek;
pub mod pick;
pub mod protocol;
pub mod responses;
pub mod splice;
pub mod sse;
pub mod surface;

pub use error::Problem;
pub use protocol::Protocol;
