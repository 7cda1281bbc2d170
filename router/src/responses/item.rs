//! The items of an answer as our clients get them.

use serde::Serialize;

use crate::chat::json::arguments_object;
use crate::chat::{Call, CallKind, Json, Part, PartKind, Reasoning, Reply, Text};

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct ItemOut {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<Vec<PartOut>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phase: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) call_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) arguments: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) execution: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<Vec<PartOut>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encrypted_content: Option<Option<String>>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct PartOut {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) annotations: Option<Vec<AnnotationOut>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<Json>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct AnnotationOut {
    #[serde(rename = "type")]
    kind: &'static str,
    url: String,
    title: String,
    start_index: u64,
    end_index: u64,
}

/// The pages that a text is taken from.
pub(super) fn annotations(text: &Text) -> Vec<AnnotationOut> {
    let found = text.citations.iter().filter_map(|citation| {
        let (start_index, end_index) = citation.range.unwrap_or((0, text.text.chars().count() as u64));
        let title = citation.title.clone().unwrap_or_default();
        Some(AnnotationOut { kind: "url_citation", url: citation.url.clone()?, title, start_index, end_index })
    });
    found.collect()
}

/// The empty list of probabilities, which the types require.
pub(super) fn no_logprobs() -> Option<Json> {
    Json::parse("[]")
}

/// A JSON string.
fn string(text: &str) -> Option<Json> {
    Json::of(&text)
}

/// A message with one part.
pub(super) fn message(id: String, part: PartOut, phase: Option<&str>) -> ItemOut {
    ItemOut {
        kind: "message",
        id,
        status: Some("completed"),
        role: Some("assistant"),
        content: Some(vec![part]),
        phase: phase.map(str::to_owned),
        ..ItemOut::default()
    }
}

/// A part of text with its citations.
pub(super) fn text_part(text: &Text, logprobs: Option<Json>) -> PartOut {
    PartOut {
        kind: "output_text",
        text: Some(text.text.clone()),
        annotations: Some(annotations(text)),
        logprobs: logprobs.or_else(no_logprobs),
        ..PartOut::default()
    }
}

/// Reasoning, with its state sealed.
pub(super) fn reasoning(id: String, reasoning: &Reasoning, reply: &Reply) -> ItemOut {
    let part = |kind| PartOut { kind, text: Some(reasoning.text.clone()), ..PartOut::default() };
    let shown = !reasoning.text.is_empty();
    ItemOut {
        kind: "reasoning",
        id,
        summary: Some(if shown { vec![part("summary_text")] } else { Vec::new() }),
        encrypted_content: Some(reply.sealer.as_ref().and_then(|sealer| sealer.reasoning(reasoning))),
        ..ItemOut::default()
    }
}

/// An item whose only use is to bring a call's signature back.
pub(super) fn carrier(id: String, sealed: String) -> ItemOut {
    ItemOut {
        kind: "reasoning",
        id,
        summary: Some(Vec::new()),
        encrypted_content: Some(Some(sealed)),
        ..ItemOut::default()
    }
}

/// What a call's state becomes for the client.
pub(super) fn sealed_call(call: &Call, reply: &Reply) -> Option<String> {
    reply.sealer.as_ref()?.call(call.state.as_ref()?)
}

/// The prefix of a call's item id.
pub(super) const fn call_prefix(kind: CallKind) -> &'static str {
    match kind {
        CallKind::Function => "fc",
        CallKind::Freeform => "ctc",
        CallKind::Search => "tsc",
    }
}

/// A call; without its input while it streams.
pub(super) fn call(id: String, call: &Call, status: &'static str) -> ItemOut {
    let item = ItemOut {
        id,
        status: Some(status),
        call_id: Some(call.id.clone()),
        name: Some(call.name.clone()),
        namespace: call.namespace.clone(),
        ..ItemOut::default()
    };
    match call.kind {
        CallKind::Function => {
            let empty = call.input.trim().is_empty() && status == "completed";
            let arguments = string(if empty { "{}" } else { &call.input });
            ItemOut { kind: "function_call", arguments, ..item }
        }
        CallKind::Freeform => ItemOut { kind: "custom_tool_call", input: Some(call.input.clone()), ..item },
        CallKind::Search => ItemOut {
            kind: "tool_search_call",
            name: None,
            execution: Some("client"),
            arguments: Some(arguments_object(&call.input).unwrap_or_else(Json::empty_object)),
            ..item
        },
    }
}

/// The items of an answer's part; `logprobs` are of its text, `next` gives each a number.
pub(super) fn of_part(
    part: &Part,
    logprobs: Option<Json>,
    reply: &Reply,
    next: &mut impl FnMut(&str) -> String,
    out: &mut Vec<ItemOut>,
) {
    match &part.kind {
        PartKind::Text(text) => {
            if !text.text.is_empty() {
                out.push(message(next("msg"), text_part(text, logprobs), text.phase.as_deref()));
            }
            if let Some(sealed) = text.state.as_ref().and_then(|state| reply.sealer.as_ref()?.text(state)) {
                out.push(carrier(next("rs"), sealed));
            }
        }
        PartKind::Refusal(refusal) => {
            let part = PartOut { kind: "refusal", refusal: Some(refusal.clone()), ..PartOut::default() };
            out.push(message(next("msg"), part, None));
        }
        PartKind::Reasoning(thought) => out.push(reasoning(next("rs"), thought, reply)),
        PartKind::Call(made) => {
            if let Some(sealed) = sealed_call(made, reply) {
                out.push(carrier(next("rs"), sealed));
            }
            out.push(call(next(call_prefix(made.kind)), made, "completed"));
        }
        _ => {}
    }
}
