//! Holds a provider's bill against what is written down here, day by day and model by model, and says what may be the reason
//! where they differ.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde::Serialize;
use tokenrouter_shared::money::dollars;
pub use tokenrouter_shared::reconcile::ReconciledLine as Line;

use super::bill::{Bill, Theirs, model, span};
use crate::store::drift::{self, Ours};
use crate::store::{Connection, StoreError};

const DAY_MS: i64 = 86_400_000;

/// How far both sides are apart.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Drift {
    /// Whose bill it is.
    pub provider: String,
    /// Every model on every day of the bill.
    pub lines: Vec<Line>,
    /// The sum of all differences, each by its size, in millionths of what they say: of the cost, or of the tokens where
    /// they say no cost.
    pub drift_millionths: u64,
}

/// What is written down here of one model on one day.
#[derive(Clone, Debug, Default)]
struct Sum {
    calls: u64,
    tokens: u64,
    estimated: u64,
    nanos: u64,
    unpriced_nanos: u64,
    assumed_nanos: u64,
    told_nanos: u64,
    versions: String,
}

impl Sum {
    fn add(&mut self, ours: &Ours) {
        self.calls += ours.calls;
        self.tokens = ours.tokens.iter().fold(self.tokens, |sum, tokens| sum.saturating_add(*tokens));
        self.estimated = self.estimated.saturating_add(ours.estimated);
        self.nanos = self.nanos.saturating_add(ours.nanos);
        self.unpriced_nanos = self.unpriced_nanos.saturating_add(ours.unpriced_nanos);
        self.assumed_nanos = self.assumed_nanos.saturating_add(ours.assumed_nanos);
        self.told_nanos = self.told_nanos.saturating_add(ours.told_nanos);
        if self.versions.is_empty() {
            self.versions.clone_from(&ours.versions);
        }
    }
}

/// Compares `bill` with the rows of `provider`.
pub fn compare(connection: &Connection, provider: &str, bill: &Bill) -> Result<Drift, StoreError> {
    let Some((first, last)) = span(bill) else { return Ok(Drift::default()) };
    let mut sums: BTreeMap<(i64, String), Sum> = BTreeMap::new();
    let (since_ms, until_ms) = (first * DAY_MS, (last + 1) * DAY_MS);
    for ours in drift::of_provider(connection, provider, since_ms, until_ms)? {
        sums.entry((ours.day, model(&ours.model))).or_default().add(&ours);
    }
    // Rows are kept for a time, sums for ever: of days whose rows are gone, in whole or in part, the sums tell.
    let rows_ms = drift::first_ms(connection)?.unwrap_or(i64::MAX);
    let (whole_ms, mut summed) =
        (until_ms.min(rows_ms.div_euclid(DAY_MS).saturating_add(1).saturating_mul(DAY_MS)), BTreeMap::new());
    if since_ms < whole_ms {
        for ours in drift::of_sums(connection, provider, since_ms, whole_ms)? {
            summed.entry((ours.day, model(&ours.model))).or_insert_with(Sum::default).add(&ours);
        }
    }
    for (key, sum) in summed {
        let rows = sums.entry(key).or_default();
        // Of what is still there as rows, more is known.
        if (rows.tokens, rows.nanos) != (sum.tokens, sum.nanos) {
            *rows = sum;
        }
    }
    let begun_ms = drift::first_known_ms(connection)?;
    let mut keys: Vec<(i64, String)> = bill.lines.keys().chain(sums.keys()).cloned().collect();
    keys.sort();
    keys.dedup();
    let mut told = Drift { provider: provider.to_owned(), ..Drift::default() };
    let mut lost: BTreeMap<i64, u64> = BTreeMap::new();
    let (has_costs, has_tokens) = (
        bill.lines.values().any(|theirs| theirs.nanos.is_some()),
        bill.lines.values().any(|theirs| theirs.tokens.is_some()),
    );
    for key in keys {
        let theirs = bill.lines.get(&key).copied();
        let ours = sums.remove(&key).unwrap_or_default();
        let lost_records = match lost.get(&key.0) {
            Some(records) => *records,
            None => {
                let records = drift::lost_on(connection, key.0)?;
                lost.insert(key.0, records);
                records
            }
        };
        // A model that they do not name was used for nothing, as far as they know.
        let given = theirs.unwrap_or_default();
        let mut line = Line {
            day: DateTime::from_timestamp_millis(key.0 * DAY_MS)
                .map(|at| at.format("%Y-%m-%d").to_string())
                .unwrap_or_default(),
            model: key.1,
            their_calls: given.calls,
            our_calls: ours.calls,
            their_tokens: given.tokens.or((has_tokens && theirs.is_none()).then_some(0)),
            our_tokens: ours.tokens,
            their_nanos: given.nanos.or((has_costs && theirs.is_none()).then_some(0)),
            our_nanos: i64::try_from(ours.nanos).unwrap_or(i64::MAX),
            reasons: Vec::new(),
        };
        if !line.is_same() {
            let is_before = begun_ms.is_none_or(|begun_ms| begun_ms >= (key.0 + 1) * DAY_MS);
            line.reasons = reasons(&line, theirs, &ours, lost_records, is_before);
        }
        told.lines.push(line);
    }
    told.drift_millionths = drift_of(&told.lines);
    Ok(told)
}

/// What may be the reason, the likeliest first.
fn reasons(line: &Line, theirs: Option<Theirs>, ours: &Sum, lost_records: u64, is_before: bool) -> Vec<String> {
    let mut reasons = Vec::new();
    if ours.calls == 0 && is_before {
        return vec!["nothing was written down here yet on that day".to_owned()];
    }
    if ours.calls == 0 {
        reasons.push("calls beside this gateway, or under another provider's name".to_owned());
    }
    if theirs.is_none() {
        reasons.push("not in their export: another key or project, or not billed yet".to_owned());
    }
    if lost_records > 0 {
        reasons.push(format!("{lost_records} records were lost here on that day"));
    }
    if let Some(calls) = line.their_calls.filter(|calls| *calls > line.our_calls && line.our_calls > 0) {
        reasons.push(format!("{} calls beside this gateway", calls - line.our_calls));
    }
    if ours.estimated > 0 && line.tokens().is_none_or(|tokens| tokens != 0) {
        let share = ours.estimated.saturating_mul(100) / ours.tokens.max(1);
        reasons.push(format!("{share} % of our tokens are an estimate: hang-ups, and answers that told no usage"));
    }
    if line.nanos().is_some_and(|nanos| nanos != 0) {
        if ours.unpriced_nanos > 0 {
            let nanos = dollars(ours.unpriced_nanos);
            reasons.push(format!("{nanos} of ours by `[prices] unknown`; `torod usage reprice` may know better"));
        }
        if ours.assumed_nanos > 0 {
            reasons.push(format!("for {} of ours a rate was taken by rule", dollars(ours.assumed_nanos)));
        }
        if ours.told_nanos > 0 {
            reasons.push(format!("their answers themselves told {}", dollars(ours.told_nanos)));
        }
        if line.tokens() == Some(0) && !ours.versions.is_empty() {
            reasons.push(format!("another price than ours ({}): a discount, or a change", ours.versions));
        }
    }
    if reasons.is_empty() {
        reasons.push(match line.tokens().or(line.nanos()) {
            Some(more) if more > 0 => "calls beside this gateway, or fees that are no tokens".to_owned(),
            _ => "a part of the day is missing in their export, or is not billed yet".to_owned(),
        });
    }
    reasons
}

fn drift_of(lines: &[Line]) -> u64 {
    let sum = |of: &dyn Fn(&Line) -> Option<i64>| {
        lines.iter().filter_map(of).fold(0_u128, |sum, more| sum.saturating_add(more.unsigned_abs().into()))
    };
    let has_costs = lines.iter().any(|line| line.their_nanos.is_some());
    let (apart, all) = if has_costs {
        (sum(&Line::nanos), sum(&|line| line.their_nanos))
    } else {
        (sum(&Line::tokens), sum(&|line| i64::try_from(line.their_tokens?).ok()))
    };
    match (apart, all) {
        (0, _) => 0,
        (_, 0) => u64::MAX,
        _ => u64::try_from(apart.saturating_mul(1_000_000).div_ceil(all)).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(theirs: (Option<u64>, Option<i64>), ours: (u64, i64)) -> Line {
        Line {
            day: "2026-11-20".to_owned(),
            model: "m".to_owned(),
            their_calls: None,
            our_calls: 1,
            their_tokens: theirs.0,
            our_tokens: ours.0,
            their_nanos: theirs.1,
            our_nanos: ours.1,
            reasons: Vec::new(),
        }
    }

    #[test]
    fn differences_do_not_make_up_for_each_other() {
        let both = [line((None, Some(100)), (0, 110)), line((None, Some(100)), (0, 90))];
        assert_eq!(drift_of(&both), 100_000);
        assert_eq!(drift_of(&[line((Some(200), None), (199, 7))]), 5_000);
        assert_eq!(drift_of(&[line((None, Some(0)), (0, 5))]), u64::MAX);
        assert_eq!(drift_of(&[line((Some(1), Some(5)), (9, 5))]), 0, "where they tell the cost, the cost counts");
        assert_eq!(drift_of(&[]), 0);
    }

    #[test]
    fn reasons_are_told_where_there_are_any() {
        let unpriced = Sum { calls: 2, tokens: 100, estimated: 50, unpriced_nanos: 10, nanos: 10, ..Sum::default() };
        let told = reasons(&line((Some(120), Some(5)), (100, 10)), Some(Theirs::default()), &unpriced, 3, false);
        for word in ["3 records were lost", "50 % of our tokens", "`[prices] unknown`"] {
            assert!(told.iter().any(|reason| reason.contains(word)), "{word}: {told:?}");
        }
        let nothing = Sum::default();
        let told = reasons(&line((Some(1), None), (0, 0)), Some(Theirs::default()), &nothing, 0, true);
        assert_eq!(told, ["nothing was written down here yet on that day"]);
        let told = reasons(&line((Some(0), Some(0)), (5, 5)), None, &Sum { calls: 1, ..Sum::default() }, 0, false);
        assert!(told[0].starts_with("not in their export"), "{told:?}");
        let priced = Sum { calls: 1, tokens: 5, nanos: 9, versions: "embedded-1".to_owned(), ..Sum::default() };
        let told = reasons(&line((Some(5), Some(8)), (5, 9)), Some(Theirs::default()), &priced, 0, false);
        assert_eq!(told, ["another price than ours (embedded-1): a discount, or a change"]);
    }
}
