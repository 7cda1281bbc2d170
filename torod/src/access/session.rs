//! Logins of people in a browser: a random value in a cookie, of which only the digest is kept.
//!
//! A session is as good as the token it was made with: when that ends, or anything above it does, or it gets another
//! key, the session opens nothing any more, because every request looks the token up again.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};
use tokenrouter_shared::hex;
use tokenrouter_shared::token::TokenState;
use zeroize::Zeroizing;

use super::{Digest, NoRandomness, Random, TokenEntry, TokenIndex};
use crate::config::Admin;
use crate::store::sessions::{self, SessionRow};
use crate::store::{Connection, StoreError};

/// Sessions of one token at the same time; the oldest goes.
pub const MOST_PER_TOKEN: usize = 16;
/// Sessions at the same time; the oldest goes.
pub const MOST: usize = 4096;
/// A request is noted in the database when the last one noted is this old.
const NOTED_MS: i64 = 60_000;
/// A clock may have been set back by this much since a session began.
const SLACK_MS: i64 = 300_000;
/// The cookie on a connection without TLS: to the admin pages only.
const PLAIN: &str = "tokenrouter_session";
/// The cookie with TLS. Browsers keep a name with this beginning only if it comes from this very host, by TLS and
/// for every path, so that no neighbour can put one in its place. What it opens is decided here, not by its path.
const HOST_BOUND: &str = "__Host-tokenrouter_session";
/// The value's length: 32 bytes in hexadecimal digits.
const LENGTH: usize = 64;
/// Characters that are kept of what a browser calls itself.
const AGENT_CHARS: usize = 120;

/// One login.
#[derive(Debug)]
pub struct Session {
    /// `ses_…`
    pub public_id: Box<str>,
    /// The digest of the cookie's value.
    pub digest: Digest,
    /// The token that logged in.
    pub token_id: i64,
    /// The digest of the key that was shown at login.
    pub token: Digest,
    /// When it began, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it ends whatever happens.
    pub expires_ms: i64,
    /// Where the browser was at login.
    pub address: Option<Box<str>>,
    /// What the browser calls itself.
    pub agent: Option<Box<str>>,
    seen_ms: AtomicI64,
    noted_ms: AtomicI64,
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self {
            public_id: row.public_id.into(),
            digest: Digest(row.digest),
            token_id: row.token_id,
            token: Digest(row.token_digest),
            created_ms: row.created_ms,
            expires_ms: row.expires_ms,
            address: row.address.map(Into::into),
            agent: row.agent.map(Into::into),
            seen_ms: AtomicI64::new(row.seen_ms),
            noted_ms: AtomicI64::new(row.seen_ms),
        }
    }
}

impl Session {
    /// When it was last used.
    pub fn seen_ms(&self) -> i64 {
        self.seen_ms.load(Ordering::Relaxed)
    }

    /// When it ends if nobody uses it any more.
    pub fn ends_ms(&self, rules: &Admin) -> i64 {
        self.expires_ms.min(self.seen_ms().saturating_add(ms(rules.session_idle)))
    }

    /// Whether it opens anything at `now_ms`, as far as that does not hang on its token. Shorter times in the
    /// configuration hold for sessions that there are already, longer ones do not.
    pub fn is_live(&self, rules: &Admin, now_ms: i64) -> bool {
        let ends_ms = self.ends_ms(rules).min(self.created_ms.saturating_add(ms(rules.session_lifetime)));
        now_ms < ends_ms && now_ms >= self.created_ms.saturating_sub(SLACK_MS)
    }

    /// Notes a request. Says whether the database is to know.
    pub fn touch(&self, now_ms: i64) -> bool {
        self.seen_ms.store(now_ms, Ordering::Relaxed);
        let noted_ms = self.noted_ms.load(Ordering::Relaxed);
        // Once for many requests at the same time; a clock that was set back counts too.
        (now_ms.saturating_sub(noted_ms).saturating_abs() >= NOTED_MS)
            && self.noted_ms.compare_exchange(noted_ms, now_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Every session, in a snapshot that requests read without a lock. The writer's thread alone changes it.
#[derive(Default)]
pub struct Sessions {
    snapshot: ArcSwap<HashMap<[u8; 32], Arc<Session>>>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions({})", self.snapshot.load().len())
    }
}

impl Sessions {
    /// Those of the database.
    pub fn new(rows: Vec<SessionRow>) -> Self {
        let all = rows.into_iter().map(|row| (row.digest, Arc::new(Session::from(row)))).collect();
        Self { snapshot: ArcSwap::from_pointee(all) }
    }

    /// The session of a cookie, with its token, if both are live.
    pub fn find(
        &self,
        value: &str,
        tokens: &TokenIndex,
        rules: &Admin,
        now_ms: i64,
    ) -> Option<(Arc<Session>, Arc<TokenEntry>)> {
        if value.len() != LENGTH {
            return None;
        }
        // Looked up by digest: the time that takes says nothing about values that are right.
        let session = self.snapshot.load().get(&digest(value).0).cloned()?;
        let token = opens(&session, tokens, rules, now_ms)?;
        Some((session, token))
    }

    /// The token of a session that was found before, if both are live still.
    pub fn opens(&self, session: &Session, tokens: &TokenIndex, rules: &Admin, now_ms: i64) -> Option<Arc<TokenEntry>> {
        self.snapshot.load().get(&session.digest.0).and_then(|session| opens(session, tokens, rules, now_ms))
    }

    /// Those that are live and whose token is, newest first.
    pub fn live(&self, tokens: &TokenIndex, rules: &Admin, now_ms: i64) -> Vec<(Arc<Session>, Arc<TokenEntry>)> {
        let with_token = |session: &Arc<Session>| {
            let token = session.is_live(rules, now_ms).then(|| tokens.find_at(&session.token, now_ms))??;
            (token.state(now_ms) == TokenState::Live).then(|| (Arc::clone(session), token))
        };
        let mut live: Vec<_> = self.snapshot.load().values().filter_map(with_token).collect();
        live.sort_by(|(one, _), (two, _)| (two.created_ms, &two.public_id).cmp(&(one.created_ms, &one.public_id)));
        live
    }

    fn change(&self, added: Option<&SessionRow>, removed: &[[u8; 32]]) {
        let mut all = HashMap::clone(&self.snapshot.load());
        if let Some(row) = added {
            all.insert(row.digest, Arc::new(row.clone().into()));
        }
        all.retain(|digest, _| !removed.contains(digest));
        self.snapshot.store(Arc::new(all));
    }

    /// Writes a session and drops those that have to make room. Called inside the transaction of `connection`, whose
    /// commit is followed by the returned change.
    pub fn add(&self, connection: &Connection, row: &SessionRow, rules: &Admin) -> Result<Vec<[u8; 32]>, StoreError> {
        let idle_since_ms = row.created_ms.saturating_sub(ms(rules.session_idle));
        sessions::insert(connection, row)?;
        let mut gone = sessions::remove_ended(connection, row.created_ms, idle_since_ms)?;
        gone.extend(sessions::remove_oldest_of(connection, row.token_id, bound(MOST_PER_TOKEN))?);
        gone.extend(sessions::remove_oldest(connection, bound(MOST))?);
        Ok(gone)
    }

    /// Lets requests see what was committed.
    pub fn publish(&self, added: Option<&SessionRow>, removed: &[[u8; 32]]) {
        self.change(added, removed);
    }
}

/// The token of `session`, if both are live.
fn opens(session: &Session, tokens: &TokenIndex, rules: &Admin, now_ms: i64) -> Option<Arc<TokenEntry>> {
    let token = session.is_live(rules, now_ms).then(|| tokens.find_at(&session.token, now_ms))??;
    (token.id == session.token_id && token.state(now_ms) == TokenState::Live).then_some(token)
}

fn bound(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// What is kept of a cookie's value.
pub fn digest(value: &str) -> Digest {
    Digest(Sha256::digest(value.as_bytes()).into())
}

/// A session that can be written: its value is drawn already, so that writing can be repeated.
pub struct Drawn {
    value: Zeroizing<String>,
    /// The row to write.
    pub row: SessionRow,
}

impl fmt::Debug for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Drawn(redacted)")
    }
}

impl Drawn {
    /// Draws a session for the holder of `token`, whose key has the digest `shown`.
    pub fn new(
        random: Random,
        token: &TokenEntry,
        shown: Digest,
        rules: &Admin,
        now_ms: i64,
    ) -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        random(bytes.as_mut_slice())?;
        let value = Zeroizing::new(hex::of(bytes.as_slice()));
        let mut id = [0_u8; 8];
        random(&mut id)?;
        let row = SessionRow {
            public_id: format!("ses_{}", hex::of(&id)),
            digest: digest(&value).0,
            token_id: token.id,
            token_digest: shown.0,
            created_ms: now_ms,
            expires_ms: now_ms.saturating_add(ms(rules.session_lifetime)),
            seen_ms: now_ms,
            address: None,
            agent: None,
        };
        Ok(Self { value, row })
    }

    /// Notes where the browser is, and what it calls itself.
    #[must_use]
    pub fn seen_from(mut self, address: Option<String>, agent: Option<&str>) -> Self {
        self.row.address = address;
        let plain = |text: &str| text.chars().filter(|c| !c.is_control()).take(AGENT_CHARS).collect();
        self.row.agent = agent.map(plain);
        self
    }

    /// The header that gives it to a browser.
    pub fn cookie(&self, is_https: bool, rules: &Admin) -> Option<HeaderValue> {
        set_cookie(&self.value, is_https, rules.session_lifetime)
    }
}

fn set_cookie(value: &str, is_https: bool, lifetime: Duration) -> Option<HeaderValue> {
    let (name, place) = if is_https { (HOST_BOUND, "Path=/; Secure") } else { (PLAIN, "Path=/admin") };
    let text = format!("{name}={value}; {place}; HttpOnly; SameSite=Strict; Max-Age={}", lifetime.as_secs());
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// The header that takes the cookie away again.
pub fn no_cookie(is_https: bool) -> Option<HeaderValue> {
    set_cookie("", is_https, Duration::ZERO)
}

/// What a request carries of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie<'a> {
    /// Nothing.
    None,
    /// This value.
    One(&'a str),
    /// Several values, of which all but one somebody else must have put there.
    Several,
}

/// Our cookie among those of a request. With TLS only the name counts that no neighbour can set.
pub fn cookie(headers: &HeaderMap, is_https: bool) -> Cookie<'_> {
    let wanted = if is_https { HOST_BOUND } else { PLAIN };
    let values = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut ours = values.flat_map(|line| line.split(';')).filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        (name.trim() == wanted && !value.trim().is_empty()).then(|| value.trim())
    });
    match (ours.next(), ours.next()) {
        (None, _) => Cookie::None,
        (Some(one), None) => Cookie::One(one),
        (Some(_), Some(_)) => Cookie::Several,
    }
}
