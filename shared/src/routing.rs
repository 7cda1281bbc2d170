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
