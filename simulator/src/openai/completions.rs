//! Legacy completions: text without messages.
use serde::Serialize;

use super::{FINGERPRINT, Usage};
use crate::answer::{Answer, Part};
use crate::ask::Ask;
use crate::reply;
use crate::sse::{Events, json};

#[derive(Serialize)]
struct Completion<'a> {
    id: String,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageField>,
    system_fingerprint: &'static str,
}

/// The field when it is there: streams that end with the usage say null before.
#[derive(Serialize)]
#[serde(untagged)]
enum UsageField {
    Null,
    Counted(Usage),
}

#[derive(Serialize)]
struct Choice<'a> {
    text: &'a str,
    index: u32,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

fn completion(ask: &Ask<'_>, choices: &[Choice<'_>], usage: Option<UsageField>) -> String {
    json(&Completion {
        id: format!("cmpl-{:016x}", ask.id),
        object: "text_completion",
        created: ask.created_s,
        model: &ask.model,
        choices,
        usage,
        system_fingerprint: FINGERPRINT,
    })
}

/// The answer in one piece.
pub(crate) fn whole(ask: &Ask<'_>, answer: &Answer) -> Vec<u8> {
    let texts = answer.parts.iter().filter(|part| matches!(part, Part::Text { .. }));
    let text: String = texts.map(Part::whole).collect();
    let choice = Choice { text: &text, index: 0, logprobs: None, finish_reason: Some("stop") };
    completion(ask, &[choice], answer.count.map(|count| UsageField::Counted(count.into()))).into_bytes()
}

/// The answer as chunks, up to `[DONE]`.
pub(crate) fn stream(ask: &Ask<'_>, answer: &Answer) -> Events {
    let mut events = Events::new(ask.script.crlf, answer.pieces() + 4);
    let null = || ask.includes_usage().then_some(UsageField::Null);
    for part in &answer.parts {
        let Part::Text { pieces } = part else { continue };
        for piece in pieces {
            let choice = Choice { text: piece, index: 0, logprobs: None, finish_reason: None };
            events.data(&completion(ask, &[choice], null()), true);
        }
    }
    let choice = Choice { text: "", index: 0, logprobs: None, finish_reason: Some("stop") };
    events.data(&completion(ask, &[choice], null()), false);
    if let (true, Some(count)) = (ask.includes_usage(), answer.count) {
        events.data(&completion(ask, &[], Some(UsageField::Counted(count.into()))), false);
    }
    events.data("[DONE]", false);
    if reply::spoil(ask.script.kind, &mut events) {
        events.data(&reply::late_problem().openai(), false);
    }
    events
}
