//! Conversations that a provider keeps (`conversation` of the Responses API). All tokens share the provider's key, so the
//! gateway remembers whose each is: that of the token which first went on with it. Others are told that it is not there.

use std::sync::Arc;

use tokenrouter::convert::unknown_answer;
use tokenrouter::error::{Kind, Problem};

use super::members::{Ambiguous, Members};
use super::{background, stateful};
use crate::app::App;
use crate::memory::Owner;

/// The field that names one.
const NAME: &str = "conversation";
/// The longest id that is remembered.
const MAX_ID_BYTES: usize = 256;

/// Whether `body`, which continues the answer `previous`, may go to a provider that keeps things: what it names is the
/// token's own, or nobody's. Tells the conversation that becomes its own where the provider knows it.
///
/// # Errors
///
/// It names another token's, or means nothing.
pub(super) async fn check(
    app: &Arc<App>,
    token_id: i64,
    previous: Option<&str>,
    body: &[u8],
) -> Result<Option<Box<str>>, Problem> {
    if let Some(previous) = previous {
        let is_own =
            app.memory.find(token_id, previous).await.map_err(|e| stateful::unreadable(&e.to_string()))?.is_some();
        if !is_own && is_anothers_answer(app, token_id, previous).await? {
            return Err(unknown_answer(previous));
        }
    }
    let Some(id) = named(body)? else { return Ok(None) };
    match app.memory.conversation(token_id, &id).await.map_err(|e| stateful::unreadable(&e.to_string()))? {
        Owner::Own => Ok(None),
        Owner::Nobody => Ok(Some(id)),
        Owner::Another => Err(unknown(&id)),
    }
}

/// Whether `body` may name a conversation, in any letters: a quick look.
pub(super) fn may_be_in(body: &[u8]) -> bool {
    // Its rarest letter, in either case, and what stands around it.
    let is_there = |at: usize| {
        let word = at.checked_sub(3).and_then(|from| body.get(from..from + NAME.len()));
        word.is_some_and(|word| word.eq_ignore_ascii_case(NAME.as_bytes()))
    };
    background::mentions(body, br#""conversation""#) || memchr::memchr2_iter(b'v', b'V', body).any(is_there)
}

/// Whether `id` is spelt like one that providers give: what is cut off or folded there cannot be in it.
pub(super) fn is_id(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    !id.is_empty() && id.len() <= MAX_ID_BYTES && id.bytes().all(is_plain)
}

/// Whether the answer `id`, which is none of the token's own, may be another's.
pub(super) async fn is_anothers_answer(app: &Arc<App>, token_id: i64, id: &str) -> Result<bool, Problem> {
    if !is_id(id) {
        return Ok(true);
    }
    let small = id.to_ascii_lowercase();
    for spelt in [Some(id), (small != id).then_some(small.as_str())].into_iter().flatten() {
        if app.memory.is_anothers(token_id, spelt).await.map_err(|e| stateful::unreadable(&e.to_string()))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The id of the conversation that `body` goes on with, in small letters.
fn named(body: &[u8]) -> Result<Option<Box<str>>, Problem> {
    if !may_be_in(body) {
        return Ok(None);
    }
    let refuse = |code: &'static str, said: &'static str| {
        let advice = "Name it once: \"conv_…\", or {\"id\": \"conv_…\"}.";
        Problem::new(Kind::BadRequest, code, said, advice).at_field(Some(NAME))
    };
    let ambiguous = |Ambiguous| refuse("ambiguous_field", "`conversation` is named twice, or nearly as it is called");
    let invalid = || refuse("invalid_conversation", "`conversation` is no id of a conversation");
    let top = Members::of(body).ok_or_else(invalid)?;
    let Some(raw) = top.one(NAME).map_err(ambiguous)?.filter(|raw| raw.get() != "null") else { return Ok(None) };
    let id = match Members::of(raw.get().as_bytes()) {
        Some(object) => object.one("id").map_err(ambiguous)?.ok_or_else(invalid)?,
        None => raw,
    };
    let id: String = serde_json::from_str(id.get()).map_err(|_| invalid())?;
    if is_id(&id) { Ok(Some(id.to_ascii_lowercase().into())) } else { Err(invalid()) }
}

fn unknown(id: &str) -> Problem {
    let shown: String = id.chars().filter(char::is_ascii_graphic).take(80).collect();
    let said = format!("there is no conversation \"{shown}\" of this token");
    let advice = "A conversation belongs to the token that used it first; begin one of your own.";
    Problem::new(Kind::NotFound, "conversation_not_found", said, advice).at_field(Some("conversation"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_found_however_it_is_written() {
        for (body, expected) in [
            (r#"{"conversation":"conv_1"}"#, Ok(Some("conv_1"))),
            (r#"{"conversation":{"id":"conv_1","x":1}}"#, Ok(Some("conv_1"))),
            (r#"{"convers\u0061tion":"conv\u005f1"}"#, Ok(Some("conv_1"))),
            (r#"{"conversation":null}"#, Ok(None)),
            (r#"{"input":"a \"conversation\" in it","metadata":{"conversation":"x"}}"#, Ok(None)),
            (r#"{"input":"\u00e4"}"#, Ok(None)),
            (r#"{"conversation":"a","conversation":"b"}"#, Err(())),
            (r#"{"conversation":"a","convers\u0061tion":"b"}"#, Err(())),
            (r#"{"conversation":"CONV_1"}"#, Ok(Some("conv_1"))),
            (r#"{"conversation":" conv_1"}"#, Err(())),
            (r#"{"conversation":"conv_1\u00a0"}"#, Err(())),
            (r#"{"Conversation":"conv_1"}"#, Err(())),
            (r#"{"\u0020CONVERSATIO\u004e":"conv_1"}"#, Err(())),
            (r#"{" conversation ":"conv_1"}"#, Err(())),
            (r#"{"conversation":{"id":"a","Id":"conv_1"}}"#, Err(())),
            (r#"{"conversation":{"ID":"conv_1"}}"#, Err(())),
            (r#"{"conversation":{}}"#, Err(())),
            (r#"{"conversation":7}"#, Err(())),
            (r#"{"conversation":""}"#, Err(())),
            (r#"{"conversation":{"id":{"id":"x"}}}"#, Err(())),
        ] {
            let found = named(body.as_bytes()).map_err(|_| ());
            assert_eq!(found, expected.map(|id| id.map(Into::into)), "{body}");
        }
    }
}
