//! Opens the envelopes of a request: each becomes again what it was, in its place.

use serde::Deserialize;

use super::{Opened, Sealer, is_envelope};
use crate::chat::{Message, Part, PartKind, Reasoning, Request, Role, State};

/// Opens every envelope in `request`; what cannot be opened is dropped and noted.
pub fn open_all(request: &mut Request, sealer: Option<&Sealer>) {
    open_summaries(&mut request.messages, sealer);
    let losses = &mut request.losses;
    for message in &mut request.messages {
        let has_any = message.parts.iter().any(|part| state_of(part).is_some_and(|state| is_envelope(&state.text)));
        if has_any {
            open_message(message, sealer, |field| losses.dropped(field));
        }
    }
}

/// Puts every summary of ours in the place of what it stands for: something that the user says.
fn open_summaries(messages: &mut Vec<Message>, sealer: Option<&Sealer>) {
    let opened = |part: &Part| match &part.kind {
        PartKind::Opaque(opaque) if opaque.kind == "compaction" => {
            let sealed: Compaction = opaque.json.read()?;
            match sealer?.open(&sealed.encrypted_content)? {
                Opened::Summary(text) => Some(crate::responses::compact::read(&text)),
                _ => None,
            }
        }
        _ => None,
    };
    if !messages.iter().any(|message| message.parts.iter().any(|part| opened(part).is_some())) {
        return;
    }
    for message in std::mem::take(messages) {
        let mut rest = Message { parts: Vec::new(), ..message };
        for part in message.parts {
            match opened(&part) {
                None => rest.parts.push(part),
                Some(summary) => {
                    let before = Message { parts: std::mem::take(&mut rest.parts), ..rest.clone() };
                    if !before.parts.is_empty() {
                        messages.push(before);
                    }
                    messages.push(Message::new(Role::User, vec![Part::text(summary)]));
                }
            }
        }
        if !rest.parts.is_empty() {
            messages.push(rest);
        }
    }
}

#[derive(Deserialize)]
struct Compaction {
    encrypted_content: String,
}

fn open_message(message: &mut Message, sealer: Option<&Sealer>, mut lost: impl FnMut(&'static str)) {
    let mut waiting: Option<Opened> = None;
    let mut parts = Vec::with_capacity(message.parts.len());
    for mut part in std::mem::take(&mut message.parts) {
        if let Some(text) = state_of(&part).map(|state| state.text.clone()).filter(|text| is_envelope(text)) {
            let opened = sealer.and_then(|sealer| sealer.open(&text));
            if opened.is_none() {
                lost("reasoning");
            }
            match (&mut part.kind, opened) {
                (PartKind::Reasoning(_), Some(Opened::Reasoning(reasoning))) => {
                    // The same thoughts as they were shown: some clients bring them back beside their envelope.
                    while parts.last().is_some_and(|part: &Part| is_shown_of(part, &reasoning)) {
                        parts.pop();
                    }
                    parts.push(Part { kind: PartKind::Reasoning(reasoning), cache: part.cache });
                    continue;
                }
                (PartKind::Reasoning(_), Some(Opened::Summary(_))) => continue,
                (PartKind::Reasoning(_), Some(other)) => {
                    match (parts.last_mut(), other) {
                        (Some(Part { kind: PartKind::Text(text), .. }), Opened::Text(state)) => {
                            text.state = Some(state);
                        }
                        (_, other) => waiting = Some(other),
                    }
                    continue;
                }
                (PartKind::Reasoning(reasoning), None) => {
                    // Its text may still be of use; an empty shell is not.
                    reasoning.state = None;
                    reasoning.id = None;
                    if reasoning.text.is_empty() {
                        continue;
                    }
                }
                (PartKind::Call(call), opened) => {
                    call.state = None;
                    match opened {
                        Some(Opened::Call(state) | Opened::Text(state)) => call.state = Some(state),
                        Some(Opened::Reasoning(reasoning)) => parts.push(Part::new(PartKind::Reasoning(reasoning))),
                        Some(Opened::Summary(_)) | None => {}
                    }
                }
                (PartKind::Text(text), opened) => {
                    text.state = None;
                    match opened {
                        Some(Opened::Call(state) | Opened::Text(state)) => text.state = Some(state),
                        Some(Opened::Reasoning(reasoning)) => parts.push(Part::new(PartKind::Reasoning(reasoning))),
                        Some(Opened::Summary(_)) | None => {}
                    }
                }
                _ => {}
            }
        }
        match (&mut part.kind, waiting.take()) {
            (PartKind::Call(call), Some(Opened::Call(state))) => call.state = Some(state),
            (PartKind::Text(text), Some(Opened::Text(state))) => text.state = Some(state),
            (_, other) => waiting = other,
        }
        parts.push(part);
    }
    message.parts = parts;
}

/// Whether a part is what the client was shown of `reasoning`.
fn is_shown_of(part: &Part, reasoning: &Reasoning) -> bool {
    matches!(&part.kind, PartKind::Reasoning(shown) if shown.state.is_none() && reasoning.text.contains(&shown.text))
}

fn state_of(part: &Part) -> Option<&State> {
    match &part.kind {
        PartKind::Reasoning(reasoning) => reasoning.state.as_ref(),
        PartKind::Call(call) => call.state.as_ref(),
        PartKind::Text(text) => text.state.as_ref(),
        _ => None,
    }
}
