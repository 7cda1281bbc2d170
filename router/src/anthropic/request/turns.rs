//! Writes the messages of an Anthropic Messages request.
//!
//! Turns alternate; the results of calls stand first in the user's turn that follows them.

use std::borrow::Cow;

use serde::Serialize;

use super::tools::RULES;
use crate::Protocol;
use crate::anthropic::wire::CacheControl;
use crate::chat::content::{Document, Image};
use crate::chat::json::arguments_object;
use crate::chat::lower::{Lowering, plain_id};
use crate::chat::unwrap::wrap;
use crate::chat::{
    Call, CallKind, Field, Impossible, Json, Losses, Media, Message, Part, PartKind, Request, Role, Target, ToolResult,
};
use crate::dialect::Quirk;

#[derive(Serialize)]
pub(super) struct TurnOut<'a> {
    pub(super) role: &'static str,
    pub(super) content: Vec<BlockOut<'a>>,
}

#[derive(Default, Serialize)]
pub(super) struct BlockOut<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<SourceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    citations: Option<CitationsOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_use_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    content: Vec<Self>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_error: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<CacheControl>,
}

#[derive(Serialize)]
struct CitationsOut {
    enabled: bool,
}

#[derive(Default, Serialize)]
struct SourceOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_id: Option<&'a str>,
}

/// The instructions and the turns of one request.
#[derive(Default)]
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<BlockOut<'a>>,
    pub(super) turns: Vec<TurnOut<'a>>,
    /// Whether the model's last step of calls begins with its own reasoning, as manual thinking demands.
    pub(super) keeps_thought: bool,
}

/// Writes one request's messages.
pub(super) struct Turns<'a, 'l> {
    request: &'a Request,
    lowering: &'a Lowering,
    target: &'a Target,
    losses: &'l mut Losses,
    out: Conversation<'a>,
}

impl<'a, 'l> Turns<'a, 'l> {
    pub(super) fn new(
        request: &'a Request,
        lowering: &'a Lowering,
        target: &'a Target,
        losses: &'l mut Losses,
    ) -> Self {
        let out = Conversation { keeps_thought: true, ..Conversation::default() };
        Self { request, lowering, target, losses, out }
    }

    pub(super) fn write(mut self) -> Result<Conversation<'a>, Impossible> {
        let request = self.request;
        for message in &request.messages {
            match message.role {
                Role::System | Role::Developer => self.instructions(message),
                Role::User => self.user(message)?,
                Role::Assistant => self.assistant(message)?,
            }
            if message.name.is_some() {
                self.losses.dropped(Field::Name.in_protocol(request.protocol));
            }
        }
        if self.out.turns.is_empty() {
            return Err(Self::impossible(Field::Messages, "it holds no message of a user"));
        }
        // A prefilled answer must not end in white space.
        if let Some(TurnOut { role: "assistant", content }) = self.out.turns.last_mut()
            && let Some(BlockOut { text: Some(text), .. }) = content.last_mut()
        {
            *text = Cow::Owned(text.trim_end().to_owned());
        }
        Ok(self.out)
    }

    fn impossible(field: Field, why: impl Into<Cow<'static, str>>) -> Impossible {
        Impossible::new(field, Protocol::Anthropic, why)
    }

    fn instructions(&mut self, message: &'a Message) {
        let texts = message.parts.iter().filter(|part| part.as_text().is_some_and(|text| !text.is_empty()));
        if self.out.turns.is_empty() {
            self.out.system.extend(texts.map(text_block));
            return;
        }
        let after_calls = self.out.turns.last().is_some_and(|turn| turn.role == "assistant");
        if self.target.dialect.has(Quirk::LateSystem) && !after_calls {
            let content: Vec<_> = texts.map(text_block).collect();
            if !content.is_empty() {
                self.out.turns.push(TurnOut { role: "system", content });
            }
            return;
        }
        self.losses.changed(Field::LateSystem.in_protocol(self.request.protocol));
        let text = format!("<system-reminder>\n{}\n</system-reminder>", message.text());
        self.turn("user").push(BlockOut { kind: "text", text: Some(text.into()), ..BlockOut::default() });
    }

    /// The blocks of the turn under way, or of a new one.
    fn turn(&mut self, role: &'static str) -> &mut Vec<BlockOut<'a>> {
        let continues = self.out.turns.last().is_some_and(|turn| turn.role == role);
        if !continues {
            self.out.turns.push(TurnOut { role, content: Vec::new() });
        }
        let at = self.out.turns.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "the turn was found or made just now")]
        &mut self.out.turns[at].content
    }

    fn user(&mut self, message: &'a Message) -> Result<(), Impossible> {
        let mut results = Vec::new();
        let mut others = Vec::new();
        for part in &message.parts {
            match &part.kind {
                PartKind::Result(result) => {
                    let mut block = self.result(result)?;
                    block.cache_control = part.cache.map(CacheControl::write);
                    results.push(block);
                }
                _ => others.extend(self.block(part)?),
            }
        }
        if results.is_empty() && others.is_empty() {
            return Err(Self::impossible(Field::Messages, "a message of the user is empty"));
        }
        let turn = self.turn("user");
        let before = turn.iter().take_while(|block| block.kind == "tool_result").count();
        turn.splice(before..before, results);
        turn.extend(others);
        Ok(())
    }

    fn assistant(&mut self, message: &'a Message) -> Result<(), Impossible> {
        let mut blocks = Vec::new();
        let mut has_calls = false;
        for part in &message.parts {
            match &part.kind {
                PartKind::Call(call) => {
                    has_calls = true;
                    let mut block = self.call(call)?;
                    block.cache_control = part.cache.map(CacheControl::write);
                    blocks.push(block);
                }
                PartKind::Reasoning(reasoning) => match self.target.state(self.request, reasoning.state.as_ref()) {
                    Some(data) if reasoning.redacted => {
                        blocks.push(BlockOut { kind: "redacted_thinking", data: Some(data), ..BlockOut::default() });
                    }
                    Some(signature) => blocks.push(BlockOut {
                        kind: "thinking",
                        thinking: Some(&reasoning.text),
                        signature: Some(signature),
                        ..BlockOut::default()
                    }),
                    // Unsigned thoughts are refused, and foreign signatures are worth nothing.
                    None if reasoning.text.is_empty() && reasoning.state.is_none() => {}
                    None => self.losses.dropped(Field::Reasoning.in_protocol(self.request.protocol)),
                },
                PartKind::Refusal(text) if !text.is_empty() => {
                    blocks.push(BlockOut { kind: "text", text: Some(text.into()), ..BlockOut::default() });
                }
                _ => blocks.extend(self.block(part)?),
            }
        }
        if blocks.is_empty() {
            return Ok(());
        }
        if self.out.turns.is_empty() {
            self.losses.changed(Field::Messages.in_protocol(self.request.protocol));
            let text = Some(Cow::Borrowed("Begin."));
            self.turn("user").push(BlockOut { kind: "text", text, ..BlockOut::default() });
        }
        let turn = self.turn("assistant");
        turn.extend(blocks);
        if has_calls {
            let first = turn.first().map(|block| block.kind);
            self.out.keeps_thought = matches!(first, Some("thinking" | "redacted_thinking"));
        } else {
            self.out.keeps_thought = true;
        }
        Ok(())
    }

    fn call(&self, call: &'a Call) -> Result<BlockOut<'a>, Impossible> {
        let input = match call.kind {
            CallKind::Freeform => Json::parse(wrap(&call.input)),
            CallKind::Function | CallKind::Search => arguments_object(&call.input),
        };
        let input = input.ok_or_else(|| {
            Self::impossible(Field::Arguments, format!("the arguments of the call `{}` are no JSON object", call.id))
        })?;
        Ok(BlockOut {
            kind: "tool_use",
            id: Some(plain_id(&call.id)),
            name: Some(self.lowering.name(&call.name, call.namespace.as_deref(), &RULES)),
            input: Some(input),
            ..BlockOut::default()
        })
    }

    fn result(&mut self, result: &'a ToolResult) -> Result<BlockOut<'a>, Impossible> {
        let mut content = Vec::with_capacity(result.content.len());
        for part in &result.content {
            content.extend(self.block(part)?);
        }
        Ok(BlockOut {
            kind: "tool_result",
            tool_use_id: Some(plain_id(&result.call_id)),
            content,
            is_error: result.is_error,
            ..BlockOut::default()
        })
    }

    /// A text, an image or a document.
    fn block(&mut self, part: &'a Part) -> Result<Option<BlockOut<'a>>, Impossible> {
        let mut block = match &part.kind {
            // Blocks of blanks are refused like empty ones.
            PartKind::Text(text) if text.text.trim().is_empty() => return Ok(None),
            PartKind::Text(_) => return Ok(Some(text_block(part))),
            PartKind::Image(image) => self.image(image)?,
            PartKind::Document(document) => Self::document(document, self.request)?,
            PartKind::Audio(_) => return Err(Self::impossible(Field::Audio, "")),
            PartKind::Video(_) => return Err(Self::impossible(Field::Video, "")),
            PartKind::Opaque(opaque) => {
                self.losses.dropped(opaque.kind.clone());
                return Ok(None);
            }
            PartKind::Refusal(_) | PartKind::Call(_) | PartKind::Result(_) | PartKind::Reasoning(_) => return Ok(None),
        };
        block.cache_control = part.cache.map(CacheControl::write);
        Ok(Some(block))
    }

    fn image(&mut self, image: &'a Image) -> Result<BlockOut<'a>, Impossible> {
        if image.detail.as_deref().is_some_and(|detail| detail != "auto") {
            self.losses.dropped(Field::ImageDetail.in_protocol(self.request.protocol));
        }
        let source = match &image.media {
            Media::Base64 { media_type, data } => {
                let media_type = if media_type == "image/jpg" { "image/jpeg" } else { media_type.as_str() };
                if !["image/jpeg", "image/png", "image/gif", "image/webp"].contains(&media_type) {
                    let why = format!("`{media_type}` is none of jpeg, png, gif, webp");
                    return Err(Self::impossible(Field::Image, why));
                }
                let data = Some(Cow::Borrowed(data.as_str()));
                SourceOut { kind: "base64", media_type: Some(media_type), data, ..SourceOut::default() }
            }
            Media::Url { url, .. } => SourceOut { kind: "url", url: Some(url), ..SourceOut::default() },
            Media::File { .. } | Media::Text(_) => {
                return Err(Self::impossible(Field::FileId, "it lies with another provider"));
            }
        };
        Ok(BlockOut { kind: "image", source: Some(source), ..BlockOut::default() })
    }

    fn document(document: &'a Document, request: &Request) -> Result<BlockOut<'a>, Impossible> {
        let text =
            |text| SourceOut { kind: "text", media_type: Some("text/plain"), data: Some(text), ..SourceOut::default() };
        let source = match &document.media {
            _ if let Some(said) = document.text() => text(said),
            Media::Base64 { media_type, data } if media_type == "application/pdf" => SourceOut {
                kind: "base64",
                media_type: Some("application/pdf"),
                data: Some(Cow::Borrowed(data)),
                ..SourceOut::default()
            },
            Media::Base64 { media_type, .. } => {
                let why = format!("`{media_type}` is neither PDF nor plain text");
                return Err(Self::impossible(Field::Document, why));
            }
            Media::Text(said) => text(Cow::Borrowed(said)),
            Media::Url { url, .. } => SourceOut { kind: "url", url: Some(url), ..SourceOut::default() },
            Media::File { id, .. } if request.protocol == Protocol::Anthropic => {
                SourceOut { kind: "file", file_id: Some(id), ..SourceOut::default() }
            }
            Media::File { .. } => return Err(Self::impossible(Field::FileId, "it lies with another provider")),
        };
        Ok(BlockOut {
            kind: "document",
            source: Some(source),
            title: document.name.as_deref(),
            context: document.context.as_deref(),
            citations: document.citations.then_some(CitationsOut { enabled: true }),
            ..BlockOut::default()
        })
    }
}

/// An instruction of ours.
pub(super) fn own_text(text: String) -> BlockOut<'static> {
    BlockOut { kind: "text", text: Some(text.into()), ..BlockOut::default() }
}

fn text_block(part: &Part) -> BlockOut<'_> {
    BlockOut {
        kind: "text",
        text: part.as_text().map(Cow::Borrowed),
        cache_control: part.cache.map(CacheControl::write),
        ..BlockOut::default()
    }
}
