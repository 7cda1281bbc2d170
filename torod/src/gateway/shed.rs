//! Parameters that a model does not take: a request goes without those that are known, and once more to the same
//! endpoint without those that an answer refuses.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use tokenrouter::call::Pieces;
use tokenrouter::dialect::{Finding, Refusal};
use tokenrouter::error::Problem;
use tokenrouter::peek::Peek;
use tokenrouter::pick::order::By;
use tokenrouter::pick::verdict::Blame;
use tokenrouter::protocol::Protocol;
use tokenrouter_shared::Lossy;

use super::attempt::{self, Target};
use super::entry::Call;
use super::judge::Bad;
use super::translated::DEGRADED;
use crate::upstreams::findings::Without;
use crate::upstreams::provider::Provider;
use crate::upstreams::snapshot::Snapshot;
use crate::upstreams::unserved;

/// So often one request is sent once more; each time one answer may refuse several parameters.
const MOST: usize = 3;

/// What `pieces`, ready for `target`, becomes without what its model is known not to take. What the client wished for of
/// that is named in `said`.
///
/// # Errors
///
/// Where something is lost that whoever asks does not want to lose.
pub fn known(
    call: &Call,
    target: &Target<'_>,
    pieces: Pieces,
    said: &mut HeaderMap,
    lossy: Lossy,
) -> Result<Pieces, Problem> {
    let Target { provider, model, route, .. } = target;
    let asked = (call.surface.protocol(), &*call.body);
    let now_ms = call.app.clock.uptime_ms();
    let without = provider.findings.without(&pieces.joined(), route.protocol, model, asked, now_ms);
    let Some(Without { pieces: less, lost }) = without else { return Ok(pieces) };
    if !lost.is_empty() {
        if lossy == Lossy::Reject {
            return Err(unserved::not_taken(&lost, &provider.name, model));
        }
        declare(&lost, said);
    }
    Ok(Pieces::new(less))
}

/// Adds `lost` to what a translation has lost.
fn declare(lost: &[String], said: &mut HeaderMap) {
    let before = said.get(DEGRADED).and_then(|fields| fields.to_str().ok()).unwrap_or_default();
    let before: Vec<&str> = before.split(", ").filter(|field| !field.is_empty()).collect();
    let new = lost.iter().map(String::as_str).filter(|field| !before.contains(field));
    let all: Vec<&str> = before.iter().copied().chain(new).collect();
    if let Ok(fields) = HeaderValue::try_from(all.join(", ")) {
        said.insert(DEGRADED, fields);
    }
}

/// What one request has learnt on its way.
#[derive(Default)]
pub struct Shedding {
    rounds: usize,
    refusal: Option<Refusal>,
    learnt: Option<Learnt>,
}

/// What was learnt of the model that is being asked.
struct Learnt {
    provider: Arc<Provider>,
    protocol: Protocol,
    model: Box<str>,
    findings: Vec<Finding>,
}

impl Shedding {
    /// A call failed: what it says is kept for [`Self::again`].
    pub fn heard(&mut self, bad: &Bad) {
        self.refusal = None;
        if bad.verdict.blame != Blame::Request {
            // It failed for another reason, and what was learnt may well be true.
            self.learnt = None;
            return;
        }
        let words = bad.verbatim.as_ref().map_or(bad.problem.message.as_bytes(), |(_, body)| body);
        self.refusal = Refusal::read(bad.status, words);
        if self.refusal.is_none() {
            self.forget();
        }
    }

    /// Whether `target` is to be asked once more: its last answer refused something that the request can do without.
    /// That is remembered, so that the next request goes without it at once.
    pub async fn again(
        &mut self,
        call: &Call,
        live: &Snapshot,
        peek: &Peek<'_>,
        target: &Target<'_>,
        alias: Option<Lossy>,
        by: By,
    ) -> bool {
        let Some(refusal) = self.refusal.take() else { return false };
        // What was sent, written again: to keep it for the few requests that need it would cost every one of them.
        let prepared = Box::pin(attempt::prepare(call, live, peek, target, alias, by)).await;
        prepared.is_ok_and(|prepared| self.learns(&refusal, call, target, &prepared.upstream.body().joined()))
    }

    fn learns(&mut self, refusal: &Refusal, call: &Call, target: &Target<'_>, sent: &[u8]) -> bool {
        let Target { provider, model, route, .. } = target;
        let findings = refusal.findings(route.protocol, sent);
        let new = if self.rounds < MOST {
            provider.findings.learn(route.protocol, model, findings, call.app.clock.uptime_ms())
        } else {
            Vec::new()
        };
        if new.is_empty() {
            self.forget();
            return false;
        }
        self.rounds += 1;
        let what = new.iter().map(|finding| format!("{:?}", finding.parameter)).collect::<Vec<_>>().join(", ");
        tracing::info!(
            target: "request",
            id = call.request_id.as_str(),
            refused = what,
            "{}/{model} refused {what}; asked again without, and remembered for a day",
            provider.name
        );
        match &mut self.learnt {
            Some(learnt) if Arc::ptr_eq(&learnt.provider, provider) && *learnt.model == **model => {
                learnt.findings.extend(new);
            }
            _ => {
                self.learnt = Some(Learnt {
                    provider: Arc::clone(provider),
                    protocol: route.protocol,
                    model: (*model).into(),
                    findings: new,
                });
            }
        }
        true
    }

    /// To go without did not help, so that it may not have been what was meant.
    fn forget(&mut self) {
        if let Some(Learnt { provider, protocol, model, findings }) = self.learnt.take() {
            provider.findings.forget(protocol, &model, &findings);
        }
    }
}
