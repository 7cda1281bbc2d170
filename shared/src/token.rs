//! Access tokens as the admin API speaks of them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::budget::BudgetView;
use crate::label::Labels;
use crate::limits::Limits;
use crate::lossy::Lossy;
use crate::role::Role;
use crate::run::RunEnd;

/// `POST /admin/api/tokens`: the token to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TokenCreate {
    /// A name for people; made up when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it may do.
    #[serde(default)]
    pub role: Role,
    /// How long it lives, in milliseconds; absent: as long as its parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<i64>,
    /// The id or name of the token to put it below; absent: the caller's own token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// What becomes of its requests that cannot be told to a provider without loss; absent: as `torod.toml` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lossy: Option<Lossy>,
    /// What it may use up.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// What people sort and search by.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Whether its conversations may be kept, where they are.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub capture: bool,
    /// Whether it is made for one run of an agent, which reports are then told of.
    #[serde(default, skip_serializing_if = "is_false")]
    pub run: bool,
    /// It ends when nobody has renewed it (`POST /admin/api/me/lease`) for so many seconds: [`LEASE_S`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_s: Option<u32>,
}

/// The shortest and the longest lease, in seconds.
pub const LEASE_S: std::ops::RangeInclusive<u32> = 15..=3600;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_false(value: &bool) -> bool {
    !*value
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_true(value: &bool) -> bool {
    *value
}

impl Default for TokenCreate {
    fn default() -> Self {
        Self {
            name: None,
            role: Role::default(),
            ttl_ms: None,
            parent: None,
            lossy: None,
            limits: Limits::default(),
            labels: Labels::new(),
            capture: true,
            run: false,
            lease_s: None,
        }
    }
}

/// The answer to [`TokenCreate`]: the only place where the key ever appears.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenCreated {
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
}

impl fmt::Debug for TokenCreated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCreated")
            .field("id", &self.id)
            .field("key", &"redacted")
            .field("name", &self.name)
            .field("role", &self.role)
            .field("expires_ms", &self.expires_ms)
            .finish()
    }
}

/// Whether a token opens anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum TokenState {
    /// It does.
    Live,
    /// Its time is over.
    Expired,
    /// Somebody ended it.
    Revoked,
}

impl TokenState {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// `GET /admin/api/tokens`: one token, without its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenView {
    /// `tok_…`
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The id of the token above it.
    pub parent: Option<String>,
    /// Whether it opens anything now.
    pub state: TokenState,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it ends, by itself or with one above it, in milliseconds since 1970; `null`: never.
    pub expires_ms: Option<i64>,
    /// When somebody ended it, in milliseconds since 1970.
    pub revoked_ms: Option<i64>,
    /// When it was last used, to the minute, in milliseconds since 1970.
    pub last_used_ms: Option<i64>,
    /// What becomes of its requests that cannot be told to a provider without loss; `null`: as `torod.toml` says.
    #[serde(default)]
    pub lossy: Option<Lossy>,
    /// The id of the token above it that it ended with; `null`: it ended by itself, or has not ended.
    #[serde(default)]
    pub ended_by: Option<String>,
    /// Grows with every change; a change names the version that it is made to.
    pub version: i64,
    /// Who made it: `local owner` or a token's id.
    pub created_by: Option<String>,
    /// From which address it was last used.
    pub last_used_from: Option<String>,
    /// What it may use up.
    #[serde(default)]
    pub limits: Limits,
    /// What people sort and search by.
    #[serde(default)]
    pub labels: Labels,
    /// Whether its conversations may be kept, where they are.
    pub capture: bool,
    /// Until when what goes over the wire for it is kept, in milliseconds since 1970; `null`: it is not.
    #[serde(default)]
    pub inspect_until_ms: Option<i64>,
    /// Whether it was made for one run of an agent.
    #[serde(default)]
    pub run: bool,
    /// It ends when nobody has renewed it for so many seconds; `null`: nobody has to.
    #[serde(default)]
    pub lease_s: Option<u32>,
    /// Why it was ended, where somebody did.
    #[serde(default)]
    pub end_reason: Option<RunEnd>,
    /// How its budgets stand; empty without a daemon, which counts them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<BudgetView>,
    /// The number that the daemon knows it by.
    #[serde(skip)]
    pub number: i64,
}

/// `POST /admin/api/me/lease`: until when a token lives if nobody renews it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeaseView {
    /// How long it lives without being renewed, in seconds.
    pub lease_s: u32,
    /// When it ends if nobody renews it, by the gateway's clock, in milliseconds since 1970.
    pub ends_ms: i64,
}

/// `GET /admin/api/tokens`: some of the tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenPage {
    /// What this page holds.
    pub tokens: Vec<TokenView>,
    /// Where the next page starts; `null` on the last one.
    pub next: Option<String>,
}

/// A token that is named in passing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenName {
    /// `tok_…`
    pub id: String,
    /// Its name.
    pub name: String,
}

/// `GET /admin/api/tokens/{which}`: one token, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenDetail {
    /// The token.
    #[serde(flatten)]
    pub token: TokenView,
    /// Those above it that the caller may see, the topmost first.
    pub path: Vec<TokenName>,
    /// How many tokens lie below it, at any depth, ended ones included.
    pub below: u64,
}

/// `POST /admin/api/tokens/{which}/rotate`: another key for the same token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct TokenRotate {
    /// How long the old key opens too, in milliseconds; at most a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_ms: Option<i64>,
}

/// `DELETE /admin/api/tokens/{id}`: what ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenRevoked {
    /// The token that was named.
    pub id: String,
    /// Every token that ended now: that one and those below it that were not revoked before.
    pub revoked: Vec<String>,
    /// The same tokens with their names.
    #[serde(default)]
    pub names: Vec<TokenName>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_an_answer_hides_the_key() {
        let made = TokenCreated {
            id: "tok_a".into(),
            key: "tr_secret".into(),
            name: "n".into(),
            role: Role::Inferrer,
            expires_ms: None,
        };
        assert!(!format!("{made:?}").contains("secret"));
        assert!(serde_json::to_string(&made).unwrap().contains("tr_secret"));
    }

    #[test]
    fn a_misspelt_field_is_refused_not_ignored() {
        assert!(serde_json::from_str::<TokenCreate>(r#"{"tll_ms":5}"#).is_err());
        assert_eq!(serde_json::from_str::<TokenCreate>("{}").unwrap(), TokenCreate::default());
    }
}
