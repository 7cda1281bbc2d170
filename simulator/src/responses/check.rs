//! What a Responses request may hold, and the rules between its fields.
use bytes::Bytes;
use serde_json::Value;

use super::entries::{CHOICE, INPUT, TEXT, TOOLS};
use super::turns;
use crate::fault::Step;
use crate::openai::check::{metadata, plain_name, reasoning, refuse, says_json, schema};
use crate::openai::strict::Owner;
use crate::problem::Problem;
use crate::reply::Family;
use crate::script::Script;
use crate::shape::{Field, Rule, Walk, given, list, may, must, text};

const EFFORT: Rule = Rule::Word(&["none", "minimal", "low", "medium", "high", "xhigh", "max"]);
const SUMMARY: Rule = Rule::Word(&["auto", "concise", "detailed", "none"]);

const REASONING: Rule = Rule::Object(&[
    may("effort", EFFORT),
    may("summary", SUMMARY),
    may("generate_summary", SUMMARY),
    may("context", Rule::Word(&["auto", "current_turn", "all_turns"])),
    may("mode", Rule::Text),
]);

const INCLUDE: Rule = Rule::Each(&Rule::Word(&[
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
]));

const TRUNCATION: Rule = Rule::Word(&["auto", "disabled"]);

const CREATE: &[Field] = &[
    may("model", Rule::Text),
    may("input", INPUT),
    may("instructions", Rule::Text),
    may("tools", TOOLS),
    may("tool_choice", CHOICE),
    may("parallel_tool_calls", Rule::Flag),
    may("max_output_tokens", Rule::Integer(16, i64::MAX)),
    may("max_tool_calls", Rule::Integer(1, i64::MAX)),
    may("temperature", Rule::Number(0.0, 2.0)),
    may("top_p", Rule::Number(0.0, 1.0)),
    may("top_logprobs", Rule::Integer(0, 20)),
    may("text", TEXT),
    may("reasoning", REASONING),
    may("include", INCLUDE),
    may("store", Rule::Flag),
    may("stream", Rule::Flag),
    may("stream_options", Rule::Object(&[may("include_obfuscation", Rule::Flag)])),
    may("previous_response_id", Rule::Text),
    may("conversation", Rule::Either(&[Rule::Text, Rule::Object(&[must("id", Rule::Text)])])),
    may("background", Rule::Flag),
    may("truncation", TRUNCATION),
    may("prompt", Rule::Map),
    may("context_management", Rule::Each(&Rule::Map)),
    may("prompt_cache_key", Rule::Text),
    may("prompt_cache_options", Rule::Map),
    may("prompt_cache_retention", Rule::Word(&["in_memory", "in-memory", "24h"])),
    may("safety_identifier", Rule::Text),
    may("user", Rule::Text),
    may("metadata", Rule::Values(&Rule::Text)),
    may("moderation", Rule::Map),
    may("service_tier", Rule::Word(&["auto", "default", "flex", "scale", "priority", "fast", "ultrafast"])),
    may("image", Rule::Map),
    may("access_programs", Rule::Any),
    // Codex sends it, and the API takes it.
    may("client_metadata", Rule::Map),
];

static RESPONSE: Rule = Rule::Object(CREATE);

static COMPACT: Rule = Rule::Object(&[
    must("model", Rule::Text),
    may("input", INPUT),
    may("instructions", Rule::Text),
    may("previous_response_id", Rule::Text),
    may("prompt_cache_key", Rule::Text),
    may("prompt_cache_options", Rule::Map),
    may("prompt_cache_retention", Rule::Text),
    may("service_tier", Rule::Text),
    may("image", Rule::Map),
    // Codex sends what it sends for an answer.
    may("tools", TOOLS),
    may("parallel_tool_calls", Rule::Flag),
    may("reasoning", REASONING),
    may("text", TEXT),
]);

static COUNT: Rule = Rule::Object(&[
    may("model", Rule::Text),
    may("input", INPUT),
    may("instructions", Rule::Text),
    may("conversation", Rule::Any),
    may("parallel_tool_calls", Rule::Flag),
    may("personality", Rule::Text),
    may("previous_response_id", Rule::Text),
    may("reasoning", REASONING),
    may("text", TEXT),
    may("tool_choice", CHOICE),
    may("tools", TOOLS),
    may("truncation", TRUNCATION),
]);

/// A request for an answer; `previous` is the answer it goes on from.
pub(crate) fn check(body: &Value, script: &Script, previous: Option<&Bytes>) -> Result<(), Problem> {
    Walk::new(Family::OpenAi).check(body, &RESPONSE)?;
    if given(body, "previous_response_id").is_some() && given(body, "conversation").is_some() {
        let said = "Mutually exclusive parameters: only one of 'previous_response_id' and 'conversation' may be given.";
        return Err(refuse(&[Step::Name("previous_response_id")], said));
    }
    turns::check(list(body, "input"), previous)?;
    tools(list(body, "tools"), "tools")?;
    for (at, item) in list(body, "input").iter().enumerate() {
        tools(list(item, "tools"), &format!("input[{at}].tools"))?;
    }
    choice(body)?;
    metadata(body)?;
    if script.reasoning {
        reasoning(body, "max_output_tokens", "max_output_tokens")?;
    }
    let Some(format) = body.pointer("/text/format") else { return Ok(()) };
    match text(format, "type") {
        "json_schema" => schema(format, "text.format", "text.format.schema"),
        "json_object" => {
            let told = [body.get("input"), body.get("instructions")];
            says_json(&told, "input", "text.format")
        }
        _ => Ok(()),
    }
}

/// A request to make a conversation shorter.
pub(crate) fn check_compact(body: &Value) -> Result<(), Problem> {
    Walk::new(Family::OpenAi).check(body, &COMPACT)
}

/// A request for a count of tokens.
pub(crate) fn check_count(body: &Value) -> Result<(), Problem> {
    Walk::new(Family::OpenAi).check(body, &COUNT)
}

fn tools(tools: &[Value], place: &str) -> Result<(), Problem> {
    for (at, tool) in tools.iter().enumerate() {
        let kind = text(tool, "type");
        let name = text(tool, "name");
        if matches!(kind, "function" | "custom" | "namespace") {
            plain_name(name, &format!("{place}[{at}].name"))?;
        }
        self::tools(list(tool, "tools"), &format!("{place}[{at}].tools"))?;
        let Some(parameters) = given(tool, "parameters").filter(|_| kind == "function") else { continue };
        let owner = Owner { what: "function", name, param: format!("{place}[{at}].parameters") };
        owner.check_root(parameters)?;
        if tool.get("strict") == Some(&Value::Bool(true)) {
            owner.check_strict(parameters)?;
        }
    }
    Ok(())
}

/// A named tool has to be there, be it in the request, in a namespace or in an item.
fn choice(body: &Value) -> Result<(), Problem> {
    let choice = body.get("tool_choice").unwrap_or(&Value::Null);
    let name = text(choice, "name");
    if name.is_empty() || !matches!(text(choice, "type"), "function" | "custom") {
        return Ok(());
    }
    let added = list(body, "input").iter().flat_map(|item| list(item, "tools"));
    let mut outer = list(body, "tools").iter().chain(added);
    if outer.any(|tool| text(tool, "name") == name || list(tool, "tools").iter().any(|tool| text(tool, "name") == name))
    {
        return Ok(());
    }
    let said = format!("Tool choice '{name}' not found in 'tools' parameter.");
    Err(refuse(&[Step::Name("tool_choice")], &said))
}
