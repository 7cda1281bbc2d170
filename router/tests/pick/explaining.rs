//! An explanation says what the next choice will be, and leaves no trace.

use std::sync::Arc;

use tokenrouter::pick::breaker::{Gate, Trip};
use tokenrouter::pick::endpoint::{Endpoint, Ready, Trips, Why};
use tokenrouter::pick::explain::Explanation;
use tokenrouter::pick::order::{By, Candidate, Candidates, Criterion, Wish};
use tokenrouter::pick::session::{Session, Sessions};
use tokenrouter::pick::verdict::{Limits, Verdict};

const ONCE: Trip = Trip { failures: 1, recovery_ms: 1_000 };

fn candidates(count: usize, order: &[Criterion], shape: impl Fn(usize, &mut Endpoint) -> u32) -> Candidates {
    let list = (0..count).map(|n| {
        let mut endpoint = Endpoint::new(n, 0, "m", &format!("p{n}"));
        let rank = shape(n, &mut endpoint);
        Candidate { endpoint: Arc::new(endpoint), rank, weight: 1 + u32::try_from(n).unwrap() }
    });
    Candidates::new(list.collect(), order.into())
}

struct World {
    sessions: Sessions,
    trips: Trips,
}

impl World {
    fn new() -> Self {
        Self { sessions: Sessions::new(3_600_000), trips: Trips { endpoint: ONCE, ..Trips::default() } }
    }

    fn wish(&self, now_ms: u64, random: u64, session: Option<u64>) -> Wish<'_> {
        let (sessions, trips) = (&self.sessions, &self.trips);
        let session = session.map(Session);
        Wish { now_ms, random, session, is_opening: false, sessions, tried: &[], fits: &|e| e.provider != 5, trips }
    }
}

/// Everything that a choice could leave behind.
fn trace(candidates: &Candidates, world: &World, now_ms: u64) -> String {
    let endpoints: Vec<_> =
        candidates.list().iter().map(|c| (&c.endpoint.line, &c.endpoint.key, &c.endpoint.state)).collect();
    let homes: Vec<_> = (0..50).map(|n| world.sessions.home(Session(n), now_ms)).collect();
    format!("{endpoints:?} {homes:?} {candidates:?}")
}

fn explained(candidates: &Candidates, world: &World, wish: &Wish<'_>) -> Explanation {
    let before = trace(candidates, world, wish.now_ms);
    let explained = candidates.explain(wish);
    assert_eq!(trace(candidates, world, wish.now_ms), before, "asking changed something");
    explained
}

#[test]
fn it_says_what_the_choice_will_be_in_every_order() {
    use Criterion::{Affinity, Latency, Price, Priority, Quota, RoundRobin, Weighted};
    let orders: [&[Criterion]; 8] = [
        &Criterion::USUAL,
        &[RoundRobin],
        &[Weighted],
        &[Quota],
        &[Priority, RoundRobin],
        &[Affinity, Weighted],
        &[Price, Affinity, Latency],
        &[Priority],
    ];
    for order in orders {
        let world = World::new();
        let candidates = candidates(9, order, |n, endpoint| {
            endpoint.price_nanos = (n.is_multiple_of(2)).then_some(5);
            u32::try_from(n / 4).unwrap()
        });
        let mut chosen = Vec::new();
        let mut random = 1_u64;
        for step in 0..600_u64 {
            let now_ms = 10_000 + step * 40;
            random = tokenrouter::pick::mix(random.wrapping_add(step));
            let mut wish = world.wish(now_ms, random, step.is_multiple_of(3).then_some(step % 50));
            let tried = [(step % 9) as usize];
            wish.tried = if step.is_multiple_of(7) { &tried } else { &[] };
            wish.is_opening = step.is_multiple_of(11);
            let foretold = explained(&candidates, &world, &wish);
            let choice = candidates.choose(&wish);
            assert_eq!(foretold.choice, choice, "{order:?} at {step}");
            let Some(choice) = choice else { continue };
            chosen.push(choice.at);
            candidates.settle(choice.at, &wish);
            let endpoint = &candidates.list()[choice.at].endpoint;
            let mut ticket = endpoint.begin(choice.claim);
            ticket.first_byte(now_ms, 1_000 + random % 50_000);
            let limits = Limits { left_permille: (random % 1_000) as u32, reset_ms: 500 };
            ticket.tell(now_ms, &Verdict { limits: Some(limits), ..Verdict::FINE }, &world.trips);
            if random.is_multiple_of(5) {
                endpoint.state.breaker.failed(now_ms, ONCE);
            }
        }
        chosen.sort_unstable();
        chosen.dedup();
        assert!(chosen.len() > 3, "{order:?} saw only {chosen:?}");
        assert!(!chosen.iter().any(|at| candidates.list()[*at].endpoint.provider == 5), "it fits nothing");
    }
}

#[test]
fn the_probe_and_the_turn_stay_for_who_calls() {
    let world = World::new();
    let two = candidates(2, &[Criterion::RoundRobin], |_, _| 0);
    let wish = world.wish(5_000, 7, None);
    let first: Vec<_> = (0..3).map(|_| explained(&two, &world, &wish).choice.unwrap().at).collect();
    assert_eq!(first, [first[0]; 3]);
    assert_eq!(two.choose(&wish).unwrap().at, first[0]);
    assert_ne!(explained(&two, &world, &wish).choice.unwrap().at, first[0]);

    let one = candidates(1, &Criterion::USUAL, |_, _| 0);
    let breaker = &one.list()[0].endpoint.state.breaker;
    breaker.failed(5_000, ONCE);
    let shut = explained(&one, &world, &wish);
    assert_eq!((shut.choice, shut.seen[0].ready), (None, Ready::No(6_000, Why::Failing)));
    let later = world.wish(6_000, 7, None);
    for _ in 0..2 {
        let half_open = explained(&one, &world, &later);
        assert_eq!(half_open.choice.map(|choice| (choice.by, choice.is_probe)), Some((By::Only, true)));
        assert_eq!((half_open.seen[0].ready, breaker.gate(6_000)), (Ready::Probe, Gate::Probe));
    }
    let probe = one.choose(&later).unwrap();
    assert!(probe.is_probe);
    assert_eq!(explained(&one, &world, &later).choice, None, "the probe is under way");
    drop(probe);
}

#[test]
fn tiers_homes_and_figures_are_told() {
    let world = World::new();
    let three = candidates(3, &Criterion::USUAL, |n, endpoint| {
        endpoint.priority = -i32::try_from(n).unwrap();
        0
    });
    let wish = world.wish(9_000, 3, Some(1));
    let home = three.list()[1].endpoint.clone();
    world.sessions.settle(Session(1), home.key.id, 9_000);
    home.begin(None).first_byte(9_000, 1_234);
    let ticket = home.begin(None);
    home.state.observe(9_000, Limits { left_permille: 40, reset_ms: 1 });
    let told = explained(&three, &world, &wish);
    let by = told.choice.as_ref().map(|choice| (choice.at, choice.by));
    assert_eq!((by, told.home), (Some((1, By::Criterion(Criterion::Affinity))), Some(1)));
    assert_eq!(told.seen.iter().map(|seen| seen.tier).collect::<Vec<_>>(), [0, 1, 2]);
    let seen = told.seen[1];
    assert_eq!((seen.latency_us, seen.in_flight, seen.left_permille, seen.fits), (Some(1_234), 1, 40, true));
    drop(ticket);
    // A home that cannot be called is still told.
    home.state.breaker.failed(9_000, ONCE);
    let told = explained(&three, &world, &wish);
    let by = told.choice.as_ref().map(|choice| (choice.at, choice.by));
    assert_eq!((by, told.home), (Some((0, By::Criterion(Criterion::Priority))), Some(1)));
}
