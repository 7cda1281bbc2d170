//! How a provider has answered lately, without a lock.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

/// What the last calls to a provider told of it.
#[derive(Debug, Default)]
pub struct Health {
    failures: AtomicU32,
    last_ok_ms: AtomicI64,
    last_failure_ms: AtomicI64,
}

/// One reading of [`Health`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Never called.
    Unknown,
    /// The last call was answered.
    Up,
    /// So many calls in a row failed.
    Failing(u32),
}

impl Health {
    /// The provider answered, whatever it said of the request.
    pub fn answered(&self, now_ms: i64) {
        self.last_ok_ms.store(now_ms, Ordering::Relaxed);
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// The provider could not be reached or failed.
    pub fn failed(&self, now_ms: i64) {
        self.last_failure_ms.store(now_ms, Ordering::Relaxed);
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes over what is known of another.
    pub fn inherit(&self, before: &Self) {
        self.failures.store(before.failures.load(Ordering::Relaxed), Ordering::Relaxed);
        self.last_ok_ms.store(before.last_ok_ms.load(Ordering::Relaxed), Ordering::Relaxed);
        self.last_failure_ms.store(before.last_failure_ms.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// How it stands.
    pub fn state(&self) -> State {
        match self.failures.load(Ordering::Relaxed) {
            0 if self.last_ok_ms.load(Ordering::Relaxed) == 0 => State::Unknown,
            0 => State::Up,
            n => State::Failing(n),
        }
    }

    /// When the last call was answered and when the last one failed, in Unix milliseconds; 0 for never.
    pub fn times_ms(&self) -> (i64, i64) {
        (self.last_ok_ms.load(Ordering::Relaxed), self.last_failure_ms.load(Ordering::Relaxed))
    }
}

impl State {
    /// The word in status reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Failing(_) => "failing",
        }
    }
}
