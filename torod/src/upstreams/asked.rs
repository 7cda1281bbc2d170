//! What a request asks for, read from the words and the body that somebody wants to have explained.

use std::collections::HashMap;

use http::HeaderMap;
use serde_json::value::RawValue;
use tokenrouter::peek::{Peek, PeekError};
use tokenrouter::surface::Surface;
use tokenrouter_shared::Lossy;

use super::permit::Permit;

/// The surfaces that are routed, by their words.
const ROUTED: [Surface; 7] = [
    Surface::Chat,
    Surface::Responses,
    Surface::Messages,
    Surface::Generate,
    Surface::CohereChat,
    Surface::Completions,
    Surface::Embeddings,
];

/// A request to be explained.
#[derive(Debug)]
pub struct Asked {
    /// The model as asked for.
    pub model: String,
    /// What is asked for.
    pub surface: Surface,
    /// The headers that may name its conversation.
    pub headers: HeaderMap,
    /// The request; empty where only the model is known.
    pub body: Vec<u8>,
    /// The number of the token that asks; 0 for none.
    pub token_id: i64,
    /// What becomes of its requests that lose something, if the token says so.
    pub lossy: Option<Lossy>,
    /// What it may use.
    pub permit: Permit,
}

/// The question makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum Senseless {
    /// No surface has this name.
    #[error("`{0}` is no surface; write {list}", list = words())]
    Surface(String),
    /// Nobody said which model.
    #[error("no model is named")]
    NoModel,
    /// The request cannot be read.
    #[error("{0}")]
    Body(#[from] PeekError),
}

fn words() -> String {
    ROUTED.map(Surface::as_str).join(", ")
}

impl Asked {
    /// A request of which the body, the model or both are known. `model` goes before what the body says; without
    /// `surface`, the body's form tells.
    ///
    /// # Errors
    ///
    /// What of it makes no sense.
    pub fn new(model: Option<&str>, surface: Option<&str>, body: Vec<u8>) -> Result<Self, Senseless> {
        let surface = match surface {
            Some(word) => ROUTED
                .into_iter()
                .find(|surface| surface.as_str() == word)
                .ok_or_else(|| Senseless::Surface(word.chars().take(40).collect()))?,
            None => guess(&body),
        };
        let whole = if body.is_empty() { &b"{}"[..] } else { &body };
        let model = match model {
            Some(model) => Peek::in_path(whole, model, false)?.model.into_owned(),
            None if body.is_empty() || surface == Surface::Generate => return Err(Senseless::NoModel),
            None => Peek::read(&body)?.model.into_owned(),
        };
        let permit = Permit::default();
        Ok(Self { model, surface, headers: HeaderMap::new(), body, token_id: 0, lossy: None, permit })
    }
}

/// What a request asks for, by the names of its fields; a chat where nothing tells.
fn guess(body: &[u8]) -> Surface {
    let Ok(fields) = serde_json::from_slice::<HashMap<String, &RawValue>>(body) else { return Surface::Chat };
    let has = |names: &[&str]| names.iter().any(|name| fields.contains_key(*name));
    // Only Anthropic's tools have a field of this name.
    let anthropic_tools = || fields.get("tools").is_some_and(|tools| tools.get().contains("\"input_schema\""));
    if has(&["contents"]) {
        Surface::Generate
    } else if has(&["input"]) {
        Surface::Responses
    } else if has(&["prompt"]) {
        Surface::Completions
    } else if has(&["system", "stop_sequences", "anthropic_version", "thinking"]) || anthropic_tools() {
        Surface::Messages
    } else if has(&["documents", "citation_options", "strict_tools"]) {
        Surface::CohereChat
    } else {
        Surface::Chat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_request_tells_what_it_asks_for() {
        for (body, word) in [
            (r#"{"messages":[]}"#, "chat"),
            (r#"{"messages":[],"system":"s","max_tokens":1}"#, "messages"),
            (r#"{"messages":[],"tools":[{"name":"a","input_schema":{}}]}"#, "messages"),
            (r#"{"tools":[{"type":"function","function":{}}],"messages":[]}"#, "chat"),
            (r#"{"input":"x"}"#, "responses"),
            (r#"{"contents":[]}"#, "generate"),
            (r#"{"messages":[],"documents":[]}"#, "cohere_chat"),
            (r#"{"prompt":"x"}"#, "completions"),
            ("", "chat"),
        ] {
            assert_eq!(guess(body.as_bytes()).as_str(), word, "{body}");
            let asked = Asked::new(Some("m"), None, body.into()).map(|asked| asked.surface.as_str());
            assert_eq!(asked.ok(), Some(word));
        }
    }

    #[test]
    fn the_model_comes_from_whoever_says_it() {
        let model = |model, surface, body: &str| {
            Asked::new(model, surface, body.into()).map(|asked| asked.model).map_err(|e| e.to_string())
        };
        let body = r#"{"model":"b","messages":[]}"#;
        assert_eq!(model(None, None, body), Ok("b".into()));
        assert_eq!(model(Some("a"), Some("messages"), body), Ok("a".into()));
        assert_eq!(model(Some("a"), None, ""), Ok("a".into()));
        assert_eq!(model(None, None, ""), Err("no model is named".into()));
        assert_eq!(model(None, None, r#"{"contents":[]}"#), Err("no model is named".into()));
        assert!(model(Some("a"), None, "[]").unwrap_err().contains("JSON object"));
        assert!(model(None, Some("talk"), body).unwrap_err().contains("`talk` is no surface; write chat,"));
    }
}
