//! Writes the messages of a Chat Completions request.

use std::borrow::Cow;

use super::out::{
    AudioOut, CallOut, ContentOut, CustomOut, FileOut, FunctionOut, ImageOut, MarkOut, MessageOut, PartOut,
};
use super::tools;
use crate::Protocol;
use crate::chat::content::Document;
use crate::chat::lower::Lowering;
use crate::chat::unwrap::wrap;
use crate::chat::{
    CacheMark, Call, CallKind, Field, Impossible, Losses, Media, Message, Part, PartKind, Request, Role, Target,
    ToolResult,
};
use crate::dialect::Quirk;

/// Writes one request's messages.
pub(super) struct Turns<'a, 'l> {
    request: &'a Request,
    lowering: &'a Lowering,
    target: &'a Target,
    losses: &'l mut Losses,
    out: Vec<MessageOut<'a>>,
    /// Images and documents of tool results: they go behind the last of the results.
    waiting: Vec<PartOut<'a>>,
}

impl<'a, 'l> Turns<'a, 'l> {
    pub(super) const fn new(
        request: &'a Request,
        lowering: &'a Lowering,
        target: &'a Target,
        losses: &'l mut Losses,
    ) -> Self {
        Self { request, lowering, target, losses, out: Vec::new(), waiting: Vec::new() }
    }

    pub(super) fn write(mut self) -> Result<Vec<MessageOut<'a>>, Impossible> {
        let request = self.request;
        let mut begun = false;
        for message in &request.messages {
            match message.role {
                Role::System | Role::Developer => {
                    self.flush();
                    self.instructions(message, begun)?;
                }
                Role::User => {
                    begun = true;
                    self.user(message)?;
                }
                Role::Assistant => {
                    begun = true;
                    self.flush();
                    self.assistant(message);
                }
            }
        }
        self.flush();
        if self.out.is_empty() {
            return Err(Self::impossible(Field::Messages, "it holds no message with content"));
        }
        Ok(self.out)
    }

    fn lost(&mut self, field: Field) {
        self.losses.dropped(field.in_protocol(self.request.protocol));
    }

    fn changed(&mut self, field: Field) {
        self.losses.changed(field.in_protocol(self.request.protocol));
    }

    fn impossible(field: Field, why: impl Into<Cow<'static, str>>) -> Impossible {
        Impossible::new(field, Protocol::OpenAi, why)
    }

    /// What tools gave beside text, as a user's message.
    fn flush(&mut self) {
        if !self.waiting.is_empty() {
            let content = ContentOut::Parts(std::mem::take(&mut self.waiting));
            self.out.push(MessageOut { role: "user", content, ..MessageOut::default() });
        }
    }

    fn instructions(&mut self, message: &'a Message, late: bool) -> Result<(), Impossible> {
        let dialect = self.target.dialect;
        let developer = message.role == Role::Developer && !dialect.has(Quirk::NoDeveloperRole);
        let content = self.content(&message.parts)?;
        if dialect.has(Quirk::NoSystem) || (late && dialect.has(Quirk::SystemFirstOnly)) {
            if late {
                self.changed(Field::LateSystem);
            }
            let text = format!("<system-reminder>\n{}\n</system-reminder>", message.text());
            let content = ContentOut::Text(text.into());
            self.out.push(MessageOut { role: "user", content, ..MessageOut::default() });
            return Ok(());
        }
        let role = if developer { "developer" } else { "system" };
        if !content.is_absent() {
            self.out.push(MessageOut { role, content, name: message.name.as_deref(), ..MessageOut::default() });
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
        if said.is_empty() {
            return Ok(());
        }
        self.flush();
        let content = self.content(said)?;
        if !content.is_absent() {
            self.out.push(MessageOut { role: "user", content, name: message.name.as_deref(), ..MessageOut::default() });
        }
        Ok(())
    }

    fn result(&mut self, result: &'a ToolResult) -> Result<(), Impossible> {
        let mut text = result.text();
        let mut media = 0;
        for part in &result.content {
            if part.as_text().is_none() {
                let out = self.part(part)?;
                self.waiting.extend(out);
                media += 1;
            }
        }
        if media > 0 {
            self.changed(Field::ResultMedia);
            let note = format!("[{media} file(s) of this result follow in the next user message]");
            text = if text.is_empty() { note } else { format!("{text}\n{note}") };
        }
        if result.is_error {
            self.changed(Field::ResultError);
            text.insert_str(0, "[tool error] ");
        }
        let id = self.id(&result.call_id);
        let content = ContentOut::Text(text.into());
        self.out.push(MessageOut { role: "tool", content, tool_call_id: Some(id), ..MessageOut::default() });
        Ok(())
    }

    fn assistant(&mut self, message: &'a Message) {
        let dialect = self.target.dialect;
        let mut out = MessageOut { role: "assistant", name: message.name.as_deref(), ..MessageOut::default() };
        let mut texts: Vec<&Part> = Vec::new();
        let mut reasoning = String::new();
        for part in &message.parts {
            match &part.kind {
                PartKind::Text(text) if !text.text.is_empty() => texts.push(part),
                PartKind::Refusal(text) => out.refusal = Some(text),
                PartKind::Reasoning(thought) if dialect.has(Quirk::ReplaysReasoning) => {
                    reasoning.push_str(&thought.text);
                }
                // Without its maker's state it is a memory aid that most servers refuse.
                PartKind::Reasoning(thought) if !thought.text.is_empty() || thought.state.is_some() => {
                    self.lost(Field::Reasoning);
                }
                PartKind::Call(call) => {
                    let call = self.call(call);
                    out.tool_calls.push(call);
                }
                PartKind::Opaque(opaque) => self.losses.dropped(opaque.kind.clone()),
                _ => {}
            }
        }
        out.reasoning_content = (!reasoning.is_empty()).then_some(reasoning.into());
        out.content = match texts.as_slice() {
            [] if out.tool_calls.is_empty() && out.refusal.is_none() => return,
            [] if dialect.has(Quirk::NoNullContent) => ContentOut::Text("".into()),
            [] => ContentOut::Null(()),
            [one] if one.cache.is_none() => ContentOut::Text(one.as_text().unwrap_or_default().into()),
            several => ContentOut::Text(
                several.iter().filter_map(|part| part.as_text()).collect::<Vec<_>>().join("\n\n").into(),
            ),
        };
        self.out.push(out);
    }

    fn call(&self, call: &'a Call) -> CallOut<'a> {
        let rules = tools::rules(self.target);
        let name = self.lowering.name(&call.name, call.namespace.as_deref(), &rules);
        let id = self.id(&call.id);
        if call.kind == CallKind::Freeform && rules.freeform {
            let custom = Some(CustomOut { name, input: &call.input });
            return CallOut { id, kind: "custom", function: None, custom };
        }
        let arguments = match call.kind {
            CallKind::Freeform => Cow::Owned(wrap(&call.input)),
            _ if call.input.trim().is_empty() => Cow::Borrowed("{}"),
            _ => Cow::Borrowed(call.input.as_str()),
        };
        CallOut { id, kind: "function", function: Some(FunctionOut { name, arguments }), custom: None }
    }

    /// A call's id in the form that the target takes; the same for the call and its result.
    fn id(&self, id: &'a str) -> Cow<'a, str> {
        let is_plain = id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric());
        if !self.target.dialect.has(Quirk::NineLetterIds) || is_plain {
            return Cow::Borrowed(id);
        }
        let mut hash =
            id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        let mut short = String::with_capacity(9);
        for _ in 0..9 {
            short.push(LETTERS.get((hash % 62) as usize).map_or('A', |b| char::from(*b)));
            hash /= 62;
        }
        Cow::Owned(short)
    }

    /// One text as a string, anything else as parts; absent if nothing is left.
    fn content(&mut self, parts: impl IntoIterator<Item = &'a Part>) -> Result<ContentOut<'a>, Impossible> {
        let mut out = Vec::new();
        for part in parts {
            out.extend(self.part(part)?);
        }
        Ok(match out.as_slice() {
            [] => ContentOut::Absent,
            [PartOut { kind: "text", text: Some(text), prompt_cache_breakpoint: None, .. }] => {
                ContentOut::Text(Cow::Borrowed(text))
            }
            _ => ContentOut::Parts(out),
        })
    }

    fn part(&mut self, part: &'a Part) -> Result<Option<PartOut<'a>>, Impossible> {
        let mut out = match &part.kind {
            PartKind::Text(text) if text.text.is_empty() => return Ok(None),
            PartKind::Text(text) => PartOut { kind: "text", text: Some(&text.text), ..PartOut::default() },
            PartKind::Refusal(text) => PartOut { kind: "refusal", refusal: Some(text), ..PartOut::default() },
            PartKind::Image(image) => {
                let url = image
                    .media
                    .to_url()
                    .ok_or_else(|| Self::impossible(Field::FileId, "it lies with another provider"))?;
                let image_url = Some(ImageOut { url, detail: image.detail.as_deref() });
                PartOut { kind: "image_url", image_url, ..PartOut::default() }
            }
            PartKind::Audio(Media::Base64 { media_type, data }) => {
                let format = match media_type.as_str() {
                    "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
                    "audio/mp3" | "audio/mpeg" => "mp3",
                    _ => return Err(Self::impossible(Field::Audio, "only wav and mp3 are taken")),
                };
                PartOut { kind: "input_audio", input_audio: Some(AudioOut { data, format }), ..PartOut::default() }
            }
            PartKind::Audio(_) => return Err(Self::impossible(Field::Audio, "it must be in the request itself")),
            PartKind::Video(_) => return Err(Self::impossible(Field::Video, "")),
            PartKind::Document(document) => self.document(document)?,
            PartKind::Call(_) | PartKind::Result(_) | PartKind::Reasoning(_) => return Ok(None),
            PartKind::Opaque(opaque) => {
                self.losses.dropped(opaque.kind.clone());
                return Ok(None);
            }
        };
        if let Some(mark) = part.cache {
            if self.target.dialect.has(Quirk::CacheMarks) {
                out.prompt_cache_breakpoint = Some(mark_out(mark));
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
        let filename = document.name.as_deref();
        let file = match &document.media {
            Media::Text(text) => return Ok(PartOut { kind: "text", text: Some(text), ..PartOut::default() }),
            Media::Base64 { .. } => {
                FileOut { file_data: document.media.to_url(), filename: filename.or(Some("file")), file_id: None }
            }
            Media::File { id, .. } if self.request.protocol == Protocol::Responses => {
                FileOut { file_id: Some(id), filename: None, file_data: None }
            }
            Media::File { .. } => return Err(Self::impossible(Field::FileId, "it lies with another provider")),
            Media::Url { .. } => return Err(Self::impossible(Field::DocumentUrl, "send the document itself")),
        };
        Ok(PartOut { kind: "file", file: Some(file), ..PartOut::default() })
    }
}

/// What the ids of strict targets are made of.
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// OpenAI keeps a prefix for half an hour or half a day.
const fn mark_out(mark: CacheMark) -> MarkOut {
    let long = matches!(mark.ttl_s, Some(seconds) if seconds > 1800);
    MarkOut { mode: "explicit", ttl: if long { "12h" } else { "30m" } }
}
