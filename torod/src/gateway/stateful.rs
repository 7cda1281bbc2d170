//! Requests that continue an earlier answer (`previous_response_id`), over any provider.

use std::sync::Arc;

use bytes::Bytes;
use tokenrouter::convert::unknown_answer;
use tokenrouter::dialect::Quirk;
use tokenrouter::error::{Kind, Problem};
use tokenrouter::peek::Peek;
use tokenrouter::protocol::Protocol;
use tokenrouter::responses::state;
use tokenrouter::surface::Surface;

use super::conversation;
use crate::access::caller::Caller;
use crate::app::App;
use crate::memory::MAX_BYTES;
use crate::upstreams::provider::Provider;

/// What an answer is kept with.
pub struct Remember {
    /// The request as the client sent it.
    pub body: Bytes,
    /// The answer that it continues.
    pub previous: Option<String>,
    /// Whether the provider keeps the answer too.
    pub upstream: bool,
}

impl Remember {
    /// What to keep of the answer to this request; none if nothing is.
    pub fn of(
        app: &App,
        surface: Surface,
        peek: &Peek<'_>,
        body: &Bytes,
        provider: &Provider,
        native: bool,
        model: &str,
    ) -> Option<Box<Self>> {
        let is_wanted = surface == Surface::Responses && peek.store != Some(false) && app.memory.is_on();
        // The body waits with the answer, so what would not be kept anyway is let go at once.
        if !is_wanted || body.len() > MAX_BYTES {
            return None;
        }
        let previous = peek.previous.as_deref().map(str::to_owned);
        Some(Box::new(Self { body: body.clone(), previous, upstream: native && keeps_answers(provider, model) }))
    }
}

/// Whether `provider` keeps the answers of its own protocol by itself.
pub fn keeps_answers(provider: &Provider, model: &str) -> bool {
    provider.dialect(Protocol::Responses, model).has(Quirk::KeepsAnswers)
}

/// The request with everything before it put in front; none where the provider knows the answer that it continues.
pub async fn continued(
    app: &Arc<App>,
    caller: &Caller,
    peek: &Peek<'_>,
    body: &Bytes,
    provider: &Provider,
    native: bool,
    is_home: bool,
) -> Result<Option<Bytes>, Problem> {
    let Some(previous) = peek.previous.as_deref() else { return Ok(None) };
    let token_id = caller.token_id();
    match app.memory.find(token_id, previous).await.map_err(|e| unreadable(&e.to_string()))? {
        // Made by the provider itself, which keeps it: its own copy knows more than ours.
        // With another of its keys, which may be of another account, it may know nothing.
        Some(kept) if native && kept.upstream && *kept.provider == *provider.name && is_home => return Ok(None),
        Some(_) => {}
        // Perhaps made before this gateway was in use: the provider says whether it knows it.
        // One that was made for another token is none of this one's, although the provider's key is the same.
        None if native => {
            let is_anothers = conversation::is_anothers_answer(app, token_id, previous).await?;
            return if is_anothers { Err(unknown_answer(previous)) } else { Ok(None) };
        }
        None => return Err(unknown_answer(previous)),
    }
    let turns = app.memory.turns(token_id, previous).await.map_err(|e| unreadable(&e.to_string()))?;
    let turns = turns.ok_or_else(|| unknown_answer(previous))?;
    // A translation repeats the id in its answer; another provider would look for it in vain.
    let full = state::continued(body, &turns, !native).map_err(|e| e.problem())?;
    Ok(Some(full.into()))
}

/// The database did not say what is kept.
pub fn unreadable(why: &str) -> Problem {
    Problem::new(
        Kind::Unavailable,
        "answers_unavailable",
        format!("what is kept of earlier answers cannot be read: {why}"),
        "Try again in a moment, or send the whole conversation as input.",
    )
    .retry_after(1)
}
