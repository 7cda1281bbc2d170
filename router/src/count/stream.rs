//! The usage that a stream reports, read while its frames pass by.
//!
//! Runs for every event of every stream, so a frame is searched for the few marks that matter and parsed only
//! where one is found.

use serde_json::value::RawValue;

use super::scan::{Choices, Chunk, CohereEnd, GeminiChunk, Inner, is_empty_list, kind, searches};
use super::usage::{self, parse};
use super::{Report, ServiceTier, estimate};
use crate::protocol::Protocol;
use crate::sse;
use crate::walk::Fields;

/// What a frame is to the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A part of the answer.
    Content,
    /// Only usage: the extra chunk that OpenAI sends when asked to include usage.
    UsageOnly,
    /// The end of the answer, as the protocol marks it.
    End,
    /// The provider reports an error inside the stream.
    Error,
    /// A comment, a ping, an empty frame.
    Other,
}

/// Reads a stream's frames for usage, its end, and errors.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::count::stream::{Frame, Meter};
///
/// let mut meter = Meter::new(Protocol::OpenAi);
/// let chunk = r#"data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}"#;
/// assert_eq!(meter.read(chunk.as_bytes()), Frame::Content);
/// let usage = r#"data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1}}"#;
/// assert_eq!(meter.read(usage.as_bytes()), Frame::UsageOnly);
/// assert_eq!(meter.read(b"data: [DONE]"), Frame::End);
/// assert!(meter.is_whole());
/// assert_eq!(meter.reported().map(|report| report.counts.total()), Some(10));
/// ```
#[derive(Debug)]
pub struct Meter {
    protocol: Protocol,
    report: Option<Report>,
    /// The tier that was told before there was a report.
    tier: ServiceTier,
    estimated_output: u64,
    answer_is_whole: bool,
    /// Choices of an `n > 1` stream that have begun and not ended, as bits; those beyond 63 share the last.
    open_choices: u64,
    /// Choices that have ended: what a server adds to them afterwards opens them no more.
    closed_choices: u64,
    /// Whether the end mark has passed; what follows it means nothing to anybody.
    ended: bool,
    failed: bool,
    frames: u64,
}

impl Meter {
    /// A meter for a stream of `protocol`.
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            report: None,
            tier: ServiceTier::Standard,
            estimated_output: 0,
            answer_is_whole: false,
            open_choices: 1,
            closed_choices: 0,
            ended: false,
            failed: false,
            frames: 0,
        }
    }

    /// What the provider has reported so far.
    pub const fn reported(&self) -> Option<Report> {
        self.report
    }

    /// Our estimate of the output tokens that have passed.
    pub const fn estimated_output(&self) -> u64 {
        self.estimated_output
    }

    /// Whether the answer is complete: its end mark was seen, or a finish reason in protocols that have one.
    pub const fn is_whole(&self) -> bool {
        self.answer_is_whole
    }

    /// Whether the provider reported an error inside the stream.
    pub const fn has_failed(&self) -> bool {
        self.failed
    }

    /// How many frames with data have passed.
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Reads one frame.
    pub fn read(&mut self, frame: &[u8]) -> Frame {
        let Some(data) = sse::data(frame) else { return Frame::Other };
        self.frames += 1;
        if self.ended {
            return Frame::Other;
        }
        if data.trim_ascii() == b"[DONE]" {
            self.answer_is_whole = true;
            self.ended = true;
            return Frame::End;
        }
        let frame = match self.protocol {
            Protocol::OpenAi => self.read_chat(&data),
            Protocol::Gemini => self.read_gemini(&data),
            Protocol::Cohere => self.read_cohere(&data),
            Protocol::Responses => self.read_responses(&data),
            Protocol::Anthropic => self.read_anthropic(&data),
        };
        self.ended = frame == Frame::End;
        frame
    }

    fn read_chat(&mut self, data: &[u8]) -> Frame {
        let (mut finished, mut has_other_choice, mut has_usage, mut has_error) = (false, false, false, false);
        let mut tokens = 0;
        for field in Fields::of(data) {
            match field.name {
                b"finish_reason" => finished |= field.first == b'"',
                // Tool calls have an index too, so this may err on the safe side.
                b"index" => has_other_choice |= (b'1'..=b'9').contains(&field.first),
                b"usage" => has_usage |= field.first == b'{',
                b"error" => has_error |= field.first != b'n',
                b"service_tier" => self.tell_tier(field.string),
                name if estimate::is_output(name) => tokens += field.string.map_or(0, estimate::string_tokens),
                _ => {}
            }
        }
        // The first choice is counted as open from the start; others are rare enough to be parsed.
        if self.open_choices > 1 || has_other_choice {
            self.follow_choices(data);
            self.answer_is_whole = self.open_choices == 0;
        } else if finished {
            self.answer_is_whole = true;
            self.open_choices = 0;
            self.closed_choices = 1;
        }
        if has_usage || has_error {
            let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else { return Frame::Content };
            let own = || serde_json::from_str::<Inner<'_>>(chunk.x_groq?.get()).ok()?.usage;
            if let Some(report) = chunk.usage.or_else(own).and_then(parse).and_then(|u| u.openai()) {
                if let Some(tier) = chunk.service_tier.filter(|tier| tier.get().starts_with('"')) {
                    self.tier = usage::tier(tier.get().as_bytes());
                }
                let report = Report { tier: self.tier.max(report.tier), ..report };
                let times = chunk.time_info.or(chunk.timings).map(|times| times.get().as_bytes());
                self.report = Some(times.map_or(report, |times| usage::timed(report, times)));
                // With no choices left there is nothing in it but usage.
                if chunk.choices.is_none_or(|c| is_empty_list(c.get())) {
                    return Frame::UsageOnly;
                }
            }
            if chunk.error.is_some_and(|e| e.get() != "null") {
                self.failed = true;
                return Frame::Error;
            }
        }
        self.estimated_output += tokens;
        Frame::Content
    }

    /// Every chunk may name its tier; only another than the usual one is news.
    fn tell_tier(&mut self, name: Option<&[u8]>) {
        if let Some(name) = name.filter(|name| !matches!(*name, b"default" | b"auto" | b"standard" | b"on_demand")) {
            self.tier = str::from_utf8(name).map_or(self.tier, ServiceTier::of);
        }
    }

    fn follow_choices(&mut self, data: &[u8]) {
        let Ok(chunk) = serde_json::from_slice::<Choices>(data) else { return };
        for choice in chunk.choices.into_iter().flatten() {
            let bit = 1 << choice.index.min(63);
            if choice.finish_reason.is_some() {
                self.open_choices &= !bit;
                self.closed_choices |= bit;
            } else if self.closed_choices & bit == 0 {
                self.open_choices |= bit;
            }
        }
    }

    fn read_gemini(&mut self, data: &[u8]) -> Frame {
        let Ok(chunk) = serde_json::from_slice::<GeminiChunk<'_>>(data) else { return Frame::Content };
        if chunk.error.is_some_and(|error| error.get() != "null") {
            self.failed = true;
            return Frame::Error;
        }
        let before = self.report.map_or(0, |report| report.media.web_searches);
        self.report =
            chunk.usage_metadata.and_then(|usage| usage::gemini::read(usage.get().as_bytes())).or(self.report);
        if let Some(report) = &mut self.report {
            // Each event may repeat what was searched for until then.
            report.media.web_searches = before.max(usage::gemini::searches(data));
        }
        let blocked = chunk.prompt_feedback.is_some_and(|feedback| feedback.get().contains("\"blockReason\""));
        // This protocol has no other mark of the end than a reason for it.
        self.answer_is_whole |=
            blocked || Fields::of(data).any(|field| field.name == b"finishReason" && field.first == b'"');
        self.estimated_output += estimate::answer_tokens(data);
        Frame::Content
    }

    fn read_cohere(&mut self, data: &[u8]) -> Frame {
        match kind(data) {
            b"message-end" => {
                let Ok(chunk) = serde_json::from_slice::<CohereEnd<'_>>(data) else { return Frame::Content };
                let delta = chunk.delta.unwrap_or_default();
                let read = |json: &RawValue| usage::cohere::read(json.get().as_bytes());
                self.report = delta.usage.and_then(read).or(self.report);
                if matches!(delta.finish_reason.as_deref(), Some("ERROR" | "TIMEOUT")) {
                    self.failed = true;
                    return Frame::Error;
                }
                self.answer_is_whole = true;
                Frame::End
            }
            name => {
                if name.ends_with(b"-delta") {
                    self.estimated_output += estimate::answer_tokens(data);
                }
                Frame::Content
            }
        }
    }

    fn read_responses(&mut self, data: &[u8]) -> Frame {
        let kind = kind(data);
        if kind.ends_with(b".delta") {
            self.estimated_output += estimate::answer_tokens(data);
            return Frame::Content;
        }
        let frame = match kind {
            b"response.completed" | b"response.incomplete" => Frame::End,
            b"response.failed" | b"error" => Frame::Error,
            _ => return Frame::Content,
        };
        self.answer_is_whole |= frame == Frame::End;
        self.failed |= frame == Frame::Error;
        if let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) {
            let response = chunk.response.unwrap_or_default();
            if let Some(mut report) = response.usage.and_then(parse).and_then(|u| u.openai()) {
                let tier = response.service_tier.map(|tier| usage::tier(tier.get().as_bytes()));
                report.tier = report.tier.max(tier.unwrap_or_default());
                let searches = response.output.map_or(0, |output| searches(output.get().as_bytes()));
                report.media.web_searches = report.media.web_searches.max(searches);
                self.report = Some(report);
            }
        }
        frame
    }

    fn read_anthropic(&mut self, data: &[u8]) -> Frame {
        match kind(data) {
            b"content_block_delta" => {
                self.estimated_output += estimate::answer_tokens(data);
                Frame::Content
            }
            b"message_start" | b"message_delta" => {
                if let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) {
                    let usage = chunk.usage.or(chunk.message.and_then(|m| m.usage)).and_then(parse);
                    self.report = usage.map_or(self.report, |u| u.anthropic(self.report));
                }
                Frame::Content
            }
            b"message_stop" => {
                self.answer_is_whole = true;
                Frame::End
            }
            b"error" => {
                self.failed = true;
                Frame::Error
            }
            b"ping" => Frame::Other,
            _ => Frame::Content,
        }
    }
}

#[cfg(test)]
mod tests;
