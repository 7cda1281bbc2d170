//! A model in the form of Cohere's list (`GetModelResponse` of its SDKs).

use serde::Serialize;

use super::Card;
use crate::catalog::models::{Can, Modality, Mode};

#[derive(Serialize)]
pub(super) struct Model<'a> {
    name: &'a str,
    is_deprecated: bool,
    endpoints: &'static [&'static str],
    finetuned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_length: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    features: Vec<&'static str>,
    default_endpoints: [&'static str; 0],
}

pub(super) fn model(card: &Card) -> Model<'_> {
    let facts = &card.facts;
    let features = [
        ("tools", facts.can(Can::Tools)),
        ("json_mode", facts.can(Can::Schema)),
        ("json_schema", facts.can(Can::Schema)),
        ("vision", facts.takes(Modality::Image)),
        ("reasoning", card.reasons()),
    ];
    Model {
        name: &card.id,
        is_deprecated: facts.until().is_some(),
        endpoints: match facts.mode() {
            None | Some(Mode::Chat | Mode::Responses) => &["chat"],
            Some(Mode::Embedding) => &["embed"],
            Some(Mode::Rerank) => &["rerank"],
            Some(Mode::Completion) => &["generate"],
            Some(_) => &[],
        },
        finetuned: false,
        context_length: facts.context(),
        features: features.iter().filter(|(_, can)| *can == Some(true)).map(|(name, _)| *name).collect(),
        default_endpoints: [],
    }
}
