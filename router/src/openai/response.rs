//! A Chat Completions answer in one piece.

use serde::Serialize;

use super::request::messages::{arguments, call_of, cite, reasoning_of, texts};
use super::usage::UsageOut;
use super::{stop, wire};
use crate::chat::json::TextOr;
use crate::chat::{
    BadRequest, Call, CallKind, Choice, Json, Maker, Part, PartKind, Reasoning, Reply, Response, State, Text, loss,
};
use crate::count::usage;
use crate::envelope;

/// Reads a provider's answer. Its reasoning has no state in this protocol, but Google's signatures may come along.
pub fn read(body: &[u8], maker: &Maker) -> Result<Response, BadRequest> {
    let wire: wire::Answer = loss::read(body)?;
    if wire.error.is_some_and(|error| !error.is_null()) {
        return Err(BadRequest::new("error", "the answer is an error"));
    }
    let choices = wire.choices.filter(|choices| !choices.is_empty());
    let mut choices = choices.ok_or_else(|| BadRequest::new("choices", "is missing"))?;
    choices.sort_by_key(|choice| choice.index.unwrap_or(0));
    let choices = choices.into_iter().map(|choice| choice_of(choice, maker)).collect::<Result<_, _>>()?;
    Ok(Response {
        id: wire.id.unwrap_or_default(),
        model: wire.model.unwrap_or_default(),
        created_s: wire.created.and_then(|n| n.as_u64()).unwrap_or(0),
        choices,
        usage: wire.usage.as_ref().and_then(|json| usage::openai(json.text())),
        service_tier: wire.service_tier,
    })
}

fn choice_of(wire: wire::AnswerChoice, maker: &Maker) -> Result<Choice, BadRequest> {
    let mut message = wire.message.ok_or_else(|| BadRequest::new("choices[0].message", "is missing"))?;
    let mut parts = Vec::new();
    if let Some(reasoning) = reasoning_of(&mut message) {
        parts.push(Part::new(PartKind::Reasoning(reasoning)));
    }
    match std::mem::take(&mut message.content) {
        TextOr::Nothing => {}
        TextOr::Text(text) => {
            if !text.is_empty() {
                parts.push(Part::text(text));
            }
        }
        TextOr::List(list) => {
            for part in list {
                parts.extend(answer_part(part));
            }
        }
    }
    cite(&mut parts, message.annotations.take());
    if let Some(refusal) = message.refusal.take().filter(|text| !text.is_empty()) {
        parts.push(Part::new(PartKind::Refusal(refusal)));
    }
    for call in message.tool_calls.take().unwrap_or_default() {
        let mut call = call_of(call).ok_or_else(|| BadRequest::new("choices[0].message.tool_calls", "has no name"))?;
        if let Some(state) = &mut call.state {
            state.maker = Some(maker.clone());
        }
        parts.push(Part::new(PartKind::Call(call)));
    }
    if let Some(function) = message.function_call.take() {
        let name = function.name.unwrap_or_default();
        parts.push(Part::new(PartKind::Call(Call { name, input: arguments(function.arguments), ..Call::default() })));
    }
    let stop = wire.finish_reason.as_deref().map(stop::read).unwrap_or_default();
    let logprobs = wire.logprobs.and_then(|logprobs| logprobs.content).filter(|list| !list.is_null());
    Ok(Choice { parts, stop, logprobs })
}

/// A part of content where a vendor answers with a list.
pub(super) fn answer_part(part: wire::Part) -> Option<Part> {
    match part.kind.as_deref() {
        Some("thinking") => {
            let text = part.thinking.map(|t| t.as_string().unwrap_or_else(|| texts(&t))).unwrap_or_default();
            Some(Part::new(PartKind::Reasoning(Reasoning { text, raw: true, ..Reasoning::default() })))
        }
        Some("refusal") => part.refusal.map(|text| Part::new(PartKind::Refusal(text))),
        _ => part.text.filter(|text| !text.is_empty()).map(Part::text),
    }
}

#[derive(Serialize)]
struct AnswerOut<'a> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<ChoiceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
}

#[derive(Serialize)]
struct ChoiceOut<'a> {
    index: usize,
    message: MessageOut<'a>,
    logprobs: Option<LogprobsOut<'a>>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
pub(super) struct LogprobsOut<'a> {
    pub(super) content: &'a Json,
    pub(super) refusal: Option<()>,
}

#[derive(Serialize)]
struct MessageOut<'a> {
    role: &'static str,
    content: Option<String>,
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasoning_details: Vec<DetailOut>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallOut<'a>>,
    annotations: Vec<AnnotationOut<'a>>,
}

/// Our envelope in the field that OpenRouter made for such things.
#[derive(Serialize)]
pub(super) struct DetailOut {
    #[serde(rename = "type")]
    kind: &'static str,
    data: String,
}

impl DetailOut {
    /// The reasoning's state, sealed.
    pub(super) fn of(reasoning: &Reasoning, reply: &Reply) -> Option<Self> {
        let data = reply.sealer.as_ref()?.reasoning(reasoning)?;
        Some(Self { kind: "reasoning.encrypted", data })
    }
}

#[derive(Serialize)]
struct CallOut<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<FunctionOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<CustomOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<ExtraOut>,
}

#[derive(Serialize)]
struct FunctionOut<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
struct CustomOut<'a> {
    name: &'a str,
    input: &'a str,
}

#[derive(Serialize)]
pub(super) struct ExtraOut {
    google: GoogleOut,
}

#[derive(Serialize)]
struct GoogleOut {
    thought_signature: String,
}

impl ExtraOut {
    /// A call's state, sealed, in Google's own field for it.
    pub(super) fn of(state: Option<&State>, reply: &Reply) -> Option<Self> {
        let sealed = reply.sealer.as_ref()?.call(state?)?;
        Some(Self { google: GoogleOut { thought_signature: envelope::to_base64(&sealed) } })
    }
}

#[derive(Serialize)]
pub(super) struct AnnotationOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    url_citation: UrlOut<'a>,
}

#[derive(Serialize)]
struct UrlOut<'a> {
    url: &'a str,
    title: &'a str,
    start_index: u64,
    end_index: u64,
}

/// The citations of a text that stand on a page.
pub(super) fn annotations(text: &Text) -> impl Iterator<Item = AnnotationOut<'_>> {
    text.citations.iter().filter_map(|citation| {
        let (start_index, end_index) = citation.range.unwrap_or((0, text.text.chars().count() as u64));
        let title = citation.title.as_deref().unwrap_or_default();
        let url_citation = UrlOut { url: citation.url.as_deref()?, title, start_index, end_index };
        Some(AnnotationOut { kind: "url_citation", url_citation })
    })
}

/// Arguments as clients parse them: never empty.
pub(super) fn non_empty(arguments: &str) -> &str {
    if arguments.trim().is_empty() { "{}" } else { arguments }
}

/// Writes an answer for our client.
pub fn write(response: &Response, reply: &Reply) -> Vec<u8> {
    let choices = response.choices.iter().enumerate().map(|(index, choice)| choice_out(index, choice, reply)).collect();
    let out = AnswerOut {
        id: reply.id("chatcmpl-", &response.id),
        object: "chat.completion",
        created: reply.created_s(response.created_s),
        model: reply.model(&response.model),
        choices,
        usage: response.usage.as_ref().map(UsageOut::from),
        service_tier: response.service_tier.as_deref(),
    };
    serde_json::to_vec(&out).unwrap_or_default()
}

fn choice_out<'a>(index: usize, choice: &'a Choice, reply: &Reply) -> ChoiceOut<'a> {
    let mut message = MessageOut {
        role: "assistant",
        content: None,
        refusal: None,
        reasoning_content: None,
        reasoning_details: Vec::new(),
        tool_calls: Vec::new(),
        annotations: Vec::new(),
    };
    for part in &choice.parts {
        match &part.kind {
            PartKind::Text(text) => {
                message.content.get_or_insert_default().push_str(&text.text);
                message.annotations.extend(annotations(text));
            }
            PartKind::Refusal(text) => message.refusal = Some(text),
            PartKind::Reasoning(reasoning) => {
                if !reasoning.text.is_empty() {
                    message.reasoning_content.get_or_insert_default().push_str(&reasoning.text);
                }
                message.reasoning_details.extend(DetailOut::of(reasoning, reply));
            }
            PartKind::Call(call) => {
                let is_freeform = call.kind == CallKind::Freeform;
                message.tool_calls.push(CallOut {
                    id: &call.id,
                    kind: if is_freeform { "custom" } else { "function" },
                    function: (!is_freeform)
                        .then(|| FunctionOut { name: &call.name, arguments: non_empty(&call.input) }),
                    custom: is_freeform.then_some(CustomOut { name: &call.name, input: &call.input }),
                    extra_content: ExtraOut::of(call.state.as_ref(), reply),
                });
            }
            _ => {}
        }
    }
    let logprobs = choice.logprobs.as_ref().map(|content| LogprobsOut { content, refusal: None });
    ChoiceOut { index, message, logprobs, finish_reason: stop::write(&choice.stop) }
}
