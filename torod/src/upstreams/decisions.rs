//! The last decisions about who got a request, to be looked up by its id.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokenrouter::pick::affinity::Mark;
use tokenrouter::pick::name::How;
use tokenrouter::pick::order::By;
use tokenrouter::pick::verdict::Blame;
use tokenrouter_shared::route::{AttemptView, RouteDecision};

/// So many decisions are remembered.
const KEPT: usize = 1_000;

/// What was decided for one request.
#[derive(Debug)]
pub struct Decision<'a> {
    /// The request's id as its client knows it.
    pub request_id: &'a str,
    /// When it was decided, in Unix milliseconds.
    pub at_ms: i64,
    /// The model as asked for.
    pub asked: &'a str,
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
    /// Until the answer or the failure, in milliseconds.
    pub took_ms: u64,
}

impl Step {
    fn view(&self) -> AttemptView {
        AttemptView {
            provider: self.provider.to_string(),
            credential: self.credential.as_deref().map(str::to_owned),
            model: self.model.to_string(),
            by: self.by.as_str().to_owned(),
            is_probe: self.is_probe,
            status: (self.status != 0).then_some(self.status),
            fault: (self.blame != Blame::Nobody).then(|| self.blame.as_str().to_owned()),
            took_ms: self.took_ms,
        }
    }
}

/// A decision that is remembered. Its buffers are used again by whatever comes after it: a thousand of them would push
/// better things out of the processor's cache.
#[derive(Debug, Default)]
struct Place {
    request_id: String,
    asked: String,
    steps: Vec<Step>,
    /// None of a place that was never used.
    rest: Option<(i64, How, Option<Mark>, usize)>,
}

impl Place {
    fn take(&mut self, decision: Decision<'_>) {
        let Decision { request_id, at_ms, asked, how, mark, candidates, steps } = decision;
        request_id.clone_into(&mut self.request_id);
        asked.clone_into(&mut self.asked);
        self.steps = steps;
        self.rest = Some((at_ms, how, mark, candidates));
    }

    /// The decision in the words of the admin API.
    fn view(&self) -> Option<RouteDecision> {
        let (at_ms, how, mark, candidates) = self.rest?;
        Some(RouteDecision {
            request_id: self.request_id.clone(),
            at_ms,
            model: self.asked.clone(),
            how: how.as_str().to_owned(),
            conversation: mark.map(|mark| mark.as_str().to_owned()),
            candidates,
            attempts: self.steps.iter().map(Step::view).collect(),
        })
    }
}

/// The last decisions. No request waits for another, or for somebody who looks one up.
#[derive(Debug)]
pub struct Decisions {
    places: Box<[Mutex<Place>]>,
    next: AtomicUsize,
}

impl Default for Decisions {
    fn default() -> Self {
        Self { places: std::iter::repeat_with(Mutex::default).take(KEPT).collect(), next: AtomicUsize::new(0) }
    }
}

impl Decisions {
    /// Remembers `decision` in place of the oldest, or of the next one where somebody is reading that.
    pub fn push(&self, decision: Decision<'_>) {
        let at = self.next.fetch_add(1, Ordering::Relaxed) % KEPT;
        let free = [at, (at + 1) % KEPT].iter().find_map(|at| self.places.get(*at)?.try_lock().ok());
        if let Some(mut place) = free {
            place.take(decision);
        }
    }

    /// The latest decision for the request with this id.
    pub fn find(&self, request_id: &str) -> Option<RouteDecision> {
        let read = |place: &Mutex<Place>| {
            let place = place.lock().unwrap_or_else(PoisonError::into_inner);
            if place.request_id == request_id { place.view() } else { None }
        };
        self.places.iter().filter_map(read).max_by_key(|decision| decision.at_ms)
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
                request_id: &format!("req_{n}"),
                at_ms: n,
                asked: "m",
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
