//! Chat Completions: the answer whole, and as a stream of chunks.
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
    choices: [Choice; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    service_tier: &'static str,
    system_fingerprint: &'static str,
}

#[derive(Serialize)]
struct Choice {
    index: u32,
    message: Message,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message {
    role: &'static str,
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    refusal: Option<()>,
    annotations: [(); 0],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall>,
}

#[derive(Serialize)]
struct ToolCall {
    id: String,
    #[serde(flatten)]
    kind: ToolKind,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ToolKind {
    Function { function: Function },
    Custom { custom: Custom },
}

#[derive(Serialize)]
struct Function {
    name: String,
    arguments: String,
}

#[derive(Serialize)]
struct Custom {
    name: String,
    input: String,
}

fn answer_id(ask: &Ask<'_>) -> String {
    format!("chatcmpl-{:016x}", ask.id)
}

fn call_id(ask: &Ask<'_>, at: usize) -> String {
    format!("call_{:016x}{at:02}", ask.id)
}

fn finish_reason(answer: &Answer) -> &'static str {
    if answer.calls_tools() { "tool_calls" } else { "stop" }
}

/// The answer in one piece.
pub(crate) fn whole(ask: &Ask<'_>, answer: &Answer) -> Vec<u8> {
    let mut message = Message {
        role: "assistant",
        content: None,
        reasoning_content: None,
        refusal: None,
        annotations: [],
        tool_calls: Vec::new(),
    };
    for part in &answer.parts {
        match part {
            Part::Reasoning { .. } => message.reasoning_content = Some(part.whole()),
            Part::Redacted => {}
            Part::Text { .. } => message.content = Some(part.whole()),
            Part::Tool { name, custom, .. } => {
                let (name, text) = (name.clone(), part.whole());
                let kind = if *custom {
                    ToolKind::Custom { custom: Custom { name, input: text } }
                } else {
                    ToolKind::Function { function: Function { name, arguments: text } }
                };
                let id = call_id(ask, message.tool_calls.len());
                message.tool_calls.push(ToolCall { id, kind });
            }
        }
    }
    let completion = Completion {
        id: answer_id(ask),
        object: "chat.completion",
        created: ask.created_s,
        model: &ask.model,
        choices: [Choice { index: 0, message, logprobs: None, finish_reason: finish_reason(answer) }],
        usage: answer.count.map(Usage::from),
        service_tier: "default",
        system_fingerprint: FINGERPRINT,
    };
    json(&completion).into_bytes()
}

/// Writes chunks that differ in their delta only.
struct Chunks {
    head: String,
    /// `usage` is null in each chunk when it is to come in one of its own.
    tail: &'static str,
    line: String,
}

impl Chunks {
    fn new(ask: &Ask<'_>) -> Self {
        let head = format!(
            r#"{{"id":"{}","object":"chat.completion.chunk","created":{},"model":{},"service_tier":"default","system_fingerprint":"{FINGERPRINT}","choices":["#,
            answer_id(ask),
            ask.created_s,
            json(&ask.model),
        );
        Self { head, tail: if ask.includes_usage() { r#","usage":null}"# } else { "}" }, line: String::new() }
    }

    /// A chunk with this delta, given as JSON.
    fn delta(&mut self, events: &mut Events, delta: &str, finish_reason: Option<&str>, paced: bool) {
        let finish_reason = finish_reason.map_or_else(|| "null".to_owned(), |reason| format!("\"{reason}\""));
        self.line.clear();
        let parts = [
            self.head.as_str(),
            r#"{"index":0,"delta":"#,
            delta,
            r#","logprobs":null,"finish_reason":"#,
            &finish_reason,
            "}]",
            self.tail,
        ];
        self.line.extend(parts);
        events.data(&self.line, paced);
    }
}

/// The answer as chunks, up to `[DONE]`.
pub(crate) fn stream(ask: &Ask<'_>, answer: &Answer) -> Events {
    let mut events = Events::new(ask.script.crlf, answer.pieces() + 8);
    let mut chunks = Chunks::new(ask);
    chunks.delta(&mut events, r#"{"role":"assistant","content":"","refusal":null}"#, None, false);
    let mut calls = 0;
    for part in &answer.parts {
        match part {
            Part::Reasoning { pieces } => {
                for piece in pieces {
                    chunks.delta(&mut events, &format!(r#"{{"reasoning_content":{}}}"#, json(piece)), None, true);
                }
            }
            Part::Redacted => {}
            Part::Text { pieces } => {
                for piece in pieces {
                    chunks.delta(&mut events, &format!(r#"{{"content":{}}}"#, json(piece)), None, true);
                }
            }
            Part::Tool { name, pieces, .. } => {
                // The protocol has no streamed form of custom tools: they come as functions.
                let open = format!(
                    r#"{{"tool_calls":[{{"index":{calls},"id":"{}","type":"function","function":{{"name":{},"arguments":""}}}}]}}"#,
                    call_id(ask, calls),
                    json(name),
                );
                chunks.delta(&mut events, &open, None, false);
                for piece in pieces {
                    let delta =
                        format!(r#"{{"tool_calls":[{{"index":{calls},"function":{{"arguments":{}}}}}]}}"#, json(piece));
                    chunks.delta(&mut events, &delta, None, true);
                }
                calls += 1;
            }
        }
    }
    chunks.delta(&mut events, "{}", Some(finish_reason(answer)), false);
    if let (true, Some(count)) = (ask.includes_usage(), answer.count) {
        events.data(&format!(r#"{}],"usage":{}}}"#, chunks.head, json(&Usage::from(count))), false);
    }
    events.data("[DONE]", false);
    if reply::spoil(ask.script.kind, &mut events) {
        events.data(&reply::late_problem().openai(), false);
    }
    events
}
