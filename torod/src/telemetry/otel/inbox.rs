//! What is to be exported, on its way to the task that does it: a bounded queue that makes nobody wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crossbeam_queue::SegQueue;
use tokio::sync::Notify;

use crate::telemetry::trace::End;
use crate::usage::{Committed, Outcome, Record};

/// What may wait.
const MOST: usize = 16_384;

/// One thing to be exported.
#[derive(Debug)]
pub(super) enum Item {
    /// An attempt that has a row.
    Attempt(Box<Record>),
    /// A request that is over.
    End(Box<End>),
}

/// The queue.
#[derive(Debug, Default)]
pub struct Inbox {
    waiting: SegQueue<Item>,
    len: AtomicUsize,
    dropped: AtomicU64,
    came: Notify,
}

impl Inbox {
    /// An empty one.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// What feeds it with attempts.
    pub(super) fn feed(self: &Arc<Self>) -> Box<dyn Committed> {
        Box::new(Feed(Arc::clone(self)))
    }

    /// How much was lost because too much waited.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(in crate::telemetry) fn ended(&self, end: impl FnOnce() -> End) {
        self.push(|| Item::End(Box::new(end())));
    }

    pub(super) fn pop(&self) -> Option<Item> {
        let item = self.waiting.pop()?;
        self.len.fetch_sub(1, Ordering::SeqCst);
        Some(item)
    }

    /// Resolves when there is something.
    pub(super) async fn came(&self) {
        while self.waiting.is_empty() {
            self.came.notified().await;
        }
    }

    fn push(&self, item: impl FnOnce() -> Item) {
        let before = self.len.fetch_add(1, Ordering::SeqCst);
        if before >= MOST {
            self.len.fetch_sub(1, Ordering::SeqCst);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.waiting.push(item());
        self.came.notify_one();
    }
}

struct Feed(Arc<Inbox>);

impl Committed for Feed {
    fn committed(&mut self, records: &[Record]) {
        // A request that was refused before any attempt has told of itself.
        for record in records.iter().filter(|record| record.outcome != Outcome::Refused) {
            self.0.push(|| Item::Attempt(Box::new(record.clone())));
        }
    }
}
