//! What a Messages request may hold beside the conversation, and the rules between its fields.
use serde_json::{Value, json};

use super::blocks::{CACHE, MESSAGES, SYSTEM};
use super::{refuse, tools, turns};
use crate::problem::Problem;
use crate::reply::Family;
use crate::shape::{Field, OPEN, Rule, TEXTS, Walk, from, given, list, may, must, text};

const DISPLAY: Field = may("display", Rule::Word(&["summarized", "omitted", "updates"]));

const THINKING: Rule = Rule::Kinds {
    tag: "type",
    kinds: &[
        ("enabled", &[must("budget_tokens", from(1_024)), DISPLAY, may("block_binding", Rule::Any)]),
        ("adaptive", &[DISPLAY, may("block_binding", Rule::Any)]),
        ("disabled", &[]),
        ("between_tools", &[OPEN]),
    ],
    untagged: None,
};

const CHOICE: Rule = Rule::Kinds {
    tag: "type",
    kinds: &[
        ("auto", &[may("disable_parallel_tool_use", Rule::Flag)]),
        ("any", &[may("disable_parallel_tool_use", Rule::Flag)]),
        ("tool", &[must("name", Rule::Text), may("disable_parallel_tool_use", Rule::Flag)]),
        ("none", &[]),
    ],
    untagged: None,
};

const OUTPUT: Rule = Rule::Object(&[
    may("effort", Rule::Word(&["low", "medium", "high", "xhigh", "max"])),
    may("format", Rule::Kinds { tag: "type", kinds: &[("json_schema", &[must("schema", Rule::Map)])], untagged: None }),
    may("task_budget", Rule::Map),
]);

static MESSAGE: Rule = Rule::Object(&[
    must("model", Rule::Text),
    must("messages", MESSAGES),
    must("max_tokens", from(0)),
    may("system", SYSTEM),
    may("tools", Rule::Each(&Rule::Map)),
    may("tool_choice", CHOICE),
    may("thinking", THINKING),
    may("output_config", OUTPUT),
    may("stop_sequences", TEXTS),
    may("stream", Rule::Flag),
    may("metadata", Rule::Object(&[may("user_id", Rule::Text)])),
    may("service_tier", Rule::Word(&["auto", "standard_only"])),
    may("speed", Rule::Word(&["standard", "fast"])),
    may("cache_control", CACHE),
    may("container", Rule::Any),
    may("inference_geo", Rule::Text),
    may("diagnostics", Rule::Map),
    may("temperature", Rule::Number(0.0, 1.0)),
    may("top_p", Rule::Number(0.0, 1.0)),
    may("top_k", from(0)),
    // Behind beta headers.
    may("context_management", Rule::Map),
    may("mcp_servers", Rule::Each(&Rule::Map)),
    may("fallbacks", Rule::Any),
    may("fallback_credit_token", Rule::Any),
    may("compaction", Rule::Map),
    may("thread", Rule::Map),
    may("billing_policy", Rule::Any),
    may("user_profile_id", Rule::Text),
    may("workspace_id", Rule::Text),
]);

static COUNT: Rule = Rule::Object(&[
    must("model", Rule::Text),
    must("messages", MESSAGES),
    may("system", SYSTEM),
    may("tools", Rule::Each(&Rule::Map)),
    may("tool_choice", CHOICE),
    may("thinking", THINKING),
    may("output_config", OUTPUT),
    may("cache_control", CACHE),
    may("speed", Rule::Word(&["standard", "fast"])),
    may("context_management", Rule::Map),
    may("mcp_servers", Rule::Each(&Rule::Map)),
    may("compaction", Rule::Map),
    may("billing_policy", Rule::Any),
    may("user_profile_id", Rule::Text),
    may("workspace_id", Rule::Text),
]);

/// A request for an answer.
pub(crate) fn check(body: &Value) -> Result<(), Problem> {
    Walk::new(Family::Anthropic).check(body, &MESSAGE)?;
    if given(body, "thread").is_some() {
        let detail = json!({"error_code": "thread_unsupported_request"});
        return Err(refuse("thread: threads are not kept here").with_detail(detail));
    }
    turns::check(body)?;
    tools::check(body)?;
    thinking(body)?;
    if list(body, "stop_sequences").iter().filter_map(Value::as_str).any(|stop| stop.trim().is_empty()) {
        return Err(refuse("stop_sequences: each stop sequence must contain non-whitespace"));
    }
    match body.pointer("/output_config/format/schema") {
        Some(schema) => closed(schema),
        None => Ok(()),
    }
}

/// A request for a count of tokens.
pub(crate) fn check_count(body: &Value) -> Result<(), Problem> {
    Walk::new(Family::Anthropic).check(body, &COUNT)?;
    turns::check(body)?;
    tools::check(body)
}

/// A budget has to fit, and whoever thinks is not sampled.
fn thinking(body: &Value) -> Result<(), Problem> {
    let Some(thinking) = given(body, "thinking") else { return Ok(()) };
    if !matches!(text(thinking, "type"), "enabled" | "adaptive") {
        return Ok(());
    }
    let number = |value: &Value, name: &str| value.get(name).and_then(Value::as_f64);
    if let (Some(budget), Some(most)) = (number(thinking, "budget_tokens"), number(body, "max_tokens"))
        && budget >= most
    {
        return Err(refuse("`max_tokens` must be greater than `thinking.budget_tokens`."));
    }
    if number(body, "temperature").is_some_and(|temperature| temperature < 1.0) {
        return Err(refuse("`temperature` may only be set to 1 when thinking is enabled or in adaptive mode."));
    }
    if number(body, "top_p").is_some_and(|share| share < 0.95) {
        return Err(refuse("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled."));
    }
    if given(body, "top_k").is_some() {
        return Err(refuse("`top_k` must be unset when thinking is enabled."));
    }
    Ok(())
}

/// Structured output wants each object closed.
fn closed(schema: &Value) -> Result<(), Problem> {
    if schema.get("type").and_then(Value::as_str) == Some("object")
        && schema.get("additionalProperties") != Some(&Value::Bool(false))
    {
        return Err(refuse(
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
        ));
    }
    match schema {
        Value::Object(fields) => fields.values().try_for_each(closed),
        Value::Array(items) => items.iter().try_for_each(closed),
        _ => Ok(()),
    }
}
