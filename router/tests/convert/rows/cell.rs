//! A line of the matrix: a feature, the requests that have it, and what becomes of it at each target.

use serde_json::Value;
use tokenrouter::Protocol::{self, Anthropic, Cohere, Gemini, OpenAi, Responses};
use tokenrouter::chat::Field;

use super::wire;

/// What becomes of a feature at one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It arrives with its meaning unchanged.
    Exact,
    /// The target has nothing like it, and the gateway provides it.
    Emulated,
    /// Something of it is lost, and the header names it.
    Lossy,
    /// It is left out without a word to the client: nobody notices.
    Hint,
    /// The request is refused.
    Impossible,
    /// Only clients of the target's own protocol have it: their bytes pass as they are.
    Native,
    /// It cannot come up.
    Nothing,
}

/// What a loss or a refusal names.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name {
    /// A feature, in the words of the client's protocol.
    Of(Field),
    /// A name of its own.
    Word(&'static str),
    /// A name of its own in each client's protocol.
    Each(&'static [(Protocol, &'static str)]),
}

impl Name {
    pub(super) fn for_client(self, protocol: Protocol) -> &'static str {
        match self {
            Self::Of(field) => field.in_protocol(protocol),
            Self::Word(word) => word,
            Self::Each(words) => words.iter().find(|(of, _)| *of == protocol).map_or("", |(_, word)| word),
        }
    }
}

impl From<Field> for Name {
    fn from(field: Field) -> Self {
        Self::Of(field)
    }
}

impl From<&'static [(Protocol, &'static str)]> for Name {
    fn from(words: &'static [(Protocol, &'static str)]) -> Self {
        Self::Each(words)
    }
}

impl From<&'static str> for Name {
    fn from(word: &'static str) -> Self {
        Self::Word(word)
    }
}

/// One feature.
pub(super) struct Row {
    /// Which of the sixty features; one that needs several lines has its number in each.
    pub(super) number: u8,
    pub(super) what: &'static str,
    /// The request in the protocols that have the feature.
    pub(super) asks: Vec<(Protocol, Value)>,
    pub(super) cells: Vec<Cell>,
}

/// One feature at one target.
pub(super) struct Cell {
    pub(super) verdict: Verdict,
    pub(super) to: Protocol,
    pub(super) model: &'static str,
    /// Of all the clients, only these.
    pub(super) of: Option<&'static [Protocol]>,
    pub(super) has: Vec<(&'static str, Value)>,
    pub(super) says: Vec<(&'static str, &'static str)>,
    pub(super) lacks: Vec<&'static str>,
    pub(super) names: Vec<Name>,
    /// The provider's answer, and what of it each client reads.
    pub(super) answer: Option<Value>,
    pub(super) told: Vec<(Protocol, &'static str, Value)>,
    /// What no table says.
    pub(super) run: Option<fn()>,
    pub(super) note: &'static str,
}

impl Row {
    pub(super) const fn new(number: u8, what: &'static str) -> Self {
        Self { number, what, asks: Vec::new(), cells: Vec::new() }
    }

    /// The request in `protocol`: `more` beside a model, a limit and one message.
    pub(super) fn ask(mut self, protocol: Protocol, more: Value) -> Self {
        self.asks.push((protocol, wire::request(protocol, more)));
        self
    }

    pub(super) fn at(mut self, cell: Cell) -> Self {
        self.cells.push(cell);
        self
    }

    /// The same at every target that has no cell yet.
    pub(super) fn elsewhere(mut self, cell: impl Fn(Protocol) -> Cell) -> Self {
        for to in Protocol::ALL {
            if !self.cells.iter().any(|cell| cell.to == to) {
                self.cells.push(cell(to));
            }
        }
        self
    }
}

impl Cell {
    pub(super) const fn new(verdict: Verdict, to: Protocol) -> Self {
        Self {
            verdict,
            to,
            model: usual(to),
            of: None,
            has: Vec::new(),
            says: Vec::new(),
            lacks: Vec::new(),
            names: Vec::new(),
            answer: None,
            told: Vec::new(),
            run: None,
            note: "",
        }
    }

    /// For this model, `provider/model`, and not the usual one.
    pub(super) const fn on(mut self, model: &'static str) -> Self {
        self.model = model;
        self
    }

    pub(super) const fn of(mut self, clients: &'static [Protocol]) -> Self {
        self.of = Some(clients);
        self
    }

    /// The provider's request has this value at this pointer.
    pub(super) fn has(mut self, pointer: &'static str, value: impl Into<Value>) -> Self {
        self.has.push((pointer, value.into()));
        self
    }

    /// The text at this pointer contains that.
    pub(super) fn says(mut self, pointer: &'static str, text: &'static str) -> Self {
        self.says.push((pointer, text));
        self
    }

    pub(super) fn lacks(mut self, pointer: &'static str) -> Self {
        self.lacks.push(pointer);
        self
    }

    pub(super) fn names(mut self, name: impl Into<Name>) -> Self {
        self.names.push(name.into());
        self
    }

    pub(super) fn answers(mut self, answer: Value) -> Self {
        self.answer = Some(answer);
        self
    }

    pub(super) fn told(mut self, client: Protocol, pointer: &'static str, value: impl Into<Value>) -> Self {
        self.told.push((client, pointer, value.into()));
        self
    }

    pub(super) const fn run(mut self, run: fn()) -> Self {
        self.run = Some(run);
        self
    }

    pub(super) const fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }
}

pub(super) const fn exact(to: Protocol) -> Cell {
    Cell::new(Verdict::Exact, to)
}

pub(super) const fn emulated(to: Protocol) -> Cell {
    Cell::new(Verdict::Emulated, to)
}

pub(super) fn lossy(to: Protocol, name: impl Into<Name>) -> Cell {
    Cell::new(Verdict::Lossy, to).names(name)
}

pub(super) fn hint(to: Protocol, name: impl Into<Name>) -> Cell {
    Cell::new(Verdict::Hint, to).names(name)
}

pub(super) fn refused(to: Protocol, name: impl Into<Name>) -> Cell {
    Cell::new(Verdict::Impossible, to).names(name)
}

pub(super) const fn native(to: Protocol) -> Cell {
    Cell::new(Verdict::Native, to)
}

pub(super) const fn nothing(to: Protocol) -> Cell {
    Cell::new(Verdict::Nothing, to)
}

/// A model without peculiarities, of an unknown provider where the protocol has many.
pub(super) const fn usual(protocol: Protocol) -> &'static str {
    match protocol {
        OpenAi => "x/llama",
        Responses => "x/some-model",
        Anthropic => "anthropic/claude-sonnet-4-5",
        Gemini => "google/gemini-2.5-pro",
        Cohere => "cohere/command-a",
    }
}
