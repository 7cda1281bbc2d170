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
use crate::count::stream::{self, Meter};
use crate::count::{Counts, body};
use crate::protocol::Protocol;
use crate::sse::Splitter;

/// The longest frame that is metered; Responses repeats the whole answer in its last one.
const MAX_FRAME_BYTES: usize = 16 << 20;
/// How much of an answer in one piece is kept for reading its usage.
const MAX_KEPT_BYTES: usize = 32 << 20;
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
#[derive(Debug)]
pub struct End {
    /// How it ended.
    pub finish: Finish,
    /// What the provider reported, if it did.
    pub reported: Option<Counts>,
    /// Our estimate of the output tokens, made only where nothing was reported.
    pub estimated_output: u64,
}

/// Who is told about an answer's course.
pub trait Observer: Send + Unpin + 'static {
    /// The first piece of the body is here.
    fn first_byte(&mut self);
    /// It is over; called exactly once.
    fn end(&mut self, end: End);
    /// The frames that tell a stream's client how it ended, where that was not as it should.
    fn explain(&mut self, finish: &Finish) -> Bytes;
}

/// The body of a provider's answer: hyper's, or a made-up one in tests.
pub trait Upstream: Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin {}

impl<B: Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin> Upstream for B {}

/// The body of the answer to the client.
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

enum Reader {
    Stream { protocol: Protocol, splitter: Splitter, meter: Meter, hide_usage: bool, lost_track: bool },
    Whole { protocol: Protocol, kept: Vec<Bytes>, kept_bytes: usize },
}

impl<O: Observer, B: Upstream> Relay<O, B> {
    /// Relays an event stream of `protocol`. With `hide_usage`, chunks with nothing but usage stay here.
    pub fn stream(upstream: B, protocol: Protocol, hide_usage: bool, idle: Duration, observer: O) -> Self {
        let splitter = Splitter::new(MAX_FRAME_BYTES);
        let meter = Meter::new(protocol);
        let reader = Reader::Stream { protocol, splitter, meter, hide_usage, lost_track: false };
        Self::new(upstream, reader, idle, observer)
    }

    /// Relays an answer in one piece.
    pub fn whole(upstream: B, protocol: Protocol, idle: Duration, observer: O) -> Self {
        let mut relay =
            Self::new(upstream, Reader::Whole { protocol, kept: Vec::new(), kept_bytes: 0 }, idle, observer);
        // Nobody asks for the frames of an empty body, so its end is now.
        if relay.upstream.is_end_stream() {
            relay.finish(Finish::Whole);
        }
        relay
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
    }

    fn finish(&mut self, finish: Finish) {
        if self.state != State::Running {
            return;
        }
        let is_stream = matches!(self.reader, Reader::Stream { .. });
        let finish = self.reader.judge(finish);
        self.state = State::Ended;
        if matches!(finish, Finish::Cut(_) | Finish::Idle) {
            if is_stream {
                self.reader.close_frame(&mut self.out);
                self.out.push_back(self.observer.explain(&finish));
            } else {
                self.state = State::Broken;
            }
        } else {
            self.reader.release_rest(&mut self.out);
        }
        let end = self.reader.end(finish);
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

impl Reader {
    fn read(&mut self, chunk: Bytes, out: &mut VecDeque<Bytes>) {
        match self {
            Self::Whole { kept, kept_bytes, .. } => {
                *kept_bytes = kept_bytes.saturating_add(chunk.len());
                if *kept_bytes <= MAX_KEPT_BYTES {
                    kept.push(chunk.clone());
                } else {
                    kept.clear();
                }
                out.push_back(chunk);
            }
            Self::Stream { lost_track: true, .. } => out.push_back(chunk),
            Self::Stream { splitter, meter, hide_usage: false, lost_track, .. } => {
                *lost_track = splitter.push(&chunk, |frame| _ = meter.read(&frame)).is_err();
                out.push_back(chunk);
            }
            Self::Stream { splitter, meter, lost_track, .. } => {
                let before = splitter.is_between_frames();
                let at = out.len();
                let mut hidden = false;
                let pushed = splitter.push(&chunk, |frame| {
                    if meter.read(&frame) == stream::Frame::UsageOnly {
                        hidden = true;
                    } else {
                        out.push_back(frame);
                    }
                });
                *lost_track = pushed.is_err();
                // Whole frames only, none hidden: the chunk itself is one write instead of several.
                if before && !hidden && out.len() > at + 1 && splitter.is_between_frames() && !*lost_track {
                    out.truncate(at);
                    out.push_back(chunk);
                }
            }
        }
    }

    /// A clean end is believed only of a stream that said it was at its end.
    fn judge(&self, finish: Finish) -> Finish {
        match self {
            Self::Stream { meter, lost_track: false, .. } if finish == Finish::Whole => {
                if meter.has_failed() {
                    Finish::Failed
                } else if meter.is_whole() {
                    Finish::Whole
                } else {
                    Finish::Cut("the stream ended without its end mark".to_owned())
                }
            }
            // What follows a complete answer is of no interest: many clients hang up at its end mark.
            Self::Stream { meter, .. } if meter.is_whole() && !meter.has_failed() => Finish::Whole,
            Self::Stream { .. } | Self::Whole { .. } => finish,
        }
    }

    /// What is left of a frame without its blank line.
    fn release_rest(&mut self, out: &mut VecDeque<Bytes>) {
        if let Self::Stream { splitter, meter, hide_usage, .. } = self {
            let rest = splitter.take_rest();
            if rest.is_empty() {
                return;
            }
            let kind = meter.read(&rest);
            if *hide_usage && kind != stream::Frame::UsageOnly {
                out.push_back(rest);
            }
        }
    }

    /// Ends a frame of which the client has seen a part, so that what follows is a frame of its own.
    fn close_frame(&mut self, out: &mut VecDeque<Bytes>) {
        if let Self::Stream { splitter, hide_usage, lost_track, .. } = self {
            let half = !splitter.take_rest().is_empty();
            if (half && !*hide_usage) || *lost_track {
                out.push_back(Bytes::from_static(b"\n\n"));
            }
        }
    }

    /// What keeps a silent stream's client waiting: a comment, or the ping that Anthropic's clients look for.
    fn sign_of_life(&self) -> Option<Bytes> {
        let Self::Stream { protocol, splitter, hide_usage, lost_track, .. } = self else { return None };
        if *lost_track || !(splitter.is_between_frames() || *hide_usage) {
            return None;
        }
        Some(Bytes::from_static(match protocol {
            Protocol::Anthropic => b"event: ping\ndata: {\"type\": \"ping\"}\n\n",
            Protocol::OpenAi | Protocol::Responses | Protocol::Gemini | Protocol::Cohere => b": keep-alive\n\n",
        }))
    }

    fn end(&mut self, finish: Finish) -> End {
        match self {
            Self::Stream { meter, .. } => {
                End { finish, reported: meter.reported(), estimated_output: meter.estimated_output() }
            }
            Self::Whole { protocol, kept, .. } => {
                let answer = match kept.as_slice() {
                    [one] => one.clone(),
                    several => Bytes::from(several.concat()),
                };
                let reported = if finish == Finish::Whole { body::read(*protocol, &answer) } else { None };
                let estimated_output =
                    if reported.is_none() { crate::count::estimate::answer_tokens(&answer) } else { 0 };
                End { finish, reported, estimated_output }
            }
        }
    }
}
