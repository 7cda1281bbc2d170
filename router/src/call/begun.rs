//! A stream whose beginning was read to see whether it is an answer at all, and is handed on with the rest.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::error::root_cause;
use crate::convert::error_inside;
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

/// A provider's body of which some may be here already.
#[derive(Debug)]
pub struct Begun {
    held: VecDeque<Bytes>,
    rest: Incoming,
}

impl Begun {
    /// A body of which nothing has been read.
    pub const fn unread(rest: Incoming) -> Self {
        Self { held: VecDeque::new(), rest }
    }

    /// Reads a stream of `protocol` up to its first output, within bounds and for no longer than `hold`.
    ///
    /// # Errors
    ///
    /// The failure that stands there instead: nobody has seen anything of this stream, so another may take its place.
    pub async fn stream(rest: Incoming, protocol: Protocol, idle: Duration, hold: Duration) -> Result<Self, Problem> {
        let mut begun = Self::unread(rest);
        let wait = idle.min(hold);
        match tokio::time::timeout(wait, begun.read(protocol)).await {
            Ok(Ok(())) => Ok(begun),
            Ok(Err(problem)) => Err(problem),
            // Whoever waits must hear something in time, and a model that thinks for long is no failure.
            Err(_) if hold < idle => Ok(begun),
            Err(_) => Err(broken(Kind::UpstreamTimeout, "upstream_idle", "it fell silent")),
        }
    }

    /// Reads an answer in one piece, all of it if it is not long and comes within `hold`: what breaks off until then
    /// may come from somebody else. Says whether it looks like an error.
    ///
    /// # Errors
    ///
    /// That it broke off, or fell silent for longer than `idle`.
    pub async fn whole(rest: Incoming, idle: Duration, hold: Duration) -> Result<(Self, bool), Problem> {
        let mut begun = Self::unread(rest);
        match tokio::time::timeout(idle.min(hold), begun.all()).await {
            Ok(Ok(())) => {}
            Ok(Err(problem)) => return Err(problem),
            Err(_) if hold < idle => {}
            Err(_) => return Err(broken(Kind::UpstreamTimeout, "upstream_idle", "it fell silent")),
        }
        let is_error = begun.looks_like_error();
        Ok((begun, is_error))
    }

    /// Reads the first piece of an answer that comes piece by piece without being an event stream.
    ///
    /// # Errors
    ///
    /// That it broke off, or fell silent for longer than `idle`.
    pub async fn pieces(rest: Incoming, idle: Duration, hold: Duration) -> Result<(Self, bool), Problem> {
        let mut begun = Self::unread(rest);
        match tokio::time::timeout(idle.min(hold), begun.next()).await {
            Ok(chunk) => begun.held.extend(chunk?),
            Err(_) if hold < idle => {}
            Err(_) => return Err(broken(Kind::UpstreamTimeout, "upstream_idle", "it fell silent")),
        }
        let is_error = begun.looks_like_error();
        Ok((begun, is_error))
    }

    fn looks_like_error(&self) -> bool {
        // Some send blanks until they have something to say.
        let text = self.held.iter().map(|chunk| chunk.trim_ascii_start()).find(|text| !text.is_empty());
        let inside = text.and_then(|text| text.strip_prefix(b"{"));
        inside.is_some_and(|inside| inside.trim_ascii_start().starts_with(b"\"error\""))
    }

    async fn all(&mut self) -> Result<(), Problem> {
        let mut held_bytes = 0;
        while !self.rest.is_end_stream() && held_bytes <= MAX_WHOLE_BYTES {
            let Some(chunk) = self.next().await? else { break };
            held_bytes += chunk.len();
            self.held.push_back(chunk);
        }
        Ok(())
    }

    async fn read(&mut self, protocol: Protocol) -> Result<(), Problem> {
        let mut splitter = Splitter::new(MAX_HELD_BYTES);
        let mut meter = Meter::new(protocol);
        let mut held_bytes = 0;
        loop {
            let Some(chunk) = self.next().await? else {
                return Err(broken(Kind::UpstreamFailed, "upstream_cut", "its stream ended"));
            };
            let mut failed = None;
            let pushed = splitter.push(&chunk, |frame| {
                let is_first_output = meter.estimated_output() == 0 && !meter.is_whole();
                if is_first_output && meter.read(&frame) == stream::Frame::Error {
                    failed = Some(frame);
                }
            });
            if let Some(frame) = failed {
                let said = sse::data(&frame).unwrap_or_default();
                return Err(error_inside(protocol, &said));
            }
            held_bytes += chunk.len();
            self.held.push_back(chunk);
            let says_something = meter.estimated_output() > 0 || meter.is_whole() || meter.frames() > MAX_HELD_EVENTS;
            if says_something || pushed.is_err() || held_bytes > MAX_HELD_BYTES {
                return Ok(());
            }
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            match self.rest.frame().await {
                None => return Ok(None),
                Some(Err(e)) => return Err(broken(Kind::UpstreamFailed, "upstream_cut", &root_cause(&e))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

fn broken(kind: Kind, code: &'static str, why: &str) -> Problem {
    Problem::new(kind, code, format!("the provider broke off before it said anything: {why}"), "Try again.")
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
