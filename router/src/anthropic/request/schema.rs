//! JSON Schemas in the subset that Anthropic enforces.
//!
//! Every object says `additionalProperties: false`, `oneOf` becomes `anyOf`, and what is not enforced moves into the
//! description, so that the model still reads it; as the vendor's own SDKs do it.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Number;

use crate::chat::Json;

/// A JSON value with its fields in order.
#[derive(Clone, Debug)]
enum Node {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Node;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Null)
            }
            fn visit_bool<E>(self, b: bool) -> Result<Node, E> {
                Ok(Node::Bool(b))
            }
            fn visit_u64<E>(self, n: u64) -> Result<Node, E> {
                Ok(Node::Number(n.into()))
            }
            fn visit_i64<E>(self, n: i64) -> Result<Node, E> {
                Ok(Node::Number(n.into()))
            }
            fn visit_f64<E>(self, n: f64) -> Result<Node, E> {
                Ok(Number::from_f64(n).map_or(Node::Null, Node::Number))
            }
            fn visit_str<E>(self, text: &str) -> Result<Node, E> {
                Ok(Node::Text(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = seq.next_element()? {
                    list.push(item);
                }
                Ok(Node::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Node::Object(fields))
            }
        }
        from.deserialize_any(Any)
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Bool(b) => to.serialize_bool(*b),
            Self::Number(n) => n.serialize(to),
            Self::Text(text) => to.serialize_str(text),
            Self::List(list) => {
                let mut seq = to.serialize_seq(Some(list.len()))?;
                for item in list {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Self::Object(fields) => {
                let mut map = to.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

/// What the vendor does not enforce.
const NOT_ENFORCED: [&str; 16] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "propertyNames",
    "patternProperties",
    "contains",
    "default",
];
/// Formats that it enforces.
const FORMATS: [&str; 9] = ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "uuid"];

/// `schema` in the subset, and whether anything of it was changed beyond what it means.
pub(super) fn subset(schema: &Json) -> (Json, bool) {
    let Some(mut node) = schema.read::<Node>() else { return (schema.clone(), false) };
    let mut changed = false;
    rewrite(&mut node, &mut changed);
    (Json::of(&node).unwrap_or_else(|| schema.clone()), changed)
}

fn rewrite(node: &mut Node, changed: &mut bool) {
    let Node::Object(fields) = node else { return };
    let mut notes = Vec::new();
    let mut is_object = false;
    fields.retain(|(name, value)| {
        let refused = NOT_ENFORCED.contains(&name.as_str())
            || (name == "minItems" && !matches!(value, Node::Number(n) if n.as_u64().is_some_and(|n| n <= 1)))
            || (name == "format" && !matches!(value, Node::Text(format) if FORMATS.contains(&format.as_str())));
        if refused {
            notes.push(format!("{name}: {}", serde_json::to_string(value).unwrap_or_default()));
        }
        !refused && name != "$schema" && name != "additionalProperties"
    });
    for (name, value) in fields.iter_mut() {
        match (name.as_str(), value) {
            ("type", Node::Text(kind)) => is_object |= kind == "object",
            ("type", Node::List(kinds)) => {
                is_object |= kinds.iter().any(|kind| matches!(kind, Node::Text(kind) if kind == "object"));
            }
            ("properties" | "$defs" | "definitions", Node::Object(inner)) => {
                is_object |= name == "properties";
                for (_, schema) in inner {
                    rewrite(schema, changed);
                }
            }
            ("items" | "not", schema) => rewrite(schema, changed),
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Node::List(list)) => {
                for schema in list {
                    rewrite(schema, changed);
                }
                if name == "oneOf" {
                    *changed = true;
                    "anyOf".clone_into(name);
                }
            }
            _ => {}
        }
    }
    if is_object {
        fields.push(("additionalProperties".to_owned(), Node::Bool(false)));
    }
    if !notes.is_empty() {
        *changed = true;
        let notes = format!("({})", notes.join(", "));
        match fields.iter_mut().find(|(name, _)| name == "description") {
            Some((_, Node::Text(text))) => {
                text.push(' ');
                text.push_str(&notes);
            }
            _ => fields.push(("description".to_owned(), Node::Text(notes))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_enforced_is_told_to_the_model() {
        let schema = r#"{"$schema":"x","type":"object","properties":{"n":{"type":"integer","minimum":1,"description":"A number"},"l":{"type":"array","items":{"oneOf":[{"type":"string","format":"odd"},{"type":"object"}]}}},"required":["n"]}"#;
        let (out, changed) = subset(&Json::parse(schema).unwrap());
        assert!(changed);
        assert_eq!(
            out.text(),
            r#"{"type":"object","properties":{"n":{"type":"integer","description":"A number (minimum: 1)"},"l":{"type":"array","items":{"anyOf":[{"type":"string","description":"(format: \"odd\")"},{"type":"object","additionalProperties":false}]}}},"required":["n"],"additionalProperties":false}"#
        );
        let plain = Json::parse(r#"{"type":"object","properties":{},"additionalProperties":false}"#).unwrap();
        assert_eq!(subset(&plain), (plain.clone(), false));
    }
}
