//! Brings what a provider streams into an order that every protocol can tell.
//!
//! Providers interleave tool calls, name them late, repeat themselves or end without a word. A protocol's stream
//! reader tells the [`Sequencer`] what it reads, in the order in which it comes; the sequencer hands on only legal
//! sequences of [`Event`]s. What belongs behind an open tool call waits for that call's end.

use std::borrow::Cow;

use super::event::{Block, Event, Head, Sink};
use super::lower::Lowering;
use super::strand::{Open, Strand};
use super::{Citation, Json, Part, PartKind, Reasoning, State, Stop, Text};
use crate::count::Counts;
use crate::error::Problem;

/// The most bytes that an answer may have: it is kept while it streams, and no answer of a model comes near.
pub const MAX_ANSWER_BYTES: usize = 64 << 20;
/// What a block costs beside its text, so that many empty ones are not free.
const BLOCK_BYTES: usize = 256;
/// The longest id and the longest name of a model that are passed on: some protocols repeat both in every event.
const MAX_HEAD_BYTES: usize = 1024;
/// The most tool calls in an answer.
pub const MAX_CALLS: usize = 1024;

/// Something in a stream that no order can mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The answer is larger than [`MAX_ANSWER_BYTES`], or has more than [`MAX_CALLS`] calls.
    TooLarge,
    /// The provider sends what its protocol does not allow; the sentence says what.
    Nonsense(Cow<'static, str>),
}

/// Brings what a provider streams into a legal order.
#[derive(Debug)]
pub struct Sequencer<S: Sink> {
    pub(super) sink: S,
    pub(super) lowering: Lowering,
    /// Makes the ids of calls that have none unique in a conversation.
    pub(super) seed: String,
    head: Head,
    state: Phase,
    pub(super) choices: Vec<Strand>,
    usage: Option<Counts>,
    service_tier: Option<String>,
    bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Running,
    Ended,
}

impl<S: Sink> Sequencer<S> {
    /// A sequencer that tells `sink`, giving calls the names that `lowering` took from them. `seed` makes the ids of
    /// calls that come without one unique: something that no other answer has.
    pub fn new(sink: S, lowering: Lowering, seed: impl Into<String>) -> Self {
        Self {
            sink,
            lowering,
            seed: seed.into(),
            head: Head::default(),
            state: Phase::Waiting,
            choices: Vec::new(),
            usage: None,
            service_tier: None,
            bytes: 0,
        }
    }

    /// The sink.
    pub const fn sink(&mut self) -> &mut S {
        &mut self.sink
    }

    /// The sink, when all is said.
    pub fn into_sink(self) -> S {
        self.sink
    }

    /// Whether anything of the answer was read.
    pub fn has_started(&self) -> bool {
        self.state != Phase::Waiting
    }

    /// Whether the last event was handed on.
    pub fn has_ended(&self) -> bool {
        self.state == Phase::Ended
    }

    /// The usage reported so far.
    pub const fn usage_so_far(&self) -> Option<&Counts> {
        self.usage.as_ref()
    }

    /// The answer begins. Only the first time counts.
    pub fn start(&mut self, head: Head) {
        if self.state == Phase::Waiting {
            self.state = Phase::Running;
            // An id or a name beyond any vendor's is none: the client then gets ours.
            let known = |text: String| if text.len() <= MAX_HEAD_BYTES { text } else { String::new() };
            self.head = Head { id: known(head.id), model: known(head.model), ..head };
            self.sink.event(Event::Start(&self.head));
        }
    }

    /// More text. `phase` is OpenAI's; a change of it begins a new block.
    pub fn text(&mut self, choice: u32, delta: &str, phase: Option<&str>) -> Result<(), Broken> {
        if delta.is_empty() {
            return Ok(());
        }
        self.append(
            choice,
            delta,
            |kind| matches!(kind, PartKind::Text(text) if text.phase.as_deref() == phase && text.state.is_none()),
            || PartKind::Text(Text { phase: phase.map(str::to_owned), ..Text::default() }),
        )
    }

    /// More of a refusal.
    pub fn refusal(&mut self, choice: u32, delta: &str) -> Result<(), Broken> {
        if delta.is_empty() {
            return Ok(());
        }
        self.append(choice, delta, |kind| matches!(kind, PartKind::Refusal(_)), || PartKind::Refusal(String::new()))
    }

    /// More reasoning.
    pub fn reasoning(&mut self, choice: u32, delta: &str, raw: bool) -> Result<(), Broken> {
        if delta.is_empty() {
            return Ok(());
        }
        self.append(
            choice,
            delta,
            |kind| matches!(kind, PartKind::Reasoning(r) if r.raw == raw && r.state.is_none() && !r.redacted),
            || PartKind::Reasoning(Reasoning { raw, ..Reasoning::default() }),
        )
    }

    /// The signature, or the encrypted text, of the reasoning that is open; without one, of hidden reasoning.
    pub fn reasoning_state(&mut self, choice: u32, state: State, id: Option<String>) -> Result<(), Broken> {
        self.add_bytes(state.text.len())?;
        self.begin(choice)?;
        let strand = self.strand(choice)?;
        if let Some(Open { part: Part { kind: PartKind::Reasoning(open), .. }, .. }) = &mut strand.open
            && open.state.is_none()
        {
            open.state = Some(state);
            open.id = id.or(open.id.take());
            return Ok(());
        }
        let reasoning = Reasoning { id, state: Some(state), ..Reasoning::default() };
        self.whole(choice, Part::new(PartKind::Reasoning(reasoning)))
    }

    /// Gemini's signature on the text that is open; without one, on an empty text.
    pub fn text_state(&mut self, choice: u32, state: State) -> Result<(), Broken> {
        self.add_bytes(state.text.len())?;
        self.begin(choice)?;
        let strand = self.strand(choice)?;
        if let Some(Open { part: Part { kind: PartKind::Text(open), .. }, .. }) = &mut strand.open {
            open.state = Some(state);
            return Ok(());
        }
        self.whole(choice, Part::new(PartKind::Text(Text { state: Some(state), ..Text::default() })))
    }

    /// Where the open text is taken from.
    pub fn citation(&mut self, choice: u32, citation: Citation) -> Result<(), Broken> {
        self.add_bytes(64)?;
        let strand = self.strand(choice)?;
        if let Some(Open { part: Part { kind: PartKind::Text(open), .. }, .. }) = &mut strand.open {
            open.citations.push(citation);
        }
        Ok(())
    }

    /// Probabilities of the text that just came.
    pub fn logprobs(&mut self, choice: u32, list: &Json) -> Result<(), Broken> {
        self.add_bytes(list.text().len())?;
        self.begin(choice)?;
        self.sink.event(Event::Logprobs { choice, list });
        Ok(())
    }

    /// A part that is complete already.
    pub fn whole(&mut self, choice: u32, part: Part) -> Result<(), Broken> {
        self.begin(choice)?;
        if let PartKind::Call(call) = part.kind {
            let strand = self.strand(choice)?;
            let key = u32::MAX - strand.calls.len() as u32;
            self.call(choice, key, Some(&call.id), Some(&call.name))?;
            self.call_kind(choice, key, call.kind, call.namespace.as_deref())?;
            if let Some(state) = call.state {
                self.call_state(choice, key, state)?;
            }
            self.call_input(choice, key, &call.input)?;
            return self.call_done(choice, key, None);
        }
        self.add_bytes(BLOCK_BYTES + bytes_of(&part.kind))?;
        self.close(choice)?;
        let strand = self.strand(choice)?;
        if strand.has_open_call() {
            return strand.defer(part);
        }
        let index = strand.take_index();
        let text = text_of(&part.kind).unwrap_or_default();
        let Some(block) = block_of(&part.kind) else { return Ok(()) };
        self.sink.event(Event::Open { choice, index, block });
        if !text.is_empty() {
            self.sink.event(Event::Delta { choice, index, block, text });
        }
        self.sink.event(Event::Close { choice, index, part: &part });
        Ok(())
    }

    /// The open block of text or reasoning is complete.
    pub fn close(&mut self, choice: u32) -> Result<(), Broken> {
        let Some(at) = self.position(choice) else { return Ok(()) };
        let Some(strand) = self.choices.get_mut(at) else { return Ok(()) };
        if let Some(open) = strand.open.take_if(|open| !matches!(open.part.kind, PartKind::Call(_))) {
            self.sink.event(Event::Close { choice, index: open.index, part: &open.part });
        }
        Ok(())
    }

    /// The usage, cumulative: a later report replaces an earlier one.
    pub const fn usage(&mut self, counts: Counts) {
        self.usage = Some(counts);
    }

    /// The tier that serves the answer.
    pub fn service_tier(&mut self, tier: &str) {
        if !tier.is_empty() {
            self.service_tier = Some(tier.to_owned());
        }
    }

    /// A choice is complete, as the provider says.
    pub fn stop(&mut self, choice: u32, stop: Stop) -> Result<(), Broken> {
        self.begin(choice)?;
        self.strand(choice)?.stop = Some(stop);
        self.settle(choice)
    }

    /// The answer is complete.
    pub fn finish(&mut self) -> Result<(), Broken> {
        if self.state == Phase::Ended {
            return Ok(());
        }
        self.begin(0)?;
        let numbers: Vec<u32> = self.choices.iter().map(|strand| strand.number).collect();
        for number in &numbers {
            self.settle(*number)?;
        }
        for strand in &self.choices {
            let stop = strand.stop.clone().unwrap_or_default().with_calls(strand.had_calls);
            self.sink.event(Event::Stop { choice: strand.number, stop: &stop });
        }
        self.state = Phase::Ended;
        self.sink.event(Event::End { usage: self.usage.as_ref(), service_tier: self.service_tier.as_deref() });
        Ok(())
    }

    /// The answer broke.
    pub fn fail(&mut self, problem: &Problem) {
        if self.state != Phase::Ended {
            self.state = Phase::Ended;
            self.sink.event(Event::Failed(problem));
        }
    }

    pub(super) fn begin(&mut self, choice: u32) -> Result<(), Broken> {
        self.start(Head::default());
        if self.state == Phase::Ended {
            return Err(Broken::Nonsense("the answer goes on behind its end".into()));
        }
        self.strand(choice).map(|_| ())
    }

    pub(super) fn position(&self, choice: u32) -> Option<usize> {
        self.choices.iter().position(|strand| strand.number == choice)
    }

    pub(super) fn strand(&mut self, choice: u32) -> Result<&mut Strand, Broken> {
        let at = match self.position(choice) {
            Some(at) => at,
            None if self.choices.len() < 128 => {
                self.choices.push(Strand { number: choice, ..Strand::default() });
                self.choices.len() - 1
            }
            None => return Err(Broken::TooLarge),
        };
        self.choices.get_mut(at).ok_or(Broken::TooLarge)
    }

    pub(super) const fn add_bytes(&mut self, bytes: usize) -> Result<(), Broken> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_ANSWER_BYTES { Err(Broken::TooLarge) } else { Ok(()) }
    }

    fn append(
        &mut self,
        choice: u32,
        delta: &str,
        fits: impl Fn(&PartKind) -> bool,
        make: impl Fn() -> PartKind,
    ) -> Result<(), Broken> {
        self.add_bytes(delta.len())?;
        self.begin(choice)?;
        let strand = self.strand(choice)?;
        if strand.has_open_call() {
            // It must wait for the calls to end; blocks cannot be interleaved.
            return strand.defer_text(delta, fits, make);
        }
        if !strand.open.as_ref().is_some_and(|open| fits(&open.part.kind)) {
            self.add_bytes(BLOCK_BYTES)?;
            self.close(choice)?;
            let strand = self.strand(choice)?;
            let (index, part) = (strand.take_index(), Part::new(make()));
            strand.open = Some(Open { index, part: part.clone() });
            if let Some(block) = block_of(&part.kind) {
                self.sink.event(Event::Open { choice, index, block });
            }
        }
        let Some(at) = self.position(choice) else { return Ok(()) };
        let Some(open) = self.choices.get_mut(at).and_then(|strand| strand.open.as_mut()) else { return Ok(()) };
        push_text(&mut open.part.kind, delta);
        if let Some(block) = block_of(&open.part.kind) {
            self.sink.event(Event::Delta { choice, index: open.index, block, text: delta });
        }
        Ok(())
    }
}

/// What is kept of a part until the answer's end.
fn bytes_of(kind: &PartKind) -> usize {
    let state = match kind {
        PartKind::Reasoning(reasoning) => reasoning.state.as_ref(),
        PartKind::Text(text) => text.state.as_ref(),
        PartKind::Opaque(opaque) => return opaque.json.text().len(),
        _ => None,
    };
    text_of(kind).map_or(0, str::len) + state.map_or(0, |state| state.text.len())
}

pub(super) fn push_text(kind: &mut PartKind, delta: &str) {
    match kind {
        PartKind::Text(text) => text.text.push_str(delta),
        PartKind::Refusal(text) => text.push_str(delta),
        PartKind::Reasoning(reasoning) => reasoning.text.push_str(delta),
        PartKind::Call(call) => call.input.push_str(delta),
        _ => {}
    }
}

pub(super) fn block_of(kind: &PartKind) -> Option<Block<'_>> {
    Some(match kind {
        PartKind::Text(text) => Block::Text { phase: text.phase.as_deref() },
        PartKind::Refusal(_) => Block::Refusal,
        PartKind::Reasoning(reasoning) => Block::Reasoning { raw: reasoning.raw },
        PartKind::Call(call) => Block::Call(call),
        PartKind::Opaque(opaque) => Block::Opaque(opaque),
        _ => return None,
    })
}

pub(super) fn text_of(kind: &PartKind) -> Option<&str> {
    match kind {
        PartKind::Text(text) => Some(&text.text),
        PartKind::Refusal(text) => Some(text),
        PartKind::Reasoning(reasoning) => Some(&reasoning.text),
        PartKind::Call(call) => Some(&call.input),
        _ => None,
    }
}
