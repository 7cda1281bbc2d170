//! Leases: tokens that end when nobody renews them, such as those of agents whose launcher was killed.
//!
//! A lease is one word of memory beside the token's entry, measured by a clock that never jumps. Renewing it writes nothing
//! to disk; that it has ended is written by a task, and a gateway that is started anew gives every lease its full term.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokenrouter_shared::token::{LeaseView, TokenState};
use tokio::sync::Notify;

use super::TokenIndex;
use super::grant::state_of;
use super::issue::{Done, End, IssueError, end};
use super::sweep::{ACTOR, is_open};
use crate::clock::Clock;
use crate::lifecycle::Lifecycle;
use crate::store::{WriterHandle, tokens};

/// What stands in place of an end that has come: it stays.
const OVER: u64 = 0;
/// How often ends are looked for while there are leases.
const PAUSE: Duration = Duration::from_secs(1);
/// Tokens of one step, so that nobody waits long behind it.
const STEP: usize = 200;

/// The lease of one token; the same object in every entry of it.
#[derive(Debug)]
pub struct Lease {
    token_id: i64,
    seconds: u32,
    /// By the clock's uptime, or [`OVER`].
    ends_ms: AtomicU64,
    clock: Clock,
    /// Told when it ends.
    ended: Arc<Notify>,
    /// Of the next token above that has one.
    above: Option<Arc<Self>>,
}

impl Lease {
    /// Whose it is.
    pub const fn token_id(&self) -> i64 {
        self.token_id
    }

    /// Whether it, or one above it, was not renewed in time.
    pub fn is_over(&self) -> bool {
        let now_ms = self.clock.uptime_ms();
        std::iter::successors(Some(self), |lease| lease.above.as_deref()).any(|lease| lease.is_over_at(now_ms))
    }

    fn is_over_at(&self, now_ms: u64) -> bool {
        let mut ends_ms = self.ends_ms.load(Ordering::Acquire);
        while now_ms >= ends_ms {
            // For good: what one request was refused for, no renewal that was on its way brings back.
            match self.ends_ms.compare_exchange(ends_ms, OVER, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    // Written at once, so that a daemon that is killed does not give it a new term.
                    self.ended.notify_one();
                    return true;
                }
                Err(OVER) => return true,
                Err(renewed) => ends_ms = renewed,
            }
        }
        false
    }

    /// Begins its term anew; `None` where it, or one above it, is over.
    pub fn renew(&self) -> Option<LeaseView> {
        if self.is_over() {
            return None;
        }
        let now_ms = self.clock.uptime_ms();
        let later = |ends_ms| (now_ms < ends_ms).then(|| ends_ms.max(now_ms.saturating_add(self.term_ms())));
        self.ends_ms.fetch_update(Ordering::AcqRel, Ordering::Acquire, later).ok()?;
        Some(self.view())
    }

    /// Of this one and those above it, the one that ends first.
    pub fn soonest(&self) -> LeaseView {
        let chain = std::iter::successors(Some(self), |lease| lease.above.as_deref());
        chain.map(Self::view).min_by_key(|lease| lease.ends_ms).unwrap_or_else(|| self.view())
    }

    fn view(&self) -> LeaseView {
        let left_ms = self.ends_ms.load(Ordering::Acquire).saturating_sub(self.clock.uptime_ms());
        let left_ms = i64::try_from(left_ms).unwrap_or(i64::MAX);
        LeaseView { lease_s: self.seconds, ends_ms: self.clock.now_ms().saturating_add(left_ms) }
    }

    fn term_ms(&self) -> u64 {
        u64::from(self.seconds) * 1_000
    }
}

/// The leases of tokens that have not ended.
#[derive(Debug)]
pub struct Leases {
    by_token: Mutex<HashMap<i64, Arc<Lease>>>,
    begun: Notify,
    /// Somebody saw the end of one.
    ended: Arc<Notify>,
    clock: Clock,
}

impl Default for Leases {
    fn default() -> Self {
        Self::new(Clock::system())
    }
}

impl Leases {
    pub(super) fn new(clock: Clock) -> Self {
        Self { by_token: Mutex::default(), begun: Notify::new(), ended: Arc::default(), clock }
    }

    /// Begins the lease of a token.
    pub(super) fn begin(&self, token_id: i64, seconds: u32, above: Option<Arc<Lease>>) -> Arc<Lease> {
        let clock = self.clock.clone();
        let ends_ms = AtomicU64::new(clock.uptime_ms().saturating_add(u64::from(seconds) * 1_000));
        let ended = Arc::clone(&self.ended);
        let lease = Arc::new(Lease { token_id, seconds, ends_ms, clock, ended, above });
        let mut by_token = self.by_token.lock().unwrap_or_else(PoisonError::into_inner);
        by_token.insert(token_id, Arc::clone(&lease));
        self.begun.notify_one();
        lease
    }

    /// The token has ended, or is gone.
    pub(super) fn forget(&self, token_id: i64) {
        self.by_token.lock().unwrap_or_else(PoisonError::into_inner).remove(&token_id);
    }

    fn is_empty(&self) -> bool {
        self.by_token.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Waits until it is time to look for ends: there are leases, and a while has passed or somebody saw one end.
    async fn due(&self) {
        if self.is_empty() {
            self.begun.notified().await;
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = self.ended.notified() => {}
        }
    }

    /// Tokens whose own lease is over.
    fn over(&self) -> Vec<i64> {
        let now_ms = self.clock.uptime_ms();
        let by_token = self.by_token.lock().unwrap_or_else(PoisonError::into_inner);
        by_token.values().filter(|lease| lease.is_over_at(now_ms)).map(|lease| lease.token_id).take(STEP).collect()
    }
}

/// Ends tokens whose lease is over, and what lies below them, in the database. Answers which are done with.
pub fn step(connection: &mut Connection, over: &[i64], now_ms: i64) -> Result<Done<()>, IssueError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut changed = Vec::new();
    for &id in over {
        // One that has ended otherwise meanwhile stays as it is.
        let token = is_open(&transaction, id)?.filter(|token| state_of(token, now_ms) == TokenState::Live);
        if let Some(token) = token {
            end(&transaction, &token, ACTOR, now_ms, now_ms, &End::LEASE)?;
            changed.extend(tokens::subtree(&transaction, id)?);
        }
    }
    transaction.commit()?;
    Ok(Done { answer: (), changed, removed: Vec::new() })
}

/// Writes down what has ended by now.
pub async fn round(writer: &WriterHandle, index: &Arc<TokenIndex>, clock: &Clock) -> Result<(), IssueError> {
    loop {
        let over = index.leases().over();
        if over.is_empty() {
            return Ok(());
        }
        let (publishing, now_ms) = (Arc::clone(index), clock.now_ms());
        let done = move |connection: &mut Connection| {
            step(connection, &over, now_ms)?.publish(&publishing);
            for id in &over {
                publishing.leases().forget(*id);
            }
            Ok::<_, IssueError>(())
        };
        writer.call(done).await?;
    }
}

/// Looks for ends until the end. Requests do not wait for it: they see an end by themselves.
pub async fn run(writer: WriterHandle, index: Arc<TokenIndex>, clock: Clock, lifecycle: Lifecycle) {
    let mut was_refused = false;
    loop {
        tokio::select! {
            () = index.leases().due() => {}
            () = lifecycle.hard_stop() => return,
        }
        match round(&writer, &index, &clock).await {
            Ok(()) => was_refused = false,
            // Said once, and tried again: the tokens open nothing any more meanwhile.
            Err(error) if !std::mem::replace(&mut was_refused, true) => {
                tracing::warn!(%error, "that tokens were not renewed in time is not written yet");
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_800_000_000_000;

    #[test]
    fn it_ends_when_nobody_renews_it_and_for_good() {
        let clock = Clock::fixed(START);
        let leases = Leases::new(clock.clone());
        let lease = leases.begin(7, 60, None);
        clock.advance(59_999);
        assert!(!lease.is_over() && leases.over().is_empty());
        assert_eq!(lease.renew(), Some(LeaseView { lease_s: 60, ends_ms: START + 119_999 }));
        clock.advance(59_999);
        assert!(!lease.is_over());
        clock.advance(1);
        assert!(lease.is_over());
        assert_eq!(leases.over(), [7]);
        // Not even a clock that went back brings it to life again.
        clock.advance(-30_000);
        assert!(lease.is_over() && lease.renew().is_none());
        leases.forget(7);
        assert!(leases.over().is_empty() && leases.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_that_somebody_saw_is_written_at_once() {
        let clock = Clock::fixed(START);
        let leases = Leases::new(clock.clone());
        let lease = leases.begin(7, 60, None);
        let before = tokio::time::Instant::now();
        leases.due().await;
        assert_eq!(before.elapsed(), PAUSE, "nobody saw anything");
        clock.advance(60_000);
        assert!(lease.is_over() && lease.is_over());
        let before = tokio::time::Instant::now();
        leases.due().await;
        assert_eq!(before.elapsed(), Duration::ZERO);
        leases.due().await;
        assert_eq!(before.elapsed(), PAUSE, "it is told once");
    }

    #[test]
    fn a_jump_of_the_wall_clock_is_nothing_to_it() {
        let clock = Clock::fixed(START);
        let lease = Leases::new(clock.clone()).begin(7, 60, None);
        clock.jump(86_400_000);
        assert!(!lease.is_over());
        assert_eq!(lease.renew().map(|lease| lease.ends_ms), Some(START + 86_400_000 + 60_000));
        clock.jump(-2 * 86_400_000);
        clock.advance(59_999);
        assert!(!lease.is_over());
        clock.advance(1);
        assert!(lease.is_over());
    }

    #[test]
    fn one_above_ends_those_below_and_is_not_renewed_by_them() {
        let clock = Clock::fixed(START);
        let leases = Leases::new(clock.clone());
        let above = leases.begin(1, 30, None);
        let below = leases.begin(2, 60, Some(Arc::clone(&above)));
        clock.advance(20_000);
        assert!(below.renew().is_some());
        assert_eq!(below.soonest(), LeaseView { lease_s: 30, ends_ms: START + 30_000 });
        clock.advance(10_000);
        assert!(below.is_over() && below.renew().is_none() && above.is_over());
        assert_eq!(leases.over(), [1]);
    }

    #[test]
    fn renewing_and_ending_at_the_same_time_agree() {
        for _ in 0..200 {
            let clock = Clock::fixed(START);
            let lease = Leases::new(clock.clone()).begin(7, 60, None);
            clock.advance(59_999);
            let (renewed, was_over) = std::thread::scope(|scope| {
                let renewing = scope.spawn(|| lease.renew().is_some());
                let ending = scope.spawn(|| {
                    clock.advance(1);
                    lease.is_over()
                });
                (renewing.join().unwrap(), ending.join().unwrap())
            });
            assert!(renewed != was_over, "renewed: {renewed}, over: {was_over}");
            assert_eq!(lease.is_over(), was_over);
        }
    }
}
