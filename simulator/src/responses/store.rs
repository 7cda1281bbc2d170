//! Answers kept for `GET /v1/responses/{id}` and `previous_response_id`, the newest of them.
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde_json::json;

const MOST: usize = 1_000;
const MOST_BYTES: usize = 32 << 20;

#[derive(Default)]
struct Kept {
    answers: HashMap<String, Bytes>,
    /// Ids from the oldest; those deleted since are skipped.
    order: VecDeque<String>,
    bytes: usize,
}

impl Kept {
    fn remove(&mut self, id: &str) -> bool {
        let Some(body) = self.answers.remove(id) else { return false };
        self.bytes -= body.len();
        true
    }
}

/// The newest answers, within a number and a size.
#[derive(Default)]
pub(crate) struct Store(Mutex<Kept>);

impl Store {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, id: String, body: Bytes) {
        let mut kept = self.lock();
        kept.bytes += body.len();
        kept.order.push_back(id.clone());
        kept.answers.insert(id, body);
        while kept.order.len() > MOST || kept.bytes > MOST_BYTES {
            let Some(oldest) = kept.order.pop_front() else { break };
            kept.remove(&oldest);
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<Bytes> {
        self.lock().answers.get(id).cloned()
    }

    /// Removes an answer; what the API says to that.
    pub(crate) fn delete(&self, id: &str) -> Option<Bytes> {
        let deleted = self.lock().remove(id);
        deleted.then(|| Bytes::from(json!({"id": id, "object": "response", "deleted": true}).to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest() {
        let store = Store::default();
        for id in 0..=MOST {
            store.add(id.to_string(), Bytes::from_static(b"{}"));
        }
        assert_eq!(store.get("0"), None);
        assert!(store.get("1").is_some());
        assert!(store.delete("1").is_some());
        assert!(store.delete("1").is_none());
        store.add("big".to_owned(), Bytes::from(vec![0; MOST_BYTES]));
        assert_eq!(store.get("2"), None);
        assert!(store.get("big").is_some());
    }
}
