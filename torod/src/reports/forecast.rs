//! What this month comes to: the days that are over, what is left of it, and the outlook made of both.

use tokenrouter_shared::figures::{StepUnit, Totals};
use tokenrouter_shared::limits::Period;
use tokenrouter_shared::report::{Forecast, Measure};

use super::ReportError;
use super::asked::{Asked, Scope, stretches};
use super::outlook::{Day, LOOK_BACK, MILLION, Rest, outlook};
use crate::calendar::{Calendar, Zone};
use crate::store::Connection;
use crate::store::figures::{Question, figures};

/// More days than any month has.
const MOST_DAYS: usize = 40;

/// What the month of `now_ms` comes to, by the clocks of the zone that was asked for.
pub fn report(connection: &Connection, asked: &Asked, scope: &Scope, now_ms: i64) -> Result<Forecast, ReportError> {
    let zone = &asked.zone;
    let month = Calendar::of(Period::Month, zone.clone());
    let day = Calendar::of(Period::Day, zone.clone());
    let (since_ms, until_ms) = month.around(now_ms);
    let until_now = now_ms.saturating_add(1);
    let (today_ms, _) = day.around(now_ms);
    let mut back_ms = today_ms;
    for _ in 0..LOOK_BACK {
        back_ms = day.before(back_ms).0.max(0);
    }
    let month_so_far = figures(connection, &scope.question(since_ms, until_now))?;
    let by_day = Question { step: Some(stretches(StepUnit::Day, zone)), ..scope.question(back_ms, today_ms) };
    let days = figures(connection, &by_day)?.lines;
    // Days before the first use of all tell nothing.
    let is_known = |until_ms: i64| -> Result<bool, ReportError> {
        Ok(figures(connection, &scope.question(0, until_ms))?.total.attempts > 0)
    };
    let first = if is_known(back_ms)? {
        0
    } else {
        days.iter().position(|line| line.totals.attempts > 0).unwrap_or(days.len())
    };
    let days: Vec<(usize, Totals)> =
        days.iter().skip(first).map(|line| (weekday(zone, line.at_ms), line.totals)).collect();
    let rest = rest(&day, zone, now_ms, until_ms);
    let of = |measure: Measure| {
        let days: Vec<Day> =
            days.iter().map(|(weekday, totals)| Day { weekday: *weekday, amount: measure.of(totals) }).collect();
        outlook(&days, &rest, measure.of(&month_so_far.total))
    };
    let (last_since_ms, last_until_ms) = month.before(since_ms);
    let last_month_nanos = if is_known(last_since_ms)? {
        Some(figures(connection, &scope.question(last_since_ms, last_until_ms))?.total.cost_nanos)
    } else {
        None
    };
    Ok(Forecast {
        since_ms,
        until_ms,
        now_ms,
        time_zone: zone.name().to_owned(),
        cost: of(Measure::Cost),
        tokens: of(Measure::Tokens),
        requests: of(Measure::Requests),
        total: month_so_far.total,
        last_month_nanos,
        lost_records: month_so_far.lost_records,
    })
}

fn weekday(zone: &Zone, at_ms: Option<i64>) -> usize {
    let weekday = zone.shown(at_ms.unwrap_or(0)).date().weekday();
    usize::try_from(weekday.to_monday_zero_offset()).unwrap_or(0)
}

/// What is left of the month: the rest of today, and every day behind it.
fn rest(day: &Calendar, zone: &Zone, now_ms: i64, until_ms: i64) -> Rest {
    let mut rest = Rest::default();
    let mut at = now_ms;
    for _ in 0..MOST_DAYS {
        let (begins, ends) = day.around(at);
        let left = i128::from(ends.saturating_sub(at)) * i128::from(MILLION);
        let part = left.checked_div(i128::from(ends.saturating_sub(begins))).unwrap_or(0);
        if let Some(parts) = rest.weekdays.get_mut(weekday(zone, Some(begins))) {
            *parts = parts.saturating_add(u64::try_from(part).unwrap_or(0));
        }
        if ends >= until_ms {
            break;
        }
        at = ends;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
    }

    #[test]
    fn what_is_left_of_a_month_is_counted_by_weekdays() {
        let of = |zone: &str, now: &str| {
            let zone = Zone::named(zone).unwrap();
            let (day, month) = (Calendar::of(Period::Day, zone.clone()), Calendar::of(Period::Month, zone.clone()));
            rest(&day, &zone, ms(now), month.around(ms(now)).1).weekdays
        };
        // The last day of a month, at six in the evening: a quarter of a Monday.
        assert_eq!(of("UTC", "2026-11-30T18:00:00Z"), [250_000, 0, 0, 0, 0, 0, 0]);
        // From the first moment on, all of it.
        assert_eq!(of("UTC", "2026-11-01T00:00:00Z").iter().sum::<u64>(), 30 * MILLION);
        assert_eq!(of("UTC", "2026-11-01T00:00:00Z")[6], 5 * MILLION);
        // A day of 25 hours is one day.
        let berlin = of("Europe/Berlin", "2026-10-25T00:00:00+02:00");
        assert_eq!(berlin, [MILLION, MILLION, MILLION, MILLION, MILLION, MILLION, MILLION]);
        assert_eq!(of("Europe/Berlin", "2026-10-25T11:30:00+01:00")[6], MILLION / 2);
    }
}
