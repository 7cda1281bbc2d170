//! When tokens were last used, and from where: noted without waiting, written a little later.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crossbeam_queue::ArrayQueue;
use rusqlite::TransactionBehavior;
use tokio::sync::Notify;

use super::TokenIndex;
use crate::lifecycle::Lifecycle;
use crate::store::{StoreError, WriterHandle, tokens};

/// A use is noted so often at most, in milliseconds.
const EVERY_MS: i64 = 60_000;
/// Uses that may wait to be written; further ones are noted a minute later.
const WAITING: usize = 16_384;
/// How long a use waits for others.
const GATHER: Duration = Duration::from_millis(250);

/// When one token was last noted; kept whatever is published of it.
#[derive(Debug, Default)]
pub struct LastUse {
    at_ms: AtomicI64,
}

/// A use that is to be written.
#[derive(Clone, Copy, Debug)]
struct Use {
    id: i64,
    at_ms: i64,
    from: Option<IpAddr>,
}

/// Uses that wait to be written.
#[derive(Debug)]
pub struct Uses {
    queue: ArrayQueue<Use>,
    rung: Notify,
}

impl Default for Uses {
    fn default() -> Self {
        Self { queue: ArrayQueue::new(WAITING), rung: Notify::new() }
    }
}

impl Uses {
    /// Notes a use of the token with the number `id`, unless one was noted within the last minute.
    pub(super) fn note(&self, last: &LastUse, id: i64, from: Option<IpAddr>, now_ms: i64) {
        let before = last.at_ms.load(Ordering::Relaxed);
        // A clock that was set back counts as a minute that has passed.
        if now_ms.abs_diff(before) < EVERY_MS.unsigned_abs() {
            return;
        }
        let is_ours = last.at_ms.compare_exchange(before, now_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_ours && self.queue.push(Use { id, at_ms: now_ms, from }).is_ok() {
            self.rung.notify_one();
        }
    }

    fn take(&self) -> Vec<Use> {
        std::iter::from_fn(|| self.queue.pop()).take(WAITING).collect()
    }
}

/// Writes uses until the end.
pub async fn run(index: Arc<TokenIndex>, writer: WriterHandle, lifecycle: Lifecycle) {
    loop {
        tokio::select! {
            () = index.uses().rung.notified() => {}
            () = lifecycle.hard_stop() => break,
        }
        tokio::select! {
            () = tokio::time::sleep(GATHER) => {}
            () = lifecycle.hard_stop() => break,
        }
        write(index.uses(), &writer).await;
    }
    write(index.uses(), &writer).await;
}

/// What cannot be written is let go: the next use comes.
async fn write(uses: &Uses, writer: &WriterHandle) {
    let taken = uses.take();
    if taken.is_empty() {
        return;
    }
    let written: Result<(), StoreError> = writer
        .call(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for one in &taken {
                let from = one.from.map(|from| from.to_canonical().to_string());
                tokens::touch(&transaction, one.id, one.at_ms, from.as_deref())?;
            }
            Ok(transaction.commit()?)
        })
        .await;
    if let Err(error) = written {
        tracing::debug!(%error, "when tokens were last used was not written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_noted_once_a_minute_also_when_the_clock_goes_back() {
        let (uses, last) = (Uses::default(), LastUse::default());
        for now_ms in [1_000_000, 1_000_001, 1_059_999, 1_060_000, 1_030_000, 1_000_000, 1_000_001, i64::MAX, i64::MIN]
        {
            uses.note(&last, 7, None, now_ms);
        }
        let times: Vec<i64> = uses.take().iter().map(|one| one.at_ms).collect();
        assert_eq!(times, [1_000_000, 1_060_000, 1_000_000, i64::MAX, i64::MIN]);
    }

    #[test]
    fn no_more_wait_than_there_is_room_for() {
        let uses = Uses::default();
        for id in 0..20_000 {
            uses.note(&LastUse::default(), id, None, 100_000);
        }
        assert_eq!(uses.take().len(), WAITING);
    }
}
