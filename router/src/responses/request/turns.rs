//! Writes the items of a Responses input.

use std::borrow::Cow;

use super::out::{ArgumentsOut, ItemOut, MarkOut, OutputOut, PartOut};
use super::tools;
use crate::Protocol;
use crate::chat::content::Document;
use crate::chat::json::arguments_object;
use crate::chat::lower::Lowering;
use crate::chat::unwrap::wrap;
use crate::chat::{
    Call, CallKind, Field, Impossible, Json, Losses, Media, Message, Part, PartKind, Reasoning, Request, Role, Target,
    ToolResult,
};
use crate::dialect::Quirk;

/// Writes one request's messages.
pub(super) struct Turns<'a, 'l> {
    pub(super) request: &'a Request,
    pub(super) lowering: &'a Lowering,
    pub(super) target: &'a Target,
    pub(super) losses: &'l mut Losses,
    pub(super) out: Vec<ItemOut<'a>>,
}

impl<'a> Turns<'a, '_> {
    /// The items, and the first instructions apart.
    pub(super) fn write(mut self) -> Result<(Option<String>, Vec<ItemOut<'a>>), Impossible> {
        let request = self.request;
        let mut messages = request.messages.iter().peekable();
        let instructions = messages
            .next_if(|message| {
                let is_plain = |part: &Part| part.cache.is_none() && part.as_text().is_some();
                message.role == Role::System && message.parts.iter().all(is_plain)
            })
            .map(Message::text);
        for message in messages {
            if message.name.is_some() {
                self.losses.dropped(Field::Name.in_protocol(request.protocol));
            }
            match message.role {
                Role::System | Role::Developer => self.said("developer", &message.parts)?,
                Role::User => self.user(message)?,
                Role::Assistant => self.assistant(message),
            }
        }
        if !self.out.is_empty() {
            return Ok((instructions, self.out));
        }
        // An input without items is refused: instructions that stand alone become one.
        if let Some(message) = request.messages.first() {
            self.said("developer", &message.parts)?;
        }
        let is_continued = request.previous_response_id.is_some();
        if self.out.is_empty() && !is_continued {
            return Err(Self::impossible(Field::Messages, "it holds no message with content"));
        }
        Ok((None, self.out))
    }

    fn impossible(field: Field, why: impl Into<Cow<'static, str>>) -> Impossible {
        Impossible::new(field, Protocol::Responses, why)
    }

    fn said(&mut self, role: &'static str, parts: impl IntoIterator<Item = &'a Part>) -> Result<(), Impossible> {
        let mut content = Vec::new();
        for part in parts {
            content.extend(self.part(part)?);
        }
        if !content.is_empty() {
            self.out.push(ItemOut { kind: "message", role: Some(role), content: Some(content), ..ItemOut::default() });
        }
        Ok(())
    }

    fn user(&mut self, message: &'a Message) -> Result<(), Impossible> {
        let mut said = Vec::new();
        for part in &message.parts {
            match &part.kind {
                PartKind::Result(result) => self.result(result)?,
                _ => said.push(part),
            }
        }
        self.said("user", said)
    }

    fn result(&mut self, result: &'a ToolResult) -> Result<(), Impossible> {
        if result.is_error {
            self.losses.changed(Field::ResultError.in_protocol(self.request.protocol));
        }
        let prefix = if result.is_error { "[tool error] " } else { "" };
        let rules = tools::rules(self.target);
        let call_id = Some(result.call_id.as_str());
        if result.kind == CallKind::Search && rules.search {
            let (kind, execution) = ("tool_search_output", Some("client"));
            self.out.push(ItemOut { kind, call_id, execution, tools: Some([]), ..ItemOut::default() });
            return Ok(());
        }
        let is_text = result.content.iter().all(|part| part.as_text().is_some());
        let output = if is_text {
            OutputOut::Text(format!("{prefix}{}", result.text()))
        } else {
            let mut parts = Vec::with_capacity(result.content.len() + 1);
            if result.is_error {
                parts.push(PartOut { kind: "input_text", text: Some("[tool error]"), ..PartOut::default() });
            }
            for part in &result.content {
                parts.extend(self.part(part)?);
            }
            OutputOut::Parts(parts)
        };
        let is_freeform = result.kind == CallKind::Freeform && rules.freeform;
        let kind = if is_freeform { "custom_tool_call_output" } else { "function_call_output" };
        self.out.push(ItemOut { kind, call_id, output: Some(output), ..ItemOut::default() });
        Ok(())
    }

    fn assistant(&mut self, message: &'a Message) {
        // Reasoning is refused without the item that it led to.
        let led_to = message.parts.iter().rposition(|part| !matches!(part.kind, PartKind::Reasoning(_))).unwrap_or(0);
        for (at, part) in message.parts.iter().enumerate() {
            match &part.kind {
                PartKind::Text(text) if !text.text.is_empty() => {
                    let said = PartOut { kind: "output_text", text: Some(&text.text), ..PartOut::default() };
                    self.answer(said, text.phase.as_deref());
                }
                PartKind::Refusal(text) => {
                    self.answer(PartOut { kind: "refusal", refusal: Some(text), ..PartOut::default() }, None);
                }
                PartKind::Reasoning(reasoning) => self.reasoning(reasoning, at < led_to),
                PartKind::Call(call) => self.call(call),
                PartKind::Opaque(opaque) => self.losses.dropped(opaque.kind.clone()),
                _ => {}
            }
        }
    }

    fn answer(&mut self, part: PartOut<'a>, phase: Option<&'a str>) {
        let content = Some(vec![part]);
        self.out.push(ItemOut { kind: "message", role: Some("assistant"), content, phase, ..ItemOut::default() });
    }

    fn reasoning(&mut self, reasoning: &'a Reasoning, leads_somewhere: bool) {
        let state = self.target.state(self.request, reasoning.state.as_ref());
        match state {
            Some(encrypted) if leads_somewhere => {
                let summary = (!reasoning.text.is_empty() && !reasoning.raw).then(|| PartOut {
                    kind: "summary_text",
                    text: Some(&reasoning.text),
                    ..PartOut::default()
                });
                self.out.push(ItemOut {
                    kind: "reasoning",
                    id: reasoning.id.as_deref().filter(|id| id.starts_with("rs_")),
                    summary: Some(summary.into_iter().collect()),
                    encrypted_content: Some(encrypted),
                    ..ItemOut::default()
                });
            }
            None if reasoning.text.is_empty() && reasoning.state.is_none() => {}
            _ => self.losses.dropped(Field::Reasoning.in_protocol(self.request.protocol)),
        }
    }

    fn call(&mut self, call: &'a Call) {
        let rules = tools::rules(self.target);
        let name = self.lowering.name(&call.name, call.namespace.as_deref(), &rules);
        let namespace = call.namespace.as_deref().filter(|_| rules.namespaces);
        let item = ItemOut { call_id: Some(&call.id), ..ItemOut::default() };
        self.out.push(match call.kind {
            CallKind::Freeform if rules.freeform => {
                ItemOut { kind: "custom_tool_call", name: Some(name), namespace, input: Some(&call.input), ..item }
            }
            CallKind::Search if rules.search => ItemOut {
                kind: "tool_search_call",
                execution: Some("client"),
                arguments: Some(ArgumentsOut::Object(arguments_object(&call.input).unwrap_or_else(Json::empty_object))),
                ..item
            },
            kind => {
                let arguments = match kind {
                    CallKind::Freeform => Cow::Owned(wrap(&call.input)),
                    _ if call.input.trim().is_empty() => Cow::Borrowed("{}"),
                    _ => Cow::Borrowed(call.input.as_str()),
                };
                let arguments = Some(ArgumentsOut::Text(arguments));
                ItemOut { kind: "function_call", name: Some(name), namespace, arguments, ..item }
            }
        });
    }

    fn part(&mut self, part: &'a Part) -> Result<Option<PartOut<'a>>, Impossible> {
        let mut out = match &part.kind {
            PartKind::Text(text) if text.text.is_empty() => return Ok(None),
            PartKind::Text(text) => PartOut { kind: "input_text", text: Some(&text.text), ..PartOut::default() },
            PartKind::Image(image) => {
                let image_url = image.media.to_url();
                let file_id = match &image.media {
                    Media::File { id, .. } if self.request.protocol == Protocol::OpenAi => Some(id.as_str()),
                    _ => None,
                };
                if image_url.is_none() && file_id.is_none() {
                    return Err(Self::impossible(Field::FileId, "it lies with another provider"));
                }
                let detail = Some(image.detail.as_deref().unwrap_or("auto"));
                PartOut { kind: "input_image", image_url, file_id, detail, ..PartOut::default() }
            }
            PartKind::Document(document) => self.document(document)?,
            PartKind::Audio(_) => return Err(Self::impossible(Field::Audio, "")),
            PartKind::Video(_) => return Err(Self::impossible(Field::Video, "")),
            PartKind::Opaque(opaque) => {
                self.losses.dropped(opaque.kind.clone());
                return Ok(None);
            }
            PartKind::Refusal(_) | PartKind::Call(_) | PartKind::Result(_) | PartKind::Reasoning(_) => return Ok(None),
        };
        if let Some(mark) = part.cache {
            if self.target.dialect.has(Quirk::CacheMarks) {
                let long = matches!(mark.ttl_s, Some(seconds) if seconds > 1800);
                out.prompt_cache_breakpoint = Some(MarkOut { mode: "explicit", ttl: if long { "12h" } else { "30m" } });
            } else {
                self.losses.hint(Field::CacheMark.in_protocol(self.request.protocol));
            }
        }
        Ok(Some(out))
    }

    fn document(&mut self, document: &'a Document) -> Result<PartOut<'a>, Impossible> {
        if document.context.is_some() || document.citations {
            self.losses.changed(Field::Document.in_protocol(self.request.protocol));
        }
        let file = PartOut { kind: "input_file", filename: document.name.as_deref(), ..PartOut::default() };
        Ok(match &document.media {
            Media::Text(text) => PartOut { kind: "input_text", text: Some(text), ..PartOut::default() },
            Media::Base64 { .. } => {
                let filename = file.filename.or(Some("file"));
                PartOut { file_data: document.media.to_url(), filename, ..file }
            }
            Media::Url { url, .. } => PartOut { file_url: Some(url), filename: None, ..file },
            Media::File { id, .. } if self.request.protocol == Protocol::OpenAi => {
                PartOut { file_id: Some(id), filename: None, ..file }
            }
            Media::File { .. } => return Err(Self::impossible(Field::FileId, "it lies with another provider")),
        })
    }
}
