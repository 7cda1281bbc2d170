//! What providers say is left of their limits: in the headers of every answer, and where one may ask for it.
//!
//! One reading serves them all: choosing takes the limit that is nearest ([`Reading::nearest`]), people and alerts see
//! each of them. Nothing here waits, allocates for headers, or asks the time.

pub mod google;
pub mod headers;
pub mod reader;
pub mod reset;
mod structured;

use serde::{Deserialize, Serialize};

pub use headers::{Reading, Told, read};
pub use reader::{Account, Answered, Asked, Reader, Unread};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Calls.
    Requests,
    /// LLM tokens.
    Tokens,
    /// Thousandths of a whole that nobody tells.
    Percent,
    /// Nano-dollars.
    Usd,
    /// Billionths of a yuan.
    Cny,
    /// What a vendor calls credits or points, in billionths.
    Credits,
}

impl Unit {
    /// Every unit.
    pub const ALL: [Self; 6] = [Self::Requests, Self::Tokens, Self::Percent, Self::Usd, Self::Cny, Self::Credits];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::Percent => "percent",
            Self::Usd => "usd",
            Self::Cny => "cny",
            Self::Credits => "credits",
        }
    }

    /// The unit of this text form.
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.as_str() == text)
    }

    /// How many of what is counted are one of what people name.
    pub const fn scale(self) -> u64 {
        match self {
            Self::Requests | Self::Tokens => 1,
            Self::Percent => 10,
            Self::Usd | Self::Cny | Self::Credits => 1_000_000_000,
        }
    }
}

/// What is left of `limit`, in thousandths: none where nobody knows the whole and something is left.
pub fn left_permille(limit: Option<u64>, left: Option<u64>) -> Option<u32> {
    match (limit, left) {
        (_, Some(0)) => Some(0),
        (Some(limit), Some(left)) if limit > 0 => {
            // Rounded up: a little that is left is not nothing.
            let permille = (u128::from(left.min(limit)) * 1_000).div_ceil(u128::from(limit));
            u32::try_from(permille).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact_at_both_ends() {
        assert_eq!(left_permille(Some(100), Some(5)), Some(50));
        assert_eq!(left_permille(Some(u64::MAX), Some(u64::MAX)), Some(1_000));
        assert_eq!(left_permille(Some(u64::MAX), Some(1)), Some(1), "a little is not nothing");
        assert_eq!(left_permille(Some(10), Some(11)), Some(1_000));
        assert_eq!(left_permille(None, Some(0)), Some(0));
        assert_eq!(left_permille(None, Some(7)), None);
        assert_eq!(left_permille(Some(0), Some(7)), None);
        assert_eq!(left_permille(Some(7), None), None);
    }

    #[test]
    fn every_unit_has_its_word() {
        assert!(Unit::ALL.into_iter().all(|unit| Unit::named(unit.as_str()) == Some(unit)));
        assert_eq!(Unit::named("euro"), None);
    }
}
