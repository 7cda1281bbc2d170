//! How many tokens a request would have: asked of the provider where it can be, else estimated and said to be so.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use tokenrouter::call::Pieces;
use tokenrouter::convert::{Asked, Context, Path, translate};
use tokenrouter::count::{ask, estimate};
use tokenrouter::error::Problem;
use tokenrouter::peek::Peek;
use tokenrouter::protocol::Protocol;
use tokenrouter::splice;
use tokenrouter::surface::{Surface, counted};

use super::reply::Reply;
use super::request_id::RequestId;
use super::{attempt, conversation, entry, headers, intake, references, reject};
use crate::access::{caller, rate};
use crate::app::App;
use crate::problem;
use crate::server::connection::Peer;
use crate::upstreams::passage;
use crate::upstreams::provider::{Provider, Route};

/// Says that a number is not the provider's: `true` for an estimate, `tokenizer` for one by the model's vocabulary.
pub const ESTIMATED: HeaderName = HeaderName::from_static("x-tokenrouter-estimated");
const MAX_ANSWER_BYTES: usize = 1 << 20;
/// How long a provider is left alone that has no such path; it may also have meant the model.
const PAUSE_MS: i64 = 600_000;

/// Answers a question for tokens on `surface`.
pub async fn serve(app: Arc<App>, peer: Peer, surface: Surface, request: Request<Incoming>) -> Response<Reply> {
    let now_ms = app.clock.now_ms();
    let request_id = RequestId::of(request.headers(), app.ids.exchange(now_ms).0);
    let protocol = surface.protocol();
    if app.lifecycle.is_draining() {
        return problem::stopping(protocol, &request_id);
    }
    let _in_flight = app.lifecycle.enter();
    let most = app.live.load().limits.concurrent;
    if app.lifecycle.in_flight() > most {
        return problem::respond(&reject::full("requests", most, "limits.concurrent"), protocol, &request_id);
    }
    match answer(&app, peer, surface, request, &request_id).await {
        Ok(response) => response,
        Err(refused) => problem::respond(&refused, protocol, &request_id),
    }
}

async fn answer(
    app: &Arc<App>,
    peer: Peer,
    surface: Surface,
    request: Request<Incoming>,
    request_id: &RequestId,
) -> Result<Response<Reply>, Problem> {
    let (mut head, body) = request.into_parts();
    let live = app.live.load();
    let protocol = surface.protocol();
    if protocol == Protocol::Gemini {
        super::in_path::take_key(&mut head);
    }
    let caller = caller::identify(&head.headers, peer, &app.tokens, app.clock.now_ms(), live.allow_loopback)?;
    let _places = rate::let_in(&caller, &app.pace, &live.limits, &app.clock)?;
    let body = intake::read(&head.headers, body, live.max_body_bytes, &app.unpacking).await?;
    let (_, id) = Surface::at(head.uri.path()).unwrap_or((surface, "".into()));
    let peek = match counted(&id) {
        Some(model) => {
            super::asides::check_count(&caller, model, &body).map_err(|problem| *problem)?;
            Peek::in_path(&body, model, false)
        }
        None => Peek::read(&body),
    };
    let peek = peek.map_err(|e| reject::unreadable(&e))?;
    let (name, may) = entry::named(app, &live, &peek.model, protocol, (&head.headers, &caller, &body))?;
    let (provider, credential, model) = entry::find(&live, &name, &may, &app.clock)?;

    let now_ms = app.clock.now_ms();
    let native = provider.count_route(protocol, credential, now_ms).map(|route| (protocol, route));
    let route = native.or_else(|| {
        let others = Protocol::ALL.into_iter().filter(|to| *to != protocol && !provider.speaks(protocol));
        others.into_iter().find_map(|to| Some((to, provider.count_route(to, credential, now_ms)?)))
    });
    let request = ask::request(protocol, &body).map_err(|e| e.problem())?;
    if let Some((to, route)) = route {
        let _place = attempt::permits(app, &live, &provider, false, |_| false).map_err(|full| *full.problem)?;
        if protocol == Protocol::Responses && to == protocol {
            // How long another's conversation is, is nobody's business either.
            conversation::check(app, caller.token_id(), peek.previous.as_deref(), &body).await?;
            if references::may_be_in(&body) {
                references::check(app, caller.token_id(), &body).await?;
            }
        }
        let question = if to == protocol {
            if protocol == Protocol::Gemini {
                Some(vec![body.clone()])
            } else {
                Some(splice::apply(&body, splice::set_model(&peek, model).into_iter().collect()))
            }
        } else {
            let path = Path { model, stream: false, list: false };
            let target = live.target(&provider, to, model);
            let context = Context { sealer: Some(app.sealer.clone()), continued: true, ..Context::default() };
            let done = translate(Asked { protocol, body: &request, path }, &target, context)?;
            ask::question(to, model, &done.body).map(|question| vec![question.into()])
        };
        if let Some(question) = question
            && let Some(tokens) =
                of_provider(&provider, to, &route, model, question, &head.headers, to == protocol, request_id, now_ms)
                    .await?
        {
            return Ok(entry::json(Bytes::from(ask::told(protocol, tokens)), request_id));
        }
    }
    let (tokens, how) = match exact(model, &request).await {
        Some(tokens) => (tokens, "tokenizer"),
        None => (provider.calibration.correct(protocol, model, estimate::request_tokens(&request)), "true"),
    };
    let mut response = entry::json(Bytes::from(ask::told(protocol, tokens)), request_id);
    response.headers_mut().insert(ESTIMATED, HeaderValue::from_static(how));
    Ok(response)
}

/// A longer request is estimated: some texts take a tokenizer a fifth of a second per megabyte.
#[cfg(feature = "tokenizer")]
const MAX_EXACT_BYTES: usize = 4 << 20;

/// The tokens by the model's own vocabulary, where that is built in; off the threads that move bytes.
#[cfg(feature = "tokenizer")]
async fn exact(model: &str, request: &[u8]) -> Option<u64> {
    let vocabulary = tokenrouter::count::tokenizer::Vocabulary::of(model)?;
    if request.len() > MAX_EXACT_BYTES {
        return None;
    }
    let request = request.to_vec();
    tokio::task::spawn_blocking(move || vocabulary.request_tokens(&request)).await.ok().flatten()
}

#[cfg(not(feature = "tokenizer"))]
#[expect(clippy::unused_async, reason = "with the tokenizer it waits")]
async fn exact(_model: &str, _request: &[u8]) -> Option<u64> {
    None
}

/// The provider's own number; none where it has no such question.
#[expect(clippy::too_many_arguments, reason = "what a call is made of")]
async fn of_provider(
    provider: &Provider,
    protocol: Protocol,
    route: &Route<'_>,
    model: &str,
    question: Vec<Bytes>,
    client: &HeaderMap,
    native: bool,
    request_id: &RequestId,
    now_ms: i64,
) -> Result<Option<u64>, Problem> {
    let surface = if protocol == Protocol::Gemini { Surface::CountGenerate } else { Surface::CountMessages };
    let Some(uri) = route.target(surface, model, false, false) else { return Ok(None) };
    let pieces = Pieces::new(question);
    let length = pieces.len();
    let mut request = Request::new(pieces);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let to = request.headers_mut();
    if native {
        headers::filter(client, to, headers::goes_upstream);
    } else {
        headers::introduce(protocol, to);
    }
    to.insert(CONTENT_LENGTH, HeaderValue::from(length));
    to.insert(CONTENT_TYPE, problem::JSON);
    to.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    to.insert(super::request_id::HEADER, request_id.header().clone());
    route.sign(to);
    passage::hand_on(client, to);
    // An estimate is better than no answer, whatever is wrong with the provider.
    let Ok(answer) = provider.client.send(request).await else { return Ok(None) };
    let status = answer.status().as_u16();
    if matches!(status, 404 | 405 | 501) {
        provider.counts_from_ms.store(now_ms + PAUSE_MS, Ordering::Relaxed);
    }
    let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect();
    let Ok(Ok(body)) = tokio::time::timeout(provider.client.timeouts().idle, body).await else { return Ok(None) };
    let body = body.to_bytes();
    if status == passage::STATUS {
        return Err(passage::leads_back(&provider.name));
    }
    if status == 400 || status == 413 || status == 422 {
        return Err(tokenrouter::convert::provider_error(protocol, status, &body));
    }
    Ok(ask::answer(protocol, &body).filter(|_| (200..300).contains(&status)))
}
