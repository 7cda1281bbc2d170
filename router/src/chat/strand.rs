//! One choice of an answer under way, and its tool calls: opened one at a time, however the provider sends them.

use super::event::{Block, Event, Sink};
use super::sequence::{Broken, MAX_CALLS, Sequencer, block_of, push_text, text_of};
use super::unwrap::Unwrap;
use super::{Call, CallKind, Part, PartKind, State, Stop};

/// One choice under way.
#[derive(Debug, Default)]
pub(super) struct Strand {
    pub(super) number: u32,
    pub(super) next_index: u32,
    /// The block of text or reasoning that is open.
    pub(super) open: Option<Open>,
    /// Calls in the order of their first sight; those before `closed` are complete and told.
    pub(super) calls: Vec<Pending>,
    pub(super) closed: usize,
    /// What came while a call was open.
    pub(super) late: Vec<Part>,
    pub(super) had_calls: bool,
    pub(super) stop: Option<Stop>,
}

#[derive(Debug)]
pub(super) struct Open {
    pub(super) index: u32,
    pub(super) part: Part,
}

/// A call that is not complete.
#[derive(Debug, Default)]
pub(super) struct Pending {
    key: u32,
    call: Call,
    /// Input that waits until the call's block is open.
    waiting: String,
    /// Everything that came, to know whether it is complete.
    seen: usize,
    block: Option<u32>,
    /// Whether its block was opened.
    told: bool,
    unwrap: Option<Unwrap>,
    done: bool,
}

impl Strand {
    pub(super) const fn take_index(&mut self) -> u32 {
        let index = self.next_index;
        self.next_index += 1;
        index
    }

    pub(super) const fn has_open_call(&self) -> bool {
        self.closed < self.calls.len()
    }

    /// Keeps a part for after the open calls.
    pub(super) fn defer(&mut self, part: Part) -> Result<(), Broken> {
        if self.late.len() >= MAX_CALLS {
            return Err(Broken::TooLarge);
        }
        self.late.push(part);
        Ok(())
    }

    /// Keeps more text for after the open calls.
    pub(super) fn defer_text(
        &mut self,
        delta: &str,
        fits: impl Fn(&PartKind) -> bool,
        make: impl Fn() -> PartKind,
    ) -> Result<(), Broken> {
        if !self.late.last().is_some_and(|part| fits(&part.kind)) {
            self.defer(Part::new(make()))?;
        }
        if let Some(part) = self.late.last_mut() {
            push_text(&mut part.kind, delta);
        }
        Ok(())
    }
}

impl<S: Sink> Sequencer<S> {
    /// A tool call, known by `key` while the answer lasts. Id and name count when they first come.
    pub fn call(&mut self, choice: u32, key: u32, id: Option<&str>, name: Option<&str>) -> Result<(), Broken> {
        self.begin(choice)?;
        self.close(choice)?;
        let pending = self.pending(choice, key)?;
        if pending.block.is_none() {
            if let Some(id) = id.filter(|id| !id.is_empty() && pending.call.id.is_empty()) {
                id.clone_into(&mut pending.call.id);
            }
            if let Some(name) = name.filter(|name| !name.is_empty() && pending.call.name.is_empty()) {
                name.clone_into(&mut pending.call.name);
            }
        }
        self.advance(choice)
    }

    /// What the provider itself says about a call's form. To be told before [`Self::call`] names it.
    pub fn call_kind(&mut self, choice: u32, key: u32, kind: CallKind, namespace: Option<&str>) -> Result<(), Broken> {
        self.begin(choice)?;
        self.close(choice)?;
        let pending = self.pending(choice, key)?;
        if pending.block.is_none() {
            pending.call.kind = kind;
            pending.call.namespace = namespace.map(str::to_owned);
        }
        Ok(())
    }

    /// Gemini's signature on a call.
    pub fn call_state(&mut self, choice: u32, key: u32, state: State) -> Result<(), Broken> {
        self.add_bytes(state.text.len())?;
        self.pending(choice, key)?.call.state = Some(state);
        Ok(())
    }

    /// More of a call's arguments or input.
    pub fn call_input(&mut self, choice: u32, key: u32, delta: &str) -> Result<(), Broken> {
        if delta.is_empty() {
            return Ok(());
        }
        self.add_bytes(delta.len())?;
        self.begin(choice)?;
        let pending = self.pending(choice, key)?;
        if pending.done {
            return Ok(());
        }
        pending.seen += delta.len();
        pending.waiting.push_str(delta);
        self.advance(choice)
    }

    /// A call is complete. `whole` is its arguments or input once more, where the provider repeats them: only what
    /// is missing of them is taken.
    pub fn call_done(&mut self, choice: u32, key: u32, whole: Option<&str>) -> Result<(), Broken> {
        self.begin(choice)?;
        let pending = self.pending(choice, key)?;
        if let Some(rest) = whole.and_then(|whole| whole.get(pending.seen..)).filter(|_| !pending.done)
            && !rest.is_empty()
            && (pending.seen == 0
                || pending.call.input.is_empty()
                || whole.is_some_and(|w| w.starts_with(&pending.call.input)))
        {
            pending.seen += rest.len();
            pending.waiting.push_str(rest);
        }
        pending.done = true;
        self.advance(choice)
    }

    /// Everything of `choice` that can be closed is.
    pub(super) fn settle(&mut self, choice: u32) -> Result<(), Broken> {
        self.close(choice)?;
        for pending in &mut self.strand(choice)?.calls {
            pending.done = true;
        }
        self.advance(choice)
    }

    fn pending(&mut self, choice: u32, key: u32) -> Result<&mut Pending, Broken> {
        let strand = self.strand(choice)?;
        if let Some(at) = strand.calls.iter().position(|pending| pending.key == key) {
            return strand.calls.get_mut(at).ok_or(Broken::TooLarge);
        }
        if strand.calls.len() >= MAX_CALLS {
            return Err(Broken::TooLarge);
        }
        // A call whose arguments are whole already will get no more: the next may be told at once.
        for before in strand.calls.iter_mut().skip(strand.closed).filter(|before| !before.done) {
            before.done = before.is_whole();
        }
        strand.calls.push(Pending { key, ..Pending::default() });
        strand.calls.last_mut().ok_or(Broken::TooLarge)
    }

    /// Tells what can be told: the first open call's input, its end, the next call.
    fn advance(&mut self, choice: u32) -> Result<(), Broken> {
        let Some(at) = self.position(choice) else { return Ok(()) };
        let Self { choices, sink, lowering, seed, .. } = self;
        let Some(strand) = choices.get_mut(at) else { return Ok(()) };
        let was_open = strand.has_open_call();
        while let Some(pending) = strand.calls.get_mut(strand.closed) {
            let Some(index) = pending.block else {
                if pending.call.name.is_empty() {
                    if !pending.done {
                        break;
                    }
                    if pending.seen > 0 {
                        return Err(Broken::Nonsense("a tool call without a name".into()));
                    }
                    strand.closed += 1;
                    continue;
                }
                if pending.call.id.is_empty() {
                    if !pending.done {
                        break;
                    }
                    pending.call.id = format!("call_{seed}_{choice}_{}", strand.closed);
                }
                let raised = lowering.raise(&pending.call.name);
                if let Some(raised) = raised.filter(|_| pending.call.namespace.is_none()) {
                    pending.unwrap = (raised.kind == CallKind::Freeform && pending.call.kind != CallKind::Freeform)
                        .then(Unwrap::default);
                    pending.call.name.clone_from(&raised.name);
                    pending.call.namespace.clone_from(&raised.namespace);
                    pending.call.kind = raised.kind;
                }
                strand.had_calls = true;
                pending.block = Some(strand.next_index);
                strand.next_index += 1;
                continue;
            };
            if !std::mem::replace(&mut pending.told, true) {
                sink.event(Event::Open { choice, index, block: Block::Call(&pending.call) });
            }
            let mut text = std::mem::take(&mut pending.waiting);
            if let Some(unwrap) = &mut pending.unwrap {
                text = unwrap.push(&text);
                if pending.done {
                    text.push_str(&unwrap.finish());
                }
            }
            if !text.is_empty() {
                pending.call.input.push_str(&text);
                let block = Block::Call(&pending.call);
                sink.event(Event::Delta { choice, index, block, text: &text });
            }
            if !pending.done {
                break;
            }
            let part = Part::new(PartKind::Call(std::mem::take(&mut pending.call)));
            sink.event(Event::Close { choice, index, part: &part });
            strand.closed += 1;
        }
        if was_open && !strand.has_open_call() {
            for part in std::mem::take(&mut strand.late) {
                let index = strand.take_index();
                if let Some(block) = block_of(&part.kind) {
                    sink.event(Event::Open { choice, index, block });
                    if let Some(text) = text_of(&part.kind).filter(|text| !text.is_empty()) {
                        sink.event(Event::Delta { choice, index, block, text });
                    }
                    sink.event(Event::Close { choice, index, part: &part });
                }
            }
        }
        Ok(())
    }
}

impl Pending {
    /// Whether its arguments are a whole JSON object.
    fn is_whole(&self) -> bool {
        let input = if self.waiting.is_empty() { &self.call.input } else { &self.waiting };
        self.call.input.is_empty() != self.waiting.is_empty()
            && self.unwrap.is_none()
            && input.starts_with('{')
            && serde_json::from_str::<serde::de::IgnoredAny>(input).is_ok()
    }
}
