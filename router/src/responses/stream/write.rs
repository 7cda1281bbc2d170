//! Writes a Responses stream.

use super::event::{EventOut, NestedError};
use crate::chat::{Block, Call, CallKind, Event, Head, Json, Part, PartKind, Reply, Sink, Stop, Text};
use crate::count::Counts;
use crate::error::Problem;
use crate::responses::error;
use crate::responses::item::{self, ItemOut, PartOut, text_part};
use crate::responses::object::{self, ErrorOut, State, UsageOut};
use crate::sse;

/// Writes events for our client.
#[derive(Debug)]
pub struct Writer {
    reply: Reply,
    out: Vec<u8>,
    id: String,
    model: String,
    created_s: u64,
    sequence: u64,
    /// The finished items; the next one's place is their number.
    output: Vec<ItemOut>,
    /// The open item's id.
    item_id: String,
    fresh: bool,
    logprobs: Vec<Json>,
    stop: Stop,
    bytes: u64,
    object: Option<Vec<u8>>,
}

impl Writer {
    /// A writer for the client of `reply`.
    pub const fn new(reply: Reply) -> Self {
        Self {
            reply,
            out: Vec::new(),
            id: String::new(),
            model: String::new(),
            created_s: 0,
            sequence: 0,
            output: Vec::new(),
            item_id: String::new(),
            fresh: false,
            logprobs: Vec::new(),
            stop: Stop::End,
            bytes: 0,
            object: None,
        }
    }

    /// The bytes written since the last time.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// The finished object, once there is one and it is wanted.
    pub fn take_object(&mut self) -> Option<Vec<u8>> {
        self.object.take()
    }

    /// What keeps a waiting client patient.
    pub const fn keep_alive(&self) -> &'static [u8] {
        b": keep-alive\n\n"
    }

    fn next_id(&mut self, prefix: &str) {
        self.item_id = format!("{prefix}_{}{:04x}", self.reply.seed, self.output.len() + 1);
    }

    fn lifecycle(&mut self, kind: &'static str, status: &'static str) {
        self.object(kind, status, None, None, None, None);
    }

    fn object(
        &mut self,
        kind: &'static str,
        status: &'static str,
        reason: Option<&'static str>,
        failure: Option<ErrorOut<'_>>,
        usage: Option<UsageOut>,
        service_tier: Option<&str>,
    ) {
        let output = if usage.is_some() || failure.is_some() { self.output.as_slice() } else { &[] };
        let state = State {
            id: &self.id,
            model: &self.model,
            created_s: self.created_s,
            status,
            reason,
            error: failure,
            output,
            usage,
            service_tier,
        };
        let is_finished = self.reply.keep && state.usage.is_some();
        let response = object::object(state, &self.reply);
        if is_finished {
            self.object = serde_json::to_vec(&response).ok();
        }
        let response = Some(response);
        send(&mut self.out, &mut self.sequence, EventOut { kind, response, ..EventOut::default() });
    }

    /// An event about the open item.
    fn about(&mut self, event: EventOut<'_>) {
        let output_index = Some(self.output.len());
        send(&mut self.out, &mut self.sequence, EventOut { output_index, ..event });
    }

    fn added(&mut self, item: &ItemOut) {
        self.about(EventOut { kind: "response.output_item.added", item: Some(item), ..EventOut::default() });
    }

    fn finished(&mut self, item: ItemOut) {
        self.about(EventOut { kind: "response.output_item.done", item: Some(&item), ..EventOut::default() });
        self.output.push(item);
    }

    /// An item that is complete at once.
    fn carry(&mut self, sealed: Option<String>) {
        if let Some(sealed) = sealed {
            self.next_id("rs");
            let item = item::carrier(self.item_id.clone(), sealed);
            self.added(&item);
            self.finished(item);
        }
    }

    /// An event about the open item's only part.
    fn part(&mut self, event: EventOut<'_>) {
        let id = std::mem::take(&mut self.item_id);
        self.about(EventOut { item_id: Some(&id), content_index: Some(0), ..event });
        self.item_id = id;
    }

    fn summary(&mut self, event: EventOut<'_>) {
        let id = std::mem::take(&mut self.item_id);
        self.about(EventOut { item_id: Some(&id), summary_index: Some(0), ..event });
        self.item_id = id;
    }

    fn call_event(&mut self, event: EventOut<'_>) {
        let id = std::mem::take(&mut self.item_id);
        self.about(EventOut { item_id: Some(&id), ..event });
        self.item_id = id;
    }

    /// The open message begins, with its first part.
    fn message(&mut self, part: &PartOut, phase: Option<&str>) {
        self.next_id("msg");
        let item = ItemOut {
            kind: "message",
            id: self.item_id.clone(),
            status: Some("in_progress"),
            role: Some("assistant"),
            content: Some(Vec::new()),
            phase: phase.map(str::to_owned),
            ..ItemOut::default()
        };
        self.added(&item);
        self.part(EventOut { kind: "response.content_part.added", part: Some(part), ..EventOut::default() });
    }

    fn open_call(&mut self, call: &Call) {
        let sealed = item::sealed_call(call, &self.reply);
        self.carry(sealed);
        self.next_id(item::call_prefix(call.kind));
        let item = item::call(self.item_id.clone(), call, "in_progress");
        self.added(&item);
    }

    fn delta(&mut self, block: Block<'_>, text: &str) {
        self.bytes = self.bytes.saturating_add(text.len() as u64);
        let first = std::mem::take(&mut self.fresh);
        match block {
            Block::Text { phase } => {
                if first {
                    self.message(&text_part(&Text::default(), None), phase);
                }
                let logprobs = item::no_logprobs();
                let (kind, logprobs) = ("response.output_text.delta", logprobs.as_ref());
                self.part(EventOut { kind, delta: Some(text), logprobs, ..EventOut::default() });
            }
            Block::Refusal => {
                if first {
                    let empty = PartOut { kind: "refusal", refusal: Some(String::new()), ..PartOut::default() };
                    self.message(&empty, None);
                }
                self.part(EventOut { kind: "response.refusal.delta", delta: Some(text), ..EventOut::default() });
            }
            Block::Reasoning { .. } => {
                if first {
                    self.next_id("rs");
                    let item = ItemOut {
                        kind: "reasoning",
                        id: self.item_id.clone(),
                        summary: Some(Vec::new()),
                        ..ItemOut::default()
                    };
                    self.added(&item);
                    let part = PartOut { kind: "summary_text", text: Some(String::new()), ..PartOut::default() };
                    let kind = "response.reasoning_summary_part.added";
                    self.summary(EventOut { kind, part: Some(&part), ..EventOut::default() });
                }
                let kind = "response.reasoning_summary_text.delta";
                self.summary(EventOut { kind, delta: Some(text), ..EventOut::default() });
            }
            Block::Call(call) => match call.kind {
                CallKind::Function => {
                    let kind = "response.function_call_arguments.delta";
                    self.call_event(EventOut { kind, delta: Some(text), ..EventOut::default() });
                }
                CallKind::Freeform => {
                    let kind = "response.custom_tool_call_input.delta";
                    self.call_event(EventOut { kind, delta: Some(text), ..EventOut::default() });
                }
                CallKind::Search => {}
            },
            Block::Opaque(_) => {}
        }
    }

    fn close(&mut self, part: &Part) {
        match &part.kind {
            PartKind::Text(text) => {
                if !text.text.is_empty() {
                    self.close_text(text);
                }
                let sealed = text.state.as_ref().and_then(|state| self.reply.sealer.as_ref()?.text(state));
                self.carry(sealed);
            }
            PartKind::Refusal(refusal) => {
                let kind = "response.refusal.done";
                self.part(EventOut { kind, refusal: Some(refusal), ..EventOut::default() });
                let part = PartOut { kind: "refusal", refusal: Some(refusal.clone()), ..PartOut::default() };
                self.part(EventOut { kind: "response.content_part.done", part: Some(&part), ..EventOut::default() });
                self.finished(item::message(self.item_id.clone(), part, None));
            }
            PartKind::Reasoning(reasoning) => {
                if reasoning.text.is_empty() {
                    let sealed = self.reply.sealer.as_ref().and_then(|sealer| sealer.reasoning(reasoning));
                    self.carry(sealed);
                    return;
                }
                let text = Some(reasoning.text.as_str());
                self.summary(EventOut { kind: "response.reasoning_summary_text.done", text, ..EventOut::default() });
                let part = PartOut { kind: "summary_text", text: text.map(str::to_owned), ..PartOut::default() };
                let kind = "response.reasoning_summary_part.done";
                self.summary(EventOut { kind, part: Some(&part), ..EventOut::default() });
                self.finished(item::reasoning(self.item_id.clone(), reasoning, &self.reply));
            }
            PartKind::Call(call) => {
                let done = item::call(self.item_id.clone(), call, "completed");
                match call.kind {
                    CallKind::Function => {
                        let arguments = if call.input.trim().is_empty() { "{}" } else { &call.input };
                        let kind = "response.function_call_arguments.done";
                        let name = Some(call.name.as_str());
                        self.call_event(EventOut { kind, name, arguments: Some(arguments), ..EventOut::default() });
                    }
                    CallKind::Freeform => {
                        let kind = "response.custom_tool_call_input.done";
                        self.call_event(EventOut { kind, input: Some(&call.input), ..EventOut::default() });
                    }
                    CallKind::Search => {}
                }
                self.finished(done);
            }
            _ => {}
        }
    }

    fn close_text(&mut self, text: &Text) {
        let joined: Vec<&str> =
            self.logprobs.iter().filter_map(|list| list.text().strip_prefix('[')?.strip_suffix(']')).collect();
        let logprobs = Json::parse(format!("[{}]", joined.join(",")));
        self.logprobs.clear();
        let part = text_part(text, logprobs.clone());
        for (at, annotation) in part.annotations.iter().flatten().enumerate() {
            let kind = "response.output_text.annotation.added";
            self.part(EventOut {
                kind,
                annotation: Some(annotation),
                annotation_index: Some(at),
                ..EventOut::default()
            });
        }
        self.part(EventOut {
            kind: "response.output_text.done",
            text: Some(&text.text),
            logprobs: logprobs.as_ref(),
            ..EventOut::default()
        });
        self.part(EventOut { kind: "response.content_part.done", part: Some(&part), ..EventOut::default() });
        self.finished(item::message(self.item_id.clone(), part, text.phase.as_deref()));
    }

    fn end(&mut self, usage: Option<&Counts>, service_tier: Option<&str>) {
        let counts = usage.copied().unwrap_or(Counts {
            input_uncached: self.reply.estimated_input,
            output: (self.bytes / 4).max(1),
            ..Counts::default()
        });
        let (status, reason) = object::status(&self.stop);
        let kind = if status == "incomplete" { "response.incomplete" } else { "response.completed" };
        self.object(kind, status, reason, None, Some(UsageOut::from(&counts)), service_tier);
    }

    /// SDKs raise on `error`, Codex acts on `response.failed` alone.
    fn failed(&mut self, problem: &Problem) {
        let code = error::code(problem);
        let message = problem.sentence();
        let param = problem.field.as_deref();
        let event = EventOut {
            kind: "error",
            code: Some(code),
            message: Some(&message),
            param: Some(param),
            error: Some(NestedError { kind: code, code, message: &message, param }),
            ..EventOut::default()
        };
        send(&mut self.out, &mut self.sequence, event);
        let failure = ErrorOut { code, message: message.clone() };
        self.object("response.failed", "failed", None, Some(failure), None, None);
    }

    fn start(&mut self, head: &Head) {
        self.id = self.reply.id("resp_", &head.id);
        self.reply.model(&head.model).clone_into(&mut self.model);
        self.created_s = self.reply.created_s(head.created_s);
        self.lifecycle("response.created", "in_progress");
        self.lifecycle("response.in_progress", "in_progress");
    }
}

fn send(out: &mut Vec<u8>, sequence: &mut u64, event: EventOut<'_>) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(event.kind.as_bytes());
    out.push(b'\n');
    sse::write_data(out, &EventOut { sequence_number: *sequence, ..event });
    *sequence += 1;
}

impl Sink for Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(head) => self.start(head),
            // This protocol has one answer; more were refused.
            Event::Open { choice: 0, block, .. } => {
                self.fresh = true;
                if let Block::Call(call) = block {
                    self.open_call(call);
                }
            }
            Event::Delta { choice: 0, block, text, .. } => self.delta(block, text),
            Event::Logprobs { choice: 0, list } => self.logprobs.push(list.clone()),
            Event::Close { choice: 0, part, .. } => self.close(part),
            Event::Stop { choice: 0, stop } => self.stop = stop.clone(),
            Event::End { usage, service_tier } => self.end(usage, service_tier),
            Event::Failed(problem) => {
                if self.id.is_empty() {
                    self.start(&Head::default());
                }
                self.failed(problem);
            }
            Event::Logprobs { .. }
            | Event::Open { .. }
            | Event::Delta { .. }
            | Event::Close { .. }
            | Event::Stop { .. } => {}
        }
    }
}
