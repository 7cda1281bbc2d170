//! What a token and those below it used, as `/admin/api/me/usage` tells it: to every token of itself, to admins of any.

use std::collections::HashMap;

use tokenrouter_shared::figures::{Dimension, Sort, StepUnit, Totals};
use tokenrouter_shared::ids::MAX_MS;
use tokenrouter_shared::usage_of::{UsageGroup, UsageLine, UsageOf};

use super::asked::{Choice, Scope, stretches};
use super::figures::label;
use super::names::Names;
use super::{MOST_GROUPS, MOST_ROWS, ReportError};
use crate::access::{Operator, spending};
use crate::calendar::Zone;
use crate::store::Connection;
use crate::store::figures::{Figures, Question, figures};

/// The most days of an answer, and stretches of a series.
const MOST_DAYS: usize = 400;
const DAY_MS: i64 = 86_400_000;

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
    /// What is looked at, and what is left out.
    pub choices: Vec<Choice>,
    /// Stretches of time that the whole is told by as well.
    pub step: Option<StepUnit>,
    /// So many lines at most.
    pub limit: usize,
}

/// What was used.
pub fn usage(connection: &Connection, asked: &Asked, by: &Operator, now_ms: i64) -> Result<UsageOf, ReportError> {
    let unclear = |why: &str| ReportError::Unclear(why.to_owned());
    if !(1..=MOST_ROWS).contains(&asked.limit) {
        return Err(unclear("`limit` lies between 1 and 1000"));
    }
    if asked.since_ms < 0 || asked.since_ms > asked.until_ms {
        return Err(unclear("`since_ms` lies before `until_ms`, and after 1970"));
    }
    let no_zone = "`time_zone` is no name of the IANA database, such as Europe/Berlin";
    let zone = Zone::named(&asked.time_zone).ok_or_else(|| unclear(no_zone))?;
    // No row is younger than its id can tell, and no calendar goes on for ever.
    let (since_ms, until_ms) = (asked.since_ms.min(MAX_MS), asked.until_ms.min(MAX_MS));
    let length_days = usize::try_from(until_ms.saturating_sub(since_ms) / DAY_MS).unwrap_or(usize::MAX);
    if asked.by == UsageGroup::Day && length_days > MOST_DAYS {
        return Err(unclear("an answer by day spans 400 days at most"));
    }
    let root = spending::root(connection, asked.token.as_deref(), by, now_ms)?;
    let scope = Scope::new(connection, &asked.choices, root, by, now_ms)?;
    let over_time = |unit| -> Result<Vec<UsageLine>, ReportError> {
        let step = Some(stretches(unit, &zone));
        let found = figures(connection, &Question { step, ..scope.question(since_ms, until_ms) })?;
        let line = |at_ms: i64, totals: Totals| {
            let key = label(at_ms, unit, &zone);
            UsageLine { name: key.clone(), key, totals: totals.counted() }
        };
        Ok(found.lines.into_iter().map(|found| line(found.at_ms.unwrap_or(since_ms), found.totals)).collect())
    };
    let series = asked.step.map(over_time).transpose()?;
    let (mut rows, groups) = match dimension(asked.by) {
        None => {
            let days = over_time(StepUnit::Day)?;
            let count = days.len() as u64;
            (days, count)
        }
        Some(dimension) => {
            let question = Question {
                by: vec![dimension.clone()],
                sort: Sort::Cost,
                most: MOST_GROUPS,
                ..scope.question(since_ms, until_ms)
            };
            let Figures { lines, groups, .. } = figures(connection, &question)?;
            let seen = lines.len() as u64;
            let mut names = Names::below(by.root());
            let mut rows = Vec::with_capacity(lines.len());
            for line in lines {
                let (key, name) = names.one(connection, &dimension, line.key.into_iter().next().flatten())?;
                let name = if key.is_some() { name } else { String::new() };
                rows.push(UsageLine { key: key.unwrap_or_default(), name, totals: line.totals.counted() });
            }
            let rows = together(rows);
            let count = groups.saturating_sub(seen).saturating_add(rows.len() as u64);
            (rows, count)
        }
    };
    if asked.by != UsageGroup::Day {
        spending::sort(&mut rows);
        rows.truncate(asked.limit);
    }
    let whole = figures(connection, &scope.question(since_ms, until_ms))?;
    Ok(UsageOf {
        since_ms: asked.since_ms,
        until_ms: asked.until_ms,
        by: asked.by,
        time_zone: asked.time_zone.clone(),
        omitted: groups.saturating_sub(rows.len() as u64),
        rows,
        series,
        total: whole.total.counted(),
        lost_records: whole.lost_records,
    })
}

/// What a grouping is in figures; days are stretches of time.
const fn dimension(by: UsageGroup) -> Option<Dimension> {
    match by {
        UsageGroup::Day => None,
        UsageGroup::Model => Some(Dimension::Model),
        UsageGroup::Run => Some(Dimension::Run),
        UsageGroup::Session => Some(Dimension::Session),
        UsageGroup::Provider => Some(Dimension::Provider),
        UsageGroup::Token => Some(Dimension::Token),
        UsageGroup::Agent => Some(Dimension::Agent),
    }
}

/// Lines of the same key as one: two tokens may have conversations of one id.
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
