//! Cohere's v2 API: chat, embeddings and its model list.
mod answer;
mod check;
mod embed;

pub(crate) use answer::{stream, whole};
pub(crate) use check::{check, check_embed};
pub(crate) use embed::embeddings;

use serde_json::{Value, json};

fn entry(id: &str) -> Value {
    json!({
        "name": id, "is_deprecated": false, "endpoints": ["chat", "embed"], "finetuned": false,
        "context_length": 256_000, "tokenizer_url": null, "default_endpoints": [], "features": ["tools", "json_schema"],
    })
}

/// All models.
pub(crate) fn list(models: &[String]) -> String {
    let models: Vec<_> = models.iter().map(|id| entry(id)).collect();
    json!({"models": models, "next_page_token": null}).to_string()
}

/// One model.
pub(crate) fn one(id: &str) -> String {
    entry(id).to_string()
}
