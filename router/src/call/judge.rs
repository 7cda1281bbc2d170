//! What came of a pool's call: an answer in the client's protocol, or a failure that another endpoint may make good.

use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{Notes, Source, gather};
use super::begun::Begun;
use super::prepare::Way;
use super::underway::Underway;
use super::{CallError, Endpoint, Received, Relay};
use crate::convert::{Asked, Context, error_inside, provider_error};
use crate::error::{Kind, Problem};
use crate::pick::verdict::{Blame, Verdict};

/// The largest answer that is kept to be translated.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// The most of an error answer that is read.
const MAX_ERROR_BYTES: usize = 1 << 20;
const EVENTS: &str = "text/event-stream";
const JSON: &str = "application/json";

/// Why an endpoint did not answer.
pub(super) struct Failure {
    pub(super) problem: Problem,
    pub(super) verdict: Verdict,
    /// How much it tells: an answer more than a lost connection, and that more than a request that cannot be told.
    pub(super) weight: u8,
}

/// What an endpoint answers.
pub(super) struct Good {
    pub(super) content_type: &'static str,
    pub(super) body: Source,
    pub(super) verdict: Verdict,
}

/// One call whose answer is judged.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) asked: Asked<'a>,
    pub(super) context: &'a Context,
    pub(super) idle: Duration,
    pub(super) underway: &'a Underway,
}

impl Judge<'_> {
    /// What came back.
    pub(super) async fn judge(self, response: Response<Received>, way: Way) -> Result<Good, Failure> {
        let Self { endpoint, asked, context, idle, underway } = self;
        let (head, body) = response.into_parts();
        let (status, now_unix_ms) = (head.status.as_u16(), underway.unix_ms());
        let failed = |problem: Problem| failure(endpoint, problem, status, &head.headers, now_unix_ms);
        if !head.status.is_success() {
            let notes = Notes::new(asked.protocol, context.request_id.clone());
            let whole = Relay::whole(Begun::unread(body), endpoint.protocol(), idle, notes);
            // The status says enough where the words do not come.
            let said = gather(whole, MAX_ERROR_BYTES).await.map(|(said, _)| said).unwrap_or_default();
            return Err(failed(provider_error(endpoint.protocol(), status, &said)));
        }
        if head.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            let said = format!("{} compressed its answer although it was asked not to", endpoint.base_url());
            return Err(failed(Problem::new(Kind::UpstreamFailed, "upstream_encoding", said, "")));
        }
        let kind = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let is_stream = kind.starts_with(EVENTS.as_bytes());
        let told = self.tell(body, is_stream, way).await;
        let (content_type, body) = told.map_err(failed)?;
        Ok(Good { content_type, body, verdict: Verdict::FINE.with_limits(&head.headers, now_unix_ms) })
    }

    /// Tells an answer to the client.
    async fn tell(self, body: Received, is_stream: bool, way: Way) -> Result<(&'static str, Source), Problem> {
        let Self { endpoint, asked, context, idle, underway } = self;
        let spoken = endpoint.protocol();
        let notes = Notes::new(asked.protocol, context.request_id.clone());
        let body = if is_stream {
            Begun::stream(body, spoken, idle, idle).await.map_err(|failure| failure.problem)?
        } else {
            Begun::unread(body)
        };
        underway.first_byte();
        let (back, relay) = match way {
            Way::Native { hide_usage } if is_stream => {
                let relay = Relay::stream(body, spoken, hide_usage, idle, notes);
                return Ok((EVENTS, Source::Relay(Box::new(relay))));
            }
            // A list of chunks comes piece by piece too.
            Way::Native { .. } if asked.path.stream && asked.path.list => {
                return Ok((JSON, Source::Relay(Box::new(Relay::whole(body, spoken, idle, notes)))));
            }
            Way::Native { .. } => {
                let (said, end) = gather(Relay::whole(body, spoken, idle, notes), MAX_ANSWER_BYTES).await?;
                if is_error(&said) {
                    return Err(error_inside(spoken, &said));
                }
                return Ok((JSON, Source::Told { body: Some(said), end: Box::new(end) }));
            }
            Way::Translated(back) if is_stream && back.wants_stream() => {
                let kind = if back.wants_list() { JSON } else { EVENTS };
                let relay = Relay::translated(body, spoken, back.stream(), idle, notes);
                return Ok((kind, Source::Relay(Box::new(relay))));
            }
            // Providers that stream unasked, or do not although asked, are put right below.
            Way::Translated(back) if is_stream => (back, Relay::stream(body, spoken, false, idle, notes)),
            Way::Translated(back) => (back, Relay::whole(body, spoken, idle, notes)),
        };
        let kind = if back.wants_stream() && !back.wants_list() { EVENTS } else { JSON };
        let (said, end) = gather(relay, MAX_ANSWER_BYTES).await?;
        if !is_stream && is_error(&said) {
            return Err(error_inside(spoken, &said));
        }
        let told = if is_stream { back.gathered(&said)? } else { back.whole(&said)? };
        Ok((kind, Source::Told { body: Some(told.body.into()), end: Box::new(end) }))
    }
}

/// An answer that says `problem`.
fn failure(endpoint: &Endpoint, mut problem: Problem, status: u16, headers: &HeaderMap, now_unix_ms: i64) -> Failure {
    let mut verdict = Verdict::of(&problem, status, headers, now_unix_ms);
    if problem.code == "upstream_encoding" || (300..400).contains(&status) {
        // Asked again it would say the same.
        verdict = Verdict::NONSENSE;
    } else if problem.code == "context_length_exceeded" {
        // A longer conversation than one model takes may be short enough for the next.
        verdict = Verdict { limits: verdict.limits, ..Verdict::UNFIT };
    }
    if matches!(verdict.blame, Blame::Credential | Blame::Forbidden) {
        problem = refused_key(endpoint, problem.kind, status);
    }
    if verdict.is_told && problem.retry_after_s.is_none() {
        problem.retry_after_s = u32::try_from(verdict.wait_ms.div_ceil(1_000)).ok();
    }
    Failure { problem, verdict, weight: 2 }
}

/// Whether an answer with a status of success is an error all the same, or a list of one.
fn is_error(answer: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Only<'a> {
        #[serde(borrow, default)]
        error: Option<&'a RawValue>,
    }
    let answer = answer.trim_ascii_start();
    let first = answer.strip_prefix(b"[").unwrap_or(answer);
    let mut first = serde_json::Deserializer::from_slice(first).into_iter::<Only<'_>>();
    first.next().is_some_and(|answer| answer.is_ok_and(|answer| answer.error.is_some()))
}

/// The provider's own sentence may repeat the key.
fn refused_key(endpoint: &Endpoint, kind: Kind, status: u16) -> Problem {
    let kind = if kind == Kind::Forbidden { kind } else { Kind::Unauthenticated };
    let said = format!("{} refuses the key that it was called with (status {status})", endpoint.base_url());
    Problem::new(kind, "upstream_refused_credential", said, "Check the endpoint's key.")
}

/// No answer at all.
pub(super) fn unreachable(endpoint: &Endpoint, e: &CallError) -> Failure {
    let (kind, code, verdict) = match e {
        CallError::FirstByteTimeout => (Kind::UpstreamTimeout, "upstream_timeout", Verdict::BROKEN),
        CallError::Connect(_) => (Kind::UpstreamFailed, "upstream_unreachable", Verdict::UNREACHABLE),
        CallError::Broken(_) => (Kind::UpstreamFailed, "upstream_unreachable", Verdict::BROKEN),
    };
    let said = format!("{}: {e}", endpoint.base_url());
    Failure { problem: Problem::new(kind, code, said, "Try again; if it stays, check the URL."), verdict, weight: 1 }
}
