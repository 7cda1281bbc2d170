//! When a vendor is asked what is left: rarely, more rarely the longer it fails, and only where it is used.

/// Between two questions that were answered, in milliseconds; a tenth more or less, so that gateways do not ask together.
const USUAL_MS: u64 = 15 * 60_000;
/// The longest pause after questions that failed.
const LONGEST_MS: u64 = 6 * 3_600_000;
/// Nobody has a vendor asked again sooner than this.
const SOONEST_MS: u64 = 30_000;

/// When one provider is asked. Times are those of a clock that never goes back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cadence {
    /// When it was asked last.
    asked_ms: Option<u64>,
    /// Not before this by itself.
    next_ms: u64,
    /// Questions in a row that failed.
    failures: u32,
    /// Calls that had gone to the provider when it was asked.
    calls: u64,
}

impl Cadence {
    /// Whether it is to be asked, when `calls` calls have gone to the provider since the start.
    pub const fn is_due(&self, now_ms: u64, calls: u64) -> bool {
        // What nobody uses has as much left as before.
        calls != self.calls && now_ms >= self.next_ms
    }

    /// Whether somebody may have it asked.
    pub fn may_be_asked(&self, now_ms: u64) -> bool {
        self.asked_ms.is_none_or(|asked| now_ms.saturating_sub(asked) >= SOONEST_MS)
    }

    /// It was asked; `dice` is a random number.
    pub fn asked(&mut self, now_ms: u64, calls: u64, is_ok: bool, dice: u64) {
        self.failures = if is_ok { 0 } else { self.failures.saturating_add(1) };
        let pause_ms = USUAL_MS.saturating_mul(1_u64 << self.failures.saturating_sub(1).min(16)).min(LONGEST_MS);
        let tenth = pause_ms / 10;
        self.next_ms = now_ms.saturating_add(pause_ms - tenth).saturating_add(dice % (2 * tenth + 1));
        (self.asked_ms, self.calls) = (Some(now_ms), calls);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;
    const HALF: u64 = USUAL_MS / 10;

    #[test]
    fn who_is_used_and_answers_is_asked_every_quarter_of_an_hour() {
        let mut cadence = Cadence::default();
        assert!(!cadence.is_due(1, 0), "nobody has used it");
        assert!(cadence.is_due(1, 1) && cadence.may_be_asked(1));
        cadence.asked(1_000, 1, true, HALF);
        assert!(!cadence.is_due(1_000 + 15 * MINUTE - 1, 9));
        assert!(!cadence.is_due(1_000 + 900 * MINUTE, 1), "nobody has used it since");
        assert!(cadence.is_due(1_000 + 15 * MINUTE, 2));
        for dice in [0, 1, 77_777, u64::MAX] {
            cadence.asked(0, 0, true, dice);
            assert!(!cadence.is_due(13 * MINUTE, 1) && cadence.is_due(17 * MINUTE, 1), "{dice}");
        }
    }

    #[test]
    fn who_fails_is_asked_ever_more_rarely_and_at_last_four_times_a_day() {
        let mut cadence = Cadence::default();
        for minutes in [15, 30, 60, 120, 240, 360, 360] {
            cadence.asked(0, 0, false, 0);
            let pause = minutes * MINUTE * 9 / 10;
            assert!(!cadence.is_due(pause - 1, 1) && cadence.is_due(pause, 1), "{minutes}");
        }
        for _ in 0..100 {
            cadence.asked(0, 0, false, u64::MAX);
        }
        assert!(cadence.is_due(7 * 60 * MINUTE, 1));
        cadence.asked(0, 0, true, 0);
        assert!(cadence.is_due(15 * MINUTE, 1), "one answer makes up for it");
    }

    #[test]
    fn nobody_has_it_asked_without_end() {
        let mut cadence = Cadence::default();
        cadence.asked(1_000, 0, false, 0);
        assert!(!cadence.may_be_asked(1_000) && !cadence.may_be_asked(30_999) && cadence.may_be_asked(31_000));
    }
}
