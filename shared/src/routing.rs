//! How names are routed: profiles and aliases, and what a change of them or of the configuration did.

use serde::{Deserialize, Serialize};

/// How names are routed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoutingView {
    /// The version of the file, for a change; `null` without a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Which targets of the aliases hold; none: those without a profile.
    pub active_model_profile: Option<String>,
    /// Every profile there is.
    pub profiles: Vec<String>,
    /// What decides between endpoints, the weightiest first.
    pub order: Vec<String>,
    /// What every alias means now.
    pub aliases: Vec<AliasView>,
}

/// What an alias means now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AliasView {
    /// What clients ask for.
    pub name: String,
    /// The profile whose targets these are.
    pub profile: Option<String>,
    /// Who may serve it, in order.
    pub targets: Vec<TargetView>,
}

/// A model of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TargetView {
    /// The provider's name.
    pub provider: String,
    /// The model's id there.
    pub model: String,
    /// Its share of the traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

/// `GET /admin/api/aliases`: what the file says of them, for every profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AliasPage {
    /// The version of the file, which a change must name; `null` without a file.
    pub version: Option<String>,
    /// Which targets hold; none: those without a profile.
    pub active_model_profile: Option<String>,
    /// Every profile there is.
    pub profiles: Vec<String>,
    /// The aliases, in the order of the file.
    pub aliases: Vec<AliasDetail>,
    /// Where the next page starts; `null` on the last one.
    pub next: Option<String>,
}

/// An alias as the file says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AliasDetail {
    /// What clients ask for.
    pub name: String,
    /// What becomes of requests that lose something on the way to another protocol: `warn` or `reject`; `null`: as
    /// everywhere.
    pub lossy: Option<String>,
    /// What decides between its targets, the weightiest first; `null`: as everywhere.
    pub order: Option<Vec<String>>,
    /// Who may serve it, in every profile.
    pub targets: Vec<AliasTarget>,
}

/// One target of an alias as the file says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AliasTarget {
    /// The profile that it belongs to; `null`: every profile for which there is no other.
    #[serde(default)]
    pub profile: Option<String>,
    /// Who serves it; `null`: `model` is the name of another alias.
    #[serde(default)]
    pub provider: Option<String>,
    /// The model's id there, or the other alias.
    pub model: String,
    /// Its share of the traffic; `null`: it has its turn when those before it fail.
    #[serde(default)]
    pub weight: Option<u32>,
}

/// `PUT /admin/api/aliases/{name}`: the alias as it shall be, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AliasPut {
    /// The version of the file that the change is made for; the header `If-Match` may say it instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Another name for it; without it, that of the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `warn` or `reject`; `null`: as everywhere.
    #[serde(default)]
    pub lossy: Option<String>,
    /// What decides between its targets: `affinity`, `priority`, `price`, `latency`, …; `null`: as everywhere.
    #[serde(default)]
    pub order: Option<Vec<String>>,
    /// Who may serve it: one or more.
    pub targets: Vec<AliasTarget>,
}

/// What is to change. `null` is no profile; the key must be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RoutingChange {
    /// The version of the file that the change is made for; the header `If-Match` may say it instead. Without either, it
    /// is made to whichever there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The profile from now on.
    #[serde(deserialize_with = "Option::deserialize")]
    pub active_model_profile: Option<String>,
}

/// What a reading of the configuration changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reloaded {
    /// What is in force now, a sentence each.
    pub changed: Vec<String>,
    /// Keys that take effect when torod starts again.
    pub at_restart: Vec<String>,
}

/// How names are routed after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoutingChanged {
    /// What changed.
    #[serde(flatten)]
    pub reloaded: Reloaded,
    /// What holds now.
    pub routing: RoutingView,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_what_it_changes() {
        let read = |text: &str| serde_json::from_str::<RoutingChange>(text).ok().map(|c| c.active_model_profile);
        assert_eq!(read(r#"{"active_model_profile":"a"}"#), Some(Some("a".to_owned())));
        assert_eq!(read(r#"{"active_model_profile":null}"#), Some(None));
        for wrong in ["{}", r#"{"active_model_profile":7}"#, r#"{"active_model_profile":"a","x":1}"#] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
