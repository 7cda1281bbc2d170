//! Figures as providers write them: missing, null, floats, texts or nonsense, none of which is a reason to lose the others.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A token count that may be missing, null, a float, or nonsense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::count) struct Lenient(pub(in crate::count) Option<u64>);

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AnyNumber;
        impl<'de> Visitor<'de> for AnyNumber {
            type Value = Lenient;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a token count")
            }
            fn visit_u64<E>(self, n: u64) -> Result<Lenient, E> {
                Ok(Lenient(Some(n)))
            }
            fn visit_i64<E>(self, n: i64) -> Result<Lenient, E> {
                Ok(Lenient(u64::try_from(n).ok()))
            }
            fn visit_f64<E>(self, n: f64) -> Result<Lenient, E> {
                #[expect(clippy::cast_sign_loss, reason = "checked to be in range")]
                Ok(Lenient((n.is_finite() && (0.0..1e15).contains(&n)).then_some(n as u64)))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Lenient, E> {
                Ok(Lenient(None))
            }
            fn visit_str<E>(self, text: &str) -> Result<Lenient, E> {
                Ok(Lenient(text.parse().ok()))
            }
            fn visit_unit<E>(self) -> Result<Lenient, E> {
                Ok(Lenient(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Lenient, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Lenient(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lenient, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Lenient(None))
            }
        }
        from.deserialize_any(AnyNumber)
    }
}

impl Lenient {
    /// The count that `json` is; plain digits, which they nearly all are, without a parser.
    pub(super) fn of(json: &[u8]) -> Self {
        if !json.is_empty() && json.len() <= 15 && json.iter().all(u8::is_ascii_digit) {
            return Self(Some(json.iter().fold(0, |n, digit| n * 10 + u64::from(digit - b'0'))));
        }
        serde_json::from_slice(json).unwrap_or_default()
    }
}

/// The amount of US dollars that `json` is, in nano-dollars: rounded, as providers do not reckon it in integers.
pub(super) fn nanos(json: &[u8]) -> Option<u64> {
    scaled(json, 1e9)
}

/// The same for tenths of nano-dollars, which xAI calls ticks.
pub(super) fn ticks(json: &[u8]) -> Option<u64> {
    scaled(json, 0.1)
}

/// The whole that `json`, which may be a fraction, is a part of: a second that was begun is paid for.
pub(super) fn whole(json: &[u8]) -> Option<u64> {
    let number = number(json)?.ceil();
    #[expect(clippy::cast_sign_loss, reason = "checked to be in range")]
    (0.0..1e15).contains(&number).then_some(number as u64)
}

/// Seconds in microseconds; 0 where they are none.
pub(super) fn micros(json: &[u8]) -> u32 {
    scaled(json, 1e6).and_then(|micros| u32::try_from(micros).ok()).unwrap_or(0)
}

/// Milliseconds in microseconds; 0 where they are none.
pub(super) fn millis(json: &[u8]) -> u32 {
    scaled(json, 1e3).and_then(|micros| u32::try_from(micros).ok()).unwrap_or(0)
}

fn scaled(json: &[u8], by: f64) -> Option<u64> {
    let scaled = (number(json)? * by).round();
    #[expect(clippy::cast_sign_loss, reason = "checked to be in range")]
    (0.0..1e18).contains(&scaled).then_some(scaled as u64)
}

fn number(json: &[u8]) -> Option<f64> {
    let text = str::from_utf8(json).ok()?.trim_matches('"');
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_and_seconds_of_any_form() {
        for (json, expected) in [
            ("0.00014", Some(140_000)),
            ("0.0000125", Some(12_500)),
            ("\"0.5\"", Some(500_000_000)),
            ("1e-9", Some(1)),
            ("0", Some(0)),
            ("-1", None),
            ("1e99", None),
            ("NaN", None),
            ("null", None),
            ("{}", None),
        ] {
            assert_eq!(nanos(json.as_bytes()), expected, "{json}");
        }
        assert_eq!((micros(b"0.463"), micros(b"-1"), micros(b"1e9")), (463_000, 0, 0));
        assert_eq!((millis(b"463.2504"), millis(b"null")), (463_250, 0));
        assert_eq!((ticks(b"1625000"), ticks(b"x")), (Some(162_500), None));
        assert_eq!((whole(b"12"), whole(b"11.2"), whole(b"-1")), (Some(12), Some(12), None));
    }
}
