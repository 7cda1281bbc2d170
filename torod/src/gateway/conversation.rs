//! Conversations that a provider keeps (`conversation` of the Responses API). All tokens share the provider's key, so the
//! gateway remembers whose each is: that of the token which first went on with it. Others are told that it is not there.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokenrouter::convert::unknown_answer;
use tokenrouter::error::{Kind, Problem};

use super::{background, stateful};
use crate::app::App;
use crate::memory::Owner;

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
        if !is_own
            && app.memory.is_anothers(token_id, previous).await.map_err(|e| stateful::unreadable(&e.to_string()))?
        {
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

/// Whether `body` may name a conversation: a quick look.
pub(super) fn may_be_in(body: &[u8]) -> bool {
    background::mentions(body, br#""conversation""#)
}

/// The id of the conversation that `body` goes on with.
fn named(body: &[u8]) -> Result<Option<Box<str>>, Problem> {
    #[derive(Deserialize)]
    struct Only<'a> {
        #[serde(borrow, default)]
        conversation: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Named<'a> {
        Id(#[serde(borrow)] Cow<'a, str>),
        Object {
            #[serde(borrow)]
            id: Cow<'a, str>,
        },
    }
    if !may_be_in(body) {
        return Ok(None);
    }
    let refuse = |said: &'static str| {
        let advice = "Name it once: \"conv_…\", or {\"id\": \"conv_…\"}.";
        Problem::new(Kind::BadRequest, "invalid_conversation", said, advice).at_field(Some("conversation"))
    };
    // Two of one name are an error here: which of them a provider goes by is not known.
    let only: Only<'_> = serde_json::from_slice(body).map_err(|_| refuse("`conversation` is named more than once"))?;
    let Some(raw) = only.conversation else { return Ok(None) };
    match serde_json::from_str(raw.get()) {
        Ok(Named::Id(id) | Named::Object { id }) if !id.is_empty() && id.len() <= MAX_ID_BYTES => {
            Ok(Some(id.into_owned().into()))
        }
        _ => Err(refuse("`conversation` is no id of a conversation")),
    }
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
            (r#"{"conversation":7}"#, Err(())),
            (r#"{"conversation":""}"#, Err(())),
            (r#"{"conversation":{"id":{"id":"x"}}}"#, Err(())),
        ] {
            let found = named(body.as_bytes()).map_err(|_| ());
            assert_eq!(found, expected.map(|id| id.map(Into::into)), "{body}");
        }
    }
}
