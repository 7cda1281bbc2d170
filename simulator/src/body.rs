//! The body of an answer as hyper asks for it: at once or paced, whole, hanging or cut.
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{fmt, vec};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame as BodyFrame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::sse::Frame;
use crate::state::Flight;

/// What comes after the last write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    End,
    /// Nothing, for ever.
    Hang,
    /// The connection is dropped without an end of the body.
    Cut,
}

/// The error that makes hyper drop the connection.
#[derive(Debug)]
pub(crate) struct CutShort;

impl fmt::Display for CutShort {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the script cuts the connection here")
    }
}

impl std::error::Error for CutShort {}

/// One write, and the pause before it.
type Write = (Bytes, Duration);

pub(crate) enum AnswerBody {
    Whole { bytes: Bytes, flight: Option<Flight> },
    Paced(Box<Paced>),
}

pub(crate) struct Paced {
    writes: vec::IntoIter<Write>,
    held: Option<Bytes>,
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether the held write waits for the timer.
    waiting: bool,
    /// The time the pauses add up from, so that many of them do not drift.
    clock: Instant,
    size: Option<u64>,
    tail: Tail,
    flight: Option<Flight>,
    flushed: bool,
}

impl AnswerBody {
    pub(crate) fn whole(bytes: Bytes, flight: Option<Flight>) -> Self {
        Self::Whole { bytes, flight }
    }

    /// Writes with their pauses. `size` is the announced length, for a body that is no stream.
    pub(crate) fn paced(writes: Vec<Write>, size: Option<u64>, tail: Tail, flight: Flight) -> Self {
        Self::Paced(Box::new(Paced {
            writes: writes.into_iter(),
            held: None,
            timer: None,
            waiting: false,
            clock: Instant::now(),
            size,
            tail,
            flight: Some(flight),
            flushed: true,
        }))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<BodyFrame<Bytes>, CutShort>>> {
        match self.get_mut() {
            Self::Whole { bytes, flight } => {
                if let Some(flight) = flight.take() {
                    flight.land();
                }
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(BodyFrame::data(bytes))))
            }
            Self::Paced(paced) => paced.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        // A flight on board still has to land, which only a poll does.
        matches!(self, Self::Whole { bytes, flight: None } if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole { bytes, .. } => SizeHint::with_exact(bytes.len() as u64),
            Self::Paced(paced) => paced.size.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

impl Paced {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<BodyFrame<Bytes>, CutShort>>> {
        // hyper sends what it has when a body is not ready: so each write leaves by itself.
        if !self.flushed {
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.held.is_none() {
            let Some((bytes, pause)) = self.writes.next() else { return self.poll_tail() };
            self.held = Some(bytes);
            if !pause.is_zero() {
                self.waiting = true;
                self.clock += pause;
                match &mut self.timer {
                    Some(timer) => timer.as_mut().reset(self.clock),
                    timer => *timer = Some(Box::pin(sleep_until(self.clock))),
                }
            }
        }
        if let Some(timer) = &mut self.timer
            && self.waiting
        {
            ready!(timer.as_mut().poll(context));
            self.waiting = false;
        }
        let bytes = self.held.take().unwrap_or_default();
        self.flushed = false;
        if self.writes.len() == 0 && self.tail == Tail::End {
            self.land();
        }
        Poll::Ready(Some(Ok(BodyFrame::data(bytes))))
    }

    fn poll_tail(&mut self) -> Poll<Option<Result<BodyFrame<Bytes>, CutShort>>> {
        match self.tail {
            Tail::Hang => Poll::Pending,
            Tail::End => {
                self.land();
                Poll::Ready(None)
            }
            Tail::Cut => {
                self.land();
                Poll::Ready(Some(Err(CutShort)))
            }
        }
    }

    fn land(&mut self) {
        if let Some(flight) = self.flight.take() {
            flight.land();
        }
    }
}

/// The writes of a stream: each event after its pause, cut into pieces of `piece` bytes where that is asked for.
pub(crate) fn plan_writes(frames: Vec<Frame>, interval: Duration, piece: Option<usize>) -> Vec<Write> {
    let mut first = true;
    let mut paused = frames.into_iter().map(|frame| {
        // The first piece of content has waited for the first-token time already.
        let pause = if frame.paced && !std::mem::take(&mut first) { interval } else { Duration::ZERO };
        (frame.bytes, pause)
    });
    let Some(piece) = piece else { return paused.collect() };
    let mut writes = Vec::new();
    let (mut run, mut before) = (BytesMut::new(), Duration::ZERO);
    let mut flush = |run: &mut BytesMut, mut pause: Duration| {
        while !run.is_empty() {
            let size = piece.min(run.len());
            writes.push((run.split_to(size).freeze(), std::mem::take(&mut pause)));
        }
    };
    // Events without a pause between them are one run, so that a piece may hold the end of one and the next's start.
    for (bytes, pause) in &mut paused {
        if !pause.is_zero() {
            flush(&mut run, std::mem::replace(&mut before, pause));
        }
        run.extend_from_slice(&bytes);
    }
    flush(&mut run, before);
    writes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &'static str, paced: bool) -> Frame {
        Frame { bytes: Bytes::from_static(text.as_bytes()), paced }
    }

    #[test]
    fn pieces_cross_events_but_not_pauses() {
        let ms = Duration::from_millis;
        let frames = vec![frame("abc", false), frame("de", true), frame("fghi", true), frame("j", false)];
        let writes = plan_writes(frames.clone(), ms(5), Some(2));
        let expected = [("ab", 0), ("cd", 0), ("e", 0), ("fg", 5), ("hi", 0), ("j", 0)];
        assert_eq!(writes, expected.map(|(text, pause)| (Bytes::from_static(text.as_bytes()), ms(pause))));
        let writes = plan_writes(frames, ms(5), None);
        assert_eq!(writes.iter().map(|(_, pause)| *pause).collect::<Vec<_>>(), [ms(0), ms(0), ms(5), ms(0)]);
    }
}
