//! The items of a conversation: whose parts they may hold, their ids, and each call with its output.
use bytes::Bytes;
use serde_json::Value;

use crate::answer::SIGNATURE;
use crate::fault::Step;
use crate::openai::check::{image, refuse};
use crate::problem::Problem;
use crate::shape::{list, text};

/// How the ids of items begin that the API has made.
const PREFIXES: [(&str, &str); 4] =
    [("message", "msg"), ("function_call", "fc"), ("custom_tool_call", "ctc"), ("reasoning", "rs")];

/// A call, and how its output is called.
const CALLS: [(&str, &str, &str); 2] = [
    ("function_call", "function_call_output", "function call"),
    ("custom_tool_call", "custom_tool_call_output", "custom tool call"),
];

/// Refuses items in an order the API does not take; `previous` is the answer they go on from.
pub(super) fn check(items: &[Value], previous: Option<&Bytes>) -> Result<(), Problem> {
    for (at, item) in items.iter().enumerate() {
        self::item(at, item)?;
        if text(item, "type") == "reasoning" && !items.get(at + 1).is_some_and(follows_reasoning) {
            let id = text(item, "id");
            return Err(Problem::bad_request(format!(
                "Item '{id}' of type 'reasoning' was provided without its required following item."
            ))
            .with_param("input"));
        }
    }
    let previous: Value = previous.and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    let before = list(&previous, "output");
    for (call, output, named) in CALLS {
        outputs(before.iter().chain(items), call, output, named)?;
    }
    Ok(())
}

fn outputs<'a>(items: impl Iterator<Item = &'a Value>, call: &str, output: &str, named: &str) -> Result<(), Problem> {
    let (mut open, mut known): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let refuse = |said: String| Err(Problem::bad_request(said).with_param("input"));
    for item in items {
        let (kind, id) = (text(item, "type"), text(item, "call_id"));
        if kind == call {
            open.push(id);
            known.push(id);
        }
        if kind == output {
            if !known.contains(&id) {
                return refuse(format!("No tool call found for {named} output with call_id {id}."));
            }
            open.retain(|call| *call != id);
        }
    }
    match open.first() {
        Some(id) => refuse(format!("No tool output found for {named} {id}.")),
        None => Ok(()),
    }
}

/// What a thought leads to: words, a call, or more thought.
fn follows_reasoning(item: &Value) -> bool {
    let kind = text(item, "type");
    let message = kind.is_empty() || kind == "message";
    if message { text(item, "role") == "assistant" } else { kind == "reasoning" || kind.ends_with("_call") }
}

fn item(at: usize, item: &Value) -> Result<(), Problem> {
    let path = [Step::Name("input"), Step::At(at)];
    let kind = text(item, "type");
    let kind = if kind.is_empty() { "message" } else { kind };
    let id = text(item, "id");
    if let Some((_, begin)) =
        PREFIXES.iter().find(|(name, begin)| *name == kind && !id.is_empty() && !id.starts_with(begin))
    {
        let said = format!("Invalid 'input[{at}].id': '{id}'. Expected an ID that begins with '{begin}'.");
        return Err(refuse(&[path[0], path[1], Step::Name("id")], &said));
    }
    let state = text(item, "encrypted_content");
    if matches!(kind, "reasoning" | "compaction") && !state.is_empty() && state != SIGNATURE {
        let head: String = state.chars().take(12).collect();
        return Err(Problem::bad_request(format!(
            "The encrypted content {head}... could not be verified. Reason: Encrypted content could not be decrypted or parsed."
        ))
        .with_code("invalid_encrypted_content"));
    }
    let allowed: &[&str] = match (kind, text(item, "role")) {
        ("message", "assistant") => &["output_text", "refusal"],
        ("message", _) => &["input_text", "input_image", "input_file"],
        _ => &[],
    };
    for (number, part) in list(item, "content").iter().enumerate() {
        let path = [path[0], path[1], Step::Name("content"), Step::At(number)];
        let kind = text(part, "type");
        if !allowed.is_empty() && !allowed.contains(&kind) {
            let names: Vec<_> = allowed.iter().map(|name| format!("'{name}'")).collect();
            let said = format!("Invalid value: '{kind}'. Supported values are: {}.", names.join(" and "));
            return Err(refuse(&path, &said));
        }
        image(&path, part)?;
    }
    for (number, part) in list(item, "output").iter().enumerate() {
        image(&[path[0], path[1], Step::Name("output"), Step::At(number)], part)?;
    }
    Ok(())
}
