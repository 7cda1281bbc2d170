//! What a run cost, told at its end on standard error.

use std::time::Duration;

use super::token::RunToken;
use crate::client::Client;
use crate::commands::Context;
use crate::exit::Exit;
use crate::printer::span;

/// The run as we saw it.
#[derive(Clone, Copy, Debug)]
pub struct Bill<'b> {
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended.
    pub ended_ms: i64,
    /// How long it took.
    pub duration: Duration,
    /// How the agent ended.
    pub exit: Exit,
    /// The agent.
    pub title: &'b str,
}

/// Tells it.
pub fn tell(context: &Context, _client: &Client, _token: &RunToken, bill: &Bill<'_>) {
    let ms = u64::try_from(bill.duration.as_millis()).unwrap_or(u64::MAX);
    context.printer.say(&format!("{} ran for {}.", bill.title, span(ms)));
}
