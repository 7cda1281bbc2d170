//! From one protocol to another and back.
//!
//! A request is read into the neutral conversation and written in the target's form; its answer walks the same road
//! back, whole or event by event. Where client and provider speak the same protocol nothing of this happens: their
//! bytes pass as they are.

use std::borrow::Cow;

use bytes::Bytes;

use crate::chat::cut::Cutter;
use crate::chat::lower::Lowering;
use crate::chat::{
    BadRequest, Broken, Collector, Event, Impossible, Losses, Maker, Reply, Request, Response, Sequencer, Sink, Target,
    Written, check,
};
use crate::envelope::{self, Sealer};
use crate::error::{Kind, Problem};
use crate::protocol::Protocol;
use crate::sse::Splitter;
use crate::{anthropic, cohere, gemini, openai, responses};

/// The longest event that a provider may send.
const MAX_FRAME_BYTES: usize = 16 << 20;

/// What is known of a request before its answer.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Something that no other answer has, in letters and digits.
    pub seed: String,
    /// Now, in Unix seconds.
    pub now_s: u64,
    /// Our estimate of the input tokens.
    pub estimated_input: u64,
    /// Seals and opens state that travels through clients.
    pub sealer: Option<Sealer>,
}

/// A request in the target's form, with what its answer needs on the way back.
#[derive(Debug)]
pub struct Translated {
    /// The body for the provider.
    pub body: Bytes,
    /// What could not be kept.
    pub losses: Losses,
    /// The way back.
    pub back: Back,
}

/// The way back of an answer.
#[derive(Debug)]
pub struct Back {
    from: Protocol,
    to: Protocol,
    wants_stream: bool,
    as_list: bool,
    maker: Maker,
    lowering: Lowering,
    cut: Vec<String>,
    reply: Reply,
}

/// A request as a client sends it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The protocol that the client speaks.
    pub protocol: Protocol,
    /// The body.
    pub body: &'a [u8],
    /// What Gemini says in the path and not in the body; of no account in the other protocols.
    pub path: Path<'a>,
}

/// What Gemini says in the path.
#[derive(Clone, Copy, Debug, Default)]
pub struct Path<'a> {
    /// The model.
    pub model: &'a str,
    /// Whether the answer is to be a stream.
    pub stream: bool,
    /// Whether the stream is to be one JSON list (`alt=sse` was not asked for).
    pub list: bool,
}

/// Reads what a client asks and writes it for `target`.
pub fn translate(asked: Asked<'_>, target: &Target, context: Context) -> Result<Translated, Problem> {
    let from = asked.protocol;
    let mut request = read(asked).map_err(|e| e.problem())?;
    envelope::open_all(&mut request, context.sealer.as_ref());
    check::pairing(&request).map_err(|e| e.problem())?;
    let mut losses = std::mem::take(&mut request.losses);
    let Written { body, lowering, cut } = write(&request, target, &mut losses).map_err(|e| e.problem(from))?;
    let wants_stream = request.stream;
    request.messages = Vec::new();
    let reply = Reply {
        seed: context.seed,
        model: request.model.clone(),
        created_s: context.now_s,
        stream_usage: request.stream_usage,
        estimated_input: context.estimated_input,
        sealer: context.sealer,
        asked: Some(Box::new(request)),
    };
    let as_list = asked.path.list;
    let back =
        Back { from, to: target.protocol, wants_stream, as_list, maker: target.maker.clone(), lowering, cut, reply };
    Ok(Translated { body: body.into(), losses, back })
}

fn read(asked: Asked<'_>) -> Result<Request, BadRequest> {
    let Asked { protocol, body, path } = asked;
    match protocol {
        Protocol::Gemini => gemini::request::read(body, path.model, path.stream),
        Protocol::OpenAi => openai::request::read(body),
        Protocol::Responses => responses::request::read(body),
        Protocol::Anthropic => anthropic::request::read(body),
        Protocol::Cohere => cohere::request::read(body),
    }
}

fn write(request: &Request, target: &Target, losses: &mut Losses) -> Result<Written, Impossible> {
    match target.protocol {
        Protocol::OpenAi => openai::request::write(request, target, losses),
        Protocol::Responses => responses::request::write(request, target, losses),
        Protocol::Anthropic => anthropic::request::write(request, target, losses),
        Protocol::Gemini => gemini::request::write(request, target, losses),
        Protocol::Cohere => cohere::request::write(request, target, losses),
    }
}

impl Back {
    /// Whether the client waits for a stream.
    pub const fn wants_stream(&self) -> bool {
        self.wants_stream
    }

    /// Whether that stream is one JSON list and not events.
    pub const fn wants_list(&self) -> bool {
        self.as_list
    }

    /// A provider's error answer, as the client is told it.
    pub fn error(&self, status: u16, body: &[u8]) -> Problem {
        match self.to {
            Protocol::Anthropic => anthropic::error::read(status, body),
            Protocol::Gemini => gemini::error::read(status, body),
            Protocol::Cohere => cohere::error::read(status, body),
            Protocol::OpenAi | Protocol::Responses => openai::error::read(status, body),
        }
    }

    /// A provider's answer in one piece, as the client waits for it: in one piece too, or as a stream.
    pub fn whole(self, body: &[u8]) -> Result<Vec<u8>, Problem> {
        let response = match self.to {
            Protocol::OpenAi => openai::response::read(body, &self.maker),
            Protocol::Responses => responses::response::read(body, &self.maker),
            Protocol::Anthropic => anthropic::response::read(body, &self.maker),
            Protocol::Gemini => gemini::response::read(body, &self.maker),
            Protocol::Cohere => cohere::response::read(body, &self.maker),
        };
        let response = response.map_err(|e| nonsense(&e.to_string()))?;
        self.told(|to| response.replay(to))
    }

    /// A stream of the provider that is complete, though the client wants the answer in one piece.
    pub fn gathered(self, stream: &Bytes) -> Result<Vec<u8>, Problem> {
        let mut reader = Reader::new(self.to, self.maker.clone());
        let mut splitter = Splitter::new(MAX_FRAME_BYTES);
        let mut frames = Vec::new();
        splitter.push(stream, |frame| frames.push(frame)).map_err(|_| nonsense("one of its events is endless"))?;
        frames.push(splitter.take_rest());
        self.told(|to| {
            for frame in &frames {
                reader.frame(frame, to)?;
            }
            match reader.problem() {
                Some(problem) => to.fail(problem),
                None if reader.is_complete() => to.finish()?,
                None => to.fail(&unfinished()),
            }
            Ok(())
        })
    }

    fn told(self, tell: impl FnOnce(&mut Sequencer<Cutter<Out>>) -> Result<(), Broken>) -> Result<Vec<u8>, Problem> {
        let Self { from, wants_stream, as_list, lowering, cut, reply, .. } = self;
        let seed = reply.seed.clone();
        if wants_stream {
            let mut to =
                Sequencer::new(Cutter::new(Out::Stream(Writer::new(from, reply, as_list)), cut), lowering, seed);
            tell(&mut to).map_err(|e| broken(&e))?;
            return Ok(to.sink().sink().take());
        }
        let mut to = Sequencer::new(Cutter::new(Out::Whole(Box::default()), cut), lowering, seed);
        tell(&mut to).map_err(|e| broken(&e))?;
        let Out::Whole(collector) = to.into_sink().into_sink() else { return Ok(Vec::new()) };
        let response = collector.into_response().unwrap_or_else(|| Err(unfinished()))?;
        Ok(write_response(from, &response, &reply))
    }

    /// Translates the provider's stream while it comes.
    pub fn stream(self) -> Translator {
        let seed = self.reply.seed.clone();
        let writer = Out::Stream(Writer::new(self.from, self.reply, self.as_list));
        let sequencer = Sequencer::new(Cutter::new(writer, self.cut), self.lowering, seed);
        Translator { reader: Reader::new(self.to, self.maker), sequencer }
    }
}

fn write_response(from: Protocol, response: &Response, reply: &Reply) -> Vec<u8> {
    match from {
        Protocol::OpenAi => openai::response::write(response, reply),
        Protocol::Responses => responses::response::write(response, reply),
        Protocol::Anthropic => anthropic::response::write(response, reply),
        Protocol::Gemini => gemini::response::write(response, reply),
        Protocol::Cohere => cohere::response::write(response, reply),
    }
}

/// Translates a stream event by event.
#[derive(Debug)]
pub struct Translator {
    reader: Reader,
    sequencer: Sequencer<Cutter<Out>>,
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

    /// What keeps a waiting client patient.
    pub const fn keep_alive(&mut self) -> &'static [u8] {
        match self.sequencer.sink().sink() {
            Out::Stream(Writer::OpenAi(writer)) => writer.keep_alive(),
            Out::Stream(Writer::Anthropic(writer)) => writer.keep_alive(),
            Out::Stream(Writer::Gemini(writer)) => writer.keep_alive(),
            Out::Stream(Writer::Cohere(writer)) => writer.keep_alive(),
            Out::Stream(Writer::Responses(writer)) => writer.keep_alive(),
            Out::Whole(_) => b"",
        }
    }
}

/// Where the events go.
#[derive(Debug)]
enum Out {
    Stream(Writer),
    Whole(Box<Collector>),
}

impl Out {
    fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Stream(Writer::OpenAi(writer)) => writer.take(),
            Self::Stream(Writer::Anthropic(writer)) => writer.take(),
            Self::Stream(Writer::Gemini(writer)) => writer.take(),
            Self::Stream(Writer::Cohere(writer)) => writer.take(),
            Self::Stream(Writer::Responses(writer)) => writer.take(),
            Self::Whole(_) => Vec::new(),
        }
    }
}

impl Sink for Out {
    fn event(&mut self, event: Event<'_>) {
        match self {
            Self::Stream(Writer::OpenAi(writer)) => writer.event(event),
            Self::Stream(Writer::Anthropic(writer)) => writer.event(event),
            Self::Stream(Writer::Gemini(writer)) => writer.event(event),
            Self::Stream(Writer::Cohere(writer)) => writer.event(event),
            Self::Stream(Writer::Responses(writer)) => writer.event(event),
            Self::Whole(collector) => collector.event(event),
        }
    }
}

#[derive(Debug)]
enum Writer {
    OpenAi(Box<openai::stream::Writer>),
    Responses(Box<responses::stream::Writer>),
    Anthropic(Box<anthropic::stream::Writer>),
    Gemini(Box<gemini::stream::Writer>),
    Cohere(Box<cohere::stream::Writer>),
}

impl Writer {
    fn new(protocol: Protocol, reply: Reply, as_list: bool) -> Self {
        match protocol {
            Protocol::Gemini if as_list => Self::Gemini(Box::new(gemini::stream::Writer::new(reply).as_list())),
            Protocol::Gemini => Self::Gemini(Box::new(gemini::stream::Writer::new(reply))),
            Protocol::Responses => Self::Responses(Box::new(responses::stream::Writer::new(reply))),
            Protocol::Anthropic => Self::Anthropic(Box::new(anthropic::stream::Writer::new(reply))),
            Protocol::Cohere => Self::Cohere(Box::new(cohere::stream::Writer::new(reply))),
            Protocol::OpenAi => Self::OpenAi(Box::new(openai::stream::Writer::new(reply))),
        }
    }
}

#[derive(Debug)]
enum Reader {
    OpenAi(openai::stream::Reader),
    Responses(responses::stream::Reader),
    Anthropic(anthropic::stream::Reader),
    Gemini(gemini::stream::Reader),
    Cohere(cohere::stream::Reader),
}

impl Reader {
    fn new(protocol: Protocol, maker: Maker) -> Self {
        match protocol {
            Protocol::Responses => Self::Responses(responses::stream::Reader::new(maker)),
            Protocol::Anthropic => Self::Anthropic(anthropic::stream::Reader::new(maker)),
            Protocol::Gemini => Self::Gemini(gemini::stream::Reader::new(maker)),
            Protocol::Cohere => Self::Cohere(cohere::stream::Reader::new(maker)),
            Protocol::OpenAi => Self::OpenAi(openai::stream::Reader::new(maker)),
        }
    }

    fn frame<S: Sink>(&mut self, frame: &[u8], to: &mut Sequencer<S>) -> Result<(), Broken> {
        match self {
            Self::OpenAi(reader) => reader.frame(frame, to),
            Self::Responses(reader) => reader.frame(frame, to),
            Self::Anthropic(reader) => reader.frame(frame, to),
            Self::Gemini(reader) => reader.frame(frame, to),
            Self::Cohere(reader) => reader.frame(frame, to),
        }
    }

    const fn is_complete(&self) -> bool {
        match self {
            Self::OpenAi(reader) => reader.is_complete(),
            Self::Responses(reader) => reader.is_complete(),
            Self::Anthropic(reader) => reader.is_complete(),
            Self::Gemini(reader) => reader.is_complete(),
            Self::Cohere(reader) => reader.is_complete(),
        }
    }

    const fn problem(&self) -> Option<&Problem> {
        match self {
            Self::OpenAi(reader) => reader.problem(),
            Self::Responses(reader) => reader.problem(),
            Self::Anthropic(reader) => reader.problem(),
            Self::Gemini(reader) => reader.problem(),
            Self::Cohere(reader) => reader.problem(),
        }
    }
}

fn nonsense(why: &str) -> Problem {
    let message = format!("the provider's answer is not of its protocol: {why}");
    Problem::new(
        Kind::UpstreamFailed,
        "upstream_nonsense",
        message,
        "Try again; if it stays, check the provider's URL.",
    )
}

fn unfinished() -> Problem {
    let message = "the provider ended its stream without finishing the answer";
    Problem::new(Kind::UpstreamFailed, "upstream_cut", message, "Try again.")
}

fn broken(e: &Broken) -> Problem {
    let why: Cow<'static, str> = match e {
        Broken::TooLarge => "it is larger than any model's answer".into(),
        Broken::Nonsense(why) => why.clone(),
    };
    nonsense(&why)
}
