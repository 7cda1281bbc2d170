//! The first admin token of a daemon that nobody watches start: `POST /admin/api/setup` with the code from its log.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{CONTENT_ENCODING, HOST, ORIGIN};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokenrouter::error::{Kind, Problem};
use tokenrouter::protocol::Protocol;
use tokenrouter_shared::Role;
use tokenrouter_shared::token::{TokenCreate, TokenCreated};

use crate::access::issue::{self, Draft, IssueError};
use crate::access::{NoRandomness, Operator, Random, TokenIndex};
use crate::clock::Clock;
use crate::gateway::reply::Reply;
use crate::gateway::request_id::RequestId;
use crate::gateway::{entry, intake};
use crate::problem;
use crate::store::WriterHandle;

/// Wrong codes until the code is void; a restart makes a new one.
const TRIES: u32 = 5;
const MAX_BODY_BYTES: usize = 4 << 10;
/// Nobody needs longer to send a code.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Makes tokens on behalf of the data folder's owner, and the first one for whoever has the code.
pub struct Setup {
    writer: WriterHandle,
    tokens: Arc<TokenIndex>,
    clock: Clock,
    random: Random,
    code: Mutex<Option<Code>>,
}

struct Code {
    digest: [u8; 32],
    tries: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    code: String,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    token: &'a TokenCreated,
    note: &'static str,
}

impl Setup {
    /// No code is set: setup is closed.
    pub const fn new(writer: WriterHandle, tokens: Arc<TokenIndex>, clock: Clock, random: Random) -> Self {
        Self { writer, tokens, clock, random, code: Mutex::new(None) }
    }

    /// Opens setup and returns the one-time code.
    pub fn open(&self) -> Result<String, NoRandomness> {
        const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        let mut bytes = [0_u8; 16];
        (self.random)(&mut bytes)?;
        let letters: Vec<u8> = bytes.iter().filter_map(|b| LETTERS.get(usize::from(b & 31)).copied()).collect();
        let parts: Vec<String> = letters.chunks(4).map(|c| String::from_utf8_lossy(c).into_owned()).collect();
        let code = parts.join("-");
        *self.code.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Code { digest: Sha256::digest(code.as_bytes()).into(), tries: 0 });
        Ok(code)
    }

    /// Makes the first admin token.
    pub async fn make_admin(&self, name: Option<String>) -> Result<TokenCreated, IssueError> {
        let draft = Draft::draw(self.random)?;
        let wanted =
            TokenCreate { name: name.or_else(|| Some("admin".into())), role: Role::Admin, ..TokenCreate::default() };
        let now_ms = self.clock.now_ms();
        let index = Arc::clone(&self.tokens);
        self.writer
            .call(move |connection| {
                let made = issue::create(connection, &draft, &wanted, &Operator::LocalOwner, now_ms)?;
                Ok::<_, IssueError>(made.publish(&index))
            })
            .await
    }

    /// Refuses everybody once there is an admin, or no code.
    fn check_open(&self) -> Result<(), Problem> {
        let mut slot = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_some() && self.tokens.has_admin(self.clock.now_ms()) {
            *slot = None;
        }
        if slot.is_some() { Ok(()) } else { Err(closed()) }
    }

    /// Whether `code` is right; the right one works once.
    fn take(&self, code: &str) -> Result<Code, Problem> {
        let mut slot = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = slot.as_mut() else { return Err(closed()) };
        // Digests are compared, so the time that takes says nothing about the code.
        let given: [u8; 32] = Sha256::digest(code.trim().to_ascii_uppercase().as_bytes()).into();
        if given == known.digest {
            return slot.take().ok_or_else(closed);
        }
        known.tries += 1;
        if known.tries >= TRIES {
            *slot = None;
            tracing::warn!("too many wrong setup codes: setup is closed until a restart");
        }
        Err(Problem::new(Kind::Forbidden, "setup_code_wrong", "this is not the setup code", "The daemon's log has it."))
    }
}

fn closed() -> Problem {
    Problem::new(
        Kind::Forbidden,
        "setup_closed",
        "setup is closed: an admin token exists, or the code was used or guessed at too often",
        "Run `torod token create --role admin` on the gateway's machine.",
    )
}

/// Answers `POST /admin/api/setup`.
pub async fn serve(setup: &Setup, id: &RequestId, request: Request<Incoming>) -> Response<Reply> {
    if request.method() != Method::POST {
        return problem::wrong_method("POST", Protocol::OpenAi, id);
    }
    match answer(setup, request).await {
        Ok(made) => {
            let note = "This key is shown once. Keep it safe.";
            let body = serde_json::to_vec(&Answer { token: &made, note }).unwrap_or_default();
            let mut response = entry::json(body.into(), id);
            *response.status_mut() = StatusCode::CREATED;
            response
        }
        Err(problem) => problem::respond(&problem, Protocol::OpenAi, id),
    }
}

async fn answer(setup: &Setup, request: Request<Incoming>) -> Result<TokenCreated, Problem> {
    setup.check_open()?;
    let (head, body) = request.into_parts();
    // A page of another site must not even be able to use up the tries.
    if is_foreign(&head.headers) {
        return Err(Problem::new(
            Kind::Forbidden,
            "foreign_origin",
            "setup cannot be done from a page of another site",
            "Open the gateway's own page, or use curl.",
        ));
    }
    if head.headers.contains_key(CONTENT_ENCODING) {
        let said = "setup takes no compressed body";
        return Err(Problem::new(Kind::BadRequest, "unsupported_encoding", said, "Send it as it is.").with_status(415));
    }
    let body = tokio::time::timeout(BODY_TIME, intake::plain(&head.headers, body, MAX_BODY_BYTES)).await;
    let body = body.map_err(|_| {
        Problem::new(Kind::BadRequest, "body_timeout", "the request body came too slowly", "Send it at once.")
            .with_status(408)
    })??;
    let body: Body = serde_json::from_slice(&body).map_err(|_| {
        Problem::new(
            Kind::BadRequest,
            "invalid_json",
            "the body is not {\"code\": \"…\"}",
            "Send the code from the log.",
        )
    })?;
    if body.name.as_deref().is_some_and(|name| !issue::is_plain(name)) {
        let e = IssueError::BadName.problem();
        return Err(Problem::new(Kind::BadRequest, "bad_name", e.message, e.advice).at_field(Some("name")));
    }
    let code = setup.take(&body.code)?;
    setup.make_admin(body.name).await.map_err(|e| {
        // Nothing was made: the code is still worth something.
        *setup.code.lock().unwrap_or_else(PoisonError::into_inner) = Some(code);
        let problem = e.problem();
        Problem::new(Kind::Internal, "setup_failed", problem.message, problem.advice)
    })
}

/// Whether a browser sends this for a page that is not the gateway's own.
fn is_foreign(headers: &HeaderMap) -> bool {
    let own = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    headers.get_all(ORIGIN).iter().any(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        origin.split_once("://").is_none_or(|(_, host)| !host.eq_ignore_ascii_case(own))
    })
}
