//! JSON Schemas in the subset that Anthropic enforces.
//!
//! Every object says `additionalProperties: false`, `oneOf` becomes `anyOf`, and what is not enforced moves into the
//! description, so that the model still reads it; as the vendor's own SDKs do it.

use crate::chat::Json;
use crate::chat::node::Node;

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
