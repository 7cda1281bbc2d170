//! Whether anybody can serve at all, and how the endpoints of each provider stand.

use std::collections::HashSet;
use std::sync::Arc;

use tokenrouter::pick::breaker::Gate;
use tokenrouter::pick::endpoint::Endpoint;

use super::health::State;
use super::snapshot::Snapshot;

/// Why nothing can be served now; none where something can.
///
/// Who fails is judged by the last answers and not by their age: a gateway that nobody used for an hour is not ill. Who
/// is left alone for a while cannot serve until that is over.
pub fn why_degraded(live: &Snapshot, uptime_ms: u64) -> Option<&'static str> {
    let mut enabled = live.providers.iter().enumerate().filter(|(_, provider)| provider.enabled).peekable();
    if enabled.peek().is_none() {
        return Some("no provider is enabled; add one to torod.toml");
    }
    let cannot = |(at, provider): (usize, &Arc<super::provider::Provider>)| {
        let keys = provider.credentials();
        let has_no_key = !keys.is_empty() && !(0..keys.len()).any(|credential| provider.has_key(credential));
        matches!(provider.health.state(), State::Failing(_)) || has_no_key || is_left_alone(live, at, uptime_ms)
    };
    enabled.all(cannot).then_some("every provider fails or has no key; /v1/status shows each")
}

/// Whether the provider at `at` cannot be reached, or refuses each of its credentials, as far as is known.
pub fn is_left_alone(live: &Snapshot, at: usize, uptime_ms: u64) -> bool {
    let shut = |gate| matches!(gate, Gate::Shut(_) | Gate::Probed(_));
    let Some(candidates) = live.table.of_provider(at) else { return false };
    candidates.list().iter().all(|candidate| {
        let Endpoint { line, key, .. } = &*candidate.endpoint;
        shut(line.breaker.gate(uptime_ms)) || shut(key.breaker.gate(uptime_ms))
    })
}

/// The endpoints of each provider that stand in an alias, are declared, or were called, by the providers' places.
pub fn notable(live: &Snapshot) -> Vec<Vec<Arc<Endpoint>>> {
    let targets = live.aliases.iter().flat_map(|alias| &alias.targets);
    let in_aliases: HashSet<(&str, &str)> = targets.map(|t| (t.provider.as_str(), t.model.as_str())).collect();
    let mut by_provider = vec![Vec::new(); live.providers.len()];
    for endpoint in live.table.endpoints() {
        let Some(provider) = live.providers.get(endpoint.provider) else { continue };
        let is_notable = endpoint.state.calls().0 > 0
            || in_aliases.contains(&(&*provider.name, &*endpoint.model))
            || provider.declared.iter().any(|declared| declared.id == *endpoint.model);
        if let Some(list) = by_provider.get_mut(endpoint.provider).filter(|_| is_notable) {
            list.push(Arc::clone(endpoint));
        }
    }
    by_provider
}
