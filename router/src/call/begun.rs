//! A stream whose beginning was read to see whether it is an answer at all, and is handed on with the rest.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::time::Instant;
use tokio::time::error::Elapsed;

use super::Received;
use super::error::root_cause;
use crate::convert::error_inside;
use crate::count::Report;
use crate::count::stream::{self, Meter};
use crate::error::{Kind, Problem};
use crate::protocol::Protocol;
use crate::sse::{self, Splitter};

/// The most that is held back, in bytes.
const MAX_HELD_BYTES: usize = 64 << 10;
/// The most of an answer in one piece that is held back, in bytes.
const MAX_WHOLE_BYTES: usize = 256 << 10;
/// The most events that are held back: openings such as `message_start` promise nothing yet. Responses has four.
const MAX_HELD_EVENTS: u64 = 4;

/// As much of an answer tells whether it is an error.
const MAX_MARK_BYTES: usize = 24;

/// A provider's body of which some may be here already.
#[derive(Debug)]
pub struct Begun {
    held: VecDeque<Bytes>,
    rest: Received,
}

/// Why an answer did not begin, and what it may cost all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotBegun {
    /// What stands in its place.
    pub problem: Problem,
    /// What the provider had reported until then.
    pub reported: Option<Report>,
    /// Whether the provider said itself that it failed, before any output; it broke off or fell silent otherwise.
    pub was_told: bool,
}

impl NotBegun {
    fn cut(why: &str) -> Box<Self> {
        Self::broken(Kind::UpstreamFailed, "upstream_cut", why)
    }

    fn silent() -> Box<Self> {
        Self::broken(Kind::UpstreamTimeout, "upstream_idle", "it fell silent")
    }

    fn broken(kind: Kind, code: &'static str, why: &str) -> Box<Self> {
        let said = format!("the provider broke off before it said anything: {why}");
        Box::new(Self { problem: Problem::new(kind, code, said, "Try again."), reported: None, was_told: false })
    }
}

impl Begun {
    /// A body of which nothing has been read.
    pub const fn unread(rest: Received) -> Self {
        Self { held: VecDeque::new(), rest }
    }

    /// Reads a stream of `protocol` up to its first output, within bounds. After `hold` it is let go as it is, since
    /// whoever waits must hear something in time and a model that thinks for long is no failure.
    ///
    /// # Errors
    ///
    /// The failure that stands there instead, or silence for as long as `idle`: nobody has seen anything of this
    /// stream, so another may take its place.
    pub async fn stream(
        rest: Received,
        protocol: Protocol,
        idle: Duration,
        hold: Duration,
    ) -> Result<Self, Box<NotBegun>> {
        let mut begun = Self::unread(rest);
        let mut meter = Meter::new(protocol);
        let mut silence = Silence::new(idle);
        let read = tokio::time::timeout(hold, begun.read(protocol, &mut meter, &mut silence)).await;
        match silence.check(read) {
            Ok(()) => Ok(begun),
            Err(mut failure) => {
                failure.reported = meter.reported();
                Err(failure)
            }
        }
    }

    /// Reads an answer in one piece, all of it if it is not long and comes within `hold`: what breaks off until then
    /// may come from somebody else. Says whether it looks like an error.
    ///
    /// # Errors
    ///
    /// That it broke off, or fell silent for as long as `idle`.
    pub async fn whole(rest: Received, idle: Duration, hold: Duration) -> Result<(Self, bool), Box<NotBegun>> {
        let mut begun = Self::unread(rest);
        // Short answers are here with their heads, and need no timers.
        if !begun.is_here().await? {
            let mut silence = Silence::new(idle);
            let read = tokio::time::timeout(hold, begun.all(&mut silence)).await;
            silence.check(read)?;
        }
        let is_error = begun.looks_like_error().unwrap_or(false);
        Ok((begun, is_error))
    }

    /// Reads the beginning of an answer that comes piece by piece without being an event stream, and says whether it
    /// looks like an error.
    ///
    /// # Errors
    ///
    /// That it broke off, or fell silent for as long as `idle`.
    pub async fn pieces(rest: Received, idle: Duration, hold: Duration) -> Result<(Self, bool), Box<NotBegun>> {
        let mut begun = Self::unread(rest);
        let mut silence = Silence::new(idle);
        let read = tokio::time::timeout(hold, begun.first(&mut silence)).await;
        silence.check(read)?;
        let is_error = begun.looks_like_error().unwrap_or(false);
        Ok((begun, is_error))
    }

    /// Whether what is held begins as an error does; none while too little is here to tell.
    fn looks_like_error(&self) -> Option<bool> {
        // Nearly every answer begins with a name that no error begins with.
        let object = self.held.front().and_then(|chunk| chunk.trim_ascii_start().strip_prefix(b"{"));
        if let Some([b'"', first, ..]) = object.map(<[u8]>::trim_ascii_start)
            && !matches!(first, b'e' | b't' | b'o')
        {
            return Some(false);
        }
        // Some send blanks until they have something to say.
        let text = self.held.iter().flatten().copied().filter(|byte| !byte.is_ascii_whitespace());
        // Gemini's errors may be the only element of a list.
        let mut text = text.take(MAX_MARK_BYTES).peekable();
        text.next_if_eq(&b'[');
        let start: Vec<u8> = text.collect();
        let marks: [(&[u8], bool); 5] = [
            (b"{\"error\":n", false),
            (b"{\"error\":f", false),
            (b"{\"error\":", true),
            (b"{\"type\":\"error\"", true),
            (b"{\"object\":\"error\"", true),
        ];
        if let Some((mark, is_error)) = marks.iter().find(|(mark, _)| start.starts_with(mark)) {
            // The first byte of the value decides.
            return (start.len() > mark.len() || !is_error).then_some(*is_error);
        }
        let is_open = marks.iter().any(|(mark, _)| mark.starts_with(&start));
        (!is_open).then_some(false)
    }

    async fn first(&mut self, silence: &mut Silence) -> Result<(), Box<NotBegun>> {
        let mut held_bytes = 0;
        while self.looks_like_error().is_none() && held_bytes <= MAX_HELD_BYTES {
            let Some(chunk) = self.next(silence).await? else { break };
            held_bytes += chunk.len();
            self.held.push_back(chunk);
        }
        Ok(())
    }

    /// Takes what is here already; says whether that is all, or as much as is held back.
    async fn is_here(&mut self) -> Result<bool, Box<NotBegun>> {
        poll_fn(|cx| {
            let mut held_bytes = 0;
            while !self.rest.is_end_stream() && held_bytes <= MAX_WHOLE_BYTES {
                match Pin::new(&mut self.rest).poll_frame(cx) {
                    Poll::Pending => return Poll::Ready(Ok(false)),
                    Poll::Ready(None) => break,
                    Poll::Ready(Some(Err(e))) => return Poll::Ready(Err(NotBegun::cut(&root_cause(&e)))),
                    Poll::Ready(Some(Ok(frame))) => {
                        if let Ok(data) = frame.into_data() {
                            held_bytes += data.len();
                            self.held.push_back(data);
                        }
                    }
                }
            }
            Poll::Ready(Ok(true))
        })
        .await
    }

    async fn all(&mut self, silence: &mut Silence) -> Result<(), Box<NotBegun>> {
        let mut held_bytes = self.held.iter().map(Bytes::len).sum::<usize>();
        while !self.rest.is_end_stream() && held_bytes <= MAX_WHOLE_BYTES {
            let Some(chunk) = self.next(silence).await? else { break };
            held_bytes += chunk.len();
            self.held.push_back(chunk);
        }
        Ok(())
    }

    async fn read(
        &mut self,
        protocol: Protocol,
        meter: &mut Meter,
        silence: &mut Silence,
    ) -> Result<(), Box<NotBegun>> {
        let mut splitter = Splitter::new(MAX_HELD_BYTES);
        let mut held_bytes = 0;
        loop {
            let Some(chunk) = self.next(silence).await? else {
                return Err(NotBegun::cut("its stream ended"));
            };
            let mut failed = None;
            let pushed = splitter.push(&chunk, |frame| {
                let is_first_output = meter.estimated_output() == 0 && !meter.is_whole();
                if is_first_output && meter.read(&frame) == stream::Frame::Error && failed.is_none() {
                    failed = Some(frame);
                }
            });
            if let Some(frame) = failed {
                let problem = error_inside(protocol, &sse::data(&frame).unwrap_or_default());
                return Err(Box::new(NotBegun { problem, reported: None, was_told: true }));
            }
            held_bytes += chunk.len();
            self.held.push_back(chunk);
            let says_something = meter.estimated_output() > 0 || meter.is_whole() || meter.frames() > MAX_HELD_EVENTS;
            if says_something || pushed.is_err() || held_bytes > MAX_HELD_BYTES {
                return Ok(());
            }
        }
    }

    async fn next(&mut self, silence: &mut Silence) -> Result<Option<Bytes>, Box<NotBegun>> {
        loop {
            let frame = tokio::time::timeout(silence.idle, self.rest.frame()).await;
            silence.since = Instant::now();
            match frame {
                Err(_) => return Err(NotBegun::silent()),
                Ok(None) => return Ok(None),
                Ok(Some(Err(e))) => return Err(NotBegun::cut(&root_cause(&e))),
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// How long the provider has said nothing, and how long it may.
struct Silence {
    idle: Duration,
    since: Instant,
}

impl Silence {
    fn new(idle: Duration) -> Self {
        Self { idle, since: Instant::now() }
    }

    /// What was read; where time ran out it may go on, unless the silence ran out with it.
    fn check(&self, read: Result<Result<(), Box<NotBegun>>, Elapsed>) -> Result<(), Box<NotBegun>> {
        match read {
            Ok(read) => read,
            Err(_) if self.since.elapsed() >= self.idle => Err(NotBegun::silent()),
            Err(_) => Ok(()),
        }
    }
}

impl Body for Begun {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.held.pop_front() {
            Some(chunk) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(held));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint
    }
}
