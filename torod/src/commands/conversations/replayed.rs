//! Two answers to the same request beside one another, on the terminal.

use std::io::Write;

use owo_colors::OwoColorize as _;
use tokenrouter_shared::money::dollars;
use tokenrouter_shared::replay::{Differing, Has, ReplaySide, ReplayView};

use super::shown::short;
use crate::commands::table::table;
use crate::commands::terminal;
use crate::telemetry::plain::plain;

/// So many lines that both have are shown around those that differ.
const AROUND: usize = 2;

/// Writes them.
pub(super) fn show(out: &mut dyn Write, replay: &ReplayView, is_terminal: bool) -> std::io::Result<()> {
    let mut table = table(is_terminal);
    table.set_header(["", "kept", "now"]);
    let model = |side: &ReplaySide| plain(&format!("{}/{}", side.provider, side.model)).into_owned();
    let seconds =
        |us: u64| if us < 1_000_000 { format!("{} ms", us / 1_000) } else { format!("{:.2} s", us as f64 / 1e6) };
    let (before, after) = (&replay.before, &replay.after);
    for (what, was, is) in [
        ("request", before.request_id.clone(), after.request_id.clone()),
        ("model", model(before), model(after)),
        ("ended", before.outcome.replace('_', " "), after.outcome.replace('_', " ")),
        ("tokens in", short(before.input), short(after.input)),
        ("tokens out", short(before.output), short(after.output)),
        ("cost", money(before.cost_nanos), money(after.cost_nanos)),
        ("first byte", seconds(before.first_byte_us), seconds(after.first_byte_us)),
        ("in all", seconds(before.total_us), seconds(after.total_us)),
    ] {
        table.add_row([what.to_owned(), plain(&was).into_owned(), is]);
    }
    writeln!(out, "{table}")?;
    for note in &replay.notes {
        terminal::tell(out, &format!("note: {}", plain(note)).yellow().to_string(), 6)?;
    }
    for (side, which) in [(before, "kept"), (after, "now")] {
        if let Some(error) = &side.error {
            terminal::tell(out, &format!("{which}: {}", plain(error)).red().to_string(), 6)?;
        }
    }
    part(out, "calls", &replay.calls)?;
    part(out, "text", &replay.text)
}

fn part(out: &mut dyn Write, name: &str, lines: &[Differing]) -> std::io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    if lines.iter().all(|line| line.has == Has::Both) {
        return writeln!(out, "\n{}", format!("── {name}: the same ──").dimmed());
    }
    writeln!(out, "\n{}", format!("── {name} ──").dimmed())?;
    let mut is_left_out = false;
    for (at, line) in lines.iter().enumerate() {
        let near = lines.get(at.saturating_sub(AROUND)..(at + AROUND + 1).min(lines.len())).unwrap_or_default();
        if near.iter().all(|line| line.has == Has::Both) {
            if !std::mem::replace(&mut is_left_out, true) {
                writeln!(out, "  {}", "…".dimmed())?;
            }
            continue;
        }
        is_left_out = false;
        let text = plain(&line.line);
        match line.has {
            Has::Both => writeln!(out, "  {}", text.dimmed())?,
            Has::Before => writeln!(out, "{}", format!("- {text}").red())?,
            Has::After => writeln!(out, "{}", format!("+ {text}").green())?,
        }
    }
    Ok(())
}

fn money(nanos: i64) -> String {
    dollars(u64::try_from(nanos).unwrap_or(0))
}
