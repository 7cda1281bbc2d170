//! Logging in to the admin pages, and the first token of all.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::role::Role;

/// `POST /admin/api/login`: the key of a token, for a session in a cookie.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// `tr_…`
    pub key: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(redacted)")
    }
}

/// Somebody's login in a browser. The cookie itself is never told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionView {
    /// `ses_…`
    pub id: String,
    /// The id of the token that logged in.
    pub token: String,
    /// The token's name.
    pub name: String,
    /// What the token may do.
    pub role: Role,
    /// When it began, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it was last used, in milliseconds since 1970.
    pub seen_ms: i64,
    /// When it ends if nobody uses it any more, in milliseconds since 1970.
    pub ends_ms: i64,
    /// When it ends whatever happens, in milliseconds since 1970.
    pub expires_ms: i64,
    /// Where the browser was at login.
    pub address: Option<String>,
    /// What the browser calls itself.
    pub agent: Option<String>,
    /// Whether the question came with this one.
    pub current: bool,
}

/// `GET /admin/api/sessions`: newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionList {
    /// The sessions.
    pub sessions: Vec<SessionView>,
    /// Where the next page starts; `null` on the last one.
    pub next: Option<String>,
}

/// `POST /admin/api/setup`: the first admin token.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetupCreate {
    /// The one-time code of the daemon's log; not needed on the gateway's own machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// A name for the token; `admin` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl fmt::Debug for SetupCreate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetupCreate").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The answer to [`SetupCreate`]: the only place where the key ever appears.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetupCreated {
    /// `tok_…`
    pub id: String,
    /// `tr_…`: the secret, shown once.
    pub key: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it ends, in milliseconds since 1970; `null`: never.
    pub expires_ms: Option<i64>,
    /// What to do with it.
    pub note: String,
}

impl fmt::Debug for SetupCreated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetupCreated").field("id", &self.id).finish_non_exhaustive()
    }
}

/// `GET /admin/api/me`: who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Me {
    /// `tok_…`; `null` for the data folder's owner.
    pub id: Option<String>,
    /// The token's name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it ends by itself, in milliseconds since 1970; `null`: never.
    pub expires_ms: Option<i64>,
    /// The login that this came with; `null` with a key.
    pub session: Option<SessionView>,
    /// What it may use, besides what those above it leave.
    pub limits: crate::limits::Limits,
    /// How its own budgets stand.
    pub budgets: Vec<crate::budget::BudgetView>,
    /// What is left for its next request, of each unit that it or a token above it has a budget or rate of: the least.
    #[serde(default)]
    pub left: Vec<crate::budget::LeftView>,
    /// What people sort and search by.
    #[serde(default)]
    pub labels: crate::label::Labels,
    /// Whether it was made for one run of an agent.
    #[serde(default)]
    pub run: bool,
    /// The lease that somebody has to renew, its own or the one of those above it that ends first; `null`: none.
    #[serde(default)]
    pub lease: Option<crate::token::LeaseView>,
    /// When it ends if nobody does anything, by its time or by its lease, in milliseconds since 1970; `null`: never.
    #[serde(default)]
    pub ends_ms: Option<i64>,
    /// The gateway's version.
    #[serde(default)]
    pub version: String,
    /// What it has used since midnight (UTC), without the tokens below it.
    pub usage_today: crate::usage::UsageSums,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let login = Login { key: "tr_secret".into() };
        let setup = SetupCreate { code: Some("secret-code".into()), name: None };
        assert!(!format!("{login:?} {setup:?}").contains("secret"));
    }
}
