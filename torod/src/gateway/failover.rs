//! One request, one endpoint after the other until one of them serves it: before the client has seen anything.

mod ask;
mod auto;
mod end;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::{HeaderMap, Response};
use tokenrouter::error::Problem;
use tokenrouter::peek::Peek;
use tokenrouter::pick::affinity::{self, Known, Signs};
use tokenrouter::pick::course::{Course, Move, Rules, Scene};
use tokenrouter::pick::endpoint::Endpoint;
use tokenrouter::pick::mix;
use tokenrouter::pick::name::Unknown;
use tokenrouter::pick::order::Choice;
use tokenrouter::pick::table::Found;
use tokenrouter::pick::verdict::{Blame, Next, Verdict};
use tokenrouter::protocol::Protocol;

pub(super) use ask::CHOICE;

use super::attempt::{self, Full, Prepared, Target};
use super::entry::{self, Call};
use super::exchange::{Attempt, Exchange};
use super::fit::Fit;
use super::judge::{Asked, Bad, Good, judge};
use super::lane::Way;
use super::queue::Queue;
use super::refusal::{BUSY, Refusal, UNFIT, weight};
use super::reply::Reply;
use super::rights::May;
use super::shed::Shedding;
use super::{another_key, quota, reject, translated};
use crate::access::budget::Reservation;
use crate::app::App;
use crate::lifecycle::Gauge;
use crate::telemetry::metrics::Stage;
use crate::upstreams;
use crate::upstreams::decisions::{Step, Steps};
use crate::upstreams::misses;
use crate::upstreams::provider::Provider;
use crate::upstreams::snapshot::Snapshot;

/// One request on its way from endpoint to endpoint.
struct Journey<'l, 'm> {
    live: &'l Arc<Snapshot>,
    fit: Fit<'l, 'm>,
    course: Course,
    /// How much is tried.
    rules: Rules,
    /// The time of the last decision.
    now_ms: u64,
    /// Calls that the provider may have worked on although nothing came of them.
    worked: usize,
    steps: Steps,
    /// What was used for the last call, for the next one.
    exchange: Option<Box<Exchange>>,
    refusal: Option<Box<Refusal>>,
    /// What went wrong is what the client is to be told.
    is_answer: bool,
    /// How the model was chosen, where a virtual one was asked for.
    auto: Option<Box<auto::Told>>,
    /// That model's number.
    chosen: Option<u32>,
    shedding: Shedding,
    /// The endpoint that is asked once more without what it refused: no failure of it, and no repeated call.
    again: Option<Choice>,
    is_again: bool,
    queue: Queue,
}

/// An answer that goes to the client.
struct Served {
    good: Good,
    exchange: Box<Exchange>,
    way: Way,
    said: HeaderMap,
    provider: Arc<Provider>,
    protocol: Protocol,
}

/// Serves `call`, whose body says `peek`.
pub(super) async fn run(call: &mut Call, live: &Arc<Snapshot>, peek: &Peek<'_>) -> Response<Reply> {
    let asked = peek.model.as_ref();
    if let Some(of) = upstreams::auto::means(live, asked) {
        // Boxed like every future that most requests do not need.
        return Box::pin(auto::run(call, live, peek, of)).await;
    }
    match live.table.resolve(asked) {
        Ok(found) => serve(call, live, peek, found).await,
        Err(unknown) => Box::pin(unknown_name(call, live, peek, unknown)).await,
    }
}

/// Serves a request for a name that nobody lists, if a second look finds it.
async fn unknown_name(call: &mut Call, live: &Arc<Snapshot>, peek: &Peek<'_>, unknown: Unknown) -> Response<Reply> {
    let asked = peek.model.as_ref();
    let learnt = misses::learn(&call.app.live, asked, &unknown, &call.app.clock).await;
    if let Some(live) = &learnt
        && let Ok(found) = live.table.resolve(asked)
    {
        return serve(call, live, peek, found).await;
    }
    let unknown = May::of(&call.caller).unknown(learnt.as_ref().unwrap_or(live), unknown);
    entry::refused(call, &reject::unknown_model(asked, unknown))
}

/// Serves a request for a name that means something.
async fn serve(call: &mut Call, live: &Arc<Snapshot>, peek: &Peek<'_>, found: Found<'_, '_>) -> Response<Reply> {
    let asked = peek.model.as_ref();
    let surface = call.surface;
    // What the gateway asks for itself, its operator may.
    let may = if call.purpose.is_some() { May::default() } else { May::of(&call.caller) };
    if !may.allows_any(live, &found) {
        return entry::refused(call, &may.refusal(live, asked, call.now_ms));
    }
    let mut reservation = match quota::reserve(call, live, &found, &may, call.purpose.is_none()) {
        Ok(reservation) => reservation,
        Err(problem) => return entry::refused(call, &problem),
    };
    let wants_session = surface.is_conversation() && found.candidates.wants_session();
    let salt = if wants_session { affinity::salt(call.caller.token_id(), asked) } else { 0 };
    let known = if wants_session {
        affinity::recognise(Signs { salt, headers: &call.headers, protocol: surface.protocol(), body: &call.body })
    } else {
        None
    };
    let mut journey = Journey::new(call, live, Fit::new(live, found, surface, may), known);
    match journey.serve(call, peek, salt, &mut reservation).await {
        Some(served) => journey.tell(call, asked, served).await,
        None => journey.refuse(call, asked),
    }
}

impl<'l, 'm: 'l> Journey<'l, 'm> {
    /// The journey of `call` in the conversation `known`, to whoever fits.
    fn new(call: &Call, live: &'l Arc<Snapshot>, fit: Fit<'l, 'm>, known: Option<Known>) -> Self {
        Self {
            live,
            fit,
            course: Course::new(known, mix(call.exchange_id.0.cast_unsigned())),
            rules: live.rules.course,
            now_ms: 0,
            worked: 0,
            steps: Steps::default(),
            exchange: None,
            refusal: None,
            is_answer: false,
            auto: None,
            chosen: None,
            shedding: Shedding::default(),
            again: None,
            is_again: false,
            queue: Queue::default(),
        }
    }

    /// Tries until somebody serves it, or nobody can.
    async fn serve(
        &mut self,
        call: &mut Call,
        peek: &Peek<'_>,
        salt: u64,
        reservation: &mut Option<Reservation>,
    ) -> Option<Served> {
        loop {
            self.is_again = self.again.is_some();
            let mut choice = match self.again.take().map_or_else(|| self.next(&call.app), Move::Call) {
                Move::Call(choice) => choice,
                Move::Wait(wait_ms) => {
                    tokio::time::sleep(Duration::from_millis(wait_ms)).await;
                    continue;
                }
                Move::GiveUp => {
                    // Boxed like every future that most requests do not need.
                    let at = Box::pin(self.queue.wait(call, &self.live.limits)).await?;
                    self.course.try_again(at);
                    continue;
                }
            };
            let candidates = self.fit.found.candidates;
            let endpoint = &candidates.list().get(choice.at)?.endpoint;
            let target = match Target::of(self.live, endpoint, self.fit.found.model, self.fit.surface) {
                Ok(target) => target,
                Err(problem) => {
                    self.skip(endpoint, problem, UNFIT);
                    continue;
                }
            };
            let alias = self.fit.found.alias.and_then(|at| self.live.aliases.get(at)).and_then(|alias| alias.lossy);
            // Written anew for each: another may speak another protocol.
            let mut prepared = match attempt::prepare(call, self.live, peek, &target, alias, choice.by).await {
                Ok(prepared) => prepared,
                Err(problem) => {
                    self.skip(endpoint, problem, UNFIT);
                    continue;
                }
            };
            let is_next = |gauge: &Arc<Gauge>| self.queue.is_next(gauge);
            let permits = match attempt::permits(&call.app, self.live, target.provider, peek.stream, is_next) {
                Ok(permits) => permits,
                Err(Full { problem, gauge }) => {
                    self.queue.saw(choice.at, gauge);
                    self.skip(endpoint, *problem, BUSY);
                    continue;
                }
            };
            let pace = match quota::pace(call, self.live, &target, &prepared) {
                Ok(pace) => pace,
                Err(problem) => {
                    self.skip(endpoint, problem, BUSY);
                    continue;
                }
            };
            self.queue.leave();
            let now_ms = call.app.clock.now_ms();
            let named = !endpoint.model.is_empty();
            let model: Arc<str> = if named { Arc::clone(&endpoint.model) } else { target.model.into() };
            let (degraded, degraded_fields) = translated::degraded(&prepared.said);
            let attempt = Attempt {
                id: call.app.ids.attempt(now_ms),
                provider: Arc::clone(target.provider),
                ticket: Some(
                    endpoint.begin(choice.claim.take()).repeated(!self.is_again && self.course.is_repeat(choice.at)),
                ),
                endpoint: Arc::clone(endpoint),
                home: candidates.home(choice.at)?,
                model_asked: (*peek.model != *model).then(|| peek.model.as_ref().into()),
                model,
                protocol: target.route.protocol,
                stream: peek.stream,
                input: std::mem::take(&mut prepared.input),
                chosen: self.chosen,
                picked: self.picked(call),
                remember: prepared.remember.take(),
                began: call.app.clock.instant(),
                began_ms: now_ms,
                first_byte_us: 0,
                status: 0,
                degraded,
                degraded_fields,
                blame: Blame::Nobody,
                permits,
                pace,
            };
            if let Some((read_at, metrics)) = call.read_at.take().zip(call.app.metrics.as_ref()) {
                metrics.overheads.add(Stage::Prepare, read_at, attempt.began);
            }
            if let Some((tracer, trace)) = call.app.tracer.as_ref().zip(call.trace.as_ref()) {
                tracer.hand_on(trace, attempt.id.0, prepared.upstream.headers_mut());
            }
            let current = match self.exchange.take() {
                Some(exchange) => exchange.again(attempt),
                None => Exchange::begin(call.opening(Arc::clone(self.live), salt, reservation.take())?, attempt),
            };
            match self.attempt(call, peek, &choice, &target, prepared, current).await {
                Ok(served) => return Some(served),
                Err((used, verdict)) => {
                    self.exchange = Some(used);
                    if self.shedding.again(call, self.live, peek, &target, alias, choice.by).await {
                        (self.again, self.refusal) = (Some(choice), None);
                        continue;
                    }
                    self.is_answer = self.course.failed(choice.at, &verdict) == Next::Answer;
                    let status = self.steps.last().map_or(0, |step| step.status);
                    if let Some(key) = another_key::renewable(&target.route, &verdict, status) {
                        let max_wait = Duration::from_millis(self.live.rules.course.max_wait_ms);
                        // Boxed like every future that most requests do not need.
                        if Box::pin(another_key::comes(key, endpoint, max_wait, &call.app.clock)).await {
                            self.course.try_again(choice.at);
                            continue;
                        }
                    }
                    // What a provider has worked on is paid for, so that others are not asked without end.
                    if self.is_answer || self.worked >= self.live.rules.course.attempts {
                        return None;
                    }
                }
            }
        }
    }

    /// One call. What fails is recorded, and kept to be told.
    async fn attempt(
        &mut self,
        call: &Call,
        peek: &Peek<'_>,
        choice: &Choice,
        target: &Target<'l>,
        prepared: Prepared,
        mut exchange: Box<Exchange>,
    ) -> Result<Served, (Box<Exchange>, Verdict)> {
        let app = &call.app;
        let provider = Arc::clone(target.provider);
        let endpoint = exchange.endpoint();
        if !self.is_again {
            self.in_scene(|course, scene| course.called(choice.at, scene));
        }
        provider.calls.fetch_add(1, Ordering::Relaxed);
        let began = exchange.began();
        let mut step = Step {
            provider: Arc::clone(&provider.name),
            credential: provider.credentials().get(endpoint.credential).map(|c| Arc::clone(&c.label)),
            model: exchange.model(),
            by: choice.by,
            is_probe: choice.is_probe,
            status: 0,
            blame: Blame::Nobody,
            without: prepared.said.get(translated::DEGRADED).cloned(),
            took_ms: 0,
        };
        let protocol = target.route.protocol;
        let Prepared { upstream, way, mut said, claim, .. } = prepared;
        if let Some(seen) = exchange.seen() {
            seen.sends(&upstream);
        }
        let mut sent = provider.client.send(upstream).await;
        if let Some(seen) = exchange.seen() {
            seen.gets(&mut sent);
        }
        let now_ms = app.clock.now_ms();
        let (stream, credential, model) = (peek.stream, endpoint.credential, &step.model);
        let asked = Asked { provider: &provider, protocol, stream, credential, model };
        let judged = judge(sent, asked, now_ms).await;
        let now = app.clock.instant();
        let took = now.saturating_duration_since(began);
        step.took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        match judged {
            Ok(good) => {
                step.status = good.head.status.as_u16();
                if let Some(conversation) = claim {
                    app.memory.claim(&exchange.origin(), &conversation);
                }
                exchange.answered(step.status, &good.verdict, now, now_ms);
                self.steps.push(step);
                self.in_scene(|course, scene| course.served(choice.at, scene));
                let way = match way {
                    Way::Native { hide_usage } => translated::mend(call, &provider, target.model, &good, peek.stream)
                        .map_or(Way::Native { hide_usage }, |back| Way::Translated(Box::new(back))),
                    way @ Way::Translated(_) => way,
                };
                Ok(Served { good, exchange, way, said, provider, protocol })
            }
            Err(bad) => {
                self.shedding.heard(&bad);
                let Bad { problem, verbatim, verdict, outcome, status, reported, input_was_seen } = *bad;
                let recorded = if status == 0 { problem.http_status(self.fit.surface.protocol()) } else { status };
                exchange.failed(recorded, outcome, &verdict, reported, input_was_seen);
                self.worked += usize::from(input_was_seen);
                (step.status, step.blame) = (status, verdict.blame);
                if verdict.blame == Blame::Missing {
                    misses::vanished(self.live, &provider, self.fit.found.how, &app.clock);
                }
                self.steps.push(step);
                self.say(&mut said, &provider, &peek.model);
                let verbatim = verbatim.filter(|_| target.native);
                self.keep(Refusal { problem, verbatim, said, weight: weight(&verdict) });
                Err((exchange, verdict))
            }
        }
    }

    /// What decisions depend on, for one of them.
    fn in_scene<T>(&mut self, decide: impl FnOnce(&mut Course, &Scene<'_>) -> T) -> T {
        let fit = &self.fit;
        let fits = |endpoint: &Endpoint| fit.fits(endpoint);
        let scene = Scene {
            now_ms: self.now_ms,
            candidates: fit.found.candidates,
            sessions: &fit.live.sessions,
            rules: &self.rules,
            fits: &fits,
        };
        decide(&mut self.course, &scene)
    }

    fn next(&mut self, app: &App) -> Move {
        self.now_ms = app.clock.uptime_ms();
        self.in_scene(Course::next)
    }

    /// No call is made to `endpoint` after all, because of `problem`. Whether it has recovered is left to whoever chooses
    /// it next, as soon as this choice is dropped.
    fn skip(&mut self, endpoint: &Endpoint, problem: Problem, weight: u8) {
        if weight == UNFIT {
            self.fit.rule_out(endpoint);
        }
        self.keep(Refusal { problem, verbatim: None, said: HeaderMap::new(), weight });
    }

    fn keep(&mut self, refusal: Refusal) {
        if self.refusal.as_ref().is_none_or(|kept| refusal.weight >= kept.weight) {
            self.refusal = Some(Box::new(refusal));
        }
    }
}
