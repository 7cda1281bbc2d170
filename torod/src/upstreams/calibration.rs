//! How far our estimates of input tokens are off, by model: learnt from what the provider reports.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokenrouter::protocol::Protocol;

/// The most models that are remembered for one provider.
const MODELS: usize = 1_024;
/// An estimate for comparison costs a walk over the body, so it is made this often at most.
const PAUSE_MS: i64 = 250;
/// What one comparison may say: beyond it something else is wrong.
const RANGE: std::ops::RangeInclusive<u64> = 100..=10_000;
/// Below this many tokens what providers add around a request weighs more than the request.
const LEAST_TOKENS: u64 = 200;

/// Reported by estimated tokens of each model, per mille. The client's protocol matters, because its JSON does.
#[derive(Debug, Default)]
pub struct Calibration {
    next_ms: AtomicI64,
    ratios: Mutex<HashMap<(Protocol, Box<str>), u64>>,
}

impl Calibration {
    /// Whether another comparison is due; mostly not.
    pub fn is_due(&self, now_ms: i64) -> bool {
        let next = self.next_ms.load(Ordering::Relaxed);
        now_ms >= next
            && self.next_ms.compare_exchange(next, now_ms + PAUSE_MS, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Learns that `estimated` tokens were in truth `reported`.
    pub fn learn(&self, protocol: Protocol, model: &str, estimated: u64, reported: u64) {
        if estimated < LEAST_TOKENS || reported == 0 {
            return;
        }
        let seen = (reported.saturating_mul(1000) / estimated).clamp(*RANGE.start(), *RANGE.end());
        let mut ratios = self.ratios.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ratio) = ratios.get_mut(&(protocol, Box::from(model))) {
            *ratio = (*ratio * 7 + seen) / 8;
        } else if ratios.len() < MODELS {
            ratios.insert((protocol, model.into()), seen);
        }
    }

    /// An estimate as it should have been.
    pub fn correct(&self, protocol: Protocol, model: &str, estimated: u64) -> u64 {
        let ratios = self.ratios.lock().unwrap_or_else(PoisonError::into_inner);
        let ratio = ratios.get(&(protocol, Box::from(model))).copied().unwrap_or(1000);
        (estimated.saturating_mul(ratio) / 1000).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_come_closer_to_what_is_reported() {
        let calibration = Calibration::default();
        let correct = |model: &str| calibration.correct(Protocol::OpenAi, model, 1_000);
        assert_eq!(correct("m"), 1_000);
        calibration.learn(Protocol::OpenAi, "m", 1_000, 1_400);
        assert_eq!(correct("m"), 1_400);
        assert_eq!(correct("other"), 1_000);
        assert_eq!(calibration.correct(Protocol::Anthropic, "m", 1_000), 1_000);
        // One odd request moves it little.
        calibration.learn(Protocol::OpenAi, "m", 1_000, 1_000_000);
        assert!((1_400..3_000).contains(&correct("m")), "{}", correct("m"));
        for _ in 0..100 {
            calibration.learn(Protocol::OpenAi, "m", 1_000, 800);
        }
        assert!((795..=815).contains(&correct("m")), "{}", correct("m"));
        calibration.learn(Protocol::OpenAi, "short", 10, 1_000);
        assert_eq!(correct("short"), 1_000, "what is added around a short text says nothing of long ones");
    }

    #[test]
    fn comparisons_are_rare() {
        let calibration = Calibration::default();
        assert!(calibration.is_due(1_000) && !calibration.is_due(1_000) && !calibration.is_due(1_249));
        assert!(calibration.is_due(1_250));
    }
}
