//! What prompt caches did: how much was read from them, what that saved, and what was written and never read.

use tokenrouter_shared::figures::{Dimension, Sort};
use tokenrouter_shared::report::{CacheReport, CacheRow, Unread};

use super::asked::{Asked, Scope};
use super::names::Names;
use super::{MOST_ROWS, ReportError};
use crate::store::Connection;
use crate::store::figures::{Line, Question, figures, unread};

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
    let without = unread(connection, &question, MOST_UNREAD)?;
    let told = Unread {
        tokens: without.tokens,
        lost_nanos: without.lost_nanos,
        sessions: without.sessions,
        is_least: without.is_least,
        rows: without.lines.into_iter().map(|line| row(&session, line)).collect::<Result<_, _>>()?,
    };
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
