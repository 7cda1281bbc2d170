//! The order of a conversation: who begins, what may not be empty, and each call with its result.
use std::collections::HashSet;

use serde_json::Value;

use super::refuse;
use crate::answer::SIGNATURE;
use crate::problem::Problem;
use crate::shape::{given, is_plain_name, list, text};

/// The most marks for the cache in one request.
const MOST_MARKS: usize = 4;

/// A block and where it stands.
type Placed<'a> = (usize, usize, &'a Value);

/// Refuses a conversation the API does not take.
pub(super) fn check(body: &Value) -> Result<(), Problem> {
    let messages = list(body, "messages");
    if messages.is_empty() {
        return Err(refuse("messages: at least one message is required"));
    }
    for (at, message) in messages.iter().enumerate() {
        self::message(at, message, at + 1 == messages.len())?;
    }
    match text(messages.first().unwrap_or(&Value::Null), "role") {
        "system" => return Err(refuse("messages.0: use the top-level 'system' parameter for the system prompt")),
        "assistant" => return Err(refuse("messages: first message must use the \"user\" role")),
        _ => {}
    }
    calls(messages)?;
    let marks = marks(body);
    if marks > MOST_MARKS {
        return Err(refuse(&format!(
            "A maximum of {MOST_MARKS} blocks with cache_control may be provided. Found {marks}."
        )));
    }
    match body.get("system") {
        Some(Value::Array(blocks)) if blocks.iter().any(|block| text(block, "text").is_empty()) => {
            Err(refuse("system: text content blocks must be non-empty"))
        }
        _ => Ok(()),
    }
}

fn message(at: usize, message: &Value, last: bool) -> Result<(), Problem> {
    let role = text(message, "role");
    let ends = last && role == "assistant";
    for extra in ["clear_at", "output_config"] {
        if role != "system" && given(message, extra).is_some() {
            return Err(refuse(&format!("messages.{at}.{extra}: Extra inputs are not permitted")));
        }
    }
    match message.get("content") {
        None | Some(Value::Null) if role == "system" => {}
        None | Some(Value::Null) => return Err(refuse(&format!("messages.{at}.content: Field required"))),
        Some(Value::String(text)) => {
            if text.is_empty() && !ends {
                return Err(refuse(&format!(
                    "messages.{at}: all messages must have non-empty content except for the optional final assistant message"
                )));
            }
            ended(text, ends)?;
        }
        Some(content) => {
            let blocks = content.as_array().map(Vec::as_slice).unwrap_or_default();
            if blocks.is_empty() && !ends {
                return Err(refuse(&format!(
                    "messages.{at}: all messages must have non-empty content except for the optional final assistant message"
                )));
            }
            for (number, block) in blocks.iter().enumerate() {
                self::block(at, number, role, block)?;
            }
            ended(blocks.last().map(|block| text(block, "text")).unwrap_or_default(), ends)?;
        }
    }
    Ok(())
}

/// What an assistant is to go on from may not end with a blank.
fn ended(text: &str, ends: bool) -> Result<(), Problem> {
    if ends && text.ends_with(char::is_whitespace) {
        return Err(refuse("messages: final assistant content cannot end with trailing whitespace"));
    }
    Ok(())
}

fn block(at: usize, number: usize, role: &str, block: &Value) -> Result<(), Problem> {
    let place = format!("messages.{at}.content.{number}");
    let kind = text(block, "type");
    let belongs = match kind {
        "tool_use" | "thinking" | "redacted_thinking" | "server_tool_use" => "assistant",
        "tool_result" | "image" | "document" | "container_upload" => "user",
        _ => role,
    };
    if role != belongs {
        return Err(refuse(&format!("{place}: `{kind}` blocks can only be in `{belongs}` messages")));
    }
    match kind {
        "text" if text(block, "text").is_empty() => Err(refuse("messages: text content blocks must be non-empty")),
        "text" if text(block, "text").trim().is_empty() => {
            Err(refuse("messages: text content blocks must contain non-whitespace text"))
        }
        "thinking" if text(block, "signature") != SIGNATURE => {
            Err(refuse(&format!("{place}: Invalid `signature` in `thinking` block")))
        }
        "redacted_thinking" if text(block, "data") != SIGNATURE => {
            Err(refuse(&format!("{place}: Invalid `data` in `redacted_thinking` block")))
        }
        "tool_use" if !is_plain_name(text(block, "id"), usize::MAX) => {
            Err(refuse(&format!("{place}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")))
        }
        "tool_use" if !is_plain_name(text(block, "name"), 200) => {
            Err(refuse(&format!("{place}.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{{1,200}}$'")))
        }
        "tool_result" => {
            let inner = list(block, "content");
            if inner.iter().any(|block| text(block, "type") == "text" && text(block, "text").is_empty()) {
                return Err(refuse("messages: text content blocks must be non-empty"));
            }
            if block.get("is_error") == Some(&Value::Bool(true))
                && inner.iter().any(|block| text(block, "type") != "text")
            {
                return Err(refuse(&format!(
                    "{place}.tool_result: all content must be type \"text\" if \"is_error\" is true"
                )));
            }
            Ok(())
        }
        "image" => match block.pointer("/source/data").and_then(Value::as_str) {
            Some("") => Err(refuse(&format!("{place}.image.source.base64.data: image cannot be empty"))),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Calls and results: the API reads messages of one role in a row as one, and skips the system's between them.
fn calls(messages: &[Value]) -> Result<(), Problem> {
    let mut turns: Vec<(&str, Vec<Placed<'_>>)> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let role = text(message, "role");
        if role == "system" {
            continue;
        }
        let blocks = list(message, "content").iter().enumerate().map(|(number, block)| (at, number, block));
        let mut blocks: Vec<_> = blocks.collect();
        if message.get("content").is_some_and(Value::is_string) {
            blocks.push((at, 0, &Value::Null));
        }
        match turns.last_mut() {
            Some((last, held)) if *last == role => held.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    }
    let mut open: Vec<&str> = Vec::new();
    let mut opened_at = 0;
    for (_, blocks) in &turns {
        let of = |kind: &'static str| blocks.iter().filter(move |(_, _, block)| text(block, "type") == kind);
        for (at, number, block) in of("tool_result") {
            let id = text(block, "tool_use_id");
            if !open.contains(&id) {
                return Err(refuse(&format!(
                    "messages.{at}.content.{number}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                )));
            }
        }
        // Only results that come first count as given.
        let first = blocks.iter().take_while(|(_, _, block)| text(block, "type") == "tool_result");
        let given: Vec<_> = first.map(|(_, _, block)| text(block, "tool_use_id")).collect();
        if let Some(twice) = twice(&given) {
            return Err(refuse(&format!(
                "each tool_use must have a single result. Found multiple `tool_result` blocks with id: {twice}"
            )));
        }
        open.retain(|id| !given.contains(id));
        if !open.is_empty() {
            return Err(unanswered(opened_at, &open));
        }
        let used: Vec<_> = of("tool_use").collect();
        open = used.iter().map(|(_, _, block)| text(block, "id")).collect();
        opened_at = used.first().map_or(opened_at, |(at, _, _)| *at);
        if let Some(twice) = twice(&open) {
            return Err(refuse(&format!("messages: `tool_use` ids must be unique: {twice}")));
        }
    }
    if open.is_empty() { Ok(()) } else { Err(unanswered(opened_at, &open)) }
}

/// The first id that was there before.
fn twice<'a>(ids: &[&'a str]) -> Option<&'a str> {
    let mut seen = HashSet::new();
    ids.iter().copied().find(|id| !seen.insert(*id))
}

fn unanswered(at: usize, ids: &[&str]) -> Problem {
    refuse(&format!(
        "messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
        ids.join(", ")
    ))
}

/// How many marks for the cache there are, the one for the whole request included.
fn marks(body: &Value) -> usize {
    let own = |value: &Value| usize::from(given(value, "cache_control").is_some());
    let blocks = |value: &Value, name: &str| -> usize {
        list(value, name).iter().map(|block| own(block) + list(block, "content").iter().map(own).sum::<usize>()).sum()
    };
    let messages: usize = list(body, "messages").iter().map(|message| blocks(message, "content")).sum();
    own(body) + blocks(body, "system") + blocks(body, "tools") + messages
}
