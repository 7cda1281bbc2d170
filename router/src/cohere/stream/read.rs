//! Reads a Cohere stream.

use crate::chat::{Broken, Head, Maker, Sequencer, Sink};
use crate::cohere::request::one_of;
use crate::cohere::{error, stop, wire};
use crate::count::usage;
use crate::error::Problem;
use crate::sse;

/// Reads a provider's frames.
#[derive(Debug)]
pub struct Reader {
    complete: bool,
    problem: Option<Problem>,
}

impl Reader {
    /// A reader of what `maker` sends; this protocol has no state that could be anybody's.
    pub fn new(maker: Maker) -> Self {
        drop(maker);
        Self { complete: false, problem: None }
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
        let index = event.index.unwrap_or(0);
        let delta = event.delta.unwrap_or_default();
        let message = delta.message.unwrap_or_default();
        match event.kind.as_str() {
            "message-start" => {
                to.start(Head { id: event.id.unwrap_or_default(), ..Head::default() });
            }
            "tool-plan-delta" => to.text(0, message.tool_plan.as_deref().unwrap_or_default(), None)?,
            "content-start" | "content-delta" => {
                if event.kind == "content-start" {
                    to.close(0)?;
                }
                let part: wire::Part = message.content.as_ref().and_then(one_of).unwrap_or_default();
                to.reasoning(0, part.thinking.as_deref().unwrap_or_default(), true)?;
                to.text(0, part.text.as_deref().unwrap_or_default(), None)?;
            }
            "content-end" => to.close(0)?,
            "tool-call-start" | "tool-call-delta" => {
                let call: wire::ToolCall = message.tool_calls.as_ref().and_then(one_of).unwrap_or_default();
                let function = call.function.unwrap_or_default();
                to.call(0, index, call.id.as_deref(), function.name.as_deref())?;
                let arguments = function.arguments.filter(|arguments| arguments != "null").unwrap_or_default();
                to.call_input(0, index, &arguments)?;
            }
            "tool-call-end" => to.call_done(0, index, None)?,
            "message-end" => {
                if let Some(counts) = delta.usage.as_ref().and_then(|json| usage::cohere(json.text())) {
                    to.usage(counts);
                }
                let reason = delta.finish_reason.unwrap_or_default();
                if matches!(reason.as_str(), "ERROR" | "TIMEOUT") {
                    self.problem = Some(error::event(data));
                    return Ok(());
                }
                self.complete = true;
                to.stop(0, stop::read(&reason))?;
            }
            _ => {}
        }
        Ok(())
    }
}
