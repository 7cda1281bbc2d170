//! Which tools a request offers, which one the script calls, and with what arguments.
use serde_json::Value;

use crate::answer::{Part, cut};
use crate::ask::Ask;
use crate::schema;

/// In how many pieces arguments are streamed.
const PIECES: u32 = 4;

struct Tool {
    name: String,
    namespace: Option<String>,
    custom: bool,
    schema: Value,
}

/// The tool calls to answer with; none when a text is due: no tools, none wanted, or the results are in.
pub(crate) fn call(ask: &Ask<'_>, calls: usize) -> Option<Vec<Part>> {
    let parse = |raw: Option<&serde_json::value::RawValue>| {
        raw.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok()).unwrap_or_default()
    };
    let conversation = [parse(ask.wire.messages), parse(ask.wire.input)];
    let choice = parse(ask.wire.tool_choice);
    let refused = choice.get("type").unwrap_or(&choice).as_str().is_some_and(|word| word.eq_ignore_ascii_case("none"));
    if refused || conversation.iter().any(holds_result) {
        return None;
    }
    let mut tools = Vec::new();
    collect(&parse(ask.wire.tools), None, &mut tools);
    for item in conversation.iter().filter_map(Value::as_array).flatten() {
        if item.get("type").and_then(Value::as_str) == Some("additional_tools") {
            collect(item.get("tools").unwrap_or(&Value::Null), None, &mut tools);
        }
    }
    if let Some(name) = wanted(&choice) {
        tools.retain(|tool| tool.name == name);
    }
    let calls = if ask.wire.parallel_tool_calls == Some(false) { 1 } else { calls };
    let first = tools.first()?;
    let chosen = (0..calls).map(|at| tools.get(at).unwrap_or(first));
    Some(chosen.map(Tool::called).collect())
}

impl Tool {
    fn called(&self) -> Part {
        let arguments = if self.custom {
            "lorem ipsum dolor sit amet".to_owned()
        } else {
            match schema::instance(&self.schema) {
                Value::Object(fields) => Value::Object(fields).to_string(),
                _ => "{}".to_owned(),
            }
        };
        Part::Tool {
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            custom: self.custom,
            pieces: cut(&arguments, PIECES),
        }
    }
}

/// Tools in the forms of all protocols: nested in `function` (Chat), flat (Responses), with `input_schema` (Anthropic).
fn collect(list: &Value, namespace: Option<&str>, tools: &mut Vec<Tool>) {
    for entry in list.as_array().into_iter().flatten() {
        let kind = entry.get("type").and_then(Value::as_str).unwrap_or("custom");
        let inner = entry.get(kind).unwrap_or(entry);
        let Some(name) = inner.get("name").and_then(Value::as_str) else { continue };
        if kind == "namespace" {
            collect(entry.get("tools").unwrap_or(&Value::Null), Some(name), tools);
            continue;
        }
        let schema = inner.get("parameters").or_else(|| inner.get("input_schema"));
        let typed = entry.get("type").is_some();
        // An Anthropic tool may say `custom` too, but has a schema.
        let custom = kind == "custom" && typed && schema.is_none();
        if kind != "function" && kind != "custom" && schema.is_none() {
            continue;
        }
        tools.push(Tool {
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
            custom,
            schema: schema.cloned().unwrap_or_default(),
        });
    }
}

/// The name in a `tool_choice` that names a tool.
fn wanted(choice: &Value) -> Option<&str> {
    let named = choice.get("function").or_else(|| choice.get("custom")).unwrap_or(choice);
    named.get("name")?.as_str()
}

/// Whether a tool's result is somewhere in the conversation.
fn holds_result(conversation: &Value) -> bool {
    let is = |item: &Value, key: &str, names: &[&str]| {
        item.get(key).and_then(Value::as_str).is_some_and(|value| names.contains(&value))
    };
    conversation.as_array().into_iter().flatten().any(|item| {
        is(item, "role", &["tool", "function"])
            || is(item, "type", &["function_call_output", "custom_tool_call_output"])
            || item
                .get("content")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .any(|block| is(block, "type", &["tool_result"]))
    })
}
