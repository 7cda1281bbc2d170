//! Wakes the writer thread, and costs a producer one load while the writer is awake anyway.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

/// The bell between producers of records and the writer thread.
#[derive(Debug, Default)]
pub struct Bell {
    /// The writer sleeps without a time limit, or is about to.
    asleep: AtomicBool,
    writer: OnceLock<Thread>,
}

impl Bell {
    /// Wakes the writer if it sleeps for want of work. Call it after the work can be seen.
    pub fn ring(&self) {
        // Sequentially consistent, as is `sleep_unless`: either this load sees `asleep`, or the writer sees the work.
        if self.asleep.load(Ordering::SeqCst) && self.asleep.swap(false, Ordering::SeqCst) {
            self.ring_now();
        }
    }

    /// Wakes the writer even from a sleep with a time limit.
    pub fn ring_now(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    /// Tells the bell whom to wake. Only the first call counts.
    pub fn belongs_to(&self, writer: Thread) {
        self.writer.get_or_init(|| writer);
    }

    /// For the writer: sleeps until somebody rings, unless `work` says that there is some.
    pub fn sleep_unless(&self, work: impl Fn() -> bool) {
        self.asleep.store(true, Ordering::SeqCst);
        if !work() {
            thread::park();
        }
        self.asleep.store(false, Ordering::SeqCst);
    }

    /// The same, and at most for `time`.
    pub fn sleep_unless_for(&self, time: Duration, work: impl Fn() -> bool) {
        self.asleep.store(true, Ordering::SeqCst);
        if !work() {
            thread::park_timeout(time);
        }
        self.asleep.store(false, Ordering::SeqCst);
    }

    /// For the writer: sleeps at most `time`, or until [`Bell::ring_now`].
    pub fn doze(time: Duration) {
        thread::park_timeout(time);
    }
}
