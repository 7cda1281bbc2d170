//! `GET /admin/api/live`: what happens, as it happens, by server-sent events.
//!
//! `hub` knows who listens and gives out events, each made once for all who get it; `heard` is what the usage writer's thread
//! leaves; `turn` goes round four times a second as long as anybody listens, looks at what `seen` tells of providers and quotas,
//! and asks the database for lines and alerts when there are new ones. While nobody listens there is no task, and the
//! writer's thread looks at one atomic.

mod heard;
mod hub;
mod seen;
mod topic;
mod turn;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokenrouter_shared::Role;
use tokenrouter_shared::live::{LiveEnd, LiveHello};
use tokenrouter_shared::token::TokenState;
use tokio::sync::mpsc::Receiver;

pub use self::hub::Hub;
use self::hub::{Place, Wanted, event};
use self::topic::Topics;
use super::Admin;
use super::answer::Failure;
use super::query::Words;
use crate::access::session::Session;
use crate::access::{Digest, Operator, caller};
use crate::store::log;

/// How often it is looked at whether whoever listens still may.
const CHECK: Duration = Duration::from_secs(1);
/// So many looks without an event are followed by a sign of life.
const QUIET: u32 = 15;
/// What a stream of events is called.
pub const KIND: &str = "text/event-stream";
/// Has nginx hand on every event at once.
static UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Begins a stream.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    session: Option<Extension<Arc<Session>>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let words = Words::read(query.as_deref(), &["topics"])?;
    let topics = Topics::read(words.text("topics").as_deref(), operator.role() == Role::Admin)?;
    let who = Who::of(&operator, session.map(|Extension(session)| session), &headers);
    let wanted = Wanted {
        holder: who.holder(&operator),
        is_admin: operator.role() == Role::Admin,
        root: operator.root(),
        topics,
        log_after: if topics.log { admin.read(|connection| Ok(log::last(connection)?)).await? } else { 0 },
    };
    let (place, events) = admin.hub.join(&admin, wanted)?;
    let hello = LiveHello {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_ms: admin.started_ms,
        now_ms: admin.clock.now_ms(),
        topics: topics.names().map(str::to_owned).collect(),
        heartbeat_ms: u64::from(QUIET) * 1_000,
    };
    let mut first = b"retry: 2000\n".to_vec();
    first.extend_from_slice(&event("hello", &hello));
    let listener =
        Listener { admin, who, role: operator.role(), events, first: Some(first.into()), quiet: 0, _place: place };
    let body = Body::from_stream(stream::unfold(Some(listener), |listener| async { Some(listener?.next().await) }));
    Ok(([(CONTENT_TYPE, KIND), (UNBUFFERED.clone(), "no")], body).into_response())
}

/// By what somebody was let in, to be looked at again as long as the stream lasts.
enum Who {
    /// The owner of the data folder.
    Owner,
    /// The key with this digest.
    Key(Digest),
    /// A login.
    Session(Arc<Session>),
}

impl Who {
    fn of(operator: &Operator, session: Option<Arc<Session>>, headers: &HeaderMap) -> Self {
        match (operator, session) {
            (Operator::LocalOwner, _) => Self::Owner,
            (_, Some(session)) => Self::Session(session),
            (Operator::Token(token), None) => {
                let presented = caller::presented_key(headers).ok().flatten();
                Self::Key(presented.and_then(caller::digest).unwrap_or_else(|| token.digest()))
            }
        }
    }

    /// Whose streams are counted together.
    fn holder(&self, operator: &Operator) -> Box<str> {
        match self {
            Self::Session(session) => session.public_id.clone(),
            Self::Owner | Self::Key(_) => operator.actor().into(),
        }
    }

    /// Why it opens nothing any more; none where it does.
    fn ended(&self, admin: &Admin, role: Role) -> Option<&'static str> {
        let now_ms = admin.clock.now_ms();
        let (token, why) = match self {
            Self::Owner => return None,
            Self::Key(digest) => (admin.tokens.find_at(digest, now_ms), "token_ended"),
            Self::Session(session) => {
                let status = admin.reload.status();
                (admin.sessions.opens(session, &admin.tokens, &status.config.admin, now_ms), "session_over")
            }
        };
        let is_good = token.is_some_and(|token| token.state(now_ms) == TokenState::Live && token.role == role);
        (!is_good).then_some(why)
    }
}

/// One stream.
struct Listener {
    admin: Arc<Admin>,
    who: Who,
    role: Role,
    events: Receiver<Bytes>,
    first: Option<Bytes>,
    /// Looks since the last event.
    quiet: u32,
    _place: Place,
}

/// What comes next, and what goes on after it.
type Next = (Result<Bytes, Infallible>, Option<Listener>);

impl Listener {
    async fn next(mut self) -> Next {
        if let Some(first) = self.first.take() {
            return (Ok(first), Some(self));
        }
        loop {
            let came = tokio::select! {
                came = self.events.recv() => Some(came),
                () = tokio::time::sleep(CHECK) => None,
                () = self.admin.lifecycle.soft_stop() => return end("stopping"),
            };
            // Before anything is handed over: what happens after a revocation is not told.
            if let Some(why) = self.who.ended(&self.admin, self.role) {
                return end(why);
            }
            match came {
                Some(Some(event)) => {
                    self.quiet = 0;
                    return (Ok(event), Some(self));
                }
                // Nobody else takes a place away.
                Some(None) => return end("replaced"),
                None => self.quiet += 1,
            }
            if self.quiet >= QUIET {
                self.quiet = 0;
                return (Ok(Bytes::from_static(b": \n\n")), Some(self));
            }
        }
    }
}

fn end(why: &str) -> Next {
    (Ok(event("end", &LiveEnd { why: why.to_owned() })), None)
}
