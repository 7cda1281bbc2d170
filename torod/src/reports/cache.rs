//! What prompt caches did: how much was read from them, what that saved, and what was written and never read.

use tokenrouter_shared::figures::{Dimension, Sort, Totals};
use tokenrouter_shared::report::{CacheReport, CacheRow, Unread};

use super::asked::{Asked, Scope};
use super::names::Names;
use super::{MOST_GROUPS, MOST_ROWS, ReportError};
use crate::store::Connection;
use crate::store::figures::{Line, Question, figures};

/// So many conversations that read nothing are shown.
const MOST_UNREAD: usize = 5;

/// What they did for the groups of a span.
pub fn report(
    connection: &Connection,
    asked: &Asked,
    scope: &Scope,
    by: &[Dimension],
    most: usize,
) -> Result<CacheReport, ReportError> {
    if !(1..=MOST_ROWS).contains(&most) {
        return Err(ReportError::Unclear(format!("`limit` lies between 1 and {MOST_ROWS}")));
    }
    for dimension in by {
        scope.refuse_rows(dimension)?;
    }
    let question = Question { sort: Sort::Tokens, ..scope.question(asked.span.since_ms, asked.span.until_ms) };
    let found = figures(connection, &Question { by: by.to_vec(), most, ..question.clone() })?;
    let mut names = Names::below(scope.root);
    let mut row = |by: &[Dimension], line: Line| -> Result<CacheRow, ReportError> {
        let (key, names) = names.of(connection, by, line.key)?;
        Ok(CacheRow { key, names, hits_per_mille: line.totals.counts.cached_per_mille(), totals: line.totals })
    };
    let omitted = found.groups.saturating_sub(found.lines.len() as u64);
    let rows = found.lines.into_iter().map(|line| row(by, line)).collect::<Result<_, _>>()?;
    let session = [Dimension::Session];
    let sessions = figures(connection, &Question { by: session.to_vec(), most: MOST_GROUPS, ..question })?;
    let is_least = sessions.groups > sessions.lines.len() as u64;
    let mut unread: Vec<Line> = sessions.lines.into_iter().filter(is_unread).collect();
    unread.sort_by_key(|line| std::cmp::Reverse(written(&line.totals)));
    let mut told = Unread { sessions: unread.len() as u64, is_least, ..Unread::default() };
    for line in &unread {
        told.tokens = told.tokens.saturating_add(written(&line.totals));
        told.lost_nanos = told.lost_nanos.saturating_add(lost(&line.totals));
    }
    unread.truncate(MOST_UNREAD);
    told.rows = unread.into_iter().map(|line| row(&session, line)).collect::<Result<_, _>>()?;
    Ok(CacheReport {
        since_ms: found.since_ms,
        until_ms: found.until_ms,
        time_zone: asked.zone.name().to_owned(),
        by: by.to_vec(),
        rows,
        omitted,
        hits_per_mille: found.total.counts.cached_per_mille(),
        total: found.total,
        unread: told,
        lost_records: found.lost_records,
    })
}

/// Whether a conversation wrote to the cache and read nothing. What belongs to none may be many.
fn is_unread(line: &Line) -> bool {
    let is_session = line.key.first().is_some_and(Option::is_some);
    is_session && written(&line.totals) > 0 && line.totals.counts.cache_read == 0
}

const fn written(totals: &Totals) -> u64 {
    totals.counts.cache_write_5m.saturating_add(totals.counts.cache_write_1h)
}

/// What caching cost more than it saved.
const fn lost(totals: &Totals) -> u64 {
    if totals.savings_nanos < 0 { totals.savings_nanos.unsigned_abs() } else { 0 }
}
