//! A model in the form of Anthropic's list (`ModelInfo` of its SDKs).
//!
//! `capabilities` demands a word on each: what is not known of a model of which something is known counts as not
//! supported, and where nothing is known there are no capabilities. What the gateway has no place for (batches, context
//! management, tools that the vendor runs) is not supported.

use chrono::{DateTime, NaiveDate};
use serde::Serialize;

use super::Card;
use crate::catalog::models::{Can, Effort, Modality};

#[derive(Serialize)]
pub(super) struct Model<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: String,
    lifecycle: &'static str,
    deprecated_at: Option<String>,
    retires_at: Option<String>,
    line: Option<&'static str>,
    max_input_tokens: Option<u64>,
    max_tokens: Option<u64>,
    capabilities: Option<Capabilities>,
}

#[derive(Serialize)]
struct Supported {
    supported: bool,
}

#[derive(Serialize)]
struct Capabilities {
    batch: Supported,
    citations: Supported,
    code_execution: Supported,
    context_management: Supported,
    effort: Efforts,
    image_input: Supported,
    pdf_input: Supported,
    server_tools: ServerTools,
    structured_outputs: Supported,
    thinking: Thinking,
}

#[derive(Serialize)]
struct Efforts {
    supported: bool,
    low: Supported,
    medium: Supported,
    high: Supported,
    xhigh: Supported,
    max: Supported,
}

#[derive(Serialize)]
struct ServerTools {
    supported: bool,
    web_search: Supported,
    code_execution: Supported,
}

#[derive(Serialize)]
struct Thinking {
    supported: bool,
    types: ThinkingTypes,
}

#[derive(Serialize)]
struct ThinkingTypes {
    adaptive: Supported,
    enabled: Supported,
    disabled: Supported,
    between_tools: Supported,
}

const NO: Supported = Supported { supported: false };

const fn is(known: Option<bool>) -> Supported {
    Supported { supported: matches!(known, Some(true)) }
}

fn capabilities(card: &Card) -> Option<Capabilities> {
    let facts = &card.facts;
    let knows = |effort: Effort| is(facts.knows(effort));
    let reasons = card.reasons();
    if facts.can(Can::Tools).is_none() && reasons.is_none() && facts.takes(Modality::Image).is_none() {
        return None;
    }
    let web_search = is(facts.can(Can::WebSearch));
    Some(Capabilities {
        batch: NO,
        citations: NO,
        code_execution: NO,
        context_management: NO,
        effort: Efforts {
            supported: facts.efforts().next().is_some(),
            low: knows(Effort::Low),
            medium: knows(Effort::Medium),
            high: knows(Effort::High),
            xhigh: knows(Effort::XHigh),
            max: knows(Effort::Max),
        },
        image_input: is(facts.takes(Modality::Image)),
        pdf_input: is(facts.takes(Modality::Pdf)),
        server_tools: ServerTools { supported: web_search.supported, web_search, code_execution: NO },
        structured_outputs: is(facts.can(Can::Schema)),
        thinking: Thinking {
            supported: reasons == Some(true),
            types: ThinkingTypes {
                adaptive: is(facts.can(Can::AdaptiveThinking)),
                // Models that take no budget are given the effort that it amounts to.
                enabled: is(reasons),
                disabled: Supported { supported: facts.can(Can::AlwaysThinks) != Some(true) },
                between_tools: NO,
            },
        },
    })
}

fn midnight(day: NaiveDate) -> String {
    format!("{day}T00:00:00Z")
}

pub(super) fn model(card: &Card) -> Model<'_> {
    let until = card.facts.until();
    let created = card.created_s.and_then(|s| DateTime::from_timestamp(s, 0));
    Model {
        kind: "model",
        id: &card.id,
        display_name: card.label(),
        // The type demands a date and allows this one where none is known.
        created_at: created
            .map_or_else(|| midnight(NaiveDate::default()), |at| format!("{}T{}Z", at.date_naive(), at.time())),
        // Retired is what cannot be called any more; who lists it can.
        lifecycle: if until.is_some() { "deprecated" } else { "active" },
        deprecated_at: None,
        retires_at: until.map(midnight),
        line: None,
        max_input_tokens: card.facts.context(),
        max_tokens: card.facts.max_output(),
        capabilities: capabilities(card),
    }
}
