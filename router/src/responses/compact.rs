//! `/v1/responses/compact` for models whose provider has no such path: the model is asked for a summary, which comes
//! back as the one opaque item that the protocol knows, sealed so that only this gateway can have made it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::state::listed;
use crate::chat::BadRequest;
use crate::envelope::Sealer;
use crate::fields::Fields;

/// What the model is asked, after the conversation.
const ASK: &str = "Write a summary of our conversation so far. Someone who has only your summary must be able to go on \
with the work at once. Name the task and every wish and rule that I gave, in my words where they matter; what was done and \
decided, and why; files, names, commands, numbers and errors exactly; what is unfinished, and the very next step. Write \
the summary alone, without calling tools.";

/// What stands before a summary when a model reads it later.
const LEAD: &str = "Summary of the conversation before this point:\n\n";

/// The fields of a request to compact that a request for a summary has too.
const KEPT: [&str; 8] = [
    "model",
    "instructions",
    "previous_response_id",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
];

/// The request for a summary that stands for `body`, a request to compact.
///
/// # Errors
///
/// Where `body` is no object.
pub fn request(body: &[u8]) -> Result<Vec<u8>, BadRequest> {
    let fields: Fields<'_> =
        serde_json::from_slice(body).map_err(|_| BadRequest::new("input", "is not in a JSON object"))?;
    let mut out = br#"{"stream":false,"store":false"#.to_vec();
    let mut input = Vec::new();
    for (name, value) in fields.0 {
        if name == "input" && value.get() != "null" {
            input = listed(value.get());
        } else if KEPT.contains(&&*name) {
            out.push(b',');
            // Writing to memory cannot fail.
            _ = serde_json::to_writer(&mut out, &name);
            out.push(b':');
            out.extend_from_slice(value.get().as_bytes());
        }
    }
    out.extend_from_slice(br#","input":["#);
    let own = input.trim_ascii().strip_prefix(b"[").and_then(|list| list.strip_suffix(b"]")).unwrap_or_default();
    if !own.trim_ascii().is_empty() {
        out.extend_from_slice(own);
        out.push(b',');
    }
    _ = serde_json::to_writer(&mut out, &Message { kind: "message", role: "user", content: ASK });
    out.extend_from_slice(b"]}");
    Ok(out)
}

#[derive(Serialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    content: &'a str,
}

#[derive(Deserialize)]
struct Answer<'a> {
    id: &'a str,
    created_at: u64,
    #[serde(borrow)]
    output: Vec<Item<'a>>,
    #[serde(borrow)]
    usage: &'a RawValue,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    content: Vec<Part<'a>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Cow<'a, str>,
}

#[derive(Serialize)]
struct Compacted<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    output: Vec<Out<'a>>,
    usage: &'a RawValue,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Out<'a> {
    Said(&'a RawValue),
    Compaction {
        #[serde(rename = "type")]
        kind: &'static str,
        id: String,
        encrypted_content: String,
    },
}

/// The compacted conversation: what the user said in `body`, and the summary in `answer` sealed.
///
/// None where the model gave no summary.
pub fn answer(body: &[u8], answer: &[u8], sealer: &Sealer) -> Option<Vec<u8>> {
    let answer: Answer<'_> = serde_json::from_slice(answer).ok()?;
    let texts = answer.output.iter().flat_map(|item| &item.content).map(|part| part.text.trim());
    let summary = texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n");
    if summary.is_empty() {
        return None;
    }
    let input = super::state::own_input(body).unwrap_or_default();
    let items: Vec<&RawValue> = serde_json::from_slice(&input).unwrap_or_default();
    let mut output: Vec<Out<'_>> = items.into_iter().filter(|item| is_of_user(item)).map(Out::Said).collect();
    let id = format!("cmp_{}", answer.id.trim_start_matches("resp_"));
    output.push(Out::Compaction { kind: "compaction", id, encrypted_content: sealer.summary(&summary)? });
    let (id, created_at, usage) = (answer.id, answer.created_at, answer.usage);
    serde_json::to_vec(&Compacted { id, object: "response.compaction", created_at, output, usage }).ok()
}

fn is_of_user(item: &RawValue) -> bool {
    let fields: Option<BTreeMap<Cow<'_, str>, &RawValue>> = serde_json::from_str(item.get()).ok();
    fields.and_then(|fields| fields.get("role").map(|role| role.get() == r#""user""#)).unwrap_or(false)
}

/// What a later request says to the model in the place of a compaction.
pub(crate) fn read(summary: &str) -> String {
    format!("{LEAD}{summary}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_to_compact_asks_for_a_summary() {
        let out = request(br#"{"model":"m","input":"hi","tools":[{"x":1}],"instructions":"be kind"}"#).unwrap();
        let out: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((&out["model"], &out["instructions"]), (&"m".into(), &"be kind".into()));
        assert_eq!(out["input"].as_array().map(Vec::len), Some(2));
        assert_eq!((&out["store"], &out["stream"], out.get("tools")), (&false.into(), &false.into(), None));
        let out = request(br#"{"model":"m","previous_response_id":"r","input":null}"#).unwrap();
        let out: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(out["input"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn the_summary_comes_back_sealed_after_what_the_user_said() {
        let sealer = Sealer::new([3; 32]);
        let body = br#"{"input":[{"role":"user","content":"one"},{"role":"assistant","content":"two"}]}"#;
        let told = br#"{"id":"resp_7","created_at":5,"output":[{"type":"reasoning"},{"type":"message","content":[{"type":"output_text","text":" We \"said\" hi. "}]}],"usage":{"total_tokens":3}}"#;
        let out: serde_json::Value = serde_json::from_slice(&answer(body, told, &sealer).unwrap()).unwrap();
        assert_eq!((&out["object"], &out["usage"]["total_tokens"]), (&"response.compaction".into(), &3.into()));
        assert_eq!(out["output"][0], serde_json::json!({"role":"user","content":"one"}));
        let sealed = out["output"][1]["encrypted_content"].as_str().unwrap();
        assert_eq!(out["output"].as_array().map(Vec::len), Some(2));
        assert_eq!(sealer.open(sealed), Some(crate::envelope::Opened::Summary("We \"said\" hi.".into())));
        let silent = br#"{"id":"resp_7","created_at":5,"output":[],"usage":{}}"#;
        assert_eq!(answer(body, silent, &sealer), None);
    }
}
