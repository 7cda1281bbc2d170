//! Listeners that do not answer everything: those with the admin pages alone, or without them; and plain HTTP where TLS is
//! on, which shows browsers the way and tells programs what is wrong.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::header::{ACCEPT, CONTENT_TYPE, HOST, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use tokenrouter::error::{Kind, Problem};
use tokenrouter::protocol::Protocol;
use tokenrouter::surface::Surface;

use super::routes::Routes;
use crate::access::{caller, forwarded};
use crate::config::split_port;
use crate::gateway::models;
use crate::gateway::reply::Reply;
use crate::server::connection::{Peer, Service};
use crate::tls::{Keeper, challenge};

/// What is answered at a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// Everything.
    All,
    /// Everything but the admin pages and their API.
    Inference,
    /// Everything but inference.
    Admin,
}

impl Serves {
    /// What answers there.
    pub fn service(self, routes: &Arc<Routes>) -> Arc<dyn Service> {
        match self {
            Self::All => Arc::clone(routes) as _,
            Self::Inference | Self::Admin => Arc::new(Doorway { routes: Arc::clone(routes), serves: self }),
        }
    }
}

/// A listener that does not answer everything.
struct Doorway {
    routes: Arc<Routes>,
    serves: Serves,
}

impl Doorway {
    /// Why a request is not answered here.
    fn refusal(&self, path: &str) -> Option<Problem> {
        let is_admin = path == "/admin" || path.starts_with("/admin/");
        match self.serves {
            Serves::Inference if is_admin => {
                let said = "the admin pages and their API are not at this address";
                let advice = "They are where `[server] admin_listen` says.";
                Some(Problem::new(Kind::NotFound, "admin_elsewhere", said, advice))
            }
            Serves::Admin if Surface::at(path).is_some() => {
                let said = "models are not served at this address, which is for the admin pages alone";
                let advice = "Ask at `listen_addr`, or where `[server] listen` says.";
                Some(Problem::new(Kind::NotFound, "inference_elsewhere", said, advice))
            }
            _ => None,
        }
    }
}

impl Service for Doorway {
    fn call(
        self: Arc<Self>,
        peer: Peer,
        request: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Response<Reply>> + Send>> {
        match self.refusal(request.uri().path()) {
            None => Arc::clone(&self.routes).call(peer, request),
            Some(problem) => {
                let protocol = protocol(request.uri(), request.headers());
                Box::pin(std::future::ready(self.routes.refused(&problem, protocol)))
            }
        }
    }

    fn misread(&self, status: u16, beginning: &[u8]) -> Response<Reply> {
        self.routes.misread(status, beginning)
    }
}

/// Plain HTTP where TLS is on.
pub struct Insecure {
    /// Whose requests these would be.
    pub routes: Arc<Routes>,
    /// What answers at this listener by TLS, and so to a trusted proxy that has spoken it with the client.
    pub service: Arc<dyn Service>,
    /// Has what a CA asks for.
    pub keeper: Arc<Keeper>,
    /// The port at which TLS is spoken.
    pub port: u16,
}

impl Insecure {
    fn answer(&self, peer: Peer, request: &Request<Incoming>) -> Response<Reply> {
        let (headers, uri) = (request.headers(), request.uri());
        if let Some(text) = uri.path().strip_prefix(challenge::PATH).and_then(|token| self.keeper.challenge(token)) {
            let mut response = Response::new(Reply::from(bytes::Bytes::from(text)));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            return response;
        }
        if let Some(place) = self.secure_place(peer, request.method(), uri, headers) {
            let mut response = Response::new(Reply::from(bytes::Bytes::new()));
            // Not for good: who switches TLS off again is not to be locked out by what browsers remember.
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            response.headers_mut().insert(LOCATION, place);
            return response;
        }
        let said = "this gateway speaks HTTPS here, and this request came by plain HTTP";
        let had_key = matches!(caller::presented_key(headers), Ok(Some(_)) | Err(_));
        let advice = if had_key {
            "Begin the URL with https://. The key of this request travelled where others may have read it: end that token \
             and make another."
        } else {
            "Begin the URL with https://."
        };
        let problem = Problem::new(Kind::BadRequest, "tls_required", said, advice);
        self.routes.refused(&problem, protocol(uri, headers))
    }

    /// Where a browser finds the page that it asks for. Programs are told what is wrong instead: one that follows would
    /// send its key in plain text every time.
    fn secure_place(&self, peer: Peer, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<HeaderValue> {
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        let path = uri.path();
        let is_page =
            path == "/" || path == "/admin" || (path.starts_with("/admin/") && !path.starts_with("/admin/api"));
        let wants_page = headers.get_all(ACCEPT).iter().any(|accept| {
            accept.to_str().is_ok_and(|accept| accept.contains("text/html") || accept.contains("application/xhtml"))
        });
        if !(is_read && is_page && wants_page) {
            return None;
        }
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let status = self.routes.app.reload.status();
        let public = status.config.admin.public_url.as_ref().filter(|url| url.origin.starts_with("https://"));
        if let Some(public) = public {
            return HeaderValue::from_str(&format!("{}{target}", public.origin)).ok();
        }
        // Nobody is led to a name that is not ours.
        self.routes.check_host(peer, headers).ok()?;
        let (host, _) = split_port(headers.get(HOST)?.to_str().ok()?)?;
        let port = if self.port == 443 { String::new() } else { format!(":{}", self.port) };
        HeaderValue::from_str(&format!("https://{host}{port}{target}")).ok()
    }
}

impl Service for Insecure {
    fn call(
        self: Arc<Self>,
        peer: Peer,
        request: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Response<Reply>> + Send>> {
        let peer = forwarded::behind(peer, request.headers(), &self.routes.app.reload.status().config.server);
        // A proxy that is trusted has spoken TLS with the client.
        if peer.is_https() {
            return Arc::clone(&self.service).call(peer, request);
        }
        let answer = self.answer(peer, &request);
        Box::pin(std::future::ready(answer))
    }

    fn misread(&self, status: u16, beginning: &[u8]) -> Response<Reply> {
        self.routes.misread(status, beginning)
    }
}

/// The protocol that whoever sent a request expects its answer in.
fn protocol(uri: &Uri, headers: &HeaderMap) -> Protocol {
    match Surface::at(uri.path()) {
        Some((Surface::Models | Surface::Model, _)) | None => models::speaks(uri, headers),
        Some((surface, _)) => surface.protocol(),
    }
}
