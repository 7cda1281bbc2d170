//! What is said of tools: names, schemas, and the choice among them.
use serde_json::Value;

use super::{blocks, refuse};
use crate::fault::{Fault, Step};
use crate::problem::Problem;
use crate::reply::Family;
use crate::shape::{Rule, TEXTS, Walk, given, is_plain_name, list, may, must, text};

/// The longest name of a tool.
const LONGEST: usize = 128;

static CUSTOM: Rule = Rule::Object(&[
    must("name", Rule::Text),
    must("input_schema", Rule::Map),
    may("type", Rule::Word(&["custom"])),
    may("description", Rule::Text),
    may("cache_control", blocks::CACHE),
    may("strict", Rule::Flag),
    may("defer_loading", Rule::Flag),
    may("eager_input_streaming", Rule::Flag),
    may("input_examples", Rule::Each(&Rule::Map)),
    may("allowed_callers", TEXTS),
]);

/// Tools with a type of their own, by how the type begins; a date follows.
const TYPED: [&str; 11] = [
    "web_search_",
    "web_fetch_",
    "code_execution_",
    "bash_",
    "text_editor_",
    "memory_",
    "tool_search_tool_",
    "browser_toolset_",
    "computer_",
    "advisor_",
    "mcp_toolset",
];

static TYPED_TOOL: Rule = Rule::Object(&[must("type", Rule::Text), crate::shape::OPEN]);

/// Refuses tools and choices the API does not know.
pub(super) fn check(body: &Value) -> Result<(), Problem> {
    let tools = list(body, "tools");
    let mut names = Vec::new();
    for (at, tool) in tools.iter().enumerate() {
        let kind = text(tool, "type");
        let path = [Step::Name("tools"), Step::At(at)];
        if !kind.is_empty() && kind != "custom" {
            Walk::at(Family::Anthropic, &path).check(tool, &TYPED_TOOL)?;
            if !TYPED.iter().any(|begin| kind.starts_with(begin)) {
                let expected = "'bash_20250124', 'custom', 'text_editor_20250728', 'web_search_20250305'";
                return Err(refuse(&format!(
                    "tools.{at}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {expected}"
                )));
            }
        } else {
            custom(at, tool)?;
        }
        let name = text(tool, "name");
        if !name.is_empty() && names.contains(&name) {
            return Err(refuse("tools: Tool names must be unique."));
        }
        names.push(name);
    }
    let Some(choice) = given(body, "tool_choice") else { return Ok(()) };
    let kind = text(choice, "type");
    if tools.is_empty() && kind != "none" {
        return Err(refuse("tool_choice: tool_choice may only be specified while providing tools."));
    }
    let wanted = text(choice, "name");
    if kind == "tool" && !names.contains(&wanted) {
        return Err(refuse(&format!("tool_choice: Tool '{wanted}' not found in provided tools")));
    }
    let thinks = body.pointer("/thinking/type").and_then(Value::as_str) == Some("enabled");
    if thinks && matches!(kind, "any" | "tool") {
        return Err(refuse("Thinking may not be enabled when tool_choice forces tool use."));
    }
    Ok(())
}

fn custom(at: usize, tool: &Value) -> Result<(), Problem> {
    let path = [Step::Name("tools"), Step::At(at), Step::Tag("custom")];
    Walk::at(Family::Anthropic, &path).check(tool, &CUSTOM)?;
    let refuse = |said: &str, field: &[&'static str]| {
        let path: Vec<_> = path.iter().copied().chain(field.iter().map(|name| Step::Name(name))).collect();
        Fault::Said(said).problem(Family::Anthropic, &path)
    };
    if !is_plain_name(text(tool, "name"), LONGEST) {
        return Err(refuse("String should match pattern '^[a-zA-Z0-9_-]{1,128}$'", &["name"]));
    }
    let schema = tool.get("input_schema").unwrap_or(&Value::Null);
    match schema.get("type") {
        None => return Err(refuse("Field required", &["input_schema", "type"])),
        Some(kind) if kind.as_str() != Some("object") => {
            return Err(refuse("Input should be 'object'", &["input_schema", "type"]));
        }
        Some(_) => {}
    }
    if ["oneOf", "allOf", "anyOf"].iter().any(|name| schema.get(*name).is_some()) {
        let said = "input_schema does not support oneOf, allOf, or anyOf at the top level";
        return Err(refuse(said, &["input_schema"]));
    }
    Ok(())
}
