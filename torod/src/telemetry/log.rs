//! The log on stderr: for people on a terminal, one JSON object a line elsewhere.
//!
//! Lines for programs are put together here, once for standard error and the database: most of them tell of a request, and
//! there may be tens of thousands a second.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::sync::Arc;

use chrono::{DateTime, Local, TimeZone};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::lines::{Kept, Lines, NOT_KEPT};
use super::plain::plain;
use super::stderr::{self, Guard, Stderr};
use super::words::{Words, quote, without_keys};
use crate::clock::Clock;
use crate::config::{self, LogFormat};

/// Fields of a request's line whose values its sentence says already.
const IN_THE_SENTENCE: [&str; 10] =
    ["surface", "provider", "model", "status", "outcome", "ms", "input", "cached", "output", "failed"];

/// What stands around a line's message and its fields, in bytes.
const AROUND: usize = 160;

/// A log that was started. Writes what is left when it is dropped.
#[derive(Debug)]
pub struct Log {
    /// Lines for the database; none where it is to keep none.
    pub lines: Option<Arc<Lines>>,
    _guard: Guard,
}

/// Starts the log. A second start changes nothing.
pub fn start(config: &config::Log, clock: &Clock) -> Log {
    let (writer, guard) = stderr::start(std::io::stderr());
    let level = config.level.as_str();
    // Libraries speak up only when something is wrong.
    let filter = EnvFilter::new(format!("warn,torod={level},tokenrouter={level},request={level}"));
    let terminal = std::io::stderr().is_terminal();
    let human = match config.format {
        LogFormat::Human => true,
        LogFormat::Json => false,
        LogFormat::Auto => terminal,
    };
    let lines = (config.keep_lines > 0).then(|| Lines::new(clock.clone(), config.keep_lines));
    // Before anything else: what is not written is not put together.
    let registry = tracing_subscriber::registry().with(filter);
    let started = if human {
        let time = LocalTime { clock: clock.clone() };
        let fields = debug_fn(|w, field, value| match field.name() {
            // Names and reasons in it come from clients and providers, who must not write on our terminal.
            "message" => w.write_str(&plain(&format!("{value:?}"))),
            name if IN_THE_SENTENCE.contains(&name) => Ok(()),
            name => write!(w, " {name}={value:?}"),
        });
        let colours = terminal && std::env::var_os("NO_COLOR").is_none();
        let shown = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let shown = shown.with_ansi(colours).with_target(false).with_timer(time).fmt_fields(fields);
        registry.with(shown).with(lines.clone().map(Kept)).try_init()
    } else {
        registry.with(Json { to: writer, lines: lines.clone(), clock: clock.clone() }).try_init()
    };
    drop(started);
    Log { lines, _guard: guard }
}

/// One JSON object a line, and the same for the database.
struct Json {
    to: Stderr,
    lines: Option<Arc<Lines>>,
    clock: Clock,
}

impl<S: Subscriber> Layer<S> for Json {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let meta = event.metadata();
        let mut words = Words::new();
        event.record(&mut words);
        let mut line = String::with_capacity(words.message.len() + words.fields.len() + AROUND);
        line.push_str("{\"timestamp\":\"");
        stamp(self.clock.now_ms(), &mut line);
        for part in ["\",\"level\":\"", meta.level().as_str(), "\",\"message\":"] {
            line.push_str(part);
        }
        quote(&words.message, &mut line);
        if let Some(id) = &words.request_id {
            line.push_str(",\"id\":");
            quote(id, &mut line);
        }
        line.push_str(&words.fields);
        line.push_str(",\"target\":");
        quote(meta.target(), &mut line);
        line.push_str("}\n");
        // What opens doors is told to whoever starts the daemon.
        let line = if meta.target() == NOT_KEPT { line } else { without_keys(line) };
        self.to.push(line.as_bytes());
        if let Some(lines) = &self.lines {
            lines.add(meta, words);
        }
    }
}

/// The time in RFC 3339, in UTC.
fn stamp(ms: i64, out: &mut String) {
    thread_local! {
        /// The last second that was written out: most lines are of the same one.
        static LAST: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
    }
    let second = ms.div_euclid(1_000);
    LAST.with_borrow_mut(|(last, text)| {
        if *last != second {
            let at = DateTime::from_timestamp(second, 0).unwrap_or_default();
            (*last, *text) = (second, at.format("%Y-%m-%dT%H:%M:%S").to_string());
        }
        out.push_str(text);
    });
    // Writing into a String cannot fail.
    _ = write!(out, ".{:03}Z", ms.rem_euclid(1_000));
}

struct LocalTime {
    clock: Clock,
}

impl FormatTime for LocalTime {
    fn format_time(&self, w: &mut Writer<'_>) -> std::fmt::Result {
        match Local.timestamp_millis_opt(self.clock.now_ms()).single() {
            Some(time) => write!(w, "{}", time.format("%H:%M:%S%.3f")),
            None => w.write_str("--:--:--"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Text(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Text {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_object_with_all_that_was_said() {
        let text = Text::default();
        let (to, guard) = stderr::start(text.clone());
        let clock = Clock::fixed(1_790_000_000_007);
        let lines = Lines::new(clock.clone(), 10);
        let subscriber = tracing_subscriber::registry().with(Json { to, lines: Some(Arc::clone(&lines)), clock });
        let key = format!("tr_{}", "a1".repeat(24));
        tracing::subscriber::with_default(subscriber, || {
            let none = Option::<u8>::None;
            tracing::warn!(target: "request", id = "req_1", n = -3_i64, yes = true, odd = ?Some("x"), none, "it \"{key}\"\n");
            tracing::info!(target: NOT_KEPT, "the code is {key}");
        });
        drop(guard);
        let text = String::from_utf8(text.0.lock().unwrap().clone()).unwrap();
        let told: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let expected = serde_json::json!({
            "timestamp": "2026-09-21T14:13:20.007Z", "level": "WARN", "message": "it \"[secret]\"\n", "id": "req_1",
            "n": -3, "yes": true, "odd": "Some(\"x\")", "target": "request",
        });
        assert_eq!(told[0], expected);
        assert_eq!((told.len(), told[1]["message"].as_str()), (2, Some(format!("the code is {key}").as_str())));
        let kept = lines.all();
        assert_eq!((kept.len(), kept[0].request_id.as_deref()), (1, Some("req_1")));
    }
}
