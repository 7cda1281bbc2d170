//! OpenAI Responses: the answer whole, what is kept of it for later, and what it refuses.
mod check;
mod entries;
mod item;
mod object;
mod store;
mod stream;
mod turns;

pub(crate) use check::{check as check_strictly, check_compact, check_count};
pub(crate) use store::Store;
pub(crate) use stream::stream;

use bytes::Bytes;
use serde::Serialize;

use crate::answer::Answer;
use crate::ask::{Ask, require};
use crate::count;
use crate::problem::Problem;
use crate::sse::json;
use item::Item;
use object::{Object, Usage};

/// The answer in one piece.
pub(crate) fn whole(store: &Store, ask: &Ask<'_>, answer: &Answer) -> Vec<u8> {
    let items = Item::of_answer(ask, answer);
    let body = json(&Object::new(ask).complete(&items, answer.count));
    keep(store, ask, &body);
    body.into_bytes()
}

fn answer_id(ask: &Ask<'_>) -> String {
    format!("resp_{:016x}", ask.id)
}

/// Keeps an answer unless the client asked not to.
fn keep(store: &Store, ask: &Ask<'_>, body: &str) {
    if ask.wire.store.unwrap_or(true) {
        store.add(answer_id(ask), Bytes::copy_from_slice(body.as_bytes()));
    }
}

/// Answers 400 to a request without input, or one that continues an answer nobody kept.
pub(crate) fn check(store: &Store, ask: &Ask<'_>) -> Result<(), Problem> {
    if ask.wire.prompt.is_none() && ask.wire.previous_response_id.is_none() {
        require(ask.wire.input, "input")?;
    }
    match &ask.wire.previous_response_id {
        Some(id) if store.get(id).is_none() => Err(unknown_previous(id)),
        _ => Ok(()),
    }
}

fn unknown_previous(id: &str) -> Problem {
    Problem::bad_request(format!("Previous response with id '{id}' not found."))
        .with_param("previous_response_id")
        .with_code("previous_response_not_found")
}

/// The answer of `/v1/responses/input_tokens`.
pub(crate) fn input_tokens(request_bytes: usize) -> String {
    format!(r#"{{"object":"response.input_tokens","input_tokens":{}}}"#, count::of_prompt(request_bytes))
}

/// The answer of `/v1/responses/compact`: the conversation as one opaque item.
pub(crate) fn compact(ask: &Ask<'_>, answer: &Answer) -> Vec<u8> {
    let usage = Usage::from(answer.count.unwrap_or_default());
    let (id, created_at) = (answer_id(ask), ask.created_s);
    json(&Compacted { id, object: "response.compaction", created_at, output: [Item::compaction(ask)], usage })
        .into_bytes()
}

#[derive(Serialize)]
struct Compacted {
    id: String,
    object: &'static str,
    created_at: i64,
    output: [Item; 1],
    usage: Usage,
}

/// What is said to a client that wants a WebSocket.
pub(crate) fn no_web_socket() -> Problem {
    Problem::of_status(426, "WebSocket is not spoken here: use HTTP.")
}

/// The 404 of an id that is not kept.
pub(crate) fn not_found(id: &str) -> Problem {
    Problem::of_status(404, format!("Response with id '{id}' not found."))
}
