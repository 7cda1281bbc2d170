//! Reads the messages of a Chat Completions request.

use std::collections::HashMap;

use crate::Protocol;
use crate::chat::content::{Opaque, is_base64};
use crate::chat::json::TextOr;
use crate::chat::{
    BadRequest, CacheMark, Call, CallKind, Citation, Document, Image, Json, Media, Message, Part, PartKind, Reasoning,
    Role, State, Text, ToolResult,
};
use crate::envelope;
use crate::openai::wire;

pub(super) fn conversation(wire: Vec<wire::Message>) -> Result<Vec<Message>, BadRequest> {
    if wire.is_empty() {
        return Err(BadRequest::new("messages", "is empty; send at least one message"));
    }
    let mut messages: Vec<Message> = Vec::with_capacity(wire.len());
    // Whether the last message is one that we made of tool results.
    let mut gathering = false;
    let mut made = Made::default();
    for (at, mut message) in wire.into_iter().enumerate() {
        let path = |rest: &str| format!("messages[{at}]{rest}");
        let role = message.role.take().ok_or_else(|| BadRequest::new(path(".role"), "is missing"))?;
        match role.as_str() {
            "tool" | "function" => {
                let result = result(message, &role, &made, &path)?;
                match messages.last_mut().filter(|_| gathering) {
                    Some(last) => last.parts.push(result),
                    None => messages.push(Message::new(Role::User, vec![result])),
                }
                gathering = true;
                continue;
            }
            "system" | "developer" | "user" => {
                let role = match role.as_str() {
                    "system" => Role::System,
                    "developer" => Role::Developer,
                    _ => Role::User,
                };
                let parts = content(std::mem::take(&mut message.content), role, &path)?;
                messages.push(Message { role, parts, name: message.name });
            }
            "assistant" => {
                let message = assistant(message, at, &path)?;
                made.add(&message);
                messages.push(message);
            }
            other => {
                return Err(BadRequest::new(path(".role"), format!("the role \"{other}\" does not exist")));
            }
        }
        gathering = false;
    }
    Ok(messages)
}

/// The calls made so far: a list searched for every result would make long conversations slow.
#[derive(Default)]
struct Made {
    kinds: HashMap<String, CallKind>,
    /// The last call's id by the name of its tool.
    last: HashMap<String, String>,
}

impl Made {
    fn add(&mut self, message: &Message) {
        for part in &message.parts {
            if let PartKind::Call(call) = &part.kind {
                self.kinds.insert(call.id.clone(), call.kind);
                self.last.insert(call.name.clone(), call.id.clone());
            }
        }
    }
}

fn content(wire: TextOr<wire::Part>, role: Role, path: &impl Fn(&str) -> String) -> Result<Vec<Part>, BadRequest> {
    match wire {
        TextOr::Nothing => Err(BadRequest::new(path(".content"), "is missing")),
        TextOr::Text(text) => Ok(vec![Part::text(text)]),
        TextOr::List(list) => {
            let at = |n: usize| path(&format!(".content[{n}]"));
            list.into_iter().enumerate().map(|(n, part)| part_of(part, role, &|| at(n))).collect()
        }
    }
}

/// One part of a message's content.
fn part_of(wire: wire::Part, role: Role, path: &impl Fn() -> String) -> Result<Part, BadRequest> {
    let kind = wire.kind.as_deref().unwrap_or(if wire.text.is_some() { "text" } else { "" });
    let cache = wire.prompt_cache_breakpoint.or(wire.cache_control).map(|mark| CacheMark { ttl_s: ttl(mark.ttl) });
    let missing = |name: &str| BadRequest::new(format!("{}.{name}", path()), "is missing");
    let is_user = role == Role::User;
    let kind = match kind {
        "text" | "input_text" | "output_text" => PartKind::Text(Text::new(wire.text.ok_or_else(|| missing("text"))?)),
        "refusal" if role == Role::Assistant => PartKind::Refusal(wire.refusal.ok_or_else(|| missing("refusal"))?),
        "image_url" if is_user => {
            let raw = wire.image_url.ok_or_else(|| missing("image_url"))?;
            let image = match raw.as_string() {
                Some(url) => wire::ImageUrl { url, detail: None },
                None => raw.read().ok_or_else(|| missing("image_url.url"))?,
            };
            if image.url.is_empty() {
                return Err(missing("image_url.url"));
            }
            let media = Media::from_url(&image.url);
            check_base64(&media, &|| format!("{}.image_url.url", path()))?;
            PartKind::Image(Image { media, detail: image.detail })
        }
        "input_audio" if is_user => {
            let audio = wire.input_audio.ok_or_else(|| missing("input_audio"))?;
            let media = Media::Base64 { media_type: format!("audio/{}", audio.format), data: audio.data };
            check_base64(&media, &|| format!("{}.input_audio.data", path()))?;
            PartKind::Audio(media)
        }
        "file" if is_user => {
            let file = wire.file.ok_or_else(|| missing("file"))?;
            let media = match (file.file_data, file.file_id, file.file_url) {
                (Some(data), _, _) if data.starts_with("data:") => Media::from_url(&data),
                (Some(data), _, _) => Media::Base64 { media_type: "application/pdf".into(), data },
                (None, Some(id), _) => Media::File { id, media_type: None },
                (None, None, Some(url)) => Media::Url { url, media_type: None },
                (None, None, None) => return Err(missing("file.file_data")),
            };
            check_base64(&media, &|| format!("{}.file.file_data", path()))?;
            PartKind::Document(Document { media, name: file.filename, context: None, citations: false })
        }
        "video_url" if is_user => {
            PartKind::Video(Media::from_url(&wire.video_url.ok_or_else(|| missing("video_url"))?.url))
        }
        "thinking" if role == Role::Assistant => PartKind::Reasoning(Reasoning {
            text: wire.thinking.map(|t| t.as_string().unwrap_or_else(|| texts(&t))).unwrap_or_default(),
            raw: true,
            ..Reasoning::default()
        }),
        "" => return Err(missing("type")),
        other => {
            let why = format!("a part of type \"{other}\" cannot stand here");
            return Err(BadRequest::new(format!("{}.type", path()), why));
        }
    };
    Ok(Part { kind, cache })
}

/// The texts of Mistral's list of parts.
pub(in crate::openai) fn texts(list: &Json) -> String {
    let parts: Vec<wire::Part> = list.read().unwrap_or_default();
    parts.into_iter().filter_map(|part| part.text).collect()
}

fn check_base64(media: &Media, path: &impl Fn() -> String) -> Result<(), BadRequest> {
    match media {
        Media::Base64 { data, .. } if !is_base64(data) => Err(BadRequest::new(path(), "is not valid base64")),
        _ => Ok(()),
    }
}

/// `30m`, `1h`, `300s` in seconds.
fn ttl(text: Option<String>) -> Option<u32> {
    let text = text?;
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    number.parse::<u32>().ok()?.checked_mul(factor)
}

fn result(
    mut wire: wire::Message,
    role: &str,
    made: &Made,
    path: &impl Fn(&str) -> String,
) -> Result<Part, BadRequest> {
    let call_id = match wire.tool_call_id {
        Some(id) => id,
        // The deprecated form answers the call that was just made, by its name.
        None if role == "function" => {
            let name = wire.name.as_deref().unwrap_or_default();
            let id = made.last.get(name).cloned();
            id.ok_or_else(|| BadRequest::new(path(".name"), "answers no function call before it"))?
        }
        None => return Err(BadRequest::new(path(".tool_call_id"), "is missing")),
    };
    let kind = made.kinds.get(&call_id).copied().unwrap_or_default();
    let content = match std::mem::take(&mut wire.content) {
        TextOr::Nothing => Vec::new(),
        // Types say text only; images come from clients that know a server which takes them.
        other => content(other, Role::User, path)?,
    };
    let result = ToolResult { call_id, name: wire.name, kind, content, object: None, is_error: false };
    Ok(Part::new(PartKind::Result(result)))
}

fn assistant(mut wire: wire::Message, at: usize, path: &impl Fn(&str) -> String) -> Result<Message, BadRequest> {
    let mut parts = Vec::new();
    if let Some(reasoning) = reasoning_of(&mut wire) {
        parts.push(Part::new(PartKind::Reasoning(reasoning)));
    }
    match std::mem::take(&mut wire.content) {
        TextOr::Nothing => {}
        TextOr::Text(text) if text.is_empty() => {}
        other => parts.extend(content(other, Role::Assistant, path)?),
    }
    cite(&mut parts, wire.annotations.take());
    if let Some(refusal) = wire.refusal.take().filter(|text| !text.is_empty()) {
        parts.push(Part::new(PartKind::Refusal(refusal)));
    }
    if let Some(audio) = wire.audio.take().filter(|audio| !audio.is_null()) {
        parts.push(Part::new(PartKind::Opaque(Opaque {
            protocol: Protocol::OpenAi,
            kind: "audio".into(),
            json: audio,
        })));
    }
    for (n, call) in wire.tool_calls.take().unwrap_or_default().into_iter().enumerate() {
        let mut call =
            call_of(call).ok_or_else(|| BadRequest::new(path(&format!(".tool_calls[{n}]")), "has no name"))?;
        if call.id.is_empty() {
            return Err(BadRequest::new(path(&format!(".tool_calls[{n}].id")), "is missing"));
        }
        if let Some(state) = &mut call.state {
            state.maker = None;
        }
        parts.push(Part::new(PartKind::Call(call)));
    }
    if let Some(function) = wire.function_call.take() {
        let wire = wire::ToolCall { function: Some(function), ..wire::ToolCall::default() };
        let mut call = call_of(wire).ok_or_else(|| BadRequest::new(path(".function_call.name"), "is missing"))?;
        call.id = format!("call_{at}");
        parts.push(Part::new(PartKind::Call(call)));
    }
    Ok(Message { role: Role::Assistant, parts, name: wire.name })
}

/// The reasoning of an assistant's message, in whichever field the vendor puts it.
pub(in crate::openai) fn reasoning_of(wire: &mut wire::Message) -> Option<Reasoning> {
    let text = wire
        .reasoning_content
        .take()
        .or_else(|| wire.reasoning.take().and_then(|reasoning| reasoning.as_string()))
        .unwrap_or_default();
    let details = wire.reasoning_details.take().unwrap_or_default();
    let sealed = details
        .into_iter()
        .flat_map(|detail| [detail.signature, detail.data])
        .flatten()
        .find(|text| envelope::is_envelope(text));
    let state = sealed.map(|text| State { maker: None, text });
    if text.is_empty() && state.is_none() {
        return None;
    }
    Some(Reasoning { text, raw: true, state, ..Reasoning::default() })
}

/// A tool call; none without a name.
pub(in crate::openai) fn call_of(wire: wire::ToolCall) -> Option<Call> {
    let state = wire
        .extra_content
        .and_then(|extra| extra.google)
        .and_then(|google| google.thought_signature)
        .map(|text| State { maker: None, text });
    let id = wire.id.unwrap_or_default();
    if let Some(custom) = wire.custom {
        let kind = CallKind::Freeform;
        return Some(Call {
            id,
            name: custom.name?,
            kind,
            input: custom.input.unwrap_or_default(),
            state,
            namespace: None,
        });
    }
    let function = wire.function?;
    let name = function.name.filter(|name| !name.is_empty())?;
    Some(Call { id, name, input: arguments(function.arguments), state, ..Call::default() })
}

/// Arguments as text; some servers send the object itself.
pub(in crate::openai) fn arguments(wire: Option<Json>) -> String {
    match wire {
        None => String::new(),
        Some(json) if json.is_null() => String::new(),
        Some(json) => json.as_string().unwrap_or_else(|| json.text().to_owned()),
    }
}

/// Hangs annotations on the text that they belong to.
pub(in crate::openai) fn cite(parts: &mut [Part], annotations: Option<Vec<wire::Annotation>>) {
    if let Some(PartKind::Text(text)) =
        parts.iter_mut().rev().map(|part| &mut part.kind).find(|kind| matches!(kind, PartKind::Text(_)))
    {
        text.citations.extend(cite_each(annotations));
    }
}

/// The pages among annotations.
pub(in crate::openai) fn cite_each(annotations: Option<Vec<wire::Annotation>>) -> impl Iterator<Item = Citation> {
    annotations.unwrap_or_default().into_iter().filter_map(|annotation| {
        let url = annotation.url_citation?;
        let range = url.start_index.zip(url.end_index);
        Some(Citation { url: url.url, title: url.title, quote: None, range })
    })
}
