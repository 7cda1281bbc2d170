//! Reads a Responses stream.

use crate::chat::{Broken, CallKind, Head, Json, Maker, Part, PartKind, Sequencer, Sink, State, Stop};
use crate::count::usage;
use crate::error::Problem;
use crate::responses::request::items;
use crate::responses::response::{logprobs, parts_of, stop, whole_seconds};
use crate::responses::{error, wire};
use crate::sse;

/// The most items that an answer may have: each is looked up by its place at every event.
const MAX_ITEMS: usize = 4096;

/// Reads a provider's frames.
#[derive(Debug)]
pub struct Reader {
    maker: Maker,
    items: Vec<Seen>,
    refused: bool,
    complete: bool,
    problem: Option<Problem>,
}

/// An item of the output, known by its place: some servers change ids on the way.
#[derive(Debug)]
struct Seen {
    index: u32,
    phase: Option<String>,
    /// Whether any of its content came as deltas.
    streamed: bool,
    done: bool,
}

impl Reader {
    /// A reader of what `maker` sends.
    pub const fn new(maker: Maker) -> Self {
        Self { maker, items: Vec::new(), refused: false, complete: false, problem: None }
    }

    /// Whether the answer came to its end.
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// The error that the provider sent inside the stream.
    pub const fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// Reads one frame.
    pub fn frame<S: Sink>(&mut self, frame: &[u8], to: &mut Sequencer<S>) -> Result<(), Broken> {
        let Some(data) = sse::data(frame) else { return Ok(()) };
        let data = data.trim_ascii();
        if data.is_empty() || data == b"[DONE]" || self.complete || self.problem.is_some() {
            return Ok(());
        }
        let event: wire::StreamEvent = serde_json::from_slice(data)
            .map_err(|_| Broken::Nonsense("the provider sent an event that is not of its protocol".into()))?;
        let index = event.output_index.unwrap_or(0);
        let delta = || event.delta.as_ref().and_then(Json::as_string).unwrap_or_default();
        match event.kind.as_str() {
            "response.created" | "response.in_progress" | "response.queued" => {
                start(event.response.as_ref(), to);
            }
            "response.output_item.added" => self.added(index, event.item.as_ref(), to)?,
            "response.output_text.delta" => {
                let seen = self.seen(index)?;
                seen.streamed = true;
                let phase = seen.phase.clone();
                to.text(0, &delta(), phase.as_deref())?;
                // The types demand the list, empty as it mostly is.
                if let Some(list) = event.logprobs.filter(|list| list.text().len() > "[]".len()) {
                    to.logprobs(0, &list)?;
                }
            }
            "response.refusal.delta" => {
                self.seen(index)?.streamed = true;
                self.refused = true;
                to.refusal(0, &delta())?;
            }
            "response.reasoning_summary_part.added" if event.summary_index.unwrap_or(0) > 0 => {
                to.reasoning(0, "\n\n", false)?;
            }
            "response.reasoning_summary_text.delta" => {
                self.seen(index)?.streamed = true;
                to.reasoning(0, &delta(), false)?;
            }
            "response.reasoning_text.delta" => {
                self.seen(index)?.streamed = true;
                to.reasoning(0, &delta(), true)?;
            }
            "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta" => {
                to.call_input(0, index, &delta())?;
            }
            "response.output_text.annotation.added" => {
                if let Some(citation) = event.annotation.and_then(items::citation) {
                    to.citation(0, citation)?;
                }
            }
            "response.output_item.done" => {
                if let Some(item) = &event.item {
                    self.done(index, item, to)?;
                }
            }
            "response.completed" | "response.incomplete" => self.end(event.response.unwrap_or_default(), to)?,
            "response.failed" => {
                let error = event.response.and_then(|response| response.error).filter(|error| !error.is_null());
                self.problem = Some(error::inside(&error.unwrap_or_else(Json::empty_object)));
            }
            "error" => {
                let flat = || Json::parse(String::from_utf8_lossy(data).into_owned());
                let error = event.error.filter(|error| !error.is_null()).or_else(flat);
                self.problem = Some(error::inside(&error.unwrap_or_else(Json::empty_object)));
            }
            _ => {}
        }
        Ok(())
    }

    fn seen(&mut self, index: u32) -> Result<&mut Seen, Broken> {
        let at = match self.items.iter().position(|seen| seen.index == index) {
            Some(at) => at,
            None if self.items.len() < MAX_ITEMS => {
                self.items.push(Seen { index, phase: None, streamed: false, done: false });
                self.items.len() - 1
            }
            None => return Err(Broken::TooLarge),
        };
        self.items.get_mut(at).ok_or(Broken::TooLarge)
    }

    fn added<S: Sink>(&mut self, index: u32, raw: Option<&Json>, to: &mut Sequencer<S>) -> Result<(), Broken> {
        let item: wire::Item = raw.and_then(Json::read).unwrap_or_default();
        to.close(0)?;
        self.seen(index)?.phase.clone_from(&item.phase);
        if let Some(kind) = call_kind(&item) {
            to.call_kind(0, index, kind, item.namespace.as_deref())?;
            let name = if kind == CallKind::Search { Some("tool_search") } else { item.name.as_deref() };
            to.call(0, index, item.call_id.as_deref(), name)?;
        }
        Ok(())
    }

    fn done<S: Sink>(&mut self, index: u32, raw: &Json, to: &mut Sequencer<S>) -> Result<(), Broken> {
        let item: wire::Item = raw.read().unwrap_or_default();
        if std::mem::replace(&mut self.seen(index)?.done, true) {
            return Ok(());
        }
        if let Some(kind) = call_kind(&item) {
            to.call_kind(0, index, kind, item.namespace.as_deref())?;
            let name = if kind == CallKind::Search { Some("tool_search") } else { item.name.as_deref() };
            to.call(0, index, item.call_id.as_deref(), name)?;
            let whole = match kind {
                CallKind::Freeform => item.input,
                _ => item.arguments.as_ref().map(|a| a.as_string().unwrap_or_else(|| a.text().to_owned())),
            };
            return to.call_done(0, index, whole.as_deref());
        }
        let streamed = self.seen(index)?.streamed;
        if item.kind.as_deref() == Some("reasoning") && streamed {
            if let Some(text) = item.encrypted_content.filter(|text| !text.is_empty()) {
                to.reasoning_state(0, State { maker: Some(self.maker.clone()), text }, item.id)?;
            }
            return to.close(0);
        }
        if streamed {
            return to.close(0);
        }
        if let Some(list) = logprobs(&item) {
            to.logprobs(0, &list)?;
        }
        for part in parts_of(raw, &self.maker, &|rest: &str| rest.to_owned()).unwrap_or_default() {
            self.whole(part, to)?;
        }
        Ok(())
    }

    fn whole<S: Sink>(&mut self, part: Part, to: &mut Sequencer<S>) -> Result<(), Broken> {
        self.refused |= matches!(part.kind, PartKind::Refusal(_));
        to.whole(0, part)
    }

    fn end<S: Sink>(&mut self, response: wire::Answer, to: &mut Sequencer<S>) -> Result<(), Broken> {
        start(Some(&response), to);
        if self.items.is_empty() {
            // A server that does not stream puts everything here.
            for raw in response.output.iter().flatten() {
                for part in parts_of(raw, &self.maker, &|rest: &str| rest.to_owned()).unwrap_or_default() {
                    self.whole(part, to)?;
                }
            }
        }
        if let Some(counts) = response.usage.as_ref().and_then(|json| usage::openai(json.text())) {
            to.usage(counts);
        }
        if let Some(tier) = &response.service_tier {
            to.service_tier(tier);
        }
        let stop = match stop(response.status.as_deref(), response.incomplete_details) {
            Stop::End if self.refused => Stop::Safety(None),
            stop => stop,
        };
        self.complete = true;
        to.stop(0, stop)
    }
}

fn start<S: Sink>(response: Option<&wire::Answer>, to: &mut Sequencer<S>) {
    let Some(response) = response else { return };
    to.start(Head {
        id: response.id.clone().unwrap_or_default(),
        model: response.model.clone().unwrap_or_default(),
        created_s: response.created_at.as_ref().and_then(serde_json::Number::as_f64).map_or(0, whole_seconds),
    });
}

fn call_kind(item: &wire::Item) -> Option<CallKind> {
    match item.kind.as_deref() {
        Some("function_call") => Some(CallKind::Function),
        Some("custom_tool_call") => Some(CallKind::Freeform),
        Some("tool_search_call") if item.execution.as_deref() != Some("server") => Some(CallKind::Search),
        _ => None,
    }
}
