//! The one thread that owns the writing connection: it writes batches as they come due and runs tasks between them.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{Bell, StoreError};
use crate::clock::Clock;

/// How long a record waits for company at most.
const TICK: Duration = Duration::from_millis(25);
/// First and last pause after a failed batch.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Tasks that may wait at the same time; more are refused.
const TASKS: usize = 64;
/// How long a caller waits for a task.
const TASK_DEADLINE: Duration = Duration::from_secs(5);
/// How long a caller waits before it hands in a task again that met a busy database.
const TASK_PAUSE: Duration = Duration::from_millis(50);

/// Where batches come from. Implemented by the usage writer.
pub trait Feed: Send + 'static {
    /// How many records wait, those of a batch that failed included.
    fn waiting(&self) -> usize;
    /// From how many waiting records on a batch is written at once.
    fn full(&self) -> usize;
    /// Writes one batch in one transaction. After an error the batch is kept for the next call.
    fn write(&mut self, connection: &mut Connection) -> Result<(), StoreError>;
    /// A batch failed for the first time (`Some`), or one succeeded after that (`None`).
    fn state_changed(&mut self, error: Option<&StoreError>);
}

type Task = Box<dyn FnOnce(&mut Connection) + Send>;

/// What the thread and its handles share.
struct Shared {
    bell: Arc<Bell>,
    /// Set once: when the thread gives up writing.
    stop_by: Mutex<Option<Instant>>,
    stopping: AtomicBool,
}

/// Hands tasks to the writer thread. Cheap to clone.
#[derive(Clone)]
pub struct WriterHandle {
    tasks: SyncSender<Task>,
    shared: Arc<Shared>,
}

impl fmt::Debug for WriterHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WriterHandle")
    }
}

impl WriterHandle {
    /// Runs `work` on the writing connection, between two batches, and waits for its answer: five seconds at most. A
    /// busy database is tried again within that time, so `work` may run more than once, each time from the start.
    pub async fn call<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + BusyError + Send + 'static,
        F: Fn(&mut Connection) -> Result<T, E> + Send + Sync + 'static,
    {
        let work = Arc::new(work);
        let tried = async {
            loop {
                match self.once(Arc::clone(&work)).await {
                    Err(error) if error.is_busy() => tokio::time::sleep(TASK_PAUSE).await,
                    answer => return answer,
                }
            }
        };
        tokio::time::timeout(TASK_DEADLINE, tried).await.unwrap_or_else(|_| Err(StoreError::TimedOut.into()))
    }

    async fn once<T, E, F>(&self, work: Arc<F>) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: Fn(&mut Connection) -> Result<T, E> + Send + Sync + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task: Task = Box::new(move |connection| {
            // Nobody waits any more: doing it now would surprise whoever was told that it failed.
            if !reply.is_closed() {
                // A caller that leaves at this very moment misses an answer, which is what its timeout says.
                drop(reply.send(work(connection)));
            }
        });
        self.tasks.try_send(task).map_err(|_| StoreError::Closed)?;
        self.shared.bell.ring_now();
        answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }
}

/// Errors that know whether the database was merely busy.
pub trait BusyError {
    /// Whether the same call may succeed a little later.
    fn is_busy(&self) -> bool;
}

impl BusyError for StoreError {
    fn is_busy(&self) -> bool {
        matches!(self, Self::Busy)
    }
}

/// The writer thread's owner.
#[derive(Debug)]
pub struct Writer {
    handle: WriterHandle,
    thread: Mutex<Option<JoinHandle<bool>>>,
    done: Mutex<Receiver<()>>,
}

impl Writer {
    /// Starts the thread on an open connection. `bell` is the one that the feed's producers ring.
    pub fn start(
        connection: Connection,
        feed: impl Feed,
        bell: &Arc<Bell>,
        clock: Clock,
    ) -> Result<Self, std::io::Error> {
        let (tasks, inbox) = sync_channel(TASKS);
        let (finished, done) = sync_channel(1);
        let shared =
            Arc::new(Shared { bell: Arc::clone(bell), stop_by: Mutex::new(None), stopping: AtomicBool::new(false) });
        let mut round = Round { connection, feed, inbox, shared: Arc::clone(&shared), clock, failing: None };
        let thread = thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
            round.shared.bell.belongs_to(thread::current());
            let complete = round.run();
            // The owner may have stopped waiting.
            let _ = finished.try_send(());
            complete
        })?;
        bell.belongs_to(thread.thread().clone());
        Ok(Self { handle: WriterHandle { tasks, shared }, thread: Mutex::new(Some(thread)), done: Mutex::new(done) })
    }

    /// A handle for tasks.
    pub fn handle(&self) -> WriterHandle {
        self.handle.clone()
    }

    /// Whether the thread still runs. It ends only by [`Writer::stop`]; anything else is a defect worth stopping for.
    pub fn is_alive(&self) -> bool {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Writes what waits, empties the write-ahead log, closes the database. Blocks, at most a little over `deadline`.
    /// Returns whether everything was written; false for every call but the first.
    pub fn stop(&self, deadline: Duration, clock: &Clock) -> bool {
        let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return false;
        };
        let stop_by = clock.instant() + deadline;
        *self.handle.shared.stop_by.lock().unwrap_or_else(PoisonError::into_inner) = Some(stop_by);
        self.handle.shared.stopping.store(true, Ordering::SeqCst);
        thread.thread().unpark();
        // One busy timeout and one checkpoint may still be under way when the deadline passes.
        let grace = deadline + Duration::from_secs(1);
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(grace);
        // A thread stuck in the kernel is left behind: the process is about to end.
        done.is_ok() && thread.join().unwrap_or(false)
    }
}

/// A run of failures.
struct Failing {
    pause: Duration,
    again_at: Instant,
}

/// The thread's own state.
struct Round<F> {
    connection: Connection,
    feed: F,
    inbox: Receiver<Task>,
    shared: Arc<Shared>,
    clock: Clock,
    failing: Option<Failing>,
}

impl<F: Feed> Round<F> {
    /// Returns whether everything was written.
    fn run(&mut self) -> bool {
        let mut due: Option<Instant> = None;
        loop {
            self.serve();
            let stopping = self.shared.stopping.load(Ordering::SeqCst);
            if self.feed.waiting() == 0 {
                due = None;
                if stopping {
                    break;
                }
                let (feed, shared) = (&self.feed, &self.shared);
                shared.bell.sleep_unless(|| feed.waiting() > 0 || shared.stopping.load(Ordering::SeqCst));
                continue;
            }
            let now = self.clock.instant();
            if stopping && self.is_too_late(now) {
                break;
            }
            let at = match (&self.failing, due) {
                (Some(failing), _) => failing.again_at.min(self.stop_by().unwrap_or(failing.again_at)),
                (None, Some(at)) => at,
                (None, None) => now + TICK,
            };
            due = Some(at);
            let full = self.failing.is_none() && (stopping || self.feed.waiting() >= self.feed.full());
            if !full && at > now {
                Bell::doze(at - now);
                continue;
            }
            due = None;
            self.write();
        }
        self.close()
    }

    /// Runs the tasks that wait. A thread that is woken for a task alone finds no record and sleeps again.
    ///
    /// A task sees every record that was pushed before it, as long as the database takes them: what a new budget counts
    /// from the rows, nobody counts besides.
    fn serve(&mut self) {
        for _ in 0..TASKS {
            match self.inbox.try_recv() {
                Ok(task) => {
                    if self.failing.is_none() && self.feed.waiting() > 0 {
                        self.write();
                    }
                    task(&mut self.connection);
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }

    fn write(&mut self) {
        match self.feed.write(&mut self.connection) {
            Ok(()) => {
                if self.failing.take().is_some() {
                    tracing::info!("the database takes usage records again");
                    self.feed.state_changed(None);
                }
            }
            Err(error) => {
                let pause = if let Some(failing) = &self.failing {
                    (failing.pause * 2).min(BACKOFF.1)
                } else {
                    tracing::warn!(%error, "usage records wait in memory: the database does not take them");
                    BACKOFF.0
                };
                self.feed.state_changed(Some(&error));
                self.failing = Some(Failing { pause, again_at: self.clock.instant() + pause });
            }
        }
    }

    fn is_too_late(&self, now: Instant) -> bool {
        self.failing.is_some() && self.stop_by().is_some_and(|by| now >= by)
    }

    fn stop_by(&self) -> Option<Instant> {
        *self.shared.stop_by.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&mut self) -> bool {
        let complete = self.feed.waiting() == 0;
        // A reader can keep the log alive; the next start reads it then, so this is worth a line and no more.
        if let Err(error) = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(%error, "the write-ahead log stays until the next start");
        }
        complete
    }
}
