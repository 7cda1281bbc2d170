//! Items of earlier answers that a request of the Responses API names by their ids alone (`item_reference`). All tokens share
//! the provider's key, so the gateway hands on those of the token's own answers and no others.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokenrouter::error::{Kind, Problem};

use super::members::{Ambiguous, Members};
use super::{background, stateful};
use crate::app::App;

/// Refuses `body` where it names an item that is in no answer kept for the token.
///
/// # Errors
///
/// The item is another's or nobody's, or it is not certain which it is.
pub(super) async fn check(app: &Arc<App>, token_id: i64, body: &[u8]) -> Result<(), Problem> {
    let items = named(body).map_err(|Ambiguous| {
        let said = "the input names an item in two ways, or nearly as it is called";
        let advice = "Write `type` and `id` once each, in small letters.";
        Problem::new(Kind::BadRequest, "ambiguous_field", said, advice).at_field(Some("input"))
    })?;
    if items.is_empty() {
        return Ok(());
    }
    let unknown = app.memory.unknown_item(token_id, items).await;
    match unknown.map_err(|e| stateful::unreadable(&e.to_string()))? {
        Some(item) => Err(refusal(&item)),
        None => Ok(()),
    }
}

/// Whether `body` may name items: a quick look. A reference need not say its type, but its id.
pub(super) fn may_be_in(body: &[u8]) -> bool {
    background::mentions(body, br#""id""#) || background::mentions(body, b"item_reference")
}

/// The ids of the items that the input of `body` refers to.
fn named(body: &[u8]) -> Result<Vec<String>, Ambiguous> {
    let Some(top) = Members::of(body) else { return Ok(Vec::new()) };
    let Some(input) = top.one("input")? else { return Ok(Vec::new()) };
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(input.get()) else { return Ok(Vec::new()) };
    let mut ids = Vec::new();
    for item in items {
        // What is no object refers to nothing.
        let Some(item) = Members::of(item.get().as_bytes()) else { continue };
        let kind = text(item.one("type")?);
        let is_reference = match kind.as_deref().map(str::trim) {
            Some(kind) => kind.eq_ignore_ascii_case("item_reference"),
            // A message says what it holds; without a type and without that, it is meant to be found by its id.
            None => item.one("content")?.is_none(),
        };
        if is_reference && let Some(id) = item.one("id")? {
            ids.push(text(Some(id)).unwrap_or_default());
        }
    }
    // Each is looked up once.
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn text(value: Option<&RawValue>) -> Option<String> {
    String::deserialize(&mut serde_json::Deserializer::from_str(value?.get())).ok()
}

fn refusal(id: &str) -> Problem {
    let shown: String = id.chars().filter(char::is_ascii_graphic).take(80).collect();
    let said = format!("the item \"{shown}\" (item_reference) does not exist, or is not kept any more");
    Problem::new(Kind::BadRequest, "item_not_found", said, "Send the item itself as input.").at_field(Some("input"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_however_they_are_written() {
        for (input, expected) in [
            (r#""item_reference \"id\"""#, Ok(vec![])),
            (r#"[{"type":"item_reference","id":"a"},{"id":"b"},{"id":"c","type":null}]"#, Ok(vec!["a", "b", "c"])),
            (r#"[{"type":"item\u005freference","\u0069d":"a"}]"#, Ok(vec!["a"])),
            (r#"[{"type":" Item_Reference","id":7}]"#, Ok(vec![""])),
            (r#"[{"type":"message","id":"m","content":"x"},{"role":"user","content":"x","id":"n"}]"#, Ok(vec![])),
            (r#"[{"type":"message","content":[{"type":"item_reference","id":"a"}]},"x"]"#, Ok(vec![])),
            (r#"[{"type":"message","type":"item_reference","id":"a"}]"#, Err(Ambiguous)),
            (r#"[{"type":"item_reference","id":"a","Id":"b"}]"#, Err(Ambiguous)),
        ] {
            let body = format!(r#"{{"model":"m","input":{input}}}"#);
            let expected = expected.map(|ids| ids.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(named(body.as_bytes()), expected, "{body}");
            assert!(expected == Ok(Vec::new()) || may_be_in(body.as_bytes()), "{body}");
        }
        assert_eq!(named(br#"{"input":"a","Input":[{"id":"b"}]}"#), Err(Ambiguous));
    }
}
