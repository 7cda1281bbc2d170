//! Reads a Chat Completions stream.

use crate::chat::json::TextOr;
use crate::chat::{Broken, CallKind, Head, Maker, PartKind, Sequencer, Sink};
use crate::count::usage;
use crate::error::Problem;
use crate::openai::request::messages::{arguments, cite_each, reasoning_of};
use crate::openai::response::answer_part;
use crate::openai::{error, stop, wire};
use crate::sse;

/// The most answers that a provider may give at once.
const MAX_CHOICES: usize = 128;

/// Reads a provider's frames.
#[derive(Debug)]
pub struct Reader {
    maker: Maker,
    calls: Vec<Seen>,
    /// The choices that have begun, and whether each has ended.
    choices: Vec<(u32, bool)>,
    finished: bool,
    done: bool,
    problem: Option<Problem>,
}

/// A call as the provider tells it apart.
#[derive(Debug)]
struct Seen {
    choice: u32,
    index: Option<u32>,
    id: String,
}

impl Reader {
    /// A reader of what `maker` sends.
    pub const fn new(maker: Maker) -> Self {
        Self { maker, calls: Vec::new(), choices: Vec::new(), finished: false, done: false, problem: None }
    }

    /// Whether the answer came to an end: its end mark, or a reason for stopping in every choice, was seen.
    pub const fn is_complete(&self) -> bool {
        self.done || self.finished
    }

    /// The error that the provider sent inside the stream.
    pub const fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// Reads one frame.
    pub fn frame<S: Sink>(&mut self, frame: &[u8], to: &mut Sequencer<S>) -> Result<(), Broken> {
        let Some(data) = sse::data(frame) else { return Ok(()) };
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            self.done = true;
            return Ok(());
        }
        if data.is_empty() || self.done || self.problem.is_some() {
            return Ok(());
        }
        let chunk: wire::Answer = serde_json::from_slice(data)
            .map_err(|_| Broken::Nonsense("the provider sent an event that is not of its protocol".into()))?;
        if let Some(problem) = chunk.error.as_ref().filter(|error| !error.is_null()) {
            self.problem = Some(error::inside(problem));
            return Ok(());
        }
        to.start(Head {
            id: chunk.id.unwrap_or_default(),
            model: chunk.model.unwrap_or_default(),
            created_s: chunk.created.and_then(|n| n.as_u64()).unwrap_or(0),
        });
        for choice in chunk.choices.unwrap_or_default() {
            self.choice(choice, to)?;
        }
        if let Some(counts) = chunk.usage.as_ref().and_then(|json| usage::openai(json.text())) {
            to.usage(counts);
        }
        if let Some(tier) = &chunk.service_tier {
            to.service_tier(tier);
        }
        Ok(())
    }

    fn choice<S: Sink>(&mut self, wire: wire::AnswerChoice, to: &mut Sequencer<S>) -> Result<(), Broken> {
        let number = wire.index.unwrap_or(0);
        if !self.choices.iter().any(|(choice, _)| *choice == number) {
            if self.choices.len() >= MAX_CHOICES {
                return Err(Broken::TooLarge);
            }
            self.choices.push((number, false));
            self.finished = false;
        }
        // A server that does not stream sends the whole message in one event.
        if let Some(mut delta) = wire.delta.or(wire.message) {
            if let Some(reasoning) = reasoning_of(&mut delta) {
                to.reasoning(number, &reasoning.text, true)?;
            }
            match std::mem::take(&mut delta.content) {
                TextOr::Nothing => {}
                TextOr::Text(text) => to.text(number, &text, None)?,
                TextOr::List(list) => {
                    for part in list.into_iter().filter_map(answer_part) {
                        match part.kind {
                            PartKind::Reasoning(reasoning) => to.reasoning(number, &reasoning.text, true)?,
                            PartKind::Text(text) => to.text(number, &text.text, None)?,
                            _ => {}
                        }
                    }
                }
            }
            for citation in cite_each(delta.annotations.take()) {
                to.citation(number, citation)?;
            }
            if let Some(refusal) = &delta.refusal {
                to.refusal(number, refusal)?;
            }
            for call in delta.tool_calls.take().unwrap_or_default() {
                self.call(number, call, to)?;
            }
            if let Some(function) = delta.function_call.take() {
                let call = wire::ToolCall { index: Some(0), function: Some(function), ..wire::ToolCall::default() };
                self.call(number, call, to)?;
            }
        }
        if let Some(list) = wire.logprobs.and_then(|logprobs| logprobs.content).filter(|list| !list.is_null()) {
            to.logprobs(number, &list)?;
        }
        if let Some(reason) = wire.finish_reason.filter(|reason| !reason.is_empty()) {
            for (choice, has_ended) in &mut self.choices {
                *has_ended |= *choice == number;
            }
            // A stream of which the first answer never came is no answer, whatever else ended.
            self.finished = self.choices.iter().all(|(_, has_ended)| *has_ended)
                && self.choices.iter().any(|(index, _)| *index == 0);
            to.stop(number, stop::read(&reason))?;
        }
        Ok(())
    }

    fn call<S: Sink>(&mut self, choice: u32, wire: wire::ToolCall, to: &mut Sequencer<S>) -> Result<(), Broken> {
        let name = match (&wire.function, &wire.custom) {
            (Some(function), _) => function.name.as_deref(),
            (None, Some(custom)) => custom.name.as_deref(),
            (None, None) => None,
        };
        let key = self.key(choice, wire.index, wire.id.as_deref(), name);
        if wire.custom.is_some() {
            to.call_kind(choice, key, CallKind::Freeform, None)?;
        }
        let google = wire.extra_content.and_then(|extra| extra.google);
        if let Some(text) = google.and_then(|google| google.thought_signature) {
            to.call_state(choice, key, crate::chat::State { maker: Some(self.maker.clone()), text })?;
        }
        to.call(choice, key, wire.id.as_deref(), name)?;
        if let Some(custom) = wire.custom {
            return to.call_input(choice, key, custom.input.as_deref().unwrap_or_default());
        }
        to.call_input(choice, key, &arguments(wire.function.and_then(|function| function.arguments)))
    }

    /// Which call is meant: servers leave the index out, begin it at one, or give every call the same.
    fn key(&mut self, choice: u32, index: Option<u32>, id: Option<&str>, name: Option<&str>) -> u32 {
        let id = id.unwrap_or_default();
        let begins = name.is_some_and(|name| !name.is_empty());
        let of_choice = |seen: &&mut Seen| seen.choice == choice;
        let mut calls = self.calls.iter_mut().enumerate().rev();
        let found = match index {
            Some(_) => calls.find(|(_, seen)| of_choice(seen) && seen.index == index),
            None if !id.is_empty() => calls.find(|(_, seen)| of_choice(seen) && seen.id == id),
            None if begins => None,
            None => calls.find(|(_, seen)| of_choice(seen)),
        };
        if let Some((at, seen)) = found {
            let is_another = begins && !id.is_empty() && !seen.id.is_empty() && seen.id != id;
            if !is_another {
                if seen.id.is_empty() {
                    id.clone_into(&mut seen.id);
                }
                return u32::try_from(at).unwrap_or(u32::MAX);
            }
        }
        self.calls.push(Seen { choice, index, id: id.to_owned() });
        u32::try_from(self.calls.len() - 1).unwrap_or(u32::MAX)
    }
}
