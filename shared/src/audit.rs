//! The audit trail as the admin API speaks of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One entry: who did what to what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditView {
    /// Its number; later entries have greater ones.
    pub id: i64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who: `local owner`, `torod` itself, or a token's id.
    pub actor: String,
    /// The actor's name at that time, where it is a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_name: Option<String>,
    /// What was done, such as `token.create`.
    pub action: String,
    /// To what: an id or a name.
    pub subject: String,
    /// The name that it had, where it is a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_name: Option<String>,
    /// More, for people.
    pub detail: String,
    /// The fields that changed, as they were. Secrets are masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub before: Option<Value>,
    /// The same fields as they are since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub after: Option<Value>,
}

/// `GET /admin/api/audit`: the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditPage {
    /// What this page holds.
    pub entries: Vec<AuditView>,
    /// Where the next page starts; `null` on the last one.
    pub next: Option<String>,
}
