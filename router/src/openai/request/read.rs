//! Reads a Chat Completions request.

use super::messages::conversation;
use crate::Protocol;
use crate::chat::json::TextOr;
use crate::chat::request::{Effort, Extra, Format, Level, Weight};
use crate::chat::tool::{Grammar, ToolKind};
use crate::chat::{BadRequest, Json, Request, Tool, ToolChoice, loss};
use crate::openai::wire;

/// Reads `body`.
pub fn read(body: &[u8]) -> Result<Request, BadRequest> {
    let wire: wire::Request = loss::read(body)?;
    let mut request = Request::new(Protocol::OpenAi);
    request.model = wire.model.ok_or_else(|| BadRequest::new("model", "is missing"))?;
    request.stream = wire.stream.unwrap_or(false);
    request.stream_usage = wire.stream_options.and_then(|options| options.include_usage).unwrap_or(false);
    let messages = wire.messages.ok_or_else(|| BadRequest::new("messages", "is missing"))?;
    request.messages = conversation(messages)?;
    for (at, tool) in wire.tools.unwrap_or_default().into_iter().enumerate() {
        request.tools.push(tool_of(tool, at)?);
    }
    for function in wire.functions.unwrap_or_default() {
        request.tools.push(function_tool(function));
    }
    request.tool_choice = match wire.tool_choice.as_ref().or(wire.function_call.as_ref()) {
        Some(choice) => Some(choice_of(choice)?),
        None => None,
    };
    request.parallel_calls = wire.parallel_tool_calls;
    if let Some(word) = wire.reasoning_effort {
        let level = Level::parse(&word)
            .ok_or_else(|| BadRequest::new("reasoning_effort", format!("the effort \"{word}\" does not exist")))?;
        request.reasoning = Some(Effort { level: Some(level), ..Effort::default() });
    }
    request.format = match wire.response_format {
        Some(format) => format_of(format)?,
        None => None,
    };
    request.verbosity = wire.verbosity;
    request.max_tokens = wire.max_completion_tokens.or(wire.max_tokens);
    request.stop = match wire.stop {
        Some(TextOr::Text(one)) => vec![one],
        Some(TextOr::List(several)) => several,
        Some(TextOr::Nothing) | None => Vec::new(),
    };
    let sampling = &mut request.sampling;
    sampling.temperature = wire.temperature;
    sampling.top_p = wire.top_p;
    sampling.top_k = wire.top_k;
    sampling.presence_penalty = wire.presence_penalty;
    sampling.frequency_penalty = wire.frequency_penalty;
    sampling.seed = wire.seed;
    sampling.n = wire.n;
    sampling.logprobs = wire.logprobs;
    sampling.top_logprobs = wire.top_logprobs;
    sampling.logit_bias = wire.logit_bias.filter(|bias| bias.text() != "{}");
    request.user = wire.safety_identifier.or(wire.user);
    request.metadata = wire.metadata.unwrap_or_default().into_iter().collect();
    request.service_tier = wire.service_tier;
    request.cache_key = wire.prompt_cache_key;
    request.store = wire.store;
    if request.store == Some(true) {
        // For the vendor's own dashboard; no other protocol asks for that.
        request.losses.hint("store");
    }
    for (name, value) in wire.rest {
        if !value.is_null() {
            let weight = weight(&name, &value);
            request.extra.push(Extra { name, value, weight });
        }
    }
    Ok(request)
}

/// What leaving out a field means that no other protocol has.
fn weight(name: &str, value: &Json) -> Weight {
    match name {
        "prompt_cache_options" | "prompt_cache_retention" | "moderation" | "provider" | "transforms" | "route" => {
            Weight::Hint
        }
        "modalities" if !value.text().contains("audio") => Weight::Hint,
        "audio" | "modalities" | "prediction" => Weight::Meaning,
        _ => Weight::Loss,
    }
}

fn tool_of(wire: wire::Tool, at: usize) -> Result<Tool, BadRequest> {
    let path = |rest: &str| format!("tools[{at}]{rest}");
    match wire.kind.as_deref().unwrap_or("function") {
        "function" => {
            let function = wire.function.ok_or_else(|| BadRequest::new(path(".function"), "is missing"))?;
            if function.name.is_empty() {
                return Err(BadRequest::new(path(".function.name"), "is missing"));
            }
            if function.parameters.as_ref().is_some_and(|schema| !schema.is_object() && !schema.is_null()) {
                return Err(BadRequest::new(path(".function.parameters"), "must be an object"));
            }
            Ok(function_tool(function))
        }
        "custom" => {
            let custom = wire.custom.ok_or_else(|| BadRequest::new(path(".custom"), "is missing"))?;
            if custom.name.is_empty() {
                return Err(BadRequest::new(path(".custom.name"), "is missing"));
            }
            let grammar = custom
                .format
                .and_then(|format| format.grammar)
                .map(|grammar| Grammar { syntax: grammar.syntax, definition: grammar.definition });
            Ok(Tool {
                name: custom.name,
                namespace: None,
                description: custom.description,
                kind: ToolKind::Freeform { grammar },
                cache: None,
                deferred: false,
            })
        }
        other => {
            Err(BadRequest::new(path(".type"), format!("a tool of type \"{other}\" does not exist in this protocol")))
        }
    }
}

fn function_tool(function: wire::Function) -> Tool {
    Tool {
        name: function.name,
        namespace: None,
        description: function.description,
        kind: ToolKind::Function {
            schema: function.parameters.filter(|schema| !schema.is_null()),
            strict: function.strict,
        },
        cache: None,
        deferred: false,
    }
}

fn choice_of(json: &Json) -> Result<ToolChoice, BadRequest> {
    let bad = || BadRequest::new("tool_choice", "is neither auto, none, required, nor an object that names a tool");
    if let Some(word) = json.as_string() {
        return match word.as_str() {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            "required" | "any" => Ok(ToolChoice::Required),
            _ => Err(bad()),
        };
    }
    let choice: wire::Choice = json.read().ok_or_else(bad)?;
    if let Some(allowed) = choice.allowed_tools {
        let required = allowed.mode.as_deref() == Some("required");
        let names = allowed.tools.into_iter().filter_map(name_of).collect();
        return Ok(ToolChoice::Allowed { required, names });
    }
    let name = name_of(choice).ok_or_else(bad)?;
    Ok(ToolChoice::Tool { name, namespace: None })
}

fn name_of(choice: wire::Choice) -> Option<String> {
    choice.function.or(choice.custom).map(|named| named.name).or(choice.name).filter(|name| !name.is_empty())
}

fn format_of(wire: wire::ResponseFormat) -> Result<Option<Format>, BadRequest> {
    match wire.kind.as_deref() {
        None | Some("text") => Ok(None),
        Some("json_object") => Ok(Some(Format::Object)),
        Some("json_schema") => {
            let missing = || BadRequest::new("response_format.json_schema.schema", "is missing");
            let wire = wire.json_schema.ok_or_else(missing)?;
            let schema = wire.schema.filter(Json::is_object).ok_or_else(missing)?;
            Ok(Some(Format::Schema { name: wire.name, description: wire.description, schema, strict: wire.strict }))
        }
        Some(other) => Err(BadRequest::new("response_format.type", format!("the format \"{other}\" does not exist"))),
    }
}
