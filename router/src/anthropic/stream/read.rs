//! Reads an Anthropic Messages stream.

use crate::anthropic::request::blocks;
use crate::anthropic::{error, stop, wire};
use crate::chat::{Broken, Head, Json, Maker, PartKind, Role, Sequencer, Sink, State};
use crate::count::{Counts, usage};
use crate::error::Problem;
use crate::sse;

/// Reads a provider's frames.
#[derive(Debug)]
pub struct Reader {
    maker: Maker,
    /// The block that is open and what it is.
    open: Option<(u32, Open)>,
    counts: Option<Counts>,
    /// How many messages have begun: the vendor may begin again after a broken call.
    begun: u32,
    complete: bool,
    problem: Option<Problem>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    Call,
    Other,
}

impl Reader {
    /// A reader of what `maker` sends.
    pub const fn new(maker: Maker) -> Self {
        Self { maker, open: None, counts: None, begun: 0, complete: false, problem: None }
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
        match event.kind.as_str() {
            "message_start" => {
                let message = event.message.unwrap_or_default();
                self.begun += 1;
                self.count(message.usage.as_ref(), to);
                to.start(Head {
                    id: message.id.unwrap_or_default(),
                    model: message.model.unwrap_or_default(),
                    created_s: 0,
                });
            }
            "content_block_start" => self.block(event.index.unwrap_or(0), event.content_block.as_ref(), to)?,
            "content_block_delta" => self.delta(event.index.unwrap_or(0), event.delta.unwrap_or_default(), to)?,
            "content_block_stop" => match self.open.take() {
                Some((index, Open::Call)) => to.call_done(0, self.key(index), None)?,
                Some(_) => to.close(0)?,
                None => {}
            },
            "message_delta" => {
                self.count(event.usage.as_ref(), to);
                if let Some(delta) = event.delta
                    && let Some(word) = delta.stop_reason
                {
                    to.stop(0, stop::read(&word, delta.stop_sequence, delta.stop_details))?;
                }
            }
            "message_stop" => self.complete = true,
            "error" => {
                let error = event.error.unwrap_or_else(Json::empty_object);
                self.problem = Some(error::inside(&error));
            }
            // `ping`, and whatever the vendor adds.
            _ => {}
        }
        Ok(())
    }

    fn count<S: Sink>(&mut self, json: Option<&Json>, to: &mut Sequencer<S>) {
        self.counts = json.map_or(self.counts, |json| usage::anthropic(json.text(), self.counts));
        if let Some(counts) = self.counts {
            to.usage(counts);
        }
    }

    /// A call's key: its block's place, told apart from those of a message that was begun before.
    const fn key(&self, index: u32) -> u32 {
        index.wrapping_add(self.begun.wrapping_mul(1 << 16))
    }

    fn block<S: Sink>(&mut self, index: u32, raw: Option<&Json>, to: &mut Sequencer<S>) -> Result<(), Broken> {
        let block: wire::Block = raw.and_then(Json::read).unwrap_or_default();
        to.close(0)?;
        let open = match block.kind.as_deref() {
            Some("text") => {
                to.text(0, block.text.as_deref().unwrap_or_default(), None)?;
                Open::Text
            }
            Some("thinking") => {
                to.reasoning(0, block.thinking.as_deref().unwrap_or_default(), false)?;
                if let Some(signature) = block.signature.filter(|signature| !signature.is_empty()) {
                    self.signature(signature, to)?;
                }
                Open::Thinking
            }
            Some("tool_use") => {
                let key = self.key(index);
                to.call(0, key, block.id.as_deref(), block.name.as_deref())?;
                // Some servers put the whole input here and send no delta.
                let input = block.input.filter(|input| input.is_object() && !is_empty(input));
                to.call_input(0, key, input.as_ref().map_or("", Json::text))?;
                Open::Call
            }
            _ => {
                let path = |rest: &str| rest.to_owned();
                let part = blocks::part(block, raw, Role::Assistant, Some(&self.maker), &path);
                if let Ok(Some(part)) = part
                    && !matches!(part.kind, PartKind::Call(_))
                {
                    to.whole(0, part)?;
                }
                Open::Other
            }
        };
        self.open = Some((index, open));
        Ok(())
    }

    fn signature<S: Sink>(&self, text: String, to: &mut Sequencer<S>) -> Result<(), Broken> {
        to.reasoning_state(0, State { maker: Some(self.maker.clone()), text }, None)
    }

    fn delta<S: Sink>(&self, index: u32, delta: wire::Delta, to: &mut Sequencer<S>) -> Result<(), Broken> {
        match delta.kind.as_deref() {
            Some("text_delta") => to.text(0, delta.text.as_deref().unwrap_or_default(), None),
            Some("thinking_delta") => to.reasoning(0, delta.thinking.as_deref().unwrap_or_default(), false),
            Some("signature_delta") => match delta.signature.filter(|signature| !signature.is_empty()) {
                Some(signature) => self.signature(signature, to),
                None => Ok(()),
            },
            Some("input_json_delta") if matches!(self.open, Some((_, Open::Call))) => {
                to.call_input(0, self.key(index), delta.partial_json.as_deref().unwrap_or_default())
            }
            Some("citations_delta") => match delta.citation {
                Some(citation) => to.citation(0, blocks::citation(citation)),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

fn is_empty(object: &Json) -> bool {
    object.text().bytes().all(|b| b == b'{' || b == b'}' || b.is_ascii_whitespace())
}
