//! How many were how large, in buckets of fixed bounds.

use super::text::{Family, Micros, Text};

/// So many bounds at most.
const MOST: usize = 15;

/// Upper bounds of buckets, in microseconds and in rising order.
#[derive(Debug)]
pub struct Bounds(&'static [u64]);

/// Of whole requests: an answer of a word to one of an hour.
pub static DURATION: Bounds = Bounds::of(&[
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    20_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
    600_000_000,
    1_800_000_000,
]);

/// Until something is seen of an answer.
pub static FIRST: Bounds = Bounds::of(&[
    50_000,
    100_000,
    200_000,
    300_000,
    500_000,
    750_000,
    1_000_000,
    1_500_000,
    2_500_000,
    5_000_000,
    10_000_000,
    20_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
]);

/// From one token to the next.
pub static TOKEN: Bounds = Bounds::of(&[
    1_000, 2_500, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000, 40_000, 60_000, 100_000, 200_000, 500_000, 1_000_000,
]);

/// What the gateway itself takes.
pub static OVERHEAD: Bounds =
    Bounds::of(&[10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000]);

impl Bounds {
    const fn of(bounds: &'static [u64]) -> Self {
        assert!(bounds.len() <= MOST, "raise MOST");
        Self(bounds)
    }

    /// Which bucket so many microseconds belong to; the last one is that beyond every bound.
    pub fn place(&self, us: u64) -> usize {
        self.0.partition_point(|bound| *bound < us)
    }

    /// A histogram that was counted elsewhere, by [`Bounds::place`].
    pub fn filled<const N: usize>(&'static self, counts: [u64; N], sum_us: u64) -> Histogram {
        let mut histogram = self.empty();
        for (at, count) in counts.into_iter().enumerate() {
            match histogram.counts.get_mut(at).filter(|_| at < self.0.len()) {
                Some(place) => *place = count,
                None => histogram.more += count,
            }
        }
        histogram.sum_us = u128::from(sum_us);
        histogram
    }

    /// A histogram with these bounds.
    pub const fn empty(&'static self) -> Histogram {
        Histogram { bounds: self, counts: [0; MOST], more: 0, sum_us: 0 }
    }
}

/// Counts by size.
#[derive(Clone, Debug)]
pub struct Histogram {
    bounds: &'static Bounds,
    counts: [u64; MOST],
    /// Those beyond every bound.
    more: u64,
    sum_us: u128,
}

impl Histogram {
    /// One more, of so many microseconds.
    pub fn add(&mut self, us: u64) {
        let at = self.bounds.place(us);
        match self.counts.get_mut(at).filter(|_| at < self.bounds.0.len()) {
            Some(count) => *count += 1,
            None => self.more += 1,
        }
        self.sum_us += u128::from(us);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.more
    }

    /// Writes it as one series of `family`, whose labels have `values`. Nothing where there is none.
    pub fn write(&self, text: &mut Text, family: &Family, values: &[&str]) {
        if self.count() == 0 {
            return;
        }
        let mut so_far = 0;
        for (bound, count) in self.bounds.0.iter().zip(&self.counts) {
            so_far += count;
            text.write(family, "_bucket", values, Some(&Micros(u128::from(*bound))), so_far);
        }
        let all = so_far + self.more;
        text.write(family, "_bucket", values, Some(&"+Inf"), all);
        text.write(family, "_sum", values, None, Micros(self.sum_us));
        text.write(family, "_count", values, None, all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::text::Kind;

    #[test]
    fn a_value_on_a_bound_belongs_below_it_and_buckets_add_up() {
        let mut histogram = TOKEN.empty();
        for us in [0, 1_000, 1_001, 1_000_000, 1_000_001, 5_000_000_000] {
            histogram.add(us);
        }
        let family = Family { name: "h_seconds", kind: Kind::Histogram, labels: &["m"], help: "" };
        let mut text = Text::default();
        histogram.write(&mut text, &family, &["x"]);
        let text = text.finish();
        for line in [
            "h_seconds_bucket{m=\"x\",le=\"0.001\"} 2",
            "h_seconds_bucket{m=\"x\",le=\"0.0025\"} 3",
            "h_seconds_bucket{m=\"x\",le=\"1\"} 4",
            "h_seconds_bucket{m=\"x\",le=\"+Inf\"} 6",
            "h_seconds_sum{m=\"x\"} 5002.002002",
            "h_seconds_count{m=\"x\"} 6",
        ] {
            assert!(text.lines().any(|seen| seen == line), "{line} is not in\n{text}");
        }
        let mut none = Text::default();
        TOKEN.empty().write(&mut none, &family, &["x"]);
        assert_eq!(none.finish(), "");
    }

    #[test]
    fn bounds_rise() {
        for bounds in [&DURATION, &FIRST, &TOKEN, &OVERHEAD] {
            assert!(bounds.0.is_sorted_by(|a, b| a < b), "{bounds:?}");
        }
    }
}
