//! A Responses answer in one piece.

use super::item::{self, ItemOut};
use super::object::{self, State, UsageOut};
use super::request::items;
use super::wire;
use crate::chat::collect::join;
use crate::chat::json::TextOr;
use crate::chat::{BadRequest, Choice, Json, Maker, Part, PartKind, Reply, Response, Role, Stop, loss};
use crate::count::usage;

/// Reads a provider's answer.
pub fn read(body: &[u8], maker: &Maker) -> Result<Response, BadRequest> {
    let wire: wire::Answer = loss::read(body)?;
    if wire.error.as_ref().is_some_and(|error| !error.is_null()) {
        return Err(BadRequest::new("error", "the answer is an error"));
    }
    let output = wire.output.ok_or_else(|| BadRequest::new("output", "is missing"))?;
    let mut parts = Vec::with_capacity(output.len());
    let mut lists = Vec::new();
    for (at, raw) in output.iter().enumerate() {
        parts.extend(parts_of(raw, maker, &|rest: &str| format!("output[{at}]{rest}"))?);
        lists.extend(raw.read().as_ref().and_then(logprobs));
    }
    let stop = stop(wire.status.as_deref(), wire.incomplete_details);
    let refused = parts.iter().any(|part| matches!(part.kind, PartKind::Refusal(_)));
    let stop = if refused && stop == Stop::End { Stop::Safety(None) } else { stop };
    Ok(Response {
        id: wire.id.unwrap_or_default(),
        model: wire.model.unwrap_or_default(),
        created_s: wire.created_at.and_then(|n| n.as_f64()).map_or(0, whole_seconds),
        choices: vec![Choice { parts, stop, logprobs: join(&lists) }],
        usage: wire.usage.as_ref().and_then(|json| usage::openai(json.text())),
        service_tier: wire.service_tier,
    })
}

/// Some servers give fractions of a second.
pub(super) fn whole_seconds(seconds: f64) -> u64 {
    #[expect(clippy::cast_sign_loss, reason = "checked to be in range")]
    if (0.0..1e12).contains(&seconds) { seconds as u64 } else { 0 }
}

/// The probabilities of a message's text; none where there are none.
pub(super) fn logprobs(item: &wire::Item) -> Option<Json> {
    let TextOr::List(parts) = &item.content else { return None };
    let lists: Vec<Json> = parts.iter().filter_map(|part| part.logprobs.clone()).collect();
    join(&lists)
}

/// The parts of one item of the output.
pub(super) fn parts_of(raw: &Json, maker: &Maker, path: &dyn Fn(&str) -> String) -> Result<Vec<Part>, BadRequest> {
    let item: wire::Item = raw.read().ok_or_else(|| BadRequest::new(path(""), "is not an item"))?;
    if item.kind.as_deref() == Some("message") {
        return items::content(item.content, Role::Assistant, item.phase.as_deref(), path);
    }
    Ok(items::model_item(item, raw, Some(maker), path)?.into_iter().collect())
}

/// Why a response ended.
pub(super) fn stop(status: Option<&str>, details: Option<wire::Incomplete>) -> Stop {
    match (status, details.and_then(|details| details.reason).as_deref()) {
        (Some("incomplete"), Some("content_filter")) => Stop::Safety(None),
        (Some("incomplete"), _) => Stop::Length,
        _ => Stop::End,
    }
}

/// Writes an answer for our client.
pub fn write(response: &Response, reply: &Reply) -> Vec<u8> {
    let none = Choice::default();
    let choice = response.choices.first().unwrap_or(&none);
    let mut output: Vec<ItemOut> = Vec::with_capacity(choice.parts.len());
    let mut count = 0_u32;
    let mut next = |prefix: &str| {
        count += 1;
        format!("{prefix}_{}{count:04x}", reply.seed)
    };
    let mut logprobs = choice.logprobs.clone();
    for part in &choice.parts {
        item::of_part(part, logprobs.take_if(|_| part.as_text().is_some()), reply, &mut next, &mut output);
    }
    let id = reply.id("resp_", &response.id);
    let (status, reason) = object::status(&choice.stop);
    let state = State {
        id: &id,
        model: reply.model(&response.model),
        created_s: reply.created_s(response.created_s),
        status,
        reason,
        error: None,
        output: &output,
        usage: response.usage.as_ref().map(UsageOut::from),
        service_tier: response.service_tier.as_deref(),
    };
    serde_json::to_vec(&object::object(state, reply)).unwrap_or_default()
}
