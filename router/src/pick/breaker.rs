//! A circuit breaker in one word of memory: who fails too often is left alone for a while, then tried by one caller.
//!
//! Closed, it counts failures in a row. Open, it refuses until its time has come; then exactly one caller may try (the
//! probe), and everybody else goes on waiting. A probe that is never heard of again is lost, not the endpoint: after
//! another recovery time the next caller may try.

use std::sync::atomic::{AtomicU64, Ordering};

/// The memory that a [`Breaker`] lives in: an atomic integer, or a model checker's stand-in for one.
pub trait Word {
    /// One that holds 0.
    fn zero() -> Self;
    /// Reads it.
    fn load(&self) -> u64;
    /// Writes `new` if it still holds `old`; says whether it did.
    fn replace(&self, old: u64, new: u64) -> bool;
}

impl Word for AtomicU64 {
    fn zero() -> Self {
        Self::new(0)
    }

    fn load(&self) -> u64 {
        Self::load(self, Ordering::Acquire)
    }

    fn replace(&self, old: u64, new: u64) -> bool {
        self.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// When a breaker opens and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trip {
    /// So many failures in a row open it.
    pub failures: u32,
    /// So long it stays open, in milliseconds.
    pub recovery_ms: u64,
}

/// Whether a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It may.
    Open,
    /// It may, by one caller, who must [`Breaker::claim`] it.
    Probe,
    /// Not before this time, in milliseconds.
    Shut(u64),
    /// Somebody is finding out whether all is well; who has heard nothing of it by this time, in milliseconds, may try.
    Probed(u64),
}

/// A probe that was taken: what it wrote, and what stood there before. Only [`Breaker::give_back`] has a use for it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a probe that is neither made nor given back is missed for a recovery time"]
pub struct Claimed {
    wrote: u64,
    before: u64,
}

/// A circuit breaker. Times are milliseconds of any clock that never goes back; 0 is before all of them.
///
/// ```
/// use tokenrouter::pick::breaker::{Breaker, Gate, Trip};
///
/// let (breaker, trip) = (<Breaker>::default(), Trip { failures: 3, recovery_ms: 60_000 });
/// for _ in 0..3 {
///     breaker.failed(1_000, trip);
/// }
/// assert_eq!(breaker.gate(60_999), Gate::Shut(61_000));
/// assert_eq!(breaker.gate(61_000), Gate::Probe);
/// // One caller wins the probe, the others go on waiting until it is back.
/// let probe = breaker.claim(61_000, trip);
/// assert!(probe.is_some() && breaker.claim(61_000, trip).is_none());
/// assert_eq!(breaker.gate(61_001), Gate::Probed(121_000));
/// breaker.recovered();
/// assert_eq!(breaker.gate(61_001), Gate::Open);
/// ```
#[derive(Debug)]
pub struct Breaker<W: Word = AtomicU64> {
    /// The lowest [`COUNT_BITS`] count failures in a row; the next says that a probe is under way; the rest is when the
    /// next probe may be, 0 while closed.
    word: W,
}

const COUNT_BITS: u32 = 15;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
const PROBED: u64 = 1 << COUNT_BITS;
const TIME_SHIFT: u32 = COUNT_BITS + 1;

impl<W: Word> Default for Breaker<W> {
    fn default() -> Self {
        Self { word: W::zero() }
    }
}

const fn parts(word: u64) -> (u64, u64) {
    (word >> TIME_SHIFT, word & COUNT_MASK)
}

/// An open breaker always has a time.
fn open(until_ms: u64, failures: u64) -> u64 {
    (until_ms.clamp(1, u64::MAX >> TIME_SHIFT) << TIME_SHIFT) | failures
}

impl<W: Word> Breaker<W> {
    /// Whether a call may be made now.
    pub fn gate(&self, now_ms: u64) -> Gate {
        let word = self.word.load();
        match parts(word) {
            (0, _) => Gate::Open,
            (until, _) if now_ms >= until => Gate::Probe,
            (until, _) if word & PROBED != 0 => Gate::Probed(until),
            (until, _) => Gate::Shut(until),
        }
    }

    /// Takes the probe; none where this caller may not make it.
    pub fn claim(&self, now_ms: u64, trip: Trip) -> Option<Claimed> {
        let before = self.word.load();
        let (until, failures) = parts(before);
        // Until the probe is back, everybody waits; if it never comes back, as long as if it had failed already.
        let wrote = open(now_ms.saturating_add(trip.recovery_ms), failures) | PROBED;
        (until != 0 && now_ms >= until && self.word.replace(before, wrote)).then_some(Claimed { wrote, before })
    }

    /// The claim of a caller that calls although it may not; none of a closed breaker. Given back, it changes nothing.
    pub(super) fn claim_anyway(&self) -> Option<Claimed> {
        let word = self.word.load();
        (parts(word).0 != 0).then_some(Claimed { wrote: word, before: word })
    }

    /// A call succeeded that was not the probe: the failures in a row end. An open breaker stays open: the call may have
    /// begun before whatever happened since.
    pub fn succeeded(&self) {
        loop {
            let word = self.word.load();
            let (until, failures) = parts(word);
            if until != 0 || failures == 0 || self.word.replace(word, 0) {
                return;
            }
        }
    }

    /// The probe succeeded, or something else proves that all is well. Says whether that closed it.
    pub fn recovered(&self) -> bool {
        loop {
            let word = self.word.load();
            if word == 0 || self.word.replace(word, 0) {
                return parts(word).0 != 0;
            }
        }
    }

    /// A call failed. Says whether that opened it.
    pub fn failed(&self, now_ms: u64, trip: Trip) -> bool {
        loop {
            let word = self.word.load();
            let (until, failures) = parts(word);
            let failures = (failures + 1).min(COUNT_MASK);
            let opens = failures >= u64::from(trip.failures.max(1));
            let later = now_ms.saturating_add(trip.recovery_ms);
            // What fails while it is open, the probe among it, makes everybody wait from now on.
            let new = if until != 0 || opens { open(later.max(until), failures) } else { failures };
            if self.word.replace(word, new) {
                return opens && until == 0;
            }
        }
    }

    /// Lets nobody in until `until_ms`, whatever was counted. Says whether that opened it.
    pub fn shut(&self, until_ms: u64) -> bool {
        loop {
            let word = self.word.load();
            let (until, failures) = parts(word);
            let is_shut = until >= until_ms && word & PROBED == 0;
            // The answer of a probe that is under way, perhaps: it is not waited for any more.
            if is_shut || self.word.replace(word, open(until_ms.max(until), failures)) {
                return until == 0;
            }
        }
    }

    /// The probe was not made after all, or says nothing: the next caller may make it. What was learnt since it was
    /// taken stays as it is.
    pub fn give_back(&self, Claimed { wrote, before }: Claimed) {
        self.word.replace(wrote, before);
    }

    /// Failures in a row, and until when it is open in milliseconds; 0 for closed.
    pub fn reading(&self) -> (u64, u64) {
        let (until, failures) = parts(self.word.load());
        (failures, until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIP: Trip = Trip { failures: 3, recovery_ms: 60_000 };

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        let breaker: Breaker = Breaker::default();
        assert!(!breaker.failed(1, TRIP) && !breaker.failed(2, TRIP));
        breaker.succeeded();
        assert!(!breaker.failed(3, TRIP) && !breaker.failed(4, TRIP));
        assert_eq!(breaker.gate(4), Gate::Open);
        assert!(breaker.failed(5, TRIP));
        assert_eq!(breaker.gate(60_004), Gate::Shut(60_005));
        assert_eq!(breaker.reading(), (3, 60_005));
    }

    #[test]
    fn only_the_probe_closes_it_and_its_failure_makes_all_wait_again() {
        let breaker: Breaker = Breaker::default();
        let once = Trip { failures: 1, recovery_ms: 100 };
        breaker.failed(0, once);
        // Begun before it opened.
        breaker.succeeded();
        assert_eq!(breaker.gate(50), Gate::Shut(100));
        assert_eq!(breaker.claim(99, once), None);
        assert!(breaker.claim(100, once).is_some());
        assert_eq!(breaker.gate(150), Gate::Probed(200));
        assert!(!breaker.failed(180, once), "it was open already");
        assert_eq!(breaker.gate(200), Gate::Shut(280));
        // A probe that never comes back costs one more recovery time.
        assert!(breaker.claim(280, once).is_some());
        assert_eq!(breaker.gate(380), Gate::Probe);
        assert!(breaker.claim(380, once).is_some());
        breaker.recovered();
        assert_eq!(breaker.reading(), (0, 0));
    }

    #[test]
    fn a_probe_that_was_not_made_is_the_next_callers() {
        let breaker: Breaker = Breaker::default();
        breaker.failed(0, Trip { failures: 1, recovery_ms: 100 });
        let probe = breaker.claim(100, TRIP).unwrap();
        breaker.give_back(probe);
        assert_eq!(breaker.gate(100), Gate::Probe);
        let probe = breaker.claim(100, TRIP).unwrap();
        breaker.recovered();
        breaker.give_back(probe);
        assert_eq!(breaker.gate(100), Gate::Open, "closed in the meantime");
    }

    #[test]
    fn what_is_learnt_while_a_probe_is_out_outlives_its_giving_back() {
        let once = Trip { failures: 1, recovery_ms: 100 };
        let opened = || {
            let breaker: Breaker = Breaker::default();
            breaker.failed(0, once);
            let probe = breaker.claim(100, once).unwrap();
            (breaker, probe)
        };
        let (breaker, probe) = opened();
        breaker.failed(150, once);
        breaker.give_back(probe);
        assert_eq!(breaker.gate(200), Gate::Shut(250));
        let (breaker, probe) = opened();
        // Shorter than the probe was given: it ends the probe all the same.
        breaker.shut(180);
        breaker.give_back(probe);
        assert_eq!(breaker.gate(150), Gate::Shut(200));
        let (breaker, probe) = opened();
        // Lost and made by the next one, who is still out.
        assert!(breaker.claim(200, once).is_some());
        breaker.give_back(probe);
        assert_eq!(breaker.gate(250), Gate::Probed(300));
    }

    #[test]
    fn fifty_callers_after_recovery_make_one_probe() {
        let breaker: Breaker = Breaker::default();
        breaker.failed(1, Trip { failures: 1, recovery_ms: 10 });
        let won = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..50 {
                scope.spawn(|| {
                    if breaker.claim(11, TRIP).is_some() {
                        won.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(won.load(Ordering::Relaxed), 1);
    }
}
