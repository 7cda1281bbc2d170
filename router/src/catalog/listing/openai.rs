//! A model in the form of OpenAI's list, with what other clients look for in it.
//!
//! The official part is `id`, `object`, `created`, `owned_by` and `shutdown_date`. Beside it stands what programs read that
//! know servers of this form: `context_window` (Groq's), `context_length`, `architecture`, `pricing`, `top_provider`
//! and `supported_parameters` (OpenRouter's; dollars for one token, as text), `max_model_len` (vLLM's) and
//! `max_output_tokens`. Nothing stands there that is not known.

use serde::Serialize;

use super::Card;
use crate::catalog::models::{Can, Effort, Modality};
use crate::price::Rate;

#[derive(Serialize)]
pub(super) struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    shutdown_date: Option<String>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_window: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_model_len: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_provider: Option<TopProvider>,
    #[serde(skip_serializing_if = "Option::is_none")]
    architecture: Option<Architecture>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pricing: Option<Pricing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supported_parameters: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_efforts: Vec<&'static str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    targets: &'a [String],
}

#[derive(Serialize)]
struct TopProvider {
    #[serde(skip_serializing_if = "Option::is_none")]
    context_length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    is_moderated: bool,
}

#[derive(Serialize)]
struct Architecture {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    input_modalities: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    output_modalities: Vec<&'static str>,
}

#[derive(Serialize)]
struct Pricing {
    prompt: String,
    completion: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_cache_read: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_cache_write: Option<String>,
}

/// Dollars for one token, as short as they are exact.
fn each(rate: Rate) -> String {
    let digits = format!("{:016}", rate.nanos_per_million());
    let (whole, rest) = digits.split_at(digits.len() - 15);
    let text = format!("{whole}.{rest}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn modalities(kind: impl Fn(Modality) -> Option<bool>) -> Vec<&'static str> {
    // Where something is known to be taken, text goes without saying: all lists leave it out.
    let others = Modality::ALL.iter().filter(|m| kind(**m) == Some(true)).map(|m| match m {
        Modality::Pdf => "file",
        other => other.as_str(),
    });
    others.collect()
}

/// OpenRouter's names of what requests may hold; none where it is not known whether it calls tools, since readers take
/// what is missing for impossible.
fn parameters(card: &Card) -> Option<Vec<&'static str>> {
    let facts = &card.facts;
    let tools = facts.can(Can::Tools)?;
    let known: [(bool, &[&str]); 5] = [
        (true, &["max_tokens", "stop"]),
        (tools, &["tools", "tool_choice"]),
        (card.reasons() == Some(true), &["reasoning", "reasoning_effort", "include_reasoning"]),
        (facts.can(Can::Schema) == Some(true), &["structured_outputs", "response_format"]),
        (facts.can(Can::Sampling) == Some(true), &["temperature", "top_p"]),
    ];
    Some(known.iter().filter(|(can, _)| *can).flat_map(|(_, names)| names.iter().copied()).collect())
}

pub(super) fn model(card: &Card) -> Model<'_> {
    let facts = &card.facts;
    let (context, most) = (facts.context(), facts.max_output());
    let (input, output) = (modalities(|kind| facts.takes(kind)), modalities(|kind| facts.gives(kind)));
    let pricing = card.price.and_then(|price| {
        Some(Pricing {
            prompt: each(price.input?),
            completion: each(price.output?),
            input_cache_read: price.cache_read.map(each),
            input_cache_write: price.cache_write.map(each),
        })
    });
    Model {
        id: &card.id,
        object: "model",
        created: card.created_s.unwrap_or_default(),
        owned_by: &card.provider,
        shutdown_date: facts.until().map(|day| day.to_string()),
        name: card.label(),
        context_window: context,
        context_length: context,
        max_model_len: context,
        max_output_tokens: most,
        top_provider: most.map(|most| TopProvider {
            context_length: context,
            max_completion_tokens: Some(most),
            is_moderated: false,
        }),
        architecture: (!input.is_empty() || !output.is_empty())
            .then_some(Architecture { input_modalities: input, output_modalities: output }),
        pricing,
        supported_parameters: parameters(card),
        reasoning_efforts: facts.efforts().map(Effort::as_str).collect(),
        targets: &card.targets,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_for_one_token_are_exact() {
        for (million, one) in
            [("3", "0.000003"), ("0.3", "0.0000003"), ("0", "0"), ("1000000", "1"), ("2500000.5", "2.5000005")]
        {
            assert_eq!(each(Rate::parse(million).unwrap()), one, "{million}");
        }
        assert_eq!(each(Rate::from_nanos_per_million(1).unwrap()), "0.000000000000001");
    }
}
