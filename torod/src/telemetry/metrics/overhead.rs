//! What the gateway itself takes of a request's time, measured of one request in 64 and counted without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokenrouter::pick::mix;

use super::families::OVERHEAD;
use super::histogram;
use super::text::Text;

/// One in so many is measured.
const ONE_IN: u64 = 64;
/// So many bounds, and whatever is beyond.
const BUCKETS: usize = 15;

/// A part of a request's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Who asks, and may he now.
    Admit,
    /// From the body's last byte to the first call: name, endpoint, reservation, translation.
    Prepare,
}

impl Stage {
    const ALL: [(Self, &'static str); 2] = [(Self::Admit, "admit"), (Self::Prepare, "prepare")];
}

/// Counts by stage.
#[derive(Debug, Default)]
pub struct Overheads {
    stages: [OfStage; 2],
}

#[derive(Debug, Default)]
struct OfStage {
    counts: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
}

impl Overheads {
    /// Whether the exchange with this number is one of those that are measured. Its digits say the time, so they are
    /// mixed first.
    pub const fn is_measured(exchange: i64) -> bool {
        mix(exchange.cast_unsigned()).is_multiple_of(ONE_IN)
    }

    /// A stage took from `since` to `until`.
    pub fn add(&self, stage: Stage, since: Instant, until: Instant) {
        let us = until.saturating_duration_since(since).as_micros().min(Duration::from_hours(1).as_micros()) as u64;
        let [admit, prepare] = &self.stages;
        let of = match stage {
            Stage::Admit => admit,
            Stage::Prepare => prepare,
        };
        if let Some(count) = of.counts.get(histogram::OVERHEAD.place(us)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        of.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Writes all of it.
    pub fn write(&self, text: &mut Text) {
        text.begin(&OVERHEAD);
        for ((_, name), of) in Stage::ALL.iter().zip(&self.stages) {
            let counts = of.counts.each_ref().map(|count| count.load(Ordering::Relaxed));
            histogram::OVERHEAD.filled(counts, of.sum_us.load(Ordering::Relaxed)).write(text, &OVERHEAD, &[name]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_one_in_64_is_measured_whatever_the_numbers_look_like() {
        for step in [1_i64, 2, 1 << 20, 1 << 25] {
            let measured = (0..64_000_i64).filter(|n| Overheads::is_measured(n * step)).count();
            assert!((800..1_200).contains(&measured), "{measured} with step {step}");
        }
    }

    #[test]
    fn a_stage_is_counted_where_it_belongs() {
        let overheads = Overheads::default();
        let since = crate::clock::Clock::system().instant();
        overheads.add(Stage::Prepare, since, since + Duration::from_micros(60));
        overheads.add(Stage::Prepare, since, since + Duration::from_secs(7_200));
        let mut text = Text::default();
        overheads.write(&mut text);
        let text = text.finish();
        assert!(text.contains("seconds_bucket{stage=\"prepare\",le=\"0.0001\"} 1\n"), "{text}");
        assert!(text.contains("seconds_count{stage=\"prepare\"} 2\n"), "{text}");
        assert!(!text.contains("admit\""), "{text}");
    }
}
