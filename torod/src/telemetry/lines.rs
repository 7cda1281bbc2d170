//! Lines of the log on their way into the database: a bounded queue that makes nobody wait. Where more come than the database
//! is to keep, the oldest go unwritten: they would be overwritten as soon as they were there.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokenrouter_shared::log::Level;
use tokio::sync::Notify;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::words::{Words, without_keys};
use crate::clock::Clock;
use crate::store::log::NewLine;

/// Lines that may wait, and bytes of all of them together.
const MOST: (usize, usize) = (8_192, 8 << 20);
/// Lines with this target hold something that opens doors, and go to standard error alone.
pub const NOT_KEPT: &str = "setup";

/// The queue.
#[derive(Debug)]
pub struct Lines {
    waiting: Mutex<Waiting>,
    /// How many the database is to keep.
    keep: usize,
    /// How many wait; read without the lock.
    len: AtomicUsize,
    dropped: AtomicU64,
    kept: AtomicU64,
    came: Notify,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<NewLine>,
    bytes: usize,
}

impl Waiting {
    fn pop(&mut self) -> Option<NewLine> {
        let line = self.lines.pop_front()?;
        self.bytes = self.bytes.saturating_sub(size(&line));
        Some(line)
    }
}

/// What a line takes in memory, in bytes.
fn size(line: &NewLine) -> usize {
    let texts = [line.fields.as_ref(), line.request_id.as_ref()].into_iter().flatten().map(String::capacity);
    size_of::<NewLine>() + line.message.capacity() + texts.sum::<usize>()
}

impl Lines {
    /// An empty one for a database that keeps the last `keep`.
    pub fn new(clock: Clock, keep: u32) -> Arc<Self> {
        Arc::new(Self {
            waiting: Mutex::default(),
            keep: keep as usize,
            len: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            came: Notify::new(),
            clock,
        })
    }

    /// Lines that were lost because too many waited: others than those that the database would have overwritten.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// How many the database has taken since the start.
    pub fn kept(&self) -> u64 {
        self.kept.load(Ordering::Relaxed)
    }

    /// The database has taken so many.
    pub(super) fn keep(&self, lines: usize) {
        self.kept.fetch_add(lines as u64, Ordering::Relaxed);
    }

    /// Resolves when there is a line.
    pub(super) async fn came(&self) {
        while self.is_empty() {
            self.came.notified().await;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len.load(Ordering::SeqCst) == 0
    }

    /// Takes lines out until `to` holds `most`.
    pub(super) fn take(&self, to: &mut Vec<NewLine>, most: usize) {
        let mut waiting = self.lock();
        while to.len() < most {
            let Some(line) = waiting.pop() else { break };
            to.push(line);
        }
        self.len.store(waiting.lines.len(), Ordering::SeqCst);
        if waiting.lines.is_empty() {
            // What a flood needed is not kept for quiet days.
            waiting.lines.shrink_to(64);
        }
    }

    /// Takes all of them out.
    #[cfg(test)]
    pub fn all(&self) -> Vec<NewLine> {
        let mut all = Vec::new();
        self.take(&mut all, usize::MAX);
        all
    }

    /// Adds what an event says, unless it is not to be kept.
    pub(super) fn add(&self, meta: &Metadata<'static>, words: Words) {
        if meta.target() == NOT_KEPT {
            return;
        }
        self.push(NewLine {
            at_ms: self.clock.now_ms(),
            level: level(*meta.level()),
            target: meta.target(),
            fields: words.object().map(without_keys),
            message: without_keys(words.message),
            request_id: words.request_id,
        });
    }

    fn push(&self, line: NewLine) {
        let mut waiting = self.lock();
        waiting.bytes += size(&line);
        waiting.lines.push_back(line);
        while waiting.lines.len() > self.keep.min(MOST.0) || waiting.bytes > MOST.1 {
            if waiting.lines.len() <= self.keep {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
            if waiting.pop().is_none() {
                break;
            }
        }
        let before = self.len.swap(waiting.lines.len(), Ordering::SeqCst);
        drop(waiting);
        if before == 0 {
            self.came.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts what is logged into the queue.
#[derive(Debug)]
pub struct Kept(pub Arc<Lines>);

impl<S: Subscriber> Layer<S> for Kept {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut words = Words::new();
        event.record(&mut words);
        self.0.add(event.metadata(), words);
    }
}

const fn level(level: tracing::Level) -> Level {
    match level {
        tracing::Level::ERROR => Level::Error,
        tracing::Level::WARN => Level::Warn,
        tracing::Level::INFO => Level::Info,
        tracing::Level::DEBUG => Level::Debug,
        tracing::Level::TRACE => Level::Trace,
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::LONGEST;
    use super::*;
    use tracing_subscriber::layer::SubscriberExt as _;

    fn logged(log: impl FnOnce()) -> (Arc<Lines>, Vec<NewLine>) {
        let lines = Lines::new(Clock::fixed(1_790_000_000_000), 5_000);
        let subscriber = tracing_subscriber::registry().with(Kept(Arc::clone(&lines)));
        tracing::subscriber::with_default(subscriber, log);
        let mut taken = Vec::new();
        lines.take(&mut taken, MOST.0);
        (lines, taken)
    }

    #[test]
    fn a_line_says_what_was_logged() {
        let (_, lines) = logged(|| {
            let key = "k\"\\\n\u{1}ö";
            tracing::warn!(target: "request", id = "req_1", n = -3_i64, yes = true, key, odd = ?Some("x"), "it {}", "is");
            tracing::debug!("plain");
        });
        let [first, second] = &*lines else { panic!("{lines:?}") };
        assert_eq!((first.level, first.target, first.message.as_str()), (Level::Warn, "request", "it is"));
        assert_eq!((first.at_ms, first.request_id.as_deref()), (1_790_000_000_000, Some("req_1")));
        let fields: serde_json::Value = serde_json::from_str(first.fields.as_ref().unwrap()).unwrap();
        assert_eq!(fields, serde_json::json!({ "n": -3, "yes": true, "key": "k\"\\\n\u{1}ö", "odd": "Some(\"x\")" }));
        assert_eq!((second.level, &second.fields), (Level::Debug, &None));
    }

    #[test]
    fn no_key_and_no_code_reaches_the_disk() {
        let key = format!("tr_{}", "a1".repeat(24));
        let (_, lines) = logged(|| {
            tracing::warn!(target: NOT_KEPT, "the setup code is 123");
            tracing::warn!(url = format!("/x?key={key}&y"), "{key}, sk-short, ({key})!");
        });
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].message, "[secret], sk-short, ([secret])!");
        assert_eq!(lines[0].fields.as_deref(), Some(r#"{"url":"/x?key=[secret]&y"}"#));
    }

    #[test]
    fn neither_a_line_nor_the_queue_grows_without_end() {
        let long = "ö".repeat(1 << 20);
        let (lines, taken) = logged(|| {
            tracing::info!(long, ?long, more = 1, "{long}");
        });
        assert!(taken[0].message.len() <= LONGEST + 3 && taken[0].message.ends_with('…'));
        let fields = taken[0].fields.as_ref().unwrap();
        assert!(fields.len() < 3 * LONGEST, "{}", fields.len());
        serde_json::from_str::<serde_json::Value>(fields).unwrap();
        let numbered = |n: usize| NewLine { message: n.to_string(), ..taken[0].clone() };
        for n in 0..5_000 {
            lines.push(numbered(n));
        }
        let waiting = lines.lock();
        assert!(waiting.bytes <= MOST.1 && waiting.bytes > MOST.1 / 2, "{} bytes", waiting.bytes);
        assert_eq!(lines.dropped(), 5_000 - waiting.lines.len() as u64);
        assert_eq!(waiting.lines.back().map(|line| line.message.as_str()), Some("4999"));
        drop(waiting);
        assert!(!lines.all().is_empty());
        assert_eq!((lines.lock().bytes, lines.is_empty()), (0, true));
    }

    #[test]
    fn what_the_database_would_overwrite_is_not_written_and_not_lost() {
        let lines = Lines::new(Clock::fixed(0), 3);
        let subscriber = tracing_subscriber::registry().with(Kept(Arc::clone(&lines)));
        tracing::subscriber::with_default(subscriber, || (0..9).for_each(|n| tracing::info!("{n}")));
        let left: Vec<String> = lines.all().into_iter().map(|line| line.message).collect();
        assert_eq!((left, lines.dropped()), (vec!["6".to_owned(), "7".to_owned(), "8".to_owned()], 0));
    }
}
