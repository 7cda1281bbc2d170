//! What decides between endpoints, by name.

use std::fmt;
use std::str::FromStr;

/// What decides between endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Criterion {
    /// Where the conversation was served before.
    Affinity,
    /// The order of an alias's targets, then the provider's number.
    Priority,
    /// What tokens cost.
    Price,
    /// How fast it has been, and how much waits there.
    Latency,
    /// One after the other.
    RoundRobin,
    /// By weight.
    Weighted,
    /// What is left of the credential's limits.
    Quota,
}

impl Criterion {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Affinity, Self::Priority, Self::Price, Self::Latency, Self::RoundRobin, Self::Weighted, Self::Quota];
    /// The order where none is given.
    pub const USUAL: [Self; 4] = [Self::Affinity, Self::Priority, Self::Price, Self::Latency];

    /// The word in the configuration and in explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Affinity => "affinity",
            Self::Priority => "priority",
            Self::Price => "price",
            Self::Latency => "latency",
            Self::RoundRobin => "round_robin",
            Self::Weighted => "weighted",
            Self::Quota => "quota",
        }
    }

    /// Whether it sorts endpoints once and for all.
    pub(super) const fn is_fixed(self) -> bool {
        matches!(self, Self::Priority | Self::Price)
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is no criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoCriterion;

impl fmt::Display for NoCriterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write affinity, priority, price, latency, round_robin, weighted or quota")
    }
}

impl std::error::Error for NoCriterion {}

impl FromStr for Criterion {
    type Err = NoCriterion;

    fn from_str(text: &str) -> Result<Self, NoCriterion> {
        Self::ALL.into_iter().find(|criterion| criterion.as_str() == text).ok_or(NoCriterion)
    }
}
