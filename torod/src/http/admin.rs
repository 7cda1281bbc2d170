//! The door of `/admin`: by which name it is reached, from whose page, by which token or session; and what every answer
//! from behind it says to browsers.

use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse as _;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, SET_COOKIE, TRANSFER_ENCODING,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use tower::ServiceExt;

use super::packed::Takes;
use super::routes::Routes;
use crate::access::caller;
use crate::access::session::{Cookie, Session, cookie, no_cookie};
use crate::access::site::Site;
use crate::access::throttle::Whence;
use crate::access::{Operator, TokenEntry};
use crate::admin::answer::{self, Failure};
use crate::admin::operation;
use crate::config::Admin;
use crate::gateway::reply::Reply;
use crate::server::connection::Peer;
use crate::store::{StoreError, sessions};

/// Only what comes from here runs, is shown and is asked; nobody frames the pages.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; font-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";
/// How long an operation may take, its body's way here included.
const TIME: Duration = Duration::from_mins(2);
/// The same for one that waits for a model's answer; it ends before by itself, and says so.
const LONG: Duration = Duration::from_mins(11);
/// Longer explanations of ours are not written, and axum's are short.
const MOST_EXPLAINED: usize = 4096;

fn slow() -> Failure {
    let said = "The request came too slowly, or what it asked for took too long.";
    Failure::new(StatusCode::REQUEST_TIMEOUT, "admin_timeout", said, "Look whether it was done, and try again.")
}

/// The answer to whoever is not let in.
struct Refused(Box<axum::response::Response>);

fn refuse(failure: impl Into<Failure>) -> Refused {
    Refused(Box::new(failure.into().into_response()))
}

impl Routes {
    /// Answers a request for `/admin/api/…`.
    pub(super) async fn admin(&self, peer: Peer, mut request: Request<Incoming>) -> Response<Reply> {
        let id = self.id(request.headers());
        let takes = Takes::of(request.method(), request.headers());
        let mut response = match self.let_in(peer, &mut request) {
            Ok(()) => {
                let time = if operation::waits_for_a_model(request.uri().path()) { LONG } else { TIME };
                let asked = self.admin.clone().oneshot(request.map(axum::body::Body::new));
                match tokio::time::timeout(time, asked).await {
                    Ok(Ok(response)) => told(response).await,
                    Ok(Err(never)) => match never {},
                    Err(_) => slow().into_response(),
                }
            }
            Err(Refused(refused)) => *refused,
        };
        answer::name_request(&mut response, id.as_str());
        let mut response = takes.give(response).await;
        secure(response.headers_mut(), true);
        response.headers_mut().insert(crate::gateway::request_id::HEADER, id.header().clone());
        response.map(Reply::Admin)
    }

    /// Puts who asks into the request, or says why nobody does.
    fn let_in(&self, peer: Peer, request: &mut Request<Incoming>) -> Result<(), Refused> {
        request.extensions_mut().insert(peer);
        if peer == Peer::Local {
            // The file system has decided who may open the socket, and browsers do not.
            request.extensions_mut().insert(Operator::LocalOwner);
            return Ok(());
        }
        let status = self.app.reload.status();
        let rules = &status.config.admin;
        let headers = request.headers();
        let given = cookie(headers, peer.is_https());
        let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        if changes || given != Cookie::None {
            let reached = self.reached();
            let site = Site { admin: rules, hosts: &reached.hosts, listens_at: &reached.at };
            let checked = site.check_host(headers).and_then(|()| site.check_origin(headers, peer.is_https()));
            checked.map_err(refuse)?;
        }
        if changes && has_body(request) && !is_json(headers) {
            let said = "This operation takes JSON only.";
            let advice = "Send the header `content-type: application/json`.";
            let refused = Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type", said, advice);
            return Err(refuse(refused));
        }
        if operation::is_open(request.method().as_str(), request.uri().path()) {
            return Ok(());
        }
        let (token, session) = self.identify(peer, headers, given, rules)?;
        if let Some(session) = session {
            request.extensions_mut().insert(session);
        }
        request.extensions_mut().insert(Operator::Token(token));
        Ok(())
    }

    /// The token of a request: by its key, else by the session in its cookie. Never without, also on this machine.
    fn identify(
        &self,
        peer: Peer,
        headers: &HeaderMap,
        given: Cookie<'_>,
        rules: &Admin,
    ) -> Result<(Arc<TokenEntry>, Option<Arc<Session>>), Refused> {
        let now_ms = self.app.clock.now_ms();
        if let Some(key) = caller::presented_key(headers).map_err(refuse)? {
            return match caller::check(key, &self.app.tokens, now_ms) {
                Ok((token, _)) => {
                    self.app.tokens.touch(&token, peer.address(), now_ms);
                    Ok((token, None))
                }
                // A right key always opens: whoever shares an address with a guesser is not to be shut out.
                Err(problem) => Err(match self.guesses.enter(Whence::from(peer.address()), now_ms) {
                    Ok(()) => refuse(problem),
                    Err(wait_ms) => refuse(Failure::too_many(wait_ms)),
                }),
            };
        }
        let found = match given {
            Cookie::One(value) => self.sessions.find(value, &self.app.tokens, rules, now_ms),
            Cookie::None | Cookie::Several => None,
        };
        if let Some((session, token)) = found {
            self.note(&session, now_ms);
            self.app.tokens.touch(&token, peer.address(), now_ms);
            return Ok((token, Some(session)));
        }
        let is_over = given != Cookie::None;
        let (code, said, advice) = if is_over {
            ("session_over", "This session is over.", "Log in again.")
        } else {
            ("token_missing", "The admin API needs a token, also on this machine.", "Send one of the role admin.")
        };
        let mut response = refuse(Failure::new(StatusCode::UNAUTHORIZED, code, said, advice));
        if let Some(none) = no_cookie(peer.is_https()).filter(|_| is_over) {
            response.0.headers_mut().insert(SET_COOKIE, none);
        }
        Err(response)
    }

    /// Notes that a session was used; the database hears of it once a minute, and nobody waits for that.
    fn note(&self, session: &Session, now_ms: i64) {
        if !session.touch(now_ms) {
            return;
        }
        let (writer, id) = (self.writer.clone(), session.public_id.clone());
        self.app.lifecycle.spawn_connection(async move {
            let noted = writer.call(move |connection| sessions::touch(connection, &id, now_ms));
            if let Err::<(), StoreError>(error) = noted.await {
                tracing::debug!(%error, "that a session was used is not noted");
            }
        });
    }

    /// Refuses the pages under a name that is not ours.
    pub(super) fn check_host(&self, peer: Peer, headers: &HeaderMap) -> Result<(), Box<Response<Reply>>> {
        if peer == Peer::Local {
            return Ok(());
        }
        let status = self.app.reload.status();
        let config = &status.config;
        let reached = self.reached();
        let site = Site { admin: &config.admin, hosts: &reached.hosts, listens_at: &reached.at };
        site.check_host(headers).map_err(|problem| {
            let Refused(mut response) = refuse(problem);
            secure(response.headers_mut(), true);
            Box::new(response.map(Reply::Admin))
        })
    }
}

fn has_body(request: &Request<Incoming>) -> bool {
    !request.body().is_end_stream() || request.headers().contains_key(TRANSFER_ENCODING)
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter().filter_map(|value| value.to_str().ok());
    let first = types.next().map(|value| value.split(';').next().unwrap_or_default().trim());
    types.next().is_none() && first.is_some_and(|name| name.eq_ignore_ascii_case("application/json"))
}

/// Whatever refuses a request says it in our form: axum's own refusals are texts, or nothing at all.
async fn told(response: axum::response::Response) -> axum::response::Response {
    let status = response.status();
    if is_json(response.headers()) || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let allowed = response.headers().get(ALLOW).cloned();
    let text = axum::body::to_bytes(response.into_body(), MOST_EXPLAINED).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let failure = match (&allowed, status) {
        (Some(methods), StatusCode::METHOD_NOT_ALLOWED) => {
            let said = format!("This operation answers to {} only.", methods.to_str().unwrap_or("other methods"));
            Failure::new(status, "method_not_allowed", said, "Use one of these methods.")
        }
        _ if text.is_empty() => {
            Failure::new(status, "refused", "The request cannot be answered.", "See /admin/api/openapi.json.")
        }
        _ => Failure::new(status, "bad_request", text, "See /admin/api/openapi.json for what can be asked."),
    };
    let mut response = failure.into_response();
    if let Some(allowed) = allowed {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

/// What browsers are told with every answer.
pub(super) fn secure(headers: &mut HeaderMap, is_private: bool) {
    let fixed = HeaderValue::from_static;
    headers.insert(CONTENT_SECURITY_POLICY, fixed(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(REFERRER_POLICY, fixed("no-referrer"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), fixed("same-origin"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), fixed("same-origin"));
    headers.insert(CACHE_CONTROL, fixed(if is_private { "no-store" } else { "no-cache" }));
}
