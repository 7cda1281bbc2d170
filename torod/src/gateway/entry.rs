//! The straight line of one inference request: identify, read, route, call, relay.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use hyper::body::Incoming;
use tokenrouter::call::{Pieces, Relay};
use tokenrouter::convert::Path;
use tokenrouter::envelope;
use tokenrouter::error::Problem;
use tokenrouter::peek::{Peek, PeekError};
use tokenrouter::surface::Surface;
use tokenrouter_shared::ids::ExchangeId;

use super::exchange::{Attempt, Exchange, Input};
use super::in_path::InPath;
use super::lane::{Lane, Way};
use super::reply::Reply;
use super::request_id::{self, RequestId};
use super::unfit::unfit;
use super::{compact, headers, intake, reject, stateful, translated};
use crate::access::caller::{self, Caller};
use crate::app::App;
use crate::lifecycle::{InFlight, Permit};
use crate::problem;
use crate::server::connection::Peer;
use crate::upstreams::provider::{Provider, Route};
use crate::upstreams::snapshot::Snapshot;
use crate::usage::record::Outcome;

const MODEL: HeaderName = HeaderName::from_static("x-tokenrouter-model");
const MODEL_ASKED: HeaderName = HeaderName::from_static("x-tokenrouter-model-asked");
const PROVIDER: HeaderName = HeaderName::from_static("x-tokenrouter-provider");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-tokenrouter-attempts");
const ROUTE: HeaderName = HeaderName::from_static("x-tokenrouter-route");

/// Answers one inference request on `surface`.
pub async fn serve(app: Arc<App>, peer: Peer, surface: Surface, request: Request<Incoming>) -> Response<Reply> {
    let now_ms = app.clock.now_ms();
    let exchange_id = app.ids.exchange(now_ms);
    let request_id = RequestId::of(request.headers(), exchange_id.0);
    if app.lifecycle.is_draining() {
        return problem::stopping(surface.protocol(), &request_id);
    }
    let live = app.live.load();
    let in_flight = app.lifecycle.enter();
    let refused = |problem: Problem, caller: Option<&Caller>| {
        log_refusal(&app, surface, &request_id, caller, &problem);
        problem::respond(&problem, surface.protocol(), &request_id)
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
    let body = match intake::read(&head.headers, body, live.max_body_bytes, &app.unpacking).await {
        Ok(body) => body,
        Err(problem) => return refused(problem, Some(&caller)),
    };
    drop(live);
    let headers = head.headers;
    let call = Call { app, surface, now_ms, exchange_id, request_id, in_flight, caller, headers, in_path, body };
    if surface == Surface::Compact {
        // Boxed like every future that most requests do not need.
        return Box::pin(compact::run(call)).await;
    }
    run(call).await
}

/// A request that was let in and read.
pub struct Call {
    /// The daemon's handles.
    pub app: Arc<App>,
    /// What is asked for.
    pub surface: Surface,
    /// When it came, in Unix milliseconds.
    pub now_ms: i64,
    /// The exchange's number.
    pub exchange_id: ExchangeId,
    /// The same as the client knows it.
    pub request_id: RequestId,
    /// Its place among what is under way.
    pub in_flight: InFlight,
    /// Who asks.
    pub caller: Caller,
    /// The client's headers.
    pub headers: HeaderMap,
    /// What Gemini's clients say in the path.
    pub in_path: InPath,
    /// The body, unpacked.
    pub body: Bytes,
}

/// Answers a request that was let in and read.
pub async fn run(call: Call) -> Response<Reply> {
    let Call { app, surface, now_ms, exchange_id, request_id, in_flight, caller, headers, in_path, body } = call;
    let live = app.live.load();
    let refused = |problem: Problem, caller: Option<&Caller>| {
        log_refusal(&app, surface, &request_id, caller, &problem);
        problem::respond(&problem, surface.protocol(), &request_id)
    };
    let peek = if surface == Surface::Generate {
        Peek::in_path(&body, &in_path.model, in_path.stream)
    } else {
        Peek::read(&body)
    };
    let peek = match peek {
        Ok(peek) => peek,
        Err(e) => return refused(reject::unreadable(&e), Some(&caller)),
    };
    let Chosen { provider, model, route, how } = match choose(&live, surface, &peek) {
        Ok(chosen) => chosen,
        Err(problem) => return refused(problem, Some(&caller)),
    };

    let native = route.protocol == surface.protocol();
    let remember = stateful::Remember::of(&app, surface, &peek, &body, provider, native, model);
    // What comes before, where this request continues an answer that its provider does not know.
    let mut full: Option<Bytes> = None;
    if surface == Surface::Responses && peek.previous.is_some() {
        // Boxed like every future that most requests do not need.
        match Box::pin(stateful::continued(&app, &caller, &peek, &body, provider, native)).await {
            Ok(continued) => full = continued,
            Err(problem) => return refused(problem, Some(&caller)),
        }
    }
    let path = Path { model: &in_path.model, stream: in_path.stream, list: in_path.list };
    let lane = if native {
        let sent = full.as_ref().unwrap_or(&body);
        let sealed = surface.is_conversation() && envelope::may_be_in(route.protocol, sent);
        let unsealed = if sealed { translated::unseal(&app, surface, provider, model, sent, path) } else { None };
        match (unsealed, &full) {
            (Some(lane), _) => lane,
            (None, Some(full)) => match Peek::read(full) {
                Ok(peek) => Lane::native(full, &peek, surface, provider, model),
                Err(e) => return refused(reject::unreadable(&e), Some(&caller)),
            },
            (None, None) => Lane::native(&body, &peek, surface, provider, model),
        }
    } else {
        let sent = full.as_ref().unwrap_or(&body);
        let ask = translated::Ask {
            surface,
            provider,
            protocol: route.protocol,
            model,
            body: sent,
            path,
            request_id: &request_id,
            token_id: caller.token_id(),
            lossy: caller.lossy().unwrap_or(live.lossy),
            estimated_input: Input::of(sent, true).tokens(),
            continued: full.is_some(),
            keep: remember.is_some(),
        };
        match Box::pin(translated::prepare(&app, ask)).await {
            Ok(lane) => lane,
            Err(problem) => return refused(problem, Some(&caller)),
        }
    };
    let permits = match permits(&app, &live, provider, peek.stream) {
        Ok(permits) => permits,
        Err(problem) => return refused(problem, Some(&caller)),
    };

    let spoken =
        if route.protocol == surface.protocol() { Some(surface) } else { Surface::conversation(route.protocol) };
    let list = in_path.list && route.protocol == surface.protocol();
    let Some(uri) = route.target(spoken.unwrap_or(surface), model, peek.stream, list) else {
        return refused(reject::unreadable(&PeekError::ModelLength(model.len())), Some(&caller));
    };
    let asked: Option<Arc<str>> = (peek.model != model).then(|| peek.model.as_ref().into());
    let model: Arc<str> = model.into();
    let stream = peek.stream;
    let mut said = HeaderMap::with_capacity(20);
    say_route(&mut said, provider, &model, asked.as_deref(), how);

    let attempt = Attempt {
        id: app.ids.attempt(now_ms),
        provider: Arc::clone(provider),
        model,
        model_asked: asked,
        protocol: route.protocol,
        stream,
        input: Input::of(full.as_ref().unwrap_or(&body), stream),
        remember,
        began: app.clock.instant(),
        began_ms: now_ms,
        first_byte_us: 0,
        status: 0,
        permits,
    };
    drop((body, full));
    let protocol = route.protocol;
    let (pieces, way) = lane.split(&mut said);
    let upstream = outgoing(&headers, uri, &route, pieces, &request_id, surface.protocol());
    let exchange = Exchange::begin(app, in_flight, exchange_id, request_id, surface, caller, attempt);
    match (provider.client.send(upstream).await, way) {
        (Ok(answer), Way::Native { hide_usage }) => {
            relay(exchange, answer, said, surface, protocol, provider, hide_usage)
        }
        (Ok(answer), Way::Translated(back)) => {
            // Boxed: its state is large, and every native request would carry room for it.
            Box::pin(translated::answer(exchange, answer, said, surface, protocol, provider, *back)).await
        }
        (Err(e), _) => {
            let (problem, id) = exchange.call_failed(&e);
            with_headers(problem::respond(&problem, surface.protocol(), &id), said)
        }
    }
}

/// A place among the calls to `provider`, and for a stream one among the streams.
pub(super) fn permits(
    app: &App,
    live: &Snapshot,
    provider: &Provider,
    stream: bool,
) -> Result<[Option<Permit>; 2], Problem> {
    let limits = &live.limits;
    let call = provider.in_flight.enter(limits.concurrent_per_provider);
    if call.is_none() {
        let what = format!("calls to the provider \"{}\"", provider.name);
        return Err(reject::full(&what, limits.concurrent_per_provider, "limits.concurrent_per_provider"));
    }
    if !stream {
        return Ok([call, None]);
    }
    let place = app.streams.enter(limits.concurrent_streams);
    if place.is_none() {
        return Err(reject::full("streams", limits.concurrent_streams, "limits.concurrent_streams"));
    }
    Ok([call, place])
}

/// Who serves a request.
struct Chosen<'l, 'm> {
    provider: &'l Arc<Provider>,
    model: &'m str,
    route: Route<'l>,
    how: &'static str,
}

/// The provider of a model, and the model's name there.
pub(super) fn find<'l: 'm, 'm>(live: &'l Snapshot, asked: &'m str) -> Result<(&'l Arc<Provider>, &'m str), Problem> {
    let asked = live.first_target(asked).unwrap_or(asked);
    let picked = live.names.resolve(asked).map_err(|unknown| reject::unknown_model(asked, unknown))?;
    let provider = live.providers.get(picked.provider).ok_or_else(reject::lost_provider)?;
    Ok((provider, picked.model))
}

fn choose<'l: 'm, 'm>(live: &'l Snapshot, surface: Surface, peek: &'m Peek<'_>) -> Result<Chosen<'l, 'm>, Problem> {
    let asked = peek.model.as_ref();
    let asked = live.first_target(asked).unwrap_or(asked);
    let picked = live.names.resolve(asked).map_err(|unknown| reject::unknown_model(asked, unknown))?;
    let provider = live.providers.get(picked.provider).ok_or_else(reject::lost_provider)?;
    let route = provider.route(surface).or_else(|| provider.translated(surface));
    let route = route.ok_or_else(|| reject::not_spoken(&provider.name, surface.protocol()))?;
    Ok(Chosen { provider, model: picked.model, route, how: picked.how.as_str() })
}

/// The request to the provider: the client's meaning, our credential.
fn outgoing(
    client: &HeaderMap,
    uri: Uri,
    route: &Route<'_>,
    pieces: Pieces,
    id: &RequestId,
    from: tokenrouter::Protocol,
) -> Request<Pieces> {
    let length = pieces.len();
    let mut request = Request::new(pieces);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let to = request.headers_mut();
    to.reserve(client.len() + 6);
    if from == route.protocol {
        headers::filter(client, to, headers::goes_upstream);
    } else {
        headers::filter(client, to, headers::goes_to_another_protocol);
        headers::introduce(route.protocol, to);
    }
    to.insert(CONTENT_LENGTH, HeaderValue::from(length));
    to.insert(CONTENT_TYPE, problem::JSON);
    to.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    to.insert(request_id::HEADER, id.header().clone());
    for (name, value) in route.extra.iter().chain(route.credential) {
        to.insert(name, value.clone());
    }
    request
}

fn say_route(to: &mut HeaderMap, provider: &Provider, model: &str, asked: Option<&str>, how: &'static str) {
    to.insert(PROVIDER, provider.name_header.clone());
    if let Ok(model) = HeaderValue::try_from(model) {
        to.insert(MODEL, model);
    }
    if let Some(Ok(asked)) = asked.map(HeaderValue::try_from) {
        to.insert(MODEL_ASKED, asked);
    }
    to.insert(ATTEMPTS, HeaderValue::from_static("1"));
    to.insert(ROUTE, HeaderValue::from_static(how));
}

pub(super) fn with_headers(mut response: Response<Reply>, said: HeaderMap) -> Response<Reply> {
    response.headers_mut().extend(said);
    response
}

/// What becomes of the provider's answer.
fn relay(
    mut exchange: Exchange,
    answer: Response<Incoming>,
    mut said: HeaderMap,
    surface: Surface,
    protocol: tokenrouter::Protocol,
    provider: &Provider,
    hide_usage: bool,
) -> Response<Reply> {
    let (head, body) = answer.into_parts();
    exchange.answered(head.status.as_u16());
    let kind = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if let Some(problem) = unfit(&head, kind, provider) {
        let (problem, id) = exchange.refuse(problem, Outcome::UpstreamError, false);
        let mut response = problem::respond(&problem, surface.protocol(), &id);
        if let Some(after) = head.headers.get(http::header::RETRY_AFTER) {
            response.headers_mut().insert(http::header::RETRY_AFTER, after.clone());
        }
        return with_headers(response, said);
    }
    said.insert(request_id::HEADER, exchange.request_id().header().clone());
    headers::filter(&head.headers, &mut said, headers::goes_downstream);
    let idle = provider.client.timeouts().idle;
    let is_stream = kind.starts_with(b"text/event-stream");
    let relay = if is_stream {
        // Reverse proxies hold streams back unless told not to.
        said.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        Relay::stream(body, protocol, hide_usage, idle, exchange)
    } else {
        Relay::whole(body, protocol, idle, exchange)
    };
    let mut response = Response::new(Reply::Relay(Box::new(relay)));
    *response.status_mut() = head.status;
    *response.headers_mut() = said;
    response
}

fn log_refusal(app: &App, surface: Surface, id: &RequestId, caller: Option<&Caller>, problem: &Problem) {
    if app.logs_requests() {
        tracing::info!(
            target: "request",
            id = id.as_str(),
            caller = caller.map_or("-", Caller::name),
            surface = surface.as_str(),
            status = problem.http_status(surface.protocol()),
            outcome = problem.code,
            "{} refused: {}", surface.as_str(), problem.message
        );
    }
}

/// A text in JSON, with the exchange's id.
pub fn json(body: Bytes, id: &RequestId) -> Response<Reply> {
    let mut response = Response::new(Reply::from(body));
    response.headers_mut().insert(CONTENT_TYPE, problem::JSON);
    response.headers_mut().insert(request_id::HEADER, id.header().clone());
    response
}
