//! What came of a call: an answer that goes to the client, or a failure that another endpoint may make good.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::response::Parts;
use http::{HeaderValue, Response};
use http_body_util::{BodyExt as _, Limited};
use tokenrouter::call::{Begun, CallError, NotBegun, Received};
use tokenrouter::convert::{error_inside, provider_error};
use tokenrouter::count::Report;
use tokenrouter::error::{Kind, Problem};
use tokenrouter::pick::verdict::{Blame, Verdict};
use tokenrouter::protocol::Protocol;
use tokenrouter::quota::{self, google};

use super::unfit::{refused_key, unfit};
use crate::upstreams::passage;
use crate::upstreams::provider::Provider;
use crate::usage::record::Outcome;

/// The most of an error answer that is read.
const MAX_ERROR_BYTES: usize = 1 << 20;
/// So long an answer is held back until it says something: afterwards its client must hear that there is one.
const HOLD: Duration = Duration::from_secs(10);

/// An answer that goes to the client.
pub struct Good {
    /// Its head.
    pub head: Parts,
    /// Its body, of which the beginning was looked at.
    pub body: Begun,
    /// What it says of the endpoint.
    pub verdict: Verdict,
}

/// A call that failed.
pub struct Bad {
    /// What to tell the client if nobody else serves it.
    pub problem: Problem,
    /// The provider's own words, which clients of its protocol understand.
    pub verbatim: Option<(Parts, Bytes)>,
    /// What it says of the endpoint.
    pub verdict: Verdict,
    /// For the record.
    pub outcome: Outcome,
    /// The status; 0 where none came.
    pub status: u16,
    /// What it had reported until then.
    pub reported: Option<Report>,
    /// Whether the provider may have worked on the request.
    pub input_was_seen: bool,
}

/// What was asked of whom.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Who was called.
    pub provider: &'a Provider,
    /// In which protocol.
    pub protocol: Protocol,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// With the credential at this place.
    pub credential: usize,
    /// For which model.
    pub model: &'a Arc<str>,
}

/// Judges what came back of a call.
pub async fn judge(
    sent: Result<Response<Received>, CallError>,
    asked: Asked<'_>,
    now_unix_ms: i64,
) -> Result<Good, Box<Bad>> {
    let Asked { provider, protocol, stream, credential, model } = asked;
    let (head, body) = match sent {
        Ok(answer) => answer.into_parts(),
        Err(e) => return Err(Box::new(unreachable(&e, provider))),
    };
    let status = head.status.as_u16();
    if status == passage::STATUS {
        return Err(Box::new(back_again(provider)));
    }
    let gauge = provider.quotas.of(credential);
    let nearest = {
        let told = quota::read(&head.headers, now_unix_ms);
        if let Some(gauge) = gauge {
            gauge.saw(&told, model, now_unix_ms);
        }
        told.nearest()
    };
    let idle = provider.client.timeouts().idle;
    let kind = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let failed = |problem: Problem, verbatim, head: &Parts| {
        let mut problem = problem;
        let verdict = match problem.code {
            // Asked again it would say the same.
            "upstream_encoding" | "upstream_redirect" | "upstream_nonsense" => Verdict::NONSENSE,
            _ => Verdict::of(&problem, status, &head.headers, now_unix_ms),
        };
        if verdict.is_told && problem.retry_after_s.is_none() {
            problem.retry_after_s = u32::try_from(verdict.wait_ms.div_ceil(1_000)).ok();
        }
        let outcome = Outcome::UpstreamError;
        Box::new(Bad { problem, verbatim, verdict, outcome, status, reported: None, input_was_seen: false })
    };
    if let Some(problem) = unfit(&head, kind, provider, protocol) {
        let is_refused = matches!(problem.kind, Kind::Unauthenticated | Kind::Forbidden);
        let mut bad = failed(problem, None, &head);
        if is_refused {
            // Its own words are not for the client, but say what was refused.
            let told = provider_error(protocol, status, &read(body, idle).await.unwrap_or_default());
            bad.verdict = Verdict::of(&told, status, &head.headers, now_unix_ms);
            if !matches!(bad.verdict.blame, Blame::Credential | Blame::Forbidden) {
                bad.problem = told;
            }
        }
        return Err(bad);
    }
    if !head.status.is_success() {
        let said = read(body, idle).await;
        let problem = provider_error(protocol, status, said.as_deref().unwrap_or_default());
        if let (Some(gauge), Some(said), 429) = (gauge, &said, status) {
            gauge.exceeded(&google::exceeded(said, now_unix_ms), model, now_unix_ms);
        }
        let verbatim = said.map(|said| (without_body(&head), said));
        let mut bad = failed(problem, verbatim, &head);
        if let (Some(gauge), Blame::Exhausted) = (gauge, bad.verdict.blame) {
            gauge.out_of_credit(now_unix_ms);
        }
        hide_key(&mut bad, provider);
        return Err(bad);
    }
    let begun = if kind.starts_with(b"text/event-stream") {
        Begun::stream(body, protocol, idle, HOLD).await.map(|begun| (begun, false))
    } else if stream {
        // Gemini's list of chunks, for one.
        Begun::pieces(body, idle, HOLD).await
    } else {
        Begun::whole(body, idle, HOLD).await
    };
    let body = match begun {
        Ok((body, false)) => body,
        Ok((body, true)) => {
            let said = read(body, idle).await.unwrap_or_default();
            let mut bad = failed(error_inside(protocol, &said), None, &head);
            hide_key(&mut bad, provider);
            return Err(bad);
        }
        Err(failure) => {
            let NotBegun { problem, reported, was_told } = *failure;
            let is_cut = problem.code == "upstream_cut";
            let mut bad = failed(problem, None, &head);
            hide_key(&mut bad, provider);
            if is_cut {
                bad.outcome = Outcome::Cut;
            } else if bad.problem.kind == Kind::UpstreamTimeout {
                bad.outcome = Outcome::Timeout;
            }
            bad.reported = reported;
            // Who says that it failed charges nothing for that.
            bad.input_was_seen = !was_told;
            return Err(bad);
        }
    };
    if let Some(gauge) = gauge {
        gauge.served();
    }
    let verdict = Verdict { limits: nearest, ..Verdict::FINE };
    Ok(Good { head, body, verdict })
}

/// Whatever the status: a provider's words about a key may quote it, and the client's own token is fine.
fn hide_key(bad: &mut Bad, provider: &Provider) {
    if matches!(bad.verdict.blame, Blame::Credential | Blame::Forbidden) {
        bad.problem = refused_key(provider, bad.status);
        bad.verbatim = None;
    }
}

/// What a provider says of a failure; none if it does not come whole.
async fn read<B: http_body::Body<Data = Bytes> + Unpin>(body: B, idle: Duration) -> Option<Bytes>
where
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let all = Limited::new(body, MAX_ERROR_BYTES).collect();
    match tokio::time::timeout(idle, all).await {
        Ok(Ok(all)) => Some(all.to_bytes()),
        _ => None,
    }
}

fn without_body(head: &Parts) -> Parts {
    let mut response = Response::new(());
    *response.status_mut() = head.status;
    response.headers_mut().clone_from(&head.headers);
    response.into_parts().0
}

/// A gateway says that the request was there before. Whoever asks may have made it look so: nobody has failed.
fn back_again(provider: &Provider) -> Bad {
    let (problem, outcome) = (passage::leads_back(&provider.name), Outcome::UpstreamError);
    let (verdict, status) = (Verdict::UNFIT, passage::STATUS);
    Bad { problem, verbatim: None, verdict, outcome, status, reported: None, input_was_seen: false }
}

fn unreachable(e: &CallError, provider: &Provider) -> Bad {
    let name = &provider.name;
    let (verdict, outcome, problem) = match e {
        CallError::Connect(why) => (
            Verdict::UNREACHABLE,
            Outcome::ConnectFailed,
            Problem::new(
                Kind::UpstreamFailed,
                "upstream_unreachable",
                format!("the provider \"{name}\" cannot be reached: {why}"),
                "Check its URL and that it runs; /health shows every provider.",
            ),
        ),
        CallError::Broken(why) => (
            Verdict::BROKEN,
            Outcome::Cut,
            Problem::new(
                Kind::UpstreamFailed,
                "upstream_broken",
                format!("the provider \"{name}\" closed the connection without an answer: {why}"),
                "Try again.",
            ),
        ),
        CallError::FirstByteTimeout => (
            Verdict::BROKEN,
            Outcome::Timeout,
            Problem::new(
                Kind::UpstreamTimeout,
                "upstream_timeout",
                format!("the provider \"{name}\" did not begin to answer in time"),
                "Try again, or raise its `timeouts.first_byte` in torod.toml.",
            ),
        ),
    };
    Bad { problem, verbatim: None, verdict, outcome, status: 0, reported: None, input_was_seen: !e.is_unseen() }
}
