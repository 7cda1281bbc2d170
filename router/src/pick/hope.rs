//! Who is called although it is left alone for now: the last hope of a request that has failed everywhere else.

use std::sync::Arc;

use super::choice::{By, Choice, Wish};
use super::endpoint::{Ready, Why};
use super::order::Candidates;

/// So many candidates are looked at.
const MOST_LOOKED_AT: usize = 64;

impl Candidates {
    /// Who is soonest to be called again of those that were not tried, where all that could be called have been: one
    /// that failed others may have recovered, and nothing is lost by finding out. Refused keys and limits are as they
    /// are.
    pub(super) fn last_hope(&self, wish: &Wish<'_>) -> Option<Choice> {
        let hopes = self.list().iter().enumerate().filter_map(|(at, candidate)| {
            let endpoint = &candidate.endpoint;
            let Ready::No(until, why @ (Why::Failing | Why::Probed | Why::Connection)) = endpoint.ready(wish.now_ms)
            else {
                return None;
            };
            let is_open = !wish.tried.contains(&at) && (wish.fits)(endpoint) && !endpoint.is_refused(wish.now_ms);
            // What could not be reached a moment ago is not reached by another name either.
            let shares_line = |tried: &usize| {
                self.list().get(*tried).is_some_and(|tried| Arc::ptr_eq(&tried.endpoint.line, &endpoint.line))
            };
            let is_open = is_open && !(why == Why::Connection && wish.tried.iter().any(shares_line));
            is_open.then_some((why == Why::Connection, until, at))
        });
        let (.., at) = hopes.take(MOST_LOOKED_AT).min()?;
        let claim = Some(self.list().get(at)?.endpoint.claim_anyway());
        Some(Choice { at, by: By::Fallback, is_probe: true, claim })
    }
}
