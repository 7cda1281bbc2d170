//! Moments by this machine's clocks: days and months as its owner counts them.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};

use super::words::span;

/// By whose clocks days are told here. Its name is one that the gateway knows too.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// This machine's; where it has none with a name, UTC.
    pub fn here() -> Self {
        let here = TimeZone::try_system().unwrap_or(TimeZone::UTC);
        Self(if here.iana_name().is_some() { here } else { TimeZone::UTC })
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        TimeZone::get(name).ok().filter(|zone| zone.iana_name().is_some()).map(Self)
    }

    /// Its name: `Europe/Berlin`, `UTC`.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    fn at(&self, ms: i64) -> Option<Zoned> {
        Some(Timestamp::from_millisecond(ms).ok()?.to_zoned(self.0.clone()))
    }

    /// `2026-11-21 14:05`.
    pub fn minute(&self, ms: i64) -> String {
        self.at(ms).map_or_else(|| "?".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M").to_string())
    }

    /// `2026-11-21 14:05 (3 h ago)`.
    pub fn moment(&self, ms: i64, now_ms: i64) -> String {
        format!("{} ({})", self.minute(ms), distance(ms, now_ms))
    }

    /// When the day began that `ms` lies in, and `back` days before it.
    pub fn day(&self, ms: i64, back: i64) -> Option<i64> {
        self.begins(self.at(ms)?.date().checked_sub(back.days()).ok()?)
    }

    /// When the week began that `ms` lies in: on Monday.
    pub fn week(&self, ms: i64) -> Option<i64> {
        let today = self.at(ms)?.date();
        self.begins(today.checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days()).ok()?)
    }

    /// When the month began that `ms` lies in.
    pub fn month(&self, ms: i64) -> Option<i64> {
        self.begins(self.at(ms)?.date().first_of_month())
    }

    fn begins(&self, date: Date) -> Option<i64> {
        Some(date.to_zoned(self.0.clone()).ok()?.timestamp().as_millisecond())
    }

    /// A moment as people type it: `2026-11-01`, `2026-11-01T14:05`, with a time zone of its own, or so long ago as `36h`
    /// and `7d`. `is_end`: a day means its end.
    pub fn read(&self, text: &str, now_ms: i64, is_end: bool) -> Option<i64> {
        let text = text.trim();
        if let Ok(ago) = crate::run::wanted::ttl_ms(text) {
            return now_ms.checked_sub(ago);
        }
        if let Ok(at) = text.parse::<Timestamp>() {
            return Some(at.as_millisecond());
        }
        if text.len() <= "2026-11-01".len() {
            let date: Date = text.parse().ok()?;
            return self.begins(if is_end { date.tomorrow().ok()? } else { date });
        }
        let time: DateTime = text.replace(' ', "T").parse().ok()?;
        Some(time.to_zoned(self.0.clone()).ok()?.timestamp().as_millisecond())
    }
}

/// `3 h ago`, `in 2 days`.
pub fn distance(ms: i64, now_ms: i64) -> String {
    if ms > now_ms { format!("in {}", span(ms.abs_diff(now_ms))) } else { format!("{} ago", span(ms.abs_diff(now_ms))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sunday, 2026-03-29 12:00 in Berlin, where clocks were turned that morning.
    const NOON: i64 = 1_774_778_400_000;

    #[test]
    fn days_are_those_of_the_zone_also_where_clocks_are_turned() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        assert_eq!(berlin.minute(NOON), "2026-03-29 12:00");
        let told = [berlin.day(NOON, 0), berlin.day(NOON, 1), berlin.week(NOON), berlin.month(NOON)];
        let expected = ["2026-03-29 00:00", "2026-03-28 00:00", "2026-03-23 00:00", "2026-03-01 00:00"];
        assert_eq!(told.map(|ms| berlin.minute(ms.unwrap())), expected);
        assert_eq!(NOON - berlin.day(NOON, 0).unwrap(), 11 * 3_600_000);
        assert!(Zone::named("Nowhere/Town").is_none());
    }

    #[test]
    fn moments_are_read_as_people_type_them() {
        let utc = Zone::named("UTC").unwrap();
        let read = |text: &str, is_end| utc.read(text, NOON, is_end).map(|ms| utc.minute(ms));
        assert_eq!(read("2026-03-01", false).as_deref(), Some("2026-03-01 00:00"));
        assert_eq!(read("2026-03-01", true).as_deref(), Some("2026-03-02 00:00"));
        assert_eq!(read("2026-03-01T07:30", true).as_deref(), Some("2026-03-01 07:30"));
        assert_eq!(read("2026-03-01 07:30", false).as_deref(), Some("2026-03-01 07:30"));
        assert_eq!(read("2026-03-01T07:30:00+02:00", false).as_deref(), Some("2026-03-01 05:30"));
        assert_eq!(read("36h", false).as_deref(), Some("2026-03-27 22:00"));
        for text in ["", "yesterday", "2026-02-30", "2026-13-01", "7", "-3d", "2026-03-01T25:00", "99999999999999d"] {
            assert_eq!(read(text, false), None, "{text}");
        }
    }
}
