//! The stretches of time that lines are told apart by.

use tokenrouter_shared::figures::StepUnit;
use tokenrouter_shared::limits::Period;

use crate::calendar::Calendar;
use crate::store::StoreError;

/// Stretches of time by the clocks of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// How long they are.
    pub unit: StepUnit,
    /// A name of the IANA database; it matters from hours on.
    pub zone: String,
}

/// So many stretches one answer tells apart: five weeks by five minutes, a year by hours.
pub const MOST_STEPS: usize = 10_000;

/// Five minutes in milliseconds.
pub(in crate::store) const SHORTEST_MS: i64 = 300_000;

/// Where stretches begin, ascending, with the end of the last one; a span without stretches is one of its own.
pub(super) struct Steps {
    bounds: Vec<i64>,
    /// The stretch that was found last: times come nearly in order.
    last: usize,
}

impl Steps {
    /// The stretches of a span.
    pub(super) fn new(step: Option<&Step>, since_ms: i64, until_ms: i64) -> Result<Self, StoreError> {
        let Some(step) = step else { return Ok(Self { bounds: vec![since_ms, until_ms], last: 0 }) };
        let period = match step.unit {
            StepUnit::FiveMinutes => None,
            StepUnit::Hour => Some(Period::Hour),
            StepUnit::Day => Some(Period::Day),
            StepUnit::Week => Some(Period::Week),
            StepUnit::Month => Some(Period::Month),
        };
        let unknown = || StoreError::Refused(format!("`{}` is no time zone of the IANA database", step.zone));
        let calendar = period.map(|period| Calendar::new(period, &step.zone).ok_or_else(unknown)).transpose()?;
        let around = |at: i64| match &calendar {
            Some(calendar) => calendar.around(at),
            None => (at - at.rem_euclid(SHORTEST_MS), at - at.rem_euclid(SHORTEST_MS) + SHORTEST_MS),
        };
        let mut bounds = Vec::new();
        let mut at = since_ms;
        while at < until_ms {
            if bounds.len() > MOST_STEPS {
                return Err(StoreError::Refused(format!(
                    "more than {MOST_STEPS} stretches of time: ask for longer ones, or for a shorter span"
                )));
            }
            let (begin, end) = around(at);
            if bounds.is_empty() {
                bounds.push(begin);
            }
            bounds.push(end);
            at = end;
        }
        Ok(Self { bounds, last: 0 })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.bounds.len().saturating_sub(1)
    }

    /// When a stretch begins.
    pub(super) fn begins_ms(&self, step: usize) -> i64 {
        self.bounds.get(step).copied().unwrap_or(0)
    }

    /// The stretch that a time lies in.
    pub(super) fn find(&mut self, at_ms: i64) -> u32 {
        let holds = |step: usize| {
            self.bounds.get(step).is_some_and(|from| *from <= at_ms)
                && self.bounds.get(step + 1).is_some_and(|until| at_ms < *until)
        };
        if !holds(self.last) {
            let after = self.bounds.partition_point(|bound| *bound <= at_ms);
            self.last = after.saturating_sub(1).min(self.len().saturating_sub(1));
        }
        u32::try_from(self.last).unwrap_or(u32::MAX)
    }

    /// Whether every stretch begins at a whole multiple of `unit_ms`.
    pub(super) fn are_multiples(&self, unit_ms: i64) -> bool {
        // The outer bounds may be those of the span itself, which is cut out anyhow.
        self.bounds.len() <= 2 || self.bounds.iter().all(|bound| bound.rem_euclid(unit_ms) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;

    fn steps(unit: StepUnit, zone: &str, since_ms: i64, until_ms: i64) -> Result<Steps, StoreError> {
        Steps::new(Some(&Step { unit, zone: zone.into() }), since_ms, until_ms)
    }

    #[test]
    fn days_are_those_of_the_zone_also_when_clocks_are_turned() {
        // 2026-10-25 has 25 hours in Berlin: 2026-10-24T22:00Z to 2026-10-25T23:00Z.
        let start = 1_792_879_200_000;
        let mut found = steps(StepUnit::Day, "Europe/Berlin", start + 5, start + 2 * DAY_MS).unwrap();
        assert_eq!((found.len(), found.begins_ms(0), found.begins_ms(1)), (2, start, start + 25 * 3_600_000));
        assert_eq!(
            (found.find(start + 5), found.find(start + DAY_MS), found.find(start + DAY_MS + 3_600_000)),
            (0, 0, 1)
        );
        assert!(found.are_multiples(3_600_000) && !found.are_multiples(DAY_MS));
        let utc = steps(StepUnit::Day, "UTC", 0, 3 * DAY_MS).unwrap();
        assert!(utc.are_multiples(DAY_MS) && utc.len() == 3);
        let india = steps(StepUnit::Hour, "Asia/Kolkata", DAY_MS, 2 * DAY_MS).unwrap();
        assert!(!india.are_multiples(3_600_000) && india.are_multiples(SHORTEST_MS));
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused_with_a_sentence() {
        let told = steps(StepUnit::Day, "Berlin", 0, 1).map(|_| ()).unwrap_err().to_string();
        assert!(told.contains("`Berlin` is no time zone"), "{told}");
        let told = steps(StepUnit::FiveMinutes, "UTC", 0, 100 * DAY_MS).map(|_| ()).unwrap_err().to_string();
        assert!(told.contains("10000 stretches"), "{told}");
        assert_eq!(steps(StepUnit::Hour, "UTC", 5, 5).unwrap().len(), 0);
    }
}
