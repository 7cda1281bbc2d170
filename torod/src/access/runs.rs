//! Runs as people are shown them: a page of them, or one with its models, its sessions and what was left of its budgets.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::Connection;
use tokenrouter_shared::budget::BudgetView;
use tokenrouter_shared::figures::Dimension;
use tokenrouter_shared::ids::MAX_MS;
use tokenrouter_shared::limits::{Budget, BudgetUnit, Window};
use tokenrouter_shared::run::{RunDetail, RunEnd, RunPage, RunSession, RunView};
use tokenrouter_shared::usage_of::UsageLine;

use super::grant::Operator;
use super::issue::IssueError;
use super::spending;
use crate::calendar::Calendar;
use crate::store::figures::{Line, Question, SessionSums, figures, sessions};
use crate::store::runs::{self, RunQuery, RunRow};

/// The most runs on a page.
pub const MAX_PAGE: usize = 200;
/// Characters of a search text.
const MAX_TEXT: usize = 200;
/// Sessions and models that are told of one run.
const MOST: usize = 1_000;
/// A request that began before a run's end may call somebody after it, and clocks are set.
const MARGIN_MS: i64 = 3_600_000;

/// Which runs are asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The id or name of a token whose runs they are, or `*`.
    pub token: Option<String>,
    /// Only those with this text in name, id or labels.
    pub text: Option<String>,
    /// Only those that began at this time or later, in milliseconds since 1970.
    pub since_ms: i64,
    /// The `next` of the page before.
    pub cursor: Option<String>,
    /// So many at most.
    pub limit: usize,
}

/// What a run's token and those below it did in a span of time.
#[derive(Clone, Copy)]
struct Scope {
    /// The token's number.
    root: i64,
    since_ms: i64,
    until_ms: i64,
}

impl Scope {
    fn question(&self) -> Question {
        Question { root: Some(self.root), ..Question::new(self.since_ms, self.until_ms) }
    }
}

/// A page of runs, the newest first.
pub fn page(connection: &Connection, asked: &Asked, by: &Operator, now_ms: i64) -> Result<RunPage, IssueError> {
    if !(1..=MAX_PAGE).contains(&asked.limit) {
        return Err(IssueError::Unclear("`limit` lies between 1 and 200"));
    }
    if asked.text.as_ref().is_some_and(|text| text.chars().count() > MAX_TEXT) {
        return Err(IssueError::Unclear("a search text has at most 200 characters"));
    }
    let before = match &asked.cursor {
        None => i64::MAX,
        Some(cursor) => read_cursor(cursor).ok_or(IssueError::Unclear("`cursor` is not the `next` of a page"))?,
    };
    // One moment for all questions.
    let connection = connection.unchecked_transaction()?;
    let root = spending::root(&connection, asked.token.as_deref(), by, now_ms)?;
    let (text, since_ms, limit) = (asked.text.clone(), asked.since_ms, asked.limit);
    let (rows, has_more) = runs::page(&connection, &RunQuery { root, text, since_ms, before, limit, now_ms })?;
    let next = rows.last().filter(|_| has_more).map(|row| URL_SAFE_NO_PAD.encode(format!("run:{}", row.id)));
    let runs = rows.into_iter().map(|row| view(&connection, row)).collect::<Result<_, _>>()?;
    Ok(RunPage { runs, next })
}

fn read_cursor(text: &str) -> Option<i64> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    text.strip_prefix("run:")?.parse().ok()
}

fn view(connection: &Connection, row: RunRow) -> Result<RunView, IssueError> {
    Ok(RunView {
        spent: runs::spent(connection, row.id)?,
        id: row.public_id,
        name: row.name,
        labels: row.labels,
        started_ms: row.started_ms,
        ended_ms: row.ended_ms,
        ended_by: row.ended_by,
        exit_code: row.exit_code,
        exit_signal: row.exit_signal,
    })
}

/// The run of the token with an id, with all that is known of it. `live` tells how the budgets of a token stand that has
/// not ended, by its number.
pub fn show(
    connection: &Connection,
    id: &str,
    by: &Operator,
    live: impl Fn(i64) -> Option<Vec<BudgetView>>,
    now_ms: i64,
) -> Result<RunDetail, IssueError> {
    let unknown = || IssueError::NoRun(id.to_owned());
    // One moment for all questions.
    let connection = connection.unchecked_transaction()?;
    let row = runs::find(&connection, id, now_ms)?.ok_or_else(unknown)?;
    if let Some(root) = by.root()
        && !runs::is_within(&connection, row.id, root)?
    {
        return Err(unknown());
    }
    let spent = runs::spent(&connection, row.id)?;
    let mut scope = Scope {
        root: row.id,
        since_ms: row.started_ms.saturating_sub(MARGIN_MS).max(0),
        until_ms: row.ended_ms.unwrap_or(now_ms).saturating_add(MARGIN_MS),
    };
    let by_model =
        |scope: &Scope| figures(&connection, &Question { most: MOST, ..scope.question().by(Dimension::Model) });
    let mut used = by_model(&scope)?;
    if (used.total.requests, used.total.cost_nanos) != (spent.requests, spent.cost_nanos) {
        // Somebody set the clock by more than the margin: what it took is somewhere.
        scope = Scope { since_ms: 0, until_ms: MAX_MS, ..scope };
        used = by_model(&scope)?;
    }
    let totals = used.total.counted();
    let model = |line: Line| {
        let key = line.key.into_iter().next().flatten().unwrap_or_default();
        UsageLine { name: key.clone(), key, totals: line.totals.counted() }
    };
    let mut models: Vec<_> = used.lines.into_iter().map(model).collect();
    spending::sort(&mut models);
    let (sessions, count) = sessions(&connection, &scope.question(), MOST)?;
    let omitted = count.saturating_sub(sessions.len() as u64);
    let running = if row.ended_by == RunEnd::Running { live(row.id) } else { None };
    let budgets = match running {
        Some(budgets) => budgets,
        None => budgets(&connection, &row, &scope)?,
    };
    let run = view(&connection, row)?;
    Ok(RunDetail { run, totals, models, sessions: tree(sessions), sessions_omitted: omitted, budgets })
}

/// How the budgets of a run stood when it ended.
fn budgets(connection: &Connection, row: &RunRow, scope: &Scope) -> Result<Vec<BudgetView>, IssueError> {
    let ended_ms = row.ended_ms.unwrap_or(scope.until_ms);
    let view = |budget: &Budget| {
        let since_ms = match &budget.window {
            Window::Lifetime => scope.since_ms,
            Window::Rolling { seconds } => ended_ms.saturating_sub(i64::from(*seconds) * 1_000),
            Window::Calendar { period, time_zone } => {
                Calendar::new(*period, time_zone).map_or(scope.since_ms, |calendar| calendar.around(ended_ms).0)
            }
        };
        let asked = Scope { since_ms: since_ms.clamp(scope.since_ms, scope.until_ms), ..*scope };
        let used = figures(connection, &asked.question())?.total.counted();
        let used = match budget.unit {
            BudgetUnit::Requests => used.requests,
            BudgetUnit::Tokens => used.counts.total(),
            BudgetUnit::UsdNanos => used.cost_nanos,
        };
        let remaining = budget.limit.saturating_sub(used);
        Ok(BudgetView {
            unit: budget.unit,
            limit: budget.limit,
            window: budget.window.clone(),
            used,
            remaining,
            resets_ms: None,
        })
    };
    row.limits.budgets.iter().map(view).collect()
}

/// Sessions in the order of their tree: each after the one that began it, those of the same one by age.
///
/// Agents name each other as they like. One whose parent is not there stands on top, and so does the first of those that
/// name each other in a circle.
fn tree(sessions: Vec<SessionSums>) -> Vec<RunSession> {
    let sessions = merged(sessions);
    let mut children: HashMap<&str, Vec<usize>> = HashMap::new();
    let ids: HashSet<&str> = sessions.iter().filter_map(|session| session.id.as_deref()).collect();
    let mut tops = Vec::new();
    for (at, session) in sessions.iter().enumerate() {
        match session.parent.as_deref().filter(|parent| ids.contains(parent)) {
            Some(parent) => children.entry(parent).or_default().push(at),
            None => tops.push(at),
        }
    }
    // In the order of the tree: the session, and the place in this list of the one above it.
    let mut order: Vec<(usize, Option<usize>, u32)> = Vec::with_capacity(sessions.len());
    let mut seen = vec![false; sessions.len()];
    for top in tops.into_iter().chain(0..sessions.len()) {
        let mut waiting = vec![(top, None, 0)];
        while let Some((at, above, depth)) = waiting.pop() {
            if seen.get_mut(at).is_none_or(|seen| std::mem::replace(seen, true)) {
                continue;
            }
            let place = order.len();
            order.push((at, above, depth));
            let below = sessions.get(at).and_then(|session| children.get(session.id.as_deref()?));
            waiting.extend(below.into_iter().flatten().rev().map(|child| (*child, Some(place), depth + 1)));
        }
    }
    let cost = |at: usize| sessions.get(at).map_or(0, |session| session.totals.cost_nanos);
    let mut costs: Vec<u64> = order.iter().map(|(at, ..)| cost(*at)).collect();
    for (place, (_, above, _)) in order.iter().enumerate().rev() {
        let own = costs.get(place).copied().unwrap_or(0);
        if let Some(above) = above.and_then(|above| costs.get_mut(above)) {
            *above = above.saturating_add(own);
        }
    }
    let told = order.iter().zip(costs).filter_map(|((at, _, depth), tree_cost_nanos)| {
        let SessionSums { id, parent, agent, first_ms, last_ms, totals } = sessions.get(*at)?.clone();
        Some(RunSession { id, parent, depth: *depth, agent, first_ms, last_ms, totals, tree_cost_nanos })
    });
    told.collect()
}

/// Sessions of the same id as one: tokens below the run's own may work in the same.
fn merged(sessions: Vec<SessionSums>) -> Vec<SessionSums> {
    let mut at: HashMap<Option<String>, usize> = HashMap::new();
    let mut whole: Vec<SessionSums> = Vec::with_capacity(sessions.len());
    for session in sessions {
        match at.get(&session.id).and_then(|at| whole.get_mut(*at)) {
            Some(known) => {
                known.totals.add(&session.totals);
                known.parent = known.parent.take().or(session.parent);
                known.agent = known.agent.take().filter(|agent| session.agent.as_ref() == Some(agent));
                known.first_ms = known.first_ms.min(session.first_ms);
                known.last_ms = known.last_ms.max(session.last_ms);
            }
            None => {
                at.insert(session.id.clone(), whole.len());
                whole.push(session);
            }
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenrouter_shared::usage_of::UsageTotals;

    fn session(id: &str, parent: Option<&str>, cost_nanos: u64) -> SessionSums {
        SessionSums {
            id: (!id.is_empty()).then(|| id.to_owned()),
            parent: parent.map(str::to_owned),
            agent: None,
            first_ms: 0,
            last_ms: 0,
            totals: UsageTotals { cost_nanos, ..UsageTotals::default() },
        }
    }

    fn told(sessions: Vec<SessionSums>) -> Vec<(String, u32, u64)> {
        let tree = tree(sessions).into_iter();
        tree.map(|one| (one.id.unwrap_or_default(), one.depth, one.tree_cost_nanos)).collect()
    }

    fn line(id: &str, depth: u32, cost: u64) -> (String, u32, u64) {
        (id.to_owned(), depth, cost)
    }

    #[test]
    fn sub_agents_come_after_whoever_began_them() {
        let sessions = vec![
            session("root", None, 1),
            session("a", Some("root"), 10),
            session("", None, 5),
            session("b", Some("root"), 100),
            session("c", Some("a"), 1_000),
            session("lost", Some("gone"), 7),
        ];
        let expected = [
            line("root", 0, 1_111),
            line("a", 1, 1_010),
            line("c", 2, 1_000),
            line("b", 1, 100),
            line("", 0, 5),
            line("lost", 0, 7),
        ];
        assert_eq!(told(sessions), expected);
    }

    #[test]
    fn circles_and_long_lines_end() {
        let circle = vec![session("a", Some("b"), 1), session("b", Some("c"), 2), session("c", Some("a"), 4)];
        assert_eq!(told(circle), [line("a", 0, 7), line("c", 1, 6), line("b", 2, 2)]);
        let long = (0..1_000).map(|n| session(&format!("s{n}"), (n > 0).then(|| format!("s{}", n - 1)).as_deref(), 1));
        let told = told(long.collect());
        assert_eq!((told.first(), told.last()), (Some(&line("s0", 0, 1_000)), Some(&line("s999", 999, 1))));
    }

    #[test]
    fn one_id_is_one_session() {
        let told = told(vec![session("a", None, 1), session("b", Some("a"), 2), session("a", None, 4)]);
        assert_eq!(told, [line("a", 0, 7), line("b", 1, 2)]);
    }
}
