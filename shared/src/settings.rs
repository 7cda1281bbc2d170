//! The settings of `torod.toml` that are no lists of tables: what holds, what would by default, what each does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::routing::Reloaded;

/// A value as it stands in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SettingValue {
    /// `true` or `false`.
    Switch(bool),
    /// A whole number.
    Number(i64),
    /// A number with a point.
    Decimal(f64),
    /// A text; durations and sizes are texts such as `30s` and `32MiB`.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// Several whole numbers.
    Numbers(Vec<i64>),
}

/// As it stands in JSON: a whole number is a number too, so that these are no alternatives.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for SettingValue {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, SchemaType, Type};
        let one = SchemaType::from_iter([Type::Boolean, Type::Number, Type::String]);
        let texts = ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String));
        AnyOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(one))
            .item(texts)
            .item(ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::Integer)))
            .description(Some("Durations and sizes are texts such as `30s` and `32MiB`."))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for SettingValue {
    fn name() -> std::borrow::Cow<'static, str> {
        "SettingValue".into()
    }
}

/// What a setting is set to.
#[cfg(feature = "openapi")]
pub(crate) struct SettingWanted;

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for SettingWanted {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Type};
        AnyOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(Type::Null))
            .item(utoipa::openapi::Ref::from_schema_name("SettingValue"))
            .description(Some("`null`: the default holds."))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for SettingWanted {
    fn name() -> std::borrow::Cow<'static, str> {
        "SettingWanted".into()
    }

    fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>) {
        schemas.push(("SettingValue".to_owned(), <SettingValue as utoipa::PartialSchema>::schema()));
    }
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Setting {
    /// Where it stands, such as `routing.attempts`.
    pub key: String,
    /// What it must be.
    pub kind: String,
    /// What holds; `null` where nothing does.
    pub value: Option<SettingValue>,
    /// What would hold if nothing were said.
    pub default: Option<SettingValue>,
    /// What it does, in one sentence.
    pub meaning: String,
    /// A line as it stands in the file.
    pub example: String,
    /// Whether a change takes effect only when the gateway starts again.
    pub at_restart: bool,
}

/// `GET /admin/api/settings`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Settings {
    /// The version of the file, which a change must name; `null` without a file.
    pub version: Option<String>,
    /// Why the file as it is now is not in force; the values are those that are.
    pub error: Option<String>,
    /// In the order of the file.
    pub settings: Vec<Setting>,
}

/// `PATCH /admin/api/settings`: all of it holds, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SettingsChange {
    /// The version of the file that the change is made for; the header `If-Match` may say it instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Keys with their values; `null` removes one, so that its default holds.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, SettingWanted>))]
    pub set: BTreeMap<String, Option<SettingValue>>,
}

/// What a change of the file did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SettingsChanged {
    /// The version of the file now.
    pub version: String,
    /// What is in force now, and what will be later.
    #[serde(flatten)]
    pub reloaded: Reloaded,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_kind() {
        let text = r#"{"version":"v","set":{"a":true,"b":5,"c":2.5,"d":"30s","e":["x"],"f":null}}"#;
        let change: SettingsChange = serde_json::from_str(text).unwrap();
        let values: Vec<_> = change.set.values().cloned().collect();
        let texts = SettingValue::Texts(vec!["x".into()]);
        let (switch, number) = (SettingValue::Switch(true), SettingValue::Number(5));
        let (decimal, text) = (SettingValue::Decimal(2.5), SettingValue::Text("30s".into()));
        assert_eq!(values, [Some(switch), Some(number), Some(decimal), Some(text), Some(texts), None]);
        for wrong in [r#"{"version":"v"}"#, r#"{"version":"v","set":{"a":{}}}"#, r#"{"version":"v","set":{},"x":1}"#] {
            assert!(serde_json::from_str::<SettingsChange>(wrong).is_err(), "{wrong}");
        }
    }
}
