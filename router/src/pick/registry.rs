//! Where the states of endpoints are kept while tables of names come and go.

use std::collections::HashMap;
use std::sync::Arc;

use super::endpoint::{Credential, Endpoint, Line, State, seed};

/// Everything known of endpoints, by what they are. Made for whoever builds tables; requests never see it.
#[derive(Debug, Default)]
pub struct Registry {
    lines: HashMap<String, Arc<Line>>,
    keys: HashMap<(String, String), Arc<Credential>>,
    states: HashMap<(String, String, String), Arc<State>>,
}

/// What makes an endpoint the one it is: where one of these changes, nothing is known of it any more.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The provider, with whatever decides where its connections go.
    pub line: &'a str,
    /// The credential, or a digest of it.
    pub key: &'a str,
    /// The model; empty for all that nobody listed.
    pub model: &'a str,
}

impl Registry {
    /// The endpoint that `identity` describes, with what is known of it.
    pub fn endpoint(&mut self, provider: usize, credential: usize, identity: Identity<'_>) -> Endpoint {
        let Identity { line, key, model } = identity;
        let owned = (line.to_owned(), key.to_owned(), model.to_owned());
        let pair = (owned.0.clone(), owned.1.clone());
        Endpoint {
            line: Arc::clone(self.lines.entry(owned.0.clone()).or_default()),
            key: Arc::clone(self.keys.entry(pair).or_default()),
            state: Arc::clone(self.states.entry(owned).or_default()),
            provider,
            credential,
            model: model.into(),
            priority: 0,
            price_nanos: None,
            tariff: None,
            weight: 1,
            seed: seed(&format!("{line}\n{key}")),
        }
    }

    /// Forgets what no table and no request holds any more.
    pub fn sweep(&mut self) {
        self.lines.retain(|_, line| Arc::strong_count(line) > 1);
        self.keys.retain(|_, key| Arc::strong_count(key) > 1);
        self.states.retain(|_, state| Arc::strong_count(state) > 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pick::breaker::Trip;

    #[test]
    fn what_is_known_stays_as_long_as_somebody_holds_it() {
        let mut registry = Registry::default();
        let one = Identity { line: "a http://x", key: "k", model: "m" };
        let held = registry.endpoint(0, 0, one);
        held.state.breaker.failed(1, Trip { failures: 1, recovery_ms: 9 });
        registry.sweep();
        let again = registry.endpoint(3, 1, one);
        assert_eq!((again.state.breaker.reading(), again.seed), ((1, 10), held.seed));
        assert_eq!((again.provider, again.credential), (3, 1));
        // The provider's connections and its key are shared by its models, and by nobody else.
        let other = registry.endpoint(0, 0, Identity { model: "n", ..one });
        assert!(Arc::ptr_eq(&other.line, &held.line) && Arc::ptr_eq(&other.key, &held.key));
        assert!(!Arc::ptr_eq(&other.state, &held.state));
        let moved = registry.endpoint(0, 0, Identity { line: "a http://y", ..one });
        assert!(!Arc::ptr_eq(&moved.line, &held.line) && !Arc::ptr_eq(&moved.key, &held.key));
        drop((held, again, other, moved));
        registry.sweep();
        assert_eq!(registry.endpoint(0, 0, one).state.breaker.reading(), (0, 0));
    }
}
