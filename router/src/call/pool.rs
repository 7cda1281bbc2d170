//! Endpoints of which each request gets one that serves it: chosen by [`crate::pick`], the next where one fails.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderMap;

use super::answer::Source;
use super::clock::System;
use super::judge::{Failure, Good, Judge, unreachable};
use super::prepare::{Prepared, Unprepared, prepare};
use super::underway::Underway;
use super::{Answer, Client, Clock, Endpoint, Failed, Routing, Status, routing};
use crate::convert::{Asked, Context, Path};
use crate::error::{Kind, Problem};
use crate::pick::affinity::{Signs, recognise};
use crate::pick::course::{Course, Move, Scene};
use crate::pick::endpoint::{Endpoint as Known, Ready, Why};
use crate::pick::mix;
use crate::pick::order::{By, Candidates, Choice};
use crate::pick::session::Sessions;
use crate::pick::verdict::{Next, Verdict};

/// Endpoints that serve requests in each other's place.
///
/// They are asked in the order in which they are given, unless their priorities say otherwise; a conversation stays with
/// the endpoint that served it last, which holds its prompt cache. Who fails is left alone for a while, and its first call
/// afterwards shows whether it has recovered. [`Pool::with_routing`] changes all of this.
///
/// ```no_run
/// use tokenrouter::Protocol;
/// use tokenrouter::call::{Client, Endpoint, Pool, Timeouts};
/// use tokenrouter::convert::{Asked, Context};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let claude = Endpoint::preset("anthropic", "claude-sonnet-4-5").ok_or("no such preset")?.with_key("sk-ant-…")?;
/// let gpt = Endpoint::preset("openai", "gpt-5").ok_or("no such preset")?.with_key("sk-…")?;
/// let pool = Pool::new(Client::new(Timeouts::default(), 8), vec![claude, gpt]);
///
/// let body = br#"{"model":"any","messages":[{"role":"user","content":"Hello"}]}"#;
/// match pool.ask(Asked::new(Protocol::OpenAi, body), Context::default()).await {
///     Ok(mut answer) => {
///         while let Some(piece) = answer.next().await {
///             print!("{}", String::from_utf8_lossy(&piece?));
///         }
///         println!("endpoint {}: {:?}", answer.endpoint(), answer.end());
///     }
///     Err(problem) => println!("{}", problem.sentence()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pool {
    client: Client,
    endpoints: Vec<Endpoint>,
    routing: Routing,
    /// What is known of each endpoint, by its place.
    states: Vec<Arc<Known>>,
    candidates: Candidates,
    sessions: Sessions,
    clock: Arc<dyn Clock>,
    dice: AtomicU64,
}

impl Pool {
    /// A pool of `endpoints`, the preferred one first, called through `client`.
    pub fn new(client: Client, endpoints: Vec<Endpoint>) -> Self {
        let (states, routing) = (routing::states(&endpoints), Routing::default());
        let (candidates, sessions) = rooms(&states, &routing);
        let dice = AtomicU64::new(RandomState::new().hash_one(0));
        Self { client, endpoints, routing, states, candidates, sessions, clock: Arc::new(System), dice }
    }

    /// Chooses between the endpoints as `routing` says.
    #[must_use]
    pub fn with_routing(mut self, routing: Routing) -> Self {
        (self.candidates, self.sessions) = rooms(&self.states, &routing);
        self.routing = routing;
        self
    }

    /// Goes by `clock` and not by the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Chooses the same whenever the same is asked: the dice start at `seed`.
    #[must_use]
    pub fn with_dice(mut self, seed: u64) -> Self {
        self.dice = AtomicU64::new(seed);
        self
    }

    /// The endpoints, by their places.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// What is known of each endpoint now.
    pub fn status(&self) -> Vec<Status> {
        let now_ms = self.now_ms();
        self.states.iter().map(|state| Status::of(state, now_ms)).collect()
    }

    /// Asks endpoints what the client asks, in whatever protocol each speaks, until one answers; the answer is in the
    /// client's protocol.
    ///
    /// An endpoint that speaks the client's own protocol gets the client's bytes, with nothing but `model` changed and
    /// the usage of a Chat stream asked for. A failure moves on to the next as long as the caller has seen nothing:
    /// no connection, an error status, an error at the beginning of a stream, an answer that makes no sense, a request
    /// that cannot be said in this endpoint's protocol. A request that a provider refuses as wrong does not.
    ///
    /// # Errors
    ///
    /// What is wrong with the request, or why nobody answers; [`Problem::body`] tells it to the client.
    pub async fn ask(&self, asked: Asked<'_>, context: Context) -> Result<Answer, Problem> {
        self.ask_with_headers(&HeaderMap::new(), asked, context).await
    }

    /// The same for a client whose `headers` are known: agents name their conversation in one of them. None is sent on.
    ///
    /// # Errors
    ///
    /// See [`Self::ask`].
    pub async fn ask_with_headers(
        &self,
        headers: &HeaderMap,
        asked: Asked<'_>,
        context: Context,
    ) -> Result<Answer, Problem> {
        let known = self
            .candidates
            .wants_session()
            .then(|| recognise(Signs { salt: 0, headers, protocol: asked.protocol, body: asked.body }));
        let mut course = Course::new(known.flatten(), self.roll());
        let (mut failures, mut refusal) = (Vec::new(), None);
        loop {
            let step = course.next(&self.scene());
            let choice = match step {
                Move::Call(choice) => choice,
                Move::Wait(ms) => {
                    self.clock.wait(ms).await;
                    continue;
                }
                Move::GiveUp => return Err(self.give_up(&course, refusal)),
            };
            let Some((endpoint, known)) = self.at(&choice) else { return Err(self.give_up(&course, refusal)) };
            // Written anew for each: another may speak another protocol.
            let prepared = match prepare(endpoint, asked, &context) {
                Ok(prepared) => prepared,
                Err(Unprepared::Wrong(problem)) => return Err(problem),
                Err(Unprepared::Unfit(problem)) => {
                    failures.push(Failed { endpoint: known.provider, problem: problem.clone() });
                    keep(&mut refusal, Failure { problem, verdict: Verdict::UNFIT, weight: 0 });
                    continue;
                }
            };
            let ticket = known.begin(choice.claim).repeated(course.is_repeat(choice.at));
            course.called(choice.at, &self.scene());
            let underway = Underway::begin(ticket, &self.clock, self.routing.rules.trips);
            match self.attempt(endpoint, asked, &context, prepared, underway).await {
                Ok(answer) => {
                    course.served(choice.at, &self.scene());
                    return Ok(Answer { endpoint: known.provider, why: choice.by, failures, ..answer });
                }
                Err(failure) if course.failed(choice.at, &failure.verdict) == Next::Answer => {
                    return Err(failure.problem);
                }
                Err(failure) => {
                    failures.push(Failed { endpoint: known.provider, problem: failure.problem.clone() });
                    keep(&mut refusal, failure);
                }
            }
        }
    }

    fn now_ms(&self) -> u64 {
        self.clock.uptime_us() / 1_000
    }

    fn roll(&self) -> u64 {
        mix(self.dice.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed))
    }

    fn scene(&self) -> Scene<'_> {
        let Self { candidates, sessions, routing, .. } = self;
        Scene { now_ms: self.now_ms(), candidates, sessions, rules: &routing.rules, fits: &|_| true }
    }

    fn at(&self, choice: &Choice) -> Option<(&Endpoint, &Arc<Known>)> {
        let known = &self.candidates.list().get(choice.at)?.endpoint;
        self.endpoints.get(known.provider).map(|endpoint| (endpoint, known))
    }

    /// Nobody served it: the best that can be told.
    fn give_up(&self, course: &Course, refusal: Option<Failure>) -> Problem {
        if self.endpoints.is_empty() {
            let said = "there is no endpoint to ask";
            return Problem::new(Kind::Unavailable, "no_endpoint", said, "Add one to the pool.");
        }
        let scene = self.scene();
        let shut = |known: &Arc<Known>| match known.ready(scene.now_ms) {
            Ready::No(_, why) => Some(why),
            Ready::Yes | Ready::Probe => None,
        };
        let mut problem = refusal.map_or_else(
            || {
                let is_limited = self.states.iter().all(|known| shut(known) == Some(Why::Limited));
                let kind = if is_limited { Kind::RateLimited } else { Kind::Unavailable };
                let mut reasons: Vec<&str> = self.states.iter().filter_map(shut).map(Why::as_str).collect();
                reasons.dedup();
                reasons.truncate(3);
                let said = format!("no endpoint can be asked now ({})", reasons.join(", "));
                Problem::new(kind, "no_endpoint_available", said, "Try again later.")
            },
            |refusal| refusal.problem,
        );
        if problem.retry_after_s.is_none()
            && (problem.kind == Kind::Unavailable || problem.code == "no_endpoint_available")
        {
            let soonest_ms = course.soonest_ms(&scene);
            problem.retry_after_s = soonest_ms.and_then(|ms| u32::try_from(ms.div_ceil(1_000).max(1)).ok());
        }
        problem
    }

    async fn attempt(
        &self,
        endpoint: &Endpoint,
        asked: Asked<'_>,
        context: &Context,
        prepared: Prepared,
        mut underway: Underway,
    ) -> Result<Answer, Failure> {
        let Prepared { body, stream, losses, way } = prepared;
        let list = asked.path.list && endpoint.protocol() == asked.protocol;
        let request = endpoint.request(body, Path { stream, list, ..asked.path });
        let told = match request {
            Err(e) => Err(Failure {
                problem: Problem::new(Kind::Internal, "bad_url", e.to_string(), ""),
                verdict: Verdict::UNFIT,
                weight: 0,
            }),
            Ok(request) => match self.client.send(request).await {
                Err(e) => Err(unreachable(endpoint, &e)),
                Ok(response) => {
                    let idle = self.client.timeouts().idle;
                    Judge { endpoint, asked, context, idle, underway: &underway }.judge(response, way).await
                }
            },
        };
        let Good { content_type, mut body, verdict } = told.inspect_err(|failure| underway.tell(&failure.verdict))?;
        underway.tell(&verdict);
        if let Source::Relay(relay) = &mut body {
            relay.observer_mut().hold(underway);
        }
        Ok(Answer { endpoint: 0, why: By::Only, failures: Vec::new(), losses, content_type, body })
    }
}

/// The candidates, and room to remember conversations where these have a say.
fn rooms(states: &[Arc<Known>], routing: &Routing) -> (Candidates, Sessions) {
    let candidates = routing::candidates(states, routing);
    let life_ms = if candidates.wants_session() { routing.session_life_ms } else { 0 };
    (candidates, Sessions::new(life_ms))
}

fn keep(kept: &mut Option<Failure>, failure: Failure) {
    if kept.as_ref().is_none_or(|kept| failure.weight >= kept.weight) {
        *kept = Some(failure);
    }
}
