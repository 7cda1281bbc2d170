//! How much is tried for one request, whom it waits for, and when it is given up.

use std::sync::Arc;

use tokenrouter::pick::breaker::Trip;
use tokenrouter::pick::course::{Course, Move, Rules, Scene};
use tokenrouter::pick::endpoint::{Endpoint, Ready, Trips};
use tokenrouter::pick::order::{Candidate, Candidates, Criterion};
use tokenrouter::pick::session::Sessions;
use tokenrouter::pick::verdict::{Blame, Next, Verdict};

struct World {
    candidates: Candidates,
    sessions: Sessions,
    rules: Rules,
    now_ms: u64,
}

impl World {
    /// One after the other, each at a provider of its own; the breakers stay shut.
    fn new(models: &[&str]) -> Self {
        let endpoint = |(n, model): (usize, &&str)| {
            let rank = u32::try_from(n).unwrap();
            Candidate { endpoint: Arc::new(Endpoint::new(n, 0, model, &n.to_string())), rank, weight: 1 }
        };
        let list = models.iter().enumerate().map(endpoint).collect();
        let never = Trip { failures: u32::MAX, recovery_ms: 1 };
        let trips = Trips { endpoint: never, connection: never, credential: never };
        Self {
            candidates: Candidates::new(list, Criterion::USUAL.into()),
            sessions: Sessions::new(0),
            rules: Rules { trips, ..Rules::default() },
            now_ms: 1_000_000,
        }
    }

    /// Who is called, and for how long is waited, where every call comes to `verdict`.
    fn run(&mut self, mut verdict: impl FnMut(usize) -> Verdict) -> (Vec<usize>, Vec<u64>, Course) {
        let (mut called, mut waits) = (Vec::new(), Vec::new());
        let mut course = Course::new(None, 7);
        loop {
            let scene = Scene {
                now_ms: self.now_ms,
                candidates: &self.candidates,
                sessions: &self.sessions,
                rules: &self.rules,
                fits: &|_| true,
            };
            match course.next(&scene) {
                Move::GiveUp => return (called, waits, course),
                Move::Wait(ms) => {
                    waits.push(ms);
                    self.now_ms += ms;
                }
                Move::Call(choice) => {
                    let is_repeat = course.is_repeat(choice.at);
                    course.called(choice.at, &scene);
                    called.push(choice.at);
                    let verdict = verdict(choice.at);
                    let mut ticket = self.candidates.list()[choice.at].endpoint.begin(choice.claim).repeated(is_repeat);
                    ticket.tell(self.now_ms, &verdict, &self.rules.trips);
                    if course.failed(choice.at, &verdict) == Next::Answer {
                        return (called, waits, course);
                    }
                }
            }
        }
    }
}

const LIMITED: Verdict = Verdict { blame: Blame::Limit, next: Next::Any, wait_ms: 2_000, is_told: true, limits: None };
const MISSING: Verdict = Verdict { blame: Blame::Missing, ..Verdict::NONSENSE };

#[test]
fn every_endpoint_is_called_once_and_a_few_more_than_that() {
    assert_eq!(World::new(&["m"; 2]).run(|_| Verdict::BROKEN).0, [0, 1, 0]);
    assert_eq!(World::new(&["m"; 5]).run(|_| Verdict::BROKEN).0, [0, 1, 2, 3, 4]);
    // As long as it makes sense to anybody.
    assert_eq!(World::new(&["m"; 40]).run(|_| Verdict::BROKEN).0.len(), 16);
    // What would be said again is not asked again, and what all would say is the answer.
    assert_eq!(World::new(&["m"; 2]).run(|_| Verdict::NONSENSE).0, [0, 1]);
    assert_eq!(World::new(&["m"; 2]).run(|_| Verdict { next: Next::Answer, ..Verdict::UNFIT }).0, [0]);
}

#[test]
fn the_pause_before_a_repeated_call_grows_and_is_never_the_same() {
    let mut world = World::new(&["m"]);
    world.rules.attempts = 7;
    let (called, waits, _) = world.run(|_| Verdict::BROKEN);
    assert_eq!((called.len(), waits.len()), (7, 6));
    for (n, wait) in waits.iter().enumerate() {
        assert!(*wait < 100 << n, "{waits:?}");
    }
    assert!(waits.iter().sum::<u64>() > 100, "{waits:?}");
    // The provider's traffic does not bear more of them: ten at once, then one for every five calls.
    let calls: usize = (0..100).map(|_| world.run(|_| Verdict::BROKEN).0.len()).sum();
    assert!((130..=136).contains(&calls), "{calls}");
}

#[test]
fn all_waits_together_are_not_longer_than_promised() {
    let mut world = World::new(&["m", "m"]);
    world.rules = Rules { attempts: 10, max_wait_ms: 5_000, ..world.rules };
    let (called, waits, course) = world.run(|_| LIMITED);
    assert_eq!((called, course.calls()), (vec![0, 1, 0, 1, 0, 1], 6), "{waits:?}");
    let waited: u64 = waits.iter().sum();
    assert!((4_000..5_000 + 100 * 15).contains(&waited), "{waits:?}");
    world.rules.max_wait_ms = 1_999;
    world.now_ms += 60_000;
    assert_eq!(world.run(|_| LIMITED).0, [0, 1]);
}

#[test]
fn after_one_that_lacks_the_model_only_those_that_are_known_to_have_it_are_asked() {
    let mut world = World::new(&["m", "", "m"]);
    let (called, _, course) = world.run(|_| MISSING);
    assert_eq!(called, [0, 2]);
    let scene = Scene {
        now_ms: world.now_ms,
        candidates: &world.candidates,
        sessions: &world.sessions,
        rules: &world.rules,
        fits: &|endpoint| endpoint.provider != 2,
    };
    let fitting: Vec<bool> = world.candidates.list().iter().map(|c| course.fits(&c.endpoint, &scene)).collect();
    assert_eq!(fitting, [true, false, false]);
    assert_eq!(course.soonest_ms(&scene), None);
    world.candidates.list()[0].endpoint.state.breaker.shut(world.now_ms + 7);
    world.candidates.list()[2].endpoint.state.breaker.shut(world.now_ms + 3);
    assert_eq!(course.soonest_ms(&scene), Some(7));
}

/// Asks for the only endpoint until the probe of somebody else is back after `probe_ms`; what comes of it, and the waits.
fn asked_during_a_probe(probe_ms: u64, rules: Rules) -> (Move, Vec<u64>) {
    let mut world = World::new(&["m"]);
    world.rules = Rules { trips: Trips::default(), ..rules };
    let endpoint = Arc::clone(&world.candidates.list()[0].endpoint);
    endpoint.state.breaker.shut(world.now_ms);
    let claim = endpoint.claim(world.now_ms, &world.rules.trips);
    assert!(claim.is_some());
    let mut ticket = Some(endpoint.begin(claim));
    let back_ms = world.now_ms + probe_ms;
    let (mut course, mut waits) = (Course::new(None, 7), Vec::new());
    loop {
        if world.now_ms >= back_ms
            && let Some(mut ticket) = ticket.take()
        {
            ticket.tell(world.now_ms, &Verdict::FINE, &world.rules.trips);
        }
        let scene = Scene {
            now_ms: world.now_ms,
            candidates: &world.candidates,
            sessions: &world.sessions,
            rules: &world.rules,
            fits: &|_| true,
        };
        match course.next(&scene) {
            Move::Wait(ms) => {
                assert_eq!(course.soonest_ms(&scene), Some(1_000), "what a client is told that does not wait");
                waits.push(ms);
                world.now_ms += ms;
            }
            end => return (end, waits),
        }
    }
}

#[test]
fn who_comes_while_somebody_else_probes_waits_for_what_that_shows() {
    let (end, waits) = asked_during_a_probe(2_500, Rules::default());
    let Move::Call(choice) = end else { panic!("{end:?} after {waits:?}") };
    assert!(!choice.is_probe);
    let waited: u64 = waits.iter().sum();
    assert!((2_500..3_700).contains(&waited) && waits.iter().all(|ms| *ms <= 1_000), "{waits:?}");
    // A probe that takes very long, or a client that does not wait.
    let (end, waits) = asked_during_a_probe(50_000, Rules::default());
    assert!(end == Move::GiveUp && (10_000..=20_000).contains(&waits.iter().sum::<u64>()), "{waits:?}");
    let rules = Rules { max_wait_ms: 0, ..Rules::default() };
    assert_eq!(asked_during_a_probe(50_000, rules), (Move::GiveUp, vec![]));
    let rules = Rules { max_wait_ms: 300, ..Rules::default() };
    let (end, waits) = asked_during_a_probe(50_000, rules);
    assert!(end == Move::GiveUp && waits.len() < 4, "{waits:?}");
}

#[test]
fn one_request_that_is_forbidden_everywhere_costs_one_credential_at_most() {
    let mut world = World::new(&["m"; 4]);
    world.rules.trips = Trips::default();
    let forbidden = Verdict { blame: Blame::Forbidden, ..Verdict::NONSENSE };
    for _ in 0..2 {
        // Each key has been refused twice already.
        for candidate in world.candidates.list() {
            candidate.endpoint.begin(None).tell(world.now_ms, &forbidden, &world.rules.trips);
        }
    }
    let (called, _, _) = world.run(|_| forbidden);
    assert_eq!(called, [0, 1, 2, 3]);
    let now_ms = world.now_ms;
    let shut = world.candidates.list().iter().map(|c| matches!(c.endpoint.ready(now_ms), Ready::No(..)));
    assert_eq!(shut.collect::<Vec<_>>(), [true, false, false, false]);
}

/// `well` answers, everybody else breaks off; who is called for one request after the other.
fn one_after_the_other(world: &mut World, requests: usize, well: usize) -> Vec<Vec<usize>> {
    let verdict = |at: usize| {
        if at == well { Verdict { blame: Blame::Nobody, next: Next::Answer, ..LIMITED } } else { Verdict::BROKEN }
    };
    (0..requests).map(|_| world.run(verdict).0).collect()
}

#[test]
fn a_request_that_has_failed_goes_to_who_serves_others_well() {
    let mut world = World::new(&["m"; 5]);
    let endpoints: Vec<_> = world.candidates.list().iter().map(|c| Arc::clone(&c.endpoint)).collect();
    let list = endpoints.iter().map(|e| Candidate { endpoint: Arc::clone(e), rank: 0, weight: 1 }).collect();
    world.candidates = Candidates::new(list, Criterion::USUAL.into());
    for endpoint in endpoints.iter().take(4) {
        endpoint.begin(None).tell(world.now_ms, &Verdict::BROKEN, &world.rules.trips);
    }
    // The breakers stay shut, and the lots fall on anybody first; then the one that is well is found at once.
    for called in one_after_the_other(&mut world, 20, 4) {
        assert!(called.len() <= 2 && called.last() == Some(&4), "{called:?}");
    }
}

#[test]
fn a_request_that_failed_everywhere_else_tries_who_is_left_alone() {
    let mut world = World::new(&["m"; 3]);
    let trip = Trip { failures: 1, recovery_ms: 60_000 };
    world.rules.trips = Trips { endpoint: trip, ..world.rules.trips };
    // The second is left alone; nobody asks it while the first serves.
    let second = Arc::clone(&world.candidates.list()[1].endpoint);
    second.begin(None).tell(world.now_ms, &Verdict::BROKEN, &world.rules.trips);
    assert_eq!(one_after_the_other(&mut world, 1, 0), [[0]]);
    assert!(matches!(second.ready(world.now_ms), Ready::No(..)));
    // The others fail, and the second, which has recovered, is found to have.
    assert_eq!(one_after_the_other(&mut world, 1, 1), [[0, 2, 1]]);
    assert_eq!(second.ready(world.now_ms), Ready::Yes);
    // Nobody is well: each is asked once more, for the same request alone; then nobody is any more.
    assert_eq!(one_after_the_other(&mut world, 2, 9), [vec![1, 0, 2], vec![]]);
    // A key that is refused is no hope.
    world.now_ms += 60_000;
    world.candidates.list()[2].endpoint.key.breaker.shut(u64::MAX >> 16);
    assert_eq!(one_after_the_other(&mut world, 1, 9), [[0, 1]]);
}
