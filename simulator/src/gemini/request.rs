//! A Gemini request in the names the scripts look at: tools, the choice among them, the form of the answer.
use serde_json::{Map, Value, json};

use crate::shape::camel;

/// Fields whose value is the client's own and keeps its names.
const OPAQUE: [&str; 8] =
    ["args", "response", "parametersJsonSchema", "responseJsonSchema", "labels", "default", "example", "enum"];
/// Fields whose value has names of the client's and known ones below them.
const NAMED: [&str; 2] = ["properties", "defs"];

/// The same with each name as `camelCase`: clients may write either form, even in one request.
pub(super) fn camelise(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(camelise).collect(),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                let name = camel(name);
                let value = if OPAQUE.contains(&name.as_str()) {
                    value.clone()
                } else if let (true, Some(inner)) = (NAMED.contains(&name.as_str()), value.as_object()) {
                    Value::Object(inner.iter().map(|(name, value)| (name.clone(), camelise(value))).collect())
                } else {
                    camelise(value)
                };
                (name, value)
            };
            Value::Object(fields.iter().map(field).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

/// A field that may be a list or one value for a list of one.
pub(super) fn many<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    match value.get(name) {
        Some(Value::Array(items)) => items,
        Some(Value::Null) | None => &[],
        Some(one) => std::slice::from_ref(one),
    }
}

/// The request as the scripts read it: the model and the switch from the path, the rest from the body.
pub(crate) fn lower(body: &[u8], model: &str, stream: bool) -> String {
    let body = camelise(&serde_json::from_slice(body).unwrap_or_default());
    let mut neutral = json!({"model": model, "stream": stream});
    let Some(fields) = neutral.as_object_mut() else { return String::new() };
    let answered = many(&body, "contents")
        .iter()
        .flat_map(|content| many(content, "parts"))
        .any(|part| part.get("functionResponse").is_some());
    let texts: Vec<_> = many(&body, "contents")
        .iter()
        .flat_map(|content| many(content, "parts"))
        .filter_map(|part| Some(json!({"role": "user", "content": part.get("text")?})))
        .collect();
    fields.insert("messages".to_owned(), if answered { json!([{"role": "tool"}]) } else { texts.into() });
    let declared = many(&body, "tools").iter().flat_map(|tool| many(tool, "functionDeclarations"));
    let tools: Vec<_> = declared
        .map(|declared| {
            let schema = declared.get("parametersJsonSchema").or_else(|| declared.get("parameters"));
            json!({"type": "function", "function": {"name": declared.get("name"), "parameters": schema}})
        })
        .collect();
    fields.insert("tools".to_owned(), tools.into());
    if let Some(choice) = choice(&body) {
        fields.insert("tool_choice".to_owned(), choice);
    }
    if let Some(format) = format(&body) {
        fields.insert("response_format".to_owned(), format);
    }
    neutral.to_string()
}

fn choice(body: &Value) -> Option<Value> {
    let config = body.get("toolConfig")?.get("functionCallingConfig")?;
    if config.get("mode").and_then(Value::as_str).is_some_and(|mode| mode.eq_ignore_ascii_case("NONE")) {
        return Some(json!("none"));
    }
    let name = many(config, "allowedFunctionNames").first()?;
    Some(json!({"type": "function", "function": {"name": name}}))
}

fn format(body: &Value) -> Option<Value> {
    let config = body.get("generationConfig")?;
    if config.get("responseMimeType")?.as_str()? != "application/json" {
        return None;
    }
    let schema = config.get("responseJsonSchema").or_else(|| config.get("responseSchema"));
    Some(match schema.filter(|schema| !schema.is_null()) {
        Some(schema) => json!({"type": "json_schema", "json_schema": {"schema": schema}}),
        None => json!({"type": "json_object"}),
    })
}

/// A path segment without percent-escapes; as it is where one is broken.
pub(crate) fn unescape(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high << 4 | low) as u8);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| segment.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_namings_are_one() {
        let sent = json!({
            "generation_config": {"response_mime_type": "application/json", "response_schema": {"type": "OBJECT"}},
            "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["a_b"]}},
            "tools": {"function_declarations": [{"name": "a_b", "parameters": {"properties": {"c_d": {"min_items": 1}}}}]},
            "contents": [{"parts": {"function_call": {"name": "a", "args": {"e_f": 1}}}}],
        });
        let tidy = camelise(&sent);
        assert_eq!(tidy["tools"]["functionDeclarations"][0]["parameters"]["properties"]["c_d"]["minItems"], 1);
        assert_eq!(tidy["contents"][0]["parts"]["functionCall"]["args"]["e_f"], 1);
        let neutral: Value = serde_json::from_str(&lower(sent.to_string().as_bytes(), "ok", true)).unwrap();
        assert_eq!(neutral["tool_choice"]["function"]["name"], "a_b");
        assert_eq!(neutral["tools"][0]["function"]["name"], "a_b");
        assert_eq!(neutral["response_format"]["json_schema"]["schema"]["type"], "OBJECT");
        assert_eq!((neutral["model"].as_str(), neutral["stream"].as_bool()), (Some("ok"), Some(true)));
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape("ok%2Bchunks%3d3%2"), "ok+chunks=3%2");
        assert_eq!(unescape("a/b+c"), "a/b+c");
    }
}
