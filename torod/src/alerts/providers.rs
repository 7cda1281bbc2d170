//! Which providers do not serve, and since when, as alerts see it.

use std::collections::HashMap;

use super::fact::{Fact, Family};
use super::standing::Seen;
use crate::upstreams::condition::is_left_alone;
use crate::upstreams::health::State;
use crate::upstreams::snapshot::Snapshot;

/// So many calls in a row must have failed.
const FAILURES: u32 = 3;

/// Since when providers do not serve, on the clock that never goes back.
#[derive(Debug, Default)]
pub(super) struct Down {
    since_ms: HashMap<String, u64>,
}

impl Down {
    /// Whether any does not serve, so that it must be looked again although nobody calls it.
    pub(super) fn is_any(&self) -> bool {
        !self.since_ms.is_empty()
    }

    /// Adds what is seen at `uptime_ms`; a provider is down that has not served for `after_ms`.
    pub(super) fn see(&mut self, live: &Snapshot, uptime_ms: u64, after_ms: u64, facts: &mut Vec<Fact>) {
        let enabled: Vec<_> = live.providers.iter().enumerate().filter(|(_, provider)| provider.enabled).collect();
        self.since_ms.retain(|name, _| enabled.iter().any(|(_, provider)| *provider.name == **name));
        for (at, provider) in enabled {
            let state = provider.health.state();
            let failures = if let State::Failing(n) = state { n } else { 0 };
            let is_alone = is_left_alone(live, at, uptime_ms);
            let is_bad = failures >= FAILURES || is_alone;
            // Once it is down, it must serve a call, or be reached, to be well again.
            let wavers = failures > 0 || state == State::Unknown || is_alone || has_failed_lately(live, at);
            let name = provider.name.to_string();
            if !wavers {
                self.since_ms.remove(&name);
            } else if is_bad {
                self.since_ms.entry(name.clone()).or_insert(uptime_ms);
            }
            let since = self.since_ms.get(&name);
            let is_down = since.is_some_and(|since| uptime_ms.saturating_sub(*since) >= after_ms);
            let why = if failures > 0 {
                format!("its last {failures} calls failed")
            } else {
                "it refuses its key or cannot be reached".to_owned()
            };
            facts.push(Fact {
                family: Family::Provider,
                key: name.clone(),
                seen: Seen { level: u32::from(is_down), leave: u32::from(wavers), episode: 0 },
                marks: vec![1],
                what: format!("the provider \"{name}\" does not serve: {why}"),
                subject: name,
                permille: None,
                resets_ms: None,
            });
        }
    }
}

/// Whether the last that was heard of each of its credentials, or of its connections, was bad.
fn has_failed_lately(live: &Snapshot, at: usize) -> bool {
    let Some(candidates) = live.table.of_provider(at) else { return false };
    let has_failures = |endpoint: &tokenrouter::pick::endpoint::Endpoint| {
        endpoint.line.breaker.reading().0 > 0 || endpoint.key.breaker.reading().0 > 0
    };
    !candidates.list().is_empty() && candidates.list().iter().all(|candidate| has_failures(&candidate.endpoint))
}
