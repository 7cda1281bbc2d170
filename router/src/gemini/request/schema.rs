//! Google's schemas, a subset of `OpenAPI`, as JSON Schemas.

use serde_json::Number;

use crate::chat::Json;
use crate::chat::node::Node;

/// `schema` as a JSON Schema: types in lower case, `nullable` as a type of its own, numbers as numbers.
pub(super) fn to_json_schema(schema: &Json) -> Json {
    let Some(mut node) = schema.read::<Node>() else { return schema.clone() };
    rewrite(&mut node);
    Json::of(&node).unwrap_or_else(|| schema.clone())
}

/// Proto-JSON writes 64-bit numbers as strings.
const NUMBERS: [&str; 6] = ["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"];

fn rewrite(node: &mut Node) {
    let Node::Object(fields) = node else { return };
    let nullable = fields.iter().any(|(name, value)| name == "nullable" && matches!(value, Node::Bool(true)));
    fields.retain(|(name, _)| name != "nullable" && name != "propertyOrdering" && name != "property_ordering");
    for (name, value) in fields.iter_mut() {
        match (name.as_str(), value) {
            ("type", value @ Node::Text(_)) => {
                let Node::Text(kind) = &*value else { continue };
                let kind = Node::Text(kind.to_ascii_lowercase());
                *value = if nullable { Node::List(vec![kind, Node::Text("null".to_owned())]) } else { kind };
            }
            ("properties" | "defs" | "$defs", Node::Object(inner)) => {
                for (_, schema) in inner {
                    rewrite(schema);
                }
            }
            ("items" | "additionalProperties", schema) => rewrite(schema),
            ("anyOf" | "any_of", Node::List(list)) => {
                for schema in list {
                    rewrite(schema);
                }
            }
            (name, value) if NUMBERS.contains(&name) => {
                if let Node::Text(text) = &*value
                    && let Ok(number) = text.parse::<u64>()
                {
                    *value = Node::Number(Number::from(number));
                }
            }
            _ => {}
        }
    }
    for (name, _) in fields {
        match name.as_str() {
            "any_of" => "anyOf".clone_into(name),
            "defs" => "$defs".clone_into(name),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn googles_words_become_json_schemas() {
        let schema = Json::parse(
            r#"{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true},"l":{"type":"ARRAY","items":{"type":"INTEGER"},"minItems":"1"}},"propertyOrdering":["l"],"required":["l"]}"#,
        );
        assert_eq!(
            to_json_schema(&schema.unwrap()).text(),
            r#"{"type":"object","properties":{"type":{"type":["string","null"]},"l":{"type":"array","items":{"type":"integer"},"minItems":1}},"required":["l"]}"#
        );
    }
}
