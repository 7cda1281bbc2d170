//! When a rate holds: in which service tier, above which length of the request, at which time of day.

use std::fmt;

use crate::count::ServiceTier;

const MINUTE_MS: u64 = 60_000;
const DAY_MINUTES: u16 = 24 * 60;
const DAY_MS: u64 = DAY_MINUTES as u64 * MINUTE_MS;

/// Hours of the day in UTC, on some days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hours {
    /// Monday is the lowest bit. The day is the one that the moment itself lies in.
    days: u8,
    /// Minutes after midnight, inclusive.
    start: u16,
    /// Minutes after midnight, exclusive; not after `start`: over midnight.
    end: u16,
}

impl Hours {
    /// From `start` to `end`, in minutes after midnight UTC, on every day. An end at or before the start lies on the
    /// next day; so midnight to midnight is the whole day. None if there is no such minute.
    pub const fn daily(start: u16, end: u16) -> Option<Self> {
        if start < DAY_MINUTES && end <= DAY_MINUTES { Some(Self { days: 0x7f, start, end }) } else { None }
    }

    /// On some days only: 1 is Monday, 7 Sunday.
    #[must_use]
    pub fn on(self, days: &[u8]) -> Self {
        let days = days.iter().filter(|day| (1..=7).contains(*day)).fold(0, |all, day| all | 1 << (day - 1));
        Self { days, ..self }
    }

    /// Reads `22:30-06:00`.
    pub fn parse(text: &str) -> Option<Self> {
        let minutes = |text: &str| {
            let (hours, minutes) = text.split_once(':')?;
            if hours.len() != 2 || minutes.len() != 2 || text.starts_with('+') || minutes.starts_with('+') {
                return None;
            }
            let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
            (minutes < 60).then_some(hours * 60 + minutes)
        };
        let (start, end) = text.split_once('-')?;
        Self::daily(minutes(start)?, minutes(end)?)
    }

    /// Whether the moment lies within: Unix milliseconds.
    pub const fn has(self, at_ms: u64) -> bool {
        // The first of January 1970 was a Thursday.
        let weekday = (at_ms / DAY_MS + 3) % 7;
        if self.days & (1 << weekday) == 0 {
            return false;
        }
        let now = at_ms % DAY_MS;
        let (start, end) = (self.start as u64 * MINUTE_MS, self.end as u64 * MINUTE_MS);
        if start < end { start <= now && now < end } else { now >= start || now < end }
    }
}

impl fmt::Display for Hours {
    /// `22:30-06:00`, with the days where it is not every day: `22:30-06:00 on 1,2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |minutes: u16| (minutes / 60, minutes % 60);
        let ((start, past), (end, to)) = (time(self.start), time(self.end));
        write!(f, "{start:02}:{past:02}-{end:02}:{to:02}")?;
        let days = (1..=7).filter(|day| self.days & (1 << (day - 1)) != 0).map(|day| day.to_string());
        if self.days & 0x7f == 0x7f { Ok(()) } else { write!(f, " on {}", days.collect::<Vec<_>>().join(",")) }
    }
}

/// When a rate holds. The default: in the standard tier, at any length and time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct When {
    /// The tier.
    pub tier: ServiceTier,
    /// For requests with more input tokens than this.
    pub above: u32,
    /// In these hours only.
    pub hours: Option<Hours>,
}

impl fmt::Display for When {
    /// `batch above 200000 22:30-06:00`; nothing for the default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tier = Some(self.tier).filter(|tier| *tier != ServiceTier::Standard).map(|tier| tier.as_str().to_owned());
        let above = (self.above > 0).then(|| format!("above {}", self.above));
        let parts = [tier, above, self.hours.map(|hours| hours.to_string())];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}

impl When {
    /// In `tier`.
    pub const fn tier(tier: ServiceTier) -> Self {
        Self { tier, above: 0, hours: None }
    }

    /// Above so many input tokens, in the standard tier.
    pub const fn above(tokens: u32) -> Self {
        Self { tier: ServiceTier::Standard, above: tokens, hours: None }
    }

    /// In these hours, in the standard tier.
    pub const fn hours(hours: Hours) -> Self {
        Self { tier: ServiceTier::Standard, above: 0, hours: Some(hours) }
    }
}
