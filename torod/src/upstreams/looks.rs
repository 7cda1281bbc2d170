//! Looks at something that others change, again and again; and sooner when somebody missed what may be there by now.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

/// So long after the beginning of a look a request waits for its end at most.
pub const LONGEST_WAIT: Duration = Duration::from_millis(1_500);

/// How it is looked at one thing.
#[derive(Debug)]
pub struct Looks {
    /// So soon after a look nobody has it looked again.
    again_ms: u64,
    /// When the last one began, by the clock that never goes back; 0 for never.
    began_ms: AtomicU64,
    is_looking: AtomicBool,
    wanted: Notify,
    ended: watch::Sender<u64>,
}

/// A look that is under way.
#[derive(Debug)]
pub struct Look {
    ended: watch::Receiver<u64>,
    /// How long it is worth waiting for.
    pub longest: Duration,
}

impl Look {
    /// Resolves when it ended, whatever came of it.
    pub async fn ended(mut self) {
        // An error means that nobody looks any more.
        drop(self.ended.changed().await);
    }
}

impl Looks {
    /// Nobody has looked yet. Somebody who misses something has it looked again if the last look was `again_ms` ago.
    pub fn new(again_ms: u64) -> Self {
        Self {
            again_ms,
            began_ms: AtomicU64::new(0),
            is_looking: AtomicBool::new(false),
            wanted: Notify::new(),
            ended: watch::Sender::new(0),
        }
    }

    /// Has it looked again at `now_ms` of the clock that never goes back, unless it was looked a moment ago. What there is
    /// to wait for then; none if that is not worth it.
    pub fn want(&self, now_ms: u64) -> Option<Look> {
        // Seen from here on: the end of a look that begins now is not missed.
        let ended = self.ended.subscribe();
        let began_ms = self.began_ms.load(Ordering::Acquire);
        let since_ms = now_ms.saturating_sub(began_ms);
        if self.is_looking.load(Ordering::Acquire) {
            let longest = LONGEST_WAIT.saturating_sub(Duration::from_millis(since_ms));
            return (!longest.is_zero()).then_some(Look { ended, longest });
        }
        if began_ms != 0 && since_ms < self.again_ms {
            return None;
        }
        // Of several that want it at once, one has it looked.
        if self.began_ms.compare_exchange(began_ms, now_ms, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.is_looking.store(true, Ordering::Release);
            self.wanted.notify_one();
        }
        Some(Look { ended, longest: LONGEST_WAIT })
    }

    /// How many have ended.
    pub fn count(&self) -> u64 {
        *self.ended.borrow()
    }

    /// Has it looked again at once, whenever it was looked last.
    pub fn hurry(&self) {
        self.wanted.notify_one();
    }

    /// Resolves when somebody wants it looked again.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// A look begins.
    pub fn begin(&self, now_ms: u64) {
        self.began_ms.store(now_ms, Ordering::Release);
        self.is_looking.store(true, Ordering::Release);
    }

    /// It ended.
    pub fn end(&self) {
        self.is_looking.store(false, Ordering::Release);
        self.ended.send_modify(|looks| *looks = looks.wrapping_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_that_miss_a_name_have_it_looked_once() {
        let looks = Looks::new(30_000);
        let first = looks.want(1_000_000).unwrap();
        let second = looks.want(1_000_100).unwrap();
        assert_eq!((first.longest, second.longest), (LONGEST_WAIT, Duration::from_millis(1_400)));
        // One permit for both.
        looks.wanted().await;
        looks.begin(1_000_200);
        assert!(tokio::time::timeout(Duration::ZERO, looks.wanted()).await.is_err());
        // A look that takes long holds nobody who comes later.
        assert!(looks.want(1_001_700).is_none());
        looks.end();
        first.ended().await;
        second.ended().await;
        assert!(looks.want(1_000_200 + 29_999).is_none());
        assert!(looks.want(1_000_200 + 30_000).is_some());
    }
}
