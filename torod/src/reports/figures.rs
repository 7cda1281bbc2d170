//! The figures of a span: sums by any two dimensions and over time.

use jiff::civil::Time;
use tokenrouter_shared::figures::{Sort, StepUnit};
use tokenrouter_shared::report::{Report, ReportRow};

use super::asked::{Asked, Grouping, Scope, SpreadOf, stretches};
use super::names::Names;
use super::span::minute;
use super::{MOST_ROWS, ReportError};
use crate::calendar::Zone;
use crate::store::Connection;
use crate::store::figures::{Question, figures};

/// Sums up what was used.
pub fn report(
    connection: &Connection,
    asked: &Asked,
    scope: &Scope,
    grouping: &Grouping,
    sort: Sort,
    most: usize,
) -> Result<Report, ReportError> {
    if !(1..=MOST_ROWS).contains(&most) {
        return Err(ReportError::Unclear(format!("`limit` lies between 1 and {MOST_ROWS}")));
    }
    for dimension in &grouping.by {
        scope.refuse_rows(dimension)?;
    }
    let question = Question {
        by: grouping.by.clone(),
        step: grouping.step.map(|unit| stretches(unit, &asked.zone)),
        sort,
        most,
        spread: grouping.spread == SpreadOf::Each,
        ..scope.question(asked.span.since_ms, asked.span.until_ms)
    };
    let found = figures(connection, &question)?;
    let spread = match grouping.spread {
        SpreadOf::Total => {
            let whole = scope.question(asked.span.since_ms, asked.span.until_ms);
            figures(connection, &Question { spread: true, ..whole })?.spread
        }
        SpreadOf::Each | SpreadOf::None => found.spread,
    };
    let mut names = Names::below(scope.root);
    let mut rows = Vec::with_capacity(found.lines.len());
    for line in found.lines {
        let (key, names) = names.of(connection, &grouping.by, line.key)?;
        rows.push(ReportRow {
            key,
            names,
            at_ms: line.at_ms,
            at: line.at_ms.zip(grouping.step).map(|(at, unit)| label(at, unit, &asked.zone)),
            totals: line.totals,
            spread: line.spread.unwrap_or_default(),
        });
    }
    Ok(Report {
        since_ms: found.since_ms,
        until_ms: found.until_ms,
        time_zone: asked.zone.name().to_owned(),
        by: grouping.by.clone(),
        step: grouping.step,
        sort,
        rows,
        omitted: if grouping.by.is_empty() { 0 } else { found.groups.saturating_sub(most as u64) },
        total: found.total,
        spread: spread.unwrap_or_default(),
        lost_records: found.lost_records,
    })
}

/// What a stretch is called.
pub fn label(at_ms: i64, unit: StepUnit, zone: &Zone) -> String {
    let shown = zone.shown(at_ms);
    match unit {
        StepUnit::Month => shown.date().to_string().chars().take("2026-11".len()).collect(),
        StepUnit::Day | StepUnit::Week if shown.time() < Time::constant(12, 0, 0, 0) => shown.date().to_string(),
        StepUnit::FiveMinutes | StepUnit::Hour | StepUnit::Day | StepUnit::Week => minute(zone, at_ms),
    }
}
