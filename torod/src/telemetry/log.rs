//! The log on stderr: for people on a terminal, one JSON object a line elsewhere.
//!
//! A thread of its own writes it. Whoever reads our stderr may stop reading; requests must not wait for that, so
//! lines beyond a bounded queue are dropped.

use std::io::IsTerminal;
use std::sync::Arc;

use chrono::{Local, TimeZone};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::lines::{Kept, Lines};
use super::plain::plain;
use crate::clock::Clock;
use crate::config::{self, LogFormat};

/// Lines that may wait for stderr.
const QUEUE_LINES: usize = 8_192;

/// Fields of a request's line whose values its sentence says already.
const IN_THE_SENTENCE: [&str; 10] =
    ["surface", "provider", "model", "status", "outcome", "ms", "input", "cached", "output", "failed"];

/// A log that was started. Writes what is left when it is dropped.
#[derive(Debug)]
pub struct Log {
    /// Lines for the database; none where it is to keep none.
    pub lines: Option<Arc<Lines>>,
    _guard: WorkerGuard,
}

/// Starts the log. A second start changes nothing.
pub fn start(config: &config::Log, clock: &Clock) -> Log {
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(QUEUE_LINES)
        .thread_name("log")
        .finish(std::io::stderr());
    let level = config.level.as_str();
    // Libraries speak up only when something is wrong.
    let filter = EnvFilter::new(format!("warn,torod={level},tokenrouter={level},request={level}"));
    let terminal = std::io::stderr().is_terminal();
    let human = match config.format {
        LogFormat::Human => true,
        LogFormat::Json => false,
        LogFormat::Auto => terminal,
    };
    let shown = tracing_subscriber::fmt::layer().with_writer(writer);
    let shown: Box<dyn Layer<_> + Send + Sync> = if human {
        let time = LocalTime { clock: clock.clone() };
        let fields = debug_fn(|w, field, value| match field.name() {
            // Names and reasons in it come from clients and providers, who must not write on our terminal.
            "message" => w.write_str(&plain(&format!("{value:?}"))),
            name if IN_THE_SENTENCE.contains(&name) => Ok(()),
            name => write!(w, " {name}={value:?}"),
        });
        let colours = terminal && std::env::var_os("NO_COLOR").is_none();
        shown.with_ansi(colours).with_target(false).with_timer(time).fmt_fields(fields).boxed()
    } else {
        shown.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    };
    let lines = (config.keep_lines > 0).then(|| Lines::new(clock.clone()));
    let kept = lines.clone().map(Kept);
    // Before anything else: what is not written is not put together.
    let started = tracing_subscriber::registry().with(filter).with(shown).with(kept).try_init();
    drop(started);
    Log { lines, _guard: guard }
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
