//! What is chosen from, what a choice depends on, and what it is.

use std::sync::Arc;

use super::criterion::Criterion;
use super::endpoint::{Claim, Endpoint, Trips};
use super::session::{Session, Sessions};

/// An endpoint that may serve a name.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// Its place among the targets of an alias; 0 where there is no order.
    pub rank: u32,
    /// Its share where traffic is split by weight.
    pub weight: u32,
}

/// Why an endpoint was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// There was no other.
    Only,
    /// This criterion decided.
    Criterion(Criterion),
    /// What was tried before failed.
    Fallback,
}

impl By {
    /// The word in headers and explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Only => "only",
            Self::Criterion(criterion) => criterion.as_str(),
            Self::Fallback => "fallback",
        }
    }
}

/// What a choice depends on besides the endpoints.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// The time, in milliseconds.
    pub now_ms: u64,
    /// A random number.
    pub random: u64,
    /// The conversation that asks.
    pub session: Option<Session>,
    /// Whether this may be the first request of a conversation that no cache knows: it is placed anew.
    pub is_opening: bool,
    /// Where conversations are at home.
    pub sessions: &'a Sessions,
    /// Places of candidates that have been tried.
    pub tried: &'a [usize],
    /// Whether an endpoint can serve the request at all.
    pub fits: &'a dyn Fn(&Endpoint) -> bool,
    /// When breakers open, and for how long.
    pub trips: &'a Trips,
}

/// The endpoint to try. Two are equal where the same call would be made for the same reason.
#[derive(Debug)]
pub struct Choice {
    /// Its place among the candidates.
    pub at: usize,
    /// Why it.
    pub by: By,
    /// Whether the call finds out if it has recovered.
    pub is_probe: bool,
    /// For [`Endpoint::begin`], where it does; none of a choice that is only explained.
    pub claim: Option<Claim>,
}

impl PartialEq for Choice {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.by, self.is_probe) == (other.at, other.by, other.is_probe)
    }
}

impl Eq for Choice {}
