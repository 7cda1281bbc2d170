//! Puts together what was said of what is kept: new messages, answers, instructions.

use tokenrouter::chat::{Message, Request};
use tokenrouter::convert::Path;
use tokenrouter::surface::Surface;
use tokenrouter_shared::conversation::{
    ConversationDetail, ExchangeView, MessageView, PartView, Speaker, Stage as Word, StageView, WireView,
};
use tokenrouter_shared::ids::ExchangeId;

use super::kept::read_body;
use super::told::{self, KeptAnswer};
use crate::store::conversations::list;
use crate::store::conversations::pieces::Kitchen;
use crate::store::conversations::read::{self, KeptExchange};
use crate::store::conversations::stages::{self, Stage};
use crate::store::{Connection, StoreError};

/// How much is wanted of a conversation.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Behind the exchange of this number.
    pub after: i64,
    /// At most so many exchanges.
    pub limit: usize,
    /// Also what an agent asked for itself.
    pub internal: bool,
    /// With the instructions.
    pub system: bool,
    /// The instructions only where they are others than before.
    pub system_once: bool,
}

/// A conversation with what was said; none if there is none of that number.
///
/// # Errors
///
/// What the database says.
pub fn conversation(
    connection: &Connection,
    id: i64,
    wanted: Wanted,
) -> Result<Option<ConversationDetail>, StoreError> {
    let Some(conversation) = list::find(connection, id)? else { return Ok(None) };
    let (kept, has_more) = read::of_conversation(connection, id, wanted.after, wanted.internal, wanted.limit)?;
    let next = kept.last().filter(|_| has_more).map(|last| last.id.to_string());
    let mut kitchen = Kitchen::default();
    let mut list = Vec::with_capacity(kept.len());
    let mut told = None;
    for kept in kept {
        let mut view = exchange(connection, &mut kitchen, kept, wanted.system)?;
        if wanted.system_once && view.system.is_some() {
            if view.system == told {
                view.system = None;
            } else {
                told.clone_from(&view.system);
            }
        }
        list.push(view);
    }
    Ok(Some(ConversationDetail { conversation, list, next }))
}

/// An exchange with what was said.
///
/// # Errors
///
/// What the database says.
pub fn exchange(
    connection: &Connection,
    kitchen: &mut Kitchen,
    kept: KeptExchange,
    with_system: bool,
) -> Result<ExchangeView, StoreError> {
    let body = kitchen.body(connection, &kept.request)?;
    let answer = kitchen.body(connection, &kept.answer)?;
    let answer: KeptAnswer = serde_json::from_slice(&answer).unwrap_or_default();
    let mut view = kept.view;
    match request(&view.surface, &body, &kept.path) {
        Some(request) => {
            let (new, system) = new_of(&request, kept.new_from, view.continues.is_some());
            view.new = new;
            view.system = (with_system && !system.is_empty()).then_some(system);
        }
        None => {
            // What no reader understands is shown as it stands.
            let text = String::from_utf8_lossy(&body).into_owned();
            view.new = vec![MessageView { speaker: Speaker::User, parts: vec![PartView::Text { text }] }];
        }
    }
    view.answer = answer.parts;
    view.stop = answer.stop;
    Ok(view)
}

/// What went over the wire for the request `id`; none where nothing of it is kept.
///
/// # Errors
///
/// What the database says.
pub fn wire(connection: &Connection, id: &str) -> Result<Option<WireView>, StoreError> {
    let kept = stages::of_request(connection, id)?;
    let Some(first) = kept.first() else { return Ok(None) };
    let request_id = first.given_id.clone().unwrap_or_else(|| ExchangeId(first.exchange_id).to_string());
    let view = |kept: Stage| StageView {
        stage: Word::ALL.get(usize::from(kept.stage)).copied().unwrap_or(Word::ClientIn),
        attempt: kept.attempt,
        at_ms: kept.at_ms,
        head: kept.head,
        body: String::from_utf8_lossy(&kept.body).into_owned(),
        size: kept.size,
        change: kept.note,
    };
    Ok(Some(WireView { request_id, stages: kept.into_iter().map(view).collect() }))
}

/// A kept body in the neutral form.
pub fn request(surface: &str, body: &[u8], path: &str) -> Option<Request> {
    read_body(surface_of(surface)?, body, Path { model: path, stream: false, list: false })
}

/// The surface of a word in the database.
pub fn surface_of(word: &str) -> Option<Surface> {
    [Surface::Chat, Surface::Completions, Surface::Responses, Surface::Messages, Surface::Generate, Surface::CohereChat]
        .into_iter()
        .find(|surface| surface.as_str() == word)
}

/// What is new in a request, and its instructions. The answer that it repeats was told where it was given.
fn new_of(request: &Request, new_from: usize, continues: bool) -> (Vec<MessageView>, String) {
    let is_said = |message: &&Message| !message.role.instructs();
    let instructions = request.messages.iter().filter(|message| message.role.instructs());
    let system = instructions.map(Message::text).collect::<Vec<_>>().join("\n\n");
    let from = new_from.min(request.messages.len());
    let mut new: Vec<MessageView> =
        request.messages.get(from..).unwrap_or_default().iter().filter(is_said).map(told::message).collect();
    if continues && from == 0 && request.previous_response_id.is_none() {
        // The same again, after it failed.
        new.clear();
    }
    new.retain(|message| !message.parts.is_empty());
    (new, system)
}
