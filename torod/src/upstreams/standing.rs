//! How an endpoint stands, in the words and times that people and programs are told.

use tokenrouter::pick::endpoint::{Endpoint, Ready};
use tokenrouter_shared::provider::EndpointStanding;
use tokenrouter_shared::route::Standing;

use super::provider::Provider;
use crate::clock::Clock;

/// One moment on both clocks: breakers count on the one that never goes back, reports are in Unix time.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// On the clock of the breakers, in milliseconds.
    pub uptime_ms: u64,
    /// In Unix milliseconds.
    pub now_ms: i64,
}

impl Moment {
    /// This one.
    pub fn now(clock: &Clock) -> Self {
        Self { uptime_ms: clock.uptime_ms(), now_ms: clock.now_ms() }
    }

    /// A time of the breakers' clock in Unix milliseconds.
    pub fn unix_ms(self, at_ms: u64) -> i64 {
        let ahead = i128::from(at_ms) - i128::from(self.uptime_ms);
        i64::try_from(i128::from(self.now_ms) + ahead).unwrap_or(i64::MAX)
    }
}

/// How `endpoint` stands.
pub fn standing(endpoint: &Endpoint, moment: Moment) -> Standing {
    let (calls, failed) = endpoint.state.calls();
    let (state, until) = match endpoint.ready(moment.uptime_ms) {
        Ready::No(until, why) => (why.as_str(), Some(until)),
        Ready::Probe => ("half_open", None),
        Ready::Yes if calls == 0 => ("unused", None),
        Ready::Yes => ("up", None),
    };
    let breakers = [&endpoint.line.breaker, &endpoint.key.breaker, &endpoint.state.breaker];
    Standing {
        state: state.to_owned(),
        failures: breakers.into_iter().map(|breaker| breaker.reading().0).max().unwrap_or(0),
        open_until_ms: until.map(|until| moment.unix_ms(until)),
        in_flight: endpoint.state.in_flight(),
        latency_ms: endpoint.state.latency.at(moment.uptime_ms).map(|us| us.div_ceil(1_000)),
        calls,
        failed,
    }
}

/// How `endpoint` of `provider` stands, by the names that people know.
pub fn named(provider: &Provider, endpoint: &Endpoint, moment: Moment) -> EndpointStanding {
    EndpointStanding {
        model: if endpoint.model.is_empty() { "*" } else { &endpoint.model }.to_owned(),
        credential: provider.credentials().get(endpoint.credential).map(|key| key.label.to_string()),
        standing: standing(endpoint, moment),
    }
}

#[cfg(test)]
mod tests {
    use tokenrouter::pick::breaker::Trip;

    use super::*;

    #[test]
    fn every_state_has_its_word_and_times_are_unix() {
        let once = Trip { failures: 1, recovery_ms: 1_000 };
        let moment = |uptime_ms| Moment { uptime_ms, now_ms: 1_800_000_000_000 };
        let told = |endpoint: &Endpoint, at| {
            let told = standing(endpoint, moment(at));
            (told.state, told.failures, told.open_until_ms)
        };
        let new = || std::sync::Arc::new(Endpoint::new(0, 0, "m", "a"));
        let endpoint = new();
        assert_eq!(told(&endpoint, 5_000), ("unused".into(), 0, None));
        endpoint.begin(None).first_byte(5_000, 1_500);
        assert_eq!(told(&endpoint, 5_000), ("up".into(), 0, None));
        assert_eq!(standing(&endpoint, moment(5_000)).latency_ms, Some(2));
        endpoint.state.breaker.failed(5_000, once);
        assert_eq!(told(&endpoint, 5_400), ("failing".into(), 1, Some(1_800_000_000_600)));
        assert_eq!(told(&endpoint, 6_000), ("half_open".into(), 1, None));
        let endpoint = new();
        endpoint.key.breaker.failed(5_000, once);
        assert_eq!(told(&endpoint, 5_000).0, "credential_refused");
        endpoint.line.breaker.failed(5_000, once);
        assert_eq!(told(&endpoint, 5_000).0, "unreachable");
    }
}
