//! What choosing an endpoint costs: among a thousand, by every criterion, and with all that is written down of a request.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion as Bench, criterion_group, criterion_main};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokenrouter::Protocol;
use tokenrouter::pick::affinity::{Known, Mark, Signs, recognise};
use tokenrouter::pick::breaker::{Breaker, Trip};
use tokenrouter::pick::course::{Course, Move, Rules, Scene};
use tokenrouter::pick::endpoint::Endpoint;
use tokenrouter::pick::mix;
use tokenrouter::pick::name::Provider;
use tokenrouter::pick::order::Criterion::{self, Affinity, Latency, Quota, RoundRobin, Weighted};
use tokenrouter::pick::order::{Candidate, Candidates, Choice, Wish};
use tokenrouter::pick::registry::{Identity, Registry};
use tokenrouter::pick::session::{Session, Sessions};
use tokenrouter::pick::table::{Member, Parts, Table};
use tokenrouter::pick::verdict::Verdict;

const NOW_MS: u64 = 90_000_000;
const MANY: u64 = 1_000;
const SESSION: HeaderName = HeaderName::from_static("session-id");

/// Endpoints, and who asks for them.
struct World {
    candidates: Candidates,
    sessions: Sessions,
    rules: Rules,
    dice: u64,
}

impl World {
    /// `count` endpoints of which the first `shut` of every hundred cannot be called.
    fn new(count: u64, order: &[Criterion], shut: u64) -> Self {
        let endpoint = |n: u64| {
            let endpoint = Endpoint::new(0, 0, "m", &format!("provider/key-{n}/m"));
            endpoint.state.latency.observe(NOW_MS, 100_000 + n);
            if n % 100 < shut {
                endpoint.state.breaker.shut(NOW_MS + 60_000);
            }
            Candidate { endpoint: Arc::new(endpoint), rank: 0, weight: 1 }
        };
        let candidates = Candidates::new((0..count).map(endpoint).collect(), order.into());
        Self { candidates, sessions: Sessions::new(3_600_000), rules: Rules::default(), dice: 1 }
    }

    fn roll(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.dice)
    }

    fn wish(&self, random: u64, session: Option<u64>) -> Wish<'_> {
        Wish {
            now_ms: NOW_MS,
            random,
            session: session.map(Session),
            is_opening: false,
            sessions: &self.sessions,
            tried: &[],
            fits: &|_| true,
            trips: &self.rules.trips,
        }
    }

    fn choose(&mut self, session: Option<u64>) -> Option<Choice> {
        let random = self.roll();
        self.candidates.choose(black_box(&self.wish(random, session)))
    }
}

fn choosing(c: &mut Bench) {
    let mut group = c.benchmark_group("choose among 1,000");
    for (of_all, shut) in [("all well", 0), ("10 % shut", 10)] {
        for (name, order) in [
            ("latency", &[Affinity, Latency][..]),
            ("round_robin", &[RoundRobin]),
            ("weighted", &[Affinity, Weighted]),
            ("quota", &[Quota]),
        ] {
            let mut world = World::new(MANY, order, shut);
            group.bench_function(format!("{name}, {of_all}"), |b| b.iter(|| world.choose(None)));
        }
        let mut world = World::new(MANY, &Criterion::USUAL, shut);
        group.bench_function(format!("new conversation, {of_all}"), |b| {
            b.iter(|| {
                let session = world.roll();
                world.choose(Some(session))
            });
        });
        for session in 0..MANY {
            let random = world.roll();
            let wish = world.wish(random, Some(session));
            let at = world.candidates.choose(&wish).map(|choice| choice.at);
            world.candidates.settle(at.unwrap_or(0), &wish);
        }
        group.bench_function(format!("conversation at home, {of_all}"), |b| {
            b.iter(|| {
                let session = world.roll() % MANY;
                world.choose(Some(session))
            });
        });
    }
    group.finish();
}

fn single(c: &mut Bench) {
    let mut world = World::new(1, &Criterion::USUAL, 0);
    c.bench_function("the current endpoint", |b| b.iter(|| world.choose(None)));
    let (breaker, trip) = (Breaker::default(), Trip { failures: u32::MAX, recovery_ms: 60_000 });
    let breaker: &Breaker = black_box(&breaker);
    c.bench_function("a failure is marked", |b| b.iter(|| breaker.failed(black_box(NOW_MS), trip)));
    let endpoint = Arc::new(Endpoint::new(0, 0, "m", "a"));
    let trips = Rules::default().trips;
    let mut ticket = endpoint.begin(None);
    c.bench_function("a failed call is told", |b| b.iter(|| ticket.tell(black_box(NOW_MS), &Verdict::BROKEN, &trips)));
}

/// Twenty providers with a hundred models each and two keys.
fn table() -> Table {
    let member = |n: usize| Member {
        provider: Provider {
            name: format!("provider-{n}"),
            enabled: true,
            listed: Some((0..100).map(|m| format!("model-{n}-{m}")).collect()),
        },
        declared: Vec::new(),
        credentials: 2,
    };
    let mut registry = Registry::default();
    let parts = Parts {
        providers: (0..20).map(member).collect(),
        aliases: Vec::new(),
        default: None,
        order: Criterion::USUAL.into(),
        seed: 1,
    };
    Table::new(parts, |provider, credential, model| {
        let (line, key) = (provider.to_string(), credential.to_string());
        registry.endpoint(provider, credential, Identity { line: &line, key: &key, model })
    })
}

/// One request from its model's name to the end of a call that went well.
fn request(table: &Table, sessions: &Sessions, rules: &Rules, asked: &str, dice: u64) -> Option<usize> {
    let known = Known { session: Session(mix(dice % 10_000)), mark: Mark::CacheKey, is_opening: false };
    let candidates = table.resolve(asked).ok()?.candidates;
    let scene = Scene { now_ms: NOW_MS, candidates, sessions, rules, fits: &|_| true };
    let mut course = Course::new(Some(known), mix(dice));
    let Move::Call(choice) = course.next(&scene) else { return None };
    course.called(choice.at, &scene);
    let mut ticket = candidates.list().get(choice.at)?.endpoint.begin(choice.claim);
    ticket.tell(NOW_MS, &Verdict::FINE, &rules.trips);
    course.served(choice.at, &scene);
    ticket.first_byte(NOW_MS, 100_000);
    Some(choice.at)
}

fn whole(c: &mut Bench) {
    let (table, sessions, rules) = (table(), Sessions::new(3_600_000), Rules::default());
    let mut group = c.benchmark_group("one request of 2,000 models");
    let mut dice = 0_u64;
    for asked in ["provider-7/model-7-9", "model-19-50"] {
        group.bench_function(asked, |b| {
            b.iter(|| {
                dice += 1;
                request(black_box(&table), &sessions, &rules, black_box(asked), dice)
            });
        });
    }
    group.finish();

    let body = format!(r#"{{"model":"gpt-5","messages":[{{"role":"user","content":"{}"}}]}}"#, "words ".repeat(150));
    let named = HeaderMap::from_iter([(SESSION, HeaderValue::from_static("0199a3c2-6b1e-7c41-a8f5-1d2f3c4b5a69"))]);
    for (name, headers) in [("recognise by the beginning, 1 KB", HeaderMap::new()), ("recognise by a header", named)] {
        let signs = |body| recognise(Signs { salt: 7, headers: &headers, protocol: Protocol::OpenAi, body });
        c.bench_function(name, |b| b.iter(|| signs(black_box(body.as_bytes()))));
    }
}

criterion_group!(pick, choosing, single, whole);
criterion_main!(pick);
