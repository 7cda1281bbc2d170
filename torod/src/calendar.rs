//! Hours, days, weeks and months of a time zone, as stretches of milliseconds since 1970.

use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use tokenrouter_shared::limits::Period;

/// An hour in milliseconds.
const HOUR_MS: i64 = 3_600_000;
/// A day of the calendar, however many hours it has.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How often clocks may be turned around one midnight.
const MOST_TURNS: usize = 8;

/// A time zone of the IANA database. The database is that of this binary, never the machine's, so that the same gateway
/// tells the same days everywhere, be it in a container that has none. A zone is read once and then shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone of this name, to the letter; none where nobody knows it.
    pub fn named(name: &str) -> Option<Self> {
        let zone = TimeZoneDatabase::bundled().get(name).ok()?;
        // The database does not mind the case. Two spellings would be two windows.
        (zone.iana_name() == Some(name)).then_some(Self(zone))
    }

    /// How far the zone's clocks are ahead of UTC at `at_ms` milliseconds since 1970, in seconds.
    pub fn offset_s(&self, at_ms: i64) -> Option<i32> {
        Some(self.0.to_offset(Timestamp::from_millisecond(at_ms).ok()?).seconds())
    }

    /// The hour that `now_ms` lies in, by the offset in force: one that a zone has twice is two hours, and one in the midst
    /// of which its clocks are turned ends there.
    fn hour(&self, now_ms: i64) -> Option<(i64, i64)> {
        let offset_s = self.offset_s(now_ms)?;
        let start = now_ms.checked_sub(now_ms.checked_add(i64::from(offset_s) * 1_000)?.rem_euclid(HOUR_MS))?;
        let end = start.checked_add(HOUR_MS)?;
        let now = Timestamp::from_millisecond(now_ms).ok()?;
        let until_now = Timestamp::from_millisecond(now_ms.checked_add(1)?).ok()?;
        // There are also turns at which only the name of the offset changes.
        let turned = |at: &i64| self.offset_s(*at) != self.offset_s(at.saturating_sub(1));
        let last = self.0.preceding(until_now).next().map(|turn| turn.timestamp().as_millisecond());
        let next = self.0.following(now).next().map(|turn| turn.timestamp().as_millisecond());
        Some((last.filter(turned).map_or(start, |at| at.max(start)), next.filter(turned).map_or(end, |at| at.min(end))))
    }

    /// When `date` begins: with the first moment at which the zone's clocks show it or a later one.
    fn begins_ms(&self, date: Date) -> Option<i64> {
        let midnight = date.to_datetime(Time::midnight());
        let at = match self.0.to_ambiguous_timestamp(midnight).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                offset.to_timestamp(midnight).ok()?
            }
            // Clocks are turned past midnight; by those of afterwards, midnight was before that.
            AmbiguousOffset::Gap { after, .. } => {
                let turns = self.0.following(after.to_timestamp(midnight).ok()?).take(MOST_TURNS);
                turns.map(|turn| turn.timestamp()).find(|at| self.0.to_datetime(*at).date() >= date)?
            }
        };
        Some(at.as_millisecond())
    }
}

/// One kind of stretch in one time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    period: Period,
    zone: Zone,
}

impl Calendar {
    /// The stretch `period` by the clocks of `zone`, a name of the IANA database; none where nobody knows the name.
    pub fn new(period: Period, zone: &str) -> Option<Self> {
        Some(Self { period, zone: Zone::named(zone)? })
    }

    /// The stretch that `now_ms` lies in: its first millisecond, and the first of the next one.
    pub fn around(&self, now_ms: i64) -> (i64, i64) {
        // Beyond the calendar's last year nothing begins any more.
        self.find(now_ms).unwrap_or((0, i64::MAX))
    }

    fn find(&self, now_ms: i64) -> Option<(i64, i64)> {
        if self.period == Period::Hour {
            return self.zone.hour(now_ms);
        }
        let today = self.zone.0.to_datetime(Timestamp::from_millisecond(now_ms).ok()?).date();
        let mut first = self.first(today)?;
        let mut start = self.zone.begins_ms(first)?;
        loop {
            let next = self.next(first)?;
            let end = self.zone.begins_ms(next)?;
            if now_ms < end {
                return Some((start, end));
            }
            // Clocks were turned back past midnight and show the day before once more. What has begun goes on.
            (first, start) = (next, end);
        }
    }

    /// The first day of the stretch that `date` lies in.
    fn first(&self, date: Date) -> Option<Date> {
        match self.period {
            Period::Hour | Period::Day => Some(date),
            Period::Week => date.checked_sub(DAY * date.weekday().to_monday_zero_offset().into()).ok(),
            Period::Month => Some(date.first_of_month()),
        }
    }

    /// The first day of the stretch after that which begins with `first`.
    fn next(&self, first: Date) -> Option<Date> {
        match self.period {
            Period::Hour | Period::Day => first.tomorrow().ok(),
            Period::Week => first.checked_add(DAY * 7).ok(),
            Period::Month => first.last_of_month().tomorrow().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Datelike, NaiveDate};
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
        // Lord Howe turns its clocks by half an hour, St. John's turned them a minute past midnight.
        let howe = |now| around(Period::Hour, "Australia/Lord_Howe", now);
        let turn = ms("2026-10-03T15:30:00Z");
        assert_eq!(howe("2026-10-03T15:29:59.999Z"), (turn - HOUR_MS, turn));
        assert_eq!(howe("2026-10-03T15:30:00Z"), (turn, turn + HOUR_MS / 2));
    }

    #[test]
    fn a_day_that_has_begun_goes_on_when_its_midnight_comes_again() {
        // 00:01 became 23:01 of the day before.
        let (begins, ends) = (ms("2006-10-29T00:00:00-02:30"), ms("2006-10-30T00:00:00-03:30"));
        for now in ["2006-10-29T00:00:30-02:30", "2006-10-28T23:30:00-03:30", "2006-10-29T00:00:00-03:30"] {
            assert_eq!(around(Period::Day, "America/St_Johns", now), (begins, ends), "{now}");
        }
        assert_eq!(around(Period::Day, "America/St_Johns", "2006-10-28T23:59:59-02:30").1, begins);
    }

    #[test]
    fn a_zone_that_nobody_knows_is_none() {
        for zone in [
            "",
            "Europe/Atlantis",
            "../etc/passwd",
            "utc\n",
            "utc",
            "europe/berlin",
            "Etc/Unknown",
            "EST5EDT,M3.2.0,M11.1.0",
        ] {
            assert_eq!(Calendar::new(Period::Day, zone), None, "{zone:?}");
        }
        assert_eq!(Calendar::new(Period::Day, "UTC").unwrap().around(i64::MAX), (0, i64::MAX));
    }

    /// Every name of the database.
    fn any_zone() -> impl Strategy<Value = String> {
        let names: Vec<String> = TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect();
        assert!(names.len() > 500, "{}", names.len());
        prop::sample::select(names)
    }

    /// The number of the day, week or month that a zone's clocks show, by their offset and our own calendar alone.
    fn shown(zone: &Zone, period: Period, at_ms: i64) -> i64 {
        let local_s = at_ms.div_euclid(1_000) + i64::from(zone.offset_s(at_ms).unwrap());
        let day = local_s.div_euclid(86_400);
        let date = NaiveDate::from_epoch_days(i32::try_from(day).unwrap()).unwrap();
        match period {
            // 1970 began on a Thursday.
            Period::Week => (day + 3).div_euclid(7),
            Period::Month => i64::from(date.year()) * 12 + i64::from(date.month0()),
            Period::Day | Period::Hour => day,
        }
    }

    proptest! {
        #[test]
        fn stretches_follow_one_another_without_a_gap(
            now in 0_i64..4_102_444_800_000, period in 0..4_usize, zone in any_zone(),
        ) {
            let calendar = Calendar::new(Period::ALL[period], &zone).unwrap();
            let (start, end) = calendar.around(now);
            prop_assert!(start <= now && now < end);
            prop_assert_eq!(calendar.around(start), (start, end));
            prop_assert_eq!(calendar.around(end - 1), (start, end));
            prop_assert_eq!(calendar.around(end).0, end);
            prop_assert_eq!(calendar.around(start - 1).1, start);
        }

        /// Steps through the moments around both ends and looks at the clocks.
        #[test]
        fn a_stretch_is_what_the_clocks_show(
            now in 0_i64..4_102_444_800_000, period in 1..4_usize, zone in any_zone(),
        ) {
            const MOST_MS: i64 = 27 * HOUR_MS;
            let (period, zone_name) = (Period::ALL[period], zone);
            let calendar = Calendar::new(period, &zone_name).unwrap();
            let (start, end) = calendar.around(now);
            let number = |at_ms: i64| shown(&calendar.zone, period, at_ms);
            let this = number(start);
            prop_assert!(this >= number(now));
            prop_assert!(number(start - 1) < this && number(end - 1) <= this && number(end) > this);
            for at in (start - MOST_MS..start).step_by(30_000) {
                prop_assert!(number(at) < this, "{at} before {start}");
            }
            for at in (start.max(end - MOST_MS)..end).step_by(30_000).chain((start..end).step_by(4_000_000)) {
                prop_assert!(number(at) <= this, "{at} before {end}");
            }
        }
    }

    /// The same around every turn of every zone's clocks, where chance seldom gets.
    #[test]
    fn stretches_hold_wherever_clocks_are_turned() {
        let mut turns = 0;
        for name in TimeZoneDatabase::bundled().available() {
            let zone = Zone::named(name.as_str()).unwrap();
            let until = Timestamp::from_second(2_100_000_000).unwrap();
            let of_zone: Vec<i64> = zone.0.preceding(until).map(|turn| turn.timestamp().as_millisecond()).collect();
            for turn in of_zone.into_iter().filter(|turn| *turn > 0) {
                turns += 1;
                for period in Period::ALL {
                    let calendar = Calendar { period, zone: zone.clone() };
                    for now in [turn - 1, turn, turn + 1_800_000] {
                        let (start, end) = calendar.around(now);
                        assert!(start <= now && now < end, "{name:?} {period:?} {now}");
                        assert_eq!(calendar.around(end - 1), (start, end), "{name:?} {period:?} {now}");
                        assert_eq!(calendar.around(end).0, end, "{name:?} {period:?} {now}");
                        if period == Period::Hour {
                            continue;
                        }
                        let number = |at_ms: i64| shown(&zone, period, at_ms);
                        let this = number(start);
                        assert!(number(start - 1) < this && number(now) <= this, "{name:?} {period:?} {now}");
                        assert!(number(end - 1) <= this && number(end) > this, "{name:?} {period:?} {now}");
                    }
                }
            }
        }
        assert!(turns > 10_000, "{turns}");
    }
}
