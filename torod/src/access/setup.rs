//! The first admin token: on the gateway's own machine for whoever comes first, elsewhere for whoever has the code
//! from the log. Once a token was made, the door is shut for good.

use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use sha2::{Digest as _, Sha256};
use tokenrouter_shared::Role;
use tokenrouter_shared::token::{TokenCreate, TokenCreated};

use super::caller;
use super::issue::{self, Draft, IssueError};
use super::{NoRandomness, Operator, Random, TokenIndex};
use crate::clock::Clock;
use crate::server::connection::Peer;
use crate::store::writer::BusyError;
use crate::store::{StoreError, WriterHandle, tokens};

/// Wrong codes until the code is void; a restart makes a new one.
const TRIES: u32 = 5;

/// Makes tokens on behalf of the data folder's owner, and the first one for whoever may.
pub struct Setup {
    writer: WriterHandle,
    tokens: Arc<TokenIndex>,
    clock: Clock,
    random: Random,
    /// Whether no token had ever been made when the daemon started.
    was_fresh: bool,
    code: Mutex<Option<Code>>,
}

struct Code {
    digest: [u8; 32],
    tries: u32,
}

/// How the first token may be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// By whoever asks: on this machine, and no token was ever made.
    Open,
    /// By whoever has the code.
    Code,
    /// Not here.
    Closed,
}

impl Door {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Code => "code",
            Self::Closed => "closed",
        }
    }
}

/// Why no first token was made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// There is an owner.
    #[error("setup is closed: an admin token exists, or the code was used or guessed at too often")]
    Closed,
    /// A code is needed.
    #[error("the first token is made with the setup code, except on the gateway's own machine")]
    NoCode,
    /// It is another code.
    #[error("this is not the setup code")]
    WrongCode,
    /// The token was not made.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl From<StoreError> for SetupError {
    fn from(error: StoreError) -> Self {
        Self::Issue(error.into())
    }
}

impl BusyError for SetupError {
    fn is_busy(&self) -> bool {
        matches!(self, Self::Issue(error) if error.is_busy())
    }
}

impl Setup {
    /// Setup by code is closed until [`Setup::open`]; `was_fresh` says that no token was ever made.
    pub const fn new(
        writer: WriterHandle,
        tokens: Arc<TokenIndex>,
        clock: Clock,
        random: Random,
        was_fresh: bool,
    ) -> Self {
        Self { writer, tokens, clock, random, was_fresh, code: Mutex::new(None) }
    }

    /// Opens setup by code and returns the code.
    pub fn open(&self) -> Result<String, NoRandomness> {
        const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        let mut bytes = [0_u8; 16];
        (self.random)(&mut bytes)?;
        let letters: Vec<u8> = bytes.iter().filter_map(|b| LETTERS.get(usize::from(b & 31)).copied()).collect();
        let parts: Vec<String> = letters.chunks(4).map(|c| String::from_utf8_lossy(c).into_owned()).collect();
        let code = parts.join("-");
        *self.code.lock().unwrap_or_else(PoisonError::into_inner) = Some(Code { digest: digest(&code), tries: 0 });
        Ok(code)
    }

    /// How the first token may be made by whoever sent `headers` from `peer`.
    pub fn door(&self, headers: &HeaderMap, peer: Peer) -> Door {
        if self.was_fresh && self.tokens.is_empty() && caller::is_here(headers, peer) {
            return Door::Open;
        }
        let mut slot = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_some() && self.tokens.has_admin(self.clock.now_ms()) {
            *slot = None;
        }
        if slot.is_some() { Door::Code } else { Door::Closed }
    }

    /// Makes an admin token, whoever else there is.
    pub async fn make_admin(&self, name: Option<String>) -> Result<TokenCreated, IssueError> {
        self.make(name, false).await.map_err(|error| match error {
            SetupError::Issue(error) => error,
            other => StoreError::Damaged(other.to_string()).into(),
        })
    }

    /// Makes the first admin token for somebody who came through `door`.
    pub async fn make_first(
        &self,
        door: Door,
        code: Option<&str>,
        name: Option<String>,
    ) -> Result<TokenCreated, SetupError> {
        match door {
            Door::Closed => Err(SetupError::Closed),
            // A code that nobody asked for is looked at all the same: who copied a wrong one is elsewhere than meant.
            Door::Open if code.is_some_and(|code| !self.is_right(code)) => Err(SetupError::WrongCode),
            Door::Open => self.make(name, true).await,
            Door::Code => {
                let taken = self.take(code.ok_or(SetupError::NoCode)?)?;
                let made = self.make(name, false).await;
                if made.is_err() {
                    // Nothing was made: the code is still worth something.
                    *self.code.lock().unwrap_or_else(PoisonError::into_inner) = Some(taken);
                }
                made
            }
        }
    }

    /// With `only_first`, only where no token was ever made; the writer does one thing after the other, so of many who
    /// ask at the same time one gets it.
    async fn make(&self, name: Option<String>, only_first: bool) -> Result<TokenCreated, SetupError> {
        let draft = Draft::draw(self.random).map_err(IssueError::from)?;
        let wanted =
            TokenCreate { name: name.or_else(|| Some("admin".into())), role: Role::Admin, ..TokenCreate::default() };
        let now_ms = self.clock.now_ms();
        let index = Arc::clone(&self.tokens);
        self.writer
            .call(move |connection| {
                if only_first && tokens::any_ever(connection)? {
                    return Err(SetupError::Closed);
                }
                let made = issue::create(connection, &draft, &wanted, &Operator::LocalOwner, now_ms)?;
                let made = made.publish(&index);
                tracing::info!(token = made.id, "an admin token was made by setup");
                Ok(made)
            })
            .await
    }

    /// Whether `code` is the one that was given out, without using it up.
    fn is_right(&self, code: &str) -> bool {
        let slot = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().is_some_and(|known| digest(&code.trim().to_ascii_uppercase()) == known.digest)
    }

    /// Whether `code` is right; the right one works once.
    fn take(&self, code: &str) -> Result<Code, SetupError> {
        let mut slot = self.code.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = slot.as_mut() else { return Err(SetupError::Closed) };
        // Digests are compared, so the time that takes says nothing about the code.
        if digest(&code.trim().to_ascii_uppercase()) == known.digest {
            return slot.take().ok_or(SetupError::Closed);
        }
        known.tries += 1;
        if known.tries >= TRIES {
            *slot = None;
            tracing::warn!("too many wrong setup codes: setup is closed until a restart");
        }
        Err(SetupError::WrongCode)
    }
}

fn digest(code: &str) -> [u8; 32] {
    Sha256::digest(code.as_bytes()).into()
}
