//! The thread that keeps conversations: batch by batch, and between two of them what was asked to be removed, and what is
//! old. What the disk does not take now waits in bounded memory, and is tried again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::redact::Redactor;
use super::watch::Watched;
use super::{Conversations, kept, wire};
use crate::config::Conversations as Settings;
use crate::store::conversations as store;
use crate::store::conversations::insert::NewExchange;
use crate::store::conversations::remove::Bounds;
use crate::store::conversations::stages::Stage;
use crate::store::{Bell, Connection, StoreError};

/// Requests that are kept in one transaction.
const BATCH: usize = 96;
/// The same in bytes of what they hold.
const BATCH_BYTES: usize = 4 << 20;
/// So long a request waits for others that are kept with it. A transaction writes the index of words anew in many places,
/// however little it brings: at 300 requests a second it would be most of the work.
const GATHER: Duration = Duration::from_millis(200);
/// How often what is old is looked for.
const SWEEP: Duration = Duration::from_mins(5);
/// After so many requests it is looked for too.
const SWEEP_AFTER: u64 = 256;
/// The index forgets what was removed after as many requests as are kept, and at least so many.
const FORGET_AFTER: u64 = 1_000;
/// First and longest pause after a batch that the disk did not take.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// For how long the wire of requests is kept.
const STAGES_MS: i64 = 86_400_000;
const DAY_MS: i64 = 86_400_000;

struct Worker<'c> {
    all: &'c Conversations,
    connection: Option<Connection>,
    /// With what it looks for secrets, and the settings that this was made of.
    redactor: Redactor,
    settings: Settings,
    /// How many were kept when what is old was last looked for.
    swept_at: u64,
    next_sweep: Option<Instant>,
    /// Whether something was removed that may still be in the log.
    has_removed: bool,
    /// Whether the index is on its way to forget words of what was removed.
    is_forgetting: bool,
    /// How many were kept when it had forgotten last.
    forgot_at: u64,
    /// When the log was last emptied for that.
    settled_at: Option<Instant>,
}

/// Runs until the daemon stops.
pub(super) fn run(all: &Conversations) {
    all.bell.belongs_to(thread::current());
    let settings = Settings::default();
    let redactor = Redactor::default();
    let mut worker = Worker {
        all,
        connection: None,
        redactor,
        settings,
        swept_at: 0,
        next_sweep: None,
        has_removed: false,
        is_forgetting: false,
        forgot_at: 0,
        settled_at: None,
    };
    loop {
        worker.serve();
        let batch = worker.take();
        if batch.is_empty() {
            if all.is_stopping.load(Ordering::SeqCst) {
                break;
            }
            if worker.sweep() {
                continue;
            }
            all.bell.sleep_unless_for(SWEEP, || worker.has_work());
            continue;
        }
        worker.keep(batch);
        if worker.sweep_is_due() {
            worker.sweep();
        }
    }
    if let Some(connection) = &worker.connection {
        _ = store::settle(connection);
    }
}

impl Worker<'_> {
    fn has_work(&self) -> bool {
        self.has_urgent() || self.all.queue.get().is_some_and(|queue| !queue.is_empty())
    }

    /// Whether somebody waits for an answer, or for the end.
    fn has_urgent(&self) -> bool {
        !self.all.tasks.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
            || self.all.is_stopping.load(Ordering::SeqCst)
    }

    fn take(&self) -> Vec<Watched> {
        let Some(queue) = self.all.queue.get().filter(|queue| !queue.is_empty()) else { return Vec::new() };
        if queue.len() < BATCH && !self.has_urgent() {
            // Whoever asks for something rings.
            Bell::doze(GATHER);
        }
        // Before they leave the queue: whoever sees that nothing waits may rely on everything being kept.
        self.all.in_hand.store(BATCH, Ordering::SeqCst);
        let (mut batch, mut bytes) = (Vec::with_capacity(BATCH.min(queue.len())), 0);
        while batch.len() < BATCH
            && bytes < BATCH_BYTES
            && let Some(watched) = queue.pop()
        {
            bytes += watched.held;
            batch.push(*watched);
        }
        self.all.in_hand.store(batch.len(), Ordering::SeqCst);
        batch
    }

    /// Does what others asked for.
    fn serve(&mut self) {
        loop {
            let task = self.all.tasks.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(task) = task else { return };
            match self.open() {
                Ok(connection) => task(connection),
                // Whoever waits is told that nobody does it.
                Err(error) => self.all.failed(&error.to_string()),
            }
        }
    }

    fn open(&mut self) -> Result<&mut Connection, StoreError> {
        if self.connection.is_none() {
            let connection = store::open_writer(&self.all.dir)?;
            // It may have ended in the midst of that.
            self.has_removed |= store::remove::is_unforgotten(&connection)?;
            self.connection = Some(connection);
        }
        self.connection.as_mut().ok_or(StoreError::Closed)
    }

    /// Reads and keeps a batch.
    fn keep(&mut self, batch: Vec<Watched>) {
        self.prepare();
        let held: usize = batch.iter().map(|watched| watched.held).sum();
        let (mut exchanges, mut wires) = (Vec::with_capacity(batch.len()), Vec::new());
        for watched in batch {
            let read = || {
                let exchange = watched.captures.then(|| kept::exchange(&watched, &self.redactor));
                (exchange, watched.inspects.then(|| wire::stages(&watched, &self.redactor)))
            };
            // A defect met on the way costs this one, and no other.
            match catch_unwind(AssertUnwindSafe(read)) {
                Ok((exchange, wire)) => {
                    exchanges.extend(exchange);
                    wires.extend(wire);
                }
                Err(_) => self.lost(1, "a request could not be read for its conversation"),
            }
        }
        self.keep_wires(&wires);
        let mut pause = PAUSES.0;
        while !exchanges.is_empty() {
            let written = self.write(&exchanges);
            let Err(error) = written else {
                self.all.kept.fetch_add(exchanges.len() as u64, Ordering::Relaxed);
                self.all.recovered();
                break;
            };
            let is_stopping = self.all.is_stopping.load(Ordering::SeqCst);
            if is_stopping || !may_pass(&error) {
                self.one_by_one(&exchanges, is_stopping);
                break;
            }
            if self.all.status().error.is_none() {
                tracing::warn!(%error, "conversations wait in memory: the disk does not take them");
            }
            self.all.failed(&error.to_string());
            self.leave_after(&error);
            Bell::doze(pause);
            pause = (pause * 2).min(PAUSES.1);
            // What is removed may be what makes room.
            self.serve();
            self.sweep();
        }
        self.all.release(held);
        self.all.in_hand.store(0, Ordering::SeqCst);
    }

    /// Keeps what went over the wire: of use for a day, so that nothing waits for a disk that takes it.
    fn keep_wires(&mut self, wires: &[Vec<Stage>]) {
        if wires.is_empty() {
            return;
        }
        match self.open().and_then(|connection| store::stages::insert(connection, wires)) {
            Ok(()) => self.all.recovered(),
            Err(error) => {
                self.leave_after(&error);
                self.lost(wires.len() as u64, &error.to_string());
            }
        }
    }

    /// Opens the file anew before the next use, unless others were only in the way.
    fn leave_after(&mut self, error: &StoreError) {
        if !error.is_transient() {
            self.connection = None;
        }
    }

    fn write(&mut self, exchanges: &[NewExchange]) -> Result<(), StoreError> {
        let most = self.settings.exchange_bytes;
        store::insert::insert(self.open()?, exchanges, most)
    }

    /// One of them is in the way of the others.
    fn one_by_one(&mut self, exchanges: &[NewExchange], is_stopping: bool) {
        for exchange in exchanges {
            match self.write(std::slice::from_ref(exchange)) {
                Ok(()) => _ = self.all.kept.fetch_add(1, Ordering::Relaxed),
                Err(error) => {
                    self.lost(1, &error.to_string());
                    if is_stopping && may_pass(&error) {
                        return;
                    }
                }
            }
        }
    }

    fn lost(&self, count: u64, why: &str) {
        self.all.lost.fetch_add(count, Ordering::Relaxed);
        self.all.failed(why);
        tracing::warn!(error = why, "a request is missing in its conversation");
    }

    /// Goes by the settings and keys of this moment.
    fn prepare(&mut self) {
        let settings = self.all.settings.load();
        if self.settings != **settings {
            self.redactor.patterns = self.all.patterns();
            self.settings = Settings::clone(&settings);
        }
        self.redactor.known = self.all.known_secrets();
    }

    /// Whether the log may be emptied, for which readers are waited for: there is nothing else to do, or it was not for long.
    fn may_settle(&self, now: Instant) -> bool {
        !self.has_work() || self.settled_at.is_none_or(|at| now >= at + SWEEP)
    }

    /// A step towards a file that holds nothing of what was removed. Says whether there is more to do at once.
    fn forget(&mut self, now: Instant) -> bool {
        let is_first = !std::mem::replace(&mut self.is_forgetting, true);
        if is_first {
            self.has_removed = false;
        }
        let more = self.open().and_then(|connection| store::remove::forget_words(connection, is_first));
        if matches!(more, Ok(true)) {
            return true;
        }
        self.is_forgetting = false;
        self.forgot_at = self.all.kept.load(Ordering::Relaxed);
        let (has_removed, may_settle) = (self.has_removed, self.may_settle(now));
        if may_settle {
            self.settled_at = Some(now);
        }
        let settled = more.and_then(|_| {
            let connection = self.open()?;
            if !has_removed {
                store::remove::forgot_words(connection)?;
            }
            if may_settle { store::settle(connection) } else { Ok(()) }
        });
        if let Err(error) = settled {
            tracing::debug!(%error, "what was removed may still be in the file, until the next time");
            self.has_removed = true;
        }
        false
    }

    fn sweep_is_due(&self) -> bool {
        self.is_forgetting || self.all.kept.load(Ordering::Relaxed) >= self.swept_at.saturating_add(SWEEP_AFTER)
    }

    /// Removes a little of what is old or too much. Says whether there is more to do at once.
    fn sweep(&mut self) -> bool {
        let now = self.all.clock.instant();
        if !self.sweep_is_due() && self.next_sweep.is_some_and(|at| now < at) {
            return false;
        }
        self.prepare();
        if self.connection.is_none() && !store::exists(&self.all.dir) {
            self.next_sweep = Some(now + SWEEP);
            return false;
        }
        let now_ms = self.all.clock.now_ms();
        let bounds = Bounds {
            before_ms: now_ms.saturating_sub(i64::from(self.settings.max_age_days).saturating_mul(DAY_MS)),
            exchanges: self.settings.max_items,
            bytes: self.settings.size_bytes,
            stages_before_ms: now_ms.saturating_sub(STAGES_MS),
        };
        let more = self.open().and_then(|connection| store::remove::step(connection, &bounds));
        match more {
            Ok(is_more) => {
                let kept = self.all.kept.load(Ordering::Relaxed);
                if is_more {
                    self.has_removed = true;
                } else {
                    self.swept_at = kept;
                }
                // What was removed leaves the index too: when there is nothing else to do, after a while, and when as much went
                // as is kept, so that the index never holds more of what is gone than of what is there.
                let many = self.settings.max_items.max(FORGET_AFTER);
                let is_due = self.may_settle(now) || kept >= self.forgot_at.saturating_add(many);
                let goes_on = (self.is_forgetting || (is_due && self.has_removed)) && self.forget(now);
                if is_more || goes_on {
                    return true;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "old conversations could not be removed");
                self.leave_after(&error);
            }
        }
        self.swept_at = self.all.kept.load(Ordering::Relaxed);
        self.next_sweep = Some(now + SWEEP);
        false
    }
}

/// Whether the same may succeed later: the disk is full or gone, or somebody else writes.
fn may_pass(error: &StoreError) -> bool {
    error.is_full_or_gone() || error.is_transient() || matches!(error, StoreError::File { .. })
}
