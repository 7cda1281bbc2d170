//! Reads an Anthropic Messages request.

use super::blocks;
use crate::Protocol;
use crate::anthropic::wire;
use crate::chat::json::TextOr;
use crate::chat::request::{Effort, Extra, Format, Level, Weight};
use crate::chat::tool::ToolKind;
use crate::chat::{BadRequest, Json, Message, Part, Request, Role, Tool, ToolChoice, loss};

/// What Claude Code's first system block begins with: bookkeeping that changes per version and would spoil the prefix
/// cache of every other vendor.
const BILLING: &str = "x-anthropic-billing-header:";

/// Reads `body`.
pub fn read(body: &[u8]) -> Result<Request, BadRequest> {
    let wire: wire::Request = loss::read(body)?;
    if wire.max_tokens.is_none() {
        return Err(BadRequest::new("max_tokens", "is missing"));
    }
    request(wire)
}

/// Reads the body of a request to count tokens, which says nothing about an answer.
pub fn read_count(body: &[u8]) -> Result<Request, BadRequest> {
    request(loss::read(body)?)
}

fn request(wire: wire::Request) -> Result<Request, BadRequest> {
    if wire.thread.is_some_and(|thread| !thread.is_null()) {
        // The SDKs fall back to sending the whole conversation when they read this code.
        return Err(BadRequest::new("thread", "this gateway keeps no threads; send the whole conversation")
            .with_code("thread_unsupported_request"));
    }
    let mut request = Request::new(Protocol::Anthropic);
    request.model = wire.model.ok_or_else(|| BadRequest::new("model", "is missing"))?;
    request.stream = wire.stream.unwrap_or(false);
    request.stream_usage = true;
    match wire.system {
        None | Some(TextOr::Nothing) => {}
        Some(TextOr::Text(text)) => {
            request.messages.push(Message::new(Role::System, vec![Part::text(text)]));
        }
        Some(TextOr::List(blocks)) => {
            let mut parts = Vec::with_capacity(blocks.len());
            for (n, block) in blocks.into_iter().enumerate() {
                if block.text.as_deref().is_some_and(|text| text.starts_with(BILLING)) {
                    request.losses.hint("system.billing_header");
                    continue;
                }
                let path = |rest: &str| format!("system[{n}]{rest}");
                parts.extend(blocks::part(block, None, Role::System, None, &path)?);
            }
            if !parts.is_empty() {
                request.messages.push(Message::new(Role::System, parts));
            }
        }
    }
    let messages = wire.messages.ok_or_else(|| BadRequest::new("messages", "is missing"))?;
    if messages.is_empty() {
        return Err(BadRequest::new("messages", "is empty; send at least one message"));
    }
    for (at, message) in messages.into_iter().enumerate() {
        request.messages.push(turn(message, at)?);
    }
    for (at, tool) in wire.tools.unwrap_or_default().into_iter().enumerate() {
        request.tools.push(tool_of(tool, at)?);
    }
    if let Some(choice) = wire.tool_choice {
        if choice.disable_parallel_tool_use == Some(true) {
            request.parallel_calls = Some(false);
        }
        request.tool_choice = Some(choice_of(choice)?);
    }
    request.reasoning = effort(wire.thinking, wire.output_config.as_ref())?;
    request.format = wire
        .output_config
        .and_then(|config| config.format)
        .and_then(|format| format.schema)
        .map(|schema| Format::Schema { name: None, description: None, schema, strict: Some(true) });
    request.max_tokens = wire.max_tokens;
    request.stop = wire.stop_sequences.unwrap_or_default();
    request.sampling.temperature = wire.temperature;
    request.sampling.top_p = wire.top_p;
    request.sampling.top_k = wire.top_k;
    request.user = wire.metadata.and_then(|metadata| metadata.user_id);
    request.service_tier = wire.service_tier.map(|tier| if tier == "standard_only" { "default".into() } else { tier });
    request.cache = wire.cache_control.as_ref().map(wire::CacheControl::read);
    for (name, value) in wire.rest {
        if !value.is_null() {
            let weight = weight(&name);
            request.extra.push(Extra { name, value, weight });
        }
    }
    Ok(request)
}

/// What leaving out a field means that no other protocol has.
fn weight(name: &str) -> Weight {
    match name {
        "context_management" | "diagnostics" | "inference_geo" | "speed" | "betas" | "billing_policy"
        | "compaction" => Weight::Hint,
        "container" | "mcp_servers" | "fallbacks" | "fallback_credit_token" => Weight::Meaning,
        _ => Weight::Loss,
    }
}

fn turn(wire: wire::Message, at: usize) -> Result<Message, BadRequest> {
    let path = |rest: &str| format!("messages[{at}]{rest}");
    let role = match wire.role.as_deref() {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("system") => Role::System,
        Some(other) => return Err(BadRequest::new(path(".role"), format!("the role \"{other}\" does not exist"))),
        None => return Err(BadRequest::new(path(".role"), "is missing")),
    };
    let parts = match wire.content {
        TextOr::Nothing => return Err(BadRequest::new(path(".content"), "is missing")),
        TextOr::Text(text) => vec![Part::text(text)],
        TextOr::List(blocks) => {
            let mut parts = Vec::with_capacity(blocks.len());
            for (n, block) in blocks.into_iter().enumerate() {
                let at = |rest: &str| path(&format!(".content[{n}]{rest}"));
                // What only this vendor's servers made is of no use to another's.
                let kind = block.kind.clone().unwrap_or_default();
                let raw = Json::of(&kind);
                parts.extend(blocks::part(block, raw.as_ref(), role, None, &at)?);
            }
            parts
        }
    };
    Ok(Message::new(role, parts))
}

fn tool_of(wire: wire::Tool, at: usize) -> Result<Tool, BadRequest> {
    let path = |rest: &str| format!("tools[{at}]{rest}");
    let name = wire.name.filter(|name| !name.is_empty()).ok_or_else(|| BadRequest::new(path(".name"), "is missing"))?;
    let kind = match wire.kind.as_deref() {
        None | Some("custom") => {
            let schema = wire.input_schema.ok_or_else(|| BadRequest::new(path(".input_schema"), "is missing"))?;
            if !schema.is_object() {
                return Err(BadRequest::new(path(".input_schema"), "must be an object"));
            }
            ToolKind::Function { schema: Some(schema), strict: wire.strict }
        }
        Some(kind) => ToolKind::Vendor {
            protocol: Protocol::Anthropic,
            kind: kind.to_owned(),
            json: Json::of(&kind).unwrap_or_else(Json::empty_object),
        },
    };
    Ok(Tool {
        name,
        namespace: None,
        description: wire.description,
        kind,
        cache: wire.cache_control.as_ref().map(wire::CacheControl::read),
        deferred: wire.defer_loading.unwrap_or(false),
    })
}

fn choice_of(wire: wire::Choice) -> Result<ToolChoice, BadRequest> {
    Ok(match (wire.kind.as_deref(), wire.name) {
        (Some("auto"), _) => ToolChoice::Auto,
        (Some("any"), _) => ToolChoice::Required,
        (Some("none"), _) => ToolChoice::None,
        (Some("tool"), Some(name)) => ToolChoice::Tool { name, namespace: None },
        (Some("tool"), None) => return Err(BadRequest::new("tool_choice.name", "is missing")),
        (other, _) => {
            let why = format!("\"{}\" is none of auto, any, tool, none", other.unwrap_or_default());
            return Err(BadRequest::new("tool_choice.type", why));
        }
    })
}

fn effort(thinking: Option<wire::Thinking>, config: Option<&wire::OutputConfig>) -> Result<Option<Effort>, BadRequest> {
    let word = config.and_then(|config| config.effort.as_deref());
    let level =
        match word {
            Some(word) => Some(Level::parse(word).ok_or_else(|| {
                BadRequest::new("output_config.effort", format!("the effort \"{word}\" does not exist"))
            })?),
            None => None,
        };
    let Some(thinking) = thinking else {
        return Ok(level.map(|level| Effort { level: Some(level), ..Effort::default() }));
    };
    let summary = thinking.display;
    Ok(Some(match thinking.kind.as_deref() {
        Some("disabled") => Effort { level: Some(Level::None), budget: None, summary },
        Some("adaptive" | "between_tools") => {
            Effort { level: Some(level.unwrap_or(Level::Adaptive)), budget: None, summary }
        }
        Some("enabled") => Effort { level, budget: thinking.budget_tokens, summary },
        other => {
            let why = format!("\"{}\" is none of adaptive, enabled, disabled", other.unwrap_or_default());
            return Err(BadRequest::new("thinking.type", why));
        }
    }))
}
