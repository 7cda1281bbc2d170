//! Digest → token, in a snapshot that requests read without any lock.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokenrouter_shared::token::TokenState;
use tokenrouter_shared::{Lossy, Role};

use super::Digest;
use crate::store::tokens::TokenRow;

/// What a request needs to know about a token.
#[derive(Debug, PartialEq, Eq)]
pub struct TokenEntry {
    /// The number that usage records carry.
    pub id: i64,
    /// `tok_…`
    pub public_id: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// What it may do.
    pub role: Role,
    /// The number of the token above it.
    pub parent_id: Option<i64>,
    /// When it ends by itself, in milliseconds since 1970.
    pub expires_ms: Option<i64>,
    /// Whether somebody ended it.
    pub revoked: bool,
    /// What becomes of its requests that lose something on the way; `None`: as the configuration says.
    pub lossy: Option<Lossy>,
}

impl TokenEntry {
    /// Whether it opens anything at `now_ms`.
    pub fn state(&self, now_ms: i64) -> TokenState {
        if self.revoked {
            TokenState::Revoked
        } else if self.expires_ms.is_some_and(|end| end <= now_ms) {
            TokenState::Expired
        } else {
            TokenState::Live
        }
    }
}

/// Takes eight bytes of the digest as they are: they are as good as random, and nobody can choose them.
#[derive(Default)]
struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    // The length of the array, which `Hash` for slices announces, must not overwrite anything.
    fn write_usize(&mut self, _: usize) {}
}

type Snapshot = HashMap<Digest, Arc<TokenEntry>, BuildHasherDefault<DigestHasher>>;

/// Every token, ended ones included, so that an answer can say `revoked` or `expired` and not merely `unknown`.
#[derive(Default)]
pub struct TokenIndex {
    snapshot: ArcSwap<Snapshot>,
}

impl fmt::Debug for TokenIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenIndex({} tokens)", self.len())
    }
}

impl TokenIndex {
    /// An index of these tokens.
    pub fn new(rows: &[TokenRow]) -> Self {
        Self { snapshot: ArcSwap::from_pointee(snapshot_of(rows)) }
    }

    /// The token with a digest, whatever its state.
    pub fn find(&self, digest: &Digest) -> Option<Arc<TokenEntry>> {
        self.snapshot.load().get(digest).cloned()
    }

    /// Replaces everything. Requests that have looked already keep what they found.
    pub fn publish(&self, rows: &[TokenRow]) {
        self.snapshot.store(Arc::new(snapshot_of(rows)));
    }

    /// Whether somebody can administer the gateway at `now_ms`.
    pub fn has_admin(&self, now_ms: i64) -> bool {
        let is_admin = |token: &Arc<TokenEntry>| token.role == Role::Admin && token.state(now_ms) == TokenState::Live;
        self.snapshot.load().values().any(is_admin)
    }

    /// The token with this id, or else the only one with this name.
    pub fn named(&self, which: &str) -> Option<Arc<TokenEntry>> {
        let all = self.snapshot.load();
        if let Some(token) = all.values().find(|token| *token.public_id == *which) {
            return Some(Arc::clone(token));
        }
        let mut named = all.values().filter(|token| *token.name == *which);
        named.next().filter(|_| named.next().is_none()).cloned()
    }

    /// How many tokens there are, ended ones included.
    pub fn len(&self) -> usize {
        self.snapshot.load().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn snapshot_of(rows: &[TokenRow]) -> Snapshot {
    rows.iter()
        .map(|row| {
            let entry = TokenEntry {
                id: row.id,
                public_id: row.public_id.as_str().into(),
                name: row.name.as_str().into(),
                role: row.role,
                parent_id: row.parent_id,
                expires_ms: row.expires_ms,
                revoked: row.revoked_ms.is_some(),
                lossy: row.lossy,
            };
            (Digest(row.digest), Arc::new(entry))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64, byte: u8) -> TokenRow {
        TokenRow {
            id,
            public_id: format!("tok_{id}"),
            digest: [byte; 32],
            name: "n".into(),
            role: Role::Inferrer,
            parent_id: None,
            created_ms: 0,
            expires_ms: None,
            revoked_ms: None,
            last_used_ms: None,
            lossy: None,
        }
    }

    #[test]
    fn the_hasher_spreads_by_the_digest() {
        let hash = |byte: u8| {
            let mut hasher = DigestHasher::default();
            std::hash::Hash::hash(&Digest([byte; 32]), &mut hasher);
            hasher.finish()
        };
        assert_eq!(hash(1), 0x0101_0101_0101_0101);
        assert_ne!(hash(1), hash(2));
    }

    #[test]
    fn finds_what_was_published_last_and_keeps_ended_ones() {
        let index = TokenIndex::new(&[row(1, 1)]);
        let digest = Digest([1; 32]);
        assert_eq!(index.find(&digest).unwrap().state(5), TokenState::Live);
        assert!(index.find(&Digest([2; 32])).is_none());
        // A digest that shares the hashed bytes is still another one.
        let mut near = [1; 32];
        near[31] = 9;
        assert!(index.find(&Digest(near)).is_none());
        index.publish(&[TokenRow { revoked_ms: Some(3), ..row(1, 1) }, TokenRow { expires_ms: Some(5), ..row(2, 2) }]);
        assert_eq!(index.find(&digest).unwrap().state(5), TokenState::Revoked);
        let second = index.find(&Digest([2; 32])).unwrap();
        assert_eq!((second.state(4), second.state(5)), (TokenState::Live, TokenState::Expired));
    }
}
