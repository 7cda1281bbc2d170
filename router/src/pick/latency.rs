//! How fast an endpoint has been lately: a mean that jumps up at once, comes down slowly, and fades while nobody looks.

use std::sync::atomic::{AtomicU64, Ordering};

/// After this long without a call, what is remembered counts half: a slow endpoint is looked at again.
const HALF_LIFE_MS: u64 = 10_000;
/// The weight of one sample that is lower than the mean.
const DOWN: u64 = 8;

/// A peak-sensitive moving average of the time to the first byte.
///
/// ```
/// use tokenrouter::pick::latency::Latency;
///
/// let latency = Latency::default();
/// latency.observe(1_000, 200_000);
/// latency.observe(1_001, 3_000_000);
/// assert_eq!(latency.at(1_001), Some(3_000_000));
/// latency.observe(1_002, 200_000);
/// assert_eq!(latency.at(1_002), Some(2_650_000));
/// assert_eq!(latency.at(21_002), Some(662_500));
/// ```
#[derive(Debug, Default)]
pub struct Latency {
    /// The upper half is the mean in microseconds, the lower half the time of the last sample in units of 16 ms, so
    /// that both change together.
    word: AtomicU64,
}

/// The bits of a millisecond that the time of a sample leaves out.
const TIME_SHIFT: u32 = 4;

impl Latency {
    /// A call's first byte took `first_byte_us`.
    pub fn observe(&self, now_ms: u64, first_byte_us: u64) {
        let sample = first_byte_us.clamp(1, u64::from(u32::MAX));
        loop {
            let word = self.word.load(Ordering::Relaxed);
            // What was left of it by now: an old peak must not outweigh what is seen today.
            let mean = faded(word, now_ms);
            let next = if sample >= mean { sample } else { mean - (mean - sample) / DOWN };
            let new = (next << 32) | time(now_ms);
            if self.word.compare_exchange_weak(word, new, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return;
            }
        }
    }

    /// What to expect now, in microseconds; none while nothing was observed.
    pub fn at(&self, now_ms: u64) -> Option<u64> {
        let word = self.word.load(Ordering::Relaxed);
        (word != 0).then(|| faded(word, now_ms).max(1))
    }
}

fn faded(word: u64, now_ms: u64) -> u64 {
    let idle_ms = time(now_ms).wrapping_sub(word & u64::from(u32::MAX)) as u32;
    // A sample from a moment ahead of this reading is no idle time.
    let idle_ms = if idle_ms > u32::MAX / 2 { 0 } else { u64::from(idle_ms) << TIME_SHIFT };
    (word >> 32) >> (idle_ms / HALF_LIFE_MS).min(31)
}

const fn time(now_ms: u64) -> u64 {
    (now_ms >> TIME_SHIFT) & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_at_once_falls_slowly_and_fades() {
        let latency = Latency::default();
        assert_eq!(latency.at(5), None);
        latency.observe(0, 100);
        assert_eq!(latency.at(0), Some(100));
        latency.observe(0, 800);
        latency.observe(0, 80);
        assert_eq!(latency.at(0), Some(710));
        assert_eq!(latency.at(9_999), Some(710));
        assert_eq!(latency.at(10_000), Some(355));
        assert_eq!(latency.at(10_000_000), Some(1));
    }

    #[test]
    fn a_clock_that_runs_for_years_does_not_confuse_it() {
        let latency = Latency::default();
        let wrap = (u64::from(u32::MAX) << 4) - 16;
        latency.observe(wrap, 1_000);
        assert_eq!(latency.at(wrap + 64), Some(1_000));
        assert_eq!(latency.at(wrap - 64), Some(1_000), "read by a thread whose clock was read a little earlier");
        latency.observe(wrap, u64::MAX);
        assert_eq!(latency.at(wrap), Some(u64::from(u32::MAX)));
    }
}
