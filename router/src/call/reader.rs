//! What reads a provider's answer while it passes: usage, the end, and where a client of another protocol waits, its
//! translation.

use std::borrow::Cow;
use std::collections::VecDeque;

use bytes::Bytes;

use super::relay::{End, Finish, Keepsake};
use crate::convert::Translator;
use crate::count::body;
use crate::count::stream::{self, Meter};
use crate::protocol::Protocol;
use crate::sse::{self, Splitter};

/// The longest frame that is metered; Responses repeats the whole answer in its last one.
pub(super) const MAX_FRAME_BYTES: usize = 16 << 20;
/// How much of an answer in one piece is kept for reading its usage.
const MAX_KEPT_BYTES: usize = 32 << 20;

/// What reads an answer in passing.
pub(super) enum Reader {
    Stream {
        protocol: Protocol,
        splitter: Splitter,
        meter: Meter,
        hide_usage: bool,
        /// Whether the frame at the very end holds nothing but usage.
        hides_rest: bool,
        lost_track: bool,
        /// The event that ends a Responses stream and repeats all of it.
        last: Option<Bytes>,
    },
    /// A stream of another protocol than the client's.
    Translated { splitter: Splitter, meter: Meter, translator: Box<Translator>, lost_track: bool },
    Whole {
        protocol: Protocol,
        kept: Vec<Bytes>,
        kept_bytes: usize,
        /// A Responses answer that is complete.
        complete: Option<Bytes>,
    },
}

impl Reader {
    pub(super) fn read(&mut self, chunk: Bytes, out: &mut VecDeque<Bytes>) {
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
            Self::Translated { lost_track: true, .. } => {}
            Self::Translated { splitter, meter, translator, lost_track } => {
                let pushed = splitter.push(&chunk, |frame| {
                    meter.read(&frame);
                    if let Err(problem) = translator.frame(&frame) {
                        translator.fail(&problem);
                    }
                });
                if pushed.is_err() {
                    *lost_track = true;
                    translator.finish();
                }
                let told = translator.take();
                if !told.is_empty() {
                    out.push_back(told);
                }
            }
            Self::Stream { lost_track: true, .. } => out.push_back(chunk),
            Self::Stream { protocol, splitter, meter, hide_usage: false, lost_track, last, .. } => {
                let pushed = splitter.push(&chunk, |frame| {
                    if meter.read(&frame) == stream::Frame::End && *protocol == Protocol::Responses {
                        *last = Some(frame);
                    }
                });
                *lost_track = pushed.is_err();
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

    /// What is worth keeping of what was read since the last time.
    pub(super) fn take_keepsake(&mut self) -> Option<Keepsake> {
        match self {
            Self::Stream { last, .. } => {
                let frame = last.take()?;
                let data = sse::data(&frame)?;
                let answer = match data {
                    Cow::Borrowed(data) => frame.slice_ref(data),
                    Cow::Owned(data) => Bytes::from(data),
                };
                Some(Keepsake { answer: Some(answer), carried: Vec::new() })
            }
            Self::Translated { translator, .. } => {
                let (answer, carried) = (translator.take_object().map(Bytes::from), translator.take_carried());
                (answer.is_some() || !carried.is_empty()).then_some(Keepsake { answer, carried })
            }
            Self::Whole { complete, .. } => {
                let answer = complete.take()?;
                Some(Keepsake { answer: Some(answer), carried: Vec::new() })
            }
        }
    }

    /// A clean end is believed only of a stream that said it was at its end.
    pub(super) fn judge(&self, finish: Finish) -> Finish {
        match self {
            Self::Stream { meter, lost_track: false, .. } | Self::Translated { meter, lost_track: false, .. }
                if finish == Finish::Whole =>
            {
                if meter.has_failed() {
                    Finish::Failed
                } else if meter.is_whole() {
                    Finish::Whole
                } else {
                    Finish::Cut("the stream ended without its end mark".to_owned())
                }
            }
            // What follows a complete answer is of no interest: many clients hang up at its end mark.
            Self::Stream { meter, .. } | Self::Translated { meter, .. } if meter.is_whole() && !meter.has_failed() => {
                Finish::Whole
            }
            Self::Stream { .. } | Self::Translated { .. } | Self::Whole { .. } => finish,
        }
    }

    /// Reads the last frame of a stream that ended as a connection should: some servers leave out its blank line.
    /// Half a frame says nothing.
    pub(super) fn read_rest(&mut self) {
        match self {
            Self::Stream { protocol, splitter, meter, lost_track: false, hides_rest, last, .. }
                if sse::is_complete(splitter.held()) =>
            {
                let kind = meter.read(splitter.held());
                *hides_rest = kind == stream::Frame::UsageOnly;
                if kind == stream::Frame::End && *protocol == Protocol::Responses {
                    *last = Some(Bytes::copy_from_slice(splitter.held()));
                }
            }
            Self::Translated { splitter, meter, translator, lost_track: false }
                if sse::is_complete(splitter.held()) =>
            {
                let rest = splitter.take_rest();
                meter.read(&rest);
                if let Err(problem) = translator.frame(&rest) {
                    translator.fail(&problem);
                }
            }
            Self::Stream { .. } | Self::Translated { .. } | Self::Whole { .. } => {}
        }
    }

    /// What is left of a frame without its blank line, where the client has not seen it yet.
    pub(super) fn release_rest(&mut self, out: &mut VecDeque<Bytes>) {
        if let Self::Stream { splitter, hide_usage: true, hides_rest, .. } = self {
            let rest = splitter.take_rest();
            if !rest.is_empty() && !*hides_rest {
                out.push_back(rest);
            }
        }
    }

    /// Ends a frame of which the client has seen a part, so that what follows is a frame of its own.
    pub(super) fn close_frame(&mut self, out: &mut VecDeque<Bytes>) {
        if let Self::Stream { splitter, hide_usage, lost_track, .. } = self {
            let half = !splitter.take_rest().is_empty();
            if (half && !*hide_usage) || *lost_track {
                out.push_back(Bytes::from_static(b"\n\n"));
            }
        }
    }

    /// What keeps a silent stream's client waiting: a comment, or the ping that Anthropic's clients look for.
    pub(super) fn sign_of_life(&mut self) -> Option<Bytes> {
        if let Self::Translated { translator, .. } = self {
            return Some(Bytes::from_static(translator.keep_alive())).filter(|sign| !sign.is_empty());
        }
        let Self::Stream { protocol, splitter, hide_usage, lost_track, .. } = self else { return None };
        if *lost_track || !(splitter.is_between_frames() || *hide_usage) {
            return None;
        }
        Some(Bytes::from_static(match protocol {
            Protocol::Anthropic => b"event: ping\ndata: {\"type\": \"ping\"}\n\n",
            Protocol::OpenAi | Protocol::Responses | Protocol::Gemini | Protocol::Cohere => b": keep-alive\n\n",
        }))
    }

    pub(super) fn end(&mut self, finish: Finish) -> End {
        match self {
            Self::Stream { meter, .. } | Self::Translated { meter, .. } => {
                End { finish, reported: meter.reported(), estimated_output: meter.estimated_output() }
            }
            Self::Whole { protocol, kept, complete, .. } => {
                let answer = match kept.as_slice() {
                    [one] => one.clone(),
                    several => Bytes::from(several.concat()),
                };
                if finish == Finish::Whole && *protocol == Protocol::Responses && !answer.is_empty() {
                    *complete = Some(answer.clone());
                }
                let reported = if finish == Finish::Whole { body::read(*protocol, &answer) } else { None };
                let estimated_output =
                    if reported.is_none() { crate::count::estimate::answer_tokens(&answer) } else { 0 };
                End { finish, reported, estimated_output }
            }
        }
    }
}
