//! A client of each protocol, made of our own readers: what it is sent must be readable, in a legal order, and have
//! an end.

use bytes::Bytes;
use tokenrouter::chat::lower::Lowering;
use tokenrouter::chat::{BadRequest, Broken, Event, Maker, PartKind, Response, Sequencer, Sink, Stop};
use tokenrouter::sse::Splitter;
use tokenrouter::{Problem, Protocol, anthropic, cohere, gemini, openai, responses};

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With the answer complete.
    Clean,
    /// With an error of the protocol.
    Error,
    /// Without a word.
    Silent,
}

/// What a client made of a stream.
#[derive(Debug)]
pub struct Heard {
    /// How it ended.
    pub ending: Ending,
    /// Whether the provider stopped it for safety's sake.
    pub blocked: bool,
    /// The texts of the first answer, joined.
    pub text: String,
    /// The calls' names and inputs of the first answer.
    pub calls: Vec<(String, String)>,
}

/// Checks that every sequence is legal, and keeps what a user would see of the first answer.
#[derive(Debug, Default)]
struct Strict {
    started: bool,
    ended: bool,
    blocked: bool,
    open: Vec<(u32, u32)>,
    so_far: String,
    text: String,
    calls: Vec<(String, String)>,
}

impl Sink for Strict {
    fn event(&mut self, event: Event<'_>) {
        assert!(!self.ended, "nothing follows the end");
        // An answer may fail before anything of it came.
        if !matches!(event, Event::Failed(_)) {
            assert_eq!(self.started, !matches!(event, Event::Start(_)), "one start, before all");
        }
        match event {
            Event::Start(_) => self.started = true,
            Event::Open { choice, index, .. } => {
                assert!(!self.open.iter().any(|(c, _)| *c == choice), "one block of a choice at a time");
                self.open.push((choice, index));
                if choice == 0 {
                    self.so_far.clear();
                }
            }
            Event::Delta { choice, index, text, .. } => {
                assert!(self.open.contains(&(choice, index)), "only the open block grows");
                assert!(!text.is_empty());
                if choice == 0 {
                    self.so_far.push_str(text);
                }
            }
            Event::Close { choice, index, part } => {
                let at = self.open.iter().position(|open| *open == (choice, index));
                assert!(at.is_some(), "only the open block closes");
                self.open.retain(|open| *open != (choice, index));
                if choice != 0 {
                    return;
                }
                match &part.kind {
                    PartKind::Text(text) => {
                        assert_eq!(text.text, self.so_far);
                        self.text.push_str(&text.text);
                    }
                    PartKind::Refusal(text) => {
                        assert_eq!(*text, self.so_far);
                        self.text.push_str(text);
                    }
                    PartKind::Reasoning(reasoning) => assert_eq!(reasoning.text, self.so_far),
                    PartKind::Call(call) => {
                        assert_eq!(call.input, self.so_far);
                        assert!(!call.name.is_empty() && !call.id.is_empty());
                        self.calls.push((call.name.clone(), call.input.clone()));
                    }
                    _ => {}
                }
            }
            Event::Stop { choice: 0, stop } => self.blocked = matches!(stop, Stop::Safety(_)),
            Event::End { .. } => {
                self.ended = true;
                assert!(self.open.is_empty(), "all is closed at the end");
            }
            Event::Failed(_) => self.ended = true,
            _ => {}
        }
    }
}

/// How an answer ends for a client of `protocol` that ended cleanly for us: Cohere has no word for safety but its error.
pub fn ending(protocol: Protocol, blocked: bool) -> Ending {
    if protocol == Protocol::Cohere && blocked { Ending::Error } else { Ending::Clean }
}

/// Who is said to have made the answers.
pub fn maker(protocol: Protocol) -> Maker {
    Maker { protocol, family: "up".into() }
}

/// The frames of a stream, the last one without its blank line included.
pub fn frames(pieces: &[Bytes]) -> Vec<Bytes> {
    let mut splitter = Splitter::new(usize::MAX);
    let mut frames = Vec::new();
    for piece in pieces {
        assert!(splitter.push(piece, |frame| frames.push(frame)).is_ok(), "nothing is too long");
    }
    frames.push(splitter.take_rest());
    frames
}

/// What a client of `protocol` hears in `frames`; the error if it cannot read them.
pub fn hear(protocol: Protocol, frames: &[Bytes]) -> Result<Heard, Broken> {
    macro_rules! hear {
        ($module:ident) => {{
            let mut reader = $module::stream::Reader::new(maker(protocol));
            let mut to = Sequencer::new(Strict::default(), Lowering::default(), "seed");
            for frame in frames {
                reader.frame(frame, &mut to)?;
            }
            let ending = match reader.problem() {
                Some(problem) => {
                    to.fail(problem);
                    Ending::Error
                }
                None if reader.is_complete() => {
                    to.finish()?;
                    Ending::Clean
                }
                None => Ending::Silent,
            };
            let Strict { blocked, text, calls, .. } = to.into_sink();
            Ok(Heard { ending, blocked, text, calls })
        }};
    }
    match protocol {
        Protocol::OpenAi => hear!(openai),
        Protocol::Responses => hear!(responses),
        Protocol::Anthropic => hear!(anthropic),
        Protocol::Gemini => hear!(gemini),
        Protocol::Cohere => hear!(cohere),
    }
}

/// What a client of `protocol` reads out of an answer in one piece.
pub fn read(protocol: Protocol, body: &[u8]) -> Result<Response, BadRequest> {
    let maker = maker(protocol);
    match protocol {
        Protocol::OpenAi => openai::response::read(body, &maker),
        Protocol::Responses => responses::response::read(body, &maker),
        Protocol::Anthropic => anthropic::response::read(body, &maker),
        Protocol::Gemini => gemini::response::read(body, &maker),
        Protocol::Cohere => cohere::response::read(body, &maker),
    }
}

/// A problem can be told to clients of every protocol, alone and at the end of a stream.
pub fn can_be_told(problem: &Problem) {
    assert!(!problem.code.is_empty() && !problem.message.is_empty());
    for client in Protocol::ALL {
        let body = problem.body(client, "req_1");
        assert!(super::case::is_json(&body), "{client}: {}", String::from_utf8_lossy(&body));
        assert!((400..600).contains(&problem.http_status(client)), "{client}: {problem:?}");
        let end = problem.stream_end(client, "req_1");
        let heard = hear(client, &frames(&[end]));
        assert_eq!(heard.map(|heard| heard.ending), Ok(Ending::Error), "{client}: {problem:?}");
    }
}
