//! How figures, money, times and what has to be known beside them are told to people.

use comfy_table::{Cell, CellAlignment};
use tokenrouter_shared::figures::{Sort, Totals};
use tokenrouter_shared::money::dollars;

use super::Page;
use crate::access::bounds::grouped;
use crate::calendar::Zone;
use crate::commands::terminal::tell;
use crate::reports::span::minute;

/// A cell that ends where others end.
pub(super) fn right(text: impl std::fmt::Display) -> Cell {
    Cell::new(text.to_string()).set_alignment(CellAlignment::Right)
}

/// US dollars; where some of it has no known price, the most that it may be.
pub(super) fn cost(totals: &Totals) -> String {
    let mark = if totals.unpriced_attempts > 0 { "≤ " } else { "" };
    format!("{mark}{}", dollars(totals.cost_nanos))
}

/// What was saved, or lost.
pub(super) fn signed_dollars(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    format!("{sign}{}", dollars(nanos.unsigned_abs()))
}

/// `12.5 %` of thousandths.
pub(super) fn percent(per_mille: u64) -> String {
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

/// How much of all LLM tokens is our estimate.
pub(super) fn estimated(totals: &Totals) -> String {
    match totals.counts.total() {
        0 => "-".to_owned(),
        all if totals.estimated == 0 || all == 0 => "0 %".to_owned(),
        all => {
            percent(u64::try_from(u128::from(totals.estimated) * 1_000 / u128::from(all)).unwrap_or(u64::MAX).max(1))
        }
    }
}

/// A time: `850 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`.
pub(super) fn time_us(us: u64) -> String {
    match us / 1_000 {
        0 => format!("{us} µs"),
        ms @ 1..=999 => format!("{ms} ms"),
        ms @ 1_000..=59_999 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        ms @ 60_000..=3_599_999 => format!("{} min {} s", ms / 60_000, ms / 1_000 % 60),
        ms => format!("{} h {} min", ms / 3_600_000, ms / 60_000 % 60),
    }
}

/// How many, in few characters: `950`, `12.3K`, `4.56M`.
pub(super) fn short(count: u64) -> String {
    let unit = |unit: u64, letter: char| {
        let hundredths = u128::from(count) * 100 / u128::from(unit);
        let text = match hundredths {
            0..=999 => format!("{}.{:02}", hundredths / 100, hundredths % 100),
            1_000..=9_999 => format!("{}.{}", hundredths / 100, hundredths % 100 / 10),
            _ => (hundredths / 100).to_string(),
        };
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        format!("{text}{letter}")
    };
    match count {
        0..=9_999 => grouped(count),
        10_000..=999_999 => unit(1_000, 'K'),
        1_000_000..=999_999_999 => unit(1_000_000, 'M'),
        _ => unit(1_000_000_000, 'G'),
    }
}

/// So much of what an order goes by.
pub(super) const fn weight(sort: Sort, totals: &Totals) -> u64 {
    match sort {
        Sort::Cost => totals.cost_nanos,
        Sort::Tokens => totals.counts.total(),
        Sort::Requests => totals.exchanges,
        Sort::Attempts => totals.attempts,
        Sort::Failures => totals.failures,
        Sort::Savings => {
            if totals.savings_nanos < 0 {
                0
            } else {
                totals.savings_nanos.unsigned_abs()
            }
        }
        Sort::Time => totals.total_us,
    }
}

/// The same in words.
pub(super) fn weighed(sort: Sort, weight: u64) -> String {
    match sort {
        Sort::Cost | Sort::Savings => dollars(weight),
        Sort::Time => time_us(weight),
        Sort::Tokens | Sort::Requests | Sort::Attempts | Sort::Failures => short(weight),
    }
}

impl Page<'_> {
    /// Says something below the figures; on a terminal lines end between words.
    pub(super) fn say(&mut self, text: &str) -> std::io::Result<()> {
        self.tell(text, 0)
    }

    /// The same, with what follows a break under `indent`.
    pub(super) fn tell(&mut self, text: &str, indent: usize) -> std::io::Result<()> {
        let plain = self.is_ascii.then(|| text.replace('≤', "<=").replace('–', "-"));
        let text = plain.as_deref().unwrap_or(text);
        if self.is_terminal { tell(self.out, text, indent) } else { writeln!(self.out, "{text}") }
    }

    /// Which span it was, by whose clocks.
    pub(super) fn span(&mut self, zone: &Zone, since_ms: i64, until_ms: i64) -> std::io::Result<()> {
        let (since, until) = (minute(zone, since_ms), minute(zone, until_ms));
        self.say(&format!("{since} – {until} ({})", zone.name()))
    }

    /// What has to be known beside sums: what has no price, what is left out, what is missing.
    pub(super) fn notes(&mut self, total: &Totals, omitted: u64, lost_records: u64) -> std::io::Result<()> {
        if omitted > 0 {
            let omitted = grouped(omitted);
            self.say(&format!("{omitted} more are left out; the last line counts them (--top shows more)"))?;
        }
        if total.unpriced_attempts > 0 {
            let (calls, most) = (grouped(total.unpriced_attempts), dollars(total.unpriced_nanos));
            self.say(&format!(
                "≤: the price of {calls} calls is not known; they are counted with {most} by `[prices] unknown` in torod.toml"
            ))?;
        }
        if lost_records > 0 {
            self.say(&format!("{} records are missing: the database took none at the time", grouped(lost_records)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_what_is_not_nothing_never_looks_like_it() {
        let told = [0, 9_999, 12_345, 100_000, 4_560_000, 45_600_000, 1_000_000_000].map(short);
        assert_eq!(told, ["0", "9,999", "12.3K", "100K", "4.56M", "45.6M", "1G"]);
        let times = [0, 900, 850_000, 4_230_000, 200_000_000, 7_500_000_000].map(time_us);
        assert_eq!(times, ["0 µs", "900 µs", "850 ms", "4.2 s", "3 min 20 s", "2 h 5 min"]);
        let mut totals = Totals { estimated: 1, ..Totals::default() };
        assert_eq!(estimated(&totals), "-");
        totals.counts.output = 1_000_000;
        assert_eq!((estimated(&totals), cost(&totals)), ("0.1 %".into(), "$0".into()));
        totals.unpriced_attempts = 1;
        assert_eq!((cost(&totals), signed_dollars(-1_500_000_000)), ("≤ $0".into(), "-$1.50".into()));
        for sort in Sort::ALL {
            assert!(!weighed(sort, weight(sort, &totals)).is_empty());
        }
    }
}
