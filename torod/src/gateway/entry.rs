//! The straight line of one inference request: identify, read, route, call, relay.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use tokenrouter::auto::Virtual;
use tokenrouter::auto::features::Features;
use tokenrouter::call::Relay;
use tokenrouter::error::Problem;
use tokenrouter::peek::Peek;
use tokenrouter::pick::affinity::{self, Signs};
use tokenrouter::pick::endpoint::Ready;
use tokenrouter::protocol::Protocol;
use tokenrouter::surface::Surface;
use tokenrouter_shared::ids::ExchangeId;

use super::asker::Asker;
use super::declined::Declined;
use super::exchange::{Exchange, Opening};
use super::in_path::InPath;
use super::judge::Good;
use super::reply::Reply;
use super::request_id::{self, RequestId};
use super::rights::May;
use super::{asides, compact, failover, headers, intake, reject, remaining, watch};
use crate::access::budget::Reservation;
use crate::access::caller::{self, Caller};
use crate::access::rate::{self, Places};
use crate::access::wall::Moment;
use crate::app::App;
use crate::clock::Clock;
use crate::conversations::watch::Watch;
use crate::lifecycle::InFlight;
use crate::problem;
use crate::server::connection::Peer;
use crate::telemetry::metrics::{Overheads, Stage};
use crate::telemetry::trace::Trace;
use crate::upstreams::auto::{self, choice::Question};
use crate::upstreams::misses;
use crate::upstreams::provider::Provider;
use crate::upstreams::snapshot::Snapshot;

/// Answers one inference request on `surface`.
pub async fn serve(app: Arc<App>, peer: Peer, surface: Surface, request: Request<Incoming>) -> Response<Reply> {
    let now_ms = app.clock.now_ms();
    let exchange_id = app.ids.exchange(now_ms);
    let request_id = RequestId::of(request.headers(), exchange_id.0);
    if app.lifecycle.is_draining() {
        return problem::stopping(surface.protocol(), &request_id);
    }
    let is_measured = app.metrics.is_some() && Overheads::is_measured(exchange_id.0);
    let arrived = is_measured.then(|| app.clock.instant());
    let live = app.live.load();
    let in_flight = app.lifecycle.enter();
    let trace = app.tracer.as_ref().and_then(|tracer| tracer.begin(request.headers(), exchange_id.0, now_ms));
    let refused = |problem: Problem, who: Option<(&Caller, &HeaderMap)>| {
        let caller = who.map(|(caller, _)| caller);
        let declined =
            Declined { app: &app, surface, exchange_id, request_id: &request_id, caller, trace: trace.as_ref() };
        declined.log(&problem);
        declined.end_trace(&problem);
        if let Some((caller, headers)) = who {
            let asker = Asker::of(caller, peer.address(), headers, &Bytes::new());
            declined.record(&asker, None, now_ms, &problem);
        }
        let mut response = problem::respond(&problem, surface.protocol(), &request_id);
        if let Some(caller) = caller {
            remaining::tell(caller, surface.protocol(), Moment::of(&app.clock), response.headers_mut());
        }
        response
    };
    if app.lifecycle.in_flight() > live.limits.concurrent {
        return refused(reject::full("requests", live.limits.concurrent, "limits.concurrent"), None);
    }
    let (mut head, body) = request.into_parts();
    let in_path = if surface == Surface::Generate { InPath::of(&mut head) } else { InPath::default() };
    let caller = match caller::identify(&head.headers, peer, &app.tokens, now_ms, live.allow_loopback) {
        Ok(caller) => caller,
        Err(problem) => return refused(problem, None),
    };
    let places = match rate::let_in(&caller, &app.pace, &live.limits, &app.clock) {
        Ok(places) => places,
        Err(problem) => return refused(problem, Some((&caller, &head.headers))),
    };
    if let Some((metrics, arrived)) = app.metrics.as_ref().zip(arrived) {
        metrics.overheads.add(Stage::Admit, arrived, app.clock.instant());
    }
    let body = match intake::read(&head.headers, body, live.max_body_bytes, &app.unpacking).await {
        Ok(body) => body,
        Err(problem) => return refused(problem, Some((&caller, &head.headers))),
    };
    drop(live);
    let read_at = arrived.map(|_| app.clock.instant());
    // The path alone: a query may hold a key.
    let target = caller.token().filter(|token| token.inspect_until_ms > now_ms).map(|_| head.uri.path().into());
    let headers = head.headers;
    let asker = Asker::of(&caller, peer.address(), &headers, &body);
    let in_flight = Some(in_flight);
    let mut call = Call {
        app,
        surface,
        purpose: None,
        now_ms,
        exchange_id,
        request_id,
        in_flight,
        places,
        caller,
        asker,
        headers,
        in_path,
        body,
        read_at,
        trace,
        target,
        watch: None,
    };
    if surface == Surface::Compact {
        // Boxed like every future that most requests do not need.
        return Box::pin(compact::run(call)).await;
    }
    call.watch = watch::begin(&call, peer);
    let watch = call.watch.clone();
    let response = run(&mut call).await;
    match watch {
        Some(watch) => watch::hear(&watch, response),
        None => response,
    }
}

/// A request that was let in and read.
pub struct Call {
    /// The daemon's handles.
    pub app: Arc<App>,
    /// What is asked for.
    pub surface: Surface,
    /// The virtual model that somebody is to be chosen for, where the gateway itself asks who.
    pub purpose: Option<Virtual>,
    /// When it came, in Unix milliseconds.
    pub now_ms: i64,
    /// The exchange's number.
    pub exchange_id: ExchangeId,
    /// The same as the client knows it.
    pub request_id: RequestId,
    /// Its place among what is under way.
    pub in_flight: Option<InFlight>,
    /// Its places among its token's requests.
    pub places: Places,
    /// Who asks.
    pub caller: Caller,
    /// The program that asks, and in which conversation.
    pub asker: Asker,
    /// The client's headers.
    pub headers: HeaderMap,
    /// What Gemini's clients say in the path.
    pub in_path: InPath,
    /// The body, unpacked.
    pub body: Bytes,
    /// When it was there, where it is measured what the gateway itself takes.
    pub read_at: Option<Instant>,
    /// The trace that it belongs to, where there is somebody to see it.
    pub trace: Option<Arc<Trace>>,
    /// The path that was asked for, where that may be kept.
    pub target: Option<Box<str>>,
    /// Gathers what is kept of it, where somebody wants that.
    pub watch: Option<Arc<Watch>>,
}

impl Call {
    /// Puts what is left of its token's limits into an answer's headers.
    pub(super) fn tell_remaining(&self, to: &mut HeaderMap) {
        remaining::tell(&self.caller, self.surface.protocol(), Moment::of(&self.app.clock), to);
    }

    /// What its exchange begins with; none a second time.
    pub(super) fn opening(
        &mut self,
        live: Arc<Snapshot>,
        salt: u64,
        reservation: Option<Reservation>,
    ) -> Option<Opening> {
        Some(Opening {
            app: Arc::clone(&self.app),
            in_flight: self.in_flight.take()?,
            id: self.exchange_id,
            request_id: self.request_id.clone(),
            surface: self.surface,
            said_as: self.purpose.map_or(self.surface.as_str(), |_| failover::CHOICE),
            caller: self.caller.clone(),
            live,
            salt,
            reservation,
            places: std::mem::take(&mut self.places),
            asker: self.asker.clone(),
            trace: self.trace.clone(),
            watch: self.watch.clone(),
        })
    }
}

/// Answers a request that was let in and read.
pub async fn run(call: &mut Call) -> Response<Reply> {
    let live = call.app.live.load();
    let body = call.body.clone();
    let peek = if call.surface == Surface::Generate {
        Peek::in_path(&body, &call.in_path.model, call.in_path.stream)
    } else {
        Peek::read(&body)
    };
    if let Err(problem) = asides::check(call) {
        return refused(call, &problem);
    }
    match peek {
        Ok(peek) => failover::run(call, &live, &peek).await,
        Err(e) => refused(call, &reject::unreadable(&e)),
    }
}

/// The answer to a request that no call was made for.
pub(super) fn refused(call: &Call, problem: &Problem) -> Response<Reply> {
    let declined = Declined {
        app: &call.app,
        surface: call.surface,
        exchange_id: call.exchange_id,
        request_id: &call.request_id,
        caller: Some(&call.caller),
        trace: call.trace.as_ref(),
    };
    declined.log(problem);
    // Once somebody was called, the exchange tells how it ended.
    if call.in_flight.is_some() {
        declined.end_trace(problem);
        // A question of ours that nobody was asked is nothing that a client would look for.
        if call.purpose.is_none() {
            declined.record(&call.asker, Some((&call.body, &call.in_path)), call.now_ms, problem);
        }
    }
    let mut response = problem::respond(problem, call.surface.protocol(), &call.request_id);
    call.tell_remaining(response.headers_mut());
    response
}

/// The model that `asked` stands for in a question beside a conversation in `protocol`, and what may be used of it: itself, or
/// what would be chosen for it there.
pub(super) fn named<'a>(
    app: &App,
    live: &Snapshot,
    asked: &'a str,
    protocol: Protocol,
    (headers, caller, body): (&HeaderMap, &Caller, &Bytes),
) -> Result<(Cow<'a, str>, May), Problem> {
    let may = May::of(caller);
    let Some((of, surface)) = auto::means(live, asked).zip(Surface::conversation(protocol)) else {
        return Ok((Cow::Borrowed(asked), may));
    };
    let cards = live.told.cards(live, app.clock.now_ms());
    let features = Features::read(protocol, body);
    let mut question = Question::new(live, &cards.pool, of, surface, &features, app.clock.uptime_ms());
    question.permit(&|id| may.allows_target(live, asked, id));
    let salt = affinity::salt(caller.token_id(), asked);
    match question.now(affinity::recognise(Signs { salt, headers, protocol, body })) {
        // It may stand for several, of which only some may be used.
        Some(choice) => Ok((Cow::Owned(choice.target), may.asked_as(asked))),
        None if question.is_restricted() => Err(may.refusal(live, asked, app.clock.now_ms())),
        None => Err(auto::nobody(asked, "every candidate is left out")),
    }
}

/// The provider of a model, one of its credentials, and the model's name there; of those that `may` be used.
pub(super) fn find<'l>(
    live: &'l Snapshot,
    asked: &'l str,
    may: &May,
    clock: &Clock,
) -> Result<(Arc<Provider>, usize, &'l str), Problem> {
    let now_ms = clock.uptime_ms();
    let found = live.table.resolve(asked).map_err(|unknown| {
        // Whoever asks once more may find it.
        drop(misses::look_again(live, now_ms));
        reject::unknown_model(asked, may.unknown(live, unknown))
    })?;
    if !may.allows_any(live, &found) {
        return Err(may.refusal(live, asked, clock.now_ms()));
    }
    let mut list = found.candidates.list().iter().filter(|c| may.allows_endpoint(live, &found, &c.endpoint)).peekable();
    let first = list.peek().copied();
    let ready = list.find(|c| !matches!(c.endpoint.ready(now_ms), Ready::No(..)));
    let endpoint = &ready.or(first).ok_or_else(|| reject::no_target(asked))?.endpoint;
    let provider = live.providers.get(endpoint.provider).ok_or_else(reject::lost_provider)?;
    let model = if endpoint.model.is_empty() { found.model } else { &endpoint.model };
    Ok((Arc::clone(provider), endpoint.credential, model))
}

pub(super) fn with_headers(mut response: Response<Reply>, said: HeaderMap) -> Response<Reply> {
    response.headers_mut().extend(said);
    response
}

/// The provider's answer, passed on as it comes.
pub(super) fn relay(
    exchange: Box<Exchange>,
    good: Good,
    mut said: HeaderMap,
    protocol: Protocol,
    provider: &Provider,
    hide_usage: bool,
) -> Response<Reply> {
    let Good { head, body, .. } = good;
    said.insert(request_id::HEADER, exchange.request_id().header().clone());
    let status = head.status;
    let is_stream =
        head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    headers::hand_on(head.headers, &mut said, headers::goes_downstream);
    let idle = provider.client.timeouts().idle;
    let relay = if is_stream {
        // Reverse proxies hold streams back unless told not to.
        said.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        Relay::stream(body, protocol, hide_usage, idle, exchange)
    } else {
        Relay::whole(body, protocol, idle, exchange)
    };
    let mut response = Response::new(Reply::Relay(Box::new(relay)));
    *response.status_mut() = status;
    *response.headers_mut() = said;
    response
}

/// A text in JSON, with the exchange's id.
pub fn json(body: Bytes, id: &RequestId) -> Response<Reply> {
    let mut response = Response::new(Reply::from(body));
    response.headers_mut().insert(CONTENT_TYPE, problem::JSON);
    response.headers_mut().insert(request_id::HEADER, id.header().clone());
    response
}
