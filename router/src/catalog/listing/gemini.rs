//! A model in the form of Google's list (`Model` of the Gemini API).

use serde::Serialize;

use super::Card;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Model<'a> {
    name: String,
    base_model_id: &'a str,
    version: &'static str,
    display_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_token_limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_token_limit: Option<u64>,
    supported_generation_methods: &'static [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<bool>,
}

pub(super) fn model(card: &Card) -> Model<'_> {
    Model {
        name: format!("models/{}", card.id),
        base_model_id: &card.id,
        version: "1",
        display_name: card.label(),
        input_token_limit: card.facts.context(),
        output_token_limit: card.facts.max_output(),
        // Vectors and the like are to be had by OpenAI's paths.
        supported_generation_methods: if card.converses() {
            &["generateContent", "streamGenerateContent", "countTokens"]
        } else {
            &[]
        },
        thinking: card.reasons(),
    }
}
