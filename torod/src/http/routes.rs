//! Every route of the daemon.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::header::{HOST, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use tokenrouter::error::{Kind, Problem};
use tokenrouter::protocol::Protocol;
use tokenrouter::surface::Surface;
use tower::ServiceExt;

use super::{health, page, setup};
use crate::access::Operator;
use crate::access::caller::{self, Caller};
use crate::app::App;
use crate::gateway::reply::Reply;
use crate::gateway::request_id::RequestId;
use crate::gateway::{answers, entry, models, reject};
use crate::problem;
use crate::server::connection::{Peer, Service};

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
            return Box::pin(entry::serve(Arc::clone(&self.app), peer, surface, request));
        }
        Box::pin(self.other(peer, request))
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
                let protocol = surface.protocol();
                return problem::wrong_method(surface.method(), protocol, &self.id(request.headers()));
            }
            let id = (surface == Surface::Model).then_some(&*id);
            return models::serve(app, peer, request.headers(), id);
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
                let protocol = speaks(request.headers());
                return problem::respond(&reject::unknown_path(path), protocol, &self.id(request.headers()));
            }
        };
        if is_get {
            page(&self, peer, request.headers())
        } else {
            problem::wrong_method("GET", speaks(request.headers()), &self.id(request.headers()))
        }
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
        match self.admin.clone().oneshot(request.map(axum::body::Body::new)).await {
            Ok(response) => response.map(Reply::Admin),
            Err(never) => match never {},
        }
    }
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

/// What a client on a path that says nothing of it is likely to speak.
fn speaks(headers: &HeaderMap) -> Protocol {
    if headers.contains_key("anthropic-version") {
        Protocol::Anthropic
    } else if headers.contains_key("x-goog-api-key") || headers.contains_key("x-goog-api-client") {
        Protocol::Gemini
    } else {
        Protocol::OpenAi
    }
}
