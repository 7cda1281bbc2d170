//! What a chat request may hold, the rules between its fields, and each call with its result.
use serde_json::Value;

use super::parts::{CHOICE, FORMAT, MESSAGES, TOOL};
use super::strict::Owner;
use crate::base64;
use crate::fault::{Fault, Step};
use crate::problem::Problem;
use crate::reply::Family;
use crate::script::Script;
use crate::shape::{Rule, TEXTS, Walk, from, given, is_plain_name, list, may, must, text};

/// The longest name of a function or a schema.
const LONGEST: usize = 64;
/// The most tools.
const MOST_TOOLS: usize = 128;
/// What a reasoning model refuses, with the one value it takes where there is one.
const UNREASONED: [(&str, Option<f64>); 7] = [
    ("temperature", Some(1.0)),
    ("top_p", Some(1.0)),
    ("presence_penalty", Some(0.0)),
    ("frequency_penalty", Some(0.0)),
    ("logit_bias", None),
    ("logprobs", None),
    ("top_logprobs", None),
];

const PENALTY: Rule = Rule::Number(-2.0, 2.0);
const EFFORT: Rule = Rule::Word(&["none", "minimal", "low", "medium", "high", "xhigh", "max"]);
const OPTIONS: Rule = Rule::Object(&[may("include_usage", Rule::Flag), may("include_obfuscation", Rule::Flag)]);
const CACHE: Rule =
    Rule::Object(&[may("mode", Rule::Word(&["implicit", "explicit"])), may("ttl", Rule::Word(&["30m"]))]);

static CHAT: Rule = Rule::Object(&[
    must("model", Rule::Text),
    must("messages", MESSAGES),
    may("audio", Rule::Map),
    may("frequency_penalty", PENALTY),
    may("presence_penalty", PENALTY),
    may("function_call", Rule::Any),
    may("functions", Rule::Each(&Rule::Map)),
    may("logit_bias", Rule::Values(&Rule::Number(-100.0, 100.0))),
    may("logprobs", Rule::Flag),
    may("top_logprobs", Rule::Integer(0, 20)),
    may("max_completion_tokens", from(1)),
    may("max_tokens", from(1)),
    may("metadata", Rule::Values(&Rule::Text)),
    may("modalities", Rule::Each(&Rule::Word(&["text", "audio"]))),
    may("moderation", Rule::Map),
    may("n", Rule::Integer(1, 128)),
    may("parallel_tool_calls", Rule::Flag),
    may("prediction", Rule::Map),
    may("prompt_cache_key", Rule::Text),
    may("prompt_cache_options", CACHE),
    may("prompt_cache_retention", Rule::Word(&["in_memory", "in-memory", "24h"])),
    may("reasoning_effort", EFFORT),
    may("response_format", FORMAT),
    may("safety_identifier", Rule::Text),
    may("seed", Rule::Integer(i64::MIN, i64::MAX)),
    may("service_tier", Rule::Word(&["auto", "default", "flex", "scale", "priority", "fast"])),
    may("stop", Rule::Either(&[Rule::Text, TEXTS])),
    may("store", Rule::Flag),
    may("stream", Rule::Flag),
    may("stream_options", OPTIONS),
    may("temperature", Rule::Number(0.0, 2.0)),
    may("tool_choice", CHOICE),
    may("tools", Rule::Each(&TOOL)),
    may("top_p", Rule::Number(0.0, 1.0)),
    may("user", Rule::Text),
    may("verbosity", Rule::Word(&["low", "medium", "high"])),
    may("web_search_options", Rule::Map),
]);

static COMPLETION: Rule = Rule::Object(&[
    must("model", Rule::Text),
    must("prompt", Rule::Any),
    may("best_of", Rule::Integer(0, 20)),
    may("echo", Rule::Flag),
    may("frequency_penalty", PENALTY),
    may("presence_penalty", PENALTY),
    may("logit_bias", Rule::Map),
    may("logprobs", Rule::Integer(0, 5)),
    may("max_tokens", from(0)),
    may("n", Rule::Integer(1, 128)),
    may("seed", Rule::Integer(i64::MIN, i64::MAX)),
    may("stop", Rule::Either(&[Rule::Text, TEXTS])),
    may("stream", Rule::Flag),
    may("stream_options", OPTIONS),
    may("suffix", Rule::Text),
    may("temperature", Rule::Number(0.0, 2.0)),
    may("top_p", Rule::Number(0.0, 1.0)),
    may("user", Rule::Text),
]);

static EMBEDDING: Rule = Rule::Object(&[
    must("model", Rule::Text),
    must("input", Rule::Any),
    may("dimensions", from(1)),
    may("encoding_format", Rule::Word(&["float", "base64"])),
    may("user", Rule::Text),
]);

/// A fault of the API's own at a place.
pub(crate) fn refuse(path: &[Step<'_>], said: &str) -> Problem {
    Fault::Said(said).problem(Family::OpenAi, path)
}

/// A legacy completion.
pub(crate) fn check_completion(body: &Value) -> Result<(), Problem> {
    Walk::new(Family::OpenAi).check(body, &COMPLETION)
}

/// A request for vectors.
pub(crate) fn check_embedding(body: &Value) -> Result<(), Problem> {
    Walk::new(Family::OpenAi).check(body, &EMBEDDING)
}

/// A chat request.
pub(crate) fn check(body: &Value, script: &Script) -> Result<(), Problem> {
    Walk::new(Family::OpenAi).check(body, &CHAT)?;
    let messages = list(body, "messages");
    if messages.is_empty() {
        return Err(empty_array("messages"));
    }
    self::messages(messages)?;
    tools(body)?;
    limits(body)?;
    if script.reasoning {
        reasoning(body, "max_tokens", "max_completion_tokens")?;
    }
    let Some(format) = given(body, "response_format") else { return Ok(()) };
    match text(format, "type") {
        "json_schema" => {
            let inner = format.get("json_schema").unwrap_or(&Value::Null);
            schema(inner, "response_format.json_schema", "response_format")
        }
        "json_object" => says_json(messages, "messages", "response_format"),
        _ => Ok(()),
    }
}

pub(crate) fn empty_array(name: &str) -> Problem {
    Problem::bad_request(format!(
        "Invalid '{name}': empty array. Expected an array with minimum length 1, but got an empty array instead."
    ))
    .with_param(name)
    .with_code("empty_array")
}

/// The model must be told of JSON before it is held to it.
pub(crate) fn says_json<V: serde::Serialize + ?Sized>(texts: &V, place: &str, format: &str) -> Result<(), Problem> {
    let said = serde_json::to_string(texts).unwrap_or_default().to_ascii_lowercase();
    if said.contains("json") {
        return Ok(());
    }
    Err(Problem::bad_request(format!(
        "'{place}' must contain the word 'json' in some form, to use '{format}' of type 'json_object'."
    ))
    .with_param(place))
}

/// A named schema the answer has to follow.
pub(crate) fn schema(format: &Value, place: &str, what: &str) -> Result<(), Problem> {
    let name = text(format, "name");
    plain_name(name, &format!("{place}.name"))?;
    let Some(schema) = given(format, "schema") else {
        return Err(Fault::Missing("schema").problem(Family::OpenAi, &[Step::Name(place)]));
    };
    let owner = Owner { what: "response_format", name, param: what.to_owned() };
    if format.get("strict") != Some(&Value::Bool(true)) {
        return Ok(());
    }
    owner.check_root(schema)?;
    owner.check_strict(schema)
}

/// A name of a function or a schema.
pub(crate) fn plain_name(name: &str, place: &str) -> Result<(), Problem> {
    if is_plain_name(name, LONGEST) {
        return Ok(());
    }
    let said = match name.len() {
        0 => "empty string. Expected a string with minimum length 1, but got an empty string instead.".to_owned(),
        length if length > LONGEST => format!(
            "string too long. Expected a string with maximum length {LONGEST}, but got a string with length {length} instead."
        ),
        _ => "string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.".to_owned(),
    };
    Err(Problem::bad_request(format!("Invalid '{place}': {said}")).with_param(place).with_code("invalid_value"))
}

fn messages(messages: &[Value]) -> Result<(), Problem> {
    let mut open: Vec<&str> = Vec::new();
    let mut opened_at = 0;
    for (at, message) in messages.iter().enumerate() {
        let path = [Step::Name("messages"), Step::At(at)];
        let role = text(message, "role");
        if role == "tool" {
            let id = text(message, "tool_call_id");
            let Some(found) = open.iter().position(|call| *call == id) else {
                let path = [path[0], path[1], Step::Name("role")];
                return Err(refuse(
                    &path,
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
                ));
            };
            open.swap_remove(found);
            continue;
        }
        if !open.is_empty() {
            return Err(unanswered(opened_at, &open));
        }
        for (number, part) in list(message, "content").iter().enumerate() {
            image(&[path[0], path[1], Step::Name("content"), Step::At(number)], part)?;
        }
        if role != "assistant" {
            continue;
        }
        let calls = list(message, "tool_calls");
        if message.get("tool_calls").is_some_and(Value::is_array) && calls.is_empty() {
            return Err(empty_array(&format!("messages[{at}].tool_calls")));
        }
        let says = ["content", "refusal", "function_call", "audio"].iter().any(|name| given(message, name).is_some());
        if calls.is_empty() && !says {
            let path = [path[0], path[1], Step::Name("content")];
            return Err(refuse(&path, "Invalid value for 'content': expected a string, got null."));
        }
        open = calls.iter().map(|call| text(call, "id")).collect();
        opened_at = at;
    }
    if open.is_empty() { Ok(()) } else { Err(unanswered(opened_at, &open)) }
}

fn unanswered(at: usize, ids: &[&str]) -> Problem {
    Problem::bad_request(format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
        ids.join(", ")
    ))
    .with_param(format!("messages.[{at}].role"))
}

/// An image's address: the web's, or data of a kind the API reads.
pub(crate) fn image(path: &[Step<'_>], part: &Value) -> Result<(), Problem> {
    let held = part.get("image_url");
    let Some(url) = held.and_then(|held| held.get("url").unwrap_or(held).as_str()) else { return Ok(()) };
    let refuse = |said: &str| Err(refuse(path, said));
    let Some(data) = url.strip_prefix("data:") else {
        if url.starts_with("https://") || url.starts_with("http://") {
            return Ok(());
        }
        return refuse("Invalid image URL: it must be a data URL or begin with http:// or https://.");
    };
    let Some((kind, data)) = data.split_once(";base64,") else {
        return refuse("Invalid base64 image_url.");
    };
    if !["image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp"].contains(&kind) {
        return refuse(
            "You uploaded an unsupported image. Please make sure your image has of one the following formats: ['png', 'jpeg', 'gif', 'webp'].",
        );
    }
    if data.is_empty() || !base64::is_valid(data) {
        return refuse("Invalid base64 image_url.");
    }
    Ok(())
}

fn tools(body: &Value) -> Result<(), Problem> {
    let tools = list(body, "tools");
    if body.get("tools").is_some_and(Value::is_array) && tools.is_empty() {
        return Err(empty_array("tools"));
    }
    if tools.len() > MOST_TOOLS {
        let said = format!("Invalid 'tools': array too long. Expected an array with maximum length {MOST_TOOLS}.");
        return Err(refuse(&[Step::Name("tools")], &said));
    }
    let mut names = Vec::new();
    for (at, tool) in tools.iter().enumerate() {
        let kind = text(tool, "type");
        let inner = tool.get(kind).unwrap_or(&Value::Null);
        let name = text(inner, "name");
        plain_name(name, &format!("tools[{at}].{kind}.name"))?;
        names.push(name);
        let Some(parameters) = given(inner, "parameters") else { continue };
        let owner = Owner { what: "function", name, param: format!("tools[{at}].function.parameters") };
        owner.check_root(parameters)?;
        if inner.get("strict") == Some(&Value::Bool(true)) {
            owner.check_strict(parameters)?;
        }
    }
    for field in ["tool_choice", "parallel_tool_calls"] {
        let wants = given(body, field).is_some_and(|choice| choice != "none");
        if wants && tools.is_empty() && given(body, "functions").is_none() {
            let said = format!("'{field}' is only allowed when 'tools' are specified.");
            return Err(refuse(&[Step::Name(field)], &said));
        }
    }
    let choice = body.get("tool_choice").unwrap_or(&Value::Null);
    let wanted = choice.get(text(choice, "type")).map(|named| text(named, "name")).filter(|name| !name.is_empty());
    match wanted {
        Some(name) if !names.contains(&name) => {
            let said = format!("Tool choice '{name}' not found in 'tools' parameter.");
            Err(refuse(&[Step::Name("tool_choice")], &said))
        }
        _ => Ok(()),
    }
}

fn limits(body: &Value) -> Result<(), Problem> {
    if list(body, "stop").len() > 4 {
        let said = "Invalid 'stop': array too long. Expected an array with maximum length 4.";
        return Err(refuse(&[Step::Name("stop")], said));
    }
    metadata(body)?;
    let says = |name: &str| body.get(name) == Some(&Value::Bool(true));
    if given(body, "stream_options").is_some() && !says("stream") {
        let said = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(refuse(&[Step::Name("stream_options")], said));
    }
    if given(body, "top_logprobs").is_some() && !says("logprobs") {
        let said = "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.";
        return Err(refuse(&[Step::Name("top_logprobs")], said));
    }
    if given(body, "max_tokens").is_some() && given(body, "max_completion_tokens").is_some() {
        let said = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
        return Err(refuse(&[Step::Name("max_tokens")], said));
    }
    Ok(())
}

/// At most sixteen labels, with short names and values.
pub(crate) fn metadata(body: &Value) -> Result<(), Problem> {
    let Some(labels) = body.get("metadata").and_then(Value::as_object) else { return Ok(()) };
    let long = labels
        .iter()
        .any(|(name, value)| name.len() > 64 || value.as_str().is_some_and(|value| value.chars().count() > 512));
    if labels.len() > 16 || long {
        let said = "Invalid 'metadata': at most 16 pairs, names of at most 64 and values of at most 512 characters.";
        return Err(refuse(&[Step::Name("metadata")], said));
    }
    Ok(())
}

/// What a reasoning model does not take.
pub(crate) fn reasoning(body: &Value, limit: &str, instead: &str) -> Result<(), Problem> {
    let unsupported = |name: &str, more: &str| {
        let said = format!("Unsupported parameter: '{name}' is not supported with this model.{more}");
        Err(Problem::bad_request(said).with_param(name).with_code("unsupported_parameter"))
    };
    if limit != instead && given(body, limit).is_some() {
        return unsupported(limit, &format!(" Use '{instead}' instead."));
    }
    for (name, only) in UNREASONED {
        let Some(value) = given(body, name) else { continue };
        if only.is_none() || value.as_f64() != only {
            return unsupported(name, "");
        }
    }
    if given(body, "stop").is_some() { unsupported("stop", "") } else { Ok(()) }
}
