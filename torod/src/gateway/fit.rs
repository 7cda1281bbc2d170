//! Which of the endpoints that a name stands for can serve one request, if they can be called.

use std::sync::Arc;

use tokenrouter::pick::endpoint::Endpoint;
use tokenrouter::pick::table::Found;
use tokenrouter::surface::Surface;

use super::rights::May;
use crate::upstreams::snapshot::Snapshot;
use crate::upstreams::unserved::{self, Shut};

/// What decides about one request's endpoints besides their health.
pub(super) struct Fit<'l, 'm> {
    /// The world.
    pub live: &'l Arc<Snapshot>,
    /// What the name stands for.
    pub found: Found<'l, 'm>,
    /// What is asked for.
    pub surface: Surface,
    /// Whom the caller may use.
    pub may: May,
    /// Models of providers that the request cannot be told to; only the key would be another.
    unfit: Vec<(usize, Arc<str>)>,
}

impl<'l, 'm: 'l> Fit<'l, 'm> {
    pub(super) const fn new(live: &'l Arc<Snapshot>, found: Found<'l, 'm>, surface: Surface, may: May) -> Self {
        Self { live, found, surface, may, unfit: Vec::new() }
    }

    /// Whether `endpoint` can serve it.
    pub(super) fn fits(&self, endpoint: &Endpoint) -> bool {
        let provider = self.live.providers.get(endpoint.provider);
        provider.is_some_and(|provider| unserved::fits(provider, endpoint.credential, self.surface))
            && !self.is_unfit(endpoint)
            && self.may.allows_endpoint(self.live, &self.found, endpoint)
    }

    /// The request cannot be told to `endpoint`.
    pub(super) fn rule_out(&mut self, endpoint: &Endpoint) {
        self.unfit.push((endpoint.provider, Arc::clone(&endpoint.model)));
    }

    fn is_unfit(&self, endpoint: &Endpoint) -> bool {
        self.unfit.iter().any(|(provider, model)| *provider == endpoint.provider && *model == endpoint.model)
    }

    /// Why nobody serves it.
    pub(super) fn shut(&self, now_ms: u64) -> Shut<'_> {
        let list = self.found.candidates.list();
        let fitting = list.iter().map(|c| &c.endpoint).filter(|endpoint| self.fits(endpoint)).collect();
        Shut { live: self.live, all: list, fitting, surface: self.surface, now_ms }
    }
}
