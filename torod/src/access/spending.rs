//! What a token and those below it have used: by day, model, run, session, provider, token or program.

use std::collections::HashMap;

use rusqlite::Connection;
use tokenrouter_shared::limits::Period;
use tokenrouter_shared::usage_of::{UsageGroup, UsageLine, UsageOf, UsageTotals};

use super::grant::Operator;
use super::issue::IssueError;
use super::reach;
use crate::calendar::{Calendar, Zone};
use crate::store::runs::{self, TokenFacts};
use crate::store::usage_of::{self, Column, Group, Scope};

/// The most lines of an answer.
pub const MAX_LINES: usize = 1_000;
/// The most days of an answer.
pub const MAX_DAYS: usize = 400;
/// Groups that are looked at before they are put together.
const MOST_GROUPS: usize = 20_000;
/// What an admin writes for all tokens.
const EVERY: &str = "*";

/// Which usage is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// By what.
    pub by: UsageGroup,
    /// From this time on, in milliseconds since 1970.
    pub since_ms: i64,
    /// Before this time.
    pub until_ms: i64,
    /// By whose clocks days are told: a name of the IANA database.
    pub time_zone: String,
    /// The id or name of a token, or `*`.
    pub token: Option<String>,
    /// So many lines at most.
    pub limit: usize,
}

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
pub(super) fn find(connection: &Connection, which: &str, by: &Operator, now_ms: i64) -> Result<i64, IssueError> {
    match runs::token_named(connection, which)? {
        Some(token) => match by.root() {
            Some(root) if !runs::is_within(connection, token.id, root)? => Err(IssueError::NotFound(which.to_owned())),
            _ => Ok(token.id),
        },
        None => Ok(reach::find(connection, which, by, now_ms)?.id),
    }
}

/// What was used.
pub fn usage(connection: &Connection, asked: &Asked, by: &Operator, now_ms: i64) -> Result<UsageOf, IssueError> {
    if !(1..=MAX_LINES).contains(&asked.limit) {
        return Err(IssueError::Unclear("`limit` lies between 1 and 1000"));
    }
    if asked.since_ms < 0 || asked.since_ms > asked.until_ms {
        return Err(IssueError::Unclear("`since_ms` lies before `until_ms`, and after 1970"));
    }
    // One moment for all questions.
    let connection = connection.unchecked_transaction()?;
    let root = root(&connection, asked.token.as_deref(), by, now_ms)?;
    let scope = Scope { root, since_ms: asked.since_ms, until_ms: asked.until_ms };
    let (mut rows, groups) = match asked.by {
        UsageGroup::Day => {
            let days = days(&connection, &scope, &asked.time_zone)?;
            let count = days.len();
            (days, count as u64)
        }
        UsageGroup::Token | UsageGroup::Run => {
            let (groups, count) = usage_of::groups(&connection, &scope, Column::Token, MOST_GROUPS)?;
            let lines = by_token(&connection, groups, asked.by == UsageGroup::Run)?;
            let count = if asked.by == UsageGroup::Run { lines.len() as u64 } else { count };
            (lines, count)
        }
        UsageGroup::Session => {
            let (groups, count) = usage_of::groups(&connection, &scope, Column::Session, MOST_GROUPS)?;
            let seen = groups.len() as u64;
            let lines = together(groups.into_iter().map(line).collect());
            let count = count - seen + lines.len() as u64;
            (lines, count)
        }
        UsageGroup::Model => plain(&connection, &scope, Column::Model, asked.limit)?,
        UsageGroup::Provider => plain(&connection, &scope, Column::Provider, asked.limit)?,
        UsageGroup::Agent => plain(&connection, &scope, Column::Agent, asked.limit)?,
    };
    if asked.by != UsageGroup::Day {
        sort(&mut rows);
        rows.truncate(asked.limit);
    }
    Ok(UsageOf {
        since_ms: asked.since_ms,
        until_ms: asked.until_ms,
        by: asked.by,
        time_zone: asked.time_zone.clone(),
        omitted: groups.saturating_sub(rows.len() as u64),
        rows,
        total: usage_of::total(&connection, &scope)?,
        lost_records: usage_of::lost(&connection, asked.since_ms, asked.until_ms)?,
    })
}

/// The dearest first.
pub(super) fn sort(lines: &mut [UsageLine]) {
    let weight = |line: &UsageLine| (line.totals.cost_nanos, line.totals.counts.total());
    lines.sort_by(|a, b| weight(b).cmp(&weight(a)).then_with(|| a.key.cmp(&b.key)));
}

pub(super) fn line(group: Group) -> UsageLine {
    let key = group.key.unwrap_or_default();
    UsageLine { name: key.clone(), key, totals: group.totals }
}

fn plain(
    connection: &Connection,
    scope: &Scope,
    column: Column,
    limit: usize,
) -> Result<(Vec<UsageLine>, u64), IssueError> {
    let (groups, count) = usage_of::groups(connection, scope, column, limit)?;
    Ok((groups.into_iter().map(line).collect(), count))
}

/// Lines of the same key as one.
fn together(lines: Vec<UsageLine>) -> Vec<UsageLine> {
    let mut at: HashMap<String, usize> = HashMap::new();
    let mut whole: Vec<UsageLine> = Vec::with_capacity(lines.len());
    for line in lines {
        match at.get(&line.key).and_then(|at| whole.get_mut(*at)) {
            Some(known) => known.totals.add(&line.totals),
            None => {
                at.insert(line.key.clone(), whole.len());
                whole.push(line);
            }
        }
    }
    whole
}

/// One line for each token, or for the run that it was made for or lies below.
fn by_token(connection: &Connection, groups: Vec<Group>, by_run: bool) -> Result<Vec<UsageLine>, IssueError> {
    let mut known: HashMap<i64, Option<TokenFacts>> = HashMap::new();
    let mut lines = Vec::with_capacity(groups.len());
    for group in groups {
        let mut at = group.key.and_then(|number| number.parse().ok()).filter(|number| *number != 0);
        let mut told = None;
        while let Some(id) = at {
            let facts = match known.get(&id) {
                Some(facts) => facts.clone(),
                None => known.entry(id).or_insert(runs::token(connection, id)?).clone(),
            };
            let Some(facts) = facts else { break };
            at = facts.parent_id.filter(|parent| *parent < id);
            if !by_run || facts.run {
                told = Some(facts);
                break;
            }
        }
        let (key, name) = match told {
            Some(facts) if facts.is_removed => (facts.public_id, format!("{} (removed)", facts.name)),
            Some(facts) => (facts.public_id, facts.name),
            None => Default::default(),
        };
        lines.push(UsageLine { key, name, totals: group.totals });
    }
    Ok(together(lines))
}

/// One line for each day of the scope, those without usage included.
fn days(connection: &Connection, scope: &Scope, time_zone: &str) -> Result<Vec<UsageLine>, IssueError> {
    let unknown = IssueError::Unclear("`time_zone` is no name of the IANA database, such as Europe/Berlin");
    let (Some(calendar), Some(zone)) = (Calendar::new(Period::Day, time_zone), Zone::named(time_zone)) else {
        return Err(unknown);
    };
    let mut lines = Vec::new();
    let mut since_ms = scope.since_ms;
    while since_ms < scope.until_ms {
        if lines.len() == MAX_DAYS {
            return Err(IssueError::Unclear("an answer by day spans 400 days at most"));
        }
        let (_, end) = calendar.around(since_ms);
        let until_ms = end.min(scope.until_ms);
        let totals: UsageTotals = usage_of::total(connection, &Scope { since_ms, until_ms, ..*scope })?;
        let offset_ms = zone.offset_s(since_ms).map_or(0, |seconds| i64::from(seconds) * 1_000);
        let date = chrono::DateTime::from_timestamp_millis(since_ms.saturating_add(offset_ms));
        let key = date.map(|date| date.format("%Y-%m-%d").to_string()).unwrap_or_default();
        lines.push(UsageLine { name: key.clone(), key, totals });
        since_ms = until_ms;
    }
    Ok(lines)
}
