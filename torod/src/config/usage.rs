//! `[usage]`: the record of what was used.

use super::section::Section;

/// How usage is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Days after which rows, and their sums by five minutes, are removed; 0 keeps them for good.
    pub retention_days: u32,
    /// Days after which sums by the hour are removed, but not before the rows; 0 keeps them for good.
    pub hourly_retention_days: u32,
    /// Days after which sums by the day are removed, but not before those by the hour; 0 keeps them for good.
    pub daily_retention_days: u32,
    /// Records that may wait for the database; what comes on top is counted as lost, never waited for.
    pub queue: usize,
}

impl Default for Usage {
    fn default() -> Self {
        Self { retention_days: 400, hourly_retention_days: 1_100, daily_retention_days: 0, queue: 65_536 }
    }
}

impl Usage {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut usage = Self::default();
        section.set_integer("retention_days", 0..36_501, &mut usage.retention_days);
        section.set_integer("hourly_retention_days", 0..36_501, &mut usage.hourly_retention_days);
        section.set_integer("daily_retention_days", 0..36_501, &mut usage.daily_retention_days);
        section.set_integer("queue", 1..16_777_217, &mut usage.queue);
        section.finish();
        usage
    }
}
