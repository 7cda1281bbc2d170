//! The last decisions about who got a request, to be looked up by its id.

use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_queue::ArrayQueue;
use http::HeaderValue;
use tokenrouter::pick::affinity::Mark;
use tokenrouter::pick::name::How;
use tokenrouter::pick::order::By;
use tokenrouter::pick::verdict::Blame;
use tokenrouter_shared::ids::ExchangeId;
use tokenrouter_shared::route::{AttemptView, ChosenView, RouteDecision};

/// So many decisions are remembered.
const KEPT: usize = 1_000;

/// What was decided for one request.
#[derive(Debug)]
pub struct Decision {
    /// The request's id.
    pub exchange_id: ExchangeId,
    /// The id that its client gave it.
    pub given_id: Option<Box<str>>,
    /// When it was decided, in Unix milliseconds.
    pub at_ms: i64,
    /// The model as asked for; none where the last call asked for the same.
    pub asked: Option<Box<str>>,
    /// By which rule it was found.
    pub how: How,
    /// By what its conversation was recognised.
    pub mark: Option<Mark>,
    /// How many endpoints it stands for.
    pub candidates: usize,
    /// How the model was chosen, where a virtual one was asked for.
    pub auto: Option<Box<ChosenView>>,
    /// The calls that were made.
    pub steps: Steps,
}

/// Calls in their order. Nearly always it is one, which needs no memory of its own.
#[derive(Debug, Default)]
pub struct Steps {
    before: Vec<Step>,
    last: Option<Step>,
}

impl Steps {
    /// Another call was made.
    pub fn push(&mut self, step: Step) {
        self.before.extend(self.last.replace(step));
    }

    /// The last call.
    pub const fn last(&self) -> Option<&Step> {
        self.last.as_ref()
    }

    /// How many there were.
    pub fn count(&self) -> usize {
        self.before.len() + usize::from(self.last.is_some())
    }

    fn iter(&self) -> impl Iterator<Item = &Step> {
        self.before.iter().chain(&self.last)
    }
}

/// One call.
#[derive(Debug)]
pub struct Step {
    /// Whom.
    pub provider: Arc<str>,
    /// With which credential.
    pub credential: Option<Arc<str>>,
    /// The model there.
    pub model: Arc<str>,
    /// Why it was chosen.
    pub by: By,
    /// Whether it was to find out if the endpoint has recovered.
    pub is_probe: bool,
    /// The status; 0 where none came.
    pub status: u16,
    /// Whose fault a failure was.
    pub blame: Blame,
    /// What of the request it went without, as the answer's header says it.
    pub without: Option<HeaderValue>,
    /// Until the answer or the failure, in milliseconds.
    pub took_ms: u64,
}

impl Decision {
    /// The same in the words of the admin API.
    pub fn view(&self) -> RouteDecision {
        let attempt = |step: &Step| AttemptView {
            provider: step.provider.to_string(),
            credential: step.credential.as_deref().map(str::to_owned),
            model: step.model.to_string(),
            by: step.by.as_str().to_owned(),
            is_probe: step.is_probe,
            status: (step.status != 0).then_some(step.status),
            fault: (step.blame != Blame::Nobody).then(|| step.blame.as_str().to_owned()),
            without: step.without.as_ref().and_then(|fields| fields.to_str().ok()).map(str::to_owned),
            took_ms: step.took_ms,
        };
        let same = || self.steps.last().map(|step| Box::from(&*step.model));
        RouteDecision {
            request_id: self.given_id.as_ref().map_or_else(|| self.exchange_id.to_string(), ToString::to_string),
            at_ms: self.at_ms,
            model: self.asked.clone().or_else(same).unwrap_or_default().into(),
            how: self.how.as_str().to_owned(),
            conversation: self.mark.map(|mark| mark.as_str().to_owned()),
            candidates: self.candidates,
            auto: self.auto.as_deref().cloned(),
            attempts: self.steps.iter().map(attempt).collect(),
        }
    }
}

/// The last decisions: a ring in one piece of memory, to which requests add without a lock.
#[derive(Debug)]
pub struct Decisions {
    ring: ArrayQueue<Decision>,
    /// Held by whoever looks for one; no request does.
    looking: Mutex<()>,
}

impl Default for Decisions {
    fn default() -> Self {
        Self { ring: ArrayQueue::new(KEPT), looking: Mutex::new(()) }
    }
}

impl Decisions {
    /// Remembers `decision` in place of the oldest.
    pub fn push(&self, decision: Decision) {
        self.ring.force_push(decision);
    }

    /// The latest decision for the request with this id.
    pub fn find(&self, request_id: &str) -> Option<RouteDecision> {
        let id = request_id.parse::<ExchangeId>().ok();
        let is_it = |decision: &Decision| match &decision.given_id {
            Some(given) => **given == *request_id,
            None => Some(decision.exchange_id) == id,
        };
        let _alone = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Option<RouteDecision> = None;
        // Once around: each is taken out, looked at, and put back behind the others.
        for _ in 0..self.ring.len() {
            let Some(decision) = self.ring.pop() else { break };
            if is_it(&decision) && found.as_ref().is_none_or(|found| found.at_ms <= decision.at_ms) {
                found = Some(decision.view());
            }
            self.ring.force_push(decision);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_thousand_can_be_found() {
        let decisions = Decisions::default();
        for n in 0..1_500_i64 {
            decisions.push(Decision {
                exchange_id: ExchangeId(n),
                given_id: (n == 1_200).then(|| "mine".into()),
                at_ms: n,
                asked: Some("m".into()),
                how: How::Listed,
                mark: None,
                candidates: 1,
                auto: None,
                steps: Steps::default(),
            });
        }
        let find = |n: i64| decisions.find(&ExchangeId(n).to_string()).map(|d| d.at_ms);
        assert_eq!((find(499), find(500), find(1_499)), (None, Some(500), Some(1_499)));
        // Who gave it an id of their own knows it by that.
        assert_eq!((find(1_200), decisions.find("mine").map(|d| d.at_ms)), (None, Some(1_200)));
        assert!(decisions.find("yours").is_none());
        // Whoever looked has left all of them, in their order.
        decisions.push(Decision { at_ms: 2_000, ..decisions.ring.pop().unwrap() });
        assert_eq!((find(500), find(501), find(1_499)), (Some(2_000), Some(501), Some(1_499)));
    }

    #[test]
    fn what_was_asked_for_and_every_call_are_told_in_order() {
        let step = |model: &str, status| Step {
            without: None,
            provider: "p".into(),
            credential: None,
            model: model.into(),
            by: By::Only,
            is_probe: false,
            status,
            blame: Blame::Nobody,
            took_ms: 1,
        };
        let mut steps = Steps::default();
        for (model, status) in [("a", 500), ("b", 429), ("c", 200)] {
            steps.push(step(model, status));
        }
        assert_eq!((steps.count(), steps.last().map(|step| step.status)), (3, Some(200)));
        let decision = |asked: Option<&str>, steps| Decision {
            exchange_id: ExchangeId(0x1f),
            given_id: None,
            at_ms: 1,
            asked: asked.map(Into::into),
            how: How::Listed,
            mark: None,
            candidates: 3,
            auto: None,
            steps,
        };
        let view = decision(Some("alias"), steps).view();
        assert_eq!((view.request_id.as_str(), view.model.as_str()), ("req_000000000000001f", "alias"));
        assert_eq!(view.attempts.iter().map(|attempt| attempt.model.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        let mut one = Steps::default();
        one.push(step("c", 200));
        assert_eq!(decision(None, one).view().model, "c");
    }
}
