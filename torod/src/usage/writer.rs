//! Carries records from the queue to the database, batch by batch, and knows how far it is.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokenrouter_shared::ids::ms_of;

use super::charge::Unpriced;
use super::live::{Committed, Door, Listeners, Told};
use super::recorder::{BATCH, Gap, Queue};
use super::{Record, Recorder};
use crate::clock::Clock;
use crate::store::history::History;
use crate::store::spend::Sums;
use crate::store::usage::{Insert, Names, grow_gap, open_gap};
use crate::store::{Bell, Feed, StoreError, Writer, WriterHandle};

/// How far the writer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Records written since the start.
    pub written: u64,
    /// Records that wait.
    pub queued: usize,
    /// Records lost since the start because too many waited.
    pub dropped: u64,
    /// Gaps written since the start.
    pub gaps: u64,
    /// Why the database takes nothing at the moment.
    pub last_error: Option<String>,
    /// How long the oldest waiting record has been waiting, in milliseconds; 0 when none waits.
    pub behind_ms: u64,
}

#[derive(Debug, Default)]
struct Progress {
    written: AtomicU64,
    gaps: AtomicU64,
    /// Until when everything that had ended was written, in milliseconds since 1970: the end of the oldest record in
    /// the writer's hands; 0 when it holds none.
    oldest_ms: AtomicI64,
    last_error: Mutex<Option<String>>,
}

/// The usage side of the writer thread: start it, record, ask, stop.
#[derive(Debug)]
pub struct UsageWriter {
    recorder: Recorder,
    progress: Arc<Progress>,
    writer: Writer,
    door: Arc<Door>,
    clock: Clock,
}

impl UsageWriter {
    /// Starts the writer thread on an open writing connection; `bound` records may wait at the same time.
    pub fn start(connection: Connection, bound: usize, clock: Clock) -> Result<Self, std::io::Error> {
        Self::start_with(connection, bound, clock, History::default())
    }

    /// The same with a way of its own to sum up.
    pub fn start_with(
        connection: Connection,
        bound: usize,
        clock: Clock,
        history: History,
    ) -> Result<Self, std::io::Error> {
        let bell = Arc::new(Bell::default());
        let recorder = Recorder::new(bound, Arc::clone(&bell));
        let progress = Arc::new(Progress::default());
        let door = Arc::new(Door::default());
        let listeners = Listeners::new(Arc::clone(&door));
        let batches = Batches::new(Arc::clone(&recorder.queue), Arc::clone(&progress), history, listeners);
        let writer = Writer::start(connection, batches, &bell, clock.clone())?;
        Ok(Self { recorder, progress, writer, door, clock })
    }

    /// Where records go in.
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// For tasks on the writing connection.
    pub fn handle(&self) -> WriterHandle {
        self.writer.handle()
    }

    /// Tells `listener` of every record that is pushed from now on, once its row is written.
    pub fn listen(&self, listener: Box<dyn Committed>) {
        self.door.add(listener);
    }

    /// Whether the thread still runs.
    pub fn is_alive(&self) -> bool {
        self.writer.is_alive()
    }

    /// How far it is. Takes one short lock that no request ever takes.
    pub fn status(&self) -> Status {
        let queue = &self.recorder.queue;
        let queued = queue.len.load(Ordering::SeqCst);
        let oldest_ms = self.progress.oldest_ms.load(Ordering::Relaxed);
        let behind_ms = if queued == 0 || oldest_ms == 0 { 0 } else { self.clock.now_ms().saturating_sub(oldest_ms) };
        Status {
            written: self.progress.written.load(Ordering::Relaxed),
            queued,
            dropped: queue.dropped.total.load(Ordering::Relaxed),
            gaps: self.progress.gaps.load(Ordering::Relaxed),
            last_error: self.progress.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            behind_ms: u64::try_from(behind_ms).unwrap_or(0),
        }
    }

    /// Writes what waits and closes the database. Blocks; see [`Writer::stop`].
    pub fn stop(&self, deadline: Duration) -> bool {
        self.writer.stop(deadline, &self.clock)
    }
}

/// The writer thread's view of the queue.
pub struct Batches {
    queue: Arc<Queue>,
    progress: Arc<Progress>,
    /// Taken from the queue and not committed yet.
    batch: Vec<Record>,
    /// Taken from the drop counters and not committed yet.
    gap: Option<Gap>,
    /// The row of a gap that may still grow.
    gap_row: Option<i64>,
    names: Names,
    unpriced: Unpriced,
    history: History,
    told: Told,
    listeners: Listeners,
}

impl Batches {
    fn new(queue: Arc<Queue>, progress: Arc<Progress>, history: History, listeners: Listeners) -> Self {
        Self {
            queue,
            progress,
            batch: Vec::new(),
            gap: None,
            gap_row: None,
            names: Names::default(),
            unpriced: Unpriced::default(),
            history,
            told: Told::default(),
            listeners,
        }
    }

    fn fill(&mut self) {
        while self.batch.len() < BATCH {
            let Some(record) = self.queue.records.pop() else { break };
            self.batch.push(record);
        }
        let oldest = self.batch.iter().map(Record::ended_ms).min().unwrap_or(0);
        self.progress.oldest_ms.store(oldest, Ordering::Relaxed);
        if let Some(new) = self.queue.dropped.take() {
            self.gap = Some(match self.gap {
                Some(gap) => Gap {
                    from_ms: gap.from_ms.min(new.from_ms),
                    until_ms: gap.until_ms.max(new.until_ms),
                    records: gap.records + new.records,
                },
                None => new,
            });
        }
    }

    /// Everything of one transaction; returns the row of the gap that is open after it.
    fn commit(&mut self, connection: &mut Connection) -> Result<Option<i64>, StoreError> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut sums = Sums::default();
        self.told.begin();
        {
            let mut insert = Insert::new(&transaction, self.history.round(&transaction)?)?;
            for (at, record) in self.batch.iter().enumerate() {
                let row = record.row();
                // One that is there already, by a commit that was thought to have failed, is summed already too.
                if let Some(written) = insert.row(&mut self.names, &row)? {
                    self.history.add(&written, row.request_id);
                    sums.add(ms_of(row.id), row.token_id, row.sum());
                } else {
                    self.told.has_row(at);
                }
            }
        }
        sums.write(&transaction)?;
        self.history.prepare(&transaction)?;
        // Records lost from one batch to the next are one gap: an overload of an hour is one row, not 100,000.
        let gap_row = match (self.gap, self.gap_row) {
            (None, _) => None,
            (Some(gap), Some(row)) => {
                grow_gap(&transaction, row, gap.until_ms, gap.records)?;
                Some(row)
            }
            (Some(gap), None) => Some(open_gap(&transaction, gap.from_ms, gap.until_ms, gap.records)?),
        };
        if let Err(error) = transaction.commit() {
            self.told.doubt(self.batch.len());
            return Err(error.into());
        }
        Ok(gap_row)
    }
}

impl Feed for Batches {
    fn waiting(&self) -> usize {
        // A gap without records is work too: nobody must have to wait for the next request to see it.
        self.queue.len.load(Ordering::SeqCst).max(usize::from(self.gap.is_some() || self.queue.dropped.is_new()))
    }

    fn full(&self) -> usize {
        BATCH
    }

    fn write(&mut self, connection: &mut Connection) -> Result<(), StoreError> {
        self.listeners.let_in();
        self.fill();
        let gap_row = match self.commit(connection) {
            Ok(gap_row) => gap_row,
            Err(error) => {
                // What was learnt inside the transaction went with it.
                self.names.forget();
                self.history.forget();
                return Err(error);
            }
        };
        if gap_row.is_some() && self.gap_row.is_none() {
            self.progress.gaps.fetch_add(1, Ordering::Relaxed);
        }
        self.gap_row = gap_row;
        self.gap = None;
        self.history.committed();
        for record in &self.batch {
            self.unpriced.see(record);
        }
        let written = self.batch.len();
        self.told.settle(&mut self.batch);
        self.listeners.tell(&self.batch);
        self.progress.written.fetch_add(written as u64, Ordering::Relaxed);
        self.batch.clear();
        self.progress.oldest_ms.store(0, Ordering::Relaxed);
        // Last: whoever sees that nothing waits may rely on everything being on disk.
        self.queue.len.fetch_sub(written, Ordering::SeqCst);
        self.history.work(connection);
        Ok(())
    }

    fn state_changed(&mut self, error: Option<&StoreError>) {
        *self.progress.last_error.lock().unwrap_or_else(PoisonError::into_inner) = error.map(ToString::to_string);
    }
}
