//! One request, one endpoint after the other until one of them serves it: before the client has seen anything.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Response};
use tokenrouter::error::{Kind, Problem};
use tokenrouter::peek::Peek;
use tokenrouter::pick::affinity::{self, Known, Signs};
use tokenrouter::pick::endpoint::{Endpoint, Ready};
use tokenrouter::pick::mix;
use tokenrouter::pick::order::{Choice, Wish};
use tokenrouter::pick::table::Found;
use tokenrouter::pick::verdict::{Blame, Next, Verdict};
use tokenrouter::protocol::Protocol;
use tokenrouter::surface::Surface;

use super::attempt::{self, Prepared, Target};
use super::entry::{self, Call, with_headers};
use super::exchange::{Attempt, Exchange};
use super::judge::{Bad, Good, judge};
use super::lane::Way;
use super::refusal::Refusal;
use super::reply::Reply;
use super::{headers, reject, said, translated};
use crate::app::App;
use crate::problem;
use crate::upstreams::decisions::{Decision, Step};
use crate::upstreams::provider::Provider;
use crate::upstreams::snapshot::Snapshot;
use crate::upstreams::unserved::{self, Shut};

/// The most endpoints that one request is tried at.
const MOST: usize = 16;
/// The longest pause before the first repeated call; doubled each time, and a random part of it is taken.
const BACKOFF_MS: u64 = 100;
/// One request waits no more often than this.
const MOST_WAITS: u32 = 16;

/// The course of one request.
struct Course<'l, 'm> {
    live: &'l Arc<Snapshot>,
    found: Found<'l, 'm>,
    surface: Surface,
    known: Option<Known>,
    dice: u64,
    /// Places of candidates that are not asked again for now.
    tried: Vec<usize>,
    /// Those of them that may be asked once more.
    again: Vec<usize>,
    /// Only endpoints that are known to have the model are of use any more.
    only_listed: bool,
    steps: Vec<Step>,
    refusal: Option<Refusal>,
    /// How often it was waited, and for how long in all.
    waits: u32,
    waited_ms: u64,
}

/// An answer that goes to the client.
struct Served {
    good: Good,
    exchange: Exchange,
    way: Way,
    said: HeaderMap,
    provider: Arc<Provider>,
    protocol: Protocol,
}

/// Serves `call`, whose body says `peek`.
pub(super) async fn run(call: &mut Call, live: &Arc<Snapshot>, peek: &Peek<'_>) -> Response<Reply> {
    let asked = peek.model.as_ref();
    let found = match live.table.resolve(asked) {
        Ok(found) => found,
        Err(unknown) => return entry::refused(call, &reject::unknown_model(asked, unknown)),
    };
    let surface = call.surface;
    let wants_session = surface.is_conversation() && found.candidates.wants_session();
    let salt = if wants_session { affinity::salt(call.caller.token_id(), asked) } else { 0 };
    let known = if wants_session {
        affinity::recognise(Signs { salt, headers: &call.headers, protocol: surface.protocol(), body: &call.body })
    } else {
        None
    };
    let mut course = Course {
        live,
        found,
        surface,
        known,
        dice: mix(call.exchange_id.0.cast_unsigned()),
        tried: Vec::new(),
        again: Vec::new(),
        only_listed: false,
        steps: Vec::new(),
        refusal: None,
        waits: 0,
        waited_ms: 0,
    };
    let served = course.serve(call, peek, salt).await;
    let Some(Served { good, exchange, way, mut said, provider, protocol }) = served else {
        let response = course.give_up(call, asked);
        course.remember(call, asked);
        return response;
    };
    course.say(&mut said, &provider, asked);
    course.remember(call, asked);
    match way {
        Way::Native { hide_usage } => entry::relay(exchange, good, said, protocol, &provider, hide_usage),
        // Boxed: its state is large, and every native request would carry room for it.
        Way::Translated(back) => {
            Box::pin(translated::answer(exchange, good, said, surface, protocol, &provider, *back)).await
        }
    }
}

impl<'l, 'm: 'l> Course<'l, 'm> {
    /// Tries until somebody serves it, or nobody can.
    async fn serve(&mut self, call: &mut Call, peek: &Peek<'_>, salt: u64) -> Option<Served> {
        let mut exchange: Option<Exchange> = None;
        loop {
            let Some(choice) = self.choose(&call.app) else {
                if self.steps.len() < self.live.rules.attempts.min(MOST) && self.wait(&call.app).await {
                    continue;
                }
                return None;
            };
            if self.steps.len() >= MOST {
                return None;
            }
            self.tried.push(choice.at);
            let candidates = self.found.candidates;
            let endpoint = &candidates.list().get(choice.at)?.endpoint;
            let target = match Target::of(self.live, endpoint, self.found.model, self.surface) {
                Ok(target) => target,
                Err(problem) => {
                    self.skip(endpoint, choice, problem, 0);
                    continue;
                }
            };
            let alias = self.found.alias.and_then(|at| self.live.aliases.get(at)).and_then(|alias| alias.lossy);
            // Written anew for each: another may speak another protocol.
            let mut prepared = match attempt::prepare(call, self.live, peek, &target, alias).await {
                Ok(prepared) => prepared,
                Err(problem) => {
                    self.skip(endpoint, choice, problem, 0);
                    continue;
                }
            };
            let permits = match attempt::permits(&call.app, self.live, target.provider, peek.stream) {
                Ok(permits) => permits,
                Err(problem) => {
                    self.skip(endpoint, choice, problem, 1);
                    continue;
                }
            };
            let now_ms = call.app.clock.now_ms();
            let named = !endpoint.model.is_empty();
            let model: Arc<str> = if named { Arc::clone(&endpoint.model) } else { target.model.into() };
            let attempt = Attempt {
                id: call.app.ids.attempt(now_ms),
                provider: Arc::clone(target.provider),
                ticket: endpoint.begin(choice.is_probe),
                model_asked: (*peek.model != *model).then(|| peek.model.as_ref().into()),
                model,
                protocol: target.route.protocol,
                stream: peek.stream,
                input: std::mem::take(&mut prepared.input),
                remember: prepared.remember.take(),
                began: call.app.clock.instant(),
                began_ms: now_ms,
                first_byte_us: 0,
                status: 0,
                permits,
            };
            let current = match exchange.take() {
                Some(exchange) => exchange.again(attempt),
                None => Exchange::begin(call.opening(Arc::clone(self.live), salt)?, attempt),
            };
            match self.attempt(call, peek, choice, &target, prepared, current).await {
                Ok(served) => return Some(served),
                Err((used, verdict)) => {
                    exchange = Some(used);
                    match verdict.next {
                        Next::Answer => return None,
                        Next::Any => self.again.push(choice.at),
                        Next::Other => {}
                    }
                    self.only_listed |= verdict.blame == Blame::Missing;
                }
            }
        }
    }

    /// One call. What fails is recorded, and kept to be told.
    async fn attempt(
        &mut self,
        call: &Call,
        peek: &Peek<'_>,
        choice: Choice,
        target: &Target<'l>,
        prepared: Prepared,
        mut exchange: Exchange,
    ) -> Result<Served, (Exchange, Verdict)> {
        let app = &call.app;
        let provider = Arc::clone(target.provider);
        let endpoint = exchange.endpoint();
        endpoint.line.called(self.live.rules.retry_percent);
        provider.calls.fetch_add(1, Ordering::Relaxed);
        let began = app.clock.instant();
        let mut step = Step {
            provider: Arc::clone(&provider.name),
            credential: provider.credentials().get(endpoint.credential).map(|c| Arc::clone(&c.label)),
            model: exchange.model(),
            by: choice.by,
            is_probe: choice.is_probe,
            status: 0,
            blame: Blame::Nobody,
            took_ms: 0,
        };
        let protocol = target.route.protocol;
        let Prepared { upstream, way, mut said, .. } = prepared;
        let judged =
            judge(provider.client.send(upstream).await, &provider, protocol, peek.stream, app.clock.now_ms()).await;
        let took = app.clock.instant().saturating_duration_since(began);
        step.took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        match judged {
            Ok(good) => {
                step.status = good.head.status.as_u16();
                exchange.answered(step.status, &good.verdict);
                self.steps.push(step);
                self.found.candidates.settle(choice.at, &self.wish(app, &|_| true));
                Ok(Served { good, exchange, way, said, provider, protocol })
            }
            Err(bad) => {
                let Bad { problem, verbatim, verdict, outcome, status, input_was_seen } = *bad;
                let recorded = if status == 0 { problem.http_status(self.surface.protocol()) } else { status };
                exchange.failed(recorded, outcome, &verdict, input_was_seen);
                (step.status, step.blame) = (status, verdict.blame);
                self.steps.push(step);
                self.say(&mut said, &provider, &peek.model);
                let verbatim = verbatim.filter(|_| target.native);
                self.keep(Refusal { problem, verbatim, said, weight: if status == 0 { 2 } else { 3 } });
                Err((exchange, verdict))
            }
        }
    }

    fn wish<'w>(&'w self, app: &App, fits: &'w dyn Fn(&Endpoint) -> bool) -> Wish<'w> {
        Wish {
            now_ms: app.clock.uptime_ms(),
            random: self.dice,
            session: self.known.map(|known| known.session),
            is_opening: self.known.is_some_and(|known| known.is_opening),
            sessions: &self.live.sessions,
            tried: &self.tried,
            fits,
            trips: &self.live.rules.trips,
        }
    }

    fn fits(&self, endpoint: &Endpoint) -> bool {
        let provider = self.live.providers.get(endpoint.provider);
        provider.is_some_and(|p| unserved::fits(p, self.surface)) && !(self.only_listed && endpoint.model.is_empty())
    }

    fn choose(&mut self, app: &App) -> Option<Choice> {
        self.dice = mix(self.dice.wrapping_add(1));
        self.found.candidates.choose(&self.wish(app, &|endpoint| self.fits(endpoint)))
    }

    /// Waits for somebody who may serve it soon; false where nobody will.
    async fn wait(&mut self, app: &App) -> bool {
        let rules = &self.live.rules;
        let now_ms = app.clock.uptime_ms();
        let jitter = u64::try_from((u128::from(mix(self.dice)) * u128::from(BACKOFF_MS << self.waits.min(6))) >> 64);
        let jitter = jitter.unwrap_or(0);
        let mut soonest: Option<(u64, usize)> = None;
        if self.waits >= MOST_WAITS {
            return false;
        }
        for (at, candidate) in self.found.candidates.list().iter().enumerate().take(MOST * 8) {
            let was_tried = self.tried.contains(&at);
            if !self.fits(&candidate.endpoint) || (was_tried && !self.again.contains(&at)) {
                continue;
            }
            let wait_ms = match candidate.endpoint.ready(now_ms) {
                Ready::Yes | Ready::Probe if was_tried => 0,
                ready => match unserved::wait_ms(rules, ready, now_ms) {
                    Some(wait_ms) => wait_ms,
                    None => continue,
                },
            };
            if self.waited_ms.saturating_add(wait_ms) <= rules.max_wait_ms
                && soonest.is_none_or(|(least, _)| wait_ms < least)
            {
                soonest = Some((wait_ms, at));
            }
        }
        let Some((wait_ms, at)) = soonest else { return false };
        let was_tried = self.tried.contains(&at);
        if was_tried && !self.found.candidates.list().get(at).is_some_and(|c| c.endpoint.line.may_repeat()) {
            return false;
        }
        self.waits += 1;
        self.waited_ms += wait_ms + jitter;
        tokio::time::sleep(Duration::from_millis(wait_ms + jitter)).await;
        self.tried.retain(|tried| *tried != at);
        self.again.retain(|again| *again != at);
        true
    }

    /// No call is made to `endpoint` after all, because of `problem`.
    fn skip(&mut self, endpoint: &Endpoint, choice: Choice, problem: Problem, weight: u8) {
        if choice.is_probe {
            endpoint.give_back();
        }
        self.keep(Refusal { problem, verbatim: None, said: HeaderMap::new(), weight });
    }

    fn keep(&mut self, refusal: Refusal) {
        if self.refusal.as_ref().is_none_or(|kept| refusal.weight >= kept.weight) {
            self.refusal = Some(refusal);
        }
    }

    /// Tells the client who serves it and why.
    fn say(&self, to: &mut HeaderMap, provider: &Provider, asked: &str) {
        if let Some(step) = self.steps.last() {
            said::route(to, provider, self.found.how, step, self.steps.len(), asked);
        }
    }

    /// Nobody served it: the best that can be told.
    fn give_up(&mut self, call: &Call, asked: &str) -> Response<Reply> {
        let protocol = self.surface.protocol();
        let Some(Refusal { mut problem, verbatim, mut said, .. }) = self.refusal.take() else {
            return entry::refused(call, &self.shut(call.app.clock.uptime_ms()).problem(asked));
        };
        if self.steps.is_empty() {
            return entry::refused(call, &problem);
        }
        said.insert(said::ATTEMPTS, HeaderValue::from(self.steps.len()));
        if let Some((head, body)) = verbatim {
            headers::filter(&head.headers, &mut said, headers::goes_downstream);
            said.remove(CONTENT_LENGTH);
            call.request_id.say(protocol, &mut said);
            let mut response = Response::new(Reply::from(body));
            *response.status_mut() = head.status;
            *response.headers_mut() = said;
            return response;
        }
        if problem.retry_after_s.is_none() && problem.kind == Kind::Unavailable {
            problem.retry_after_s = self.shut(call.app.clock.uptime_ms()).soonest_s();
        }
        with_headers(problem::respond(&problem, protocol, &call.request_id), said)
    }

    fn shut(&self, now_ms: u64) -> Shut<'_> {
        let fitting = self.found.candidates.list().iter().map(|c| &c.endpoint).filter(|e| self.fits(e)).collect();
        Shut { live: self.live, all: self.found.candidates.list(), fitting, surface: self.surface, now_ms }
    }

    fn remember(&mut self, call: &Call, asked: &str) {
        call.app.decisions.push(Decision {
            request_id: call.request_id.as_str().into(),
            at_ms: call.now_ms,
            asked: asked.into(),
            how: self.found.how,
            mark: self.known.map(|known| known.mark),
            candidates: self.found.candidates.list().len(),
            steps: std::mem::take(&mut self.steps),
        });
    }
}
