//! Requests and answers on their way between two protocols.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::BodyExt as _;
use tokenrouter::Protocol;
use tokenrouter::call::{Begun, Pieces, Relay};
use tokenrouter::convert::{Asked, Back, Context, Path, Reading, translate};
use tokenrouter::error::{Kind, Problem};
use tokenrouter::surface::Surface;
use tokenrouter_shared::Lossy;

use super::entry::{Call, with_headers};
use super::exchange::Exchange;
use super::judge::Good;
use super::lane::Lane;
use super::reject;
use super::reply::Reply;
use super::request_id::RequestId;
use crate::app::App;
use crate::problem;
use crate::upstreams::provider::Provider;
use crate::upstreams::snapshot::Snapshot;

/// Names what did not reach the provider as it was sent.
pub const DEGRADED: HeaderName = HeaderName::from_static("x-tokenrouter-degraded");

/// Bytes of the names of lost fields that are kept of a call.
const MAX_KEPT_BYTES: usize = 400;

/// How many fields were lost, and their names, by what is said of them.
pub(super) fn degraded(said: &HeaderMap) -> (u16, Option<Arc<str>>) {
    let Some(text) = said.get(DEGRADED).and_then(|value| value.to_str().ok()) else { return (0, None) };
    let count = memchr::memchr_iter(b',', text.as_bytes()).count() + 1;
    let kept = if text.len() <= MAX_KEPT_BYTES {
        text
    } else {
        let kept = text.get(..text.floor_char_boundary(MAX_KEPT_BYTES)).unwrap_or_default();
        // A name that is cut through is none.
        kept.rsplit_once(", ").map_or(kept, |(whole, _)| whole)
    };
    (u16::try_from(count).unwrap_or(u16::MAX), Some(kept.into()))
}
/// The largest answer that is kept to be translated.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// What is asked of a translation.
pub struct Ask<'a> {
    /// Where the client asks.
    pub surface: Surface,
    /// The world that it is asked in.
    pub live: &'a Snapshot,
    /// Who answers.
    pub provider: &'a Provider,
    /// The protocol that it is asked in.
    pub protocol: Protocol,
    /// The model as it knows it.
    pub model: &'a str,
    /// The request.
    pub body: &'a Bytes,
    /// What Gemini says in the path.
    pub path: Path<'a>,
    /// The request's id, for the log.
    pub request_id: &'a RequestId,
    /// Whose request it is.
    pub token_id: i64,
    /// What becomes of it if something is lost.
    pub lossy: Lossy,
    /// Our estimate of its tokens.
    pub estimated_input: u64,
    /// Whether what it continues stands in it already.
    pub continued: bool,
    /// Whether the answer is to be kept.
    pub keep: bool,
}

/// Writes the request for its provider.
pub async fn prepare(app: &Arc<App>, ask: Ask<'_>) -> Result<Lane, Problem> {
    let target = ask.live.target(ask.provider, ask.protocol, ask.model);
    let now_ms = app.clock.now_ms();
    let mut reading = Reading::of(Asked { protocol: ask.surface.protocol(), body: ask.body, path: ask.path })?;
    let calls = reading.calls_without_state();
    if !calls.is_empty() {
        match app.memory.carried(ask.token_id, calls).await {
            Ok(found) => found.iter().for_each(|carried| reading.restore(carried)),
            // Without it the model thinks anew, which is no reason to fail.
            Err(error) => tracing::warn!(%error, "the state of earlier tool calls could not be read"),
        }
    }
    let context = Context {
        seed: format!("{:016x}", app.ids.exchange(now_ms).0),
        request_id: ask.request_id.as_str().to_owned(),
        now_s: u64::try_from(now_ms / 1000).unwrap_or(0),
        estimated_input: ask.estimated_input,
        sealer: Some(app.sealer.clone()),
        continued: ask.continued,
        keep: ask.keep,
    };
    let done = reading.write(&target, context)?;
    let fields = done.losses.header();
    if let Some(fields) = fields.as_ref().filter(|_| ask.lossy == Lossy::Reject) {
        return Err(reject::lossy(fields, &ask.provider.name, ask.protocol));
    }
    if let Some(metrics) = &app.metrics {
        for loss in done.losses.felt() {
            match loss.field {
                Cow::Borrowed(name) => metrics.losses.add(name),
                Cow::Owned(_) => metrics.losses.add_other(),
            }
        }
    }
    if let Some(fields) = &fields {
        tracing::info!(
            target: "request",
            id = ask.request_id.as_str(),
            degraded = fields.as_str(),
            "not all of the request reaches {} in the protocol {}: {fields}",
            ask.provider.name,
            ask.protocol
        );
    }
    let degraded = fields.and_then(|fields| HeaderValue::try_from(fields).ok());
    Ok(Lane::Translated { body: done.body, back: Box::new(done.back), degraded })
}

/// The request in its own protocol without what this gateway sealed: another vendor made it earlier in the
/// conversation, and this one would refuse it. None where that cannot be done; the provider may judge then.
pub fn unseal(
    app: &App,
    live: &Snapshot,
    surface: Surface,
    provider: &Provider,
    model: &str,
    body: &Bytes,
    path: Path<'_>,
) -> Option<Lane> {
    let protocol = surface.protocol();
    let target = live.target(provider, protocol, model);
    let context = Context { sealer: Some(app.sealer.clone()), continued: true, ..Context::default() };
    let done = translate(Asked { protocol, body, path }, &target, context).ok()?;
    let degraded = done.losses.header().and_then(|fields| HeaderValue::try_from(fields).ok());
    let hide_usage = done.back.wants_stream() && !done.back.wants_usage();
    Some(Lane::Native { pieces: Pieces::new(vec![done.body]), hide_usage, degraded })
}

/// The way back of an answer in the client's own protocol but not in the form that was asked for: a whole for a stream,
/// or a stream unasked. None where its form is right, or where the request says too little to mend it.
pub fn mend(call: &Call, provider: &Provider, model: &str, good: &Good, stream: bool) -> Option<Back> {
    let kind = good.head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let is_other = if stream { kind.starts_with(b"application/json") } else { kind.starts_with(b"text/event-stream") };
    let Call { app, surface, in_path, body, request_id, .. } = call;
    if !is_other || !surface.is_conversation() || in_path.list || good.head.status != StatusCode::OK {
        return None;
    }
    let protocol = surface.protocol();
    let now_ms = app.clock.now_ms();
    let context = Context {
        seed: format!("{:016x}", app.ids.exchange(now_ms).0),
        request_id: request_id.as_str().to_owned(),
        now_s: u64::try_from(now_ms / 1000).unwrap_or(0),
        sealer: Some(app.sealer.clone()),
        continued: true,
        ..Context::default()
    };
    let path = Path { model: &in_path.model, stream: in_path.stream, list: false };
    let done = translate(Asked { protocol, body, path }, &provider.target(protocol, model), context);
    done.ok().map(|done| done.back)
}

/// What becomes of the provider's answer.
pub async fn answer(
    exchange: Box<Exchange>,
    good: Good,
    mut said: HeaderMap,
    surface: Surface,
    protocol: Protocol,
    provider: &Provider,
    back: Back,
) -> Response<Reply> {
    let Good { head, body, .. } = good;
    let id = exchange.request_id().clone();
    let kind = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let idle = provider.client.timeouts().idle;
    let is_stream = kind.starts_with(b"text/event-stream");
    let wants_stream = back.wants_stream();
    let wants_list = back.wants_list();
    if is_stream && wants_stream {
        let relay = Relay::translated(body, protocol, back.stream(), idle, exchange);
        stream_headers(&mut said, wants_list);
        id.say(surface.protocol(), &mut said);
        return reply(Reply::Relay(Box::new(relay)), said);
    }
    let memory = Arc::clone(exchange.memory());
    let mut exchange = exchange;
    let (origin, remember, home) = (exchange.origin(), exchange.take_remember(), exchange.home());
    // A provider that streams unasked, or does not although asked, is put right here.
    let told = if is_stream {
        let whole = gather(Relay::stream(body, protocol, false, idle, exchange), MAX_ANSWER_BYTES).await;
        whole.and_then(|stream| back.gathered(&stream))
    } else {
        let whole = gather(Relay::whole(body, protocol, idle, exchange), MAX_ANSWER_BYTES).await;
        whole.and_then(|body| back.whole(&body))
    };
    match told {
        Ok(told) => {
            if let Some((remember, object)) = remember.zip(told.object) {
                let id = memory.answered(&origin, remember.previous.as_deref(), &remember.body, &object);
                home.settle(id.as_deref());
            }
            memory.carry(&origin, told.carried);
            if wants_stream {
                stream_headers(&mut said, wants_list);
            } else {
                said.insert(CONTENT_TYPE, problem::JSON);
            }
            id.say(surface.protocol(), &mut said);
            reply(Reply::from(Bytes::from(told.body)), said)
        }
        Err(problem) => with_headers(problem::respond(&problem, surface.protocol(), &id), said),
    }
}

fn stream_headers(said: &mut HeaderMap, as_list: bool) {
    let kind = HeaderValue::from_static("text/event-stream; charset=utf-8");
    said.insert(CONTENT_TYPE, if as_list { problem::JSON } else { kind });
    said.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Reverse proxies hold streams back unless told not to.
    said.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
}

fn reply(body: Reply, said: HeaderMap) -> Response<Reply> {
    let mut response = Response::new(body);
    *response.headers_mut() = said;
    response
}

/// All of an answer, metered in passing.
async fn gather(mut relay: Relay<Box<Exchange>, Begun>, limit: usize) -> Result<Bytes, Problem> {
    let mut all = Vec::new();
    while let Some(frame) = relay.frame().await {
        let Ok(frame) = frame else {
            let said = "the provider broke off its answer";
            return Err(Problem::new(Kind::UpstreamFailed, "upstream_cut", said, "Try again."));
        };
        if let Ok(data) = frame.into_data() {
            all.extend_from_slice(&data);
        }
        if all.len() > limit {
            let said = "the provider's answer is larger than any model's";
            return Err(Problem::new(Kind::UpstreamFailed, "upstream_nonsense", said, ""));
        }
    }
    Ok(all.into())
}
