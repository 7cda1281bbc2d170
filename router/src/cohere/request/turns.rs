//! Writes the messages of a Cohere request.

use std::borrow::Cow;

use super::out::{CallOut, ContentOut, FunctionOut, ImageOut, MessageOut, PartOut};
use super::tools::RULES;
use crate::Protocol;
use crate::chat::lower::Lowering;
use crate::chat::unwrap::wrap;
use crate::chat::{CallKind, Field, Impossible, Losses, Media, Message, Part, PartKind, Request, Role};

/// Writes one request's messages and tools.
pub(super) struct Writer<'a, 'l> {
    pub(super) request: &'a Request,
    pub(super) lowering: &'a Lowering,
    pub(super) losses: &'l mut Losses,
    pub(super) messages: Vec<MessageOut<'a>>,
}

impl<'a> Writer<'a, '_> {
    pub(super) fn impossible(field: Field, why: impl Into<Cow<'static, str>>) -> Impossible {
        Impossible::new(field, Protocol::Cohere, why)
    }

    pub(super) fn dropped(&mut self, field: Field) {
        self.losses.dropped(field.in_protocol(self.request.protocol));
    }

    pub(super) fn changed(&mut self, field: Field) {
        self.losses.changed(field.in_protocol(self.request.protocol));
    }

    pub(super) fn messages(&mut self) -> Result<(), Impossible> {
        let mut begun = false;
        for message in &self.request.messages {
            if message.name.is_some() {
                self.dropped(Field::Name);
            }
            match message.role {
                Role::System | Role::Developer if begun => {
                    self.changed(Field::LateSystem);
                    let text = format!("<system-reminder>\n{}\n</system-reminder>", message.text());
                    let content = Some(ContentOut::Text(text.into()));
                    self.messages.push(MessageOut { role: "user", content, ..MessageOut::default() });
                }
                Role::System | Role::Developer => {
                    let content = Some(ContentOut::Text(message.text().into()));
                    self.messages.push(MessageOut { role: "system", content, ..MessageOut::default() });
                }
                Role::User => {
                    begun = true;
                    self.user(message)?;
                }
                Role::Assistant => {
                    begun = true;
                    self.assistant(message);
                }
            }
        }
        if self.messages.iter().all(|message| message.role == "system") {
            return Err(Self::impossible(Field::Messages, "it holds no message of a user"));
        }
        Ok(())
    }

    fn user(&mut self, message: &'a Message) -> Result<(), Impossible> {
        let mut said = Vec::new();
        for part in &message.parts {
            let PartKind::Result(result) = &part.kind else {
                said.extend(self.part(part)?);
                continue;
            };
            let mut text = result.text();
            if result.content.iter().any(|part| part.as_text().is_none()) {
                self.changed(Field::ResultMedia);
                text.push_str("\n[the files of this result cannot be shown to this model]");
            }
            if result.is_error {
                self.changed(Field::ResultError);
                text.insert_str(0, "[tool error] ");
            }
            let content = Some(ContentOut::Text(text.into()));
            let tool_call_id = Some(result.call_id.as_str());
            self.messages.push(MessageOut { role: "tool", content, tool_call_id, ..MessageOut::default() });
        }
        if !said.is_empty() {
            let content = Some(content(said));
            self.messages.push(MessageOut { role: "user", content, ..MessageOut::default() });
        }
        Ok(())
    }

    fn assistant(&mut self, message: &'a Message) {
        let mut parts = Vec::new();
        let mut tool_calls = Vec::new();
        for part in &message.parts {
            match &part.kind {
                PartKind::Text(text) if !text.text.is_empty() => {
                    parts.push(PartOut { kind: "text", text: Some(Cow::Borrowed(&text.text)), ..PartOut::default() });
                }
                PartKind::Refusal(text) => {
                    parts.push(PartOut { kind: "text", text: Some(Cow::Borrowed(text)), ..PartOut::default() });
                }
                // Unsigned, so it may come from a Cohere model only.
                PartKind::Reasoning(reasoning) if self.request.protocol == Protocol::Cohere => {
                    parts.push(PartOut { kind: "thinking", thinking: Some(&reasoning.text), ..PartOut::default() });
                }
                PartKind::Reasoning(reasoning) if !reasoning.text.is_empty() || reasoning.state.is_some() => {
                    self.dropped(Field::Reasoning);
                }
                PartKind::Call(call) => {
                    let arguments = match call.kind {
                        CallKind::Freeform => Cow::Owned(wrap(&call.input)),
                        _ if call.input.trim().is_empty() => Cow::Borrowed("{}"),
                        _ => Cow::Borrowed(call.input.as_str()),
                    };
                    let name = self.lowering.name(&call.name, call.namespace.as_deref(), &RULES);
                    let function = FunctionOut { name, arguments };
                    tool_calls.push(CallOut { id: &call.id, kind: "function", function });
                }
                PartKind::Opaque(opaque) => self.losses.dropped(opaque.kind.clone()),
                _ => {}
            }
        }
        if !parts.is_empty() || !tool_calls.is_empty() {
            let content = (!parts.is_empty()).then(|| content(parts));
            self.messages.push(MessageOut { role: "assistant", content, tool_calls, tool_call_id: None });
        }
    }

    fn part(&mut self, part: &'a Part) -> Result<Option<PartOut<'a>>, Impossible> {
        if part.cache.is_some() {
            self.losses.hint(Field::CacheMark.in_protocol(self.request.protocol));
        }
        Ok(Some(match &part.kind {
            PartKind::Text(text) if text.text.is_empty() => return Ok(None),
            PartKind::Text(text) => {
                PartOut { kind: "text", text: Some(Cow::Borrowed(&text.text)), ..PartOut::default() }
            }
            PartKind::Image(image) => {
                let url = image.media.to_url();
                let url = url.ok_or_else(|| Self::impossible(Field::FileId, "it lies with another provider"))?;
                let detail = image.detail.as_deref().filter(|detail| matches!(*detail, "auto" | "low" | "high"));
                PartOut { kind: "image_url", image_url: Some(ImageOut { url, detail }), ..PartOut::default() }
            }
            PartKind::Document(document) => match (document.text(), &document.media) {
                (Some(text), _) => PartOut { kind: "text", text: Some(text), ..PartOut::default() },
                (None, Media::Url { .. }) => return Err(Self::impossible(Field::DocumentUrl, "")),
                (None, _) => return Err(Self::impossible(Field::Document, "it takes text and images only")),
            },
            PartKind::Audio(_) => return Err(Self::impossible(Field::Audio, "")),
            PartKind::Video(_) => return Err(Self::impossible(Field::Video, "")),
            PartKind::Opaque(opaque) => {
                self.losses.dropped(opaque.kind.clone());
                return Ok(None);
            }
            PartKind::Refusal(_) | PartKind::Call(_) | PartKind::Result(_) | PartKind::Reasoning(_) => return Ok(None),
        }))
    }
}

/// One text as a string, anything else as parts.
fn content(parts: Vec<PartOut<'_>>) -> ContentOut<'_> {
    match parts.as_slice() {
        [PartOut { kind: "text", text: Some(text), .. }] => ContentOut::Text(text.clone()),
        _ => ContentOut::Parts(parts),
    }
}
