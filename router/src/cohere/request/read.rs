//! Reads a Cohere request.

use crate::Protocol;
use crate::chat::content::is_base64;
use crate::chat::json::TextOr;
use crate::chat::request::{Effort, Extra, Format, Level, Weight};
use crate::chat::tool::ToolKind;
use crate::chat::{
    BadRequest, Call, Image, Json, Media, Message, Part, PartKind, Reasoning, Request, Role, Tool, ToolChoice,
    ToolResult, loss,
};
use crate::cohere::wire;

/// Reads `body`.
pub fn read(body: &[u8]) -> Result<Request, BadRequest> {
    let wire: wire::Request = loss::read(body)?;
    let mut request = Request::new(Protocol::Cohere);
    request.model = wire.model.ok_or_else(|| BadRequest::new("model", "is missing"))?;
    request.stream = wire.stream.unwrap_or(false);
    request.stream_usage = true;
    let messages = wire.messages.ok_or_else(|| BadRequest::new("messages", "is missing"))?;
    if messages.is_empty() {
        return Err(BadRequest::new("messages", "is empty; send at least one message"));
    }
    let mut gathering = false;
    for (at, mut message) in messages.into_iter().enumerate() {
        let path = |rest: &str| format!("messages[{at}]{rest}");
        let role = match message.role.as_deref() {
            Some("system") => Role::System,
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("tool") => {
                let result = result(message, &path)?;
                match request.messages.last_mut().filter(|_| gathering) {
                    Some(last) => last.parts.push(result),
                    None => request.messages.push(Message::new(Role::User, vec![result])),
                }
                gathering = true;
                continue;
            }
            Some(other) => return Err(BadRequest::new(path(".role"), format!("the role \"{other}\" does not exist"))),
            None => return Err(BadRequest::new(path(".role"), "is missing")),
        };
        gathering = false;
        let mut parts = Vec::new();
        let plan = message.tool_plan.take().filter(|plan| role == Role::Assistant && !plan.is_empty());
        if let Some(plan) = plan {
            parts.push(Part::text(plan));
        }
        let calls = message.tool_calls.take().unwrap_or_default();
        match std::mem::take(&mut message.content) {
            TextOr::Nothing if role == Role::Assistant => {}
            TextOr::Nothing => return Err(BadRequest::new(path(".content"), "is missing")),
            content => parts.extend(parts_of(content, &path)?),
        }
        // Nobody but the model thinks and calls, and it shows no images.
        let is_stray = |part: &Part| match role {
            Role::Assistant => matches!(part.kind, PartKind::Image(_)),
            _ => matches!(part.kind, PartKind::Reasoning(_)),
        };
        if parts.iter().any(is_stray) {
            return Err(BadRequest::new(path(".content"), "a part of this type cannot stand here"));
        }
        if role != Role::Assistant && !calls.is_empty() {
            return Err(BadRequest::new(path(".tool_calls"), "only the assistant calls tools"));
        }
        for (n, call) in calls.into_iter().enumerate() {
            let call = call_of(call).filter(|call| !call.id.is_empty());
            let call =
                call.ok_or_else(|| BadRequest::new(path(&format!(".tool_calls[{n}]")), "has no name or no id"))?;
            parts.push(PartKind::Call(call).into());
        }
        request.messages.push(Message::new(role, parts));
    }
    for (at, tool) in wire.tools.unwrap_or_default().into_iter().enumerate() {
        let function = tool.function.filter(|function| !function.name.is_empty());
        let function = function.ok_or_else(|| BadRequest::new(format!("tools[{at}].function.name"), "is missing"))?;
        request.tools.push(Tool {
            name: function.name,
            namespace: None,
            description: function.description,
            kind: ToolKind::Function {
                schema: function.parameters.filter(|schema| !schema.is_null()),
                strict: wire.strict_tools,
            },
            cache: None,
            deferred: false,
        });
    }
    request.tool_choice = match wire.tool_choice.as_deref() {
        None => None,
        Some("REQUIRED") => Some(ToolChoice::Required),
        Some("NONE") => Some(ToolChoice::None),
        Some(other) => return Err(BadRequest::new("tool_choice", format!("\"{other}\" is neither REQUIRED nor NONE"))),
    };
    request.format =
        wire.response_format.filter(|format| format.kind.as_deref() == Some("json_object")).map(|format| match format
            .json_schema
        {
            Some(schema) => Format::Schema { name: None, description: None, schema, strict: None },
            None => Format::Object,
        });
    request.reasoning = wire.thinking.map(|thinking| match thinking.kind.as_deref() {
        Some("disabled") => Effort { level: Some(Level::None), ..Effort::default() },
        _ => Effort {
            level: thinking.token_budget.is_none().then_some(Level::Adaptive),
            budget: thinking.token_budget,
            summary: None,
        },
    });
    request.max_tokens = wire.max_tokens;
    request.stop = wire.stop_sequences.unwrap_or_default();
    let sampling = &mut request.sampling;
    sampling.temperature = wire.temperature;
    sampling.top_p = wire.p;
    sampling.top_k = wire.k.filter(|k| *k > 0);
    sampling.frequency_penalty = wire.frequency_penalty;
    sampling.presence_penalty = wire.presence_penalty;
    sampling.seed = wire.seed;
    sampling.logprobs = wire.logprobs;
    for (name, value) in wire.rest {
        if !value.is_null() {
            let weight = match name.as_str() {
                "safety_mode" | "citation_options" | "priority" => Weight::Hint,
                "documents" if value.text() != "[]" => Weight::Meaning,
                _ => Weight::Loss,
            };
            request.extra.push(Extra { name, value, weight });
        }
    }
    Ok(request)
}

/// The parts of a message's content.
pub(in crate::cohere) fn parts_of(
    content: TextOr<wire::Part>,
    path: &dyn Fn(&str) -> String,
) -> Result<Vec<Part>, BadRequest> {
    let list = match content {
        TextOr::Nothing => return Ok(Vec::new()),
        TextOr::Text(text) => return Ok(vec![Part::text(text)]),
        TextOr::List(list) => list,
    };
    let mut parts = Vec::with_capacity(list.len());
    for (n, part) in list.into_iter().enumerate() {
        let at = |rest: &str| path(&format!(".content[{n}]{rest}"));
        parts.push(match part.kind.as_deref() {
            Some("text") => Part::text(part.text.unwrap_or_default()),
            Some("thinking") => {
                let text = part.thinking.unwrap_or_default();
                PartKind::Reasoning(Reasoning { text, raw: true, ..Reasoning::default() }).into()
            }
            Some("image_url") => {
                let image = part.image_url.ok_or_else(|| BadRequest::new(at(".image_url"), "is missing"))?;
                if image.url.is_empty() {
                    return Err(BadRequest::new(at(".image_url.url"), "is missing"));
                }
                let media = Media::from_url(&image.url);
                if matches!(&media, Media::Base64 { data, .. } if !is_base64(data)) {
                    return Err(BadRequest::new(at(".image_url.url"), "is not valid base64"));
                }
                PartKind::Image(Image { media, detail: image.detail }).into()
            }
            Some("document") => {
                let data = part.document.and_then(|document| document.data);
                let text = data.map(|data| data.as_string().unwrap_or_else(|| data.text().to_owned()));
                Part::text(text.unwrap_or_default())
            }
            Some(other) => {
                let why = format!("a part of type \"{other}\" cannot stand here");
                return Err(BadRequest::new(at(".type"), why));
            }
            None => return Err(BadRequest::new(at(".type"), "is missing")),
        });
    }
    Ok(parts)
}

fn result(wire: wire::Message, path: &dyn Fn(&str) -> String) -> Result<Part, BadRequest> {
    let call_id = wire.tool_call_id.ok_or_else(|| BadRequest::new(path(".tool_call_id"), "is missing"))?;
    let content = parts_of(wire.content, path)?;
    Ok(PartKind::Result(ToolResult { call_id, content, ..ToolResult::default() }).into())
}

/// A tool call; none without a name. Tools without arguments are called with the text `null`.
pub(in crate::cohere) fn call_of(wire: wire::ToolCall) -> Option<Call> {
    let function = wire.function?;
    let name = function.name.filter(|name| !name.is_empty())?;
    let input = function.arguments.filter(|arguments| arguments != "null").unwrap_or_default();
    Some(Call { id: wire.id.unwrap_or_default(), name, input, ..Call::default() })
}

/// What a list or a single value of a stream's delta holds.
pub(in crate::cohere) fn one_of<T: serde::de::DeserializeOwned>(json: &Json) -> Option<T> {
    if json.text().starts_with('[') { json.read::<Vec<T>>()?.into_iter().next() } else { json.read() }
}
