//! One call to one endpoint: the request as it is sent there, and how its answer comes back.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use tokenrouter::call::Pieces;
use tokenrouter::convert::Path;
use tokenrouter::envelope;
use tokenrouter::error::Problem;
use tokenrouter::peek::{Peek, PeekError};
use tokenrouter::pick::endpoint::Endpoint;
use tokenrouter::pick::order::{By, Criterion};
use tokenrouter::surface::Surface;
use tokenrouter_shared::Lossy;

use super::entry::Call;
use super::exchange::Input;
use super::lane::{Lane, Way};
use super::request_id::{self, RequestId};
use super::stateful::{self, Remember};
use super::{conversation, headers, references, reject, shed, translated};
use crate::app::App;
use crate::lifecycle::{Gauge, Permit};
use crate::problem;
use crate::upstreams::passage;
use crate::upstreams::provider::{Provider, Route};
use crate::upstreams::snapshot::Snapshot;

/// Whom to call for what.
pub struct Target<'l> {
    /// The provider.
    pub provider: &'l Arc<Provider>,
    /// The model as it knows it.
    pub model: &'l str,
    /// Where and with which credential.
    pub route: Route<'l>,
    /// Whether it speaks the client's protocol.
    pub native: bool,
}

impl<'l> Target<'l> {
    /// The way to `endpoint`; `asked` is the model where the endpoint has no name of its own for it.
    pub fn of(live: &'l Snapshot, endpoint: &'l Endpoint, asked: &'l str, surface: Surface) -> Result<Self, Problem> {
        let provider = live.providers.get(endpoint.provider).ok_or_else(reject::lost_provider)?;
        let model = if endpoint.model.is_empty() { asked } else { &endpoint.model };
        let route = provider.route(surface, endpoint.credential);
        let route = route.or_else(|| provider.translated(surface, endpoint.credential));
        let route = route.ok_or_else(|| reject::not_spoken(&provider.name, surface.protocol()))?;
        Ok(Self { provider, model, route, native: route.protocol == surface.protocol() })
    }
}

/// A request ready to be sent.
pub struct Prepared {
    /// What is sent.
    pub upstream: Box<Request<Pieces>>,
    /// How the answer comes back.
    pub way: Way,
    /// What is said to the client of what was lost.
    pub said: HeaderMap,
    /// What an estimate of its tokens is made from.
    pub input: Input,
    /// What is to be kept of the answer.
    pub remember: Option<Box<Remember>>,
    /// The conversation that becomes the token's own where the provider knows it.
    pub claim: Option<Box<str>>,
}

/// Writes the request for `target`.
///
/// # Errors
///
/// Why it cannot be told there: the fault of the request, or only of this target.
pub async fn prepare(
    call: &Call,
    live: &Snapshot,
    peek: &Peek<'_>,
    target: &Target<'_>,
    alias: Option<Lossy>,
    by: By,
) -> Result<Prepared, Problem> {
    let Call { app, surface, caller, in_path, body, request_id, .. } = call;
    let Target { provider, model, route, native } = target;
    let surface = *surface;
    let is_home = provider.credentials().len() < 2 || by == By::Criterion(Criterion::Affinity);
    let remember = Remember::of(app, surface, peek, body, provider, *native, model);
    // What comes before, where this request continues an answer that its provider does not know.
    let mut full: Option<Bytes> = None;
    if surface == Surface::Responses && peek.previous.is_some() {
        // Boxed like every future that most requests do not need.
        full = Box::pin(stateful::continued(app, caller, peek, body, provider, *native, is_home)).await?;
    }
    let mut claim = None;
    if *native && matches!(surface, Surface::Responses | Surface::Compact) {
        let previous = peek.previous.as_deref().filter(|_| surface == Surface::Compact);
        if previous.is_some() || conversation::may_be_in(body) {
            claim = Box::pin(conversation::check(app, caller.token_id(), previous, body)).await?;
        }
    }
    if *native && matches!(surface, Surface::Responses | Surface::Compact) && references::may_be_in(body) {
        Box::pin(references::check(app, caller.token_id(), body)).await?;
    }
    let path = Path { model: &in_path.model, stream: in_path.stream, list: in_path.list };
    let sent = full.as_ref().unwrap_or(body);
    let lane = if *native {
        let sealed = surface.is_conversation() && envelope::may_be_in(route.protocol, sent);
        let unsealed = if sealed { translated::unseal(app, live, surface, provider, model, sent, path) } else { None };
        match (unsealed, &full) {
            (Some(lane), _) => lane,
            (None, Some(full)) => {
                let peek = Peek::read(full).map_err(|e| reject::unreadable(&e))?;
                Lane::native(full, &peek, surface, provider, model)
            }
            (None, None) => Lane::native(body, peek, surface, provider, model),
        }
    } else {
        let ask = translated::Ask {
            surface,
            live,
            provider,
            protocol: route.protocol,
            model,
            body: sent,
            path,
            request_id,
            token_id: caller.token_id(),
            lossy: crate::upstreams::endpoints::lossy(caller.lossy(), alias, live.lossy),
            estimated_input: Input::of(sent, true).tokens(),
            continued: full.is_some(),
            keep: remember.is_some(),
        };
        Box::pin(translated::prepare(app, ask)).await?
    };
    let spoken = if *native { Some(surface) } else { Surface::conversation(route.protocol) };
    let uri = route.target(spoken.unwrap_or(surface), model, peek.stream, in_path.list && *native);
    let uri = uri.ok_or_else(|| reject::unreadable(&PeekError::ModelLength(model.len())))?;
    let mut said = HeaderMap::with_capacity(20);
    let input = Input::of(sent, peek.stream);
    let (mut pieces, way) = lane.split(&mut said);
    if !provider.findings.is_empty() {
        let lossy = crate::upstreams::endpoints::lossy(caller.lossy(), alias, live.lossy);
        pieces = shed::known(call, target, pieces, &mut said, lossy)?;
    }
    let upstream = outgoing(&call.headers, uri, route, pieces, request_id, surface);
    Ok(Prepared { upstream, way, said, input, remember, claim })
}

/// There is no place: why, and what is full.
pub struct Full {
    /// What the client is told.
    pub problem: Box<Problem>,
    /// What a place must come free in.
    pub gauge: Arc<Gauge>,
}

/// A place among the calls to `provider`, and one among the streams or among what is none. `is_next` says whether it is
/// the turn of one who has waited for a place.
pub fn permits(
    app: &App,
    live: &Snapshot,
    provider: &Provider,
    stream: bool,
    is_next: impl Fn(&Arc<Gauge>) -> bool,
) -> Result<[Option<Permit>; 2], Full> {
    let enter = |gauge: &Arc<Gauge>, most: usize, what: &dyn Fn() -> String, key: &str| {
        let place = if is_next(gauge) { gauge.enter(most) } else { gauge.enter_behind(most) };
        place.ok_or_else(|| Full { problem: Box::new(reject::full(&what(), most, key)), gauge: Arc::clone(gauge) })
    };
    let limits = &live.limits;
    let (most, key) = match provider.concurrent {
        0 => (limits.concurrent_per_provider, "limits.concurrent_per_provider"),
        most => (most, "providers.concurrent"),
    };
    let call = enter(&provider.in_flight, most, &|| format!("calls to the provider \"{}\"", provider.name), key)?;
    let (gauge, most, what, key) = if stream {
        (&app.streams, limits.concurrent_streams, "streams", "limits.concurrent_streams")
    } else if limits.concurrent_non_streams > 0 {
        (&app.non_streams, limits.concurrent_non_streams, "requests without a stream", "limits.concurrent_non_streams")
    } else {
        return Ok([Some(call), None]);
    };
    Ok([Some(call), Some(enter(gauge, most, &|| what.to_owned(), key)?)])
}

/// The request to the provider: the client's meaning, our credential.
fn outgoing(
    client: &HeaderMap,
    uri: Uri,
    route: &Route<'_>,
    pieces: Pieces,
    id: &RequestId,
    surface: Surface,
) -> Box<Request<Pieces>> {
    let length = pieces.len();
    let mut request = Box::new(Request::new(pieces));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let to = request.headers_mut();
    to.reserve(client.len() + 6);
    if surface.protocol() == route.protocol {
        headers::filter(client, to, headers::goes_upstream);
    } else {
        headers::filter(client, to, headers::goes_to_another_protocol);
        headers::introduce(route.protocol, to);
    }
    to.insert(CONTENT_LENGTH, HeaderValue::from(length));
    to.insert(CONTENT_TYPE, problem::JSON);
    to.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    to.insert(request_id::HEADER, id.header().clone());
    route.sign(to);
    passage::hand_on(client, to);
    request
}
