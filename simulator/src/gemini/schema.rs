//! Google's own dialect of JSON schema: `parameters` and `responseSchema`, which know these keywords and no others.
use serde_json::Value;

use super::request::many;
use crate::fault::{Fault, Step};
use crate::problem::Problem;
use crate::reply::Family;
use crate::shape::{Field, NUMBER, Rule, TEXTS, from, may};

const TYPES: Rule =
    Rule::Word(&["TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"]);

/// The keywords (REST reference, `Schema`).
static SCHEMA: [Field; 22] = [
    may("type", TYPES),
    may("format", Rule::Text),
    may("title", Rule::Text),
    may("description", Rule::Text),
    may("nullable", Rule::Flag),
    may("enum", TEXTS),
    may("items", Rule::Object(&SCHEMA)),
    may("minItems", from(0)),
    may("maxItems", from(0)),
    may("properties", Rule::Values(&Rule::Object(&SCHEMA))),
    may("required", TEXTS),
    may("minProperties", from(0)),
    may("maxProperties", from(0)),
    may("minLength", from(0)),
    may("maxLength", from(0)),
    may("pattern", Rule::Text),
    may("example", Rule::Any),
    may("default", Rule::Any),
    may("anyOf", Rule::Each(&Rule::Object(&SCHEMA))),
    may("propertyOrdering", TEXTS),
    may("minimum", NUMBER),
    may("maximum", NUMBER),
];

/// A schema in this dialect.
pub(super) const DIALECT: Rule = Rule::Object(&SCHEMA);

/// What the tables cannot say: lists need `items`, choices are texts, and what is required has to be there.
pub(super) fn check(schema: &Value, path: &str) -> Result<(), Problem> {
    let refuse = |said: String| Err(Fault::Said(&said).problem(Family::Gemini, &[Step::Name(path)]));
    let kind = schema.get("type").and_then(Value::as_str).unwrap_or_default();
    let is = |name: &str| kind.eq_ignore_ascii_case(name);
    if is("ARRAY") && schema.get("items").is_none_or(Value::is_null) {
        return refuse(format!("* GenerateContentRequest.{path}.items: missing field."));
    }
    if !many(schema, "enum").is_empty() && !is("STRING") {
        return refuse(format!("* GenerateContentRequest.{path}.enum: only allowed for STRING type"));
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (at, name) in many(schema, "required").iter().filter_map(Value::as_str).enumerate() {
        if properties.is_none_or(|known| !known.contains_key(name)) {
            return refuse(format!("* GenerateContentRequest.{path}.required[{at}]: property is not defined"));
        }
    }
    for (name, inner) in properties.into_iter().flatten() {
        check(inner, &format!("{path}.properties[{name}]"))?;
    }
    if let Some(items) = schema.get("items") {
        check(items, &format!("{path}.items"))?;
    }
    let mut choices = many(schema, "anyOf").iter().enumerate();
    choices.try_for_each(|(at, choice)| check(choice, &format!("{path}.any_of[{at}]")))
}
