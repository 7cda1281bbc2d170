//! What the criteria make of many requests.

use std::sync::Arc;

use tokenrouter::error::{Kind, Problem};
use tokenrouter::pick::breaker::Trip;
use tokenrouter::pick::endpoint::{Endpoint, Trips};
use tokenrouter::pick::order::Criterion::{Latency, Price, Priority};
use tokenrouter::pick::order::{By, Candidate, Candidates, Choice, Criterion, Wish};
use tokenrouter::pick::session::{Session, Sessions};
use tokenrouter::pick::verdict::{Blame, Limits, Next, Verdict};

/// Endpoints, their clock and their dice.
struct World {
    candidates: Candidates,
    sessions: Sessions,
    trips: Trips,
    now_ms: u64,
    dice: u64,
}

fn endpoints(count: usize) -> Vec<Endpoint> {
    (0..count).map(|n| Endpoint::new(n, 0, "m", &format!("provider-{n}/key/m"))).collect()
}

impl World {
    fn new(endpoints: Vec<Endpoint>, order: &[Criterion]) -> Self {
        let list = endpoints.into_iter().map(|e| Candidate { endpoint: Arc::new(e), rank: 0, weight: 1 }).collect();
        Self::of(list, order)
    }

    fn of(list: Vec<Candidate>, order: &[Criterion]) -> Self {
        let candidates = Candidates::new(list, order.into());
        Self { candidates, sessions: Sessions::new(3_600_000), trips: Trips::default(), now_ms: 1_000_000, dice: 7 }
    }

    fn roll(&mut self) -> u64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.dice ^ (self.dice >> 31)
    }

    fn choose(&mut self, session: Option<u64>, is_opening: bool, tried: &[usize]) -> Option<Choice> {
        let random = self.roll();
        let wish = Wish {
            now_ms: self.now_ms,
            random,
            session: session.map(Session),
            is_opening,
            sessions: &self.sessions,
            tried,
            fits: &|_| true,
            trips: &self.trips,
        };
        let choice = self.candidates.choose(&wish)?;
        self.candidates.settle(choice.at, &wish);
        Some(choice)
    }

    fn endpoint(&self, choice: &Choice) -> Arc<Endpoint> {
        Arc::clone(&self.candidates.list()[choice.at].endpoint)
    }

    /// One call whose first byte takes `ms`.
    fn call(&mut self, session: Option<u64>, is_opening: bool, ms: impl Fn(usize) -> u64) -> (usize, By) {
        let choice = self.choose(session, is_opening, &[]).unwrap();
        let endpoint = self.endpoint(&choice);
        let mut ticket = endpoint.begin(choice.claim);
        let took = ms(endpoint.provider);
        self.now_ms += took;
        ticket.first_byte(self.now_ms, took * 1_000);
        ticket.tell(self.now_ms, &Verdict::FINE, &self.trips);
        (endpoint.provider, choice.by)
    }

    fn fail(&mut self, provider: usize, verdict: Verdict) {
        let endpoint = self.candidates.list().iter().find(|c| c.endpoint.provider == provider).unwrap();
        endpoint.endpoint.begin(None).tell(self.now_ms, &verdict, &self.trips);
    }
}

fn counted(world: &mut World, calls: u64, ms: impl Fn(usize) -> u64 + Copy) -> Vec<usize> {
    let mut counts = vec![0; world.candidates.list().len()];
    for _ in 0..calls {
        counts[world.call(None, false, ms).0] += 1;
    }
    counts
}

fn status(status: u16) -> Verdict {
    let kind = if status == 429 { Kind::RateLimited } else { Kind::UpstreamFailed };
    Verdict::of(&Problem::new(kind, "x", "", ""), status, &http::HeaderMap::new(), 0)
}

#[test]
fn probe_12_two_equal_endpoints_share_the_traffic() {
    let mut world = World::new(endpoints(2), &Criterion::USUAL);
    let counts = counted(&mut world, 10_000, |_| 5);
    assert!((4_800..=5_200).contains(&counts[0]), "{counts:?}");
    // Different conversations share it too, and so do conversations that all begin with the same few words.
    let mut at_first = 0;
    for session in 0..10_000 {
        at_first += usize::from(world.call(Some(session), false, |_| 5).0 == 0);
    }
    assert!((4_800..=5_200).contains(&at_first), "{at_first}");
    let same = (0..10_000).filter(|_| world.call(Some(1), true, |_| 5).0 == 0).count();
    assert!((4_800..=5_200).contains(&same), "{same}");
}

#[test]
fn probe_13_one_ten_times_slower_is_left_but_looked_at_again() {
    let mut world = World::new(endpoints(2), &Criterion::USUAL);
    let slow = |provider: usize| if provider == 0 { 100 } else { 1_000 };
    counted(&mut world, 200, slow);
    let counts = counted(&mut world, 10_000, slow);
    assert!(counts[1] <= 500, "{counts:?}");
    assert!(counts[1] >= 10, "it is never looked at again: {counts:?}");
    // New conversations avoid it as well.
    let at_slow = (0..1_000).filter(|n| world.call(Some(n * 7), false, slow).0 == 1).count();
    assert!(at_slow <= 50, "{at_slow}");
    // Healed, it gets its share again.
    let counts = counted(&mut world, 10_000, |_| 100);
    assert!(counts[1] >= 4_000, "{counts:?}");
}

#[test]
fn row_48_and_46_smaller_priority_and_lower_price_take_everything() {
    let mut list = endpoints(3);
    (list[0].priority, list[1].priority, list[2].priority) = (10, 0, 10);
    let mut world = World::new(list, &Criterion::USUAL);
    assert_eq!(counted(&mut world, 100, |_| 5), [0, 100, 0]);
    assert_eq!(world.call(None, false, |_| 5).1, By::Criterion(Priority));
    for _ in 0..3 {
        world.fail(1, status(503));
    }
    let counts = counted(&mut world, 100, |_| 5);
    assert!(counts[1] == 0 && counts[0] > 20 && counts[2] > 20, "{counts:?}");

    let mut list = endpoints(3);
    (list[0].price_nanos, list[1].price_nanos) = (Some(10_000_000), Some(1_000_000));
    let mut world = World::new(list, &Criterion::USUAL);
    assert_eq!(counted(&mut world, 100, |_| 5), [0, 100, 0], "the cheap one, and never the one of unknown price");
    world.fail(1, Verdict::UNREACHABLE);
    assert_eq!(counted(&mut world, 100, |_| 5), [100, 0, 0]);
}

#[test]
fn the_order_decides_what_counts_more() {
    let build = |order: &[Criterion]| {
        let mut list = endpoints(2);
        (list[0].priority, list[0].price_nanos) = (0, Some(9));
        (list[1].priority, list[1].price_nanos) = (1, Some(1));
        World::new(list, order)
    };

    assert_eq!(counted(&mut build(&[Priority, Price]), 50, |_| 5), [50, 0]);
    assert_eq!(counted(&mut build(&[Price, Priority]), 50, |_| 5), [0, 50]);
    // Behind a criterion that always decides nothing else is looked at.
    let counts = counted(&mut build(&[Latency, Price]), 1_000, |_| 5);
    assert!(counts[0] > 400 && counts[1] > 400, "{counts:?}");
}

#[test]
fn row_49_round_robin_weights_and_quota() {
    let mut world = World::new(endpoints(2), &[Criterion::RoundRobin]);
    assert_eq!(counted(&mut world, 100, |_| 5), [50, 50]);

    let mut list = endpoints(3);
    (list[0].weight, list[1].weight, list[2].weight) = (1, 2, 7);
    let counts = counted(&mut World::new(list, &[Criterion::Weighted]), 10_000, |_| 5);
    for (count, expected) in counts.iter().zip([1_000, 2_000, 7_000]) {
        assert!(count.abs_diff(expected) < 200, "{counts:?}");
    }

    let mut world = World::new(endpoints(3), &[Criterion::Quota]);
    for (provider, left) in [(0, 300), (1, 700), (2, 100)] {
        let limits = Some(Limits { left_permille: left, reset_ms: 60_000 });
        world.fail(provider, Verdict { limits, ..Verdict::FINE });
    }
    assert_eq!(counted(&mut world, 50, |_| 5), [0, 50, 0]);
}

#[test]
fn a_credential_near_its_limit_is_spared_until_it_is_set_back() {
    let mut world = World::new(endpoints(2), &Criterion::USUAL);
    let limits = Some(Limits { left_permille: 20, reset_ms: 60_000 });
    world.fail(0, Verdict { limits, ..Verdict::FINE });
    assert_eq!(counted(&mut world, 100, |_| 5), [0, 100]);
    world.now_ms += 60_000;
    let counts = counted(&mut world, 1_000, |_| 5);
    assert!(counts[0] > 400, "{counts:?}");
}

#[test]
fn the_limits_of_one_model_are_no_other_models() {
    let mut list = endpoints(2);
    // The same credential with another model, and a credential of its own.
    list.push(Endpoint { provider: 2, state: Arc::default(), ..list[0].clone() });
    for order in [&Criterion::USUAL[..], &[Criterion::Quota]] {
        let list: Vec<Endpoint> = list.iter().map(|e| Endpoint { state: Arc::default(), ..e.clone() }).collect();
        let mut world = World::new(list, order);
        let limits = |left_permille| Some(Limits { left_permille, reset_ms: 60_000 });
        world.fail(2, Verdict { limits: limits(900), ..Verdict::FINE });
        world.fail(1, Verdict { limits: limits(20), ..Verdict::FINE });
        world.fail(0, Verdict { limits: limits(20), ..Verdict::FINE });
        let left = world.candidates.list().iter().map(|c| c.endpoint.state.left_permille(world.now_ms));
        assert_eq!(left.collect::<Vec<_>>(), [20, 20, 900]);
        let counts = counted(&mut world, 1_000, |_| 5);
        // The better of two: the other two are both compared with each other in a third of all cases.
        assert!(counts[2] > 600, "{order:?} {counts:?}");
    }
}

#[test]
fn conversations_stay_where_they_are_while_they_can() {
    let mut world = World::new(endpoints(4), &Criterion::USUAL);
    let first: Vec<usize> = (0..200).map(|s| world.call(Some(s), false, |_| 5).0).collect();
    for provider in 0..4 {
        let share = first.iter().filter(|at| **at == provider).count();
        assert!((25..=75).contains(&share), "provider {provider} has {share} of 200");
    }
    for _ in 1..10 {
        for (session, home) in first.iter().enumerate() {
            let (at, by) = world.call(Some(session as u64), false, |_| 5);
            assert_eq!((at, by), (*home, By::Criterion(Criterion::Affinity)));
        }
    }
    // One is quarantined: its conversations move, the others do not.
    world.fail(2, Verdict { blame: Blame::Credential, next: Next::Other, ..status(500) });
    let moved: Vec<usize> = (0..200).map(|s| world.call(Some(s), false, |_| 5).0).collect();
    for (before, after) in first.iter().zip(&moved) {
        assert!(if *before == 2 { *after != 2 } else { after == before }, "{before} {after}");
    }
    // Healed, it gets new conversations only.
    world.now_ms += 300_000;
    let later: Vec<usize> = (0..200).map(|s| world.call(Some(s), false, |_| 5).0).collect();
    assert_eq!(later, moved);
    let new = (1_000..1_200).filter(|s| world.call(Some(*s), false, |_| 5).0 == 2).count();
    assert!((25..=75).contains(&new), "{new}");
}

#[test]
fn after_a_restart_most_conversations_find_the_same_home() {
    let homes = |world: &mut World| -> Vec<usize> { (0..200).map(|s| world.call(Some(s), false, |_| 5).0).collect() };
    let (mut before, mut after) =
        (World::new(endpoints(4), &Criterion::USUAL), World::new(endpoints(4), &Criterion::USUAL));
    assert_eq!(homes(&mut before), homes(&mut after));
}

#[test]
fn priority_before_affinity_brings_conversations_back() {
    let mut list = endpoints(2);
    (list[0].priority, list[1].priority) = (0, 1);
    let order = [Priority, Criterion::Affinity, Latency];
    let mut world = World::new(list.clone(), &order);
    let mut stays = World::new(list, &Criterion::USUAL);
    for world in [&mut world, &mut stays] {
        world.fail(0, Verdict::UNREACHABLE);
        assert_eq!(world.call(Some(1), false, |_| 5).0, 1);
        world.now_ms += 120_000;
        assert_eq!(world.call(None, false, |_| 5).0, 0, "the probe");
    }
    assert_eq!(world.call(Some(1), false, |_| 5).0, 0);
    assert_eq!(stays.call(Some(1), false, |_| 5).0, 1);
}

#[test]
fn targets_of_an_alias_are_tried_in_their_order_or_by_their_weight() {
    let list = |weights: [u32; 2], ranks: [u32; 2]| {
        let pairs = endpoints(2).into_iter().zip(weights).zip(ranks);
        pairs.map(|((e, weight), rank)| Candidate { endpoint: Arc::new(e), rank, weight }).collect()
    };
    let mut world = World::of(list([1, 1], [0, 1]), &Criterion::USUAL);
    assert_eq!(counted(&mut world, 20, |_| 5), [20, 0]);
    let choice = world.choose(None, false, &[0]).unwrap();
    assert_eq!((choice.at, choice.by), (1, By::Fallback));
    assert_eq!(world.choose(None, false, &[0, 1]), None);

    let order = [Criterion::Affinity, Priority, Criterion::Weighted];
    let counts = counted(&mut World::of(list([1, 3], [0, 0]), &order), 4_000, |_| 5);
    assert!(counts[1].abs_diff(3_000) < 150, "{counts:?}");
}

#[test]
fn row_67_to_70_breakers_in_layers_with_one_probe() {
    let mut list = endpoints(1);
    let second_model = Endpoint { state: Arc::default(), ..list[0].clone() };
    list.push(second_model);
    let mut world = World::new(list, &[Criterion::RoundRobin]);
    // Three failures of a model close it and leave the other one open.
    for _ in 0..3 {
        let endpoint = Arc::clone(&world.candidates.list()[0].endpoint);
        endpoint.begin(None).tell(world.now_ms, &status(503), &world.trips);
    }
    assert!((0..10).all(|_| world.choose(None, false, &[]).is_some_and(|c| c.at == 1)));
    // After recovery one call finds out, all others wait for it.
    world.now_ms += 61_000;
    let mut probes: Vec<Choice> = (0..50).filter_map(|_| world.choose(None, false, &[1])).collect();
    assert_eq!((probes.len(), probes[0].is_probe), (1, true));
    let endpoint = world.endpoint(&probes[0]);
    endpoint.begin(probes.remove(0).claim).tell(world.now_ms, &Verdict::FINE, &world.trips);
    assert!(world.choose(None, false, &[1]).is_some_and(|c| !c.is_probe));
    // One lost connection closes both.
    endpoint.begin(None).tell(world.now_ms, &Verdict::UNREACHABLE, &world.trips);
    assert_eq!(world.choose(None, false, &[]), None);
    world.now_ms += 119_000;
    assert_eq!(world.choose(None, false, &[]), None);
    world.now_ms += 1_000;
    assert!(world.choose(None, false, &[]).is_some_and(|c| c.is_probe));
}

#[test]
fn one_request_that_nobody_can_serve_shuts_an_endpoint_for_nobody_else() {
    let mut world = World::new(endpoints(1), &Criterion::USUAL);
    let endpoint = Arc::clone(&world.candidates.list()[0].endpoint);
    let fail = |world: &World, is_repeat| {
        endpoint.begin(None).repeated(is_repeat).tell(world.now_ms, &status(500), &world.trips);
    };
    for is_repeat in [false, true, true, false, true, true] {
        fail(&world, is_repeat);
    }
    assert!(world.choose(None, false, &[]).is_some());
    fail(&world, false);
    assert_eq!(world.choose(None, false, &[]), None);
}

#[test]
fn who_says_when_to_come_back_is_left_alone_until_then_whatever_its_status() {
    let mut world = World::new(endpoints(1), &Criterion::USUAL);
    world.fail(0, Verdict { wait_ms: 10_000, is_told: true, ..status(503) });
    assert_eq!(world.choose(None, false, &[]), None);
    world.now_ms += 10_000;
    assert!(world.choose(None, false, &[]).is_some());
}

#[test]
fn three_refusals_that_may_be_about_the_request_make_a_refused_key() {
    let mut world = World::new(endpoints(1), &Criterion::USUAL);
    let forbidden = Verdict { blame: Blame::Forbidden, next: Next::Other, ..status(500) };
    world.fail(0, forbidden);
    world.fail(0, forbidden);
    assert!(world.choose(None, false, &[]).is_some());
    world.fail(0, forbidden);
    assert_eq!(world.choose(None, false, &[]), None);
}

#[test]
fn keys_share_by_weight_whatever_else_decides() {
    let mut list = endpoints(3);
    (list[0].weight, list[1].weight, list[2].weight) = (1, 2, 7);
    let mut world = World::new(list, &Criterion::USUAL);
    let counts = counted(&mut world, 10_000, |_| 5);
    for (count, expected) in counts.iter().zip([1_000, 2_000, 7_000]) {
        assert!(count.abs_diff(expected) < 250, "{counts:?}");
    }
    let mut by_session = [0_usize; 3];
    (0..10_000).for_each(|n| by_session[world.call(Some(n), false, |_| 5).0] += 1);
    assert!(by_session[2].abs_diff(7_000) < 250, "{by_session:?}");
}

#[test]
fn row_68_numbers_of_breakers_can_be_set() {
    let mut world = World::new(endpoints(1), &Criterion::USUAL);
    world.trips.endpoint = Trip { failures: 5, recovery_ms: 30_000 };
    for _ in 0..4 {
        world.fail(0, status(503));
    }
    assert!(world.choose(None, false, &[]).is_some());
    world.fail(0, status(503));
    assert_eq!(world.choose(None, false, &[]), None);
    world.now_ms += 30_000;
    assert!(world.choose(None, false, &[]).is_some());
}

#[test]
fn a_limit_is_waited_for_and_opens_no_breaker() {
    let mut world = World::new(endpoints(1), &Criterion::USUAL);
    for _ in 0..9 {
        world.fail(0, Verdict { wait_ms: 2_000, ..status(429) });
    }
    assert_eq!(world.choose(None, false, &[]), None);
    world.now_ms += 2_000;
    assert!(world.choose(None, false, &[]).is_some_and(|c| !c.is_probe));
}

#[test]
fn repeated_calls_stay_a_fifth_of_the_traffic() {
    let endpoint = Endpoint::new(0, 0, "m", "x");
    let line = &endpoint.line;
    // A reserve for providers with little traffic.
    assert_eq!((0..100).filter(|_| line.may_repeat()).count(), 10);
    let mut repeated = 0;
    for _ in 0..1_000 {
        line.called(20);
        repeated += u32::from(line.may_repeat());
    }
    assert_eq!(repeated, 200);
    // Calls without failures fill the reserve again, and no more than that.
    (0..10_000).for_each(|_| line.called(20));
    assert_eq!((0..100).filter(|_| line.may_repeat()).count(), 10);
}
