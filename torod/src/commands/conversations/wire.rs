//! What went over the wire for a request, stage by stage, on the terminal.

use std::io::Write;

use owo_colors::OwoColorize as _;
use tokenrouter_shared::conversation::{StageView, WireView};

use super::shown::time;
use crate::commands::terminal;
use crate::conversations::wire::SAME;
use crate::telemetry::plain::plain;

/// So many lines of a body are shown where all is not asked for, and so long ones.
const LINES: usize = 12;
const LINE: usize = 400;

/// Writes it.
pub(super) fn show(out: &mut dyn Write, wire: &WireView, long: bool) -> std::io::Result<()> {
    writeln!(out, "{}", plain(&wire.request_id).bold())?;
    wire.stages.iter().try_for_each(|stage| one(out, stage, long))
}

fn one(out: &mut dyn Write, stage: &StageView, long: bool) -> std::io::Result<()> {
    let attempt = if stage.attempt > 0 { format!(" · attempt {}", stage.attempt) } else { String::new() };
    let head = format!("── {}{attempt} · {} · {} bytes ", stage.stage.as_str(), time(stage.at_ms), stage.size);
    writeln!(out, "\n{}", format!("{head}──").cyan())?;
    if !stage.change.is_empty() {
        terminal::tell(out, &format!("  {}", plain(&stage.change).yellow()), 2)?;
    }
    for line in stage.head.lines() {
        match line.split_once(": ") {
            Some((name, value)) => writeln!(out, "  {}: {}", plain(name).dimmed(), plain(value))?,
            None => writeln!(out, "  {}", plain(line).bold())?,
        }
    }
    if stage.body.is_empty() {
        return Ok(());
    }
    if !long && stage.change.starts_with(SAME) {
        return writeln!(out, "\n  {}", "… as above: --long shows it".dimmed());
    }
    writeln!(out)?;
    let count = stage.body.lines().count();
    for (at, line) in stage.body.lines().enumerate() {
        if !long && at == LINES && count > LINES + 1 {
            return writeln!(out, "  {}", format!("… {} more lines: --long shows them", count - at).dimmed());
        }
        let is_short = long || line.len() <= LINE + LINE / 4;
        let end = if is_short { line.len() } else { line.floor_char_boundary(LINE) };
        let more = if end < line.len() {
            format!("… {} more bytes: --long shows them", line.len() - end)
        } else {
            String::new()
        };
        writeln!(out, "  {}{}", plain(line.get(..end).unwrap_or_default()), more.dimmed())?;
    }
    Ok(())
}
