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
//!
//! # From one protocol to another and back
//!
//! A client of Anthropic's protocol is answered by a model behind OpenAI's, and the answer is counted:
//!
//! ```
//! use tokenrouter::chat::Target;
//! use tokenrouter::convert::{Asked, Context, translate};
//! use tokenrouter::count::body;
//! use tokenrouter::{Problem, Protocol};
//!
//! # fn main() -> Result<(), Problem> {
//! let asked = br#"{"model":"fast","max_tokens":99,"system":"Be brief.",
//!     "messages":[{"role":"user","content":"What is the capital of France?"}]}"#;
//! let target = Target::new("openai", Protocol::OpenAi, "gpt-5-mini");
//! let context = Context { seed: "4f1c".to_owned(), now_s: 1_790_000_000, ..Context::default() };
//! let translated = translate(Asked::new(Protocol::Anthropic, asked), &target, context)?;
//!
//! // `translated.body` goes to `POST /v1/chat/completions`; what comes back is told in the client's form.
//! let sent = String::from_utf8_lossy(&translated.body);
//! assert!(sent.contains(r#"{"role":"system","content":"Be brief."}"#) && sent.contains("max_completion_tokens"));
//! let answer = br#"{"id":"chatcmpl-1","object":"chat.completion","created":1790000001,"model":"gpt-5-mini",
//!     "choices":[{"index":0,"message":{"role":"assistant","content":"Paris."},"finish_reason":"stop"}],
//!     "usage":{"prompt_tokens":21,"completion_tokens":2,"total_tokens":23}}"#;
//! let told = translated.back.whole(answer)?;
//! let told = String::from_utf8_lossy(&told.body);
//! assert!(told.contains(r#""content":[{"type":"text","text":"Paris."}]"#));
//! assert!(told.contains(r#""stop_reason":"end_turn""#));
//! assert_eq!(body::read(Protocol::OpenAi, answer).map(|report| report.counts.total()), Some(23));
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `client` (on unless switched off), `call::Pool` does all of this over the network, with the next
//! endpoint in place of one that fails: see `examples/any_to_any.rs`.

pub mod anthropic;
pub mod asides;
pub mod auto;
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
pub mod price;
pub mod protocol;
pub mod quota;
pub mod responses;
pub mod splice;
pub mod sse;
pub mod surface;
mod walk;

/// The examples of the guide for users of the library, tested.
#[cfg(all(doctest, feature = "client"))]
#[doc = include_str!("../../docs/library.md")]
mod guide {}

pub use error::Problem;
pub use protocol::Protocol;
