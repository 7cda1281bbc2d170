//! An answer on its way from the provider to the client: handed on at once, metered in passing.
//!
//! Bytes are forwarded as they come. Only where an extra usage chunk must be kept from the client are frames held
//! until they are whole. A stream that breaks ends with an error in the client's protocol.

use std::collections::VecDeque;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::error::root_cause;
use super::reader::{MAX_FRAME_BYTES, Reader};
use crate::convert::{Carried, Translator};
use crate::count::Report;
use crate::count::stream::Meter;
use crate::error::Problem;
use crate::protocol::Protocol;
use crate::sse::Splitter;

/// After this much silence a stream's client hears a sign of life, at the latest 15 s after the last byte.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How often silence is looked for.
const TICK: Duration = Duration::from_secs(5);

/// How an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It is complete.
    Whole,
    /// The provider reported an error inside the stream.
    Failed,
    /// The provider's connection ended too early.
    Cut(String),
    /// The provider fell silent for longer than the idle timeout.
    Idle,
    /// The client went away.
    Abandoned,
}

/// What is known at the end of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// How it ended.
    pub finish: Finish,
    /// What the provider reported, if it did.
    pub reported: Option<Report>,
    /// Our estimate of the output tokens, made only where nothing was reported.
    pub estimated_output: u64,
}

/// What of an answer may be worth keeping for later requests.
#[derive(Debug, Default)]
pub struct Keepsake {
    /// A complete answer in the Responses protocol: the object itself, or the event that ends its stream.
    pub answer: Option<Bytes>,
    /// State of tool calls that the client cannot carry.
    pub carried: Vec<Carried>,
}

/// Who is told about an answer's course.
pub trait Observer: Send + Unpin + 'static {
    /// The first piece of the body is here.
    fn first_byte(&mut self);
    /// Something may be worth keeping; told before the client sees it, which may come back with it at once.
    fn keep(&mut self, keepsake: Keepsake);
    /// It is over; called exactly once.
    fn end(&mut self, end: End);
    /// What to tell the client about an answer that did not end as it should.
    fn problem(&mut self, finish: &Finish) -> Problem;
    /// The same as the frames that end a stream.
    fn explain(&mut self, finish: &Finish) -> Bytes;
}

impl<O: Observer> Observer for Box<O> {
    fn first_byte(&mut self) {
        (**self).first_byte();
    }

    fn keep(&mut self, keepsake: Keepsake) {
        (**self).keep(keepsake);
    }

    fn end(&mut self, end: End) {
        (**self).end(end);
    }

    fn problem(&mut self, finish: &Finish) -> Problem {
        (**self).problem(finish)
    }

    fn explain(&mut self, finish: &Finish) -> Bytes {
        (**self).explain(finish)
    }
}

/// The body of a provider's answer: hyper's, or a made-up one in tests.
pub trait Upstream: Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin {}

impl<B: Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin> Upstream for B {}

/// The body of the answer to the client.
///
/// A body itself, it can be the body of the answer to the client; [`super::Pool`] makes and reads one for you.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::{BodyExt as _, Full};
/// use std::time::Duration;
/// use tokenrouter::call::{End, Finish, Keepsake, Observer, Relay};
/// use tokenrouter::error::{Kind, Problem};
/// use tokenrouter::Protocol;
///
/// #[derive(Default)]
/// struct Seen(Option<End>);
///
/// impl Observer for Seen {
///     fn first_byte(&mut self) {}
///     fn keep(&mut self, _: Keepsake) {}
///     fn end(&mut self, end: End) {
///         self.0 = Some(end);
///     }
///     fn problem(&mut self, finish: &Finish) -> Problem {
///         Problem::new(Kind::UpstreamFailed, "cut", format!("{finish:?}"), "Try again.")
///     }
///     fn explain(&mut self, finish: &Finish) -> Bytes {
///         self.problem(finish).stream_end(Protocol::OpenAi, "req_1")
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let provider = Full::from(r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1}}"#);
/// let mut relay = Relay::whole(provider, Protocol::OpenAi, Duration::from_secs(60), Seen::default());
/// while relay.frame().await.is_some() {}
/// let end = relay.observer().0.as_ref();
/// assert_eq!(end.and_then(|end| end.reported).map(|report| report.counts.total()), Some(10));
/// # }
/// ```
pub struct Relay<O: Observer, B: Upstream = Incoming> {
    upstream: B,
    observer: O,
    reader: Reader,
    out: VecDeque<Bytes>,
    state: State,
    begun: bool,
    idle: Duration,
    tick: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    active: bool,
    silent_ticks: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    /// The observer has been told; what is in `out` still goes to the client.
    Ended,
    /// The same, and the client must see that the body is broken.
    Broken,
}

impl<O: Observer, B: Upstream> Relay<O, B> {
    /// Relays an event stream of `protocol`. With `hide_usage`, chunks with nothing but usage stay here.
    pub fn stream(upstream: B, protocol: Protocol, hide_usage: bool, idle: Duration, observer: O) -> Self {
        let splitter = Splitter::new(MAX_FRAME_BYTES);
        let meter = Meter::new(protocol);
        let reader =
            Reader::Stream { protocol, splitter, meter, hide_usage, hides_rest: false, lost_track: false, last: None };
        Self::new(upstream, reader, idle, observer)
    }

    /// Relays an event stream of `protocol` in the client's words.
    pub fn translated(upstream: B, protocol: Protocol, translator: Translator, idle: Duration, observer: O) -> Self {
        let splitter = Splitter::new(MAX_FRAME_BYTES);
        let (meter, translator) = (Meter::new(protocol), Box::new(translator));
        Self::new(upstream, Reader::Translated { splitter, meter, translator, lost_track: false }, idle, observer)
    }

    /// Relays an answer in one piece.
    pub fn whole(upstream: B, protocol: Protocol, idle: Duration, observer: O) -> Self {
        let reader = Reader::Whole { protocol, kept: Vec::new(), kept_bytes: 0, complete: None };
        let mut relay = Self::new(upstream, reader, idle, observer);
        // Nobody asks for the frames of an empty body, so its end is now.
        if relay.upstream.is_end_stream() {
            relay.finish(Finish::Whole);
        }
        relay
    }

    /// Who is told about the answer's course.
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    /// The observer, to be told who is observed.
    pub(super) const fn observer_mut(&mut self) -> &mut O {
        &mut self.observer
    }

    fn new(upstream: B, reader: Reader, idle: Duration, observer: O) -> Self {
        Self {
            upstream,
            observer,
            reader,
            out: VecDeque::new(),
            state: State::Running,
            begun: false,
            idle,
            tick: TICK.min(idle / 2).max(Duration::from_millis(10)),
            timer: None,
            active: true,
            silent_ticks: 0,
        }
    }

    fn take(&mut self, chunk: Bytes) {
        self.active = true;
        if !self.begun {
            self.begun = true;
            self.observer.first_byte();
        }
        self.reader.read(chunk, &mut self.out);
        self.keep();
    }

    fn keep(&mut self) {
        if let Some(keepsake) = self.reader.take_keepsake() {
            self.observer.keep(keepsake);
        }
    }

    fn finish(&mut self, finish: Finish) {
        if self.state != State::Running {
            return;
        }
        let is_stream = matches!(self.reader, Reader::Stream { .. });
        if finish == Finish::Whole {
            self.reader.read_rest();
        }
        let finish = self.reader.judge(finish);
        self.state = State::Ended;
        if let Reader::Translated { translator, .. } = &mut self.reader {
            // Of no effect where the translator has told the provider's own error already.
            if matches!(finish, Finish::Cut(_) | Finish::Idle | Finish::Failed) {
                translator.fail(&self.observer.problem(&finish));
            } else if finish == Finish::Whole {
                translator.finish();
            }
            let rest = translator.take();
            if !rest.is_empty() {
                self.out.push_back(rest);
            }
        } else if matches!(finish, Finish::Cut(_) | Finish::Idle) {
            if is_stream {
                self.reader.close_frame(&mut self.out);
                self.out.push_back(self.observer.explain(&finish));
            } else {
                self.state = State::Broken;
            }
        } else {
            self.reader.release_rest(&mut self.out);
        }
        self.keep();
        let end = self.reader.end(finish);
        // An answer in one piece was put together for its usage.
        self.keep();
        self.observer.end(end);
    }

    /// Looks for silence; ready when a frame is due or the answer is over.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let tick = self.tick;
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(tick)));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            // Counted from now: ticks that passed while the client took nothing say nothing about the provider.
            timer.as_mut().reset(Instant::now() + tick);
            if std::mem::take(&mut self.active) {
                self.silent_ticks = 0;
                continue;
            }
            self.silent_ticks = self.silent_ticks.saturating_add(1);
            let silence = tick.saturating_mul(self.silent_ticks);
            if silence >= self.idle {
                self.finish(Finish::Idle);
                return Poll::Ready(());
            }
            if silence >= KEEP_ALIVE
                && let Some(sign) = self.reader.sign_of_life()
            {
                self.out.push_back(sign);
                return Poll::Ready(());
            }
        }
    }
}

impl<O: Observer, B: Upstream> Body for Relay<O, B> {
    type Data = Bytes;
    type Error = BrokenAnswer;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenAnswer>>> {
        let this = self.get_mut();
        loop {
            if let Some(piece) = this.out.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            match this.state {
                State::Ended => return Poll::Ready(None),
                State::Broken => {
                    this.state = State::Ended;
                    return Poll::Ready(Some(Err(BrokenAnswer)));
                }
                State::Running => {}
            }
            match Pin::new(&mut this.upstream).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        this.take(data);
                        // Known at once where the length was announced: the record is made before the last byte leaves.
                        if this.upstream.is_end_stream() {
                            this.finish(Finish::Whole);
                        }
                    }
                }
                Poll::Ready(Some(Err(e))) => this.finish(Finish::Cut(root_cause(&e))),
                Poll::Ready(None) => this.finish(Finish::Whole),
                Poll::Pending => match this.poll_silence(cx) {
                    Poll::Ready(()) => {}
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Ended && self.out.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.reader {
            _ if self.is_end_stream() => SizeHint::with_exact(0),
            Reader::Whole { .. } if self.state == State::Running && self.out.is_empty() => self.upstream.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

impl<O: Observer, B: Upstream> Drop for Relay<O, B> {
    fn drop(&mut self) {
        self.finish(Finish::Abandoned);
    }
}

/// The provider's answer broke off; the client's connection is closed so that it notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenAnswer;

impl std::fmt::Display for BrokenAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the provider's answer broke off")
    }
}

impl Error for BrokenAnswer {}
