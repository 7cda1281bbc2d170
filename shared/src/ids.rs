//! Ids of exchanges and attempts: time-ordered integers and their text forms.
//!
//! An id is `milliseconds since 1970 << 20` plus a counter, so that a range of time is a range of ids.

use std::fmt;
use std::str::FromStr;

/// Bits below the milliseconds.
const COUNTER_BITS: u32 = 20;

/// The greatest time an id can carry, in milliseconds since 1970 (the year 2248).
pub const MAX_MS: i64 = i64::MAX >> COUNTER_BITS;

/// The smallest id of a millisecond. Times before 1970 and after [`MAX_MS`] are clamped.
pub const fn first_of_ms(ms: i64) -> i64 {
    let ms = if ms < 0 {
        0
    } else if ms > MAX_MS {
        MAX_MS
    } else {
        ms
    };
    ms << COUNTER_BITS
}

/// The millisecond (since 1970) in which an id was given out.
pub const fn ms_of(id: i64) -> i64 {
    id >> COUNTER_BITS
}

/// One call to one endpoint. The primary key of its usage row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId(pub i64);

/// One client request with its answer, whatever the number of attempts. Text form: `req_` and 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExchangeId(pub i64);

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "req_{:016x}", self.0)
    }
}

/// A text that is no exchange id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a request id: expected `req_` and 16 lower-case hex digits")
    }
}

impl std::error::Error for NotAnId {}

impl FromStr for ExchangeId {
    type Err = NotAnId;

    fn from_str(s: &str) -> Result<Self, NotAnId> {
        let digits = s.strip_prefix("req_").ok_or(NotAnId)?;
        let ours = digits.len() == 16 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !ours {
            return Err(NotAnId);
        }
        i64::from_str_radix(digits, 16).map(Self).map_err(|_| NotAnId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_goes_both_ways_and_refuses_the_rest() {
        let id = ExchangeId(0x1234_5678_9abc_def0);
        assert_eq!(id.to_string(), "req_123456789abcdef0");
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in
            ["", "req_", "123456789abcdef0", "req_123456789ABCDEF0", "req_+23456789abcdef0", "req_ffffffffffffffff"]
        {
            assert_eq!(wrong.parse::<ExchangeId>(), Err(NotAnId), "{wrong}");
        }
    }

    #[test]
    fn times_outside_the_range_are_clamped() {
        assert_eq!(first_of_ms(-5), 0);
        assert_eq!(ms_of(first_of_ms(i64::MAX)), MAX_MS);
        assert_eq!(ms_of(first_of_ms(1_700_000_000_123)), 1_700_000_000_123);
    }
}
