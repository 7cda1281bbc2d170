//! The events of an answer, in the only order in which they come.
//!
//! `Start`; blocks one after the other, each `Open`, deltas, `Close`; `Stop` for each choice; `End`. Or, at any place,
//! `Failed`, and nothing after it. Only the [`super::Sequencer`] makes events.

use super::content::Opaque;
use super::{Call, Json, Part, Stop};
use crate::count::Counts;
use crate::error::Problem;

/// What an answer begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The provider's id for the answer; may be empty.
    pub id: String,
    /// The model that answers; may be empty.
    pub model: String,
    /// When it was made, in Unix seconds; 0 where the provider does not say.
    pub created_s: u64,
}

/// What a block is, known when it opens.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Block<'a> {
    /// Text; OpenAI's phase, if it has one.
    Text {
        /// `commentary` or `final_answer`.
        phase: Option<&'a str>,
    },
    /// A refusal.
    Refusal,
    /// Reasoning.
    Reasoning {
        /// Whether it is the reasoning itself and not a summary.
        raw: bool,
    },
    /// A tool call; its id and name will not change any more. `input` is empty yet.
    Call(&'a Call),
    /// A block of one vendor, complete already.
    Opaque(&'a Opaque),
}

/// One step of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The answer begins.
    Start(&'a Head),
    /// A block begins. Blocks are numbered from 0 within their choice.
    Open {
        /// The choice.
        choice: u32,
        /// The block's number.
        index: u32,
        /// What it is.
        block: Block<'a>,
    },
    /// More of the open block's text, arguments or input.
    Delta {
        /// The choice.
        choice: u32,
        /// The block's number.
        index: u32,
        /// What it is a part of.
        block: Block<'a>,
        /// The piece.
        text: &'a str,
    },
    /// Probabilities of the text that just came: OpenAI Chat's list, as JSON.
    Logprobs {
        /// The choice.
        choice: u32,
        /// The list.
        list: &'a Json,
    },
    /// The open block is complete.
    Close {
        /// The choice.
        choice: u32,
        /// The block's number.
        index: u32,
        /// All of it.
        part: &'a Part,
    },
    /// A choice is complete.
    Stop {
        /// The choice.
        choice: u32,
        /// Why it ended.
        stop: &'a Stop,
    },
    /// The answer is complete. Nothing follows.
    End {
        /// What it cost, if the provider said so.
        usage: Option<&'a Counts>,
        /// The tier that served it.
        service_tier: Option<&'a str>,
    },
    /// The answer broke. Nothing follows.
    Failed(&'a Problem),
}

/// Who is told the events: a protocol's stream writer, or the collector of an answer in one piece.
pub trait Sink {
    /// Takes the next event.
    fn event(&mut self, event: Event<'_>);
}
