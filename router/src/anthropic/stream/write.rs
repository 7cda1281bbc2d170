//! Writes an Anthropic Messages stream.

use serde::Serialize;

use crate::anthropic::response::{DetailsOut, input, sealed, sequence};
use crate::anthropic::usage::UsageOut;
use crate::anthropic::{error, stop};
use crate::chat::{Block, CallKind, Event, Head, Json, Part, PartKind, Reply, Sink, Stop};
use crate::count::Counts;
use crate::sse;

/// Writes events for our client.
#[derive(Debug)]
pub struct Writer {
    reply: Reply,
    out: Vec<u8>,
    /// The number of the next block: blocks of ours come between those of the answer.
    next: u32,
    stop: Stop,
    /// Whether the open block has had no text yet.
    fresh: bool,
    /// Bytes of the answer so far, for an estimate where the provider reports nothing.
    bytes: u64,
    /// The signature of the text before, told when more follows: clients take a turn's last block for its result.
    waiting: Option<String>,
}

#[derive(Serialize)]
struct EventOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<MessageOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_block: Option<BlockOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<DeltaOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageOut>,
}

impl EventOut<'_> {
    const fn new(kind: &'static str) -> Self {
        Self { kind, message: None, index: None, content_block: None, delta: None, usage: None }
    }
}

#[derive(Serialize)]
struct MessageOut<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: [(); 0],
    stop_reason: Option<()>,
    stop_sequence: Option<()>,
    usage: UsageOut,
}

#[derive(Default, Serialize)]
struct BlockOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Json>,
}

#[derive(Default, Serialize)]
struct DeltaOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none", rename = "type")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partial_json: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_sequence: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_details: Option<DetailsOut<'a>>,
}

impl Writer {
    /// A writer for the client of `reply`.
    pub const fn new(reply: Reply) -> Self {
        Self { reply, out: Vec::new(), next: 0, stop: Stop::End, fresh: false, bytes: 0, waiting: None }
    }

    /// The bytes written since the last time.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// What keeps a waiting client patient.
    pub const fn keep_alive(&self) -> &'static [u8] {
        b"event: ping\ndata: {\"type\": \"ping\"}\n\n"
    }

    fn send(&mut self, event: &EventOut<'_>) {
        self.out.extend_from_slice(b"event: ");
        self.out.extend_from_slice(event.kind.as_bytes());
        self.out.push(b'\n');
        sse::write_data(&mut self.out, event);
    }

    fn start(&mut self, head: &Head) {
        let model = self.reply.model(&head.model).to_owned();
        let counts = Counts { input_uncached: self.reply.estimated_input, output: 1, ..Counts::default() };
        let message = MessageOut {
            id: self.reply.id("msg_", &head.id),
            kind: "message",
            role: "assistant",
            model: &model,
            content: [],
            stop_reason: None,
            stop_sequence: None,
            usage: UsageOut::from(&counts),
        };
        self.send(&EventOut { message: Some(message), ..EventOut::new("message_start") });
        let ping = self.keep_alive();
        self.out.extend_from_slice(ping);
    }

    fn block(&mut self, block: BlockOut<'_>) {
        let index = Some(self.next);
        self.send(&EventOut { index, content_block: Some(block), ..EventOut::new("content_block_start") });
    }

    fn change(&mut self, delta: DeltaOut<'_>) {
        let index = Some(self.next);
        self.send(&EventOut { index, delta: Some(delta), ..EventOut::new("content_block_delta") });
    }

    fn end_block(&mut self) {
        self.send(&EventOut { index: Some(self.next), ..EventOut::new("content_block_stop") });
        self.next += 1;
    }

    /// A block whose only use is to bring a signature back.
    fn carry(&mut self, data: Option<String>) {
        if let Some(data) = data {
            self.block(BlockOut { kind: "redacted_thinking", data: Some(&data), ..BlockOut::default() });
            self.end_block();
        }
    }

    fn open(&mut self, block: Block<'_>) {
        match block {
            Block::Call(call) => {
                let sealed = call.state.as_ref().and_then(|state| self.reply.sealer.as_ref()?.call(state));
                self.carry(sealed);
                self.block(BlockOut {
                    kind: "tool_use",
                    id: Some(&call.id),
                    name: Some(&call.name),
                    input: Some(Json::empty_object()),
                    ..BlockOut::default()
                });
                let delta = DeltaOut { kind: Some("input_json_delta"), partial_json: Some(""), ..DeltaOut::default() };
                self.change(delta);
            }
            // Whether there is anything to show is known at the first text or the end.
            Block::Text { .. } | Block::Refusal | Block::Reasoning { .. } | Block::Opaque(_) => {}
        }
    }

    fn delta(&mut self, block: Block<'_>, text: &str, first: bool) {
        self.bytes = self.bytes.saturating_add(text.len() as u64);
        match block {
            Block::Text { .. } | Block::Refusal => {
                if first {
                    self.block(BlockOut { kind: "text", text: Some(""), ..BlockOut::default() });
                }
                self.change(DeltaOut { kind: Some("text_delta"), text: Some(text), ..DeltaOut::default() });
            }
            Block::Reasoning { .. } => {
                if first {
                    self.block(BlockOut {
                        kind: "thinking",
                        thinking: Some(""),
                        signature: Some(""),
                        ..BlockOut::default()
                    });
                }
                self.change(DeltaOut { kind: Some("thinking_delta"), thinking: Some(text), ..DeltaOut::default() });
            }
            // No client of this protocol declares a freeform tool; should one come, it is told whole.
            Block::Call(call) if call.kind == CallKind::Freeform => {}
            Block::Call(_) => {
                let kind = Some("input_json_delta");
                self.change(DeltaOut { kind, partial_json: Some(text), ..DeltaOut::default() });
            }
            Block::Opaque(_) => {}
        }
    }

    fn close(&mut self, part: &Part) {
        match &part.kind {
            PartKind::Text(text) => {
                let sealed = text.state.as_ref().and_then(|state| self.reply.sealer.as_ref()?.text(state));
                if !text.text.is_empty() {
                    self.end_block();
                }
                self.waiting = sealed;
            }
            PartKind::Refusal(_) => self.end_block(),
            PartKind::Reasoning(reasoning) => {
                let sealed = sealed(reasoning, &self.reply);
                if reasoning.text.is_empty() {
                    self.carry(sealed);
                    return;
                }
                if let Some(signature) = &sealed {
                    let kind = Some("signature_delta");
                    self.change(DeltaOut { kind, signature: Some(signature), ..DeltaOut::default() });
                }
                self.end_block();
            }
            PartKind::Call(call) => {
                if call.kind == CallKind::Freeform {
                    let json = input(call.kind, &call.input);
                    let kind = Some("input_json_delta");
                    self.change(DeltaOut { kind, partial_json: Some(json.text()), ..DeltaOut::default() });
                }
                self.end_block();
            }
            _ => {}
        }
    }

    fn end(&mut self, usage: Option<&Counts>) {
        // Where nothing was reported, an estimate is better than a zero that stops the client's bookkeeping.
        let counts = usage.copied().unwrap_or(Counts {
            input_uncached: self.reply.estimated_input,
            output: (self.bytes / 4).max(1),
            ..Counts::default()
        });
        let stop = std::mem::take(&mut self.stop);
        let delta = DeltaOut {
            stop_reason: Some(stop::write(&stop)),
            stop_sequence: Some(sequence(&stop)),
            stop_details: DetailsOut::of(&stop),
            ..DeltaOut::default()
        };
        let usage = Some(UsageOut::from(&counts));
        self.send(&EventOut { delta: Some(delta), usage, ..EventOut::new("message_delta") });
        self.send(&EventOut::new("message_stop"));
    }
}

impl Sink for Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(head) => self.start(head),
            // This protocol has one answer; more were refused.
            Event::Open { choice: 0, block, .. } => {
                let waiting = self.waiting.take();
                self.carry(waiting);
                self.fresh = true;
                self.open(block);
            }
            Event::Delta { choice: 0, block, text, .. } => {
                let first = std::mem::take(&mut self.fresh);
                self.delta(block, text, first);
            }
            Event::Close { choice: 0, part, .. } => self.close(part),
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
