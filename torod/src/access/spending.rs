//! Whose usage somebody may ask about: a token's own and what lies below it; and lines of usage in their order.

use rusqlite::Connection;
use tokenrouter_shared::usage_of::UsageLine;

use super::grant::Operator;
use super::issue::IssueError;
use super::reach;
use crate::store::runs;

/// What an admin writes for all tokens.
const EVERY: &str = "*";

/// Below which token somebody asks: its own where none is named; `None`: all tokens.
pub fn root(
    connection: &Connection,
    token: Option<&str>,
    by: &Operator,
    now_ms: i64,
) -> Result<Option<i64>, IssueError> {
    match token {
        None => Ok(by.own_token()),
        Some(EVERY) if by.root().is_none() => Ok(None),
        Some(which) => Ok(Some(find(connection, which, by, now_ms)?)),
    }
}

/// The number of a token, also of one that is gone; one that may not be seen does not exist.
pub fn find(connection: &Connection, which: &str, by: &Operator, now_ms: i64) -> Result<i64, IssueError> {
    match runs::token_named(connection, which)? {
        Some(token) => match by.root() {
            Some(root) if !runs::is_within(connection, token.id, root)? => Err(IssueError::NotFound(which.to_owned())),
            _ => Ok(token.id),
        },
        None => Ok(reach::find(connection, which, by, now_ms)?.id),
    }
}

/// The dearest first.
pub fn sort(lines: &mut [UsageLine]) {
    let weight = |line: &UsageLine| (line.totals.cost_nanos, line.totals.counts.total());
    lines.sort_by(|a, b| weight(b).cmp(&weight(a)).then_with(|| a.key.cmp(&b.key)));
}
