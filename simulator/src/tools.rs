//! Which tools a request offers, which one the script calls, and with what arguments.
use serde_json::{Value, json};

use crate::answer::{Part, cut};
use crate::ask::Ask;
use crate::schema;

/// In how many pieces arguments are streamed.
const PIECES: u32 = 4;

/// A user says which tool to call, and with what, between these: `{{call NAME}}INPUT{{end}}`.
const CALL: (&str, &str, &str) = ("{{call ", "}}", "{{end}}");

struct Tool {
    name: String,
    namespace: Option<String>,
    custom: bool,
    schema: Value,
}

/// The words that a user asks for, as if they were a tool called `text`: for clients that offer no tools.
pub(crate) fn said(ask: &Ask<'_>) -> Option<String> {
    let conversation = [parse(ask.wire.messages), parse(ask.wire.input)];
    conversation.iter().find_map(wish).filter(|wish| wish.name == "text").map(|wish| wish.input)
}

fn parse(raw: Option<&serde_json::value::RawValue>) -> Value {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// The tool calls to answer with; none when a text is due: no tools, none wanted, or the results are in.
pub(crate) fn call(ask: &Ask<'_>, calls: usize) -> Option<Vec<Part>> {
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
    if let Some(wish) = conversation.iter().find_map(wish) {
        let meant = tools.iter().max_by_key(|tool| wish.fit(tool)).filter(|tool| wish.fit(tool) > 0)?;
        return Some((0..calls).map(|_| meant.obey(&wish)).collect());
    }
    let first = tools.first()?;
    let chosen = (0..calls).map(|at| tools.get(at).unwrap_or(first));
    Some(chosen.map(Tool::called).collect())
}

/// A call that a user asks for in words.
struct Wish {
    name: String,
    input: String,
}

impl Wish {
    fn read(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once(CALL.0)?;
        let (name, rest) = rest.split_once(CALL.1)?;
        let (input, _) = rest.split_once(CALL.2)?;
        Some(Self { name: name.to_owned(), input: input.to_owned() })
    }

    /// How well a tool is the one that is meant: 0 not at all, most by its own name.
    ///
    /// Who translates namespaces into plain names puts the namespace in front.
    fn fit(&self, tool: &Tool) -> u8 {
        if tool.name == self.name {
            return 2;
        }
        let front = tool.name.strip_suffix(self.name.as_str());
        u8::from(front.is_some_and(|front| front.ends_with(['_', '.', '-'])))
    }
}

/// The first wish in a text of the conversation.
fn wish(conversation: &Value) -> Option<Wish> {
    match conversation {
        Value::String(text) => Wish::read(text),
        Value::Array(items) => items.iter().find_map(wish),
        Value::Object(fields) => fields.values().find_map(wish),
        _ => None,
    }
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
        self.part(&arguments)
    }

    /// The call a user asks for: JSON is the arguments themselves, anything else is the text a tool of free form takes.
    fn obey(&self, wish: &Wish) -> Part {
        let object = serde_json::from_str::<Value>(&wish.input).is_ok_and(|input| input.is_object());
        if self.custom || object {
            return self.part(&wish.input);
        }
        // A tool of free form that was translated is a function of one text.
        let names = self.schema.get("required").and_then(Value::as_array);
        let name = names.and_then(|names| names.first()).and_then(Value::as_str).unwrap_or("input");
        self.part(&json!({ name: wish.input }).to_string())
    }

    fn part(&self, arguments: &str) -> Part {
        Part::Tool {
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            custom: self.custom,
            pieces: cut(arguments, PIECES),
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
