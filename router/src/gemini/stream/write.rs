//! Writes a Gemini stream: events, or the elements of one list for clients that did not ask for events.

use crate::chat::{Block, Event, Part, PartKind, Reply, Sink, Stop};
use crate::count::Counts;
use crate::error::Problem;
use crate::gemini::answer::{AnswerOut, CandidateOut, UsageOut, parts_of, reason};
use crate::gemini::request::{ContentOut, PartOut};
use crate::sse;

/// Writes events for our client.
#[derive(Debug)]
pub struct Writer {
    reply: Reply,
    out: Vec<u8>,
    id: String,
    model: String,
    as_list: bool,
    begun: bool,
    malformed: bool,
    stops: Vec<(u32, Stop)>,
    bytes: u64,
}

impl Writer {
    /// A writer for the client of `reply`.
    pub const fn new(reply: Reply) -> Self {
        Self {
            reply,
            out: Vec::new(),
            id: String::new(),
            model: String::new(),
            as_list: false,
            begun: false,
            malformed: false,
            stops: Vec::new(),
            bytes: 0,
        }
    }

    /// Writes one JSON list instead of events: for clients that did not ask with `alt=sse`.
    #[must_use]
    pub const fn as_list(mut self) -> Self {
        self.as_list = true;
        self
    }

    /// The bytes written since the last time.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// What keeps a waiting client patient.
    pub const fn keep_alive(&self) -> &'static [u8] {
        // A blank between the elements of a list means nothing.
        if self.as_list { b"\n" } else { b": keep-alive\n\n" }
    }

    fn send(&mut self, candidates: Vec<CandidateOut<'_>>, usage: Option<&Counts>) {
        let chunk = AnswerOut {
            candidates,
            usage_metadata: usage.map(UsageOut::from),
            model_version: &self.model,
            response_id: &self.id,
        };
        if self.as_list {
            self.out.extend_from_slice(if self.begun { b",\n" } else { b"[" });
            // Writing to memory cannot fail.
            _ = serde_json::to_writer(&mut self.out, &chunk);
        } else {
            sse::write_data(&mut self.out, &chunk);
        }
        self.begun = true;
    }

    fn part(&mut self, choice: u32, part: PartOut<'_>) {
        let content = ContentOut { role: Some("model"), parts: vec![part] };
        self.send(vec![CandidateOut { content, finish_reason: None, index: choice }], None);
    }

    fn delta(&mut self, choice: u32, block: Block<'_>, text: &str) {
        self.bytes = self.bytes.saturating_add(text.len() as u64);
        let thought = match block {
            Block::Text { .. } | Block::Refusal => false,
            Block::Reasoning { .. } => true,
            // This protocol knows whole calls only.
            Block::Call(_) | Block::Opaque(_) => return,
        };
        self.part(choice, PartOut { text: Some(text.into()), thought, ..PartOut::default() });
    }

    fn close(&mut self, choice: u32, part: &Part) {
        let reply = std::mem::take(&mut self.reply);
        let mut parts = Vec::new();
        match &part.kind {
            PartKind::Call(_) => parts_of(part, &reply, &mut self.malformed, &mut parts),
            // Their text is out already; the signature follows on a part of its own.
            PartKind::Text(text) if text.state.is_some() => parts_of(part, &reply, &mut false, &mut parts),
            PartKind::Reasoning(reasoning) if reasoning.state.is_some() => {
                parts_of(part, &reply, &mut false, &mut parts);
            }
            _ => {}
        }
        self.reply = reply;
        for mut out in parts {
            if out.function_call.is_none() {
                if out.thought_signature.is_none() {
                    continue;
                }
                out.text = Some("".into());
            }
            self.part(choice, out);
        }
    }

    fn end(&mut self, usage: Option<&Counts>) {
        let estimate =
            Counts { input_uncached: self.reply.estimated_input, output: (self.bytes / 4).max(1), ..Counts::default() };
        let stops = std::mem::take(&mut self.stops);
        let candidates = stops
            .iter()
            .map(|(choice, stop)| CandidateOut {
                // Chats of Google's SDKs take a turn for broken in which a chunk has no part.
                content: ContentOut {
                    role: Some("model"),
                    parts: vec![PartOut { text: Some("".into()), ..PartOut::default() }],
                },
                finish_reason: Some(reason(stop, self.malformed)),
                index: *choice,
            })
            .collect();
        self.send(candidates, Some(usage.unwrap_or(&estimate)));
        if self.as_list {
            self.out.push(b']');
        }
    }

    fn failed(&mut self, problem: &Problem) {
        if !self.as_list {
            self.out.extend_from_slice(&crate::gemini::error::stream_end(problem, self.reply.request_id()));
            return;
        }
        self.out.extend_from_slice(if self.begun { b",\n" } else { b"[" });
        self.out.extend_from_slice(&crate::gemini::error::body(problem, self.reply.request_id()));
        self.out.push(b']');
    }
}

impl Sink for Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(head) => {
                self.id = if head.id.is_empty() { self.reply.seed.clone() } else { head.id.clone() };
                self.reply.model(&head.model).clone_into(&mut self.model);
            }
            Event::Delta { choice, block, text, .. } => self.delta(choice, block, text),
            Event::Close { choice, part, .. } => self.close(choice, part),
            Event::Stop { choice, stop } => self.stops.push((choice, stop.clone())),
            Event::End { usage, .. } => self.end(usage),
            Event::Failed(problem) => self.failed(problem),
            Event::Open { .. } | Event::Logprobs { .. } => {}
        }
    }
}
