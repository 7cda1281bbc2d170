//! What rose and what fell: two spans of time held against each other, group by group.

use std::collections::HashMap;

use tokenrouter_shared::figures::{Dimension, Totals};
use tokenrouter_shared::report::{Measure, Mover, Movers};

use super::asked::{Asked, Scope};
use super::names::Names;
use super::{MOST_GROUPS, MOST_ROWS, ReportError};
use crate::store::figures::{Figures, Question, figures};
use crate::store::{Connection, StoreError};

/// A group of usage: what it is called, and its sums.
type Group = (Vec<Option<String>>, Totals);

/// What rose and fell in the span, against the one before it.
pub fn report(
    connection: &Connection,
    asked: &Asked,
    scope: &Scope,
    by: &[Dimension],
    measure: Measure,
    most: usize,
) -> Result<Movers, ReportError> {
    if !(1..=MOST_ROWS).contains(&most) {
        return Err(ReportError::Unclear(format!("`limit` lies between 1 and {MOST_ROWS}")));
    }
    for dimension in by {
        scope.refuse_rows(dimension)?;
    }
    let span = &asked.span;
    let ask = |since_ms, until_ms| -> Result<Figures, StoreError> {
        let question = scope.question(since_ms, until_ms);
        figures(connection, &Question { by: by.to_vec(), sort: measure.sort(), most: MOST_GROUPS, ..question })
    };
    let (before, now) = (ask(span.before_since_ms, span.before_until_ms)?, ask(span.since_ms, span.until_ms)?);
    let groups =
        |figures: Figures| -> Vec<Group> { figures.lines.into_iter().map(|line| (line.key, line.totals)).collect() };
    let lost_records = before.lost_records.saturating_add(now.lost_records);
    let (total_before, total_now) = (before.total, now.total);
    let mut movers = movers(groups(before), groups(now), measure);
    let omitted = movers.len().saturating_sub(most) as u64;
    movers.truncate(most);
    let mut names = Names::below(scope.root);
    for mover in &mut movers {
        (mover.key, mover.names) = names.of(connection, by, std::mem::take(&mut mover.key))?;
    }
    Ok(Movers {
        since_ms: span.since_ms,
        until_ms: span.until_ms,
        before_since_ms: span.before_since_ms,
        before_until_ms: span.before_until_ms,
        time_zone: asked.zone.name().to_owned(),
        by: by.to_vec(),
        measure,
        movers,
        omitted,
        change: signed(measure.of(&total_now), measure.of(&total_before)),
        change_per_mille: share(measure.of(&total_now), measure.of(&total_before)),
        before: total_before,
        now: total_now,
        lost_records,
    })
}

/// Every group of either span with a change of `measure`, the greatest change first.
fn movers(before: Vec<Group>, now: Vec<Group>, measure: Measure) -> Vec<Mover> {
    let mut known: HashMap<Vec<Option<String>>, Totals> = before.into_iter().collect();
    let mover = |key, before: Totals, now: Totals| Mover {
        key,
        names: Vec::new(),
        change: signed(measure.of(&now), measure.of(&before)),
        change_per_mille: share(measure.of(&now), measure.of(&before)),
        before,
        now,
    };
    let mut movers: Vec<Mover> = now
        .into_iter()
        .map(|(key, now)| {
            let before = known.remove(&key).unwrap_or_default();
            mover(key, before, now)
        })
        .collect();
    movers.extend(known.into_iter().map(|(key, before)| mover(key, before, Totals::default())));
    movers.retain(|mover| mover.change != 0);
    movers.sort_by(|a, b| b.change.unsigned_abs().cmp(&a.change.unsigned_abs()).then_with(|| a.key.cmp(&b.key)));
    movers
}

/// `now - before`.
fn signed(now: u64, before: u64) -> i64 {
    let change = i128::from(now) - i128::from(before);
    i64::try_from(change).unwrap_or(if change < 0 { i64::MIN } else { i64::MAX })
}

/// The change in thousandths of what there was; none where there was nothing.
fn share(now: u64, before: u64) -> Option<i64> {
    let change = (i128::from(now) - i128::from(before)) * 1_000;
    change.checked_div(i128::from(before)).map(|share| i64::try_from(share).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, cost_nanos: u64) -> Group {
        (vec![Some(name.to_owned())], Totals { cost_nanos, ..Totals::default() })
    }

    #[test]
    fn the_greatest_change_comes_first_whether_up_or_down() {
        let before = vec![group("steady", 5), group("gone", 70), group("less", 100), group("more", 1)];
        let now = vec![group("more", 31), group("new", 40), group("less", 80), group("steady", 5)];
        let told: Vec<(String, i64, Option<i64>)> = movers(before, now, Measure::Cost)
            .into_iter()
            .map(|mover| (mover.key[0].clone().unwrap(), mover.change, mover.change_per_mille))
            .collect();
        let expected = [
            ("gone".to_owned(), -70, Some(-1_000)),
            ("new".to_owned(), 40, None),
            ("more".to_owned(), 30, Some(30_000)),
            ("less".to_owned(), -20, Some(-200)),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn changes_add_up_and_overflow_nothing() {
        let all = movers(vec![group("a", u64::MAX)], vec![group("b", u64::MAX)], Measure::Cost);
        assert_eq!(all.iter().map(|mover| mover.change).collect::<Vec<_>>(), [i64::MIN, i64::MAX]);
        assert_eq!((share(u64::MAX, 1), share(0, 0), share(0, 3)), (Some(i64::MAX), None, Some(-1_000)));
    }
}
