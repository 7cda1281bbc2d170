//! An Anthropic Messages answer in one piece.

use serde::Serialize;

use super::request::blocks;
use super::usage::UsageOut;
use super::{stop, wire};
use crate::chat::json::arguments_object;
use crate::chat::unwrap::wrap;
use crate::chat::{
    BadRequest, CallKind, Choice, Json, Maker, Part, PartKind, Reasoning, Reply, Response, Role, Stop, loss,
};
use crate::count::{Counts, usage};

/// Reads a provider's answer.
pub fn read(body: &[u8], maker: &Maker) -> Result<Response, BadRequest> {
    let wire: wire::Answer = loss::read(body)?;
    if wire.kind.as_deref() == Some("error") {
        return Err(BadRequest::new("type", "the answer is an error"));
    }
    let content = wire.content.ok_or_else(|| BadRequest::new("content", "is missing"))?;
    let mut parts = Vec::with_capacity(content.len());
    for (n, raw) in content.iter().enumerate() {
        let path = |rest: &str| format!("content[{n}]{rest}");
        let block: wire::Block = raw.read().ok_or_else(|| BadRequest::new(path(""), "is not a block"))?;
        match blocks::part(block, Some(raw), Role::Assistant, Some(maker), &path) {
            Ok(part) => parts.extend(part),
            // The vendor may add kinds of blocks at any time; what they hold is of no use elsewhere.
            Err(e) if e.path == path(".type") => {}
            Err(e) => return Err(e),
        }
    }
    let stop = wire.stop_reason.map(|word| stop::read(&word, wire.stop_sequence, wire.stop_details));
    Ok(Response {
        id: wire.id.unwrap_or_default(),
        model: wire.model.unwrap_or_default(),
        created_s: 0,
        choices: vec![Choice { parts, stop: stop.unwrap_or_default(), logprobs: None }],
        usage: wire.usage.as_ref().and_then(|json| usage::anthropic(json.text(), None)),
        service_tier: None,
    })
}

#[derive(Serialize)]
struct AnswerOut<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<BlockOut<'a>>,
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_details: Option<DetailsOut<'a>>,
    usage: UsageOut,
}

/// Why a model refused.
#[derive(Serialize)]
pub(super) struct DetailsOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    category: Option<()>,
    explanation: Option<&'a str>,
}

impl<'a> DetailsOut<'a> {
    pub(super) const fn of(stop: &'a Stop) -> Option<Self> {
        match stop {
            Stop::Safety(Some(explanation)) => {
                Some(Self { kind: "refusal", category: None, explanation: Some(explanation.as_str()) })
            }
            _ => None,
        }
    }
}

/// The stop sequence that ended an answer.
pub(super) fn sequence(stop: &Stop) -> Option<&str> {
    match stop {
        Stop::Sequence(sequence) => sequence.as_deref(),
        _ => None,
    }
}

#[derive(Default, Serialize)]
struct BlockOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    citations: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Json>,
}

/// The input of a call as the object that clients expect; text that is none stays visible in it.
pub(super) fn input(kind: CallKind, text: &str) -> Json {
    let object = if kind == CallKind::Freeform { Json::parse(wrap(text)) } else { arguments_object(text) };
    object.or_else(|| Json::parse(wrap(text))).unwrap_or_else(Json::empty_object)
}

/// The signature of reasoning for a client of this protocol, and the data of hidden reasoning.
pub(super) fn sealed(reasoning: &Reasoning, reply: &Reply) -> Option<String> {
    reply.sealer.as_ref()?.reasoning(reasoning)
}

/// Writes an answer for our client.
pub fn write(response: &Response, reply: &Reply) -> Vec<u8> {
    let none = Choice::default();
    let choice = response.choices.first().unwrap_or(&none);
    let mut content = Vec::with_capacity(choice.parts.len());
    for part in &choice.parts {
        blocks_of(part, reply, &mut content);
    }
    // Clients take the last block for the result, so the signature of a text that nothing follows goes before it, where
    // it is found as well; behind another text it would be taken for that one's, and stays here.
    let signs_the_end =
        matches!(choice.parts.last().map(|part| &part.kind), Some(PartKind::Text(text)) if text.state.is_some());
    if signs_the_end
        && let Some(carrier) = content.pop_if(|block| block.kind == "redacted_thinking")
        && let [before @ .., text] = content.as_slice()
        && text.kind == "text"
        && before.last().is_none_or(|block| block.kind != "text")
    {
        content.insert(content.len() - 1, carrier);
    }
    let out = AnswerOut {
        id: reply.id("msg_", &response.id),
        kind: "message",
        role: "assistant",
        model: reply.model(&response.model),
        content,
        stop_reason: stop::write(&choice.stop),
        stop_sequence: sequence(&choice.stop),
        stop_details: DetailsOut::of(&choice.stop),
        usage: UsageOut::from(
            &response.usage.unwrap_or(Counts { input_uncached: reply.estimated_input, ..Counts::default() }),
        ),
    };
    serde_json::to_vec(&out).unwrap_or_default()
}

fn blocks_of<'a>(part: &'a Part, reply: &Reply, out: &mut Vec<BlockOut<'a>>) {
    match &part.kind {
        PartKind::Text(text) => {
            if !text.text.is_empty() {
                out.push(BlockOut { kind: "text", text: Some(&text.text), ..BlockOut::default() });
            }
            if let Some(signature) = text.state.as_ref().and_then(|state| reply.sealer.as_ref()?.text(state)) {
                out.push(carrier(signature));
            }
        }
        PartKind::Refusal(text) => out.push(BlockOut { kind: "text", text: Some(text), ..BlockOut::default() }),
        PartKind::Reasoning(reasoning) => {
            let sealed = sealed(reasoning, reply);
            match sealed {
                Some(data) if reasoning.redacted || reasoning.text.is_empty() => {
                    out.push(BlockOut { kind: "redacted_thinking", data: Some(data), ..BlockOut::default() });
                }
                None if reasoning.text.is_empty() => {}
                sealed => out.push(BlockOut {
                    kind: "thinking",
                    thinking: Some(&reasoning.text),
                    signature: Some(sealed.unwrap_or_default()),
                    ..BlockOut::default()
                }),
            }
        }
        PartKind::Call(call) => {
            if let Some(signature) = call.state.as_ref().and_then(|state| reply.sealer.as_ref()?.call(state)) {
                out.push(carrier(signature));
            }
            out.push(BlockOut {
                kind: "tool_use",
                id: Some(&call.id),
                name: Some(&call.name),
                input: Some(input(call.kind, &call.input)),
                ..BlockOut::default()
            });
        }
        _ => {}
    }
}

/// A block whose only use is to bring a signature back: hidden reasoning, which clients replay unseen.
fn carrier(data: String) -> BlockOut<'static> {
    BlockOut { kind: "redacted_thinking", data: Some(data), ..BlockOut::default() }
}
