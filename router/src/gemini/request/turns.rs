//! Writes the turns of a Gemini request.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Serialize;

use super::out::{BlobOut, CallOut, ContentOut, FileOut, PartOut, ResponseOut};
use crate::Protocol;
use crate::chat::json::arguments_object;
use crate::chat::lower::{Lowering, Rules};
use crate::chat::unwrap::wrap;
use crate::chat::{
    Call, CallKind, Field, Impossible, Json, Losses, Media, Message, Part, PartKind, Request, Role, Target, ToolResult,
};
use crate::dialect::Quirk;

/// What the protocol knows of tools.
pub(super) const RULES: Rules =
    Rules { name_also: &['-', '.', ':'], name_begins_with_letter: true, ..Rules::FUNCTIONS };

/// Accepted in place of a thought signature for calls that another vendor's model made; as Google documents it.
const FOREIGN_CALL: &str = "Y29udGV4dF9lbmdpbmVlcmluZ19pc190aGVfd2F5X3RvX2dv";

#[derive(Serialize)]
struct Said<'a> {
    output: &'a str,
}

#[derive(Serialize)]
struct Failed<'a> {
    error: &'a str,
}

/// Writes one request's messages.
pub(super) struct Turns<'a, 'l> {
    pub(super) request: &'a Request,
    pub(super) lowering: &'a Lowering,
    pub(super) target: &'a Target,
    pub(super) losses: &'l mut Losses,
    pub(super) system: Vec<PartOut<'a>>,
    pub(super) out: Vec<ContentOut<'a>>,
    /// The names of calls by their id: results carry names here.
    pub(super) names: HashMap<&'a str, Cow<'a, str>>,
}

impl<'a> Turns<'a, '_> {
    pub(super) fn write(mut self) -> Result<(Vec<PartOut<'a>>, Vec<ContentOut<'a>>), Impossible> {
        let request = self.request;
        for message in &request.messages {
            if message.name.is_some() {
                self.losses.dropped(Field::Name.in_protocol(request.protocol));
            }
            match message.role {
                Role::System | Role::Developer => self.instructions(message),
                Role::User => self.user(message)?,
                Role::Assistant => self.assistant(message)?,
            }
        }
        if self.out.is_empty() {
            return Err(Self::impossible(Field::Messages, "it holds no message of a user"));
        }
        Ok((self.system, self.out))
    }

    fn impossible(field: Field, why: impl Into<Cow<'static, str>>) -> Impossible {
        Impossible::new(field, Protocol::Gemini, why)
    }

    fn changed(&mut self, field: Field) {
        self.losses.changed(field.in_protocol(self.request.protocol));
    }

    fn turn(&mut self, role: &'static str, parts: Vec<PartOut<'a>>) {
        match self.out.last_mut() {
            Some(last) if last.role == Some(role) => last.parts.extend(parts),
            _ => self.out.push(ContentOut { role: Some(role), parts }),
        }
    }

    fn instructions(&mut self, message: &'a Message) {
        if self.out.is_empty() {
            let texts = message.parts.iter().filter_map(Part::as_text).filter(|text| !text.is_empty());
            self.system.extend(texts.map(|text| PartOut { text: Some(text.into()), ..PartOut::default() }));
            return;
        }
        self.changed(Field::LateSystem);
        let text = format!("<system-reminder>\n{}\n</system-reminder>", message.text());
        self.turn("user", vec![PartOut { text: Some(text.into()), ..PartOut::default() }]);
    }

    fn user(&mut self, message: &'a Message) -> Result<(), Impossible> {
        let mut parts = Vec::with_capacity(message.parts.len());
        let mut beside = Vec::new();
        for part in &message.parts {
            match &part.kind {
                PartKind::Result(result) => {
                    let response = self.result(result, &mut beside)?;
                    parts.push(response);
                }
                _ => beside.extend(self.part(part)?),
            }
        }
        // Responses first: they answer the calls before, one each.
        parts.extend(beside);
        if parts.is_empty() {
            return Err(Self::impossible(Field::Messages, "a message of the user is empty"));
        }
        self.turn("user", parts);
        Ok(())
    }

    fn assistant(&mut self, message: &'a Message) -> Result<(), Impossible> {
        let mut parts: Vec<PartOut<'a>> = Vec::with_capacity(message.parts.len());
        let mut has_call = self.out.last().is_some_and(|turn| {
            turn.role == Some("model") && turn.parts.iter().any(|part| part.function_call.is_some())
        });
        for part in &message.parts {
            match &part.kind {
                PartKind::Call(call) => {
                    let mut out = self.call(call)?;
                    let needs = self.target.dialect.has(Quirk::NeedsSignature) && !has_call;
                    if out.thought_signature.is_none() && needs {
                        out.thought_signature = Some(FOREIGN_CALL.into());
                    }
                    has_call = true;
                    parts.push(out);
                }
                PartKind::Reasoning(reasoning) => match self.target.state(self.request, reasoning.state.as_ref()) {
                    Some(signature) => parts.push(PartOut {
                        text: Some(reasoning.text.as_str().into()),
                        thought: true,
                        thought_signature: Some(signature.into()),
                        ..PartOut::default()
                    }),
                    None if reasoning.text.is_empty() && reasoning.state.is_none() => {}
                    None => self.losses.dropped(Field::Reasoning.in_protocol(self.request.protocol)),
                },
                PartKind::Text(text) => {
                    let signature = self.target.state(self.request, text.state.as_ref());
                    if !text.text.is_empty() || signature.is_some() {
                        parts.push(PartOut {
                            text: Some(text.text.as_str().into()),
                            thought_signature: signature.map(Cow::Borrowed),
                            ..PartOut::default()
                        });
                    }
                }
                PartKind::Refusal(text) => {
                    parts.push(PartOut { text: Some(text.as_str().into()), ..PartOut::default() });
                }
                _ => parts.extend(self.part(part)?),
            }
        }
        if !parts.is_empty() {
            self.turn("model", parts);
        }
        Ok(())
    }

    fn call(&mut self, call: &'a Call) -> Result<PartOut<'a>, Impossible> {
        let args = match call.kind {
            CallKind::Freeform => Json::parse(wrap(&call.input)),
            CallKind::Function | CallKind::Search => arguments_object(&call.input),
        };
        let args = args.ok_or_else(|| {
            Self::impossible(Field::Arguments, format!("the arguments of the call `{}` are no JSON object", call.id))
        })?;
        let name = self.lowering.name(&call.name, call.namespace.as_deref(), &RULES);
        self.names.insert(&call.id, name.clone());
        let signature = self.target.state(self.request, call.state.as_ref());
        if call.state.is_some() && signature.is_none() {
            self.losses.hint(Field::Reasoning.in_protocol(self.request.protocol));
        }
        Ok(PartOut {
            function_call: Some(CallOut { id: Some(&call.id), name, args }),
            thought_signature: signature.map(Cow::Borrowed),
            ..PartOut::default()
        })
    }

    fn result(&mut self, result: &'a ToolResult, beside: &mut Vec<PartOut<'a>>) -> Result<PartOut<'a>, Impossible> {
        let text = result.text();
        let response =
            if result.is_error { Json::of(&Failed { error: &text }) } else { Json::of(&Said { output: &text }) };
        let mut parts = Vec::new();
        for part in result.content.iter().filter(|part| part.as_text().is_none()) {
            parts.extend(self.part(part)?);
        }
        if !parts.is_empty() && !self.target.dialect.has(Quirk::ResultMedia) {
            self.changed(Field::ResultMedia);
            beside.append(&mut parts);
        }
        let name = self.names.get(result.call_id.as_str()).cloned();
        let name = name.or_else(|| result.name.as_deref().map(Cow::Borrowed)).unwrap_or(Cow::Borrowed("unknown"));
        let function_response = Some(ResponseOut {
            id: Some(&result.call_id),
            name,
            response: response.unwrap_or_else(Json::empty_object),
            parts,
        });
        Ok(PartOut { function_response, ..PartOut::default() })
    }

    fn part(&mut self, part: &'a Part) -> Result<Option<PartOut<'a>>, Impossible> {
        if part.cache.is_some() {
            self.losses.hint(Field::CacheMark.in_protocol(self.request.protocol));
        }
        Ok(match &part.kind {
            PartKind::Text(text) if text.text.is_empty() => None,
            PartKind::Text(text) => Some(PartOut { text: Some(text.text.as_str().into()), ..PartOut::default() }),
            PartKind::Image(image) => {
                if image.detail.as_deref().is_some_and(|detail| detail != "auto") {
                    self.losses.dropped(Field::ImageDetail.in_protocol(self.request.protocol));
                }
                Some(self.media(&image.media, Field::ImageUrl)?)
            }
            PartKind::Document(document) => Some(match &document.media {
                Media::Text(text) => PartOut { text: Some(text.as_str().into()), ..PartOut::default() },
                media => self.media(media, Field::DocumentUrl)?,
            }),
            PartKind::Audio(media) => Some(self.media(media, Field::Audio)?),
            PartKind::Video(media) => Some(self.media(media, Field::Video)?),
            PartKind::Opaque(opaque) => {
                self.losses.dropped(opaque.kind.clone());
                None
            }
            PartKind::Refusal(_) | PartKind::Call(_) | PartKind::Result(_) | PartKind::Reasoning(_) => None,
        })
    }

    fn media(&self, media: &'a Media, by_url: Field) -> Result<PartOut<'a>, Impossible> {
        Ok(match media {
            Media::Base64 { media_type, data } => {
                PartOut { inline_data: Some(BlobOut { mime_type: media_type, data }), ..PartOut::default() }
            }
            Media::File { id, media_type } if self.request.protocol == Protocol::Gemini => PartOut {
                file_data: Some(FileOut { mime_type: media_type.as_deref(), file_uri: id }),
                ..PartOut::default()
            },
            Media::File { .. } => return Err(Self::impossible(Field::FileId, "it lies with another provider")),
            Media::Url { .. } => {
                return Err(Self::impossible(by_url, "send the file itself; Google fetches no addresses"));
            }
            Media::Text(text) => PartOut { text: Some(text.as_str().into()), ..PartOut::default() },
        })
    }
}
