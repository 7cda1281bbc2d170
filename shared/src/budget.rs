//! How a token's budgets stand.

use serde::{Deserialize, Serialize};

use crate::limits::BudgetUnit;
use crate::window::Window;

/// One budget, and what is left of it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BudgetView {
    /// What is counted.
    pub unit: BudgetUnit,
    /// How much of it there is.
    pub limit: u64,
    /// Within which time.
    #[serde(default, skip_serializing_if = "Window::is_lifetime")]
    pub window: Window,
    /// What the token and those below it have used of it, reservations of requests under way included.
    pub used: u64,
    /// What is left.
    pub remaining: u64,
    /// When all of it is there again, in milliseconds since 1970; `null`: never by itself.
    pub resets_ms: Option<i64>,
}

/// What is left of one unit, whichever limit is the tightest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeftView {
    /// What is counted.
    pub unit: BudgetUnit,
    /// How much of it there is within the tightest limit.
    pub limit: u64,
    /// What is left.
    pub remaining: u64,
    /// When all of it is there again, in milliseconds since 1970; `null`: never by itself.
    pub resets_ms: Option<i64>,
}
