//! `torod log`: the last lines of the log, by the running daemon, or from the database itself when none runs.

use std::io::{IsTerminal as _, Write};
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Local, TimeZone as _};
use http::Method;
use owo_colors::{OwoColorize as _, Style};
use serde_json::Value;
use tokenrouter_shared::log::{Level, LogLine, LogPage};

use super::{Exit, control, usage};
use crate::clock::Clock;
use crate::config::Paths;
use crate::store::lock::LockError;
use crate::store::log::{LogQuery, page};
use crate::store::{Connection, DATABASE, DirLock, schema};
use crate::telemetry::plain::plain;

/// The most lines that are asked for at once.
const PAGE: usize = 500;
/// How often it is looked for new ones.
const PAUSE: Duration = Duration::from_millis(500);

/// Show the last lines of the log, the oldest first.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  torod log\n  torod log --level warn --since 24h\n  torod log --request req_01hx…\n  torod log --search timeout --lines 500\n  torod log --follow --target request\n  torod log --since today --json\n\n`[log] keep_lines` says how many lines are kept. Lines stand in the database at most a second after they were said."
)]
pub struct Log {
    /// Only those of this importance or more: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", value_parser = Level::ALL.map(Level::as_str))]
    level: Option<String>,
    /// From when on: today, 15m, 24h, 7d, or a date such as 2026-11-01.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those about this request, by the id that the client was told.
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// Only those with this text in message, fields or request.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only from this part of the program, such as request or `torod::reload`.
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// The last so many.
    #[arg(long, short = 'n', value_name = "COUNT", default_value = "100", value_parser = clap::value_parser!(u32).range(1..))]
    lines: u32,
    /// Go on with those that come, until Ctrl-C.
    #[arg(long, short)]
    follow: bool,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

/// Who knows the lines.
enum Way<'a> {
    Daemon(&'a Path),
    Here(Box<Connection>, #[expect(dead_code, reason = "held while the database is read")] DirLock),
}

impl Log {
    /// Prints them.
    pub async fn run(
        self,
        paths: &Paths,
        out: &mut dyn Write,
        is_terminal: bool,
        clock: &Clock,
    ) -> anyhow::Result<Exit> {
        let query = self.query(clock.now_ms())?;
        let dir = &paths.data_dir;
        if !dir.join(DATABASE).exists() {
            anyhow::bail!("nothing was said yet: there is no database in {}; `torod serve` makes it", dir.display());
        }
        let way = match DirLock::take(dir) {
            Ok(lock) => Way::Here(Box::new(schema::open_writer(dir)?), lock),
            Err(LockError::Held { .. }) => Way::Daemon(dir),
            Err(e) => return Err(e.into()),
        };
        let shown = Shown { json: self.json, colours: is_terminal && std::env::var_os("NO_COLOR").is_none() };
        let wanted = usize::try_from(self.lines).unwrap_or(usize::MAX);
        let (lines, last) = way.last(&query, wanted).await?;
        let is_empty = lines.is_empty();
        for line in lines.iter().rev() {
            shown.write(out, line)?;
        }
        if !self.follow {
            if is_empty && !self.json {
                writeln!(out, "no line{}", if self.is_chosen() { " matches" } else { " is kept" })?;
            }
            return Ok(Exit::Done);
        }
        if matches!(way, Way::Here(..)) {
            anyhow::bail!("nothing more comes: no torod runs with {}; start it with `torod serve`", dir.display());
        }
        out.flush()?;
        if is_terminal && is_empty && std::io::stderr().is_terminal() {
            writeln!(anstream::stderr(), "waiting for lines; Ctrl-C ends it")?;
        }
        way.follow(query, last, |line| shown.write(out, line)).await?;
        Ok(Exit::Done)
    }

    fn is_chosen(&self) -> bool {
        [&self.level, &self.request, &self.search, &self.target, &self.since].into_iter().any(Option::is_some)
    }

    fn query(&self, now_ms: i64) -> anyhow::Result<LogQuery> {
        let since = |text: &String| {
            let now = Local.timestamp_millis_opt(now_ms).single();
            let since = now.and_then(|now| usage::since_ms(text, now));
            since.ok_or_else(|| anyhow::anyhow!("`--since {text}` is no time; write today, 15m, 24h, 7d or 2026-11-01"))
        };
        Ok(LogQuery {
            level: self.level.as_ref().and_then(|word| Level::ALL.into_iter().find(|level| level.as_str() == word)),
            target: self.target.clone(),
            request_id: self.request.clone(),
            text: self.search.clone(),
            since_ms: self.since.as_ref().map(since).transpose()?,
            ..LogQuery::default()
        })
    }
}

impl Way<'_> {
    async fn page(&self, query: &LogQuery) -> anyhow::Result<LogPage> {
        match self {
            Self::Daemon(dir) => control::ask(dir, Method::GET, &path(query), None::<&()>).await,
            Self::Here(connection, _) => {
                let (lines, has_more) = page(connection, query)?;
                let next = lines.last().filter(|_| has_more).map(|line| line.id.to_string());
                Ok(LogPage { lines, next, last: 0, dropped: 0, keep: 0 })
            }
        }
    }

    /// The last lines that match, the newest first, and the number after which others come.
    async fn last(&self, query: &LogQuery, wanted: usize) -> anyhow::Result<(Vec<LogLine>, i64)> {
        let (mut lines, mut last, mut query) = (Vec::new(), None, query.clone());
        loop {
            query.limit = wanted.saturating_sub(lines.len()).clamp(1, PAGE);
            let page = self.page(&query).await?;
            last = last.or(Some(page.last));
            lines.extend(page.lines);
            if page.next.is_none() || lines.len() >= wanted {
                let newest = lines.first().map_or(0, |line: &LogLine| line.id);
                return Ok((lines, last.unwrap_or(0).max(newest)));
            }
            query.before = lines.last().map(|line| line.id);
        }
    }

    async fn follow(
        &self,
        mut query: LogQuery,
        mut last: i64,
        mut write: impl FnMut(&LogLine) -> std::io::Result<()>,
    ) -> anyhow::Result<()> {
        query.limit = PAGE;
        let mut stopped = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            query.after = Some(last);
            let page = tokio::select! {
                page = self.page(&query) => page?,
                _ = &mut stopped => return Ok(()),
            };
            page.lines.iter().try_for_each(&mut write)?;
            let shown = page.lines.last().map_or(last, |line| line.id);
            // Those that do not match are passed over too, unless there are more that do.
            last = if page.next.is_some() { shown } else { page.last.max(shown) };
            if page.next.is_none() {
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    _ = &mut stopped => return Ok(()),
                }
            }
        }
    }
}

fn path(query: &LogQuery) -> String {
    const START: &str = "/admin/api/log?";
    let mut pairs = form_urlencoded::Serializer::for_suffix(START.to_owned(), START.len());
    let number = |number: Option<i64>| number.map(|number| number.to_string());
    for (key, value) in [
        ("level", query.level.map(|level| level.as_str().to_owned())),
        ("target", query.target.clone()),
        ("request_id", query.request_id.clone()),
        ("q", query.text.clone()),
        ("since_ms", number(query.since_ms)),
        ("cursor", number(query.before)),
        ("after", number(query.after)),
        ("limit", Some(query.limit.to_string())),
    ] {
        if let Some(value) = value {
            pairs.append_pair(key, &value);
        }
    }
    pairs.finish()
}

/// How lines are shown.
#[derive(Clone, Copy)]
struct Shown {
    json: bool,
    colours: bool,
}

impl Shown {
    fn write(self, out: &mut dyn Write, line: &LogLine) -> std::io::Result<()> {
        if self.json {
            serde_json::to_writer(&mut *out, line)?;
            return writeln!(out);
        }
        let time = DateTime::from_timestamp_millis(line.at_ms).map(|time| time.with_timezone(&Local));
        let time = time.map(|time| time.format("%Y-%m-%d %H:%M:%S%.3f").to_string()).unwrap_or_default();
        let level = format!("{:5}", line.level.as_str().to_uppercase());
        let style = match line.level {
            Level::Error => Style::new().red(),
            Level::Warn => Style::new().yellow(),
            Level::Info => Style::new().green(),
            Level::Debug | Level::Trace => Style::new().dimmed(),
        };
        // What was said by clients and providers must not write on this terminal.
        let (message, more) = (plain(&line.message), more(line));
        let more = plain(&more);
        if self.colours {
            writeln!(out, "{} {} {message}{}", time.dimmed(), level.style(style), more.dimmed())
        } else {
            writeln!(out, "{time} {level} {message}{more}")
        }
    }
}

/// What a line says besides its sentence: of a request only what does not stand in that.
fn more(line: &LogLine) -> String {
    let is_request = line.target == "request";
    let mut text = String::new();
    if let Some(Value::Object(fields)) = &line.fields {
        for (name, value) in fields {
            if is_request && !matches!(name.as_str(), "caller" | "cost_nanos" | "attempts") {
                continue;
            }
            text += &match value {
                Value::String(value) => format!(" {name}={value}"),
                value => format!(" {name}={value}"),
            };
        }
    }
    if let Some(id) = &line.request_id {
        text += &format!(" request={id}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str) -> LogLine {
        LogLine {
            id: 7,
            at_ms: 1_790_000_000_000,
            level: Level::Warn,
            target: "request".into(),
            message: message.into(),
            request_id: Some("req_\u{1b}[2J".into()),
            fields: Some(serde_json::json!({ "caller": "alice", "provider": "p", "attempts": 2 })),
        }
    }

    fn shown(json: bool, colours: bool) -> String {
        let mut out = Vec::new();
        Shown { json, colours }.write(&mut out, &line("chat p/m 200\u{1b}[31m")).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_is_one_line_that_commands_no_terminal() {
        let text = shown(false, false);
        assert!(
            text.ends_with("WARN  chat p/m 200\\u{1b}[31m attempts=2 caller=alice request=req_\\u{1b}[2J\n"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}') && shown(false, true).contains("\u{1b}[33m"));
        assert_eq!(serde_json::from_str::<LogLine>(&shown(true, true)).unwrap(), line("chat p/m 200\u{1b}[31m"));
    }

    #[test]
    fn what_is_asked_for_is_what_the_daemon_is_asked() {
        let log = Log {
            level: Some("warn".into()),
            since: None,
            request: Some("a b".into()),
            search: Some("x&y".into()),
            target: None,
            lines: 9,
            follow: false,
            json: false,
        };
        let query = LogQuery { limit: 9, after: Some(4), ..log.query(0).unwrap() };
        assert_eq!(path(&query), "/admin/api/log?level=warn&request_id=a+b&q=x%26y&after=4&limit=9");
        assert!(Log { since: Some("soon".into()), ..log }.query(0).unwrap_err().to_string().contains("is no time"));
    }
}
