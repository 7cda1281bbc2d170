//! Writes a Chat Completions stream.

use serde::Serialize;

use crate::chat::{Block, CallKind, Event, Json, Part, PartKind, Reply, Sink};
use crate::openai::response::{AnnotationOut, DetailOut, ExtraOut, LogprobsOut, annotations};
use crate::openai::usage::UsageOut;
use crate::openai::{error, stop};
use crate::sse;

/// Writes events for our client.
#[derive(Debug)]
pub struct Writer {
    reply: Reply,
    out: Vec<u8>,
    id: String,
    model: String,
    created_s: u64,
    /// Choices whose role was said.
    begun: Vec<u32>,
    /// The blocks that are calls: choice and block. The n-th of a choice is its call n.
    calls: Vec<(u32, u32)>,
    /// Whether the open call's state was said.
    state_said: bool,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [ChoiceOut<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<UsageOut>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
}

#[derive(Serialize)]
struct ChoiceOut<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: Option<LogprobsOut<'a>>,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_details: Option<[DetailOut; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Vec<AnnotationOut<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallDelta<'a>; 1]>,
}

#[derive(Default, Serialize)]
struct CallDelta<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "type")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<FunctionDelta<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<CustomDelta<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<ExtraOut>,
}

#[derive(Serialize)]
struct FunctionDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

#[derive(Serialize)]
struct CustomDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    input: &'a str,
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
            begun: Vec::new(),
            calls: Vec::new(),
            state_said: false,
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

    fn chunk(
        &mut self,
        choice: u32,
        mut delta: Delta<'_>,
        logprobs: Option<&Json>,
        finish_reason: Option<&'static str>,
    ) {
        if !self.begun.contains(&choice) {
            self.begun.push(choice);
            delta.role = Some("assistant");
            if delta.content.is_none() && delta.tool_calls.is_none() {
                delta.content = Some("");
            }
        }
        let logprobs = logprobs.map(|content| LogprobsOut { content, refusal: None });
        self.send(&[ChoiceOut { index: choice, delta, logprobs, finish_reason }], None, None);
    }

    fn send(&mut self, choices: &[ChoiceOut<'_>], usage: Option<UsageOut>, service_tier: Option<&str>) {
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created_s,
            model: &self.model,
            choices,
            // With usage asked for, every other chunk says that it has none.
            usage: self.reply.stream_usage.then_some(usage),
            service_tier,
        };
        sse::write_data(&mut self.out, &chunk);
    }

    fn number(&self, choice: u32, block: u32) -> usize {
        let of_choice = self.calls.iter().filter(|(c, _)| *c == choice);
        of_choice.take_while(|(_, b)| *b != block).count()
    }

    fn open(&mut self, choice: u32, index: u32, block: Block<'_>) {
        let Block::Call(call) = block else { return };
        self.calls.push((choice, index));
        let is_freeform = call.kind == CallKind::Freeform;
        let extra_content = ExtraOut::of(call.state.as_ref(), &self.reply);
        self.state_said = extra_content.is_some();
        let call = CallDelta {
            index: self.number(choice, index),
            id: Some(&call.id),
            kind: Some(if is_freeform { "custom" } else { "function" }),
            function: (!is_freeform).then_some(FunctionDelta { name: Some(&call.name), arguments: "" }),
            custom: is_freeform.then_some(CustomDelta { name: Some(&call.name), input: "" }),
            extra_content,
        };
        self.chunk(choice, Delta { tool_calls: Some([call]), ..Delta::default() }, None, None);
    }

    fn delta(&mut self, choice: u32, index: u32, block: Block<'_>, text: &str) {
        let delta = match block {
            Block::Text { .. } => Delta { content: Some(text), ..Delta::default() },
            Block::Refusal => Delta { refusal: Some(text), ..Delta::default() },
            Block::Reasoning { .. } => Delta { reasoning_content: Some(text), ..Delta::default() },
            Block::Call(call) => {
                let is_freeform = call.kind == CallKind::Freeform;
                let call = CallDelta {
                    index: self.number(choice, index),
                    function: (!is_freeform).then_some(FunctionDelta { name: None, arguments: text }),
                    custom: is_freeform.then_some(CustomDelta { name: None, input: text }),
                    ..CallDelta::default()
                };
                Delta { tool_calls: Some([call]), ..Delta::default() }
            }
            Block::Opaque(_) => return,
        };
        self.chunk(choice, delta, None, None);
    }

    fn close(&mut self, choice: u32, index: u32, part: &Part) {
        match &part.kind {
            PartKind::Text(text) => {
                let found: Vec<_> = annotations(text).collect();
                if !found.is_empty() {
                    self.chunk(choice, Delta { annotations: Some(found), ..Delta::default() }, None, None);
                }
            }
            PartKind::Reasoning(reasoning) => {
                if let Some(detail) = DetailOut::of(reasoning, &self.reply) {
                    self.chunk(choice, Delta { reasoning_details: Some([detail]), ..Delta::default() }, None, None);
                }
            }
            PartKind::Call(call) => {
                let is_function = call.kind != CallKind::Freeform;
                let empty = is_function && call.input.trim().is_empty();
                let extra_content = if self.state_said { None } else { ExtraOut::of(call.state.as_ref(), &self.reply) };
                if empty || extra_content.is_some() {
                    let arguments = if empty { "{}" } else { "" };
                    let call = CallDelta {
                        index: self.number(choice, index),
                        function: is_function.then_some(FunctionDelta { name: None, arguments }),
                        extra_content,
                        ..CallDelta::default()
                    };
                    self.chunk(choice, Delta { tool_calls: Some([call]), ..Delta::default() }, None, None);
                }
            }
            _ => {}
        }
    }
}

impl Sink for Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(head) => {
                self.id = self.reply.id("chatcmpl-", &head.id);
                self.reply.model(&head.model).clone_into(&mut self.model);
                self.created_s = self.reply.created_s(head.created_s);
                self.chunk(0, Delta::default(), None, None);
            }
            Event::Open { choice, index, block } => self.open(choice, index, block),
            Event::Delta { choice, index, block, text } => self.delta(choice, index, block, text),
            Event::Logprobs { choice, list } => self.chunk(choice, Delta::default(), Some(list), None),
            Event::Close { choice, index, part } => self.close(choice, index, part),
            Event::Stop { choice, stop } => self.chunk(choice, Delta::default(), None, Some(stop::write(stop))),
            Event::End { usage, service_tier } => {
                if let Some(usage) = usage.filter(|_| self.reply.stream_usage) {
                    self.send(&[], Some(UsageOut::from(usage)), service_tier);
                }
                self.out.extend_from_slice(b"data: [DONE]\n\n");
            }
            Event::Failed(problem) => self.out.extend_from_slice(&error::stream_end(problem, self.reply.request_id())),
        }
    }
}
