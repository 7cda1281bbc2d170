//! Digest → token, in a snapshot that requests read without any lock.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokenrouter_shared::label::Labels;
use tokenrouter_shared::limits::Limits;
use tokenrouter_shared::run::RunEnd;
use tokenrouter_shared::token::TokenState;
use tokenrouter_shared::{Lossy, Role};

use super::Digest;
use super::last_use::{LastUse, Uses};
use super::lease::{Lease, Leases};
use super::meter::Meter;
use super::shards::Shards;
use crate::clock::Clock;
use crate::store::tokens::TokenRow;

/// What a request needs to know about a token. A change makes another entry, of the token and of each one below it.
#[derive(Debug)]
pub struct TokenEntry {
    /// The number that usage records carry.
    pub id: i64,
    /// `tok_…`
    pub public_id: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// What it may do.
    pub role: Role,
    /// The token above it, as it is in the same snapshot.
    pub parent: Option<Arc<TokenEntry>>,
    /// When it ends by itself or with one above it, in milliseconds since 1970.
    pub expires_ms: Option<i64>,
    /// Whether somebody ended it, or one above it.
    pub revoked: bool,
    /// Whether that was because nobody renewed its lease.
    pub lease_ended: bool,
    /// Its lease, or that of the next one above it that has one.
    pub lease: Option<Arc<Lease>>,
    /// Whether it was made for one run of an agent, or lies below one that was.
    pub is_run: bool,
    /// Whether it was made for one itself.
    pub is_own_run: bool,
    /// The label `agent` of that run.
    pub agent: Option<Arc<str>>,
    /// Its labels over those of the tokens above it, as JSON; none where there are none. Usage rows keep them.
    pub labels: Option<Arc<str>>,
    /// What becomes of its requests that lose something on the way; `None`: as the configuration says.
    pub lossy: Option<Lossy>,
    /// What it may use up by itself; those above it have limits of their own.
    pub limits: Arc<Limits>,
    /// Whether it or one above it has any limit.
    pub is_limited: bool,
    /// Whether its conversations may be kept, by its own word and that of those above it.
    pub capture: bool,
    /// Until when what goes over the wire for it is kept, by its own word or that of one above it, in milliseconds since
    /// 1970; 0: it is not.
    pub inspect_until_ms: i64,
    /// What it has used up; the same object in every entry of this token.
    pub meter: Arc<Meter>,
    /// When it was last used; the same object in every entry of this token.
    last_use: Arc<LastUse>,
    /// Of its key.
    digest: Digest,
    /// Of its key before the last rotation, and until when that one opens too, in milliseconds since 1970.
    old: Option<(Digest, i64)>,
}

impl TokenEntry {
    /// Whether it opens anything at `now_ms`.
    pub fn state(&self, now_ms: i64) -> TokenState {
        if self.revoked || self.is_unrenewed() {
            TokenState::Revoked
        } else if self.expires_ms.is_some_and(|end| end <= now_ms) {
            TokenState::Expired
        } else {
            TokenState::Live
        }
    }

    /// The digest of its key.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether it ends by a lease, its own or one above it, that nobody renewed in time.
    pub fn is_unrenewed(&self) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.is_over())
    }

    /// Its own lease.
    pub fn own_lease(&self) -> Option<&Lease> {
        self.lease.as_deref().filter(|lease| lease.token_id() == self.id)
    }

    /// The number of the token above it.
    pub fn parent_id(&self) -> Option<i64> {
        self.parent.as_ref().map(|parent| parent.id)
    }

    /// The token itself, then the one above it, and so on up.
    pub fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |token| token.parent.as_deref())
    }
}

#[derive(Clone, Default)]
struct Snapshot {
    by_digest: Shards<Digest, Arc<TokenEntry>>,
    by_id: Shards<i64, Arc<TokenEntry>>,
}

/// Every token, ended ones included, so that an answer can say `revoked` or `expired` and not merely `unknown`.
#[derive(Default)]
pub struct TokenIndex {
    snapshot: ArcSwap<Snapshot>,
    /// Held by whoever makes the next snapshot.
    publishing: Mutex<()>,
    uses: Uses,
    leases: Leases,
}

impl fmt::Debug for TokenIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenIndex({} tokens)", self.len())
    }
}

impl TokenIndex {
    /// An index of these tokens, parents before children.
    pub fn new(rows: &[TokenRow]) -> Self {
        Self::timed(rows, Clock::system())
    }

    /// The same; leases are measured by `clock`, and all of them begin now.
    pub fn timed(rows: &[TokenRow], clock: Clock) -> Self {
        let index = Self { leases: Leases::new(clock), ..Self::default() };
        index.put(rows, &[], false);
        index
    }

    /// The token with a digest, whatever its state. Of a rotated key only the new one is found.
    pub fn find(&self, digest: &Digest) -> Option<Arc<TokenEntry>> {
        self.snapshot.load().by_digest.get(digest).filter(|token| token.digest == *digest).cloned()
    }

    /// The same, also by the key before the last rotation as long as that one opens.
    pub fn find_at(&self, digest: &Digest, now_ms: i64) -> Option<Arc<TokenEntry>> {
        let opens = |token: &&Arc<TokenEntry>| {
            token.digest == *digest || token.old.is_some_and(|(old, until)| old == *digest && now_ms < until)
        };
        self.snapshot.load().by_digest.get(digest).filter(opens).cloned()
    }

    /// Notes that `token` is used by a client at `from`. Never waits.
    pub fn touch(&self, token: &TokenEntry, from: Option<IpAddr>, now_ms: i64) {
        self.uses.note(&token.last_use, token.id, from, now_ms);
    }

    /// Uses that wait to be written.
    pub(super) const fn uses(&self) -> &Uses {
        &self.uses
    }

    /// The leases of tokens that have not ended.
    pub(super) const fn leases(&self) -> &Leases {
        &self.leases
    }

    /// The token with a number.
    pub fn by_id(&self, id: i64) -> Option<Arc<TokenEntry>> {
        self.snapshot.load().by_id.get(&id).cloned()
    }

    /// Puts tokens that were made or changed into the next snapshot, and takes others out. `changed` has parents before
    /// children, and with a token everything below it. Requests that have looked already keep what they found.
    ///
    /// Budgets of a token that was made just now know that nothing was used; those that a token is given later are to be
    /// founded (see `access::budget`) in the same turn of the writer.
    pub fn publish(&self, changed: &[TokenRow], removed: &[i64]) {
        self.put(changed, removed, true);
    }

    fn put(&self, changed: &[TokenRow], removed: &[i64], is_running: bool) {
        let _turn = self.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = Snapshot::clone(&self.snapshot.load());
        for row in changed {
            let before = next.by_id.get(&row.id).cloned();
            if let Some(before) = &before {
                forget_keys(&mut next, before);
            }
            let parent = row.parent_id.and_then(|id| next.by_id.get(&id).cloned());
            let lease = self.lease_of(row, parent.as_deref(), before.as_deref());
            let entry = Arc::new(entry_of(row, parent, before.as_deref(), lease));
            entry.meter.limit(&entry.limits);
            if before.is_none() && is_running {
                entry.meter.founded();
            }
            next.by_digest.insert(entry.digest, Arc::clone(&entry));
            if let Some((old, _)) = entry.old {
                next.by_digest.insert(old, Arc::clone(&entry));
            }
            next.by_id.insert(entry.id, entry);
        }
        for id in removed {
            self.leases.forget(*id);
            if let Some(token) = next.by_id.remove(id) {
                forget_keys(&mut next, &token);
            }
        }
        self.snapshot.store(Arc::new(next));
    }

    /// The lease that a token ends by: its own, which outlasts every change of it, or one above it.
    fn lease_of(&self, row: &TokenRow, parent: Option<&TokenEntry>, before: Option<&TokenEntry>) -> Option<Arc<Lease>> {
        let above = parent.and_then(|parent| parent.lease.clone());
        let Some(seconds) = row.lease_s else { return above };
        if row.revoked_ms.is_some() {
            self.leases.forget(row.id);
            return None;
        }
        match before.and_then(|before| before.lease.clone()) {
            Some(lease) => Some(lease),
            None => Some(self.leases.begin(row.id, seconds, above)),
        }
    }

    /// Whether somebody can administer the gateway at `now_ms`.
    pub fn has_admin(&self, now_ms: i64) -> bool {
        let is_admin = |token: &Arc<TokenEntry>| token.role == Role::Admin && token.state(now_ms) == TokenState::Live;
        self.snapshot.load().by_id.values().any(is_admin)
    }

    /// The token with this id, or else the only one with this name.
    pub fn named(&self, which: &str) -> Option<Arc<TokenEntry>> {
        let all = self.snapshot.load();
        if let Some(token) = all.by_id.values().find(|token| *token.public_id == *which) {
            return Some(Arc::clone(token));
        }
        let mut named = all.by_id.values().filter(|token| *token.name == *which);
        named.next().filter(|_| named.next().is_none()).cloned()
    }

    /// Every token, in no order.
    pub fn each(&self, each: impl FnMut(&Arc<TokenEntry>)) {
        self.snapshot.load().by_id.values().for_each(each);
    }

    /// How many tokens there are, ended ones included.
    pub fn len(&self) -> usize {
        self.snapshot.load().by_id.count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn forget_keys(snapshot: &mut Snapshot, token: &TokenEntry) {
    snapshot.by_digest.remove(&token.digest);
    if let Some((old, _)) = &token.old {
        snapshot.by_digest.remove(old);
    }
}

/// Most tokens have no limits: they share these.
static NO_LIMITS: LazyLock<Arc<Limits>> = LazyLock::new(Arc::default);

fn entry_of(
    row: &TokenRow,
    parent: Option<Arc<TokenEntry>>,
    before: Option<&TokenEntry>,
    lease: Option<Arc<Lease>>,
) -> TokenEntry {
    // A parent that is not there has ended, whatever became of it.
    let is_orphan = row.parent_id.is_some() && parent.is_none();
    let above = parent.as_deref();
    let expires_ms = [row.expires_ms, above.and_then(|above| above.expires_ms)].into_iter().flatten().min();
    let capture = row.capture && above.is_none_or(|above| above.capture);
    let inspect_until_ms = row.inspect_until_ms.max(above.map(|above| above.inspect_until_ms)).filter(|_| capture);
    TokenEntry {
        id: row.id,
        public_id: row.public_id.as_str().into(),
        name: row.name.as_str().into(),
        role: row.role,
        expires_ms,
        revoked: row.revoked_ms.is_some() || is_orphan || above.is_some_and(|above| above.revoked),
        lease_ended: row.end_reason == Some(RunEnd::Lease),
        lease,
        is_own_run: row.run,
        is_run: row.run || above.is_some_and(|above| above.is_run),
        agent: if row.run {
            row.labels.get("agent").filter(|agent| !agent.is_empty()).map(|agent| agent.as_str().into())
        } else {
            above.and_then(|above| above.agent.clone())
        },
        labels: labels_of(row, parent.as_deref()),
        lossy: row.lossy,
        limits: if row.limits.is_empty() { Arc::clone(&NO_LIMITS) } else { Arc::new(row.limits.clone()) },
        is_limited: !row.limits.is_empty() || above.is_some_and(|above| above.is_limited),
        capture,
        inspect_until_ms: inspect_until_ms.unwrap_or(0),
        meter: before.map_or_else(Arc::default, |before| Arc::clone(&before.meter)),
        last_use: before.map_or_else(Arc::default, |before| Arc::clone(&before.last_use)),
        digest: Digest(row.digest),
        old: row.old_key.map(|(digest, until_ms)| (Digest(digest), until_ms)),
        parent,
    }
}

/// A token's labels with those above it, of which its own win; shared with the one above where it adds nothing.
fn labels_of(row: &TokenRow, above: Option<&TokenEntry>) -> Option<Arc<str>> {
    let inherited = above.and_then(|above| above.labels.as_ref());
    if row.labels.is_empty() {
        return inherited.cloned();
    }
    let mut labels: Labels = inherited.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    labels.extend(row.labels.iter().map(|(name, value)| (name.clone(), value.clone())));
    let text: Arc<str> = serde_json::to_string(&labels).ok()?.into();
    Some(inherited.filter(|inherited| **inherited == text).map_or(text, Arc::clone))
}

#[cfg(test)]
mod tests;
