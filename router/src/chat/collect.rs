//! From events to an answer in one piece, and back: for providers that stream when nobody asked, or do not when
//! somebody did.

use super::event::{Event, Sink};
use super::response::{Choice, Response};
use super::sequence::{Broken, Sequencer};
use super::{Head, Json};
use crate::error::Problem;

/// Collects the events of an answer.
#[derive(Debug, Default)]
pub struct Collector {
    response: Response,
    numbers: Vec<u32>,
    logprobs: Vec<Vec<Json>>,
    ended: bool,
    failed: Option<Problem>,
}

impl Collector {
    /// The answer, if it came to its end; the problem, if it broke.
    pub fn into_response(mut self) -> Option<Result<Response, Problem>> {
        if let Some(problem) = self.failed {
            return Some(Err(problem));
        }
        for (choice, lists) in self.response.choices.iter_mut().zip(self.logprobs) {
            choice.logprobs = join(&lists);
        }
        self.ended.then_some(Ok(self.response))
    }

    fn at(&mut self, number: u32) -> usize {
        if let Some(at) = self.numbers.iter().position(|n| *n == number) {
            return at;
        }
        self.numbers.push(number);
        self.response.choices.push(Choice::default());
        self.logprobs.push(Vec::new());
        self.numbers.len() - 1
    }
}

/// Several lists as one; none if they are all empty.
pub(crate) fn join(lists: &[Json]) -> Option<Json> {
    let inner: Vec<&str> = lists
        .iter()
        .filter_map(|list| list.text().trim().strip_prefix('[')?.strip_suffix(']'))
        .filter(|inner| !inner.trim().is_empty())
        .collect();
    if inner.is_empty() { None } else { Json::parse(format!("[{}]", inner.join(","))) }
}

impl Sink for Collector {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(head) => {
                self.response.id.clone_from(&head.id);
                self.response.model.clone_from(&head.model);
                self.response.created_s = head.created_s;
            }
            Event::Open { choice, .. } => _ = self.at(choice),
            Event::Delta { .. } => {}
            Event::Logprobs { choice, list } => {
                let at = self.at(choice);
                if let Some(lists) = self.logprobs.get_mut(at) {
                    lists.push(list.clone());
                }
            }
            Event::Close { choice, part, .. } => {
                let at = self.at(choice);
                if let Some(choice) = self.response.choices.get_mut(at) {
                    choice.parts.push(part.clone());
                }
            }
            Event::Stop { choice, stop } => {
                let at = self.at(choice);
                if let Some(choice) = self.response.choices.get_mut(at) {
                    choice.stop.clone_from(stop);
                }
            }
            Event::End { usage, service_tier } => {
                self.response.usage = usage.copied();
                self.response.service_tier = service_tier.map(str::to_owned);
                self.ended = true;
            }
            Event::Failed(problem) => self.failed = Some(problem.clone()),
        }
    }
}

impl Response {
    /// Tells the whole answer as events.
    pub fn replay<S: Sink>(self, to: &mut Sequencer<S>) -> Result<(), Broken> {
        to.start(Head { id: self.id, model: self.model, created_s: self.created_s });
        for (number, choice) in self.choices.into_iter().enumerate() {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            for part in choice.parts {
                to.whole(number, part)?;
            }
            if let Some(list) = choice.logprobs {
                to.logprobs(number, &list)?;
            }
            to.stop(number, choice.stop)?;
        }
        if let Some(usage) = self.usage {
            to.usage(usage);
        }
        if let Some(tier) = self.service_tier {
            to.service_tier(&tier);
        }
        to.finish()
    }
}
