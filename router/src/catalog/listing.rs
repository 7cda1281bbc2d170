//! Lists of models in the form that clients of each protocol expect.
//!
//! ```
//! use tokenrouter::Protocol;
//! use tokenrouter::catalog::listing;
//! use tokenrouter::openai::models::Model;
//!
//! let models = [Model::new("gpt-5", "openai", Some(400_000))];
//! let gemini = listing::list(Protocol::Gemini, &models, false);
//! assert!(gemini.starts_with(br#"{"models":[{"name":"models/gpt-5""#));
//! let anthropic = listing::one(Protocol::Anthropic, &models[0]);
//! assert!(anthropic.starts_with(br#"{"type":"model","id":"gpt-5""#));
//! ```

use bytes::Bytes;
use serde::Serialize;

use crate::openai::models::Model;
use crate::protocol::Protocol;

#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    OpenAi(&'a Model<'a>),
    Anthropic(Anthropic<'a>),
    Gemini(Gemini<'a>),
    Cohere(Cohere<'a>),
}

#[derive(Serialize)]
struct Anthropic<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: &'static str,
    lifecycle: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_input_tokens: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Gemini<'a> {
    name: String,
    base_model_id: &'a str,
    version: &'static str,
    display_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_token_limit: Option<u64>,
    supported_generation_methods: [&'static str; 3],
}

#[derive(Serialize)]
struct Cohere<'a> {
    name: &'a str,
    endpoints: [&'static str; 1],
    finetuned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_length: Option<u64>,
}

fn entry<'a>(protocol: Protocol, model: &'a Model<'a>) -> Entry<'a> {
    let (id, context) = (model.id, model.context_window);
    match protocol {
        Protocol::OpenAi | Protocol::Responses => Entry::OpenAi(model),
        Protocol::Anthropic => Entry::Anthropic(Anthropic {
            kind: "model",
            id,
            display_name: id,
            // The type demands a date and allows this one where none is known.
            created_at: "1970-01-01T00:00:00Z",
            lifecycle: "active",
            max_input_tokens: context,
        }),
        Protocol::Gemini => Entry::Gemini(Gemini {
            name: format!("models/{id}"),
            base_model_id: id,
            version: "1",
            display_name: id,
            input_token_limit: context,
            supported_generation_methods: ["generateContent", "streamGenerateContent", "countTokens"],
        }),
        Protocol::Cohere => {
            Entry::Cohere(Cohere { name: id, endpoints: ["chat"], finetuned: false, context_length: context })
        }
    }
}

#[derive(Default, Serialize)]
struct List<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Vec<Entry<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<Vec<Entry<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    has_more: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_id: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_id: Option<Option<&'a str>>,
}

/// The list of `models` for a client of `protocol`.
///
/// `for_codex`: Codex looks for a catalogue under `models` whose entries carry its own prompts. It is told that there is
/// none, so that it keeps the one it has.
pub fn list(protocol: Protocol, models: &[Model<'_>], for_codex: bool) -> Bytes {
    let entries = models.iter().map(|model| entry(protocol, model)).collect();
    let list = match protocol {
        Protocol::OpenAi | Protocol::Responses => {
            List { object: Some("list"), data: Some(entries), models: for_codex.then(Vec::new), ..List::default() }
        }
        Protocol::Anthropic => List {
            data: Some(entries),
            has_more: Some(false),
            first_id: Some(models.first().map(|model| model.id)),
            last_id: Some(models.last().map(|model| model.id)),
            ..List::default()
        },
        Protocol::Gemini | Protocol::Cohere => List { models: Some(entries), ..List::default() },
    };
    crate::error::json(&list)
}

/// One model for a client of `protocol`.
pub fn one(protocol: Protocol, model: &Model<'_>) -> Bytes {
    crate::error::json(&entry(protocol, model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_finds_names_where_it_looks() {
        let models = [Model::new("a/b", "a", Some(9)), Model::new("c", "a", None)];
        for (protocol, pointer, expected) in [
            (Protocol::OpenAi, "/data/0/id", "a/b"),
            (Protocol::Anthropic, "/data/1/display_name", "c"),
            (Protocol::Anthropic, "/last_id", "c"),
            (Protocol::Gemini, "/models/0/name", "models/a/b"),
            (Protocol::Cohere, "/models/0/name", "a/b"),
        ] {
            let list: serde_json::Value = serde_json::from_slice(&list(protocol, &models, false)).unwrap();
            assert_eq!(list.pointer(pointer).and_then(|v| v.as_str()), Some(expected), "{protocol}");
        }
        let codex: serde_json::Value = serde_json::from_slice(&list(Protocol::OpenAi, &models, true)).unwrap();
        assert_eq!(codex["models"], serde_json::json!([]));
        let empty: serde_json::Value = serde_json::from_slice(&list(Protocol::Anthropic, &[], false)).unwrap();
        assert_eq!(empty, serde_json::json!({"data":[],"has_more":false,"first_id":null,"last_id":null}));
        let one: serde_json::Value = serde_json::from_slice(&one(Protocol::Gemini, &models[0])).unwrap();
        assert_eq!((&one["name"], &one["inputTokenLimit"]), (&"models/a/b".into(), &9.into()));
    }
}
