//! Five providers that fail in every way there is, at random but by a seed, while at least one is well.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use torod::clock::Clock;

use crate::act::{Act, Speech};
use crate::rig::{Ending, HEAD, Rig, alias, provider};
use crate::upstream::{Upstream, untrusted};

const SEED: u64 = 0x5eed_0004;
/// The providers that fall ill and heal; a fifth has a certificate that nobody trusts.
const HEALING: usize = 4;
/// Requests at least until the next change of who is ill.
const PHASE: usize = 400;
/// Requests at most until then; more wait for those that hang.
const LONG_PHASE: usize = 1_000;
/// So far the clock moves with each request, in milliseconds.
const STEP_MS: i64 = 400;
const CLIENTS: usize = 64;

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn dice(of: &[u64]) -> u64 {
    of.iter().fold(SEED, |seed, n| mix(seed ^ mix(n.wrapping_add(0x9e37_79b9_7f4a_7c15))))
}

/// What an ill provider does: each in ways of its own.
fn ill(who: usize, roll: u64) -> Act {
    match (who, roll % 3) {
        (0, 0) => Act::with(429, "retry-after", "7"),
        (0, 1) => Act::status(429),
        (0, _) => Act::status(503),
        (1, 0) => Act::Hang,
        (1, 1) => Act::HangAfter(0),
        (1, _) => Act::Slow(150, Box::new(Act::Html(502))),
        (2, 0) => Act::ResetBeforeHead,
        (2, _) => Act::ResetMidBody,
        (_, 0) => Act::ErrorAfter(0),
        (_, 1) => Act::status(404),
        _ => Act::CutAfter(0, roll.is_multiple_of(2)),
    }
}

/// Who is well throughout a phase and the next: without such a one nobody could serve while the others recover.
fn steady(phase: usize) -> usize {
    (dice(&[1, phase as u64]) % HEALING as u64) as usize
}

/// Whether one is well without fail in a phase.
fn is_steady(who: usize, phase: usize) -> bool {
    who == steady(phase) || (phase > 0 && who == steady(phase - 1))
}

/// Whether one fails nearly always in a phase.
fn is_ill(who: usize, phase: usize) -> bool {
    dice(&[5, phase as u64, who as u64]) % 5 < 3 && !is_steady(who, phase)
}

/// The changes of who is ill. A request sees one of them at most, however long it hangs: whoever is well for two phases
/// is well for all of it.
#[derive(Default)]
struct Phases {
    now: AtomicUsize,
    /// Requests of this phase so far, and those under way: of the phase before, of this one.
    under_way: Mutex<(usize, [usize; 2])>,
    left: Notify,
}

impl Phases {
    fn now(&self) -> usize {
        self.now.load(Relaxed)
    }

    /// A request begins; the phase that it belongs to.
    async fn enter(&self) -> usize {
        loop {
            let left = self.left.notified();
            if let Some(phase) = self.try_enter() {
                return phase;
            }
            left.await;
        }
    }

    fn try_enter(&self) -> Option<usize> {
        let mut held = self.under_way.lock().unwrap();
        let (begun, under_way) = &mut *held;
        if *begun >= PHASE && under_way[0] == 0 {
            *under_way = [under_way[1], 0];
            *begun = 0;
            self.now.fetch_add(1, Relaxed);
        }
        if *begun >= LONG_PHASE {
            return None;
        }
        *begun += 1;
        under_way[1] += 1;
        Some(self.now())
    }

    fn leave(&self, phase: usize) {
        let mut held = self.under_way.lock().unwrap();
        held.1[usize::from(phase == self.now())] -= 1;
        self.left.notify_waiters();
    }
}

struct Chaos {
    rig: Rig,
    sent: AtomicUsize,
    phases: Arc<Phases>,
    attempts: AtomicU64,
    failures: Mutex<Vec<String>>,
}

async fn chaos(routing: &str) -> Arc<Chaos> {
    let up: Vec<_> = (0..HEALING).map(|at| Upstream::start(&format!("p{at}"), &["m"])).collect();
    // Those that hang are waited for; a machine that stands still for a second must not look like one of them.
    let hasty = "timeouts = { connect = \"5s\", first_byte = \"4s\", idle = \"4s\" }";
    let mut text = HEAD.to_owned();
    for (at, up) in up.iter().enumerate() {
        up.keeps(false);
        text += &provider(&format!("p{at}"), &up.url(), hasty);
    }
    text += &provider("p4", &untrusted().await, hasty);
    // All of one rank, the first that would refuse the handshake included.
    text += &alias("pool", &["- p4 m", "- p0 m", "- p1 m", "- p2 m", "- p3 m"]);
    text = text.replace("name = \"pool\"", "name = \"pool\"\norder = [\"affinity\", \"latency\"]");
    text += &format!("[routing]\nprobe = false\n{routing}");
    let rig = Rig::of(up, &text, Clock::fixed(1_800_000_000_000)).await;
    Arc::new(Chaos {
        rig,
        sent: AtomicUsize::default(),
        phases: Arc::default(),
        attempts: AtomicU64::new(0),
        failures: Mutex::default(),
    })
}

impl Chaos {
    /// `judge` says what is wrong with an answer, if anything is.
    async fn run(
        self: &Arc<Self>,
        requests: usize,
        ask: fn(usize) -> (Speech, bool),
        judge: fn(&crate::rig::Outcome) -> Option<&'static str>,
    ) {
        let began = Instant::now();
        self.sent.store(0, Relaxed);
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..CLIENTS {
            let me = Arc::clone(self);
            clients.spawn(async move {
                loop {
                    let n = me.sent.fetch_add(1, Relaxed);
                    if n >= requests || began.elapsed() > Duration::from_mins(5) {
                        return;
                    }
                    let phase = me.phases.enter().await;
                    me.rig.clock.advance(STEP_MS);
                    let (speech, stream) = ask(n);
                    let outcome = me.rig.ask(speech, "pool", stream, &format!("question {n}"), &[]).await;
                    me.phases.leave(phase);
                    me.attempts.fetch_add(outcome.header("x-tokenrouter-attempts").parse().unwrap_or(1), Relaxed);
                    if let Some(why) = judge(&outcome) {
                        let path = format!("/admin/api/routes/{}", outcome.header("x-request-id"));
                        let route = me.rig.daemon.get(&path).await.text();
                        let said = format!("{n} {speech:?} stream={stream}: {why}: {outcome:?}: {route}");
                        me.failures.lock().unwrap().push(said);
                    }
                }
            });
        }
        while let Some(ended) = clients.join_next().await {
            ended.unwrap();
        }
        assert!(self.sent.load(Relaxed) >= requests, "not even {requests} requests in five minutes");
    }

    fn stop_here(self: Arc<Self>) -> Rig {
        Arc::into_inner(self).unwrap().rig
    }
}

fn anything(n: usize) -> (Speech, bool) {
    let roll = dice(&[2, n as u64]);
    let speech = match roll % 10 {
        0 => Speech::Anthropic,
        1 => Speech::Responses,
        _ => Speech::OpenAi,
    };
    (speech, roll & 64 != 0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaos_before_the_first_content_is_seen_by_nobody() {
    let requests = 20_000;
    // As many as there are: what broke off may have worked, and no more than `attempts` of such are paid for.
    let chaos = chaos("attempts = 5\n").await;
    for who in 0..HEALING {
        let phases = Arc::clone(&chaos.phases);
        chaos.rig.up[who].does(move |ask| {
            let phase = phases.now();
            let roll = dice(&[3, who as u64, ask.n]);
            match roll % 100 {
                // The ill fail nearly always, the well now and then.
                0..90 if is_ill(who, phase) => ill(who, roll >> 8),
                98 if !is_steady(who, phase) => ill(who, roll >> 8),
                _ => Act::Ok,
            }
        });
    }
    let began = Instant::now();
    chaos.run(requests, anything, |outcome| (!outcome.is_good()).then_some("not a good answer")).await;
    let took = began.elapsed();
    let failures = std::mem::take(&mut *chaos.failures.lock().unwrap());
    let first: Vec<_> = failures.iter().take(5).collect();
    assert!(failures.is_empty(), "{} of {requests} failed: {first:#?}", failures.len());
    let attempts = chaos.attempts.load(Relaxed) as f64 / requests as f64;
    println!("{requests} requests in {took:?}, {} phases, {attempts:.3} attempts each", chaos.phases.now());
    assert!(attempts <= 1.3, "{attempts} attempts per request");

    // Everybody heals: nobody is left out for what it once was.
    for up in &chaos.rig.up {
        up.always(Act::Ok);
    }
    chaos.rig.clock.advance(10 * 60_000);
    chaos.run(200, anything, |_| None).await;
    chaos.rig.clock.advance(60_000);
    chaos.rig.seen();
    chaos.run(2_000, anything, |outcome| (!outcome.is_good()).then_some("after all have healed")).await;
    let seen = chaos.rig.seen();
    assert!(chaos.failures.lock().unwrap().is_empty(), "{:?}", chaos.failures.lock().unwrap().first());
    assert!(seen.iter().all(|calls| *calls >= 100), "somebody starves: {seen:?}");
    chaos.stop_here().stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaos_after_the_first_content_ends_each_stream_with_an_error() {
    let requests = 6_000;
    let chaos = chaos("breaker = { failures = 1000 }\n").await;
    for who in 0..HEALING {
        chaos.rig.up[who].does(move |ask| {
            let roll = dice(&[4, who as u64, ask.n]);
            match (roll >> 8) % 40 {
                0..9 => Act::CutAfter(2, true),
                9..18 => Act::CutAfter(2, false),
                18..28 => Act::ResetAfter(2),
                28 => Act::HangAfter(2),
                29..38 => Act::ErrorAfter(2),
                _ => Act::Ok,
            }
        });
    }
    let ask = |n: usize| (anything(n).0, true);
    chaos
        .run(requests, ask, |outcome| match (outcome.status, outcome.ending, outcome.pieces) {
            (200, Ending::Error, 2) if outcome.broken.is_none() => None,
            (200, Ending::Clean, _) if outcome.is_good() && outcome.pieces == crate::act::PIECES => None,
            (200, Ending::Clean, _) => Some("a cut stream ended clean"),
            (_, Ending::Nothing, _) => Some("it ended with nothing, or hung"),
            _ => Some("something else"),
        })
        .await;
    let failures = std::mem::take(&mut *chaos.failures.lock().unwrap());
    let first: Vec<_> = failures.iter().take(5).collect();
    assert!(failures.is_empty(), "{} of {requests}: {first:#?}", failures.len());
    let calls: u64 = chaos.rig.seen().iter().sum();
    assert!(calls >= requests as u64, "{calls} streams were begun");
    chaos.stop_here().stop().await;
}
