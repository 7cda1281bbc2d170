//! Reads a Gemini stream: every event is a whole answer that holds only what is new.

use crate::chat::{Broken, Call, Head, Maker, PartKind, Role, Sequencer, Sink, Stop};
use crate::count::usage;
use crate::error::Problem;
use crate::gemini::request::read_part;
use crate::gemini::{error, stop, wire};
use crate::sse;

/// Reads a provider's frames.
#[derive(Debug)]
pub struct Reader {
    maker: Maker,
    calls: u32,
    finished: bool,
    problem: Option<Problem>,
}

impl Reader {
    /// A reader of what `maker` sends.
    pub const fn new(maker: Maker) -> Self {
        Self { maker, calls: 0, finished: false, problem: None }
    }

    /// Whether the answer came to its end: this protocol has no other mark of it than a reason.
    pub const fn is_complete(&self) -> bool {
        self.finished
    }

    /// The error that the provider sent inside the stream.
    pub const fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// Reads one frame.
    pub fn frame<S: Sink>(&mut self, frame: &[u8], to: &mut Sequencer<S>) -> Result<(), Broken> {
        let Some(data) = sse::data(frame) else { return Ok(()) };
        let data = data.trim_ascii();
        if data.is_empty() || data == b"[DONE]" || self.problem.is_some() {
            return Ok(());
        }
        let nonsense = || Broken::Nonsense("the provider sent an event that is not of its protocol".into());
        let chunk: wire::Answer = serde_json::from_slice(data).map_err(|_| nonsense())?;
        if let Some(problem) = chunk.error.as_ref().filter(|error| !error.is_null()) {
            self.problem = Some(error::inside(problem));
            return Ok(());
        }
        to.start(Head {
            id: chunk.response_id.unwrap_or_default(),
            model: chunk.model_version.unwrap_or_default(),
            created_s: 0,
        });
        for candidate in chunk.candidates.unwrap_or_default() {
            let number = candidate.index.unwrap_or(0);
            for part in candidate.content.unwrap_or_default().parts {
                let path = |rest: &str| rest.to_owned();
                let part = read_part(part, Role::Assistant, Some(&self.maker), "", &path).map_err(|_| nonsense())?;
                if let Some(part) = part {
                    self.part(number, part.kind, to)?;
                }
            }
            if let Some(reason) = candidate.finish_reason.filter(|reason| !reason.is_empty()) {
                self.finished = true;
                to.stop(number, stop::read(&reason, candidate.finish_message))?;
            }
        }
        if let Some(reason) = chunk.prompt_feedback.and_then(|feedback| feedback.block_reason) {
            self.finished = true;
            to.stop(0, Stop::Safety(Some(reason)))?;
        }
        if let Some(counts) = chunk.usage_metadata.as_ref().and_then(|json| usage::gemini(json.text())) {
            to.usage(counts);
        }
        Ok(())
    }

    fn part<S: Sink>(&mut self, number: u32, kind: PartKind, to: &mut Sequencer<S>) -> Result<(), Broken> {
        match kind {
            PartKind::Text(text) => {
                to.text(number, &text.text, None)?;
                match text.state {
                    Some(state) => to.text_state(number, state),
                    None => Ok(()),
                }
            }
            PartKind::Reasoning(reasoning) => {
                to.reasoning(number, &reasoning.text, false)?;
                match reasoning.state {
                    Some(state) => to.reasoning_state(number, state, None),
                    None => Ok(()),
                }
            }
            PartKind::Call(Call { id, name, input, state, .. }) => {
                let key = self.calls;
                self.calls += 1;
                if let Some(state) = state {
                    // Told first, so that the call opens with it.
                    to.call_kind(number, key, crate::chat::CallKind::Function, None)?;
                    to.call_state(number, key, state)?;
                }
                to.call_input(number, key, &input)?;
                to.call(number, key, Some(&id), Some(&name))?;
                to.call_done(number, key, None)
            }
            other => to.whole(number, other.into()),
        }
    }
}
