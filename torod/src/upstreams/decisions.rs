//! The last decisions about who got a request, to be looked up by its id.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use tokenrouter::pick::affinity::Mark;
use tokenrouter::pick::name::How;
use tokenrouter::pick::order::By;
use tokenrouter::pick::verdict::Blame;
use tokenrouter_shared::route::{AttemptView, RouteDecision};

/// So many decisions are remembered.
const KEPT: usize = 1_000;

/// What was decided for one request.
#[derive(Debug)]
pub struct Decision {
    /// The request's id as its client knows it.
    pub request_id: Box<str>,
    /// When it was decided, in Unix milliseconds.
    pub at_ms: i64,
    /// The model as asked for.
    pub asked: Box<str>,
    /// By which rule it was found.
    pub how: How,
    /// By what its conversation was recognised.
    pub mark: Option<Mark>,
    /// How many endpoints it stands for.
    pub candidates: usize,
    /// The calls that were made, in order.
    pub steps: Vec<Step>,
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
        RouteDecision {
            request_id: self.request_id.to_string(),
            at_ms: self.at_ms,
            model: self.asked.to_string(),
            how: self.how.as_str().to_owned(),
            conversation: self.mark.map(|mark| mark.as_str().to_owned()),
            candidates: self.candidates,
            attempts: self.steps.iter().map(attempt).collect(),
        }
    }
}

/// The last decisions, without a lock.
#[derive(Debug)]
pub struct Decisions {
    places: Box<[ArcSwapOption<Decision>]>,
    next: AtomicUsize,
}

impl Default for Decisions {
    fn default() -> Self {
        let places = std::iter::repeat_with(ArcSwapOption::empty).take(KEPT).collect();
        Self { places, next: AtomicUsize::new(0) }
    }
}

impl Decisions {
    /// Remembers `decision` in place of the oldest.
    pub fn push(&self, decision: Decision) {
        let at = self.next.fetch_add(1, Ordering::Relaxed) % KEPT;
        if let Some(place) = self.places.get(at) {
            place.store(Some(Arc::new(decision)));
        }
    }

    /// The latest decision for the request with this id.
    pub fn find(&self, request_id: &str) -> Option<Arc<Decision>> {
        let all = self.places.iter().filter_map(ArcSwapOption::load_full);
        all.filter(|decision| *decision.request_id == *request_id).max_by_key(|decision| decision.at_ms)
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
                request_id: format!("req_{n}").into(),
                at_ms: n,
                asked: "m".into(),
                how: How::Listed,
                mark: None,
                candidates: 1,
                steps: Vec::new(),
            });
        }
        assert!(decisions.find("req_499").is_none());
        assert_eq!(decisions.find("req_500").map(|d| d.at_ms), Some(500));
        assert_eq!(decisions.find("req_1499").map(|d| d.at_ms), Some(1_499));
    }
}
