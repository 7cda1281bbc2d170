//! A Gemini answer as our clients get it: whole, or a chunk of a stream.

use serde::Serialize;

use super::request::{CallOut, ContentOut, PartOut};
use super::stop;
use crate::chat::json::arguments_object;
use crate::chat::unwrap::wrap;
use crate::chat::{Call, CallKind, Json, Part, PartKind, Reply, Stop};
use crate::count::Counts;
use crate::envelope;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AnswerOut<'a> {
    pub(super) candidates: Vec<CandidateOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage_metadata: Option<UsageOut>,
    pub(super) model_version: &'a str,
    pub(super) response_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CandidateOut<'a> {
    pub(super) content: ContentOut<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finish_reason: Option<&'a str>,
    pub(super) index: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageOut {
    prompt_token_count: u64,
    candidates_token_count: u64,
    total_token_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cached_content_token_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    thoughts_token_count: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl From<&Counts> for UsageOut {
    fn from(counts: &Counts) -> Self {
        Self {
            prompt_token_count: counts.input(),
            candidates_token_count: counts.output.saturating_sub(counts.reasoning),
            total_token_count: counts.total(),
            cached_content_token_count: counts.cache_read,
            thoughts_token_count: counts.reasoning,
        }
    }
}

/// A call; none where its arguments are no object, which this protocol cannot say.
pub(super) fn call_part<'a>(call: &'a Call, reply: &Reply) -> Option<PartOut<'a>> {
    let args =
        if call.kind == CallKind::Freeform { Json::parse(wrap(&call.input)) } else { arguments_object(&call.input) };
    let sealed = call.state.as_ref().and_then(|state| reply.sealer.as_ref()?.call(state));
    Some(PartOut {
        function_call: Some(CallOut { id: Some(&call.id), name: call.name.as_str().into(), args: args? }),
        thought_signature: sealed.map(|sealed| envelope::to_base64(&sealed).into()),
        ..PartOut::default()
    })
}

/// The parts that say `part`; the flag tells of a call that could not be said.
pub(super) fn parts_of<'a>(part: &'a Part, reply: &Reply, malformed: &mut bool, out: &mut Vec<PartOut<'a>>) {
    let sealer = reply.sealer.as_ref();
    match &part.kind {
        PartKind::Text(text) => {
            let sealed = text.state.as_ref().and_then(|state| sealer?.text(state));
            if !text.text.is_empty() || sealed.is_some() {
                out.push(PartOut {
                    text: Some(text.text.as_str().into()),
                    thought_signature: sealed.map(|sealed| envelope::to_base64(&sealed).into()),
                    ..PartOut::default()
                });
            }
        }
        PartKind::Refusal(text) => out.push(PartOut { text: Some(text.as_str().into()), ..PartOut::default() }),
        PartKind::Reasoning(reasoning) => {
            let sealed = sealer.and_then(|sealer| sealer.reasoning(reasoning));
            if !reasoning.text.is_empty() || sealed.is_some() {
                out.push(PartOut {
                    text: Some(reasoning.text.as_str().into()),
                    thought: true,
                    thought_signature: sealed.map(|sealed| envelope::to_base64(&sealed).into()),
                    ..PartOut::default()
                });
            }
        }
        PartKind::Call(call) => match call_part(call, reply) {
            Some(part) => out.push(part),
            None => *malformed = true,
        },
        _ => {}
    }
}

/// The reason to tell.
pub(super) fn reason(stop: &Stop, malformed: bool) -> &str {
    if malformed { "MALFORMED_FUNCTION_CALL" } else { stop::write(stop) }
}
