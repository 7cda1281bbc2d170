//! OpenAI Responses: the answer whole, what is kept of it for later, and what it refuses.
mod item;
mod object;
mod store;
mod stream;

pub(crate) use store::Store;
pub(crate) use stream::stream;

use bytes::Bytes;

use crate::answer::Answer;
use crate::ask::{Ask, require};
use crate::problem::Problem;
use crate::sse::json;
use item::Item;
use object::Object;

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
    require(ask.wire.input, "input")?;
    match &ask.wire.previous_response_id {
        Some(id) if store.get(id).is_none() => {
            Err(Problem::bad_request(format!("Previous response with id '{id}' not found."))
                .with_param("previous_response_id")
                .with_code("previous_response_not_found"))
        }
        _ => Ok(()),
    }
}

/// The 404 of an id that is not kept.
pub(crate) fn not_found(id: &str) -> Problem {
    Problem::of_status(404, format!("Response with id '{id}' not found."))
}
