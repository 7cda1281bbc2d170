//! The smallest value that satisfies a JSON schema: what a model asked for structured output answers.
use serde_json::{Map, Number, Value, json};

/// How deep references and nesting are followed.
const DEPTH: u32 = 32;
/// How many values one instance may hold: a schema of nested `minItems` must not grow without end.
const VALUES: u32 = 10_000;
/// The most letters `minLength` gets.
const LETTERS: usize = 100_000;

/// A value for the schema; what the schema leaves open is as small as it may be.
pub(crate) fn instance(schema: &Value) -> Value {
    Maker { root: schema, left: VALUES }.make(schema, DEPTH)
}

struct Maker<'a> {
    root: &'a Value,
    left: u32,
}

impl<'a> Maker<'a> {
    fn make(&mut self, schema: &'a Value, depth: u32) -> Value {
        // Counted before the depth is looked at: a long list at the bottom has to end as well.
        if self.left == 0 {
            return Value::Null;
        }
        self.left -= 1;
        if depth == 0 {
            return Value::Null;
        }
        let Some(rules) = schema.as_object() else { return json!("lorem") };
        if let Some(value) = rules.get("const") {
            return value.clone();
        }
        if let Some(value) = rules.get("enum").and_then(Value::as_array).and_then(|values| values.first()) {
            return value.clone();
        }
        if let Some(target) = rules.get("$ref").and_then(Value::as_str).and_then(|path| self.resolve(path)) {
            return self.make(target, depth - 1);
        }
        for key in ["anyOf", "oneOf"] {
            let Some(choices) = rules.get(key).and_then(Value::as_array) else { continue };
            // Something rather than nothing, where both are allowed.
            let is_null = |choice: &&Value| choice.get("type").and_then(Value::as_str) == Some("null");
            if let Some(choice) = choices.iter().find(|choice| !is_null(choice)).or(choices.first()) {
                return self.make(choice, depth - 1);
            }
        }
        if let Some(all) = rules.get("allOf").and_then(Value::as_array) {
            return self.make_all(rules, all, depth);
        }
        match kind(rules).to_ascii_lowercase().as_str() {
            "object" => Value::Object(self.make_object(rules, depth)),
            "array" => self.make_array(rules, depth),
            "integer" => number(rules, true),
            "number" => number(rules, false),
            "boolean" => json!(true),
            "null" => Value::Null,
            _ => Value::String(string(rules)),
        }
    }

    fn resolve(&self, path: &str) -> Option<&'a Value> {
        self.root.pointer(path.strip_prefix('#')?)
    }

    /// The parts of `allOf` that are objects, in one; else the first part.
    fn make_all(&mut self, rules: &'a Map<String, Value>, all: &'a [Value], depth: u32) -> Value {
        let mut merged = self.make_object(rules, depth);
        let mut other = None;
        for part in all {
            match self.make(part, depth - 1) {
                Value::Object(fields) => merged.extend(fields),
                value => other = other.or(Some(value)),
            }
        }
        other.filter(|_| merged.is_empty()).unwrap_or(Value::Object(merged))
    }

    /// The required fields; where nothing is required, the first.
    fn make_object(&mut self, rules: &'a Map<String, Value>, depth: u32) -> Map<String, Value> {
        let mut fields = Map::new();
        let properties = rules.get("properties").and_then(Value::as_object);
        let required = rules.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            let value = match properties.and_then(|known| known.get(name)) {
                Some(schema) => self.make(schema, depth - 1),
                None => json!("lorem"),
            };
            fields.insert(name.to_owned(), value);
        }
        if fields.is_empty()
            && let Some((name, schema)) = properties.and_then(|known| known.iter().next())
        {
            fields.insert(name.clone(), self.make(schema, depth - 1));
        }
        fields
    }

    fn make_array(&mut self, rules: &'a Map<String, Value>, depth: u32) -> Value {
        let fixed = rules.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let least = rules.get("minItems").and_then(Value::as_u64).unwrap_or(0);
        let least = usize::try_from(least).unwrap_or(usize::MAX).max(fixed.len());
        let most = rules.get("maxItems").and_then(Value::as_u64).unwrap_or(u64::MAX);
        // One item shows more than none, where the schema has a say about items.
        let wished = usize::from(rules.contains_key("items") && most > 0);
        let mut items = Vec::new();
        while items.len() < least.max(wished) && self.left > 0 {
            let schema = fixed.get(items.len()).or_else(|| rules.get("items"));
            items.push(self.make(schema.unwrap_or(&Value::Bool(true)), depth - 1));
        }
        Value::Array(items)
    }
}

/// The type, or what the keywords let one guess.
fn kind(rules: &Map<String, Value>) -> &str {
    match rules.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            let mut names = kinds.iter().filter_map(Value::as_str);
            names.find(|name| *name != "null").unwrap_or("null")
        }
        _ if rules.contains_key("properties") => "object",
        _ if rules.contains_key("items") => "array",
        _ => "string",
    }
}

fn number(rules: &Map<String, Value>, whole: bool) -> Value {
    let bound = |key: &str| rules.get(key).and_then(Value::as_f64);
    let step = bound("multipleOf").filter(|step| *step > 0.0).unwrap_or(1.0);
    let mut value = 1.0_f64;
    if let Some(least) = bound("minimum") {
        value = value.max(least);
    }
    if let Some(under) = bound("exclusiveMinimum") {
        value = value.max(if whole { under + 1.0 } else { under + step });
    }
    if let Some(most) = bound("maximum") {
        value = value.min(most);
    }
    if let Some(over) = bound("exclusiveMaximum") {
        value = value.min(if whole { over - 1.0 } else { over - step });
    }
    if bound("multipleOf").is_some() {
        let up = (value / step).ceil() * step;
        value = if bound("maximum").is_some_and(|most| up > most) { (value / step).floor() * step } else { up };
    }
    if whole || value.fract() == 0.0 {
        return json!(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn string(rules: &Map<String, Value>) -> String {
    let known = match rules.get("format").and_then(Value::as_str) {
        Some("date-time") => Some("2026-01-02T03:04:05Z"),
        Some("date") => Some("2026-01-02"),
        Some("time") => Some("03:04:05Z"),
        Some("email") => Some("lorem@example.com"),
        Some("uri" | "url") => Some("https://example.com/"),
        Some("uuid") => Some("00000000-0000-4000-8000-000000000001"),
        Some("hostname") => Some("example.com"),
        Some("ipv4") => Some("192.0.2.1"),
        Some("ipv6") => Some("2001:db8::1"),
        _ => None,
    };
    if let Some(known) = known {
        return known.to_owned();
    }
    let length = |key: &str| rules.get(key).and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok());
    let mut text = "lorem".to_owned();
    let least = length("minLength").unwrap_or(0).min(LETTERS);
    while text.len() < least {
        text.push('m');
    }
    text.truncate(length("maxLength").unwrap_or(text.len()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_schema() {
        let schema = json!({
            "type": "object",
            "required": ["city", "unit", "days", "where", "tags", "kind", "note", "ratio"],
            "properties": {
                "city": {"type": "string", "minLength": 7},
                "unit": {"enum": ["C", "F"]},
                "days": {"type": "integer", "minimum": 3, "multipleOf": 2},
                "where": {"$ref": "#/$defs/place"},
                "tags": {"type": "array", "items": {"type": "boolean"}, "minItems": 2},
                "kind": {"const": 7},
                "note": {"anyOf": [{"type": "null"}, {"type": ["null", "string"], "maxLength": 2}]},
                "ratio": {"type": "number", "maximum": 0.5},
                "left out": {"type": "string"},
            },
            "$defs": {"place": {"allOf": [{"properties": {"lat": {"type": "number"}}}, {"properties": {"date": {"format": "date"}}}]}},
        });
        assert_eq!(
            instance(&schema),
            json!({
                "city": "loremmm", "unit": "C", "days": 4, "where": {"lat": 1, "date": "2026-01-02"},
                "tags": [true, true], "kind": 7, "note": "lo", "ratio": 0.5,
            })
        );
    }

    #[test]
    fn hostile_schemas_end() {
        let endless = json!({"$ref": "#"});
        assert_eq!(instance(&endless), Value::Null);
        let both = json!({"type": "array", "minItems": 1_000_000_000_u64, "items": {"$ref": "#"}});
        assert!(instance(&both).to_string().len() < 200_000);
        let wide = json!({"type": "array", "minItems": 1_000_000_000_u64, "items": {"type": "array", "minItems": 1_000_000_000_u64}});
        assert!(instance(&wide).to_string().len() < 200_000);
        assert_eq!(instance(&json!(true)), json!("lorem"));
    }
}
