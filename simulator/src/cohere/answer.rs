//! A Cohere chat answer: whole, and as typed events.
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::{Answer, Part};
use crate::ask::Ask;
use crate::count::Count;
use crate::reply;
use crate::sse::{self, Events};

/// What stands before calls when no thoughts do.
const PLAN: [&str; 3] = ["I will", " use the", " tools."];
/// The event that ends a stream.
const END: &str = "message-end";

#[derive(Serialize)]
struct Usage {
    billed_units: Tokens,
    tokens: Tokens,
    cached_tokens: u64,
}

#[derive(Clone, Copy, Serialize)]
struct Tokens {
    input_tokens: u64,
    output_tokens: u64,
}

impl From<Count> for Usage {
    fn from(count: Count) -> Self {
        let tokens = Tokens { input_tokens: count.input(), output_tokens: count.output };
        Self { billed_units: tokens, tokens, cached_tokens: count.cache_read }
    }
}

fn answer_id(ask: &Ask<'_>) -> String {
    format!("00000000-0000-4000-8000-{:012x}", ask.id & 0xffff_ffff_ffff)
}

fn finish_reason(answer: &Answer) -> &'static str {
    if answer.calls_tools() { "TOOL_CALL" } else { "COMPLETE" }
}

/// A plan stands before calls that no thoughts stand before.
fn plans(answer: &Answer) -> bool {
    answer.calls_tools() && !answer.parts.iter().any(Part::is_reasoning)
}

fn call(ask: &Ask<'_>, at: usize, name: &str, arguments: &str) -> Value {
    let id = format!("{name}_{:016x}{at:02}", ask.id);
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

/// The first word of the text, said to be from the first document.
fn citation(ask: &Ask<'_>, text: &str, at: usize) -> Option<Value> {
    let documents = serde_json::from_str::<Vec<Value>>(ask.wire.documents?.get()).ok()?;
    let document = documents.first()?;
    let word = text.split_whitespace().next()?;
    let source = json!({"type": "document", "id": "doc:0", "document": document.get("data").unwrap_or(document)});
    Some(json!({
        "start": 0, "end": word.chars().count(), "text": word, "sources": [source], "content_index": at,
        "type": "TEXT_CONTENT",
    }))
}

/// The answer in one piece.
pub(crate) fn whole(ask: &Ask<'_>, answer: &Answer) -> Vec<u8> {
    let (mut content, mut calls, mut citations) = (Vec::new(), Vec::new(), Vec::new());
    for part in &answer.parts {
        match part {
            Part::Reasoning { .. } => content.push(json!({"type": "thinking", "thinking": part.whole()})),
            Part::Redacted => {}
            Part::Text { .. } => {
                let text = part.whole();
                citations.extend(citation(ask, &text, content.len()));
                content.push(json!({"type": "text", "text": text}));
            }
            Part::Tool { name, .. } => calls.push(call(ask, calls.len(), name, &part.whole())),
        }
    }
    let mut message = json!({"role": "assistant"});
    let mut set = |name: &str, value: Value| {
        if let Some(fields) = message.as_object_mut() {
            fields.insert(name.to_owned(), value);
        }
    };
    if !content.is_empty() {
        set("content", content.into());
    }
    if plans(answer) {
        set("tool_plan", PLAN.concat().into());
    }
    if !calls.is_empty() {
        set("tool_calls", calls.into());
    }
    if !citations.is_empty() {
        set("citations", citations.into());
    }
    let mut body = json!({"id": answer_id(ask), "message": message, "finish_reason": finish_reason(answer)});
    if let (Some(count), Some(fields)) = (answer.count, body.as_object_mut()) {
        fields.insert("usage".to_owned(), json!(Usage::from(count)));
    }
    body.to_string().into_bytes()
}

/// Writes events whose name stands in their data too.
struct Typed(Events);

impl Typed {
    fn push(&mut self, name: &str, fields: &str, paced: bool) {
        self.0.event(name, &format!(r#"{{"type":"{name}"{fields}}}"#), paced);
    }

    /// An event that says something of the message.
    fn message(&mut self, name: &str, at: usize, message: &str, paced: bool) {
        self.push(name, &format!(r#","index":{at},"delta":{{"message":{message}}}"#), paced);
    }

    /// Text or thoughts: `key` names which.
    fn content(&mut self, key: &str, at: usize, part: &Part) {
        self.message("content-start", at, &format!(r#"{{"content":{{"type":"{key}","{key}":""}}}}"#), false);
        for piece in part.pieces() {
            let piece = sse::json(piece);
            self.message("content-delta", at, &format!(r#"{{"content":{{"{key}":{piece}}}}}"#), true);
        }
        self.push("content-end", &format!(r#","index":{at}"#), false);
    }
}

/// The answer as events, up to `message-end`.
pub(crate) fn stream(ask: &Ask<'_>, answer: &Answer) -> Events {
    let mut events = Typed(Events::new(ask.script.crlf, answer.pieces() + 12));
    let start = format!(
        r#","id":"{}","delta":{{"message":{{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}}"#,
        answer_id(ask)
    );
    events.push("message-start", &start, false);
    if plans(answer) {
        for piece in PLAN {
            let plan = format!(r#","delta":{{"message":{{"tool_plan":{}}}}}"#, sse::json(piece));
            events.push("tool-plan-delta", &plan, false);
        }
    }
    let (mut contents, mut calls) = (0, 0);
    for part in &answer.parts {
        match part {
            Part::Redacted => {}
            Part::Reasoning { .. } => {
                events.content("thinking", contents, part);
                contents += 1;
            }
            Part::Text { .. } => {
                events.content("text", contents, part);
                if let Some(citation) = citation(ask, &part.whole(), contents) {
                    events.message("citation-start", 0, &json!({"citations": citation}).to_string(), false);
                    events.push("citation-end", r#","index":0"#, false);
                }
                contents += 1;
            }
            Part::Tool { name, pieces, .. } => {
                let open = json!({"tool_calls": call(ask, calls, name, "")}).to_string();
                events.message("tool-call-start", calls, &open, false);
                for piece in pieces {
                    let delta = format!(r#"{{"tool_calls":{{"function":{{"arguments":{}}}}}}}"#, sse::json(piece));
                    events.message("tool-call-delta", calls, &delta, true);
                }
                events.push("tool-call-end", &format!(r#","index":{calls}"#), false);
                calls += 1;
            }
        }
    }
    let usage = answer.count.map(|count| format!(r#","usage":{}"#, sse::json(&Usage::from(count)))).unwrap_or_default();
    events.push(END, &format!(r#","delta":{{"finish_reason":"{}"{usage}}}"#, finish_reason(answer)), false);
    if reply::spoil(ask.script.kind, &mut events.0) {
        let error = sse::json(&reply::late_problem().message);
        events.push(END, &format!(r#","delta":{{"finish_reason":"ERROR","error":{error}}}"#), false);
    }
    events.0
}
