//! A provider's stream on its way to a client of another protocol.

use bytes::Bytes;

use super::voices::{Out, Reader};
use super::{Carried, broken, unfinished};
use crate::chat::Sequencer;
use crate::chat::cut::Cutter;
use crate::error::Problem;

/// Translates a stream event by event.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::chat::Target;
/// use tokenrouter::convert::{Asked, Context, translate};
///
/// # fn main() -> Result<(), tokenrouter::Problem> {
/// let body = br#"{"model":"any","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Hello"}]}"#;
/// let target = Target::new("openai", Protocol::OpenAi, "gpt-5");
/// let mut stream = translate(Asked::new(Protocol::Anthropic, body), &target, Context::default())?.back.stream();
/// stream.frame(br#"data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}"#)?;
/// assert!(stream.take().starts_with(b"event: message_start\n"));
/// stream.frame(b"data: [DONE]")?;
/// stream.finish();
/// assert!(stream.take().ends_with(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Translator {
    pub(super) reader: Reader,
    pub(super) sequencer: Sequencer<Cutter<Out>>,
}

impl Translator {
    /// Takes one frame of the provider's stream; what it means to the client is in [`Self::take`] then.
    pub fn frame(&mut self, frame: &[u8]) -> Result<(), Problem> {
        if self.sequencer.has_ended() {
            return Ok(());
        }
        self.reader.frame(frame, &mut self.sequencer).map_err(|e| broken(&e))?;
        if let Some(problem) = self.reader.problem() {
            let problem = problem.clone();
            self.sequencer.fail(&problem);
        }
        Ok(())
    }

    /// The provider's stream is over: the answer ends as it should, or with an error if it is not complete.
    pub fn finish(&mut self) {
        let done = if self.reader.is_complete() { self.sequencer.finish() } else { Ok(()) };
        match done {
            Ok(()) if self.sequencer.has_ended() => {}
            Ok(()) => self.sequencer.fail(&unfinished()),
            Err(e) => self.sequencer.fail(&broken(&e)),
        }
    }

    /// The provider's stream broke.
    pub fn fail(&mut self, problem: &Problem) {
        self.sequencer.fail(problem);
    }

    /// The bytes for the client since the last time.
    pub fn take(&mut self) -> Bytes {
        self.sequencer.sink().sink().take().into()
    }

    /// The response object, once the answer is complete, where [`super::Context::keep`] asked for it.
    pub fn take_object(&mut self) -> Option<Vec<u8>> {
        self.sequencer.sink().sink().take_object()
    }

    /// The state of tool calls since the last time that the client cannot carry.
    pub fn take_carried(&mut self) -> Vec<Carried> {
        self.sequencer.sink().sink().take_carried()
    }

    /// What keeps a waiting client patient.
    pub const fn keep_alive(&mut self) -> &'static [u8] {
        self.sequencer.sink().sink().keep_alive()
    }
}
