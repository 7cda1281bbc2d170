//! The secrets of the store as they are told: by name, never by what they are.

use serde::{Deserialize, Serialize};

use crate::Secret;

/// A secret to be kept.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SecretPut {
    /// The secret.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Password))]
    pub value: Secret,
    /// The URLs that it may be sent to; without any, where the configuration uses it.
    #[serde(default, rename = "for")]
    pub places: Vec<String>,
}

/// What is told of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SecretView {
    /// What it is called.
    pub name: String,
    /// Where it may be sent: `https://host[:port]` each.
    #[serde(rename = "for")]
    pub origins: Vec<String>,
    /// When it was first given, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it was last given, in milliseconds since 1970.
    pub changed_ms: i64,
    /// Another one whenever it is given or sealed anew; for `If-Match`.
    #[serde(default)]
    pub version: String,
}

/// `GET /admin/api/secrets`: by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SecretPage {
    /// What this page holds.
    pub secrets: Vec<SecretView>,
    /// Where the next page starts; `null` on the last one.
    pub next: Option<String>,
}

/// A secret that was forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SecretRemoved {
    /// What it was called.
    pub removed: String,
}

/// What was sealed under a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SecretsRotated {
    /// How many secrets.
    pub secrets: usize,
    /// How many sign-ins.
    pub sign_ins: usize,
}
