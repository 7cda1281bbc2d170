//! To whom a request is written, and for whom an answer.

use super::lower::Lowering;
use super::request::Request;
use super::{Maker, State};
use crate::Protocol;
use crate::catalog::Preset;
use crate::dialect::{self, Dialect};
use crate::envelope::{self, Sealer};

/// The model that a request is written for.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::chat::Target;
/// use tokenrouter::dialect::Quirk;
///
/// let target = Target::new("openai", Protocol::OpenAi, "gpt-5");
/// assert!(target.dialect.has(Quirk::NoSampling));
/// assert_eq!(target.maker.family, "gpt");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The protocol that it is asked in.
    pub protocol: Protocol,
    /// Its name there.
    pub model: String,
    /// How it differs from its protocol's newest form.
    pub dialect: Dialect,
    /// Whose state it understands.
    pub maker: Maker,
    /// The most tokens that it can write, if known.
    pub max_tokens: Option<u64>,
}

impl Target {
    /// `model` at a provider of type `provider` (a preset's id; empty: unknown), asked in `protocol`.
    pub fn new(provider: &str, protocol: Protocol, model: &str) -> Self {
        Self::at(Preset::find(provider), protocol, model)
    }

    /// `model` at the provider that `preset` describes, which may be the operator's own; none: unknown.
    pub fn at(preset: Option<&Preset>, protocol: Protocol, model: &str) -> Self {
        Self::speaking(Dialect::at(preset, protocol, model), protocol, model)
    }

    /// `model` asked in `protocol`, of which `dialect` is known.
    pub fn speaking(dialect: Dialect, protocol: Protocol, model: &str) -> Self {
        Self {
            protocol,
            model: model.to_owned(),
            dialect,
            maker: Maker { protocol, family: dialect::family(model) },
            max_tokens: None,
        }
    }

    /// The text of `state`, if it may go to this model.
    pub fn state<'a>(&self, request: &Request, state: Option<&'a State>) -> Option<&'a str> {
        state.filter(|state| envelope::is_for(state, request.protocol, &self.maker)).map(|state| state.text.as_str())
    }
}

/// A request in the target's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The body.
    pub body: Vec<u8>,
    /// What the tools' names stand for, for the answer.
    pub lowering: Lowering,
    /// Texts at which the gateway must end the answer, because the target cannot.
    pub cut: Vec<String>,
}

/// What writing an answer needs to know beside the answer.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Something that no other answer has, in letters and digits: ids are made of it where the provider gives none.
    pub seed: String,
    /// The request's id, for errors; empty: the seed.
    pub request_id: String,
    /// The model, as the client named it: said where the provider does not name one.
    pub model: String,
    /// Now, in Unix seconds: said where the provider does not say when.
    pub created_s: u64,
    /// Whether the client of a Chat stream asked for usage.
    pub stream_usage: bool,
    /// Our estimate of the input tokens, told where a stream must say it before the provider does.
    pub estimated_input: u64,
    /// Seals the provider's state for the way through the client; without one it is left out.
    pub sealer: Option<Sealer>,
    /// Whether the finished object is wanted too, to be kept (Responses only).
    pub keep: bool,
    /// What was asked, without the messages: the Responses protocol repeats much of it.
    pub asked: Option<Box<Request>>,
}

impl Reply {
    /// The request's id, as errors tell it.
    pub fn request_id(&self) -> &str {
        if self.request_id.is_empty() { &self.seed } else { &self.request_id }
    }

    /// An id with `prefix`: the provider's own where it has that prefix already.
    pub fn id(&self, prefix: &str, theirs: &str) -> String {
        if theirs.starts_with(prefix) && theirs.len() > prefix.len() {
            theirs.to_owned()
        } else {
            format!("{prefix}{}", self.seed)
        }
    }

    /// The model to name.
    pub fn model<'a>(&'a self, theirs: &'a str) -> &'a str {
        if theirs.is_empty() { &self.model } else { theirs }
    }

    /// When the answer was made.
    pub const fn created_s(&self, theirs: u64) -> u64 {
        if theirs == 0 { self.created_s } else { theirs }
    }
}
