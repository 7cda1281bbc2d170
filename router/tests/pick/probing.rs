//! The one call that finds out whether an endpoint has recovered: taken, judged, given back.

use std::sync::Arc;

use tokenrouter::pick::breaker::{Gate, Trip};
use tokenrouter::pick::endpoint::{Endpoint, Ready, Trips, Why};
use tokenrouter::pick::verdict::{Blame, Next, Verdict};

const NOW_MS: u64 = 1_000;
const LIMITED: Verdict = Verdict { blame: Blame::Limit, next: Next::Any, wait_ms: 50, is_told: true, limits: None };

fn endpoint() -> Arc<Endpoint> {
    Arc::new(Endpoint::new(0, 0, "m", "x"))
}

/// Both its connection and its credential may be tried again.
fn half_open() -> Arc<Endpoint> {
    let endpoint = endpoint();
    endpoint.line.breaker.shut(NOW_MS);
    endpoint.key.breaker.shut(NOW_MS);
    endpoint
}

#[test]
fn who_wins_one_probe_and_loses_another_gives_back_what_it_won() {
    let (endpoint, trips) = (half_open(), Trips::default());
    let other = endpoint.key.breaker.claim(NOW_MS, trips.credential).unwrap();
    assert!(endpoint.claim(NOW_MS, &trips).is_none());
    assert_eq!(endpoint.line.breaker.gate(NOW_MS), Gate::Probe, "nobody is on the line");
    endpoint.key.breaker.give_back(other);
    assert!(endpoint.claim(NOW_MS, &trips).is_some());
}

#[test]
fn a_claim_that_is_dropped_is_the_next_callers_and_no_other_breaker_is_touched() {
    let (endpoint, trips) = (half_open(), Trips::default());
    let claim = endpoint.claim(NOW_MS, &trips);
    assert!(claim.is_some());
    // In the meantime others find that the model fails, and that the key is refused.
    endpoint.state.breaker.shut(NOW_MS + 60_000);
    endpoint.key.breaker.shut(NOW_MS + 900_000);
    drop(claim);
    assert_eq!(endpoint.state.breaker.gate(NOW_MS), Gate::Shut(NOW_MS + 60_000));
    assert_eq!(endpoint.key.breaker.gate(NOW_MS), Gate::Shut(NOW_MS + 900_000));
    assert_eq!(endpoint.line.breaker.gate(NOW_MS), Gate::Probe);
    // The same where the call began and nobody waited for its answer.
    let endpoint = half_open();
    let ticket = endpoint.begin(endpoint.claim(NOW_MS, &trips));
    assert_eq!(endpoint.ready(NOW_MS), Ready::No(NOW_MS + 300_000, Why::Probed));
    drop(ticket);
    assert_eq!(endpoint.ready(NOW_MS), Ready::Probe);
}

#[test]
fn what_a_probe_does_not_show_the_next_one_finds_out() {
    let (endpoint, trips) = (half_open(), Trips::default());
    endpoint.state.breaker.shut(NOW_MS);
    let mut ticket = endpoint.begin(endpoint.claim(NOW_MS, &trips));
    // There was no connection: nobody has seen the key or the model.
    ticket.tell(NOW_MS, &Verdict::UNREACHABLE, &trips);
    drop(ticket);
    assert_eq!(endpoint.line.breaker.gate(NOW_MS), Gate::Shut(NOW_MS + 120_000));
    assert_eq!((endpoint.key.breaker.gate(NOW_MS), endpoint.state.breaker.gate(NOW_MS)), (Gate::Probe, Gate::Probe));
    // A limit says nothing of the model.
    let endpoint = endpoint.as_ref().clone();
    let endpoint = Arc::new(Endpoint { line: Arc::default(), ..endpoint });
    let mut ticket = endpoint.begin(endpoint.claim(NOW_MS, &trips));
    ticket.tell(NOW_MS, &LIMITED, &trips);
    drop(ticket);
    assert_eq!(endpoint.ready(NOW_MS), Ready::No(NOW_MS + 50, Why::Limited));
    assert_eq!(endpoint.ready(NOW_MS + 50), Ready::Probe);
    let mut ticket = endpoint.begin(endpoint.claim(NOW_MS + 50, &trips));
    ticket.tell(NOW_MS + 50, &Verdict::FINE, &trips);
    drop(ticket);
    assert_eq!(endpoint.ready(NOW_MS + 50), Ready::Yes);
}

#[test]
fn a_probe_closes_only_what_it_was_sent_to_close() {
    let (endpoint, trips) = (endpoint(), Trips::default());
    endpoint.line.breaker.shut(NOW_MS);
    let mut ticket = endpoint.begin(endpoint.claim(NOW_MS, &trips));
    // Begun before this happened.
    endpoint.key.breaker.failed(NOW_MS + 1, Trip { failures: 1, recovery_ms: 500 });
    ticket.tell(NOW_MS + 2, &Verdict::FINE, &trips);
    drop(ticket);
    assert_eq!(endpoint.line.breaker.gate(NOW_MS + 2), Gate::Open);
    assert_eq!(endpoint.key.breaker.gate(NOW_MS + 2), Gate::Shut(NOW_MS + 501));
}
