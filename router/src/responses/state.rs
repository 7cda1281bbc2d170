//! Stateful Responses without a provider that keeps state: what is kept of an exchange, and how a request that
//! continues it is completed.
//!
//! A turn is what one request added and what was answered. A request with `previous_response_id` means: all turns
//! up to that answer, then its own input. Its instructions and tools are its own; they are never inherited.
//!
//! ```
//! use tokenrouter::responses::state::{Turn, answer, continued, own_input};
//!
//! // What is kept of a first exchange …
//! let first = br#"{"model":"m","input":"My name is Ada."}"#;
//! let answered = answer(br#"{"id":"resp_1","output":[{"type":"message","id":"msg_1"}]}"#).ok_or("no answer")?;
//! let turn = Turn { input: own_input(first).ok_or("no input")?, output: answered.output };
//! // … stands in the second, whose provider knows nothing of the first.
//! let second = br#"{"model":"m","previous_response_id":"resp_1","input":[{"role":"user","content":"Who am I?"}]}"#;
//! let sent = String::from_utf8(continued(second, &[turn], false)?)?;
//! assert!(sent.contains("My name is Ada.") && sent.contains("msg_1") && sent.contains("Who am I?"));
//! assert!(!sent.contains("previous_response_id"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::chat::BadRequest;
use crate::fields::Fields;

/// One exchange as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// The items of the request's own input, a JSON list.
    pub input: Vec<u8>,
    /// The items of the answer, a JSON list.
    pub output: Vec<u8>,
}

/// The input of `body` as a list of items.
pub fn own_input(body: &[u8]) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    struct Only<'a> {
        #[serde(borrow)]
        input: &'a RawValue,
    }
    let only: Only<'_> = serde_json::from_slice(body).ok()?;
    Some(listed(only.input.get()))
}

/// A list of items; a mere text is what the user said.
pub(super) fn listed(input: &str) -> Vec<u8> {
    if input.starts_with('"') {
        [br#"[{"type":"message","role":"user","content":"#.as_slice(), input.as_bytes(), b"}]"].concat()
    } else {
        input.as_bytes().to_vec()
    }
}

/// `body` with everything that was said in `turns` before its own input.
///
/// With `keep_id` it still names the answer that it continues, so that its own answer can repeat that; a provider
/// must not see the id, which it would look for in vain.
///
/// # Errors
///
/// Where `body` is no object with an input.
pub fn continued(body: &[u8], turns: &[Turn], keep_id: bool) -> Result<Vec<u8>, BadRequest> {
    let fields: Fields<'_> =
        serde_json::from_slice(body).map_err(|_| BadRequest::new("input", "is not in a JSON object"))?;
    let before: usize = turns.iter().map(|turn| turn.input.len() + turn.output.len()).sum();
    let mut out = Vec::with_capacity(body.len() + before + 64);
    let mut has_input = false;
    for (name, value) in fields.0 {
        if name == "previous_response_id" && !keep_id {
            continue;
        }
        out.push(if out.is_empty() { b'{' } else { b',' });
        // Writing to memory cannot fail.
        _ = serde_json::to_writer(&mut out, &name);
        out.push(b':');
        if name == "input" {
            has_input = true;
            let own = listed(value.get());
            let lists = turns.iter().flat_map(|turn| [turn.input.as_slice(), &turn.output]).chain([own.as_slice()]);
            join(&mut out, lists);
        } else {
            out.extend_from_slice(value.get().as_bytes());
        }
    }
    if !has_input {
        return Err(BadRequest::new("input", "is missing"));
    }
    out.push(b'}');
    Ok(out)
}

/// Several lists as one.
fn join<'a>(out: &mut Vec<u8>, lists: impl Iterator<Item = &'a [u8]>) {
    out.push(b'[');
    let mut first = true;
    for list in lists {
        let list = list.trim_ascii();
        let inner = list.strip_prefix(b"[").and_then(|l| l.strip_suffix(b"]")).unwrap_or_default().trim_ascii();
        if inner.is_empty() {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        out.extend_from_slice(inner);
    }
    out.push(b']');
}

/// An answer as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its id.
    pub id: String,
    /// The whole object, as the client has it.
    pub object: Vec<u8>,
    /// The items that a later request sends back: those of reasoning without its state are of no use there.
    pub output: Vec<u8>,
}

#[derive(Deserialize)]
struct AnswerIn<'a> {
    #[serde(default)]
    id: Option<String>,
    #[serde(borrow, default)]
    output: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ItemIn {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    encrypted_content: Option<serde::de::IgnoredAny>,
}

/// The answer in `data`: an answer in one piece, or the event that ends a stream.
pub fn answer(data: &[u8]) -> Option<Answer> {
    let text = std::str::from_utf8(data).ok()?.trim();
    let outer: AnswerIn<'_> = serde_json::from_str(text).ok()?;
    let object = outer.response.map_or(text, RawValue::get);
    let inner: AnswerIn<'_> = if outer.response.is_some() { serde_json::from_str(object).ok()? } else { outer };
    let is_of_use = |item: &&RawValue| {
        serde_json::from_str::<ItemIn>(item.get())
            .is_ok_and(|item| item.kind.as_deref() != Some("reasoning") || item.encrypted_content.is_some())
    };
    let items: Vec<&str> = inner.output?.into_iter().filter(is_of_use).map(RawValue::get).collect();
    let output = format!("[{}]", items.join(",")).into_bytes();
    Some(Answer { id: inner.id.filter(|id| !id.is_empty())?, object: object.as_bytes().to_vec(), output })
}

/// An item of an input as it is listed.
#[derive(Clone, Debug, Serialize)]
pub struct InputItem {
    /// Its id: the client's own, or one made of the answer's.
    pub id: String,
    /// Everything else of it.
    #[serde(flatten)]
    rest: BTreeMap<String, Box<RawValue>>,
}

/// The items that led to the answer `id`: those of `turns`, then those of `own`, the oldest first.
pub fn input_items(turns: &[Turn], own: &[u8], id: &str) -> Vec<InputItem> {
    let lists = turns.iter().flat_map(|turn| [turn.input.as_slice(), &turn.output]).chain([own]);
    let items = lists.filter_map(|list| serde_json::from_slice::<Vec<BTreeMap<String, Box<RawValue>>>>(list).ok());
    let suffix = id.strip_prefix("resp_").unwrap_or(id);
    let string = |text: &RawValue| serde_json::from_str::<String>(text.get()).ok();
    let as_raw = |text: String| RawValue::from_string(text).ok();
    items
        .flatten()
        .enumerate()
        .map(|(at, mut rest)| {
            let own = rest.remove("id").and_then(|id| string(&id));
            let kind = rest.get("type").and_then(|kind| string(kind)).unwrap_or_else(|| "message".to_owned());
            let prefix = if kind == "message" { "msg" } else { "item" };
            if kind == "message" {
                rest.extend(as_raw(r#""message""#.to_owned()).map(|kind| ("type".to_owned(), kind)));
                rest.extend(as_raw(r#""completed""#.to_owned()).map(|status| ("status".to_owned(), status)));
                let role = rest.get("role").and_then(|role| string(role)).unwrap_or_default();
                let part = if role == "assistant" { "output_text" } else { "input_text" };
                let content = rest.get("content").filter(|content| content.get().starts_with('"'));
                let listed = content.map(|text| format!(r#"[{{"type":"{part}","text":{}}}]"#, text.get()));
                rest.extend(listed.and_then(as_raw).map(|content| ("content".to_owned(), content)));
            }
            InputItem { id: own.unwrap_or_else(|| format!("{prefix}_{suffix}{at:04x}")), rest }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_stand_before_the_input_and_nothing_else_changes() {
        let first = Turn { input: own_input(br#"{"input":"a \"q\""}"#).unwrap(), output: b"[ ]".to_vec() };
        let second = Turn { input: b" [{\"n\":1}] ".to_vec(), output: b"[{\"n\":2},{\"n\":3}]".to_vec() };
        let body = br#"{ "temperature": 1.0, "previous_response_id":"resp_9", "input": [{"n":4}], "big":12345678901234567890 }"#;
        let out = String::from_utf8(continued(body, &[first, second], false).unwrap()).unwrap();
        assert_eq!(
            out,
            r#"{"temperature":1.0,"input":[{"type":"message","role":"user","content":"a \"q\""},{"n":1},{"n":2},{"n":3},{"n":4}],"big":12345678901234567890}"#
        );
        let out = String::from_utf8(continued(body, &[], true).unwrap()).unwrap();
        assert!(out.contains(r#""previous_response_id":"resp_9","input":[{"n":4}]"#), "{out}");
        assert!(continued(br#"{"model":"m"}"#, &[], true).is_err());
        assert!(continued(b"[1]", &[], true).is_err());
    }

    #[test]
    fn inputs_are_listed_with_ids() {
        let turns = [Turn {
            input: br#"[{"role":"user","content":"a"}]"#.to_vec(),
            output: br#"[{"type":"message","id":"msg_x","role":"assistant","content":[]}]"#.to_vec(),
        }];
        let own = br#"[{"type":"function_call_output","call_id":"c","output":"o"}]"#;
        let listed = serde_json::to_value(input_items(&turns, own, "resp_1")).unwrap();
        assert_eq!(
            listed,
            serde_json::json!([
                {"id":"msg_10000","type":"message","status":"completed","role":"user","content":[{"type":"input_text","text":"a"}]},
                {"id":"msg_x","type":"message","status":"completed","role":"assistant","content":[]},
                {"id":"item_10002","type":"function_call_output","call_id":"c","output":"o"},
            ])
        );
    }

    #[test]
    fn answers_are_found_in_both_forms() {
        let object = r#"{"id":"resp_1","output":[{"type":"reasoning","summary":[]},{"type":"reasoning","encrypted_content":"x"},{"type":"message"}]}"#;
        let plain = answer(object.as_bytes()).unwrap();
        let event = format!(r#"{{"type":"response.completed","sequence_number":3,"response":{object}}}"#);
        assert_eq!(answer(event.as_bytes()), Some(plain.clone()));
        assert_eq!(plain.id, "resp_1");
        assert_eq!(plain.object, object.as_bytes());
        assert_eq!(plain.output, br#"[{"type":"reasoning","encrypted_content":"x"},{"type":"message"}]"#);
        for bad in ["", "{}", r#"{"id":"","output":[]}"#, r#"{"error":{}}"#, "[]"] {
            assert_eq!(answer(bad.as_bytes()), None, "{bad}");
        }
    }
}
