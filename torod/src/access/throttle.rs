//! Slows down whoever guesses: attempts that failed, by client address and in all, in bounded memory.
//!
//! An attempt is counted before it is made and given back when it was right. Otherwise many at once would all be let
//! in before the first of them has failed.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Addresses that are remembered; the time within which failures count bounds them too.
const MOST: usize = 8192;

/// How many failures in a row, and one more after how long.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// At once.
    pub burst: u32,
    /// Until one more, in milliseconds.
    pub every_ms: i64,
}

impl Rate {
    fn room_ms(self) -> i64 {
        self.every_ms.saturating_mul(i64::from(self.burst.saturating_sub(1)))
    }

    /// The moment up to which attempts are paid for, with one more at `now_ms`; or how long to wait.
    fn pay(self, paid_ms: i64, now_ms: i64) -> Result<i64, i64> {
        // What lies further ahead than attempts can be paid for is from before the clock was set back.
        let furthest_ms = now_ms.saturating_add(self.room_ms()).saturating_add(self.every_ms);
        let paid_ms = if paid_ms > furthest_ms { now_ms } else { paid_ms };
        let late_ms = paid_ms.saturating_sub(now_ms).saturating_sub(self.room_ms());
        if late_ms > 0 { Err(late_ms) } else { Ok(paid_ms.max(now_ms).saturating_add(self.every_ms)) }
    }
}

/// Whose attempts count together: an IPv4 address, or a network of the size that one customer gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whence {
    /// By the control socket, or unknown.
    Here,
    /// An IPv4 address.
    V4([u8; 4]),
    /// The first 64 bits of an IPv6 address.
    V6([u8; 8]),
}

impl From<Option<IpAddr>> for Whence {
    fn from(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            None => Self::Here,
            Some(IpAddr::V4(address)) => Self::V4(address.octets()),
            Some(IpAddr::V6(address)) => {
                let network = address.octets().first_chunk().copied();
                Self::V6(network.unwrap_or_default())
            }
        }
    }
}

/// Counts attempts.
#[derive(Debug)]
pub struct Throttle {
    each: Rate,
    all: Rate,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    paid_ms: HashMap<Whence, i64>,
    all_paid_ms: i64,
}

impl Throttle {
    /// Lets through `each` address so many failures, and `all` together so many.
    pub fn new(each: Rate, all: Rate) -> Self {
        Self { each, all, state: Mutex::default() }
    }

    /// Counts an attempt as failed; or says after how many milliseconds it may be made.
    pub fn enter(&self, whence: Whence, now_ms: i64) -> Result<(), i64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let all_paid_ms = self.all.pay(state.all_paid_ms, now_ms);
        let own_paid_ms = self.each.pay(state.paid_ms.get(&whence).copied().unwrap_or(i64::MIN), now_ms);
        let (all_paid_ms, own_paid_ms) = match (all_paid_ms, own_paid_ms) {
            (Ok(all), Ok(own)) => (all, own),
            (Err(a), Err(b)) => return Err(a.max(b)),
            (Err(wait), _) | (_, Err(wait)) => return Err(wait),
        };
        if state.paid_ms.len() >= MOST && !state.paid_ms.contains_key(&whence) {
            make_room(&mut state.paid_ms, now_ms);
        }
        state.paid_ms.insert(whence, own_paid_ms);
        state.all_paid_ms = all_paid_ms;
        Ok(())
    }

    /// The attempt was right: it is not counted.
    pub fn forgive(&self, whence: Whence) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.all_paid_ms = state.all_paid_ms.saturating_sub(self.all.every_ms);
        if let Some(paid_ms) = state.paid_ms.get_mut(&whence) {
            *paid_ms = paid_ms.saturating_sub(self.each.every_ms);
        }
    }
}

/// Forgets those whose failures count no more, and else whoever failed least.
fn make_room(paid_ms: &mut HashMap<Whence, i64>, now_ms: i64) {
    paid_ms.retain(|_, paid_ms| *paid_ms > now_ms);
    if paid_ms.len() >= MOST
        && let Some(least) = paid_ms.iter().min_by_key(|(_, paid_ms)| **paid_ms).map(|(whence, _)| *whence)
    {
        paid_ms.remove(&least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EACH: Rate = Rate { burst: 3, every_ms: 1_000 };
    const ALL: Rate = Rate { burst: 5, every_ms: 100 };

    fn from(text: &str) -> Whence {
        Some(text.parse::<IpAddr>().unwrap()).into()
    }

    #[test]
    fn failures_count_and_fade_and_what_was_right_does_not_count() {
        let throttle = Throttle::new(EACH, ALL);
        let one = from("192.0.2.1");
        for _ in 0..100 {
            assert_eq!(throttle.enter(one, 50_000), Ok(()));
            throttle.forgive(one);
        }
        for _ in 0..3 {
            assert_eq!(throttle.enter(one, 50_000), Ok(()));
        }
        assert_eq!(throttle.enter(one, 50_000), Err(1_000));
        assert_eq!(throttle.enter(one, 50_999), Err(1));
        assert_eq!(throttle.enter(one, 51_000), Ok(()));
        assert_eq!(throttle.enter(one, 51_000), Err(1_000));
        assert_eq!(throttle.enter(from("192.0.2.2"), 51_000), Ok(()), "another address");
    }

    #[test]
    fn all_addresses_together_have_a_bound_and_networks_count_as_one() {
        let throttle = Throttle::new(EACH, ALL);
        for n in 0..5 {
            assert_eq!(throttle.enter(from(&format!("192.0.2.{n}")), 9_000), Ok(()));
        }
        assert_eq!(throttle.enter(from("192.0.2.99"), 9_000), Err(100));
        assert_eq!(throttle.enter(from("192.0.2.99"), 9_100), Ok(()));
        assert_eq!(from("2001:db8::1"), from("2001:db8::ffff:1"));
        assert_ne!(from("2001:db8::1"), from("2001:db8:0:1::1"));
        assert_eq!(from("::ffff:192.0.2.1"), from("192.0.2.1"));
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out_for_long() {
        let throttle = Throttle::new(EACH, ALL);
        let one = from("192.0.2.1");
        for _ in 0..3 {
            assert_eq!(throttle.enter(one, 1_000_000_000), Ok(()));
        }
        for _ in 0..3 {
            assert_eq!(throttle.enter(one, 5_000), Ok(()));
        }
        assert_eq!(throttle.enter(one, 5_000), Err(1_000));
        assert_eq!(throttle.enter(one, 6_000), Ok(()));
    }

    #[test]
    fn memory_is_bounded_whoever_comes() {
        let throttle = Throttle::new(EACH, Rate { burst: u32::MAX, every_ms: 1 });
        for n in 0..20_000_u32 {
            assert_eq!(throttle.enter(Whence::V4(n.to_be_bytes()), 77_000), Ok(()));
        }
        assert!(throttle.state.lock().unwrap().paid_ms.len() <= MOST);
    }
}
