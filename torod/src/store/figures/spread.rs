//! How times are spread: counted in bins that grow by a tenth of an octave, so that a percentile is right within 4 %.

use tokenrouter_shared::figures::{Percentiles, Spread};

/// Where the first bin ends, in microseconds. Nobody asks how far below a quarter of a millisecond something was.
const FIRST_US: f64 = 256.0;

/// Bins in an octave: the last one begins after three hours and a half.
const IN_OCTAVE: f64 = 10.0;

/// How many bins there are.
const BINS: usize = 256;

/// The bin of a time.
pub(in crate::store) fn bin(us: i64) -> u8 {
    if us <= 256 {
        return 0;
    }
    #[expect(clippy::cast_sign_loss, reason = "greater than zero by the line above; `as` stays within bounds")]
    let bin = ((us as f64 / FIRST_US).log2() * IN_OCTAVE) as u8;
    bin.saturating_add(1)
}

/// The time in the middle of a bin.
fn middle_us(bin: usize) -> u64 {
    let middle = FIRST_US * ((bin as f64 - 0.5) / IN_OCTAVE).exp2();
    #[expect(clippy::cast_sign_loss, reason = "a power is positive")]
    let rounded = middle.round() as u64;
    rounded
}

/// How often each bin was met.
#[derive(Clone, Debug)]
pub(in crate::store) struct Bins(Box<[u64; BINS]>);

impl Default for Bins {
    fn default() -> Self {
        Self(Box::new([0; BINS]))
    }
}

impl Bins {
    /// A bin was met so often.
    pub(in crate::store) fn add(&mut self, bin: u8, count: u32) {
        if let Some(met) = self.0.get_mut(usize::from(bin)) {
            *met = met.saturating_add(count.into());
        }
    }

    /// None where no bin was met.
    fn percentiles(&self) -> Option<Percentiles> {
        let all: u64 = self.0.iter().sum();
        let at = |percent: u64| {
            let wanted = (u128::from(all) * u128::from(percent)).div_ceil(100);
            let mut met = 0_u128;
            let found = self.0.iter().position(|count| {
                met += u128::from(*count);
                met >= wanted
            });
            middle_us(found.unwrap_or(BINS - 1))
        };
        (all > 0).then(|| Percentiles { p50_us: at(50), p90_us: at(90), p95_us: at(95), p99_us: at(99) })
    }
}

/// Two of them: from start to end, and to the first byte.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Both(pub(in crate::store) [Bins; 2]);

impl Both {
    /// These as well.
    pub(in crate::store) fn add(&mut self, other: &Self) {
        for (mine, others) in self.0.iter_mut().zip(&other.0) {
            for (mine, others) in mine.0.iter_mut().zip(others.0.iter()) {
                *mine = mine.saturating_add(*others);
            }
        }
    }

    /// As reports tell it.
    pub(in crate::store) fn told(&self) -> Spread {
        let [total, first_byte] = &self.0;
        Spread { total: total.percentiles(), first_byte: first_byte.percentiles() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_lies_near_the_middle_of_its_bin() {
        let mut us = 257_i64;
        let mut before = 0;
        while us < 3 * 3_600_000_000 {
            let (bin, us_there) = (bin(us), us as f64);
            assert!(bin >= before, "bins grow with time");
            before = bin;
            let off = (middle_us(bin.into()) as f64 - us_there).abs() / us_there;
            assert!(off < 0.04, "{us} µs is told as {} µs", middle_us(bin.into()));
            us += us / 37 + 1;
        }
        assert_eq!((bin(0), bin(-5), bin(256), bin(i64::MAX)), (0, 0, 0, 255));
    }

    #[test]
    fn percentiles_are_those_of_a_sorted_list() {
        let mut bins = Bins::default();
        assert_eq!(bins.percentiles(), None);
        for ms in 1..=1_000_i64 {
            bins.add(bin(ms * 1_000), 1);
        }
        let found = bins.percentiles().unwrap();
        for (us, wanted) in
            [(found.p50_us, 500_000), (found.p90_us, 900_000), (found.p95_us, 950_000), (found.p99_us, 990_000)]
        {
            assert!(us.abs_diff(wanted) * 100 < wanted * 5, "{us} and not {wanted}");
        }
    }
}
