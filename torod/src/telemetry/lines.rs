//! Lines of the log on their way into the database: what a line says, and a bounded queue that makes nobody wait.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crossbeam_queue::SegQueue;
use tokenrouter_shared::log::Level;
use tokio::sync::Notify;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::clock::Clock;
use crate::store::log::NewLine;

/// Lines that may wait.
const MOST: usize = 4_096;
/// Bytes of a message, and of all fields together; what is longer is cut off.
const LONGEST: usize = 4_096;
/// Lines with this target hold something that opens doors, and go to standard error alone.
pub const NOT_KEPT: &str = "setup";
/// What stands for a key.
const MASK: &str = "[secret]";

/// The queue.
#[derive(Debug)]
pub struct Lines {
    waiting: SegQueue<NewLine>,
    len: AtomicUsize,
    dropped: AtomicU64,
    kept: AtomicU64,
    came: Notify,
    clock: Clock,
}

impl Lines {
    /// An empty one.
    pub fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            waiting: SegQueue::new(),
            len: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            came: Notify::new(),
            clock,
        })
    }

    /// Lines that were lost because too many waited.
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
        while self.len.load(Ordering::SeqCst) == 0 {
            self.came.notified().await;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether as many wait as a batch holds.
    pub(super) fn is_many(&self, batch: usize) -> bool {
        self.len.load(Ordering::SeqCst) >= batch
    }

    /// Takes lines out until `to` holds `most`.
    pub(super) fn take(&self, to: &mut Vec<NewLine>, most: usize) {
        while to.len() < most {
            let Some(line) = self.waiting.pop() else { return };
            self.len.fetch_sub(1, Ordering::SeqCst);
            to.push(line);
        }
    }

    /// Takes all of them out.
    #[cfg(test)]
    pub fn all(&self) -> Vec<NewLine> {
        let mut all = Vec::new();
        self.take(&mut all, usize::MAX);
        all
    }

    fn push(&self, line: impl FnOnce() -> NewLine) {
        let before = self.len.fetch_add(1, Ordering::SeqCst);
        if before >= MOST {
            self.len.fetch_sub(1, Ordering::SeqCst);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.waiting.push(line());
        if before == 0 {
            self.came.notify_one();
        }
    }
}

/// Puts what is logged into the queue.
#[derive(Debug)]
pub struct Kept(pub Arc<Lines>);

impl<S: Subscriber> Layer<S> for Kept {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let meta = event.metadata();
        if meta.target() == NOT_KEPT {
            return;
        }
        self.0.push(|| {
            let mut words = Words::default();
            event.record(&mut words);
            NewLine {
                at_ms: self.0.clock.now_ms(),
                level: level(*meta.level()),
                target: meta.target(),
                message: without_keys(words.message),
                fields: (!words.fields.is_empty()).then(|| without_keys(words.fields + "}")),
                request_id: words.request_id,
            }
        });
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

/// What a line says, while it is read: the message, and the rest as JSON.
#[derive(Default)]
struct Words {
    message: String,
    /// Without its last brace.
    fields: String,
    request_id: Option<String>,
}

impl Words {
    /// Begins a field; false where there is no more room.
    fn begin(&mut self, name: &str) -> bool {
        if self.fields.len() >= LONGEST {
            return false;
        }
        self.fields.push(if self.fields.is_empty() { '{' } else { ',' });
        quote(name, &mut self.fields);
        self.fields.push(':');
        true
    }

    fn plain(&mut self, name: &str, value: impl fmt::Display) {
        if self.begin(name) {
            // Writing into a String cannot fail.
            _ = write!(self.fields, "{value}");
        }
    }

    fn text(&mut self, name: &str, value: &str) {
        match name {
            "message" => self.message = shortened(value),
            "id" | "request_id" if self.request_id.is_none() => self.request_id = Some(shortened(value)),
            name => {
                if self.begin(name) {
                    quote(&shortened(value), &mut self.fields);
                }
            }
        }
    }
}

impl Visit for Words {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = Bounded(String::new());
        // It ends early where it becomes too long.
        _ = write!(text, "{value:?}");
        self.text(field.name(), &text.0);
    }
}

/// Takes no more than is shown.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push_str(text);
        if self.0.len() > LONGEST { Err(fmt::Error) } else { Ok(()) }
    }
}

fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(LONGEST);
    let mut short = text.get(..end).unwrap_or_default().to_owned();
    if end < text.len() {
        short.push('…');
    }
    short
}

/// `text` as a JSON string.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if u32::from(c) < 0x20 => _ = write!(out, "\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// No line is meant to hold a key; should one do all the same, it does not reach the disk.
fn without_keys(text: String) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let is_key =
        |word: &str| ["tr_", "sk-"].iter().any(|lead| word.strip_prefix(lead).is_some_and(|rest| rest.len() >= 32));
    if !text.contains("tr_") && !text.contains("sk-") {
        return text;
    }
    let mut clean = String::with_capacity(text.len());
    for word in text.split_inclusive(|c| !is_word(c)) {
        let bare = word.trim_end_matches(|c| !is_word(c));
        clean.push_str(if is_key(bare) { MASK } else { bare });
        clean.push_str(word.get(bare.len()..).unwrap_or_default());
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt as _;

    fn logged(log: impl FnOnce()) -> (Arc<Lines>, Vec<NewLine>) {
        let lines = Lines::new(Clock::fixed(1_790_000_000_000));
        let subscriber = tracing_subscriber::registry().with(Kept(Arc::clone(&lines)));
        tracing::subscriber::with_default(subscriber, log);
        let mut taken = Vec::new();
        lines.take(&mut taken, MOST);
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
            for n in 0..MOST + 10 {
                tracing::info!(n, "x");
            }
        });
        assert_eq!((taken.len(), lines.dropped()), (MOST, 11));
        assert!(taken[0].message.len() <= LONGEST + 3 && taken[0].message.ends_with('…'));
        let fields = taken[0].fields.as_ref().unwrap();
        assert!(fields.len() < 3 * LONGEST, "{}", fields.len());
        serde_json::from_str::<serde_json::Value>(fields).unwrap();
        // What was taken makes room.
        let mut again = Vec::new();
        lines.push(|| taken[1].clone());
        lines.take(&mut again, 5);
        assert_eq!(again.len(), 1);
    }
}
