//! A Gemini answer in one piece.

use super::answer::{AnswerOut, CandidateOut, UsageOut, parts_of, reason};
use super::request::{ContentOut, read_part};
use super::{stop, wire};
use crate::chat::{BadRequest, Choice, Citation, Maker, PartKind, Reply, Response, Role, Stop, loss};
use crate::count::usage;

/// Reads a provider's answer. Calls without an id get one of the answer's id.
pub fn read(body: &[u8], maker: &Maker) -> Result<Response, BadRequest> {
    let wire: wire::Answer = loss::read(body)?;
    if wire.error.is_some_and(|error| !error.is_null()) {
        return Err(BadRequest::new("error", "the answer is an error"));
    }
    let id = wire.response_id.unwrap_or_default();
    let mut choices = Vec::new();
    for candidate in wire.candidates.unwrap_or_default() {
        choices.push(choice(candidate, maker)?);
    }
    if choices.is_empty() {
        // A prompt that was blocked has no candidate at all.
        let blocked = wire.prompt_feedback.and_then(|feedback| feedback.block_reason);
        let reason = blocked.ok_or_else(|| BadRequest::new("candidates", "is missing"))?;
        choices.push(Choice { stop: Stop::Safety(Some(reason)), ..Choice::default() });
    }
    Ok(Response {
        id,
        model: wire.model_version.unwrap_or_default(),
        created_s: 0,
        choices,
        usage: wire.usage_metadata.as_ref().and_then(|json| usage::gemini(json.text())),
        service_tier: None,
    })
}

fn choice(wire: wire::Candidate, maker: &Maker) -> Result<Choice, BadRequest> {
    let mut parts = Vec::new();
    for (n, part) in wire.content.unwrap_or_default().parts.into_iter().enumerate() {
        let path = |rest: &str| format!("candidates.content.parts[{n}]{rest}");
        parts.extend(read_part(part, Role::Assistant, Some(maker), "", &path)?);
    }
    let pages = wire.grounding_metadata.and_then(|grounding| grounding.grounding_chunks).unwrap_or_default();
    let pages = pages.into_iter().filter_map(|chunk| chunk.web);
    let citations = pages.map(|web| Citation { url: web.uri, title: web.title, ..Citation::default() });
    if let Some(PartKind::Text(text)) =
        parts.iter_mut().rev().map(|part| &mut part.kind).find(|kind| matches!(kind, PartKind::Text(_)))
    {
        text.citations.extend(citations);
    }
    let stop = wire.finish_reason.map(|word| stop::read(&word, wire.finish_message)).unwrap_or_default();
    Ok(Choice { parts, stop, logprobs: None })
}

/// Writes an answer for our client.
pub fn write(response: &Response, reply: &Reply) -> Vec<u8> {
    let mut candidates = Vec::with_capacity(response.choices.len());
    for (index, choice) in response.choices.iter().enumerate() {
        let mut parts = Vec::new();
        let mut malformed = false;
        for part in &choice.parts {
            parts_of(part, reply, &mut malformed, &mut parts);
        }
        candidates.push(CandidateOut {
            content: ContentOut { role: Some("model"), parts },
            finish_reason: Some(reason(&choice.stop, malformed)),
            index: u32::try_from(index).unwrap_or(u32::MAX),
        });
    }
    let id = if response.id.is_empty() { reply.seed.as_str() } else { &response.id };
    let out = AnswerOut {
        candidates,
        usage_metadata: response.usage.as_ref().map(UsageOut::from),
        model_version: reply.model(&response.model),
        response_id: id,
    };
    serde_json::to_vec(&out).unwrap_or_default()
}
