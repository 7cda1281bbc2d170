//! A pool over many requests: who gets them, who is left alone and for how long, and how much is tried.
#![cfg(feature = "client")]
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tokenrouter::Protocol;
use tokenrouter::call::clock::Wait;
use tokenrouter::call::{Answer, Client, Clock, Endpoint, Finish, Pool, Routing, Timeouts};
use tokenrouter::catalog::BaseUrl;
use tokenrouter::convert::{Asked, Context};
use tokenrouter::error::{Kind, Problem};
use tokenrouter::pick::course::Rules;
use tokenrouter::pick::endpoint::{Ready, Why};
use tokenrouter::pick::order::{By, Criterion};
use tokenrouter_simulator::{Settings, Simulator};

const BODY: &[u8] = br#"{"model":"any","messages":[{"role":"user","content":"hello"}]}"#;
const STREAM: &[u8] = br#"{"model":"any","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
const START_US: u64 = 1_000_000_000;

/// A clock that stands still unless somebody waits for it or moves it.
#[derive(Clone, Debug)]
struct ByHand(Arc<AtomicU64>);

impl ByHand {
    fn forward(&self, ms: u64) {
        self.0.fetch_add(ms * 1_000, Ordering::Relaxed);
    }

    fn passed_ms(&self) -> u64 {
        (self.0.load(Ordering::Relaxed) - START_US) / 1_000
    }
}

impl Clock for ByHand {
    fn uptime_us(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn unix_ms(&self) -> i64 {
        1_700_000_000_000 + i64::try_from(self.passed_ms()).unwrap()
    }

    fn wait(&self, ms: u64) -> Wait<'_> {
        self.forward(ms);
        Box::pin(std::future::ready(()))
    }
}

async fn simulator(api_key: Option<&str>) -> Simulator {
    let api_key = api_key.map(str::to_owned);
    let settings = Settings { chunks: 3, interval: Duration::ZERO, api_key, ..Settings::default() };
    Simulator::start(([127, 0, 0, 1], 0).into(), settings).await.unwrap()
}

fn endpoint(simulator: &Simulator, model: &str, key: &str) -> Endpoint {
    let url = BaseUrl::parse(&simulator.url()).unwrap();
    Endpoint::new(Protocol::OpenAi, url, model).with_key(key).unwrap()
}

fn pool(endpoints: Vec<Endpoint>) -> (Pool, ByHand) {
    let clock = ByHand(Arc::new(AtomicU64::new(START_US)));
    let client = Client::new(Timeouts { first_byte: Duration::from_secs(20), ..Timeouts::default() }, 8);
    (Pool::new(client, endpoints).with_clock(clock.clone()).with_dice(7), clock)
}

async fn ask(pool: &Pool, session: &str, body: &[u8]) -> Result<Answer, Problem> {
    let mut headers = HeaderMap::new();
    if !session.is_empty() {
        headers.insert("session-id", HeaderValue::from_str(session).unwrap());
    }
    pool.ask_with_headers(&headers, Asked::new(Protocol::OpenAi, body), Context::default()).await
}

/// Who serves a request of `session`, and why.
async fn served(pool: &Pool, session: &str) -> (usize, By) {
    let answer = ask(pool, session, BODY).await.unwrap();
    (answer.endpoint(), answer.why())
}

fn ready(pool: &Pool) -> Vec<Ready> {
    pool.status().iter().map(|status| status.ready).collect()
}

#[tokio::test]
async fn conversations_stay_with_the_key_that_served_them_first() {
    let simulator = simulator(None).await;
    let keys = (0..4).map(|n| endpoint(&simulator, "ok", &format!("sk-{n}")).with_priority(0));
    let (pool, _) = pool(keys.collect());
    let mut homes: HashMap<String, usize> = HashMap::new();
    for _ in 0..5 {
        for conversation in 0..40 {
            let session = format!("conversation {conversation}");
            let (at, why) = served(&pool, &session).await;
            match homes.insert(session, at) {
                None => assert_eq!(why, By::Criterion(Criterion::Latency)),
                Some(home) => assert_eq!((at, why), (home, By::Criterion(Criterion::Affinity))),
            }
        }
    }
    let mut counts = [0; 4];
    for at in homes.values() {
        counts[*at] += 1;
    }
    assert!(counts.iter().all(|count| *count >= 3), "{counts:?}");
    assert_eq!(pool.status().iter().map(|status| status.calls).sum::<u64>(), 200);
    simulator.stop().await;
}

#[tokio::test]
async fn a_refused_key_is_left_alone_and_only_its_conversations_move() {
    let (open, strict) = (simulator(None).await, simulator(Some("sk-right")).await);
    let (first, second) = (endpoint(&strict, "ok", "sk-wrong"), endpoint(&strict, "ok", "sk-right"));
    let (pool, clock) = pool(vec![first.with_priority(0), second.with_priority(0), endpoint(&open, "ok", "sk-3")]);
    for n in 0..20 {
        assert_eq!(served(&pool, &format!("session {n}")).await.0, 1);
    }
    assert_eq!(pool.status()[0].calls, 1, "it is not asked again");
    assert_eq!(ready(&pool)[0], Ready::No(START_US / 1_000 + 300_000, Why::Credential));
    // After its time one call shows that nothing has changed.
    clock.forward(300_000);
    for n in 20..40 {
        assert_eq!(served(&pool, &format!("session {n}")).await.0, 1);
    }
    assert_eq!((pool.status()[0].calls, pool.status()[0].failures), (2, 2));
    open.stop().await;
    strict.stop().await;
}

#[tokio::test]
async fn who_fails_is_left_alone_until_one_call_shows_that_it_has_recovered() {
    let (failing, well) = (simulator(None).await, simulator(None).await);
    let (pool, clock) = pool(vec![endpoint(&failing, "s503x3", "a"), endpoint(&well, "ok", "b")]);
    for _ in 0..3 {
        assert_eq!(served(&pool, "").await, (1, By::Fallback));
    }
    assert_eq!(ready(&pool), [Ready::No(START_US / 1_000 + 60_000, Why::Failing), Ready::Yes]);
    assert_eq!(served(&pool, "").await, (1, By::Criterion(Criterion::Priority)));
    assert_eq!(served(&pool, "a conversation").await.0, 1);
    assert_eq!(failing.calls().len(), 3);
    clock.forward(60_000);
    assert_eq!(ready(&pool)[0], Ready::Probe);
    // A conversation that has found a home stays there; others go where they went before.
    assert_eq!(served(&pool, "a conversation").await, (1, By::Criterion(Criterion::Affinity)));
    assert_eq!(served(&pool, "").await, (0, By::Criterion(Criterion::Priority)));
    assert_eq!(ready(&pool), [Ready::Yes, Ready::Yes]);
    assert_eq!(served(&pool, "a conversation").await.0, 1);
    failing.stop().await;
    well.stop().await;
}

#[tokio::test]
async fn the_only_one_over_its_limit_is_waited_for_and_not_longer_than_promised() {
    let simulator = simulator(None).await;
    let (once, clock) = pool(vec![endpoint(&simulator, "s429x1", "a")]);
    let answer = ask(&once, "", BODY).await.unwrap();
    let failures: Vec<_> = answer.failures().iter().map(|failed| (failed.endpoint, failed.problem.code)).collect();
    assert_eq!((answer.endpoint(), answer.why(), failures), (0, By::Only, vec![(0, "rate_limited")]));
    assert!((50..1_000).contains(&clock.passed_ms()), "{}", clock.passed_ms());

    // It asks for two seconds each time, and there is one to wait.
    let rules = Rules { max_wait_ms: 1_000, ..Rules::default() };
    let (never, clock) = pool(vec![endpoint(&simulator, "s429ra2", "b")]);
    let never = never.with_routing(Routing { rules, ..Routing::default() });
    let problem = ask(&never, "", BODY).await.unwrap_err();
    assert_eq!((problem.kind, problem.retry_after_s, clock.passed_ms()), (Kind::RateLimited, Some(2), 0));
    // The next is told so without a call.
    let calls = simulator.calls().len();
    let problem = ask(&never, "", BODY).await.unwrap_err();
    let told = (problem.kind, problem.code, problem.retry_after_s, simulator.calls().len());
    assert_eq!(told, (Kind::RateLimited, "no_endpoint_available", Some(2), calls));
    simulator.stop().await;
}

#[tokio::test]
async fn repeated_calls_stay_a_small_part_of_the_traffic() {
    let simulator = simulator(None).await;
    let (pool, _) = pool(vec![endpoint(&simulator, "s500", "a")]);
    let trips = tokenrouter::pick::endpoint::Trips {
        endpoint: tokenrouter::pick::breaker::Trip { failures: u32::MAX, recovery_ms: 1 },
        ..Rules::default().trips
    };
    let pool = pool.with_routing(Routing { rules: Rules { trips, ..Rules::default() }, ..Routing::default() });
    for _ in 0..100 {
        assert_eq!(ask(&pool, "", BODY).await.unwrap_err().kind, Kind::UpstreamFailed);
    }
    // Ten at once, then one for every five calls.
    let calls = simulator.calls().len();
    assert!((130..=138).contains(&calls), "{calls}");
    simulator.stop().await;
}

#[tokio::test]
async fn when_nobody_can_be_asked_the_soonest_recovery_is_told() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = BaseUrl::parse(&format!("http://{gone}")).unwrap();
    let (pool, clock) = pool(vec![
        Endpoint::new(Protocol::OpenAi, url.clone(), "one"),
        Endpoint::new(Protocol::Gemini, url, "two").with_key("k").unwrap(),
    ]);
    let problem = ask(&pool, "", BODY).await.unwrap_err();
    assert_eq!(problem.code, "upstream_unreachable");
    clock.forward(20_500);
    let problem = ask(&pool, "", BODY).await.unwrap_err();
    let told = (problem.kind, problem.code, problem.retry_after_s);
    assert_eq!(told, (Kind::Unavailable, "no_endpoint_available", Some(100)));
    assert!(problem.sentence().contains("unreachable"), "{problem:?}");
    // Both are at one address: the second was not called once the first could not be reached.
    assert_eq!(pool.status().iter().map(|status| status.calls).collect::<Vec<_>>(), [1, 0]);
}

#[tokio::test]
async fn an_answer_that_breaks_off_later_counts_against_its_endpoint() {
    let simulator = simulator(None).await;
    let (pool, _) = pool(vec![endpoint(&simulator, "die2", "a")]);
    for n in 1..=3 {
        let mut answer = ask(&pool, "", STREAM).await.unwrap();
        assert_eq!(pool.status()[0].in_flight, 1);
        while answer.next().await.is_some() {}
        assert!(matches!(answer.end().unwrap().finish, Finish::Cut(_)), "{answer:?}");
        let status = pool.status()[0];
        assert_eq!((status.in_flight, status.calls, status.failures), (0, n, n));
    }
    // One that is not read to its end is no failure, and is no longer under way.
    drop(ask(&pool, "", STREAM).await.unwrap());
    let status = pool.status()[0];
    assert_eq!((status.in_flight, status.calls, status.failures), (0, 4, 3));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_ask_one_pool_at_once() {
    let simulator = simulator(None).await;
    let (pool, _) = pool(vec![endpoint(&simulator, "s500", "a"), endpoint(&simulator, "ok", "b")]);
    let pool = Arc::new(pool);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..64 {
        let pool = Arc::clone(&pool);
        tasks.spawn(async move { served(&pool, &format!("session {n}")).await.0 });
    }
    while let Some(at) = tasks.join_next().await {
        assert_eq!(at.unwrap(), 1);
    }
    assert!(pool.status().iter().all(|status| status.in_flight == 0));
    simulator.stop().await;
}
