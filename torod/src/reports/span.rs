//! Spans of time as people name them: `today`, `last-week`, `36h`, `2026-11-01..2026-11-15`; and what each is held against.

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};
use jiff::civil::{Date, DateTime};
use tokenrouter_shared::limits::Period;

use crate::calendar::{Calendar, Zone};

/// What a span can be, for those who wrote something else.
pub const EXAMPLES: &str =
    "today, yesterday, week, last-week, month, last-month, 24h, 7d, 2026-11-01 or 2026-11-01..2026-11-15";
/// What a moment can be.
pub const MOMENTS: &str = "today, 24h, 7d, 2026-11-01 or 2026-11-01T14:30";

/// A span of time, and the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first millisecond since 1970.
    pub since_ms: i64,
    /// The first millisecond behind it.
    pub until_ms: i64,
    /// What it is held against begins here: for what is still going on, as much of the one before as has passed of this one.
    pub before_since_ms: i64,
    /// That one's end.
    pub before_until_ms: i64,
}

impl Span {
    /// What it is held against, as a span of its own.
    #[must_use]
    pub fn before(&self) -> Self {
        Self::between(self.before_since_ms, self.before_until_ms)
    }

    /// From one moment to before another, against just as long a time before it.
    pub const fn between(since_ms: i64, until_ms: i64) -> Self {
        let length = until_ms.saturating_sub(since_ms);
        let before = since_ms.saturating_sub(length);
        Self { since_ms, until_ms, before_since_ms: if before < 0 { 0 } else { before }, before_until_ms: since_ms }
    }

    /// What `text` names, told at `now_ms` by the clocks of `zone`. None where it names nothing, or nothing that has begun.
    pub fn named(text: &str, zone: &Zone, now_ms: i64) -> Option<Self> {
        let until_now = now_ms.checked_add(1)?;
        let calendar = |period| Calendar::of(period, zone.clone());
        let current = |period| {
            let calendar = calendar(period);
            let (since_ms, _) = calendar.around(now_ms);
            let (before_since_ms, before_end) = calendar.before(since_ms);
            let passed = before_since_ms.saturating_add(until_now.saturating_sub(since_ms));
            Self { since_ms, until_ms: until_now, before_since_ms, before_until_ms: passed.min(before_end) }
        };
        let last = |period| {
            let calendar = calendar(period);
            let (since_ms, until_ms) = calendar.before(calendar.around(now_ms).0);
            let (before_since_ms, before_until_ms) = calendar.before(since_ms);
            Self { since_ms, until_ms, before_since_ms, before_until_ms }
        };
        let span = match text {
            "today" => current(Period::Day),
            "week" => current(Period::Week),
            "month" => current(Period::Month),
            "yesterday" => last(Period::Day),
            "last-week" => last(Period::Week),
            "last-month" => last(Period::Month),
            _ => match (ago(text), text.split_once("..")) {
                (Some(ago_ms), _) => Self::between(now_ms.checked_sub(ago_ms)?.max(0), until_now),
                (None, Some((from, to))) => {
                    Self::between(moment(from, zone, now_ms, false)?, moment(to, zone, now_ms, true)?.min(until_now))
                }
                (None, None) => {
                    let day = date(text)?;
                    Self::between(zone.begins_ms(day)?, zone.begins_ms(day.tomorrow().ok()?)?.min(until_now))
                }
            },
        };
        (0 <= span.since_ms && span.since_ms < span.until_ms).then_some(span)
    }
}

/// A moment: a day, a time of a day, so long ago, or `today`. `is_end`: a day stands for its end.
pub fn moment(text: &str, zone: &Zone, now_ms: i64, is_end: bool) -> Option<i64> {
    if let Some(ago_ms) = ago(text) {
        return now_ms.checked_sub(ago_ms).map(|at| at.max(0));
    }
    let today = zone.shown(now_ms).date();
    let day = match text {
        "now" => return now_ms.checked_add(1),
        "today" => Some(today),
        "yesterday" => today.yesterday().ok(),
        _ => date(text),
    };
    let at = match day {
        Some(day) => zone.begins_ms(if is_end { day.tomorrow().ok()? } else { day }),
        None => match chrono::DateTime::parse_from_rfc3339(text) {
            Ok(at) => Some(at.timestamp_millis()),
            Err(_) => zone.at_ms(time(text)?),
        },
    };
    at.filter(|at| *at >= 0)
}

/// `90m`, `24h`, `7d`, `4w` in milliseconds.
fn ago(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 4] = [("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];
    let (number, unit_ms) = UNITS.iter().find_map(|(end, ms)| Some((text.strip_suffix(end)?, *ms)))?;
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    number.parse::<i64>().ok().filter(|number| is_number && *number > 0)?.checked_mul(unit_ms)
}

fn date(text: &str) -> Option<Date> {
    let is_plain = text.len() == "2026-11-01".len() && text.starts_with(|c: char| c.is_ascii_digit());
    civil(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| is_plain)?)
}

fn civil(date: NaiveDate) -> Option<Date> {
    let (month, day) = (i8::try_from(date.month()).ok()?, i8::try_from(date.day()).ok()?);
    Date::new(i16::try_from(date.year()).ok()?, month, day).ok()
}

fn time(text: &str) -> Option<DateTime> {
    let text = text.replace(' ', "T");
    let read = |form| NaiveDateTime::parse_from_str(&text, form).ok();
    let time = read("%Y-%m-%dT%H:%M").or_else(|| read("%Y-%m-%dT%H:%M:%S"))?;
    let small = |number: u32| i8::try_from(number).ok();
    Some(civil(time.date())?.at(small(time.hour())?, small(time.minute())?, small(time.second())?, 0))
}

/// `2026-11-21 14:05` by the clocks of `zone`.
pub fn minute(zone: &Zone, at_ms: i64) -> String {
    let shown = zone.shown(at_ms);
    format!("{} {:02}:{:02}", shown.date(), shown.hour(), shown.minute())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
    }

    /// Both spans, by the zone's clocks.
    fn told(text: &str, zone: &str, now: &str) -> String {
        let zone = Zone::named(zone).unwrap();
        let Some(span) = Span::named(text, &zone, ms(now)) else { return "nothing".to_owned() };
        let shown = [span.since_ms, span.until_ms, span.before_since_ms, span.before_until_ms];
        let [since, until, from, to] = shown.map(|at| minute(&zone, at));
        format!("{since} – {until} after {from} – {to}")
    }

    /// Thursday.
    const NOW: &str = "2026-11-19T15:00:00Z";

    #[test]
    fn spans_are_what_their_words_say() {
        for (text, expected) in [
            ("today", "2026-11-19 00:00 – 2026-11-19 15:00 after 2026-11-18 00:00 – 2026-11-18 15:00"),
            ("yesterday", "2026-11-18 00:00 – 2026-11-19 00:00 after 2026-11-17 00:00 – 2026-11-18 00:00"),
            ("week", "2026-11-16 00:00 – 2026-11-19 15:00 after 2026-11-09 00:00 – 2026-11-12 15:00"),
            ("last-week", "2026-11-09 00:00 – 2026-11-16 00:00 after 2026-11-02 00:00 – 2026-11-09 00:00"),
            ("month", "2026-11-01 00:00 – 2026-11-19 15:00 after 2026-10-01 00:00 – 2026-10-19 15:00"),
            ("last-month", "2026-10-01 00:00 – 2026-11-01 00:00 after 2026-09-01 00:00 – 2026-10-01 00:00"),
            ("24h", "2026-11-18 15:00 – 2026-11-19 15:00 after 2026-11-17 14:59 – 2026-11-18 15:00"),
            ("90m", "2026-11-19 13:30 – 2026-11-19 15:00 after 2026-11-19 11:59 – 2026-11-19 13:30"),
            ("2026-11-02", "2026-11-02 00:00 – 2026-11-03 00:00 after 2026-11-01 00:00 – 2026-11-02 00:00"),
            ("2026-11-19", "2026-11-19 00:00 – 2026-11-19 15:00 after 2026-11-18 08:59 – 2026-11-19 00:00"),
            ("2026-11-01..2026-11-15", "2026-11-01 00:00 – 2026-11-16 00:00 after 2026-10-17 00:00 – 2026-11-01 00:00"),
            (
                "2026-11-01T08:00..2026-11-01T09:30",
                "2026-11-01 08:00 – 2026-11-01 09:30 after 2026-11-01 06:30 – 2026-11-01 08:00",
            ),
            ("2w..yesterday", "2026-11-05 15:00 – 2026-11-19 00:00 after 2026-10-23 06:00 – 2026-11-05 15:00"),
        ] {
            assert_eq!(told(text, "UTC", NOW), expected, "{text}");
        }
        for wrong in [
            "",
            "tomorrow",
            "-1h",
            "0d",
            "7",
            "d",
            "+7d",
            "2026-13-01",
            "2026-02-30",
            "2026-11-20",
            "2026-11-02..2026-11-01",
            "..",
            "2026-11-01..",
            "99999999999999999999d",
            "9999999999999999w",
            "1969-12-31",
            "2026-11-01T25:00..now",
            "٣d",
            "+2026-11-01",
            "99999-01-01",
        ] {
            assert_eq!(told(wrong, "UTC", NOW), "nothing", "{wrong}");
        }
    }

    #[test]
    fn days_and_months_are_those_of_the_zone_also_where_clocks_are_turned() {
        for (text, zone, now, expected) in [
            // 23 hours and 25 hours.
            ("yesterday", "Europe/Berlin", "2026-03-30T10:00:00Z", 23),
            ("yesterday", "Europe/Berlin", "2026-10-26T10:00:00Z", 25),
            ("2026-03-29", "Europe/Berlin", "2026-04-30T10:00:00Z", 23),
            ("last-month", "Europe/Berlin", "2026-04-01T00:00:00Z", 31 * 24 - 1),
            ("last-month", "America/New_York", "2026-12-01T05:00:00Z", 30 * 24 + 1),
            ("last-month", "UTC", "2028-03-01T00:00:00Z", 29 * 24),
            ("last-month", "Asia/Kathmandu", "2026-02-28T18:15:00Z", 28 * 24),
            ("last-month", "Asia/Kathmandu", "2026-02-28T18:14:59Z", 31 * 24),
            ("last-week", "Europe/Berlin", "2026-03-30T10:00:00Z", 7 * 24 - 1),
        ] {
            let span = Span::named(text, &Zone::named(zone).unwrap(), ms(now)).unwrap();
            assert_eq!(span.until_ms - span.since_ms, expected * 3_600_000, "{text} {zone} {now}");
        }
        // On the 31st, the month before has no such day: all of it is what there is.
        let utc = Zone::named("UTC").unwrap();
        let span = Span::named("month", &utc, ms("2026-03-31T12:00:00Z")).unwrap();
        assert_eq!(minute(&utc, span.before_until_ms), "2026-03-01 00:00");
    }

    #[test]
    fn moments_are_read_as_people_write_them() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let read = |text, is_end| moment(text, &berlin, ms(NOW), is_end).map(|at| minute(&berlin, at));
        for (text, is_end, expected) in [
            ("2026-11-01", false, "2026-11-01 00:00"),
            ("2026-11-01", true, "2026-11-02 00:00"),
            ("2026-11-01 07:30", true, "2026-11-01 07:30"),
            ("2026-11-01T07:30:10Z", false, "2026-11-01 08:30"),
            // An hour that there never was.
            ("2026-03-29T02:30", false, "2026-03-29 03:30"),
            ("today", true, "2026-11-20 00:00"),
            ("36h", false, "2026-11-18 04:00"),
        ] {
            assert_eq!(read(text, is_end).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(read("soon", false), None);
    }
}
