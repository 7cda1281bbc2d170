//! How `torod route` shows the choice of a model for a virtual one.

use std::io::{IsTerminal as _, Result, Write};

use comfy_table::Cell;
use tokenrouter_shared::route::{AutoExplained, ChosenView};

use super::table::table;
use crate::telemetry::plain::plain;

/// Shows how a model would be chosen.
pub(super) fn explained(out: &mut dyn Write, told: &AutoExplained) -> Result<()> {
    writeln!(out, "  chosen by: {}", chooser(told))?;
    if let Some(lost) = &told.lost_router {
        writeln!(out, "  warning: {}, which is to be asked, is nobody's model: the rules choose", plain(lost))?;
    }
    if let Some(chosen) = &told.chosen {
        writeln!(out, "  request: {}", judged(chosen))?;
    }
    if told.input_tokens > 0 || !told.needs.is_empty() {
        let needs = if told.needs.is_empty() { "nothing special".to_owned() } else { told.needs.join(", ") };
        writeln!(out, "  needs: {}; about {} tokens", plain(&needs), told.input_tokens)?;
    }
    let mut choices = table(std::io::stdout().is_terminal());
    choices.set_header(["difficulty", "model", "strength", "effort"].map(Cell::new));
    for choice in &told.choices {
        let or_dash = |text: &Option<String>| plain(text.as_deref().unwrap_or("-")).into_owned();
        let cells =
            [choice.difficulty.clone(), or_dash(&choice.target), or_dash(&choice.strength), or_dash(&choice.effort)];
        choices.add_row(cells.map(Cell::new));
    }
    writeln!(out, "\n{choices}\n")?;
    let all = told.candidates;
    let s = if all == 1 { "" } else { "s" };
    writeln!(
        out,
        "  {all} model{s} may be chosen; {} left out{}",
        told.left_out_count,
        if told.left_out.is_empty() { "" } else { ":" }
    )?;
    for left_out in &told.left_out {
        writeln!(out, "    {}: {}", plain(&left_out.model), plain(&left_out.why))?;
    }
    let untold = told.left_out_count.saturating_sub(told.left_out.len());
    if untold > 0 {
        writeln!(out, "    and {untold} more")?;
    }
    Ok(())
}

fn chooser(told: &AutoExplained) -> String {
    let by = told.chosen.as_ref().map_or("rules", |chosen| chosen.by.as_str());
    match (&told.would_ask, by) {
        (_, "kept") => "the conversation, which was served there before".to_owned(),
        (_, "default") => "`[auto] default`: no other can be chosen".to_owned(),
        (Some(model), _) => format!("{} would be asked first; the rules say this", plain(model)),
        (None, _) => "rules".to_owned(),
    }
}

fn judged(chosen: &ChosenView) -> String {
    let percent = chosen.confidence_permille / 10;
    let effort =
        chosen.effort.as_ref().map(|effort| format!(", with the effort {}", plain(effort))).unwrap_or_default();
    let task = plain(&chosen.task).replace('_', " ");
    format!("{} ({task}), {percent} % sure{effort}", plain(&chosen.difficulty))
}

/// Shows how one was chosen.
pub(super) fn decided(out: &mut dyn Write, chosen: &ChosenView) -> Result<()> {
    let by = match chosen.by.as_str() {
        "kept" => "the conversation, which was served there before",
        "rules" => "rules",
        "model" => "a model that was asked",
        "cache" => "what a model said to the same question before",
        "unsure" => "a model that was not sure, so that the strongest was taken",
        _ => "`[auto] default`: no other could be chosen",
    };
    writeln!(out, "  chosen: {} by {by}; {}", plain(&chosen.target), judged(chosen))?;
    if let Some(reason) = &chosen.reason {
        writeln!(out, "  its reason: {}", plain(reason))?;
    }
    if !chosen.tried.is_empty() {
        writeln!(out, "  tried before: {}", plain(&chosen.tried.join(", ")))?;
    }
    Ok(())
}
