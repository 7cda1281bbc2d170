//! What a Cohere request may hold, and the 400s Cohere answers to anything else.
use serde_json::Value;

use crate::fault::Fault;
use crate::problem::Problem;
use crate::reply::Family;
use crate::shape::{Kind, Rule, TEXTS, Walk, from, given, is_plain_name, list, may, must, text};

const TEXT: Kind = ("text", &[must("text", Rule::Text)]);
const DOCUMENT: Kind =
    ("document", &[must("document", Rule::Object(&[must("data", Rule::Map), may("id", Rule::Text)]))]);
const IMAGE: Kind = (
    "image_url",
    &[must("image_url", Rule::Object(&[must("url", Rule::Text), may("detail", Rule::Word(&["auto", "low", "high"]))]))],
);
const THINKING: Kind = ("thinking", &[must("thinking", Rule::Text)]);

const fn parts(kinds: &'static [Kind]) -> Rule {
    Rule::Kinds { tag: "type", kinds, untagged: None }
}

const SYSTEM: Rule = Rule::Either(&[Rule::Text, Rule::Each(&parts(&[TEXT]))]);
const USER: Rule = Rule::Either(&[Rule::Text, Rule::Each(&parts(&[TEXT, IMAGE]))]);
const ASSISTANT: Rule = Rule::Either(&[Rule::Text, Rule::Each(&parts(&[TEXT, THINKING]))]);
const RESULT: Rule = Rule::Either(&[Rule::Text, Rule::Each(&parts(&[TEXT, DOCUMENT]))]);

const CALL: Rule = parts(&[(
    "function",
    &[
        must("id", Rule::Text),
        must("function", Rule::Object(&[must("name", Rule::Text), must("arguments", Rule::Text)])),
    ],
)]);

const MESSAGES: Rule = Rule::Each(&Rule::Kinds {
    tag: "role",
    kinds: &[
        ("system", &[must("content", SYSTEM)]),
        ("user", &[must("content", USER)]),
        (
            "assistant",
            &[
                may("content", ASSISTANT),
                may("tool_calls", Rule::Each(&CALL)),
                may("tool_plan", Rule::Text),
                may("citations", Rule::Each(&Rule::Map)),
            ],
        ),
        ("tool", &[must("tool_call_id", Rule::Text), must("content", RESULT)]),
    ],
    untagged: None,
});

const TOOL: Rule = parts(&[(
    "function",
    &[must(
        "function",
        Rule::Object(&[must("name", Rule::Text), may("description", Rule::Text), must("parameters", Rule::Map)]),
    )],
)]);

const FORMAT: Rule =
    parts(&[("text", &[]), ("json_object", &[may("json_schema", Rule::Map), may("schema", Rule::Map)])]);

static CHAT: Rule = Rule::Object(&[
    must("model", Rule::Text),
    must("messages", MESSAGES),
    may("tools", Rule::Each(&TOOL)),
    may("strict_tools", Rule::Flag),
    may("tool_choice", Rule::Word(&["REQUIRED", "NONE"])),
    may(
        "documents",
        Rule::Each(&Rule::Either(&[Rule::Text, Rule::Object(&[must("data", Rule::Map), may("id", Rule::Text)])])),
    ),
    may(
        "citation_options",
        Rule::Object(&[may("mode", Rule::Word(&["FAST", "ACCURATE", "OFF", "ENABLED", "DISABLED"]))]),
    ),
    may("response_format", FORMAT),
    may("safety_mode", Rule::Word(&["CONTEXTUAL", "STRICT", "OFF"])),
    may("max_tokens", from(0)),
    may("stop_sequences", TEXTS),
    may("temperature", Rule::Number(0.0, 1.0)),
    may("p", Rule::Number(0.01, 0.99)),
    may("k", Rule::Integer(0, 500)),
    may("frequency_penalty", Rule::Number(0.0, 1.0)),
    may("presence_penalty", Rule::Number(0.0, 1.0)),
    may("seed", from(0)),
    may("logprobs", Rule::Flag),
    may("thinking", Rule::Object(&[must("type", Rule::Word(&["enabled", "disabled"])), may("token_budget", from(1))])),
    may("priority", Rule::Integer(0, 999)),
    may("stream", Rule::Flag),
]);

static EMBED: Rule = Rule::Object(&[
    must("model", Rule::Text),
    must("input_type", Rule::Word(&["search_document", "search_query", "classification", "clustering", "image"])),
    may("texts", TEXTS),
    may("images", TEXTS),
    may("inputs", Rule::Each(&Rule::Object(&[must("content", Rule::Each(&parts(&[TEXT, IMAGE])))]))),
    may("max_tokens", from(1)),
    may("output_dimension", Rule::Integer(1, 4_096)),
    may("embedding_types", Rule::Each(&Rule::Word(&["float", "int8", "uint8", "binary", "ubinary", "base64"]))),
    may("truncate", Rule::Word(&["NONE", "START", "END"])),
    may("priority", Rule::Integer(0, 999)),
]);

fn refuse(said: &str) -> Problem {
    Fault::Said(said).problem(Family::Cohere, &[])
}

/// A request for an answer.
pub(crate) fn check(body: &Value) -> Result<(), Problem> {
    Walk::new(Family::Cohere).check(body, &CHAT)?;
    turns(list(body, "messages"))?;
    let present = |name: &str| given(body, name).is_some();
    if list(body, "stop_sequences").len() > 5 {
        return Err(refuse("invalid request: stop_sequences must have at most 5 elements."));
    }
    let tools = list(body, "tools");
    if tools.is_empty() && (present("tool_choice") || body.get("strict_tools").and_then(Value::as_bool) == Some(true)) {
        return Err(refuse("invalid request: tool_choice and strict_tools are only allowed with tools."));
    }
    for (at, tool) in tools.iter().enumerate() {
        let name = tool.pointer("/function/name").and_then(Value::as_str).unwrap_or_default();
        if !is_plain_name(name, 256) {
            return Err(refuse(&format!(
                "invalid request: tools[{at}].function.name must only have letters, numbers, underscores and hyphens."
            )));
        }
        if tool.pointer("/function/parameters/type").and_then(Value::as_str) != Some("object") {
            return Err(refuse(&format!("invalid request: tools[{at}].function.parameters must be of type object.")));
        }
    }
    let structured = body.pointer("/response_format/type").and_then(Value::as_str) == Some("json_object");
    if structured && !list(body, "documents").is_empty() {
        return Err(refuse("invalid request: response_format is not supported with RAG."));
    }
    if structured && !tools.is_empty() {
        return Err(refuse("invalid request: response_format is not supported with tools."));
    }
    if present("safety_mode") && text(body, "safety_mode") != "OFF" && !tools.is_empty() {
        return Err(refuse("invalid request: safety_mode is not supported with tools."));
    }
    Ok(())
}

/// Calls with their results: each result names a call of the assistant before it, and no call stays without one.
fn turns(messages: &[Value]) -> Result<(), Problem> {
    if messages.is_empty() {
        return Err(refuse("invalid request: messages must have at least one element."));
    }
    let mut open: Vec<&str> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let role = text(message, "role");
        if role == "tool" {
            let id = text(message, "tool_call_id");
            let Some(found) = open.iter().position(|call| *call == id) else {
                return Err(refuse(&format!(
                    "invalid request: messages[{at}].tool_call_id '{id}' is no call of the assistant message before it."
                )));
            };
            open.swap_remove(found);
            continue;
        }
        if let Some(id) = open.first() {
            return Err(refuse(&format!("invalid request: no tool result for tool call '{id}'.")));
        }
        let empty = match message.get("content") {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(content) => content.as_array().is_some_and(Vec::is_empty),
        };
        if role == "user" && empty {
            return Err(refuse(
                "invalid request: message must be at least 1 token long or tool results must be specified.",
            ));
        }
        let calls = list(message, "tool_calls");
        if role == "assistant" && empty && calls.is_empty() {
            return Err(refuse(&format!("invalid request: messages[{at}] must have content or tool_calls.")));
        }
        for (number, call) in calls.iter().enumerate() {
            let arguments = call.pointer("/function/arguments").and_then(Value::as_str).unwrap_or_default();
            // The model itself writes null for a tool without parameters.
            if !matches!(serde_json::from_str(arguments), Ok(Value::Object(_) | Value::Null)) {
                return Err(refuse(&format!(
                    "invalid request: messages[{at}].tool_calls[{number}].function.arguments must be a JSON object."
                )));
            }
        }
        open.extend(calls.iter().map(|call| text(call, "id")));
    }
    match open.first() {
        Some(id) => Err(refuse(&format!("invalid request: no tool result for tool call '{id}'."))),
        None => Ok(()),
    }
}

/// A request for vectors.
pub(crate) fn check_embed(body: &Value) -> Result<(), Problem> {
    Walk::new(Family::Cohere).check(body, &EMBED)?;
    let given = ["texts", "images", "inputs"].into_iter().filter(|name| !list(body, name).is_empty());
    match given.count() {
        1 => Ok(()),
        _ => Err(refuse("invalid request: exactly one of texts, images and inputs is required.")),
    }
}
