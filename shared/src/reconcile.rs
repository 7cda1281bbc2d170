//! A provider's bill beside what is written down here, as the admin API states it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `POST /admin/api/usage/reconcile`: the export of a provider, and how it is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Reconcile {
    /// The export itself: CSV or JSON.
    pub text: String,
    /// Whose it is, by the provider's name here; without it, of the only provider that there are rows of.
    #[serde(default)]
    pub provider: Option<String>,
    /// What columns are called where that is not known: `day`, `model`, `cost`, `calls`, `input`, `input_uncached`,
    /// `cache_read`, `cache_write`, `output` and `currency`, each with its name.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// Also what is the same on both sides.
    #[serde(default)]
    pub all: bool,
}

/// How far both sides are apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reconciled {
    /// Whose bill it is.
    pub provider: String,
    /// Every model on every day of the bill that differs; the others too where all were asked for.
    pub lines: Vec<ReconciledLine>,
    /// Lines that are left out, beyond the number that is told.
    pub omitted: u64,
    /// Models and days that are the same on both sides.
    pub same: u64,
    /// The sum of all differences, each by its size, in millionths of what they say: of the cost, or of the tokens where they
    /// say no cost; `null` where they ask for nothing and we reckoned something.
    pub drift_millionths: Option<u64>,
    /// What could not be read in the export.
    pub left: Vec<Uncounted>,
}

/// One model on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReconciledLine {
    /// The day, in UTC.
    pub day: String,
    /// The model, without vendor and date.
    pub model: String,
    /// Calls that they know of, where they say so.
    pub their_calls: Option<u64>,
    /// Calls that are written down here.
    pub our_calls: u64,
    /// LLM tokens that they know of, where they say so.
    pub their_tokens: Option<u64>,
    /// LLM tokens that are written down here.
    pub our_tokens: u64,
    /// What they ask for, in nano-dollars, where they say so.
    pub their_nanos: Option<i64>,
    /// What was reckoned here, in nano-dollars.
    pub our_nanos: i64,
    /// What may be the reason of a difference.
    pub reasons: Vec<String>,
}

impl ReconciledLine {
    /// By how many nano-dollars they ask for more.
    pub fn nanos(&self) -> Option<i64> {
        Some(self.their_nanos?.saturating_sub(self.our_nanos))
    }

    /// By how many tokens they know of more.
    pub fn tokens(&self) -> Option<i64> {
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        Some(signed(self.their_tokens?).saturating_sub(signed(self.our_tokens)))
    }

    /// Whether both sides say the same.
    pub fn is_same(&self) -> bool {
        self.nanos().unwrap_or(0) == 0 && self.tokens().unwrap_or(0) == 0
    }
}

/// What was left out, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Uncounted {
    /// What, and why.
    pub what: String,
    /// How often.
    pub count: u64,
}
