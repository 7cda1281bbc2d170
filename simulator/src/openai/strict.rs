//! What `strict: true` demands of a schema, in tools and in the form of the answer.
use serde_json::Value;

use crate::problem::Problem;
use crate::shape::{list, text};

/// Keywords strict schemas may not have.
const FORBIDDEN: [&str; 9] =
    ["allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else", "patternProperties", "oneOf"];

/// Where a schema belongs, in the words of the message.
pub(crate) struct Owner<'a> {
    /// `function` or `response_format`.
    pub(crate) what: &'a str,
    pub(crate) name: &'a str,
    pub(crate) param: String,
}

impl Owner<'_> {
    fn refuse(&self, context: &[String], said: &str) -> Problem {
        let context: Vec<_> = context.iter().map(|name| format!("'{name}'")).collect();
        let (what, name, context) = (self.what, self.name, context.join(", "));
        Problem::bad_request(format!("Invalid schema for {what} '{name}': In context=({context}), {said}"))
            .with_param(self.param.clone())
            .with_code(if what == "function" { "invalid_function_parameters" } else { "invalid_json_schema" })
    }

    /// An object at the root; its type is what the API asks for even without `strict`.
    pub(crate) fn check_root(&self, schema: &Value) -> Result<(), Problem> {
        if text(schema, "type") == "object" || schema.as_object().is_some_and(serde_json::Map::is_empty) {
            return Ok(());
        }
        let got = schema.get("type").map_or_else(|| "None".to_owned(), ToString::to_string);
        Err(self.refuse(&[], &format!("schema must be a JSON Schema of 'type: \"object\"', got 'type: {got}'.")))
    }

    /// Each object closed, and all its properties required.
    pub(crate) fn check_strict(&self, schema: &Value) -> Result<(), Problem> {
        self.node(schema, &mut Vec::new())
    }

    fn node(&self, schema: &Value, context: &mut Vec<String>) -> Result<(), Problem> {
        let Some(rules) = schema.as_object() else { return Ok(()) };
        if let Some(word) = FORBIDDEN.iter().find(|word| rules.contains_key(**word)) {
            return Err(self.refuse(context, &format!("'{word}' is not permitted.")));
        }
        let known = ["type", "$ref", "anyOf", "enum", "const"];
        if !known.iter().any(|word| rules.contains_key(*word)) {
            return Err(self.refuse(context, "schema must have a 'type' key."));
        }
        let properties = rules.get("properties").and_then(Value::as_object);
        let is_object = match rules.get("type") {
            Some(Value::String(kind)) => kind == "object",
            Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
            _ => false,
        };
        if is_object {
            if rules.get("additionalProperties") != Some(&Value::Bool(false)) {
                return Err(self.refuse(context, "'additionalProperties' is required to be supplied and to be false."));
            }
            let required = list(schema, "required");
            if let Some(name) = properties
                .into_iter()
                .flat_map(|known| known.keys())
                .find(|name| !required.iter().any(|needed| needed == name.as_str()))
            {
                return Err(self.refuse(context, &format!(
                    "'required' is required to be supplied and to be an array including every key in properties. Missing '{name}'."
                )));
            }
        }
        for (folder, inner) in ["properties", "$defs", "definitions"]
            .into_iter()
            .filter_map(|name| Some((name, rules.get(name)?.as_object()?)))
        {
            for (name, schema) in inner {
                context.extend([folder.to_owned(), name.clone()]);
                self.node(schema, context)?;
                context.truncate(context.len().saturating_sub(2));
            }
        }
        if let Some(items) = rules.get("items") {
            context.push("items".to_owned());
            self.node(items, context)?;
            context.pop();
        }
        for (at, choice) in list(schema, "anyOf").iter().enumerate() {
            context.extend(["anyOf".to_owned(), at.to_string()]);
            self.node(choice, context)?;
            context.truncate(context.len().saturating_sub(2));
        }
        Ok(())
    }
}
