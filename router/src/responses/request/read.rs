//! Reads a Responses request.

use serde::de::DeserializeOwned;

use super::items::{self, Conversation};
use crate::Protocol;
use crate::chat::request::{Effort, Extra, Format, Level, Weight};
use crate::chat::tool::{Grammar, ToolKind};
use crate::chat::{BadRequest, Json, Message, Part, Request, Role, Tool, ToolChoice, loss};
use crate::responses::wire;

/// Reads `body`.
pub fn read(body: &[u8]) -> Result<Request, BadRequest> {
    let wire: wire::Request = loss::read(body)?;
    let mut request = Request::new(Protocol::Responses);
    request.model = wire.model.ok_or_else(|| BadRequest::new("model", "is missing"))?;
    request.stream = wire.stream.unwrap_or(false);
    request.stream_usage = true;
    if let Some(tools) = &wire.tools {
        let tools: Vec<Json> = inside(tools, "tools")?;
        for (at, raw) in tools.iter().enumerate() {
            tool(raw, None, &format!("tools[{at}]"), false, &mut request.tools)?;
        }
    }
    let mut conversation = Conversation::default();
    let mut updated_format = None;
    if let Some(text) = wire.instructions.as_ref().and_then(Json::as_string).filter(|text| !text.is_empty()) {
        conversation.message(Message::new(Role::System, vec![Part::text(text)]));
    }
    let input = wire.input.ok_or_else(|| BadRequest::new("input", "is missing"))?;
    if let Some(text) = input.as_string() {
        conversation.message(Message::new(Role::User, vec![Part::text(text)]));
    } else {
        let list: Vec<Json> = inside(&input, "input")?;
        for (at, raw) in list.iter().enumerate() {
            let path = |rest: &str| format!("input[{at}]{rest}");
            let item: wire::Item = inside(raw, &path(""))?;
            // Codex keeps its tools in the conversation; what a search found is callable from there on.
            if let Some(tools) = item
                .tools
                .as_ref()
                .filter(|_| matches!(item.kind.as_deref(), Some("additional_tools" | "tool_search_output")))
            {
                let found = item.kind.as_deref() == Some("tool_search_output");
                let tools: Vec<Json> = inside(tools, &path(".tools"))?;
                for (n, raw) in tools.iter().enumerate() {
                    tool(raw, None, &path(&format!(".tools[{n}]")), found, &mut request.tools)?;
                }
            }
            if item.kind.as_deref() == Some("configuration_update") {
                // Each setting holds until a later update replaces it, and wins over the request's own.
                let effort = item.reasoning.and_then(|reasoning| reasoning.effort);
                if let Some(level) = effort.as_deref().and_then(Level::parse) {
                    request.reasoning = Some(Effort { level: Some(level), ..Effort::default() });
                }
                if let Some(format) = item.text.and_then(|text| text.format) {
                    updated_format = Some(format_of(format)?);
                }
                continue;
            }
            items::read(item, raw, &mut conversation, &path)?;
        }
    }
    request.messages = conversation.messages;
    if request.messages.is_empty() && wire.previous_response_id.is_none() {
        return Err(BadRequest::new("input", "is empty; send at least one item"));
    }
    if let Some(choice) = &wire.tool_choice {
        request.tool_choice = Some(choice_of(choice)?);
    }
    request.parallel_calls = wire.parallel_tool_calls;
    if let Some(reasoning) = &wire.reasoning {
        let reasoning: wire::ReasoningConfig = inside(reasoning, "reasoning")?;
        let level =
            match reasoning.effort.as_deref() {
                Some(word) => Some(Level::parse(word).ok_or_else(|| {
                    BadRequest::new("reasoning.effort", format!("the effort \"{word}\" does not exist"))
                })?),
                None => None,
            };
        if level.is_some() || reasoning.summary.is_some() {
            let before = request.reasoning.take();
            let level = before.and_then(|effort| effort.level).or(level);
            request.reasoning = Some(Effort { level, budget: None, summary: reasoning.summary });
        }
    }
    if let Some(text) = &wire.text {
        let text: wire::TextConfig = inside(text, "text")?;
        request.format = text.format.map(format_of).transpose()?.flatten();
        request.verbosity = text.verbosity;
    }
    if let Some(format) = updated_format {
        request.format = format;
    }
    request.max_tokens = wire.max_output_tokens;
    request.sampling.temperature = wire.temperature;
    request.sampling.top_p = wire.top_p;
    let include = wire.include.unwrap_or_default();
    let wants_logprobs = include.iter().any(|name| name == "message.output_text.logprobs");
    request.sampling.logprobs = wants_logprobs.then_some(true);
    request.sampling.top_logprobs = wire.top_logprobs.filter(|n| *n > 0);
    request.user = wire.safety_identifier.or(wire.user);
    let metadata: Option<std::collections::BTreeMap<String, String>> = wire.metadata.as_ref().and_then(Json::read);
    request.metadata = metadata.unwrap_or_default().into_iter().collect();
    request.service_tier = wire.service_tier;
    request.cache_key = wire.prompt_cache_key;
    request.store = wire.store;
    request.previous_response_id = wire.previous_response_id;
    let echo = &mut request.echo;
    echo.instructions = wire.instructions;
    echo.tools = wire.tools;
    echo.tool_choice = wire.tool_choice;
    echo.text = wire.text;
    echo.reasoning = wire.reasoning;
    echo.metadata = wire.metadata;
    if let Some(value) = wire.truncation.as_ref().filter(|value| value.text() == "\"auto\"") {
        request.extra.push(Extra { name: "truncation".to_owned(), value: value.clone(), weight: Weight::Loss });
    }
    echo.truncation = wire.truncation;
    for (name, value) in wire.rest {
        if !value.is_null() && value.text() != "false" {
            let weight = weight(&name);
            request.extra.push(Extra { name, value, weight });
        }
    }
    Ok(request)
}

/// Reads a part of the body that is kept as its text too.
fn inside<T: DeserializeOwned>(json: &Json, path: &str) -> Result<T, BadRequest> {
    loss::read(json.text().as_bytes()).map_err(|e| {
        let join = if e.path.is_empty() || e.path.starts_with('[') { "" } else { "." };
        BadRequest { path: format!("{path}{join}{}", e.path), ..e }
    })
}

/// What leaving out a field means that no other protocol has.
fn weight(name: &str) -> Weight {
    match name {
        "client_metadata"
        | "context_management"
        | "max_tool_calls"
        | "moderation"
        | "prompt_cache_options"
        | "prompt_cache_retention"
        | "stream_options"
        | "access_programs"
        | "image" => Weight::Hint,
        "background" | "conversation" | "prompt" => Weight::Meaning,
        _ => Weight::Loss,
    }
}

/// Reads a declaration. What a search has `found` is callable from then on, though it was declared as deferred.
fn tool(raw: &Json, namespace: Option<&str>, path: &str, found: bool, to: &mut Vec<Tool>) -> Result<(), BadRequest> {
    let wire: wire::Tool = inside(raw, path)?;
    let kind = wire.kind.as_deref().ok_or_else(|| BadRequest::new(format!("{path}.type"), "is missing"))?;
    let named = || {
        let name = wire.name.clone().filter(|name| !name.is_empty());
        name.ok_or_else(|| BadRequest::new(format!("{path}.name"), "is missing"))
    };
    let (name, kind) = match kind {
        "function" => {
            let schema = wire.parameters.filter(|schema| !schema.is_null());
            (named()?, ToolKind::Function { schema, strict: wire.strict })
        }
        "custom" => {
            let format = wire.format.unwrap_or_default();
            let grammar = format.syntax.zip(format.definition).filter(|_| format.kind.as_deref() == Some("grammar"));
            let grammar = grammar.map(|(syntax, definition)| Grammar { syntax, definition });
            (named()?, ToolKind::Freeform { grammar })
        }
        "namespace" => {
            let name = named()?;
            for (n, raw) in wire.tools.iter().flatten().enumerate() {
                tool(raw, Some(&name), &format!("{path}.tools[{n}]"), found, to)?;
            }
            return Ok(());
        }
        "tool_search" if wire.execution.as_deref() == Some("client") => {
            let schema = wire.parameters.filter(|schema| !schema.is_null());
            ("tool_search".to_owned(), ToolKind::Search { schema })
        }
        other => (
            wire.name.clone().unwrap_or_else(|| other.to_owned()),
            ToolKind::Vendor { protocol: Protocol::Responses, kind: other.to_owned(), json: raw.clone() },
        ),
    };
    // A tool that was declared or found twice is still one.
    match to.iter_mut().find(|tool| tool.name == name && tool.namespace.as_deref() == namespace) {
        Some(known) if found && known.deferred => {
            // Before the search only the name may have been told.
            (known.kind, known.deferred) = (kind, false);
            known.description = wire.description.or_else(|| known.description.take());
        }
        Some(_) => {}
        None => to.push(Tool {
            name,
            namespace: namespace.map(str::to_owned),
            description: wire.description,
            kind,
            cache: None,
            deferred: !found && wire.defer_loading.unwrap_or(false),
        }),
    }
    Ok(())
}

fn choice_of(json: &Json) -> Result<ToolChoice, BadRequest> {
    let bad = || BadRequest::new("tool_choice", "is neither auto, none, required, nor an object that names a tool");
    if let Some(word) = json.as_string() {
        return match word.as_str() {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            "required" => Ok(ToolChoice::Required),
            _ => Err(bad()),
        };
    }
    let choice: wire::Choice = json.read().ok_or_else(bad)?;
    match (choice.kind.as_deref(), choice.name) {
        (Some("function" | "custom"), Some(name)) => Ok(ToolChoice::Tool { name, namespace: None }),
        (Some("allowed_tools"), _) => {
            let names = choice.tools.unwrap_or_default().into_iter().filter_map(|tool| tool.name).collect();
            Ok(ToolChoice::Allowed { required: choice.mode.as_deref() == Some("required"), names })
        }
        (Some(_), _) => Ok(ToolChoice::Vendor { protocol: Protocol::Responses, json: json.clone() }),
        (None, _) => Err(bad()),
    }
}

fn format_of(wire: wire::Format) -> Result<Option<Format>, BadRequest> {
    match wire.kind.as_deref() {
        None | Some("text") => Ok(None),
        Some("json_object") => Ok(Some(Format::Object)),
        Some("json_schema") => {
            let schema = wire.schema.filter(Json::is_object);
            let schema = schema.ok_or_else(|| BadRequest::new("text.format.schema", "is missing"))?;
            Ok(Some(Format::Schema { name: wire.name, description: wire.description, schema, strict: wire.strict }))
        }
        Some(other) => Err(BadRequest::new("text.format.type", format!("the format \"{other}\" does not exist"))),
    }
}
