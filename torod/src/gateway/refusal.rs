//! What the client is told when nobody serves its request.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::response::Parts;
use tokenrouter::error::Problem;
use tokenrouter::pick::endpoint::{Endpoint, Ready, Why};
use tokenrouter::pick::order::Candidate;
use tokenrouter::surface::Surface;

use super::reject;
use crate::upstreams::snapshot::Snapshot;

/// What is left to tell the client if nobody serves it.
pub struct Refusal {
    /// What is wrong.
    pub problem: Problem,
    /// The provider's own words.
    pub verbatim: Option<(Parts, Bytes)>,
    /// What the client is told of who said it.
    pub said: HeaderMap,
    /// How much it tells: an answer more than a lost connection, and that more than a request that fits nowhere.
    pub weight: u8,
}

/// Endpoints of which none can be called now.
pub struct Shut<'a> {
    /// The world.
    pub live: &'a Snapshot,
    /// Everything that the name stands for.
    pub all: &'a [Candidate],
    /// What of it could serve the request.
    pub fitting: Vec<&'a Arc<Endpoint>>,
    /// What is asked for.
    pub surface: Surface,
    /// The time.
    pub now_ms: u64,
}

impl Shut<'_> {
    /// Why nobody serves `asked`.
    pub fn problem(&self, asked: &str) -> Problem {
        if self.fitting.is_empty() {
            let named = self.all.first().and_then(|c| self.live.providers.get(c.endpoint.provider));
            return match named {
                Some(provider) => reject::not_spoken(&provider.name, self.surface.protocol()),
                None => reject::no_target(asked),
            };
        }
        let ready = || self.fitting.iter().map(|endpoint| (endpoint, endpoint.ready(self.now_ms)));
        let limited = ready().all(|(_, ready)| matches!(ready, Ready::No(_, Why::Limited)));
        let reason = |(endpoint, ready): (&&Arc<Endpoint>, Ready)| match ready {
            Ready::No(_, why) => {
                let provider = self.live.providers.get(endpoint.provider)?;
                Some(format!("{}: {}", provider.name, why.as_str()))
            }
            Ready::Yes | Ready::Probe => None,
        };
        let mut reasons: Vec<String> = ready().filter_map(reason).collect();
        reasons.dedup();
        reasons.truncate(3);
        reject::nobody(asked, &reasons.join(", "), limited, self.soonest_s().unwrap_or(1))
    }

    /// Until somebody may serve it again, in seconds.
    pub fn soonest_s(&self) -> Option<u32> {
        let soonest = self.fitting.iter().filter_map(|endpoint| match endpoint.ready(self.now_ms) {
            Ready::No(until, _) => Some(until.saturating_sub(self.now_ms)),
            Ready::Yes | Ready::Probe => None,
        });
        soonest.min().and_then(|ms| u32::try_from(ms.div_ceil(1_000).max(1)).ok())
    }
}
