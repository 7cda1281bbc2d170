//! Writes a Cohere stream.

use serde::Serialize;

use crate::chat::{Block, Call, Event, PartKind, Reply, Sink, Stop};
use crate::cohere::usage::UsageOut;
use crate::cohere::{error, stop};
use crate::count::Counts;
use crate::sse;

/// Writes events for our client.
#[derive(Debug)]
pub struct Writer {
    reply: Reply,
    out: Vec<u8>,
    id: String,
    contents: u32,
    calls: u32,
    fresh: bool,
    stop: Stop,
    bytes: u64,
}

#[derive(Default, Serialize)]
struct EventOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<DeltaOut<'a>>,
}

#[derive(Default, Serialize)]
struct DeltaOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<MessageOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageOut>,
}

#[derive(Default, Serialize)]
struct MessageOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<ContentOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<CallOut<'a>>,
}

/// A part; the empty list where a message begins.
#[derive(Serialize)]
#[serde(untagged)]
enum ContentOut<'a> {
    None([(); 0]),
    Part {
        #[serde(skip_serializing_if = "Option::is_none", rename = "type")]
        kind: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        thinking: Option<&'a str>,
    },
}

#[derive(Serialize)]
struct CallOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "type")]
    kind: Option<&'static str>,
    function: FunctionOut<'a>,
}

#[derive(Serialize)]
struct FunctionOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

impl Writer {
    /// A writer for the client of `reply`.
    pub const fn new(reply: Reply) -> Self {
        Self {
            reply,
            out: Vec::new(),
            id: String::new(),
            contents: 0,
            calls: 0,
            fresh: false,
            stop: Stop::End,
            bytes: 0,
        }
    }

    /// The bytes written since the last time.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// What keeps a waiting client patient.
    pub const fn keep_alive(&self) -> &'static [u8] {
        b": keep-alive\n\n"
    }

    fn send(&mut self, event: &EventOut<'_>) {
        self.out.extend_from_slice(b"event: ");
        self.out.extend_from_slice(event.kind.as_bytes());
        self.out.push(b'\n');
        sse::write_data(&mut self.out, event);
    }

    fn message(&mut self, kind: &'static str, index: Option<u32>, message: MessageOut<'_>) {
        let delta = Some(DeltaOut { message: Some(message), ..DeltaOut::default() });
        self.send(&EventOut { kind, index, delta, id: None });
    }

    fn content(&mut self, kind: &'static str, named: bool, thought: bool, text: &str) {
        let (said, thinking) = if thought { (None, Some(text)) } else { (Some(text), None) };
        let name = if thought { "thinking" } else { "text" };
        let content = ContentOut::Part { kind: named.then_some(name), text: said, thinking };
        self.message(kind, Some(self.contents), MessageOut { content: Some(content), ..MessageOut::default() });
    }

    fn call(&mut self, kind: &'static str, call: Option<&Call>, arguments: &str) {
        let call = CallOut {
            id: call.map(|call| call.id.as_str()),
            kind: call.map(|_| "function"),
            function: FunctionOut { name: call.map(|call| call.name.as_str()), arguments },
        };
        self.message(kind, Some(self.calls), MessageOut { tool_calls: Some(call), ..MessageOut::default() });
    }

    fn delta(&mut self, block: Block<'_>, text: &str) {
        self.bytes = self.bytes.saturating_add(text.len() as u64);
        let thought = match block {
            Block::Text { .. } | Block::Refusal => false,
            Block::Reasoning { .. } => true,
            Block::Call(_) => {
                self.fresh = false;
                return self.call("tool-call-delta", None, text);
            }
            Block::Opaque(_) => return,
        };
        if std::mem::take(&mut self.fresh) {
            self.content("content-start", true, thought, "");
        }
        self.content("content-delta", false, thought, text);
    }

    fn close(&mut self, kind: &PartKind) {
        let (kind, index) = match kind {
            PartKind::Call(_) => {
                if self.fresh {
                    self.call("tool-call-delta", None, "{}");
                }
                self.calls += 1;
                ("tool-call-end", self.calls - 1)
            }
            // Nothing of it was told.
            _ if self.fresh => return,
            _ => {
                self.contents += 1;
                ("content-end", self.contents - 1)
            }
        };
        self.send(&EventOut { kind, index: Some(index), ..EventOut::default() });
    }

    fn end(&mut self, usage: Option<&Counts>) {
        let counts = usage.copied().unwrap_or(Counts {
            input_uncached: self.reply.estimated_input,
            output: (self.bytes / 4).max(1),
            ..Counts::default()
        });
        let delta = DeltaOut {
            finish_reason: Some(stop::write(&self.stop)),
            usage: Some(UsageOut::from(&counts)),
            ..DeltaOut::default()
        };
        self.send(&EventOut { kind: "message-end", delta: Some(delta), ..EventOut::default() });
    }
}

impl Sink for Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(head) => {
                self.id = if head.id.is_empty() { self.reply.seed.clone() } else { head.id.clone() };
                let id = std::mem::take(&mut self.id);
                let message = MessageOut {
                    role: Some("assistant"),
                    content: Some(ContentOut::None([])),
                    ..MessageOut::default()
                };
                let delta = Some(DeltaOut { message: Some(message), ..DeltaOut::default() });
                self.send(&EventOut { kind: "message-start", id: Some(&id), delta, index: None });
                self.id = id;
            }
            // This protocol has one answer; more were refused.
            Event::Open { choice: 0, block, .. } => {
                self.fresh = true;
                if let Block::Call(call) = block {
                    self.call("tool-call-start", Some(call), "");
                }
            }
            Event::Delta { choice: 0, block, text, .. } => self.delta(block, text),
            Event::Close { choice: 0, part, .. } => self.close(&part.kind),
            Event::Stop { choice: 0, stop } => self.stop = stop.clone(),
            Event::End { usage, .. } => self.end(usage),
            Event::Failed(problem) => self.out.extend_from_slice(&error::stream_end(problem, self.reply.request_id())),
            Event::Logprobs { .. }
            | Event::Open { .. }
            | Event::Delta { .. }
            | Event::Close { .. }
            | Event::Stop { .. } => {}
        }
    }
}
