//! The neutral conversation in the words of the admin API: what people read, files by their digest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokenrouter::Protocol;
use tokenrouter::chat::{Media, Message, Part, PartKind, Role, Stop};
use tokenrouter::convert::Heard;
use tokenrouter_shared::conversation::{MediaView, MessageView, PartView, Speaker};
use tokenrouter_shared::hex;

use super::images;

/// An answer as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// What was said; further answers behind a note.
    pub parts: Vec<PartView>,
    /// Why it ended.
    pub stop: Option<String>,
}

impl KeptAnswer {
    /// What was heard.
    pub fn of(heard: &Heard) -> Self {
        let mut parts = Vec::new();
        for (number, choice) in heard.choices.iter().enumerate() {
            if number > 0 {
                parts.push(PartView::Other { kind: format!("answer {}", number + 1) });
            }
            parts.extend(choice.iter().filter_map(part).map(without_bytes));
        }
        Self { parts, stop: heard.stop.as_ref().map(stop) }
    }

    /// Its texts.
    pub fn text(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            PartView::Text { text } | PartView::Refusal { text } => Some(text.as_str()),
            _ => None,
        });
        texts.collect::<Vec<_>>().join("\n\n")
    }
}

/// Of an answer it is kept what its files are, and not their bytes.
fn without_bytes(mut part: PartView) -> PartView {
    if let PartView::Media(media) = &mut part {
        media.is_shown = false;
    }
    part
}

/// One message.
pub fn message(message: &Message) -> MessageView {
    let parts: Vec<PartView> = message.parts.iter().filter_map(part).collect();
    let is_tool = !parts.is_empty() && parts.iter().all(|part| matches!(part, PartView::Result { .. }));
    let speaker = match message.role {
        Role::System | Role::Developer => Speaker::System,
        Role::User if is_tool => Speaker::Tool,
        Role::User => Speaker::User,
        Role::Assistant => Speaker::Assistant,
    };
    MessageView { speaker, parts }
}

/// One part; none where there is nothing to read.
pub fn part(part: &Part) -> Option<PartView> {
    Some(match &part.kind {
        PartKind::Text(text) if text.text.is_empty() => return None,
        PartKind::Text(text) => PartView::Text { text: text.text.clone() },
        PartKind::Refusal(text) => PartView::Refusal { text: text.clone() },
        PartKind::Reasoning(thought) => PartView::Thinking { text: thought.text.clone() },
        PartKind::Call(call) => {
            let name = match &call.namespace {
                Some(namespace) => format!("{namespace}.{}", call.name),
                None => call.name.clone(),
            };
            PartView::Call { id: call.id.clone(), name, input: call.input.clone() }
        }
        PartKind::Result(result) => {
            let text = result.text();
            let object = result.object.as_ref().filter(|_| text.is_empty());
            PartView::Result {
                id: result.call_id.clone(),
                name: result.name.clone(),
                text: object.map_or(text, |object| object.text().to_owned()),
                media: result.content.iter().filter_map(file).collect(),
                failed: result.is_error,
            }
        }
        PartKind::Opaque(opaque) => PartView::Other { kind: opaque.kind.clone() },
        _ => PartView::Media(file(part)?),
    })
}

fn file(part: &Part) -> Option<MediaView> {
    let (kind, media, name) = match &part.kind {
        PartKind::Image(image) => ("image", &image.media, None),
        PartKind::Document(document) => ("document", &document.media, document.name.clone()),
        PartKind::Audio(sound) => ("audio", sound, None),
        PartKind::Video(video) => ("video", video, None),
        _ => return None,
    };
    let mut view = MediaView {
        kind: kind.to_owned(),
        media_type: media.media_type().map(str::to_owned),
        name,
        ..MediaView::default()
    };
    view.at = match media {
        Media::Url { url: at, .. } | Media::File { id: at, .. } => Some(at.clone()),
        Media::Base64 { .. } | Media::Text(_) => None,
    };
    if let Some(bytes) = bytes(media) {
        view.bytes = Some(bytes.len() as u64);
        view.sha256 = Some(hex::of(&digest(&bytes)));
        view.is_shown = kind == "image" && images::kind(&bytes).is_some();
    }
    Some(view)
}

/// The bytes of a file, where they are in the request.
pub(super) fn bytes(media: &Media) -> Option<Vec<u8>> {
    match media {
        Media::Base64 { data, .. } => {
            // What is no base64 is counted as it stands.
            Some(STANDARD_NO_PAD.decode(data.trim_end_matches('=')).unwrap_or_else(|_| data.clone().into_bytes()))
        }
        Media::Text(text) => Some(text.clone().into_bytes()),
        Media::Url { .. } | Media::File { .. } => None,
    }
}

/// What tells a file from any other.
pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn stop(stop: &Stop) -> String {
    match stop {
        Stop::End => "end",
        Stop::Sequence(_) => "stop sequence",
        Stop::Length => "length",
        Stop::Context => "context window",
        Stop::Calls => "tool calls",
        Stop::Safety(_) => "refusal",
        Stop::Pause => "pause",
        Stop::Failed(_) => "failure",
    }
    .to_owned()
}

/// The protocol of a word in the database.
pub fn protocol(word: &str) -> Option<Protocol> {
    [Protocol::OpenAi, Protocol::Responses, Protocol::Anthropic, Protocol::Gemini, Protocol::Cohere]
        .into_iter()
        .find(|protocol| protocol.as_str() == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenrouter::convert::{Asked, asked};

    #[test]
    fn images_are_told_by_their_digest() {
        let body = r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"what?"},
            {"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGVsbG8="}},
            {"type":"image","source":{"type":"url","url":"https://h/x.png"}}]}]}"#;
        let request = asked(Asked::new(Protocol::Anthropic, body.as_bytes())).unwrap();
        let parts = message(&request.messages[0]).parts;
        let PartView::Media(image) = &parts[1] else { panic!("{parts:?}") };
        assert_eq!((image.kind.as_str(), image.bytes), ("image", Some(5)));
        assert_eq!(image.sha256.as_deref(), Some("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"));
        assert!(matches!(&parts[2], PartView::Media(MediaView { at: Some(at), .. }) if at == "https://h/x.png"));
        assert!(!serde_json::to_string(&parts).unwrap().contains("aGVsbG8"));
    }

    #[test]
    fn results_of_tools_are_a_tools_words() {
        let body = r#"{"model":"m","messages":[{"role":"user","content":"x"},
            {"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"read","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"c","content":"file"}]}"#;
        let request = asked(Asked::new(Protocol::OpenAi, body.as_bytes())).unwrap();
        let views: Vec<MessageView> = request.messages.iter().map(message).collect();
        assert_eq!(views[2].speaker, Speaker::Tool);
        assert!(matches!(&views[1].parts[0], PartView::Call { name, .. } if name == "read"));
    }

    #[test]
    fn every_protocol_has_its_word() {
        for known in [Protocol::OpenAi, Protocol::Responses, Protocol::Anthropic, Protocol::Gemini, Protocol::Cohere] {
            assert_eq!(protocol(known.as_str()), Some(known));
        }
        assert_eq!(protocol("x"), None);
    }
}
