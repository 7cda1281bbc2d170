//! What the database does not have yet.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::kept::{Kept, Kind};

/// The most that waits; what comes on top is not kept.
const MAX_BYTES: usize = 128 << 20;
/// How many rows one transaction takes, and about how many bytes.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 8 << 20;

#[derive(Default)]
pub(super) struct Waiting(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// By what it is and its id, then by the token. Providers choose ids, so that two tokens may have the same.
    rows: HashMap<(Kind, String), BTreeMap<i64, Arc<Kept>>>,
    bytes: usize,
    is_full: bool,
}

impl Inner {
    fn find(&self, kind: Kind, key: &str, token_id: i64) -> Option<&Arc<Kept>> {
        if self.rows.is_empty() {
            return None;
        }
        self.rows.get(&(kind, key.to_owned()))?.get(&token_id)
    }

    fn remove(&mut self, kind: Kind, key: &str, token_id: i64) -> Option<Arc<Kept>> {
        let key = (kind, key.to_owned());
        let tokens = self.rows.get_mut(&key)?;
        let removed = tokens.remove(&token_id)?;
        if tokens.is_empty() {
            self.rows.remove(&key);
        }
        self.bytes -= removed.bytes();
        Some(removed)
    }
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a row. Says whether there was room.
    pub(super) fn push(&self, kept: Kept) -> bool {
        let mut inner = self.lock();
        if inner.bytes + kept.bytes() > MAX_BYTES {
            if !std::mem::replace(&mut inner.is_full, true) {
                tracing::warn!("too many answers wait for the database; new ones are not kept for later requests");
            }
            return false;
        }
        inner.bytes += kept.bytes();
        let tokens = inner.rows.entry((kept.kind, kept.key.clone())).or_default();
        if let Some(before) = tokens.insert(kept.token_id, Arc::new(kept)) {
            inner.bytes -= before.bytes();
        }
        true
    }

    pub(super) fn find(&self, kind: Kind, key: &str, token_id: i64) -> Option<Arc<Kept>> {
        self.lock().find(kind, key, token_id).cloned()
    }

    /// Whether `key` is that of a row of another token.
    pub(super) fn is_anothers(&self, kind: Kind, key: &str, token_id: i64) -> bool {
        let inner = self.lock();
        let tokens = inner.rows.get(&(kind, key.to_owned()));
        tokens.is_some_and(|tokens| tokens.len() > usize::from(tokens.contains_key(&token_id)))
    }

    pub(super) fn remove(&self, kind: Kind, key: &str, token_id: i64) -> bool {
        self.lock().remove(kind, key, token_id).is_some()
    }

    /// Some of what waits. It stays until [`Self::written`].
    pub(super) fn batch(&self) -> Vec<Arc<Kept>> {
        let mut bytes = 0;
        let fits = |kept: &&Arc<Kept>| {
            let was = bytes;
            bytes += kept.bytes();
            was < BATCH_BYTES
        };
        self.lock().rows.values().flat_map(BTreeMap::values).take(BATCH).take_while(fits).cloned().collect()
    }

    /// The database has these now.
    pub(super) fn written(&self, rows: &[Arc<Kept>]) {
        let mut inner = self.lock();
        for row in rows {
            let is_there = inner.find(row.kind, &row.key, row.token_id).is_some_and(|there| Arc::ptr_eq(there, row));
            if is_there {
                inner.remove(row.kind, &row.key, row.token_id);
            }
        }
        inner.is_full = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, bytes: usize) -> Kept {
        Kept {
            kind: Kind::Answer,
            key: key.to_owned(),
            token_id: 1,
            created_ms: 0,
            expires_ms: 1,
            previous: None,
            provider: String::new(),
            upstream: false,
            input: Vec::new(),
            body: vec![0; bytes],
        }
    }

    #[test]
    fn what_changed_while_it_was_written_still_waits() {
        let waiting = Waiting::default();
        assert!(waiting.push(row("a", 1)) && waiting.push(row("b", 2)));
        let batch = waiting.batch();
        assert_eq!(batch.len(), 2);
        assert!(waiting.push(row("a", 3)));
        waiting.written(&batch);
        assert_eq!(waiting.batch().iter().map(|row| row.bytes()).collect::<Vec<_>>(), [3]);
        assert!(waiting.find(Kind::Answer, "b", 1).is_none() && waiting.find(Kind::Call, "a", 1).is_none());
        assert!(waiting.remove(Kind::Answer, "a", 1) && !waiting.remove(Kind::Answer, "a", 1));
        assert_eq!(waiting.lock().bytes, 0);
    }

    #[test]
    fn one_id_may_be_that_of_several_tokens() {
        let waiting = Waiting::default();
        let of = |token_id| Kept { token_id, ..row("a", 1) };
        let anothers = |token_id| waiting.is_anothers(Kind::Answer, "a", token_id);
        assert!(!anothers(1));
        assert!(waiting.push(of(1)));
        assert!(!anothers(1) && anothers(2) && !waiting.is_anothers(Kind::Call, "a", 2));
        assert!(waiting.push(of(2)));
        assert!(anothers(1) && anothers(2) && anothers(3));
        assert_eq!(waiting.find(Kind::Answer, "a", 2).unwrap().token_id, 2);
        assert!(waiting.remove(Kind::Answer, "a", 1));
        assert!(!anothers(2) && anothers(1));
        waiting.written(&[Arc::new(of(2))]);
        assert!(anothers(1), "what was written is not what waits");
        waiting.written(&waiting.batch());
        let inner = waiting.lock();
        assert!(inner.rows.is_empty() && inner.bytes == 0, "nothing is left behind");
    }

    #[test]
    fn what_waits_is_bounded() {
        let waiting = Waiting::default();
        for n in 0..8 {
            assert!(waiting.push(row(&n.to_string(), 16 << 20)));
        }
        assert!(!waiting.push(row("more", 16 << 20)));
        let batch = waiting.batch();
        assert_eq!(batch.len(), 1, "a transaction is bounded too");
        waiting.written(&batch);
        assert!(waiting.push(row("more", 16 << 20)));
    }
}
