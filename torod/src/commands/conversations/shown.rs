//! A conversation on the terminal: who said what, which tools were called and what they gave, what each turn cost.

use std::io::Write;

use chrono::{DateTime, Local};
use owo_colors::OwoColorize as _;
use tokenrouter_shared::conversation::{ConversationDetail, ExchangeView, MediaView, MessageView, PartView, Speaker};
use tokenrouter_shared::money::dollars;

use crate::commands::terminal;
use crate::telemetry::plain::plain;

/// So many lines of what a tool gave and the model thought are shown where all is not asked for.
const LINES: usize = 4;
/// The widest that lines are drawn.
const WIDEST: usize = 100;
/// The most of a tool's input that is shown in its line.
const INPUT: usize = 300;

/// Writes it.
pub(super) fn show(
    out: &mut dyn Write,
    detail: &ConversationDetail,
    long: bool,
    is_terminal: bool,
) -> std::io::Result<()> {
    let one = &detail.conversation;
    let title = if one.title.is_empty() { "Untitled conversation" } else { &one.title };
    writeln!(out, "{}", format!("#{} {}", one.id, plain(title)).bold())?;
    let mut facts: Vec<String> = Vec::new();
    facts.extend(one.agent.clone());
    facts.push(one.token_name.clone());
    facts.extend(one.models.iter().take(3).cloned());
    facts.push(if one.exchanges == 1 { "1 request".to_owned() } else { format!("{} requests", one.exchanges) });
    facts.push(format!("{} in, {} out", short(one.input), short(one.output)));
    facts.push(money(one.cost_nanos));
    terminal::tell(out, &plain(&facts.join(" · ")).dimmed().to_string(), 0)?;
    let session = one.session.as_deref().map(|session| format!(" · session {session}")).unwrap_or_default();
    let when = format!("{} to {}{session}", moment(one.started_ms), moment(one.last_ms));
    writeln!(out, "{}", plain(&when).dimmed())?;
    let width = terminal::width().filter(|_| is_terminal).unwrap_or(80).min(WIDEST);
    let place = Place { width, long, is_terminal };
    for (at, exchange) in detail.list.iter().enumerate() {
        place.exchange(out, at + 1, exchange)?;
    }
    if one.internal > 0 && detail.list.iter().all(|exchange| exchange.internal.is_none()) {
        let said = format!("{} more that the agent asked for itself: --internal shows them", one.internal);
        writeln!(out, "\n{}", said.dimmed())?;
    }
    Ok(())
}

struct Place {
    width: usize,
    long: bool,
    is_terminal: bool,
}

impl Place {
    fn exchange(&self, out: &mut dyn Write, number: usize, exchange: &ExchangeView) -> std::io::Result<()> {
        let mut head = format!("── {number} ── {} ", clock(exchange.started_ms));
        if let Some(internal) = &exchange.internal {
            head += &format!("── {} ", plain(internal));
        }
        let fill = self.width.saturating_sub(head.chars().count() + exchange.request_id.chars().count() + 1);
        head += &"─".repeat(fill.max(2));
        writeln!(out, "\n{} {}", head.dimmed(), plain(&exchange.request_id).dimmed())?;
        if exchange.is_branch {
            let from = exchange.continues.as_deref().unwrap_or_default();
            writeln!(out, "{}", format!("↳ another branch after {}", plain(from)).yellow())?;
        }
        if let Some(system) = exchange.system.as_deref().filter(|_| self.long) {
            writeln!(out, "\n{}", "instructions".dimmed().bold())?;
            self.lines(out, system, "  ", true, false)?;
        }
        for message in &exchange.new {
            self.message(out, message)?;
        }
        if !exchange.answer.is_empty() {
            writeln!(out, "\n{}", "assistant".green().bold())?;
            exchange.answer.iter().try_for_each(|part| self.part(out, part))?;
        }
        if let Some(error) = &exchange.error {
            writeln!(out, "\n{} {}", "error".red().bold(), plain(error))?;
        }
        Self::foot(out, exchange)
    }

    fn foot(out: &mut dyn Write, exchange: &ExchangeView) -> std::io::Result<()> {
        let mut facts = Vec::new();
        if exchange.outcome != "ok" {
            facts.push(exchange.outcome.replace('_', " "));
        }
        if !exchange.model.is_empty() {
            facts.push(format!("{}/{}", exchange.provider, exchange.model));
        }
        let input = exchange.input_uncached + exchange.cache_read + exchange.cache_write;
        if input + exchange.output > 0 {
            let cached = if exchange.cache_read > 0 {
                format!(" ({} cached)", short(exchange.cache_read))
            } else {
                String::new()
            };
            let about = if exchange.estimated { "about " } else { "" };
            facts.push(format!("{about}{} in{cached}, {} out", short(input), short(exchange.output)));
        }
        if exchange.cost_nanos > 0 {
            facts.push(money(exchange.cost_nanos));
        }
        if exchange.total_us > 0 {
            facts.push(format!("{:.1} s", exchange.total_us as f64 / 1e6));
        }
        if exchange.attempts > 1 {
            facts.push(format!("{} attempts", exchange.attempts));
        }
        if exchange.request_cut || exchange.answer_cut {
            facts.push("a part was too large to be kept".to_owned());
        }
        if let Some(stop) = exchange.stop.as_deref().filter(|stop| !matches!(*stop, "end" | "tool calls")) {
            facts.push(format!("stopped: {stop}"));
        }
        writeln!(out, "  {}", plain(&facts.join(" · ")).dimmed())
    }

    fn message(&self, out: &mut dyn Write, message: &MessageView) -> std::io::Result<()> {
        match message.speaker {
            Speaker::User => writeln!(out, "\n{}", "user".cyan().bold())?,
            Speaker::Assistant => writeln!(out, "\n{}", "assistant".green().bold())?,
            Speaker::System => writeln!(out, "\n{}", "system".dimmed().bold())?,
            // What a tool gave says itself what it is.
            Speaker::Tool => {}
        }
        message.parts.iter().try_for_each(|part| self.part(out, part))
    }

    fn part(&self, out: &mut dyn Write, part: &PartView) -> std::io::Result<()> {
        match part {
            PartView::Text { text } => self.lines(out, text, "  ", false, true),
            PartView::Refusal { text } => self.lines(out, &format!("refused: {text}"), "  ", false, true),
            PartView::Thinking { text } if text.is_empty() => {
                writeln!(out, "  {}", "(hidden thinking)".dimmed().italic())
            }
            PartView::Thinking { text } => self.lines(out, text, "  ┊ ", true, self.long),
            PartView::Call { name, input, .. } => {
                let line = input.split_whitespace().collect::<Vec<_>>().join(" ");
                if self.long && line.len() > INPUT {
                    writeln!(out, "  {} {}", "→".blue(), plain(name).blue().bold())?;
                    return self.lines(out, input, "    ", false, true);
                }
                let end = line.floor_char_boundary(INPUT);
                let more = if end < line.len() { "…" } else { "" };
                let shown = line.get(..end).unwrap_or_default();
                let text = format!("  {} {} {}{more}", "→".blue(), plain(name).blue().bold(), plain(shown));
                terminal::tell(out, &text, 4)
            }
            PartView::Result { text, failed, media, .. } => {
                let (mark, lines) =
                    (if *failed { "✗".red().to_string() } else { "←".blue().to_string() }, text.lines().count());
                let size = bytes(text.len() as u64);
                let what = if lines > 1 { format!("{lines} lines, {size}") } else { size };
                writeln!(out, "\n  {mark} {}", what.dimmed())?;
                self.lines(out, text, "    ", true, self.long)?;
                media.iter().try_for_each(|media| writeln!(out, "    {}", file(media)))
            }
            PartView::Media(media) => writeln!(out, "  {}", file(media)),
            PartView::Other { kind } => writeln!(out, "  {}", format!("({})", plain(kind)).dimmed()),
        }
    }

    /// Lines of text behind `lead`; where not `all` is wanted, the first ones.
    fn lines(&self, out: &mut dyn Write, text: &str, lead: &str, dim: bool, all: bool) -> std::io::Result<()> {
        let text = text.trim_end_matches(['\n', '\r', ' ']);
        let count = text.lines().count();
        for (written, line) in text.lines().enumerate() {
            if !all && written == LINES && count > LINES + 1 {
                let rest = count - written;
                return writeln!(out, "{lead}{}", format!("… {rest} more lines: --long shows them").dimmed());
            }
            let tabs = line.replace('\t', "    ");
            let line = plain(&tabs);
            let indent = line.chars().take_while(|c| *c == ' ').count().min(40);
            let width = self.is_terminal.then_some(self.width.saturating_sub(lead.chars().count()));
            let wrapped = terminal::wrapped(&line, indent, width);
            for line in wrapped.lines().chain(wrapped.is_empty().then_some("")) {
                if dim { writeln!(out, "{lead}{}", line.dimmed())? } else { writeln!(out, "{lead}{line}")? }
            }
        }
        Ok(())
    }
}

fn file(media: &MediaView) -> String {
    let mut facts = vec![media.media_type.clone().unwrap_or_else(|| media.kind.clone())];
    facts.extend(media.name.clone());
    facts.extend(media.bytes.map(bytes));
    facts.extend(media.sha256.as_deref().map(|digest| format!("sha256 {}…", digest.get(..12).unwrap_or(digest))));
    facts.extend(media.at.clone());
    format!("[{}]", plain(&facts.join(", "))).magenta().to_string()
}

/// `12`, `4.5k`, `1.2M`.
pub(super) fn short(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{:.1}k", count as f64 / 1e3),
        _ => format!("{:.1}M", count as f64 / 1e6),
    }
}

fn bytes(count: u64) -> String {
    match count {
        1 => "1 byte".to_owned(),
        0..10_000 => format!("{count} bytes"),
        10_000..1_000_000 => format!("{:.0} kB", count as f64 / 1e3),
        _ => format!("{:.1} MB", count as f64 / 1e6),
    }
}

fn money(nanos: i64) -> String {
    dollars(u64::try_from(nanos).unwrap_or(0))
}

fn local(ms: i64, form: &str) -> String {
    let time = DateTime::from_timestamp_millis(ms);
    time.map(|time| time.with_timezone(&Local).format(form).to_string()).unwrap_or_default()
}

/// Day and minute.
pub(super) fn moment(ms: i64) -> String {
    local(ms, "%Y-%m-%d %H:%M")
}

/// The same with seconds.
pub(super) fn time(ms: i64) -> String {
    local(ms, "%Y-%m-%d %H:%M:%S")
}

fn clock(ms: i64) -> String {
    local(ms, "%H:%M:%S")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_commands_no_terminal_and_shortens_what_is_long() {
        let text = |text: &str| PartView::Text { text: text.into() };
        let result = PartView::Result {
            id: "c".into(),
            name: None,
            text: "one\ntwo\nthree\nfour\nfive\nsix\n\u{1b}[2J".into(),
            media: Vec::new(),
            failed: false,
        };
        let exchange = ExchangeView {
            request_id: "req_1".into(),
            outcome: "ok".into(),
            new: vec![
                MessageView { speaker: Speaker::User, parts: vec![text("hello\u{1b}[31m there")] },
                MessageView { speaker: Speaker::Tool, parts: vec![result] },
            ],
            answer: vec![text("Yes.")],
            ..ExchangeView::default()
        };
        let detail = ConversationDetail { list: vec![exchange], ..ConversationDetail::default() };
        for long in [false, true] {
            let mut out = Vec::new();
            show(&mut out, &detail, long, false).unwrap();
            let shown = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
            assert!(shown.contains("hello\\u{1b}[31m there") && shown.contains("  Yes."), "{shown}");
            assert!(!String::from_utf8_lossy(&out).contains("\u{1b}[2J"), "{shown}");
            assert_eq!(shown.contains("… 3 more lines"), !long, "{shown}");
            assert_eq!(shown.contains("    six"), long, "{shown}");
        }
    }
}
