//! A Cohere answer in one piece.

use serde::Serialize;

use super::request::{call_of, parts_of};
use super::usage::UsageOut;
use super::{stop, wire};
use crate::chat::{BadRequest, Choice, Maker, Part, PartKind, Reply, Response, loss};
use crate::count::usage;

/// Reads a provider's answer. This protocol has no state that could be anybody's.
pub fn read(body: &[u8], _maker: &Maker) -> Result<Response, BadRequest> {
    let wire: wire::Answer = loss::read(body)?;
    let message = wire.message.ok_or_else(|| BadRequest::new("message", "is missing"))?;
    let mut parts = Vec::new();
    if let Some(plan) = message.tool_plan.filter(|plan| !plan.is_empty()) {
        parts.push(Part::text(plan));
    }
    parts.extend(parts_of(message.content, &|rest: &str| format!("message{rest}"))?);
    for call in message.tool_calls.unwrap_or_default() {
        let call = call_of(call).ok_or_else(|| BadRequest::new("message.tool_calls", "has no name"))?;
        parts.push(PartKind::Call(call).into());
    }
    let stop = wire.finish_reason.as_deref().map(stop::read).unwrap_or_default();
    Ok(Response {
        id: wire.id.unwrap_or_default(),
        model: String::new(),
        created_s: 0,
        choices: vec![Choice { parts, stop, logprobs: None }],
        usage: wire.usage.as_ref().and_then(|json| usage::cohere(json.text())),
        service_tier: None,
    })
}

#[derive(Serialize)]
struct AnswerOut<'a> {
    id: &'a str,
    finish_reason: &'static str,
    message: MessageOut<'a>,
    usage: Option<UsageOut>,
}

#[derive(Serialize)]
struct MessageOut<'a> {
    role: &'static str,
    content: Vec<PartOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallOut<'a>>,
}

#[derive(Serialize)]
struct PartOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a str>,
}

#[derive(Serialize)]
struct CallOut<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: FunctionOut<'a>,
}

#[derive(Serialize)]
struct FunctionOut<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// Writes an answer for our client.
pub fn write(response: &Response, reply: &Reply) -> Vec<u8> {
    let none = Choice::default();
    let choice = response.choices.first().unwrap_or(&none);
    let mut message = MessageOut { role: "assistant", content: Vec::new(), tool_calls: Vec::new() };
    for part in &choice.parts {
        match &part.kind {
            PartKind::Text(text) if !text.text.is_empty() => {
                message.content.push(PartOut { kind: "text", text: Some(&text.text), thinking: None });
            }
            PartKind::Refusal(text) => message.content.push(PartOut { kind: "text", text: Some(text), thinking: None }),
            PartKind::Reasoning(reasoning) if !reasoning.text.is_empty() => {
                message.content.push(PartOut { kind: "thinking", text: None, thinking: Some(&reasoning.text) });
            }
            PartKind::Call(call) => {
                let arguments = if call.input.trim().is_empty() { "{}" } else { &call.input };
                let function = FunctionOut { name: &call.name, arguments };
                message.tool_calls.push(CallOut { id: &call.id, kind: "function", function });
            }
            _ => {}
        }
    }
    let out = AnswerOut {
        id: if response.id.is_empty() { &reply.seed } else { &response.id },
        finish_reason: stop::write(&choice.stop),
        message,
        usage: response.usage.as_ref().map(UsageOut::from),
    };
    serde_json::to_vec(&out).unwrap_or_default()
}
