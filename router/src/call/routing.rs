//! How a pool chooses between its endpoints, and what it knows of each.

use std::sync::Arc;

use super::Endpoint;
use crate::pick::course::Rules;
use crate::pick::endpoint::{self as pick, Ready};
use crate::pick::order::{Candidate, Candidates, Criterion};
use crate::pick::registry::{Identity, Registry};

/// How a pool chooses between its endpoints.
///
/// ```
/// use tokenrouter::call::Routing;
/// use tokenrouter::pick::course::Rules;
/// use tokenrouter::pick::order::Criterion;
///
/// // One after the other, and each is called once.
/// let rules = Rules { attempts: 1, ..Rules::default() };
/// let routing = Routing { order: vec![Criterion::RoundRobin], rules, ..Routing::default() };
/// assert_eq!(routing.session_life_ms, 3_600_000);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// What decides, the first thing first.
    pub order: Vec<Criterion>,
    /// How much is tried for one request, and when an endpoint is left alone.
    pub rules: Rules,
    /// How long a conversation's endpoint is remembered after its last request, in milliseconds.
    pub session_life_ms: u64,
}

impl Default for Routing {
    /// `affinity`, `priority`, `price`, `latency`; three attempts; an hour.
    fn default() -> Self {
        Self { order: Criterion::USUAL.to_vec(), rules: Rules::default(), session_life_ms: 3_600_000 }
    }
}

/// What a pool knows of one of its endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its place in the pool.
    pub endpoint: usize,
    /// Whether it can be called; times are of the pool's clock, in milliseconds.
    pub ready: Ready,
    /// Calls under way.
    pub in_flight: u32,
    /// Calls made.
    pub calls: u64,
    /// Those of them that failed by its fault.
    pub failures: u64,
    /// How long it lets wait for the beginning of an answer, in microseconds; none while that is not known.
    pub latency_us: Option<u64>,
    /// What is left of the limits of its key, in thousandths: all of it where nothing is known.
    pub left_permille: u64,
}

impl Status {
    pub(super) fn of(endpoint: &pick::Endpoint, now_ms: u64) -> Self {
        let (calls, failures) = endpoint.state.calls();
        Self {
            endpoint: endpoint.provider,
            ready: endpoint.ready(now_ms),
            in_flight: endpoint.state.in_flight(),
            calls,
            failures,
            latency_us: endpoint.state.latency.at(now_ms),
            left_permille: endpoint.state.left_permille(now_ms),
        }
    }
}

/// What is known of each of `endpoints`: those at one URL share its connections, those with one key its limits.
pub(super) fn states(endpoints: &[Endpoint]) -> Vec<Arc<pick::Endpoint>> {
    let mut registry = Registry::default();
    let state = |(place, endpoint): (usize, &Endpoint)| {
        let (line, key) = (endpoint.base_url().to_string(), endpoint.key_digest());
        let target = endpoint.target();
        let model = format!("{} {}", target.protocol, target.model);
        let known = registry.endpoint(place, 0, Identity { line: &line, key: &key, model: &model });
        Arc::new(pick::Endpoint {
            // Without numbers, the order in which they are given is the order in which they are asked.
            priority: endpoint.priority().unwrap_or_else(|| i32::try_from(place).unwrap_or(i32::MAX)),
            price_nanos: endpoint.price_nanos(),
            weight: endpoint.weight(),
            ..known
        })
    };
    endpoints.iter().enumerate().map(state).collect()
}

/// What `routing` makes of them.
pub(super) fn candidates(states: &[Arc<pick::Endpoint>], routing: &Routing) -> Candidates {
    let candidate = |endpoint: &Arc<pick::Endpoint>| Candidate { endpoint: Arc::clone(endpoint), rank: 0, weight: 1 };
    Candidates::new(states.iter().map(candidate).collect(), routing.order.as_slice().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;
    use crate::catalog::BaseUrl;

    #[test]
    fn endpoints_share_what_they_have_in_common() {
        let at = |url: &str, model: &str, key: &str| {
            Endpoint::new(Protocol::OpenAi, BaseUrl::parse(url).unwrap(), model).with_key(key).unwrap()
        };
        let states = states(&[
            at("http://a", "m", "one"),
            at("http://a/", "m", "two"),
            at("http://a", "n", "one").with_priority(-1).with_price(5).with_weight(3),
            at("http://b", "m", "one"),
        ]);
        let [one, two, model, url] = states.as_slice() else { panic!("{states:?}") };
        assert!(Arc::ptr_eq(&one.line, &two.line) && !Arc::ptr_eq(&one.key, &two.key));
        assert!(Arc::ptr_eq(&one.line, &model.line) && Arc::ptr_eq(&one.key, &model.key));
        assert!(!Arc::ptr_eq(&one.state, &model.state) && !Arc::ptr_eq(&one.state, &two.state));
        assert!(!Arc::ptr_eq(&one.line, &url.line) && !Arc::ptr_eq(&one.key, &url.key));
        assert_eq!((one.priority, two.priority, model.priority, url.priority), (0, 1, -1, 3));
        assert_eq!((model.price_nanos, model.weight, one.weight), (Some(5), 3, 1));
        assert!(!format!("{states:?}").contains("\"one\""));
    }
}
