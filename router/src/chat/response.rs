//! An answer in one piece.

use super::{Json, Part, Stop};
use crate::count::Counts;

/// An answer in one piece.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// The provider's id for it.
    pub id: String,
    /// The model that answered.
    pub model: String,
    /// When it was made, in Unix seconds; 0 where the provider does not say.
    pub created_s: u64,
    /// The answers: one, or as many as `n` asked for.
    pub choices: Vec<Choice>,
    /// What it cost, if the provider says.
    pub usage: Option<Counts>,
    /// The tier that served it.
    pub service_tier: Option<String>,
}

/// One of the answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// What the model said, in order.
    pub parts: Vec<Part>,
    /// Why it stopped.
    pub stop: Stop,
    /// Probabilities in OpenAI Chat's form: the list of `content`.
    pub logprobs: Option<Json>,
}

impl Choice {
    /// Whether it calls tools of the client.
    pub fn has_calls(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.kind, super::PartKind::Call(_)))
    }
}
