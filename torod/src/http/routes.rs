//! Every route of the daemon.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::header::{HOST, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use hyper::body::Incoming;
use tokenrouter::error::{Kind, Problem};
use tokenrouter::protocol::Protocol;
use tokenrouter::surface::Surface;

use super::contained::{Witness, contained};
use super::metrics::ScrapeKey;
use super::{health, page, site};
use crate::access::throttle::Throttle;
use crate::access::{Sessions, Setup, forwarded};
use crate::admin::guesses;
use crate::app::App;
use crate::gateway::reply::Reply;
use crate::gateway::request_id::RequestId;
use crate::gateway::{answers, count, entry, models, reject};
use crate::problem;
use crate::server::connection::{Peer, Service};
use crate::store::WriterHandle;
use crate::upstreams::passage;

/// Something that is looked at.
pub struct Page {
    /// Without a slash at its end.
    pub path: &'static str,
    /// Who may look: `nothing` or `inference`.
    pub needs: &'static str,
    /// What it is.
    pub summary: &'static str,
    answer: fn(&Routes, &Asked<'_>) -> Response<Reply>,
}

/// A request for one.
struct Asked<'r> {
    peer: Peer,
    headers: &'r HeaderMap,
    /// Without slashes at its end.
    path: &'r str,
}

const fn page(
    path: &'static str,
    needs: &'static str,
    summary: &'static str,
    answer: fn(&Routes, &Asked<'_>) -> Response<Reply>,
) -> Page {
    Page { path, needs, summary, answer }
}

/// Every page.
#[rustfmt::skip]
pub static PAGES: [Page; 10] = [
    page("/health", "nothing", "Whether requests can be served.", |me, asked| health::health(&me.app, asked.peer, asked.headers, &me.id(asked.headers))),
    page("/healthz", "nothing", "Whether the process answers.", |me, asked| health::alive(&me.app, &me.id(asked.headers))),
    page("/api/hello", "nothing", "The same, where some clients look for it.", |me, asked| health::alive(&me.app, &me.id(asked.headers))),
    page("/status", "inference", "How everything stands.", |me, asked| health::status(&me.app, asked.peer, asked.headers, &me.id(asked.headers))),
    page("/v1/status", "inference", "The same.", |me, asked| health::status(&me.app, asked.peer, asked.headers, &me.id(asked.headers))),
    page("/metrics", "admin", "Numbers for Prometheus; also for whoever has the scrape key.", |me, asked| me.metrics(asked.peer, asked.headers)),
    page("/openapi.json", "nothing", "This document.", |me, asked| page::document(&me.id(asked.headers))),
    page("", "nothing", "Where things are.", |me, asked| page::root(&me.id(asked.headers))),
    page("/admin", "nothing", "The pages for people.", Routes::site),
    page("/admin/{path}", "nothing", "One of them, or what they are made of.", Routes::site),
];

/// The longest target of a request, in bytes.
const LONGEST_TARGET: usize = 16 << 10;
/// The most headers of a request, whatever the protocol.
const MOST_HEADERS: usize = 100;

/// The daemon's routes over its handles.
pub struct Routes {
    pub(super) app: Arc<App>,
    pub(super) admin: axum::Router,
    pub(super) setup: Arc<Setup>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) writer: WriterHandle,
    /// Keys that the admin API did not know.
    pub(super) guesses: Throttle,
    reached: ArcSwap<Reached>,
    pub(super) scrape_key: Option<ScrapeKey>,
}

/// Where the daemon is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Where it listens.
    pub at: Vec<SocketAddr>,
    /// The names and addresses that its certificate is for.
    pub hosts: Vec<String>,
}

/// What the admin pages need besides the operations themselves.
pub struct Door {
    /// The operations.
    pub admin: axum::Router,
    /// Makes the first token.
    pub setup: Arc<Setup>,
    /// Who is logged in.
    pub sessions: Arc<Sessions>,
    /// The database's writing side.
    pub writer: WriterHandle,
    /// Where the daemon is reached.
    pub reached: Reached,
    /// What opens the metrics besides an admin's token.
    pub scrape_key: Option<ScrapeKey>,
}

impl Routes {
    /// Routes to the data plane of `app` and to the admin pages behind their `door`.
    pub fn new(app: Arc<App>, door: Door) -> Self {
        let Door { admin, setup, sessions, writer, reached, scrape_key } = door;
        let reached = ArcSwap::from_pointee(reached);
        Self { app, admin, setup, sessions, writer, guesses: guesses(), reached, scrape_key }
    }

    /// It is reached there from now on.
    pub fn reach(&self, reached: Reached) {
        self.reached.store(Arc::new(reached));
    }

    /// Where it is reached.
    pub(super) fn reached(&self) -> Arc<Reached> {
        self.reached.load_full()
    }

    /// Whether `address` is a proxy that speaks for many.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.app.reload.status().config.server.trusts(address)
    }
}

impl Service for Routes {
    fn call(
        self: Arc<Self>,
        peer: Peer,
        mut request: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Response<Reply>> + Send>> {
        // HTTP/2 and absolute-form targets name the host in the target. Where a header names another, there are two:
        // whoever looks at the host trusts neither.
        if let Some(authority) = request.uri().authority()
            && let Ok(host) = HeaderValue::from_str(authority.as_str())
            && request.headers().get(HOST) != Some(&host)
        {
            request.headers_mut().append(HOST, host);
        }
        let peer = forwarded::behind(peer, request.headers(), &self.app.reload.status().config.server);
        // The hot path first and in a future of its own: the others are rare and larger.
        if request.method() == Method::POST
            && let Some((surface, _)) = Surface::at(request.uri().path())
            && surface.method() == "POST"
        {
            let (app, protocol) = (Arc::clone(&self.app), surface.protocol());
            let unwelcome = self.unwelcome(&request);
            if let Some(problem) = unwelcome {
                return Box::pin(std::future::ready(self.refused(&problem, protocol)));
            }
            // Boxed where it is made: it is large, and would be copied from hand to hand.
            if surface.counts().is_some() {
                let answer = Box::pin(count::serve(app, peer, surface, request));
                return Box::pin(contained(protocol, self, answer));
            }
            let answer = Box::pin(entry::serve(app, peer, surface, request));
            return Box::pin(contained(protocol, self, answer));
        }
        let protocol = match Surface::at(request.uri().path()) {
            Some((surface, _)) => surface.protocol(),
            None => Protocol::OpenAi,
        };
        if let Some(problem) = self.unwelcome(&request) {
            return Box::pin(std::future::ready(self.refused(&problem, protocol)));
        }
        Box::pin(contained(protocol, Arc::clone(&self), self.other(peer, request)))
    }

    fn misread(&self, status: u16, beginning: &[u8]) -> Response<Reply> {
        self.told_misread(status, beginning)
    }
}

impl Witness for Arc<Routes> {
    fn fresh_id(&self) -> RequestId {
        self.id(&HeaderMap::new())
    }

    fn saw(&self, code: problem::Code) {
        self.count(code);
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
        // Names of pages are written plainly: `/admin/%61pi` is neither the admin API nor a page.
        let is_page = |place: &str| !place.split('/').next().is_some_and(|name| name.contains('%'));
        let listed = if trimmed.strip_prefix("/admin/").is_some_and(is_page) { "/admin/{path}" } else { trimmed };
        let Some(page) = PAGES.iter().find(|page| page.path == listed) else {
            let protocol = models::speaks(request.uri(), request.headers());
            return problem::respond(&reject::unknown_path(path), protocol, &self.id(request.headers()));
        };
        if is_get {
            (page.answer)(&self, &Asked { peer, headers: request.headers(), path: trimmed })
        } else {
            problem::wrong_method("GET", models::speaks(request.uri(), request.headers()), &self.id(request.headers()))
        }
    }

    /// The pages for people.
    fn site(&self, asked: &Asked<'_>) -> Response<Reply> {
        let &Asked { peer, headers, path } = asked;
        let place = path.strip_prefix("/admin").unwrap_or_default().trim_start_matches('/');
        match self.check_host(peer, headers) {
            Ok(()) => site::answer(place, self.setup.door(headers, peer), headers, &self.id(headers)),
            Err(refused) => *refused,
        }
    }

    /// What is wrong with a request before anybody asks what it wants.
    fn unwelcome(&self, request: &Request<Incoming>) -> Option<Problem> {
        malformed(request).or_else(|| self.app.live.passage.was_here(request.headers()).then(passage::came_back))
    }

    pub(super) fn refused(&self, problem: &Problem, protocol: Protocol) -> Response<Reply> {
        self.count(problem::Code(problem.code, problem.limit));
        problem::respond(problem, protocol, &self.id(&HeaderMap::new()))
    }

    /// Counts an error that the gateway itself answers with.
    pub(super) fn count(&self, code: problem::Code) {
        let Some(metrics) = &self.app.metrics else { return };
        metrics.errors.add(code.0);
        if let Some(limit) = code.1 {
            metrics.limits.add(limit);
        }
    }

    pub(super) fn id(&self, headers: &HeaderMap) -> RequestId {
        RequestId::of(headers, self.app.ids.exchange(self.app.clock.now_ms()).0)
    }
}

/// What is wrong with a request's head: hosts that it does not name, or its size.
fn malformed(request: &Request<Incoming>) -> Option<Problem> {
    let headers = request.headers();
    // RFC 9112, section 3.2. Where the target names a host as well, both stand here by now.
    if request.version() == Version::HTTP_11 && request.uri().authority().is_none() {
        let mut hosts = headers.get_all(HOST).iter();
        if hosts.next().is_none() || hosts.next().is_some() {
            let said = "a request of HTTP/1.1 has exactly one header `Host`";
            return Some(Problem::new(Kind::BadRequest, "host_not_one", said, "Send one, with the name in the URL."));
        }
    }
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > LONGEST_TARGET {
        let said = format!("the URL is longer than {LONGEST_TARGET} bytes");
        let problem = Problem::new(Kind::BadRequest, "url_too_long", said, "Send parameters in the body.");
        return Some(problem.with_status(414));
    }
    if headers.len() > MOST_HEADERS {
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
