//! The usage that a stream reports, read while its frames pass by.
//!
//! Runs for every event of every stream, so a frame is searched for the few marks that matter and parsed only
//! where one is found.

use super::scan::{Choices, Chunk, CohereEnd, GeminiChunk, is_empty_list, kind};
use super::usage::parse;
use super::{Counts, estimate};
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
/// assert_eq!(meter.reported().map(|counts| counts.total()), Some(10));
/// ```
#[derive(Debug)]
pub struct Meter {
    protocol: Protocol,
    counts: Option<Counts>,
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
            counts: None,
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
    pub const fn reported(&self) -> Option<Counts> {
        self.counts
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
            if let Some(usage) = chunk.usage.and_then(parse).and_then(|u| u.openai()) {
                self.counts = Some(usage);
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
        self.counts = chunk.usage_metadata.and_then(|usage| super::usage::gemini(usage.get())).or(self.counts);
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
                self.counts = delta.usage.and_then(|usage| super::usage::cohere(usage.get())).or(self.counts);
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
            self.counts = chunk.response.and_then(|r| r.usage).and_then(parse).and_then(|u| u.openai()).or(self.counts);
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
                    self.counts = usage.map_or(self.counts, |u| u.anthropic(self.counts));
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
mod tests {
    use super::*;

    fn read(protocol: Protocol, datas: &[&str]) -> (Meter, Vec<Frame>) {
        let mut meter = Meter::new(protocol);
        let frames = datas.iter().map(|d| meter.read(format!("data: {d}\n\n").as_bytes())).collect();
        (meter, frames)
    }

    #[test]
    fn chat_usage_comes_in_a_chunk_of_its_own_or_with_the_last() {
        let (meter, frames) = read(
            Protocol::OpenAi,
            &[
                r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
                r#"{"choices":[{"index":0,"delta":{"content":"say \"usage\": {1} and \"error\""},"finish_reason":null}]}"#,
                r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
                r#"{"choices": [ ],"usage": {"prompt_tokens":4,"completion_tokens":2,"total_tokens":6}}"#,
                "[DONE]",
            ],
        );
        assert_eq!(frames, [Frame::Content, Frame::Content, Frame::Content, Frame::UsageOnly, Frame::End]);
        assert_eq!(meter.reported().unwrap().total(), 6);
        assert!(meter.is_whole() && !meter.has_failed());

        let (meter, frames) = read(
            Protocol::OpenAi,
            &[
                r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#,
            ],
        );
        assert_eq!(frames, [Frame::Content]);
        assert_eq!(meter.reported().unwrap().total(), 2);
    }

    #[test]
    fn several_choices_are_whole_when_each_has_ended() {
        let chunk = |index: u32, finish: &str| {
            format!(r#"{{"choices":[{{"index":{index},"delta":{{}},"finish_reason":{finish}}}]}}"#)
        };
        let mut meter = Meter::new(Protocol::OpenAi);
        for (index, finish, whole) in [
            (0, "null", false),
            (1, "null", false),
            (1, "\"stop\"", false),
            (2, "null", false),
            (0, "\"stop\"", false),
            (2, "\"length\"", true),
        ] {
            meter.read(format!("data: {}\n\n", chunk(index, finish)).as_bytes());
            assert_eq!(meter.is_whole(), whole, "{index} {finish}");
        }
        let calls = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b"}]},"finish_reason":null}]}"#;
        let (meter, _) = read(Protocol::OpenAi, &[calls, &chunk(0, "\"tool_calls\"")]);
        assert!(meter.is_whole());
    }

    #[test]
    fn an_error_in_a_stream_is_seen_but_text_about_errors_is_not_one() {
        let (meter, frames) = read(
            Protocol::OpenAi,
            &[
                r#"{"choices":[{"delta":{"content":"\"error\":{}"}}],"error":null}"#,
                r#"{"error":{"message":"overloaded"}}"#,
            ],
        );
        assert_eq!(frames, [Frame::Content, Frame::Error]);
        assert!(meter.has_failed() && !meter.is_whole());
    }

    #[test]
    fn responses_usage_stands_in_the_terminal_event() {
        let (meter, frames) = read(
            Protocol::Responses,
            &[
                r#"{"type":"response.created","response":{"id":"resp_1","usage":null}}"#,
                r#"{"type":"response.output_text.delta","delta":"hello there"}"#,
                r#"{"type":"response.output_text.done","text":"hello there"}"#,
                r#"{"sequence_number":3,"type":"response.completed","response":{"usage":{"input_tokens":7,"input_tokens_details":{"cached_tokens":3},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":9}}}"#,
            ],
        );
        assert_eq!(frames, [Frame::Content, Frame::Content, Frame::Content, Frame::End]);
        assert_eq!(meter.reported().unwrap().cache_read, 3);
        assert!(meter.is_whole());
        assert!((2..=4).contains(&meter.estimated_output()), "{}", meter.estimated_output());
    }

    #[test]
    fn gemini_and_cohere_streams_are_metered_too() {
        let (meter, _) = read(
            Protocol::Gemini,
            &[
                r#"{"candidates":[{"content":{"parts":[{"text":"hi"}]}}],"usageMetadata":{"promptTokenCount":4}}"#,
                r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":2,"thoughtsTokenCount":1}}"#,
            ],
        );
        assert!(meter.is_whole());
        assert_eq!(meter.reported().map(|c| (c.input(), c.output, c.reasoning)), Some((4, 3, 1)));
        let end = |reason: &str| {
            format!(
                r#"{{"type":"message-end","delta":{{"finish_reason":"{reason}","usage":{{"tokens":{{"input_tokens":3,"output_tokens":2}}}}}}}}"#
            )
        };
        let (meter, frames) = read(Protocol::Cohere, &[r#"{"type":"content-delta","delta":{}}"#, &end("COMPLETE")]);
        assert_eq!((frames[1], meter.is_whole(), meter.reported().unwrap().total()), (Frame::End, true, 5));
        let (meter, frames) = read(Protocol::Cohere, &[&end("ERROR")]);
        assert_eq!((frames[0], meter.is_whole(), meter.has_failed()), (Frame::Error, false, true));
    }

    #[test]
    fn anthropic_usage_is_merged_from_start_and_delta() {
        let (meter, frames) = read(
            Protocol::Anthropic,
            &[
                r#"{"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":3,"cache_read_input_tokens":10,"output_tokens":1}}}"#,
                r#"{"type":"ping"}"#,
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#,
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#,
                r#"{"type":"message_stop"}"#,
            ],
        );
        assert_eq!(frames, [Frame::Content, Frame::Other, Frame::Content, Frame::Content, Frame::End]);
        let counts = meter.reported().unwrap();
        assert_eq!((counts.input(), counts.output), (13, 9));
    }
}
