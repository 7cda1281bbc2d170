//! `/metrics` for Prometheus: on the gateway's own address for admins and whoever has the scrape key, and by itself on an
//! address of its own where the operator wants that.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use sha2::{Digest as _, Sha256};
use tokenrouter::error::{Kind, Problem};
use tokenrouter::protocol::Protocol;
use tokenrouter_shared::{Role, Secret};

use super::gauges;
use super::routes::Routes;
use crate::access::caller;
use crate::access::throttle::Whence;
use crate::gateway::reply::Reply;
use crate::problem;
use crate::server::connection::{Peer, Service};
use crate::telemetry::metrics::Text;
use crate::telemetry::metrics::text;

/// What opens the page besides an admin's token. Only its digest is kept: comparing digests tells nothing of the key.
#[derive(Clone, Copy, Debug)]
pub struct ScrapeKey([u8; 32]);

impl ScrapeKey {
    /// The key that is compared with `secret`.
    pub fn of(secret: &Secret) -> Self {
        Self(Sha256::digest(secret.expose().as_bytes()).into())
    }

    fn is(self, key: &str) -> bool {
        self.0 == <[u8; 32]>::from(Sha256::digest(key.as_bytes()))
    }
}

impl Routes {
    /// The page on the gateway's own address.
    pub(super) fn metrics(&self, peer: Peer, headers: &HeaderMap) -> Response<Reply> {
        let shown = self.may_read(peer, headers).and_then(|()| self.metrics_text());
        shown.unwrap_or_else(|refused| problem::respond(&refused, Protocol::OpenAi, &self.id(headers)))
    }

    fn metrics_text(&self) -> Result<Response<Reply>, Problem> {
        let Some(metrics) = &self.app.metrics else {
            let said = "this gateway counts nothing for Prometheus";
            return Err(Problem::new(Kind::NotFound, "metrics_off", said, "Set `prometheus = true` in `[telemetry]`."));
        };
        let mut text = Text::default();
        metrics.write(&mut text);
        gauges::write(&self.app, &mut text);
        let mut response = Response::new(Reply::from(Bytes::from(text.finish())));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(text::CONTENT_TYPE));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }

    fn may_read(&self, peer: Peer, headers: &HeaderMap) -> Result<(), Problem> {
        if peer == Peer::Local {
            return Ok(());
        }
        let Some(key) = caller::presented_key(headers)? else {
            let said = "the metrics are for admins and for whoever has the scrape key";
            let advice = "Send `Authorization: Bearer …` with an admin's token or with `[telemetry] metrics_token`.";
            return Err(Problem::new(Kind::Unauthenticated, "token_missing", said, advice));
        };
        // A right key always opens: whoever shares an address with a guesser is not to be shut out.
        if self.scrape_key.is_some_and(|scrape| scrape.is(key)) {
            return Ok(());
        }
        let now_ms = self.app.clock.now_ms();
        match caller::check(key, &self.app.tokens, now_ms) {
            Ok((token, _)) if token.role == Role::Admin => {
                self.app.tokens.touch(&token, peer.address(), now_ms);
                Ok(())
            }
            Ok(_) => {
                let said = "this token may not read the metrics";
                Err(Problem::new(Kind::Forbidden, "admin_only", said, "Send one of the role admin."))
            }
            Err(problem) => Err(match self.guesses.enter(Whence::from(peer.address()), now_ms) {
                Ok(()) => problem,
                Err(wait_ms) => {
                    let said = "too many wrong keys came from this address";
                    let wait_s = u32::try_from(wait_ms.saturating_add(999) / 1_000).unwrap_or(u32::MAX);
                    Problem::new(Kind::RateLimited, "too_many_attempts", said, "Wait.").retry_after(wait_s)
                }
            }),
        }
    }
}

/// The page by itself.
pub struct Scrape {
    /// Whose numbers it shows.
    pub routes: Arc<Routes>,
    /// Whether only this machine reaches it.
    pub is_local: bool,
}

impl Scrape {
    fn answer(&self, peer: Peer, request: &Request<Incoming>) -> Response<Reply> {
        let headers = request.headers();
        let fail = |problem: &Problem| problem::respond(problem, Protocol::OpenAi, &self.routes.id(headers));
        if !matches!(request.uri().path(), "/metrics" | "/metrics/") {
            let said = "there is nothing here but /metrics";
            return fail(&Problem::new(Kind::NotFound, "not_found", said, "Ask for /metrics."));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return problem::wrong_method("GET", Protocol::OpenAi, &self.routes.id(headers));
        }
        let allowed = if self.routes.scrape_key.is_some() {
            self.routes.may_read(peer, headers)
        } else {
            self.is_welcome(headers)
        };
        allowed.and_then(|()| self.routes.metrics_text()).unwrap_or_else(|problem| fail(&problem))
    }

    /// Whether it is no page in a browser that asks, by a name that somebody made lead here.
    fn is_welcome(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if headers.contains_key(ORIGIN) || (self.is_local && !caller::is_local_host(host)) {
            let said = "the metrics are not for pages of other sites";
            return Err(Problem::new(Kind::Forbidden, "foreign_site", said, "Ask for them by this machine's address."));
        }
        Ok(())
    }
}

impl Service for Scrape {
    fn call(
        self: Arc<Self>,
        peer: Peer,
        request: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Response<Reply>> + Send>> {
        let answer = self.answer(peer, &request);
        Box::pin(std::future::ready(answer))
    }

    fn misread(&self, status: u16, beginning: &[u8]) -> Response<Reply> {
        self.routes.misread(status, beginning)
    }
}
