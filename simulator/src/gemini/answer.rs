//! An answer as `GenerateContentResponse`: whole, as events, or as a JSON array that comes piece by piece.
use serde::Serialize;
use serde_json::{Map, Value};

use crate::answer::{self, Answer, SIGNATURE};
use crate::ask::Ask;
use crate::count::Count;
use crate::reply;
use crate::sse::{Events, json};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    candidates: [Candidate; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_metadata: Option<Usage>,
    model_version: &'a str,
    response_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Content,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'static str>,
    index: u32,
}

#[derive(Serialize)]
struct Content {
    parts: Vec<Part>,
    role: &'static str,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<FunctionCall>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought_signature: Option<&'static str>,
}

#[derive(Serialize)]
struct FunctionCall {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    name: String,
    args: Map<String, Value>,
}

/// The prompt includes what was cached; the candidates exclude the thoughts.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    prompt_token_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cached_content_token_count: u64,
    candidates_token_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    thoughts_token_count: u64,
    total_token_count: u64,
    prompt_tokens_details: [Modality; 1],
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Modality {
    modality: &'static str,
    token_count: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl From<Count> for Usage {
    fn from(count: Count) -> Self {
        Self {
            prompt_token_count: count.input(),
            cached_content_token_count: count.cache_read,
            candidates_token_count: count.output - count.reasoning,
            thoughts_token_count: count.reasoning,
            total_token_count: count.total(),
            prompt_tokens_details: [Modality { modality: "TEXT", token_count: count.input() }],
        }
    }
}

fn response<'a>(
    ask: &'a Ask<'_>,
    parts: Vec<Part>,
    finish_reason: Option<&'static str>,
    count: Option<Count>,
) -> Response<'a> {
    Response {
        candidates: [Candidate { content: Content { parts, role: "model" }, finish_reason, index: 0 }],
        usage_metadata: count.map(Usage::from),
        model_version: &ask.model,
        response_id: format!("sim{:016x}", ask.id),
    }
}

fn text(text: String) -> Part {
    Part { text: Some(text), ..Part::default() }
}

fn thought(text: String) -> Part {
    Part { text: Some(text), thought: Some(true), ..Part::default() }
}

/// A call comes whole; the first of a step carries the signature of the thoughts before it.
fn call(ask: &Ask<'_>, at: usize, name: &str, arguments: &str) -> Part {
    let id = ask.script.ids.then(|| format!("call_{:016x}{at:02}", ask.id));
    let args = serde_json::from_str(arguments).unwrap_or_default();
    Part {
        function_call: Some(FunctionCall { id, name: name.to_owned(), args }),
        thought_signature: (at == 0).then_some(SIGNATURE),
        ..Part::default()
    }
}

/// Whether a text has thoughts before it whose signature it carries.
fn signs_text(answer: &Answer) -> bool {
    !answer.calls_tools() && answer.parts.iter().any(answer::Part::is_reasoning)
}

/// The answer in one piece.
pub(crate) fn whole(ask: &Ask<'_>, answer: &Answer) -> Vec<u8> {
    let (mut parts, mut calls) = (Vec::new(), 0);
    for part in &answer.parts {
        match part {
            answer::Part::Reasoning { .. } => parts.push(thought(part.whole())),
            answer::Part::Redacted => {}
            answer::Part::Text { .. } => {
                let signature = signs_text(answer).then_some(SIGNATURE);
                parts.push(Part { thought_signature: signature, ..text(part.whole()) });
            }
            answer::Part::Tool { name, .. } => {
                parts.push(call(ask, calls, name, &part.whole()));
                calls += 1;
            }
        }
    }
    json(&response(ask, parts, Some("STOP"), answer.count)).into_bytes()
}

/// The answer as chunks, each a whole response with new parts; as events, or as one JSON array.
pub(crate) fn stream(ask: &Ask<'_>, answer: &Answer, as_events: bool) -> Events {
    let crlf = ask.script.crlf;
    let events = answer.pieces() + 4;
    let mut events = if as_events { Events::new(crlf, events) } else { Events::array(crlf, events) };
    // Usage comes with each chunk and adds up.
    let mut so_far = answer.count.map(|count| Count { output: 0, reasoning: 0, ..count });
    let mut push = |part: Part, tokens: u64, thinks: bool| {
        if let Some(count) = so_far.as_mut().filter(|_| answer.count.is_some_and(|count| count.output > 0)) {
            count.output += tokens;
            count.reasoning += if thinks { tokens } else { 0 };
        }
        events.data(&json(&response(ask, vec![part], None, so_far)), true);
    };
    let mut calls = 0;
    for part in &answer.parts {
        match part {
            answer::Part::Reasoning { pieces } => {
                for piece in pieces {
                    push(thought(piece.to_string()), 1, true);
                }
            }
            answer::Part::Redacted => {}
            answer::Part::Text { pieces } => {
                for piece in pieces {
                    push(text(piece.to_string()), 1, false);
                }
            }
            answer::Part::Tool { name, pieces, .. } => {
                push(call(ask, calls, name, &part.whole()), pieces.len() as u64, false);
                calls += 1;
            }
        }
    }
    let signature = signs_text(answer).then_some(SIGNATURE);
    let last = Part { thought_signature: signature, ..text(String::new()) };
    events.data(&json(&response(ask, vec![last], Some("STOP"), answer.count)), false);
    events.close();
    if reply::spoil(ask.script.kind, &mut events) {
        events.data(&reply::late_problem().gemini(), false);
        events.close();
    }
    events
}
