//! From one protocol to another and back.
//!
//! A request is read into the neutral conversation and written in the target's form; its answer walks the same road
//! back, whole or event by event. Where client and provider speak the same protocol nothing of this happens: their
//! bytes pass as they are.

mod voices;

use std::borrow::Cow;

use bytes::Bytes;

use self::voices::{Out, Reader, Writer, read, read_error, read_response, write, write_response};
use crate::chat::cut::Cutter;
use crate::chat::lower::Lowering;
use crate::chat::{Broken, Losses, Maker, Reply, Sequencer, Target, Written, check};
use crate::envelope::{self, Sealer};
use crate::error::{Kind, Problem};
use crate::protocol::Protocol;
use crate::sse::Splitter;

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
    check::values(&request).map_err(|e| e.problem())?;
    let mut losses = std::mem::take(&mut request.losses);
    check::places(&request, target.protocol, &mut losses).map_err(|e| e.problem(from))?;
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

impl Back {
    /// Whether the client waits for a stream.
    pub const fn wants_stream(&self) -> bool {
        self.wants_stream
    }

    /// Whether the client of a Chat stream asked for its usage; in the other protocols every client does.
    pub const fn wants_usage(&self) -> bool {
        self.reply.stream_usage
    }

    /// Whether that stream is one JSON list and not events.
    pub const fn wants_list(&self) -> bool {
        self.as_list
    }

    /// A provider's error answer, as the client is told it.
    pub fn error(&self, status: u16, body: &[u8]) -> Problem {
        read_error(self.to, status, body)
    }

    /// A provider's answer in one piece, as the client waits for it: in one piece too, or as a stream.
    pub fn whole(self, body: &[u8]) -> Result<Vec<u8>, Problem> {
        let response = read_response(self.to, body, &self.maker);
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
        self.sequencer.sink().sink().keep_alive()
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
