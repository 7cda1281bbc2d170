//! The list of conversations, and where a search found its words.

use std::io::Write;

use tokenrouter_shared::conversation::ConversationView;
use tokenrouter_shared::money::dollars;

use super::shown::{moment, short};
use crate::commands::table::table;
use crate::telemetry::plain::plain;

/// Shows them.
pub(super) fn show(out: &mut dyn Write, list: &[ConversationView], is_terminal: bool) -> std::io::Result<()> {
    let mut table = table(is_terminal);
    table.set_header(["id", "last", "title", "token", "agent", "model", "requests", "tokens", "cost"]);
    table.keep_whole(&[0, 1, 8]);
    table.spare(&[4, 7, 5, 6]);
    for one in list {
        let title = if one.title.is_empty() { "(untitled)" } else { &one.title };
        let model = one.models.first().map_or("", |model| model.rsplit('/').next().unwrap_or(model));
        let more = if one.models.len() > 1 { format!("{model} +{}", one.models.len() - 1) } else { model.to_owned() };
        table.add_row([
            one.id.to_string(),
            moment(one.last_ms),
            plain(title).into_owned(),
            plain(&one.token_name).into_owned(),
            plain(one.agent.as_deref().unwrap_or_default()).into_owned(),
            plain(&more).into_owned(),
            one.exchanges.to_string(),
            short(one.input.saturating_add(one.output)),
            dollars(u64::try_from(one.cost_nanos).unwrap_or(0)),
        ]);
        if let Some(found) = &one.found {
            // A line of its own below its conversation.
            let place = found.split_whitespace().collect::<Vec<_>>().join(" ");
            table.add_row(["", "", &plain(&place), "", "", "", "", "", ""]);
        }
    }
    writeln!(out, "{table}")
}
