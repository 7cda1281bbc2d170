//! What a client asked and what it was told, read for people: in any protocol, whole, streamed, or broken off half way.

use super::voices::{Reader, read_error, read_response};
use super::{Asked, MAX_FRAME_BYTES, voices};
use crate::chat::event::{Block, Event, Sink};
use crate::chat::lower::Lowering;
use crate::chat::{Maker, Part, PartKind, Reasoning, Request, Sequencer, Stop, Text};
use crate::count::Counts;
use crate::error::Problem;
use crate::protocol::Protocol;
use crate::sse::Splitter;

/// Reads what a client asks, without a look at where it might go.
///
/// # Errors
///
/// What is wrong with the request.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::convert::{Asked, asked};
///
/// # fn main() -> Result<(), tokenrouter::Problem> {
/// let body = br#"{"model":"m","messages":[{"role":"user","content":"Hello"}]}"#;
/// assert_eq!(asked(Asked::new(Protocol::OpenAi, body))?.messages[0].text(), "Hello");
/// # Ok(())
/// # }
/// ```
pub fn asked(asked: Asked<'_>) -> Result<Request, Problem> {
    voices::read(asked).map_err(|e| e.problem())
}

/// What a client was told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// The provider's id for the answer; may be empty.
    pub id: String,
    /// The model that answered; may be empty.
    pub model: String,
    /// What was said, choice by choice, as far as it came.
    pub choices: Vec<Vec<Part>>,
    /// Why the first choice ended; none where it did not.
    pub stop: Option<Stop>,
    /// What the provider reported, if it did.
    pub usage: Option<Counts>,
    /// The error that it was told instead, or that broke it off.
    pub problem: Option<Problem>,
    /// Whether it came to its end.
    pub complete: bool,
}

/// Reads an answer in `protocol` as its client got it. What does not come to its end, or makes no sense from some place
/// on, is read up to there.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::convert::heard;
///
/// let stream = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\ndata: {\"choi";
/// let heard = heard(Protocol::OpenAi, 200, stream);
/// assert_eq!(heard.choices[0][0].as_text(), Some("Hel"));
/// assert!(!heard.complete);
/// ```
pub fn heard(protocol: Protocol, status: u16, body: &[u8]) -> Heard {
    let text = body.trim_ascii_start();
    if status >= 400 {
        return Heard { problem: Some(read_error(protocol, status, body)), complete: true, ..Heard::default() };
    }
    match text.first() {
        None => Heard::default(),
        Some(b'{') => whole(protocol, text),
        Some(b'[') => streamed(protocol, &list(text)),
        Some(_) => streamed(protocol, &frames(text)),
    }
}

const fn nobody(protocol: Protocol) -> Maker {
    Maker { protocol, family: String::new() }
}

fn whole(protocol: Protocol, body: &[u8]) -> Heard {
    let Ok(response) = read_response(protocol, body, &nobody(protocol)) else {
        return Heard { problem: Some(super::error_inside(protocol, body)), ..Heard::default() };
    };
    let stop = response.choices.first().map(|choice| choice.stop.clone());
    Heard {
        id: response.id,
        model: response.model,
        choices: response.choices.into_iter().map(|choice| choice.parts).collect(),
        stop,
        usage: response.usage,
        problem: None,
        complete: true,
    }
}

/// The frames of an event stream, with what stands behind the last whole one.
fn frames(body: &[u8]) -> Vec<Vec<u8>> {
    let mut splitter = Splitter::new(MAX_FRAME_BYTES);
    let mut frames = Vec::new();
    let bytes = bytes::Bytes::copy_from_slice(body);
    if splitter.push(&bytes, |frame| frames.push(frame.to_vec())).is_ok() {
        frames.push(splitter.take_rest().to_vec());
    }
    frames
}

/// The elements of Gemini's list of chunks, each as a frame. A list that breaks off has those before.
fn list(body: &[u8]) -> Vec<Vec<u8>> {
    let inside = body.get(1..).unwrap_or_default();
    let mut rest = inside;
    let mut frames = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        rest = rest.strip_prefix(b",").unwrap_or(rest);
        let mut elements = serde_json::Deserializer::from_slice(rest).into_iter::<&serde_json::value::RawValue>();
        let Some(Ok(element)) = elements.next() else { return frames };
        let line: String = element.get().chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }).collect();
        frames.push(format!("data: {line}").into_bytes());
        rest = rest.get(elements.byte_offset()..).unwrap_or_default();
    }
}

fn streamed(protocol: Protocol, frames: &[Vec<u8>]) -> Heard {
    let mut reader = Reader::new(protocol, nobody(protocol));
    let mut to = Sequencer::new(Ear::default(), Lowering::default(), "heard");
    for frame in frames {
        if reader.frame(frame, &mut to).is_err() || reader.problem().is_some() {
            break;
        }
    }
    let problem = reader.problem().cloned();
    if problem.is_none() && reader.is_complete() {
        _ = to.finish();
    }
    let usage = to.usage_so_far().copied();
    let mut heard = to.into_sink().heard();
    heard.usage = heard.usage.or(usage);
    heard.problem = heard.problem.or(problem);
    heard
}

/// Keeps what it is told, also what never ends.
#[derive(Debug, Default)]
struct Ear {
    heard: Heard,
    /// The number of each choice, in the order of the list.
    numbers: Vec<u32>,
}

impl Ear {
    fn heard(self) -> Heard {
        self.heard
    }

    fn choice(&mut self, number: u32) -> Option<&mut Vec<Part>> {
        let at = self.numbers.iter().position(|known| *known == number).unwrap_or_else(|| {
            self.numbers.push(number);
            self.heard.choices.push(Vec::new());
            self.numbers.len() - 1
        });
        self.heard.choices.get_mut(at)
    }
}

impl Sink for Ear {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(head) => {
                self.heard.id.clone_from(&head.id);
                self.heard.model.clone_from(&head.model);
            }
            Event::Open { choice, block, .. } => {
                let kind = match block {
                    Block::Text { phase } => {
                        PartKind::Text(Text { phase: phase.map(str::to_owned), ..Text::default() })
                    }
                    Block::Refusal => PartKind::Refusal(String::new()),
                    Block::Reasoning { raw } => PartKind::Reasoning(Reasoning { raw, ..Reasoning::default() }),
                    Block::Call(call) => PartKind::Call(call.clone()),
                    Block::Opaque(opaque) => PartKind::Opaque(opaque.clone()),
                };
                if let Some(parts) = self.choice(choice) {
                    parts.push(Part::new(kind));
                }
            }
            Event::Delta { choice, text, .. } => match self.choice(choice).and_then(|parts| parts.last_mut()) {
                Some(Part { kind: PartKind::Text(open), .. }) => open.text.push_str(text),
                Some(Part { kind: PartKind::Reasoning(open), .. }) => open.text.push_str(text),
                Some(Part { kind: PartKind::Refusal(open), .. }) => open.push_str(text),
                Some(Part { kind: PartKind::Call(open), .. }) => open.input.push_str(text),
                _ => {}
            },
            Event::Logprobs { .. } => {}
            Event::Close { choice, part, .. } => {
                if let Some(open) = self.choice(choice).and_then(|parts| parts.last_mut()) {
                    open.clone_from(part);
                }
            }
            Event::Stop { stop, .. } => {
                self.heard.stop.get_or_insert_with(|| stop.clone());
            }
            Event::End { usage, .. } => {
                self.heard.usage = usage.copied();
                self.heard.complete = true;
            }
            Event::Failed(problem) => self.heard.problem = Some(problem.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(heard: &Heard) -> String {
        heard.choices.iter().flatten().filter_map(Part::as_text).collect()
    }

    #[test]
    fn a_stream_that_breaks_off_anywhere_is_read_up_to_there() {
        let chunk =
            |text: &str| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
        let stop = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        let stream = format!("{}{}{stop}", chunk("Hel"), chunk("lo"));
        // Whoever said why it stops has said everything; some end without a mark.
        let whole = stream.find("\n\ndata: [DONE]").unwrap();
        let mut longest = 0;
        for end in 0..=stream.len() {
            let heard = heard(Protocol::OpenAi, 200, &stream.as_bytes()[..end]);
            assert!("Hello".starts_with(&text(&heard)), "{end}");
            assert!(text(&heard).len() >= longest, "{end}");
            longest = text(&heard).len();
            assert_eq!(heard.complete, end >= whole, "{end}");
        }
        assert_eq!(longest, 5);
    }

    #[test]
    fn every_protocol_is_heard_whole_and_streamed() {
        let cases: [(Protocol, &str); 8] = [
            (
                Protocol::OpenAi,
                r#"{"choices":[{"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}"#,
            ),
            (
                Protocol::Anthropic,
                r#"{"type":"message","role":"assistant","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn"}"#,
            ),
            (
                Protocol::Gemini,
                r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hi"}]},"finishReason":"STOP"}]}"#,
            ),
            (
                Protocol::Gemini,
                r#"[{"candidates":[{"content":{"role":"model","parts":[{"text":"H"}]}}]},
                {"candidates":[{"content":{"role":"model","parts":[{"text":"i"}]},"finishReason":"STOP"}]}]"#,
            ),
            (
                Protocol::Cohere,
                r#"{"message":{"role":"assistant","content":[{"type":"text","text":"Hi"}]},"finish_reason":"COMPLETE"}"#,
            ),
            (
                Protocol::Responses,
                r#"{"id":"resp_1","status":"completed","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Hi"}]}]}"#,
            ),
            (
                Protocol::Anthropic,
                "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n",
            ),
            (
                Protocol::Gemini,
                "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Hi\"}]}}]}\n\n",
            ),
        ];
        for (protocol, body) in cases {
            assert_eq!(text(&heard(protocol, 200, body.as_bytes())), "Hi", "{protocol} {body}");
        }
    }

    #[test]
    fn a_call_that_breaks_off_keeps_its_beginning() {
        let stream = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"read\",\"arguments\":\"{\\\"pa\"}}]}}]}\n\n";
        let heard = heard(Protocol::OpenAi, 200, stream);
        let Some(PartKind::Call(call)) = heard.choices[0].first().map(|part| &part.kind) else { panic!("{heard:?}") };
        assert_eq!((call.name.as_str(), call.input.as_str()), ("read", "{\"pa"));
    }

    #[test]
    fn errors_and_nonsense_are_told() {
        let problem = heard(Protocol::OpenAi, 404, br#"{"error":{"message":"no such model"}}"#).problem.unwrap();
        assert!(problem.message.contains("no such model"), "{problem:?}");
        for body in [&b"\xff\xfe"[..], b"{", b"[", b"[{]", b"data: {", b"", b"[[[[[[[["] {
            for protocol in
                [Protocol::OpenAi, Protocol::Anthropic, Protocol::Gemini, Protocol::Cohere, Protocol::Responses]
            {
                assert!(!heard(protocol, 200, body).complete || body == b"{", "{protocol}");
            }
        }
    }
}
