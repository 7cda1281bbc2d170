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
use crate::convert::provider_error;
use crate::count::stream::{self, Meter};
use crate::error::{Kind, Problem};
use crate::protocol::Protocol;
use crate::sse::{self, Splitter};

/// The most that is held back, in bytes.
const MAX_HELD_BYTES: usize = 64 << 10;
/// The most events that are held back: openings such as `message_start` promise nothing yet. Responses has four.
const MAX_HELD_EVENTS: u64 = 4;

/// A provider's body of which some is here already.
pub(super) struct Begun {
    held: VecDeque<Bytes>,
    rest: Incoming,
}

impl Begun {
    /// A body of which nothing has been read.
    pub(super) const fn unread(rest: Incoming) -> Self {
        Self { held: VecDeque::new(), rest }
    }

    /// Reads a stream of `protocol` up to its first output, within bounds.
    ///
    /// # Errors
    ///
    /// The failure that stands there instead: nobody has seen anything of this stream, so another may take its place.
    pub(super) async fn read(rest: Incoming, protocol: Protocol, idle: Duration) -> Result<Self, Problem> {
        let mut begun = Self::unread(rest);
        let mut splitter = Splitter::new(MAX_HELD_BYTES);
        let mut meter = Meter::new(protocol);
        let mut held_bytes = 0;
        loop {
            let chunk = match tokio::time::timeout(idle, begun.rest.frame()).await {
                Err(_) => return Err(broken(Kind::UpstreamTimeout, "upstream_idle", "it fell silent")),
                Ok(None) => return Err(broken(Kind::UpstreamFailed, "upstream_cut", "its stream ended")),
                Ok(Some(Err(e))) => return Err(broken(Kind::UpstreamFailed, "upstream_cut", &root_cause(&e))),
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => data,
                    Err(_) => continue,
                },
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
                return Err(provider_error(protocol, 0, &said));
            }
            held_bytes += chunk.len();
            begun.held.push_back(chunk);
            let says_something = meter.estimated_output() > 0 || meter.is_whole() || meter.frames() > MAX_HELD_EVENTS;
            if says_something || pushed.is_err() || held_bytes > MAX_HELD_BYTES {
                return Ok(begun);
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
        if self.held.is_empty() { self.rest.size_hint() } else { SizeHint::default() }
    }
}
