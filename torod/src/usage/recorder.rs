//! Takes records from the hot path: a bounded queue that never makes anybody wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use crossbeam_queue::SegQueue;

use super::Record;
use crate::store::Bell;

/// How many records may wait by default.
pub const DEFAULT_BOUND: usize = 65_536;

/// How many records make a full batch.
pub(super) const BATCH: usize = 4_096;

/// What the recorder and the writer share.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) records: SegQueue<Record>,
    /// Records in the queue and in the writer's hands. Counted before a record is pushed, so it may be ahead.
    pub(super) len: AtomicUsize,
    pub(super) bound: usize,
    pub(super) dropped: Dropped,
    pub(super) bell: Arc<Bell>,
}

/// Records that found the queue full.
#[derive(Debug)]
pub(super) struct Dropped {
    pub(super) total: AtomicU64,
    /// Those that the writer has not put into a gap yet, and from when to when they are.
    new: AtomicU64,
    from_ms: AtomicI64,
    until_ms: AtomicI64,
}

/// A run of dropped records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) from_ms: i64,
    pub(super) until_ms: i64,
    pub(super) records: u64,
}

impl Dropped {
    const fn none() -> Self {
        Self {
            total: AtomicU64::new(0),
            new: AtomicU64::new(0),
            from_ms: AtomicI64::new(i64::MAX),
            until_ms: AtomicI64::new(i64::MIN),
        }
    }

    fn add(&self, at_ms: i64) {
        self.from_ms.fetch_min(at_ms, Ordering::Relaxed);
        self.until_ms.fetch_max(at_ms, Ordering::Relaxed);
        self.total.fetch_add(1, Ordering::Relaxed);
        // Last and with release: whoever takes the number sees times that are at least as wide.
        self.new.fetch_add(1, Ordering::Release);
    }

    /// Whether there is something to take.
    pub(super) fn is_new(&self) -> bool {
        self.new.load(Ordering::Relaxed) > 0
    }

    /// Takes what is new. A drop at this very moment may leave its time to this gap and its number to the next.
    pub(super) fn take(&self) -> Option<Gap> {
        let records = self.new.swap(0, Ordering::Acquire);
        if records == 0 {
            return None;
        }
        let from_ms = self.from_ms.swap(i64::MAX, Ordering::Relaxed);
        let until_ms = self.until_ms.swap(i64::MIN, Ordering::Relaxed);
        Some(match (from_ms, until_ms) {
            (i64::MAX, i64::MIN) => Gap { from_ms: 0, until_ms: 0, records },
            (i64::MAX, until_ms) => Gap { from_ms: until_ms, until_ms, records },
            (from_ms, i64::MIN) => Gap { from_ms, until_ms: from_ms, records },
            (from_ms, until_ms) => Gap { from_ms, until_ms, records },
        })
    }
}

/// Hands records over to the writer. Cheap to clone, safe to call from anywhere.
#[derive(Clone, Debug)]
pub struct Recorder {
    pub(super) queue: Arc<Queue>,
}

impl Recorder {
    /// A recorder that lets `bound` records wait.
    pub(super) fn new(bound: usize, bell: Arc<Bell>) -> Self {
        let queue = Queue { records: SegQueue::new(), len: AtomicUsize::new(0), bound, dropped: Dropped::none(), bell };
        Self { queue: Arc::new(queue) }
    }

    /// Keeps a record. Never waits and never fails: when too many wait already, the record is dropped and counted.
    pub fn push(&self, record: Record) {
        let queue = &*self.queue;
        let before = queue.len.fetch_add(1, Ordering::SeqCst);
        if before >= queue.bound {
            queue.len.fetch_sub(1, Ordering::SeqCst);
            queue.dropped.add(record.ended_ms());
            return;
        }
        queue.records.push(record);
        if before + 1 == BATCH {
            queue.bell.ring_now();
        } else {
            queue.bell.ring();
        }
    }
}
