//! Where conversations are at home, so that each finds its prompt cache again.
//!
//! A table of fixed size without locks: eight places per set, and the one that was used longest ago gives way. What is
//! forgotten is no harm: the conversation is placed anew, usually at the same endpoint.

use std::sync::atomic::{AtomicU64, Ordering};

use super::mix;

/// Places in a set: one line of the processor's cache.
const WAYS: usize = 8;
/// Sets.
const SETS: usize = 8 << 10;
/// A time unit of the table, in milliseconds.
const UNIT_MS: u64 = 60_000;

/// A conversation, as far as routing knows it: a digest of whose it is, by what it was recognised, and for which model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Session(pub u64);

/// An endpoint's number, unique for the life of the process. At most 24 bits count.
pub type EndpointId = u32;

/// The home of each conversation.
///
/// ```
/// use tokenrouter::pick::session::{Session, Sessions};
///
/// let sessions = Sessions::new(60 * 60_000);
/// sessions.settle(Session(7), 3, 0);
/// assert_eq!(sessions.home(Session(7), 30 * 60_000), Some(3));
/// // Caches do not live longer than that.
/// assert_eq!(sessions.home(Session(7), 62 * 60_000), None);
/// ```
pub struct Sessions {
    /// 24 bits of the session, 24 bits of the endpoint plus one, 16 bits of time; 0 is empty.
    places: Box<[AtomicU64]>,
    life: u64,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").field("life", &self.life).finish_non_exhaustive()
    }
}

const TIME_MASK: u64 = 0xffff;
const ID_MASK: u64 = 0xff_ffff;

impl Sessions {
    /// An empty table; a home is kept for `life_ms` after its last use, by the minute and at most 22 days.
    pub fn new(life_ms: u64) -> Self {
        let life = (life_ms / UNIT_MS).min(TIME_MASK / 2);
        // Who remembers nothing needs no room for it.
        let size = if life == 0 { 0 } else { SETS * WAYS };
        Self { places: std::iter::repeat_with(AtomicU64::default).take(size).collect(), life }
    }

    /// Where `session` was served last; none if that is too long ago.
    pub fn home(&self, session: Session, now_ms: u64) -> Option<EndpointId> {
        if self.life == 0 {
            return None;
        }
        let (set, mark) = self.set(session);
        let word =
            set.iter().map(|place| place.load(Ordering::Relaxed)).find(|word| word >> 40 == mark && *word != 0)?;
        (age(word, now_ms) <= self.life).then(|| u32::try_from((word >> 16) & ID_MASK).unwrap_or(0).wrapping_sub(1))
    }

    /// `session` is served by `endpoint` from now on.
    pub fn settle(&self, session: Session, endpoint: EndpointId, now_ms: u64) {
        let (set, mark) = self.set(session);
        let id = (u64::from(endpoint) + 1) & ID_MASK;
        let word = (mark << 40) | (id << 16) | ((now_ms / UNIT_MS) & TIME_MASK);
        let mut oldest: Option<(&AtomicU64, u64)> = None;
        for place in set {
            let held = place.load(Ordering::Relaxed);
            if held == word {
                return;
            }
            if held == 0 || held >> 40 == mark {
                place.store(word, Ordering::Relaxed);
                return;
            }
            let age = age(held, now_ms);
            if oldest.is_none_or(|(_, most)| age > most) {
                oldest = Some((place, age));
            }
        }
        if let Some((place, _)) = oldest {
            place.store(word, Ordering::Relaxed);
        }
    }

    fn set(&self, session: Session) -> (&[AtomicU64], u64) {
        let hash = mix(session.0);
        let at = (hash as usize % SETS) * WAYS;
        let set = self.places.get(at..at + WAYS).unwrap_or_default();
        (set, hash >> 40)
    }
}

fn age(word: u64, now_ms: u64) -> u64 {
    let age = (now_ms / UNIT_MS).wrapping_sub(word) & TIME_MASK;
    // Used by somebody whose clock was read a moment later.
    if age == TIME_MASK { 0 } else { age }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_last_home_and_forgets_in_time() {
        let sessions = Sessions::new(60 * UNIT_MS);
        assert_eq!(sessions.home(Session(1), 0), None);
        sessions.settle(Session(1), 0, 0);
        sessions.settle(Session(2), 9, 0);
        assert_eq!((sessions.home(Session(1), 0), sessions.home(Session(2), 0)), (Some(0), Some(9)));
        sessions.settle(Session(1), 5, 59 * UNIT_MS);
        assert_eq!(sessions.home(Session(1), 119 * UNIT_MS), Some(5));
        assert_eq!(sessions.home(Session(1), 120 * UNIT_MS), None);
        assert_eq!(sessions.home(Session(2), 61 * UNIT_MS), None);
    }

    #[test]
    fn is_bounded_and_lets_go_of_the_oldest() {
        let sessions = Sessions::new(1_000 * UNIT_MS);
        for n in 0..200_000_u64 {
            sessions.settle(Session(n), 1, (n / 1_000) * UNIT_MS);
        }
        let held =
            |range: std::ops::Range<u64>| range.filter(|n| sessions.home(Session(*n), 200 * UNIT_MS).is_some()).count();
        assert!(held(0..20_000) < 20);
        assert!(held(190_000..200_000) > 9_900, "{}", held(190_000..200_000));
    }

    #[test]
    fn of_no_life_is_no_memory() {
        let sessions = Sessions::new(0);
        sessions.settle(Session(1), 5, 0);
        assert_eq!(sessions.home(Session(1), 0), None);
    }
}
