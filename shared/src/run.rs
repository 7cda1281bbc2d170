//! Runs: one launch of an agent with a token of its own, and what came of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::budget::BudgetView;
use crate::label::Labels;
use crate::usage_of::{UsageLine, UsageTotals};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// It has not.
    Running,
    /// The agent ended, and its launcher said so (`DELETE /admin/api/tokens/{id}?reason=finished`).
    Finished,
    /// Nobody renewed its lease.
    Lease,
    /// Its time was over.
    Expired,
    /// Somebody ended it, or a token above it.
    Revoked,
    /// Its budget was used up, and it was swept away for it.
    UsedUp,
}

impl RunEnd {
    /// Every end.
    pub const ALL: [Self; 6] = [Self::Running, Self::Finished, Self::Lease, Self::Expired, Self::Revoked, Self::UsedUp];

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Lease => "lease",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::UsedUp => "used_up",
        }
    }
}

impl FromStr for RunEnd {
    type Err = ();

    fn from_str(s: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|end| end.as_str() == s).ok_or(())
    }
}

impl fmt::Display for RunEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a run and the tokens below it took from budgets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunSpent {
    /// Requests.
    pub requests: u64,
    /// LLM tokens, in and out.
    pub tokens: u64,
    /// Nano-dollars.
    pub cost_nanos: u64,
}

/// One run among others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunView {
    /// The id of its token, `tok_…`; the run keeps it when the token is gone.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The labels of its token: `agent`, `repository`, `branch`, `host` and whatever else its launcher said.
    pub labels: Labels,
    /// When its token was made, in milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended, in milliseconds since 1970; `null`: it runs.
    pub ended_ms: Option<i64>,
    /// How it ended.
    pub ended_by: RunEnd,
    /// What the agent returned, where its launcher said so.
    pub exit_code: Option<u8>,
    /// The signal that the agent died of, where its launcher said so.
    pub exit_signal: Option<u8>,
    /// What it took from budgets, also by tokens below it.
    pub spent: RunSpent,
}

/// `GET /admin/api/me/runs`: the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunPage {
    /// What this page holds.
    pub runs: Vec<RunView>,
    /// Where the next page starts; `null` on the last one.
    pub next: Option<String>,
}

/// A conversation of an agent, or of one of its sub-agents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunSession {
    /// The agent's own id of it; `null`: requests that named none.
    pub id: Option<String>,
    /// The id of the session that it was begun by, as the agent named it.
    pub parent: Option<String>,
    /// How many sessions lie above it: 0 for one that the agent began with.
    pub depth: u32,
    /// The program that asked.
    pub agent: Option<String>,
    /// When its first request began, in milliseconds since 1970.
    pub first_ms: i64,
    /// When its last request began, in milliseconds since 1970.
    pub last_ms: i64,
    /// What it used itself.
    pub totals: UsageTotals,
    /// What it and all sessions below it cost, in nano-dollars.
    pub tree_cost_nanos: u64,
}

/// `GET /admin/api/me/runs/{id}`: one run, with all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunDetail {
    /// The run.
    #[serde(flatten)]
    pub run: RunView,
    /// Everything that it used, also by tokens below it.
    pub totals: UsageTotals,
    /// By the model that was sent upstream, the dearest first.
    pub models: Vec<UsageLine>,
    /// Its sessions, each after the one that began it (`depth` tells how deep), the oldest first.
    pub sessions: Vec<RunSession>,
    /// Sessions that are left out; `totals` counts them.
    pub sessions_omitted: u64,
    /// Its budgets, as they stand or stood when it ended.
    pub budgets: Vec<BudgetView>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_have_one_word_each() {
        for end in RunEnd::ALL {
            assert_eq!(serde_json::to_string(&end).unwrap(), format!("\"{end}\""));
            assert_eq!(end.as_str().parse(), Ok(end));
        }
    }
}
