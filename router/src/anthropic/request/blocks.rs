//! Reads the blocks of Anthropic's messages, of requests and answers alike.

use crate::Protocol;
use crate::anthropic::wire;
use crate::chat::content::{Opaque, is_base64};
use crate::chat::json::TextOr;
use crate::chat::{
    BadRequest, Call, Citation, Document, Image, Json, Maker, Media, Part, PartKind, Reasoning, Role, State, Text,
    ToolResult,
};

/// One block of a message by `role`; none where nothing is left of it. `maker` is known for answers only.
pub(in crate::anthropic) fn part(
    wire: wire::Block,
    raw: Option<&Json>,
    role: Role,
    maker: Option<&Maker>,
    path: &dyn Fn(&str) -> String,
) -> Result<Option<Part>, BadRequest> {
    let cache = wire.cache_control.as_ref().map(wire::CacheControl::read);
    let missing = |name: &str| BadRequest::new(path(&format!(".{name}")), "is missing");
    let state = |text: String| State { maker: maker.cloned(), text };
    let kind = wire.kind.as_deref().ok_or_else(|| missing("type"))?;
    let is_user = role == Role::User;
    let kind = match kind {
        "text" => {
            let text = wire.text.ok_or_else(|| missing("text"))?;
            PartKind::Text(Text { citations: citations(wire.citations.as_ref()), ..Text::new(text) })
        }
        "image" if is_user => {
            let media = media(wire.source.ok_or_else(|| missing("source"))?, path)?;
            PartKind::Image(Image { media, detail: None })
        }
        "document" if is_user => {
            let media = media(wire.source.ok_or_else(|| missing("source"))?, path)?;
            let citations = wire.citations.is_some_and(|c| c.text().contains("true"));
            PartKind::Document(Document { media, name: wire.title, context: wire.context, citations })
        }
        "search_result" if is_user => {
            let content: Vec<wire::Block> = wire.content.and_then(|c| c.read()).unwrap_or_default();
            let text: Vec<String> = content.into_iter().filter_map(|block| block.text).collect();
            PartKind::Document(Document {
                media: Media::Text(text.join("\n")),
                name: wire.title,
                context: None,
                citations: false,
            })
        }
        "thinking" if role == Role::Assistant => {
            let signature = wire.signature.filter(|signature| !signature.is_empty());
            PartKind::Reasoning(Reasoning {
                text: wire.thinking.ok_or_else(|| missing("thinking"))?,
                state: signature.map(state),
                ..Reasoning::default()
            })
        }
        "redacted_thinking" if role == Role::Assistant => PartKind::Reasoning(Reasoning {
            redacted: true,
            state: Some(state(wire.data.ok_or_else(|| missing("data"))?)),
            ..Reasoning::default()
        }),
        "tool_use" if role == Role::Assistant => {
            let input = wire.input.ok_or_else(|| missing("input"))?;
            if !input.is_object() {
                return Err(BadRequest::new(path(".input"), "must be an object"));
            }
            let id = wire.id.filter(|id| !id.is_empty()).ok_or_else(|| missing("id"))?;
            let name = wire.name.filter(|name| !name.is_empty()).ok_or_else(|| missing("name"))?;
            PartKind::Call(Call { id, name, input: input.text().to_owned(), ..Call::default() })
        }
        "tool_result" if is_user => PartKind::Result(ToolResult {
            call_id: wire.tool_use_id.ok_or_else(|| missing("tool_use_id"))?,
            content: result_content(wire.content, path)?,
            is_error: wire.is_error.unwrap_or(false),
            ..ToolResult::default()
        }),
        "text_editor_code_execution_tool_result"
        | "bash_code_execution_tool_result"
        | "code_execution_tool_result"
        | "web_search_tool_result"
        | "web_fetch_tool_result"
        | "tool_search_tool_result"
        | "server_tool_use"
        | "mcp_tool_use"
        | "mcp_tool_result"
        | "advisor_tool_result"
        | "container_upload"
        | "compaction"
        | "fallback" => match raw {
            Some(raw) => {
                let opaque = Opaque { protocol: Protocol::Anthropic, kind: kind.to_owned(), json: raw.clone() };
                PartKind::Opaque(opaque)
            }
            None => return Ok(None),
        },
        other => {
            let why = format!("a block of type \"{other}\" cannot stand here");
            return Err(BadRequest::new(path(".type"), why));
        }
    };
    Ok(Some(Part { kind, cache }))
}

fn citations(json: Option<&Json>) -> Vec<Citation> {
    let list: Vec<wire::CitationIn> = json.and_then(Json::read).unwrap_or_default();
    list.into_iter().map(citation).collect()
}

/// A citation as every protocol knows it.
pub(in crate::anthropic) fn citation(wire: wire::CitationIn) -> Citation {
    Citation { url: wire.url, title: wire.title.or(wire.document_title), quote: wire.cited_text, range: None }
}

fn media(wire: wire::Source, path: &dyn Fn(&str) -> String) -> Result<Media, BadRequest> {
    let missing = |name: &str| BadRequest::new(path(&format!(".source.{name}")), "is missing");
    match wire.kind.as_deref().ok_or_else(|| missing("type"))? {
        "base64" => {
            let data = wire.data.ok_or_else(|| missing("data"))?;
            if !is_base64(&data) {
                return Err(BadRequest::new(path(".source.data"), "is not valid base64"));
            }
            Ok(Media::Base64 { media_type: wire.media_type.ok_or_else(|| missing("media_type"))?, data })
        }
        "url" => Ok(Media::Url { url: wire.url.ok_or_else(|| missing("url"))?, media_type: None }),
        "file" => Ok(Media::File { id: wire.file_id.ok_or_else(|| missing("file_id"))?, media_type: None }),
        "text" => Ok(Media::Text(wire.data.ok_or_else(|| missing("data"))?)),
        "content" => {
            let content: TextOr<wire::Block> = wire.content.and_then(|c| c.read()).unwrap_or_default();
            Ok(Media::Text(match content {
                TextOr::Text(text) => text,
                TextOr::List(list) => list.into_iter().filter_map(|block| block.text).collect::<Vec<_>>().join("\n"),
                TextOr::Nothing => String::new(),
            }))
        }
        other => Err(BadRequest::new(path(".source.type"), format!("the source \"{other}\" does not exist"))),
    }
}

fn result_content(json: Option<Json>, path: &dyn Fn(&str) -> String) -> Result<Vec<Part>, BadRequest> {
    let Some(json) = json.filter(|json| !json.is_null()) else { return Ok(Vec::new()) };
    if let Some(text) = json.as_string() {
        return Ok(vec![Part::text(text)]);
    }
    let bad = || BadRequest::new(path(".content"), "is neither a string nor a list of blocks");
    let blocks: Vec<Json> = json.read().ok_or_else(bad)?;
    let mut parts = Vec::with_capacity(blocks.len());
    for (n, raw) in blocks.iter().enumerate() {
        let block: wire::Block = raw.read().ok_or_else(bad)?;
        // Claude Code's tool search answers with names; other models are told in words.
        if let (Some("tool_reference"), Some(name)) = (block.kind.as_deref(), &block.tool_name) {
            parts.push(Part::text(format!("Tool {name} is now available")));
            continue;
        }
        let at = |rest: &str| path(&format!(".content[{n}]{rest}"));
        if block.kind.as_deref() == Some("tool_result") {
            return Err(BadRequest::new(at(".type"), "a result cannot stand in a result"));
        }
        parts.extend(part(block, Some(raw), Role::User, None, &at)?);
    }
    Ok(parts)
}
