//! How providers and quotas stand, and which of them stand otherwise than they were told last.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Serialize;
use tokenrouter::pick::endpoint::{Endpoint, Ready};
use tokenrouter_shared::live::{LiveProvider, LiveProviders};
use tokenrouter_shared::provider::EndpointStanding;
use tokenrouter_shared::quota::QuotaView;

use crate::upstreams::condition::notable;
use crate::upstreams::health::State;
use crate::upstreams::provider::Provider;
use crate::upstreams::snapshot::Snapshot;
use crate::upstreams::standing::{Moment, named};

/// So many endpoints of a provider that are left alone are told.
const MOST_SHUT: usize = 50;

/// What was told last, by name, as far as a change of it is worth telling.
pub(super) type Told = BTreeMap<String, String>;

/// Those that stand otherwise than `told`, which knows of them from now on.
pub(super) fn providers(live: &Snapshot, moment: Moment, told: &mut Told) -> LiveProviders {
    let views = live.providers.iter().zip(notable(live)).map(|(provider, all)| view(provider, &all, moment));
    let mut news = LiveProviders::default();
    let mut now = Told::new();
    for view in views {
        // Calls are news of usage, not of how it stands.
        let still = LiveProvider {
            last_ok_ms: 0,
            last_failure_ms: 0,
            calls: 0,
            in_flight: 0,
            shut: view.shut.iter().map(still).collect(),
            ..view.clone()
        };
        let text = text(&still);
        if told.get(&view.name) != Some(&text) {
            news.providers.push(view.clone());
        }
        now.insert(view.name, text);
    }
    news.gone = told.keys().filter(|name| !now.contains_key(*name)).cloned().collect();
    *told = now;
    news
}

/// The same of quotas.
pub(super) fn quotas(all: Vec<QuotaView>, told: &mut Told) -> Vec<QuotaView> {
    let mut now = Told::new();
    let mut news = Vec::new();
    for view in all {
        let (name, text) =
            (format!("{}\n{}", view.provider, view.credential.as_deref().unwrap_or_default()), text(&view));
        if told.get(&name) != Some(&text) {
            news.push(view);
        }
        now.insert(name, text);
    }
    *told = now;
    news
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn still(endpoint: &EndpointStanding) -> EndpointStanding {
    let mut still = endpoint.clone();
    // Reckoned from two clocks, which is not exact to the millisecond.
    still.standing.open_until_ms = still.standing.open_until_ms.map(|ms| ms / 1_000);
    (still.standing.in_flight, still.standing.latency_ms) = (0, None);
    (still.standing.calls, still.standing.failed) = (0, 0);
    still
}

/// How `provider` stands, whose notable endpoints are `all`.
fn view(provider: &Provider, all: &[Arc<Endpoint>], moment: Moment) -> LiveProvider {
    let state = provider.health.state();
    let (last_ok_ms, last_failure_ms) = provider.health.times_ms();
    let is_shut = |endpoint: &&Arc<Endpoint>| matches!(endpoint.ready(moment.uptime_ms), Ready::No(..));
    let shut = || all.iter().filter(is_shut);
    LiveProvider {
        name: provider.name.to_string(),
        enabled: provider.enabled,
        state: if provider.enabled { state.as_str() } else { "disabled" }.to_owned(),
        failures_in_a_row: if let State::Failing(n) = state { n } else { 0 },
        last_ok_ms,
        last_failure_ms,
        calls: provider.calls.load(Ordering::Relaxed),
        in_flight: provider.in_flight.count() as u64,
        models: provider.listed.load().as_ref().map(|listed| listed.len() as u64),
        shut: shut().take(MOST_SHUT).map(|endpoint| named(provider, endpoint, moment)).collect(),
        shut_left_out: shut().count().saturating_sub(MOST_SHUT) as u64,
    }
}
