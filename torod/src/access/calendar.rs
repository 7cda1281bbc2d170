//! Hours, days, weeks and months of a time zone, as stretches of milliseconds since 1970.

use chrono::offset::LocalResult;
use chrono::{DateTime, Datelike, Days, Duration, Months, NaiveDate, NaiveTime, Offset, TimeZone};
use chrono_tz::Tz;
use tokenrouter_shared::limits::Period;

/// An hour in milliseconds.
const HOUR_MS: i64 = 3_600_000;
/// A day that a zone left out as a whole, and then some, in quarters of an hour.
const LONGEST_GAP: i32 = 30 * 4;

/// One kind of stretch in one time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calendar {
    period: Period,
    zone: Tz,
}

impl Calendar {
    /// The stretch `period` by the clocks of `zone`, a name of the IANA database; none where nobody knows the name.
    pub fn new(period: Period, zone: &str) -> Option<Self> {
        Some(Self { period, zone: zone.parse().ok()? })
    }

    /// The stretch that `now_ms` lies in: its first millisecond, and the first of the next one.
    pub fn around(&self, now_ms: i64) -> (i64, i64) {
        // Beyond chrono's calendar nothing begins any more.
        self.find(now_ms).map_or((0, i64::MAX), |(start, end)| (start.min(now_ms), end.max(now_ms.saturating_add(1))))
    }

    fn find(self, now_ms: i64) -> Option<(i64, i64)> {
        let local = DateTime::from_timestamp_millis(now_ms)?.with_timezone(&self.zone);
        let date = local.date_naive();
        let (first, next) = match self.period {
            Period::Hour => {
                // By the offset in force, so that an hour which a zone has twice is two hours.
                let offset_ms = i64::from(local.offset().fix().local_minus_utc()) * 1_000;
                let start = now_ms.checked_sub(now_ms.checked_add(offset_ms)?.rem_euclid(HOUR_MS))?;
                return Some((start, start.checked_add(HOUR_MS)?));
            }
            Period::Day => (date, date.checked_add_days(Days::new(1))?),
            Period::Week => {
                let monday = date.checked_sub_days(Days::new(date.weekday().num_days_from_monday().into()))?;
                (monday, monday.checked_add_days(Days::new(7))?)
            }
            Period::Month => {
                let first = date.with_day(1)?;
                (first, first.checked_add_months(Months::new(1))?)
            }
        };
        Some((self.begins_ms(first)?, self.begins_ms(next)?))
    }

    /// When `date` begins: at midnight, or with the first time of day that the zone has of it.
    fn begins_ms(self, date: NaiveDate) -> Option<i64> {
        let midnight = date.and_time(NaiveTime::MIN);
        (0..LONGEST_GAP).find_map(|quarters| {
            let time = midnight.checked_add_signed(Duration::minutes(15 * i64::from(quarters)))?;
            match self.zone.from_local_datetime(&time) {
                LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.timestamp_millis()),
                LocalResult::None => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
    }

    fn around(period: Period, zone: &str, now: &str) -> (i64, i64) {
        Calendar::new(period, zone).unwrap().around(ms(now))
    }

    #[test]
    fn days_weeks_and_months_follow_the_zones_clocks() {
        use Period::{Day, Month, Week};
        for (period, zone, now, start, end) in [
            // Clocks are turned: 23 and 25 hours.
            (Day, "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
            (Day, "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"),
            (Day, "UTC", "2026-03-29T23:59:59.999Z", "2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z"),
            // No midnight on that day in Beirut, two in Havana.
            (Day, "Asia/Beirut", "2021-03-28T12:00:00Z", "2021-03-28T01:00:00+03:00", "2021-03-29T00:00:00+03:00"),
            (Day, "America/Havana", "2026-11-01T05:30:00Z", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"),
            // Samoa had no 30 December 2011 at all.
            (Day, "Pacific/Apia", "2011-12-30T09:00:00Z", "2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00"),
            (
                Week,
                "America/New_York",
                "2026-11-22T23:00:00Z",
                "2026-11-16T00:00:00-05:00",
                "2026-11-23T00:00:00-05:00",
            ),
            (Week, "UTC", "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"),
            (Month, "UTC", "2028-02-29T23:59:59Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
            (Month, "Asia/Kathmandu", "2026-01-31T18:15:00Z", "2026-02-01T00:00:00+05:45", "2026-03-01T00:00:00+05:45"),
            (Month, "UTC", "2026-12-31T00:00:00Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ] {
            assert_eq!(around(period, zone, now), (ms(start), ms(end)), "{period:?} {zone} {now}");
        }
    }

    #[test]
    fn an_hour_that_comes_twice_is_two_hours() {
        let first = around(Period::Hour, "Europe/Berlin", "2026-10-25T02:30:00+02:00");
        let second = around(Period::Hour, "Europe/Berlin", "2026-10-25T02:30:00+01:00");
        assert_eq!((first.1, second.1 - second.0), (second.0, HOUR_MS));
        let half = around(Period::Hour, "Asia/Kolkata", "2026-01-01T00:40:00Z");
        assert_eq!(half.0, ms("2026-01-01T00:30:00Z"));
    }

    #[test]
    fn a_zone_that_nobody_knows_is_none() {
        for zone in ["", "Europe/Atlantis", "../etc/passwd", "utc\n"] {
            assert_eq!(Calendar::new(Period::Day, zone), None, "{zone:?}");
        }
        assert_eq!(Calendar::new(Period::Day, "UTC").unwrap().around(i64::MAX), (0, i64::MAX));
    }

    proptest! {
        #[test]
        fn stretches_follow_one_another_without_a_gap(
            now in 0_i64..4_102_444_800_000, period in 0..4_usize,
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "America/Sao_Paulo"]),
        ) {
            let calendar = Calendar::new(Period::ALL[period], zone).unwrap();
            let (start, end) = calendar.around(now);
            prop_assert!(start <= now && now < end);
            prop_assert_eq!(calendar.around(start).0, start);
            prop_assert_eq!(calendar.around(end - 1), (start, end));
            prop_assert_eq!(calendar.around(end).0, end);
        }
    }
}
