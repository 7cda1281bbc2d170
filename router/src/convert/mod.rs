//! From one protocol to another and back.
//!
//! A request is read into the neutral conversation and written in the target's form; its answer walks the same road
//! back, whole or event by event. Where client and provider speak the same protocol nothing of this happens: their
//! bytes pass as they are.

mod asked;
mod carried;
mod heard;
mod translator;
mod voices;

use std::borrow::Cow;

use bytes::Bytes;

pub use self::asked::{Asked, Path};
pub use self::carried::Carried;
pub use self::heard::{Heard, asked, heard};
pub use self::translator::Translator;
use self::voices::{Form, Out, Reader, Writer, read_error, read_event_error, read_response, write, write_response};
use crate::chat::cut::Cutter;
use crate::chat::lower::Lowering;
use crate::chat::{Broken, Losses, Maker, Reply, Request, Sequencer, Target, Written, check};
use crate::envelope::{self, Sealer};
use crate::error::{Kind, Problem};
use crate::protocol::Protocol;
use crate::sse::Splitter;

/// The longest event that a provider may send.
const MAX_FRAME_BYTES: usize = 16 << 20;

/// What is known of a request before its answer.
///
/// ```
/// use tokenrouter::convert::Context;
/// use tokenrouter::envelope::Sealer;
///
/// let sealer = Some(Sealer::new([7; 32]));
/// let context = Context { seed: "4f1c".to_owned(), now_s: 1_790_000_000, sealer, ..Context::default() };
/// assert!(!context.keep && !context.continued);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Something that no other answer has, in letters and digits.
    pub seed: String,
    /// The request's id, for errors inside a stream.
    pub request_id: String,
    /// Now, in Unix seconds.
    pub now_s: u64,
    /// Our estimate of the input tokens.
    pub estimated_input: u64,
    /// Seals and opens state that travels through clients.
    pub sealer: Option<Sealer>,
    /// Whether what a request continues (`previous_response_id`) stands in it already.
    pub continued: bool,
    /// Whether the answer is wanted as it is kept for a later request, see [`Told::object`].
    pub keep: bool,
}

/// A request in the target's form, with what its answer needs on the way back.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::chat::Target;
/// use tokenrouter::convert::{Asked, Context, translate};
///
/// let body = br#"{"model":"any","seed":4,"messages":[{"role":"user","content":"Hello"}]}"#;
/// let target = Target::new("anthropic", Protocol::Anthropic, "claude-sonnet-4-5");
/// let translated = translate(Asked::new(Protocol::OpenAi, body), &target, Context::default())
///     .map_err(|problem| problem.sentence())?;
/// assert!(translated.body.starts_with(br#"{"model":"claude-sonnet-4-5""#));
/// // Anthropic's protocol has no seed.
/// assert_eq!(translated.losses.header().as_deref(), Some("seed"));
/// # Ok::<(), String>(())
/// ```
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
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::chat::Target;
/// use tokenrouter::convert::{Asked, Context, translate};
///
/// # fn main() -> Result<(), tokenrouter::Problem> {
/// let body = br#"{"model":"any","max_tokens":9,"messages":[{"role":"user","content":"Hello"}]}"#;
/// let target = Target::new("openai", Protocol::OpenAi, "gpt-5");
/// let back = translate(Asked::new(Protocol::Anthropic, body), &target, Context::default())?.back;
/// assert!(!back.wants_stream());
/// // An error is told in the client's words, with its own status …
/// let refused = br#"{"error":{"message":"no such model","code":"model_not_found"}}"#;
/// assert_eq!(back.error(404, refused).http_status(Protocol::Anthropic), 404);
/// // … and an answer in its form.
/// let answer = br#"{"choices":[{"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}"#;
/// let told = String::from_utf8_lossy(&back.whole(answer)?.body).into_owned();
/// assert!(told.contains(r#""content":[{"type":"text","text":"Hi"}]"#) && told.contains(r#""stop_reason":"end_turn""#));
/// # Ok(())
/// # }
/// ```
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

/// Reads what a client asks and writes it for `target`.
///
/// # Errors
///
/// What is wrong with the request, or impossible for the target, in words for the client.
pub fn translate(asked: Asked<'_>, target: &Target, context: Context) -> Result<Translated, Problem> {
    Reading::of(asked)?.write(target, context)
}

/// A request that was read and not yet written.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::chat::Target;
/// use tokenrouter::convert::{Asked, Context, Reading};
///
/// # fn main() -> Result<(), tokenrouter::Problem> {
/// let body = br#"{"model":"any","messages":[{"role":"user","content":"What time is it?"},
///     {"role":"assistant","tool_calls":[{"id":"call_1","type":"function","function":{"name":"clock","arguments":"{}"}}]},
///     {"role":"tool","tool_call_id":"call_1","content":"Noon."}]}"#;
/// let reading = Reading::of(Asked::new(Protocol::OpenAi, body))?;
/// // What was kept under these ids can be restored now, see `Carried`.
/// assert_eq!(reading.calls_without_state(), ["call_1"]);
/// let target = Target::new("gemini", Protocol::Gemini, "gemini-2.5-flash");
/// let translated = reading.write(&target, Context::default())?;
/// assert!(String::from_utf8_lossy(&translated.body).contains(r#""functionResponse":{"#));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Reading {
    request: Request,
    as_list: bool,
}

impl Reading {
    /// Reads what a client asks.
    ///
    /// # Errors
    ///
    /// What is wrong with the request.
    pub fn of(asked: Asked<'_>) -> Result<Self, Problem> {
        let request = voices::read(asked).map_err(|e| e.problem())?;
        Ok(Self { request, as_list: asked.path.list })
    }

    /// The ids of tool calls whose state the client cannot have sent back.
    pub fn calls_without_state(&self) -> Vec<String> {
        carried::without_state(&self.request)
    }

    /// Puts back the state of a call that was kept under its id.
    pub fn restore(&mut self, carried: &Carried) {
        carried::restore(&mut self.request, carried);
    }

    /// Writes it for `target`.
    ///
    /// # Errors
    ///
    /// What is wrong with the request, or impossible for the target.
    pub fn write(self, target: &Target, context: Context) -> Result<Translated, Problem> {
        let Self { mut request, as_list } = self;
        let from = request.protocol;
        if let Some(previous) = request.previous_response_id.as_deref().filter(|_| !context.continued) {
            return Err(unknown_answer(previous));
        }
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
            request_id: context.request_id,
            model: request.model.clone(),
            created_s: context.now_s,
            stream_usage: request.stream_usage,
            estimated_input: context.estimated_input,
            sealer: context.sealer,
            keep: context.keep && from == Protocol::Responses,
            asked: Some(Box::new(request)),
        };
        let (to, maker) = (target.protocol, target.maker.clone());
        Ok(Translated {
            body: body.into(),
            losses,
            back: Back { from, to, wants_stream, as_list, maker, lowering, cut, reply },
        })
    }
}

/// The answer to a request that continues what nobody knows.
pub fn unknown_answer(id: &str) -> Problem {
    let shown: String = id.chars().filter(|c| !c.is_control()).take(80).collect();
    let said = format!("the answer \"{shown}\" (previous_response_id) does not exist, or is not kept any more");
    let help = "Send the whole conversation as input.";
    Problem::new(Kind::BadRequest, "previous_response_not_found", said, help).at_field(Some("previous_response_id"))
}

/// An answer as the client gets it.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::chat::Target;
/// use tokenrouter::convert::{Asked, Context, translate};
///
/// # fn main() -> Result<(), tokenrouter::Problem> {
/// // The client asked for a stream, but the provider answered in one piece.
/// let body = br#"{"model":"any","stream":true,"messages":[{"role":"user","content":"Hello"}]}"#;
/// let target = Target::new("cohere", Protocol::Cohere, "command-a-03-2025");
/// let back = translate(Asked::new(Protocol::OpenAi, body), &target, Context::default())?.back;
/// let answer = br#"{"message":{"role":"assistant","content":[{"type":"text","text":"Hi"}]},"finish_reason":"COMPLETE"}"#;
/// let told = back.whole(answer)?;
/// assert!(told.body.starts_with(b"data: {") && told.body.ends_with(b"data: [DONE]\n\n"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The body: an answer in one piece, or a whole stream.
    pub body: Vec<u8>,
    /// The response object within it, where [`Context::keep`] asked for it.
    pub object: Option<Vec<u8>>,
    /// The state of tool calls that the client cannot carry.
    pub carried: Vec<Carried>,
}

/// A provider's error answer in `protocol`, read.
pub fn provider_error(protocol: Protocol, status: u16, body: &[u8]) -> Problem {
    read_error(protocol, status, body)
}

/// A provider's error where no status says so, read: the data of an event of a stream in `protocol`, or a whole answer
/// whose status is 200.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::convert::error_inside;
/// use tokenrouter::error::Kind;
///
/// let event = br#"{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded","message":"Slow down."}}}"#;
/// assert_eq!(error_inside(Protocol::Responses, event).kind, Kind::RateLimited);
/// ```
pub fn error_inside(protocol: Protocol, data: &[u8]) -> Problem {
    read_event_error(protocol, data)
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
    pub fn whole(self, body: &[u8]) -> Result<Told, Problem> {
        let response = read_response(self.to, body, &self.maker);
        let response = response.map_err(|e| nonsense(&e.to_string()))?;
        self.told(|to| response.replay(to))
    }

    /// A stream of the provider that is complete, though the client wants the answer in one piece.
    pub fn gathered(self, stream: &Bytes) -> Result<Told, Problem> {
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

    fn told(self, tell: impl FnOnce(&mut Sequencer<Cutter<Out>>) -> Result<(), Broken>) -> Result<Told, Problem> {
        let Self { from, wants_stream, as_list, lowering, cut, reply, .. } = self;
        let seed = reply.seed.clone();
        let sealer = reply.sealer.clone();
        if wants_stream {
            let out = Out::new(Form::Stream(Writer::new(from, reply, as_list)), from, sealer.as_ref());
            let mut to = Sequencer::new(Cutter::new(out, cut), lowering, seed);
            tell(&mut to).map_err(|e| broken(&e))?;
            let out = to.sink().sink();
            return Ok(Told { body: out.take(), object: out.take_object(), carried: out.take_carried() });
        }
        let mut to = Sequencer::new(
            Cutter::new(Out::new(Form::Whole(Box::default()), from, sealer.as_ref()), cut),
            lowering,
            seed,
        );
        tell(&mut to).map_err(|e| broken(&e))?;
        let mut out = to.into_sink().into_sink();
        let carried = out.take_carried();
        let Form::Whole(collector) = out.form else { return Ok(Told::default()) };
        let response = collector.into_response().unwrap_or_else(|| Err(unfinished()))?;
        let body = write_response(from, &response, &reply);
        Ok(Told { object: reply.keep.then(|| body.clone()), body, carried })
    }

    /// Translates the provider's stream while it comes.
    pub fn stream(self) -> Translator {
        let seed = self.reply.seed.clone();
        let sealer = self.reply.sealer.clone();
        let writer = Form::Stream(Writer::new(self.from, self.reply, self.as_list));
        let out = Out::new(writer, self.from, sealer.as_ref());
        let sequencer = Sequencer::new(Cutter::new(out, self.cut), self.lowering, seed);
        Translator { reader: Reader::new(self.to, self.maker), sequencer }
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
