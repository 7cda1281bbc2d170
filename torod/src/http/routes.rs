//! Every route of the daemon.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HOST, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use tokenrouter::error::{Kind, Problem};
use tokenrouter::protocol::Protocol;
use tokenrouter::surface::Surface;
use tower::ServiceExt;

use super::contained::contained;
use super::{health, page, setup};
use crate::access::Operator;
use crate::access::caller::{self, Caller};
use crate::app::App;
use crate::gateway::reply::Reply;
use crate::gateway::request_id::RequestId;
use crate::gateway::{answers, count, entry, models, reject};
use crate::problem;
use crate::server::connection::{Peer, Service};

/// How long an admin operation may take, its body's way here included.
const ADMIN_TIME: Duration = Duration::from_mins(2);
/// The longest target of a request, in bytes.
const LONGEST_TARGET: usize = 16 << 10;
/// The most headers of a request, whatever the protocol.
const MOST_HEADERS: usize = 100;

/// The daemon's routes over its handles.
pub struct Routes {
    app: Arc<App>,
    admin: axum::Router,
    setup: Arc<setup::Setup>,
}

impl Routes {
    /// Routes to the data plane of `app` and to the `admin` router.
    pub const fn new(app: Arc<App>, admin: axum::Router, setup: Arc<setup::Setup>) -> Self {
        Self { app, admin, setup }
    }
}

impl Service for Routes {
    fn call(
        self: Arc<Self>,
        peer: Peer,
        mut request: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Response<Reply>> + Send>> {
        // HTTP/2 and absolute-form targets name the host in the target, which wins over the header (RFC 9112, 3.2.2).
        if let Some(authority) = request.uri().authority()
            && let Ok(host) = HeaderValue::from_str(authority.as_str())
        {
            request.headers_mut().insert(HOST, host);
        }
        // The hot path first and in a future of its own: the others are rare and larger.
        if request.method() == Method::POST
            && let Some((surface, _)) = Surface::at(request.uri().path())
            && surface.method() == "POST"
        {
            let (app, protocol) = (Arc::clone(&self.app), surface.protocol());
            let id = move || self.fresh_id();
            if let Some(problem) = oversized(&request) {
                return Box::pin(std::future::ready(problem::respond(&problem, protocol, &id())));
            }
            if surface.counts().is_some() {
                return Box::pin(contained(protocol, id, count::serve(app, peer, surface, request)));
            }
            return Box::pin(contained(protocol, id, entry::serve(app, peer, surface, request)));
        }
        let protocol = match Surface::at(request.uri().path()) {
            Some((surface, _)) => surface.protocol(),
            None => Protocol::OpenAi,
        };
        let me = Arc::clone(&self);
        let id = move || me.fresh_id();
        if let Some(problem) = oversized(&request) {
            return Box::pin(std::future::ready(problem::respond(&problem, protocol, &id())));
        }
        Box::pin(contained(protocol, id, self.other(peer, request)))
    }
}

impl Routes {
    async fn other(self: Arc<Self>, peer: Peer, request: Request<Incoming>) -> Response<Reply> {
        let app = &self.app;
        let path = request.uri().path();
        let is_get = request.method() == Method::GET || request.method() == Method::HEAD;
        if let Some((surface, id)) = Surface::at(path) {
            if request.headers().contains_key(UPGRADE) {
                return no_socket(surface.protocol(), &self.id(request.headers()));
            }
            if surface == Surface::Answer {
                return answers::serve(app, peer, request.method(), request.uri(), request.headers(), &id).await;
            }
            if !(is_get && surface.method() == "GET") {
                let is_shared = matches!(surface, Surface::Models | Surface::Model);
                let protocol =
                    if is_shared { models::speaks(request.uri(), request.headers()) } else { surface.protocol() };
                return problem::wrong_method(surface.method(), protocol, &self.id(request.headers()));
            }
            let id = (surface == Surface::Model).then_some(&*id);
            return models::serve(app, peer, request.uri(), request.headers(), id);
        }
        let trimmed = path.trim_end_matches('/');
        if trimmed == "/admin/api" || trimmed.starts_with("/admin/api/") {
            return self.admin(peer, request).await;
        }
        let page: fn(&Self, Peer, &HeaderMap) -> Response<Reply> = match trimmed {
            "/health" => |me, peer, headers| health::health(&me.app, peer, headers, &me.id(headers)),
            "/healthz" | "/api/hello" => |me, _, headers| health::alive(&me.app, &me.id(headers)),
            "/status" | "/v1/status" => |me, peer, headers| health::status(&me.app, peer, headers, &me.id(headers)),
            "" => |me, _, headers| page::root(&me.id(headers)),
            "/admin" => |me, _, headers| page::admin(&me.id(headers)),
            _ => {
                let protocol = models::speaks(request.uri(), request.headers());
                return problem::respond(&reject::unknown_path(path), protocol, &self.id(request.headers()));
            }
        };
        if is_get {
            page(&self, peer, request.headers())
        } else {
            problem::wrong_method("GET", models::speaks(request.uri(), request.headers()), &self.id(request.headers()))
        }
    }

    fn fresh_id(&self) -> RequestId {
        self.id(&HeaderMap::new())
    }

    fn id(&self, headers: &HeaderMap) -> RequestId {
        RequestId::of(headers, self.app.ids.exchange(self.app.clock.now_ms()).0)
    }

    /// The admin API: by the control socket for the data folder's owner, elsewhere by token. Never without.
    async fn admin(&self, peer: Peer, mut request: Request<Incoming>) -> Response<Reply> {
        let id = self.id(request.headers());
        if request.uri().path().trim_end_matches('/') == "/admin/api/setup" {
            return setup::serve(&self.setup, &id, request).await;
        }
        let operator = match peer {
            Peer::Local => Operator::LocalOwner,
            Peer::Tcp(_) => {
                let now_ms = self.app.clock.now_ms();
                match caller::identify(request.headers(), peer, &self.app.tokens, now_ms, false) {
                    Ok(Caller::Token(token)) => Operator::Token(token),
                    Ok(Caller::Loopback) => return keyless(&id),
                    Err(refused) => return problem::respond(&refused, Protocol::OpenAi, &id),
                }
            }
        };
        request.extensions_mut().insert(operator);
        let asked = self.admin.clone().oneshot(request.map(axum::body::Body::new));
        match tokio::time::timeout(ADMIN_TIME, asked).await {
            Ok(Ok(response)) => response.map(Reply::Admin),
            Ok(Err(never)) => match never {},
            Err(_) => {
                let said = "the request came too slowly, or what it asked for took too long";
                let problem =
                    Problem::new(Kind::BadRequest, "admin_timeout", said, "Look whether it was done, and try again.");
                problem::respond(&problem.with_status(408), Protocol::OpenAi, &id)
            }
        }
    }
}

/// What is wrong with the size of a request's head.
fn oversized(request: &Request<Incoming>) -> Option<Problem> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > LONGEST_TARGET {
        let said = format!("the URL is longer than {LONGEST_TARGET} bytes");
        let problem = Problem::new(Kind::BadRequest, "url_too_long", said, "Send parameters in the body.");
        return Some(problem.with_status(414));
    }
    if request.headers().len() > MOST_HEADERS {
        let said = format!("the request has more than {MOST_HEADERS} headers");
        let problem = Problem::new(Kind::BadRequest, "too_many_headers", said, "Send fewer.");
        return Some(problem.with_status(431));
    }
    None
}

/// The answer to an upgrade: agents that try a WebSocket first go on with plain HTTP at once.
fn no_socket(protocol: Protocol, id: &RequestId) -> Response<Reply> {
    let said = "this gateway speaks HTTP here, not WebSocket";
    let problem = Problem::new(Kind::BadRequest, "upgrade_required", said, "Send a POST request.").with_status(426);
    problem::respond(&problem, protocol, id)
}

/// The answer to whoever comes to the admin API without a token, also from this machine.
fn keyless(id: &RequestId) -> Response<Reply> {
    let said = "the admin API needs a token, also on this machine";
    let problem = Problem::new(Kind::Unauthenticated, "token_missing", said, "Send one of the role admin.");
    problem::respond(&problem, Protocol::OpenAi, id)
}
