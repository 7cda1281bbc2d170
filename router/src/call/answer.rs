//! A provider's answer on its way to the caller of the library.

use bytes::Bytes;
use http_body_util::BodyExt as _;

use super::begun::Begun;
use super::relay::BrokenAnswer;
use super::underway::Underway;
use super::{End, Finish, Keepsake, Observer, Relay};
use crate::chat::Losses;
use crate::error::{Kind, Problem};
use crate::pick::order::By;
use crate::pick::verdict::Verdict;
use crate::protocol::Protocol;

/// A call that came to nothing before another was made in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The endpoint, by its place in the pool. One may stand here more than once.
    pub endpoint: usize,
    /// Why.
    pub problem: Problem,
}

/// An answer in the client's protocol, piece by piece as it comes; see [`super::Pool::ask`].
pub struct Answer {
    pub(super) endpoint: usize,
    pub(super) why: By,
    pub(super) failures: Vec<Failed>,
    pub(super) losses: Losses,
    pub(super) content_type: &'static str,
    pub(super) body: Source,
}

/// Where the pieces come from.
pub(super) enum Source {
    /// The provider, while it answers.
    Relay(Box<Relay<Notes, Begun>>),
    /// An answer that had to be complete before it could be translated.
    Told { body: Option<Bytes>, end: Box<End> },
}

impl Answer {
    /// The next piece for the client; none when the answer is over.
    ///
    /// A stream that breaks ends with an error in the client's protocol.
    ///
    /// # Errors
    ///
    /// Where an answer in one piece broke off, which that form cannot say.
    pub async fn next(&mut self) -> Option<Result<Bytes, BrokenAnswer>> {
        match &mut self.body {
            Source::Told { body, .. } => body.take().map(Ok),
            Source::Relay(relay) => loop {
                match relay.frame().await? {
                    Ok(frame) => {
                        if let Ok(data) = frame.into_data() {
                            return Some(Ok(data));
                        }
                    }
                    Err(e) => return Some(Err(e)),
                }
            },
        }
    }

    /// What is known at the end, the tokens above all; none while the answer is under way.
    pub const fn end(&self) -> Option<&End> {
        match &self.body {
            Source::Told { body: None, end } => Some(end),
            Source::Told { .. } => None,
            Source::Relay(relay) => relay.observer().end.as_ref(),
        }
    }

    /// The endpoint that answers, by its place in the pool.
    pub const fn endpoint(&self) -> usize {
        self.endpoint
    }

    /// Why it was chosen.
    pub const fn why(&self) -> By {
        self.why
    }

    /// Who was asked before, and why they did not answer.
    pub fn failures(&self) -> &[Failed] {
        &self.failures
    }

    /// What of the request did not reach the provider as it was sent.
    pub const fn losses(&self) -> &Losses {
        &self.losses
    }

    /// The media type of the whole: events, or JSON.
    pub const fn content_type(&self) -> &'static str {
        self.content_type
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Answer");
        shown.field("endpoint", &self.endpoint).field("why", &self.why).field("losses", &self.losses);
        shown.field("content_type", &self.content_type).field("end", &self.end()).finish_non_exhaustive()
    }
}

/// Keeps how an answer ended, and says so to the client where it must.
pub(super) struct Notes {
    pub(super) protocol: Protocol,
    pub(super) request_id: String,
    end: Option<End>,
    underway: Option<Underway>,
}

impl Notes {
    /// For a client of `protocol`.
    pub(super) const fn new(protocol: Protocol, request_id: String) -> Self {
        Self { protocol, request_id, end: None, underway: None }
    }

    /// A call that lasts until the answer is over.
    pub(super) fn hold(&mut self, underway: Underway) {
        self.underway = Some(underway);
    }
}

impl Observer for Notes {
    fn first_byte(&mut self) {}

    fn keep(&mut self, _: Keepsake) {}

    fn end(&mut self, end: End) {
        if let Some(mut underway) = self.underway.take()
            && matches!(end.finish, Finish::Failed | Finish::Cut(_) | Finish::Idle)
        {
            underway.tell(&Verdict::BROKEN);
        }
        self.end = Some(end);
    }

    fn problem(&mut self, finish: &Finish) -> Problem {
        let (kind, code, said) = match finish {
            Finish::Idle => (Kind::UpstreamTimeout, "upstream_idle", "the provider fell silent".to_owned()),
            Finish::Cut(why) => {
                (Kind::UpstreamFailed, "upstream_cut", format!("the provider broke off its answer: {why}"))
            }
            Finish::Whole | Finish::Failed | Finish::Abandoned => {
                (Kind::UpstreamFailed, "upstream_failed", "the provider failed".to_owned())
            }
        };
        Problem::new(kind, code, said, "Try again.")
    }

    fn explain(&mut self, finish: &Finish) -> Bytes {
        self.problem(finish).stream_end(self.protocol, &self.request_id)
    }
}

/// All of what `relay` brings, and how it ended.
pub(super) async fn gather(mut relay: Relay<Notes, Begun>, limit: usize) -> Result<(Bytes, End), Problem> {
    let fail = |code, said| Problem::new(Kind::UpstreamFailed, code, said, "Try again.");
    let mut all = Vec::new();
    while let Some(frame) = relay.frame().await {
        let frame = frame.map_err(|_| fail("upstream_cut", "the provider broke off its answer"))?;
        all.extend_from_slice(&frame.into_data().unwrap_or_default());
        if all.len() > limit {
            return Err(fail("upstream_nonsense", "the provider's answer is larger than any model's"));
        }
    }
    let observed = relay.observer().end.clone();
    let end = observed.unwrap_or(End { finish: Finish::Whole, reported: None, estimated_output: 0 });
    Ok((all.into(), end))
}
