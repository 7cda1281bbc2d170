//! What `PATCH /admin/api/tokens/{which}` may change: absent stays, `null` clears.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::label::Labels;
use crate::limits::{Budget, Limits, ModelRights};
use crate::lossy::Lossy;

/// A field of a change: absent, `null`, or a value.
pub type Change<T> = Option<Option<T>>;

/// Tells `null` from absent.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Change<T>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A change of a token. Role and parent stay what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct TokenChange {
    /// The version that the change is made to; the header `If-Match` may say it instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// `null`: a name is made up.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub name: Change<String>,
    /// When it ends, in milliseconds since 1970; `null`: with the token above it.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub expires_ms: Change<i64>,
    /// How long it lives from now on, in milliseconds; instead of `expires_ms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<i64>,
    /// `null`: as `torod.toml` says.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Lossy>))]
    pub lossy: Change<Lossy>,
    /// `null`: no limits of its own.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<LimitsChange>))]
    pub limits: Change<LimitsChange>,
    /// `null`: no labels.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<BTreeMap<String, Option<String>>>))]
    pub labels: Change<BTreeMap<String, Option<String>>>,
    /// `null`: they may be kept.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<bool>))]
    pub capture: Change<bool>,
    /// For how long from now on what goes over the wire for it is kept, in milliseconds; `null`: it is not any more.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<i64>))]
    pub inspect_ms: Change<i64>,
}

/// A change of limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct LimitsChange {
    /// All of them anew; `null`: none.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<Budget>>))]
    pub budgets: Change<Vec<Budget>>,
    /// Requests a minute.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>))]
    pub requests_per_minute: Change<u32>,
    /// LLM tokens a minute.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>))]
    pub tokens_per_minute: Change<u64>,
    /// Requests at the same time.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>))]
    pub concurrent: Change<u32>,
    /// Which models.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<ModelsChange>))]
    pub models: Change<ModelsChange>,
}

/// A change of rights over models.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ModelsChange {
    /// All patterns anew.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>))]
    pub allow: Change<Vec<String>>,
    /// All patterns anew.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>))]
    pub deny: Change<Vec<String>>,
}

/// What a field is after its change.
fn set<T: Clone + Default>(field: &mut T, change: Option<&Option<T>>) {
    if let Some(value) = change {
        *field = value.clone().unwrap_or_default();
    }
}

/// The same for a field that may be nothing.
fn set_or_none<T: Copy>(field: &mut Option<T>, change: Change<T>) {
    if let Some(value) = change {
        *field = value;
    }
}

impl TokenChange {
    /// Whether nothing is to change.
    pub fn is_empty(&self) -> bool {
        let Self { version: _, name, expires_ms, ttl_ms, lossy, limits, labels, capture, inspect_ms } = self;
        name.is_none()
            && expires_ms.is_none()
            && ttl_ms.is_none()
            && lossy.is_none()
            && limits.is_none()
            && labels.is_none()
            && capture.is_none()
            && inspect_ms.is_none()
    }

    /// The limits after the change of `limits`.
    pub fn limits(&self, limits: &Limits) -> Limits {
        let Some(change) = &self.limits else { return limits.clone() };
        let Some(change) = change else { return Limits::default() };
        let mut limits = limits.clone();
        set(&mut limits.budgets, change.budgets.as_ref());
        set_or_none(&mut limits.requests_per_minute, change.requests_per_minute);
        set_or_none(&mut limits.tokens_per_minute, change.tokens_per_minute);
        set_or_none(&mut limits.concurrent, change.concurrent);
        match &change.models {
            None => {}
            Some(None) => limits.models = ModelRights::default(),
            Some(Some(models)) => {
                set(&mut limits.models.allow, models.allow.as_ref());
                set(&mut limits.models.deny, models.deny.as_ref());
            }
        }
        limits
    }

    /// The labels after the change of `labels`.
    pub fn labels(&self, labels: &Labels) -> Labels {
        let Some(change) = &self.labels else { return labels.clone() };
        let Some(change) = change else { return Labels::new() };
        let mut labels = labels.clone();
        for (key, value) in change {
            match value {
                Some(value) => labels.insert(key.clone(), value.clone()),
                None => labels.remove(key),
            };
        }
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(text: &str) -> TokenChange {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn absent_stays_and_null_clears_at_every_depth() {
        let limits: Limits = serde_json::from_str(
            r#"{"budgets":[{"unit":"requests","limit":1}],"requests_per_minute":2,"concurrent":3,"models":{"allow":["a"],"deny":["b"]}}"#,
        )
        .unwrap();
        let after = |text: &str| serde_json::to_string(&change(text).limits(&limits)).unwrap();
        assert_eq!(change("{}").limits(&limits), limits);
        assert_eq!(after(r#"{"limits":null}"#), "{}");
        assert_eq!(
            after(r#"{"limits":{"budgets":null,"concurrent":null,"tokens_per_minute":9,"models":{"deny":null}}}"#),
            r#"{"requests_per_minute":2,"tokens_per_minute":9,"models":{"allow":["a"]}}"#
        );
        let changed = after(r#"{"limits":{"models":null,"requests_per_minute":5}}"#);
        assert_eq!(changed, r#"{"budgets":[{"unit":"requests","limit":1}],"requests_per_minute":5,"concurrent":3}"#);
        let labels: Labels = [("a".into(), "1".into()), ("b".into(), "2".into())].into();
        let kept = change(r#"{"labels":{"a":null,"c":"3"}}"#).labels(&labels);
        assert_eq!(kept, [("b".into(), "2".into()), ("c".into(), "3".into())].into());
        assert!(change(r#"{"labels":null}"#).labels(&labels).is_empty());
    }

    #[test]
    fn what_cannot_be_changed_is_no_field() {
        for wrong in [r#"{"role":"admin"}"#, r#"{"parent":null}"#, r#"{"limits":{"rpm":1}}"#, r#"{"id":"x"}"#] {
            assert!(serde_json::from_str::<TokenChange>(wrong).is_err(), "{wrong}");
        }
        assert!(change(r#"{"version":4}"#).is_empty() && !change(r#"{"name":null}"#).is_empty());
        assert_eq!(change(r#"{"name":null}"#).name, Some(None));
        assert_eq!(serde_json::to_string(&change(r#"{"expires_ms":null}"#)).unwrap(), r#"{"expires_ms":null}"#);
    }
}
