//! Reads the items of a Responses input, and of an output.

use crate::Protocol;
use crate::chat::content::{Opaque, is_base64};
use crate::chat::json::TextOr;
use crate::chat::{
    BadRequest, CacheMark, Call, CallKind, Citation, Document, Image, Json, Maker, Media, Message, Part, PartKind,
    Reasoning, Role, State, Text, ToolResult,
};
use crate::responses::wire;

/// Puts items together to messages: what the model did in a row is one message, as are the results that follow.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) messages: Vec<Message>,
    /// Whether the last message is the model's turn, or results, and may go on.
    open: Option<Role>,
}

impl Conversation {
    /// A message that stands for itself.
    pub(super) fn message(&mut self, message: Message) {
        self.open = None;
        self.messages.push(message);
    }

    /// More of the model's turn, or one more result.
    pub(super) fn part(&mut self, role: Role, parts: impl IntoIterator<Item = Part>) {
        if self.open != Some(role) {
            self.open = Some(role);
            self.messages.push(Message::new(role, Vec::new()));
        }
        if let Some(last) = self.messages.last_mut() {
            last.parts.extend(parts);
        }
    }
}

/// Reads one item into `to`. `raw` is its whole text.
pub(super) fn read(
    wire: wire::Item,
    raw: &Json,
    to: &mut Conversation,
    path: &dyn Fn(&str) -> String,
) -> Result<(), BadRequest> {
    let kind = wire.kind.as_deref().unwrap_or(if wire.role.is_some() { "message" } else { "" });
    let missing = |name: &str| BadRequest::new(path(&format!(".{name}")), "is missing");
    match kind {
        "message" => {
            let role = match wire.role.as_deref() {
                Some("user") => Role::User,
                Some("assistant") => Role::Assistant,
                Some("system") => Role::System,
                Some("developer") => Role::Developer,
                Some(other) => {
                    return Err(BadRequest::new(path(".role"), format!("the role \"{other}\" does not exist")));
                }
                None => return Err(missing("role")),
            };
            let parts = content(wire.content, role, wire.phase.as_deref(), path)?;
            if role == Role::Assistant {
                to.part(role, parts);
            } else {
                to.message(Message::new(role, parts));
            }
        }
        "function_call_output" | "custom_tool_call_output" => {
            let kind = if kind == "custom_tool_call_output" { CallKind::Freeform } else { CallKind::Function };
            let call_id = wire.call_id.ok_or_else(|| missing("call_id"))?;
            let content = match wire.output {
                TextOr::Nothing => Vec::new(),
                other => content(other, Role::User, None, path)?,
            };
            let result = ToolResult { call_id, kind, content, ..ToolResult::default() };
            to.part(Role::User, [Part::new(PartKind::Result(result))]);
        }
        "tool_search_output" => {
            // What it found stands among the tools by now.
            let found: Vec<wire::Tool> = wire.tools.and_then(|tools| tools.read()).unwrap_or_default();
            let names: Vec<String> = found.into_iter().flat_map(names).collect();
            let text = format!("Tools found and available now: {}", names.join(", "));
            if let Some(call_id) = wire.call_id {
                let kind = CallKind::Search;
                let result = ToolResult { call_id, kind, content: vec![Part::text(text)], ..ToolResult::default() };
                to.part(Role::User, [Part::new(PartKind::Result(result))]);
            }
        }
        "" => return Err(missing("type")),
        _ => {
            if let Some(part) = model_item(wire, raw, None, path)? {
                to.part(Role::Assistant, [part]);
            }
        }
    }
    Ok(())
}

/// The names by which a found tool, or the tools of a found namespace, can be called.
fn names(tool: wire::Tool) -> Vec<String> {
    let Some(name) = tool.name else { return Vec::new() };
    match tool.tools {
        Some(inner) if tool.kind.as_deref() == Some("namespace") => {
            let inner = inner.iter().filter_map(Json::read::<wire::Tool>).filter_map(|tool| tool.name);
            inner.map(|inner| format!("{name}__{inner}")).collect()
        }
        _ => vec![name],
    }
}

/// An item that the model made, other than a message. `maker` is known for answers only.
pub(in crate::responses) fn model_item(
    wire: wire::Item,
    raw: &Json,
    maker: Option<&Maker>,
    path: &dyn Fn(&str) -> String,
) -> Result<Option<Part>, BadRequest> {
    let missing = |name: &str| BadRequest::new(path(&format!(".{name}")), "is missing");
    let kind = wire.kind.as_deref().unwrap_or_default();
    let call = |kind: CallKind, input: String| -> Result<Part, BadRequest> {
        Ok(Part::new(PartKind::Call(Call {
            id: wire.call_id.clone().filter(|id| !id.is_empty()).ok_or_else(|| missing("call_id"))?,
            name: match kind {
                CallKind::Search => "tool_search".to_owned(),
                _ => wire.name.clone().filter(|name| !name.is_empty()).ok_or_else(|| missing("name"))?,
            },
            namespace: wire.namespace.clone(),
            kind,
            input,
            state: None,
        })))
    };
    Ok(Some(match kind {
        "function_call" => {
            let arguments = wire.arguments.as_ref().map(|a| a.as_string().unwrap_or_else(|| a.text().to_owned()));
            call(CallKind::Function, arguments.ok_or_else(|| missing("arguments"))?)?
        }
        "custom_tool_call" => call(CallKind::Freeform, wire.input.clone().ok_or_else(|| missing("input"))?)?,
        // One that the server executed has no id to answer.
        "tool_search_call" if wire.execution.as_deref() != Some("server") && wire.call_id.is_some() => {
            let arguments = wire.arguments.as_ref().map_or_else(String::new, |a| a.text().to_owned());
            call(CallKind::Search, arguments)?
        }
        "reasoning" => {
            let texts = |parts: Vec<wire::Part>| {
                parts.into_iter().filter_map(|part| part.text).collect::<Vec<_>>().join("\n\n")
            };
            let summary = texts(wire.summary.unwrap_or_default());
            let raw_text = match wire.content {
                TextOr::List(parts) => texts(parts),
                TextOr::Text(text) => text,
                TextOr::Nothing => String::new(),
            };
            let is_raw = summary.is_empty() && !raw_text.is_empty();
            let state = wire.encrypted_content.filter(|text| !text.is_empty());
            PartKind::Reasoning(Reasoning {
                text: if is_raw { raw_text } else { summary },
                raw: is_raw,
                redacted: false,
                id: wire.id,
                state: state.map(|text| State { maker: maker.cloned(), text }),
            })
            .into()
        }
        "additional_tools" | "configuration_update" => return Ok(None),
        "item_reference" => {
            return Err(BadRequest::new(path(".type"), "refers to an item that this gateway does not keep"));
        }
        other => {
            PartKind::Opaque(Opaque { protocol: Protocol::Responses, kind: other.to_owned(), json: raw.clone() }).into()
        }
    }))
}

/// The parts of a message's content, or of a tool's output.
pub(in crate::responses) fn content(
    wire: TextOr<wire::Part>,
    role: Role,
    phase: Option<&str>,
    path: &dyn Fn(&str) -> String,
) -> Result<Vec<Part>, BadRequest> {
    let text = |text: String| PartKind::Text(Text { phase: phase.map(str::to_owned), ..Text::new(text) });
    match wire {
        TextOr::Nothing => Err(BadRequest::new(path(".content"), "is missing")),
        TextOr::Text(said) => Ok(vec![text(said).into()]),
        TextOr::List(list) => {
            let mut parts = Vec::with_capacity(list.len());
            for (n, wire) in list.into_iter().enumerate() {
                let at = |rest: &str| path(&format!(".content[{n}]{rest}"));
                let cache = wire.prompt_cache_breakpoint.as_ref().map(|mark| CacheMark {
                    ttl_s: mark.ttl.as_deref().map(|ttl| if ttl == "12h" { 43_200 } else { 1800 }),
                });
                let mut part: Part = match wire.kind.as_deref().unwrap_or_default() {
                    "input_text" | "output_text" | "text" => {
                        let said = wire.text.ok_or_else(|| BadRequest::new(at(".text"), "is missing"))?;
                        let citations = wire.annotations.unwrap_or_default().into_iter().filter_map(citation).collect();
                        let mut kind = text(said);
                        if let PartKind::Text(text) = &mut kind {
                            text.citations = citations;
                        }
                        kind.into()
                    }
                    "refusal" if role == Role::Assistant => PartKind::Refusal(wire.refusal.unwrap_or_default()).into(),
                    "input_image" | "input_file" if role != Role::Assistant => media(wire, &at)?.into(),
                    "" => return Err(BadRequest::new(at(".type"), "is missing")),
                    other => {
                        let why = format!("a part of type \"{other}\" cannot stand here");
                        return Err(BadRequest::new(at(".type"), why));
                    }
                };
                part.cache = cache;
                parts.push(part);
            }
            Ok(parts)
        }
    }
}

/// A page that a text is taken from.
pub(in crate::responses) fn citation(wire: wire::Annotation) -> Option<Citation> {
    let is_page = wire.kind.as_deref().is_none_or(|kind| kind == "url_citation");
    let range = wire.start_index.zip(wire.end_index);
    is_page.then_some(Citation { url: wire.url, title: wire.title, quote: None, range })
}

fn media(wire: wire::Part, path: &dyn Fn(&str) -> String) -> Result<PartKind, BadRequest> {
    let is_image = wire.kind.as_deref() == Some("input_image");
    let url = if is_image { wire.image_url } else { wire.file_url };
    let media = match (wire.file_data, url, wire.file_id) {
        (Some(data), _, _) if data.starts_with("data:") => Media::from_url(&data),
        (Some(data), _, _) => Media::Base64 { media_type: "application/pdf".to_owned(), data },
        (None, Some(url), _) => Media::from_url(&url),
        (None, None, Some(id)) => Media::File { id, media_type: None },
        (None, None, None) => {
            let field = if is_image { ".image_url" } else { ".file_data" };
            return Err(BadRequest::new(path(field), "is missing"));
        }
    };
    if let Media::Base64 { data, .. } = &media
        && !is_base64(data)
    {
        let field = if is_image { ".image_url" } else { ".file_data" };
        return Err(BadRequest::new(path(field), "is not valid base64"));
    }
    Ok(if is_image {
        PartKind::Image(Image { media, detail: wire.detail })
    } else {
        PartKind::Document(Document { media, name: wire.filename, context: None, citations: false })
    })
}
