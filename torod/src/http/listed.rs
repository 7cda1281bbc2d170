//! Every route of the daemon in one list, for the `OpenAPI` document of the data plane and for tests that walk through all.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokenrouter::surface::Surface;

use super::routes::PAGES;
use crate::admin::operations::operations;

/// One method of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// With `{…}` for what differs.
    pub path: &'static str,
    /// Who may ask: `nothing`, `inference` (a token, or a program on this machine), `token`, `keymaster`, `admin`.
    pub needs: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
}

const fn listed(method: &'static str, path: &'static str, needs: &'static str, summary: &'static str) -> Listed {
    Listed { method, path, needs, summary }
}

/// What clients ask for, in the usual spelling of the path; others are understood too.
#[rustfmt::skip]
pub const DATA: [Listed; 20] = [
    listed("POST", "/v1/chat/completions", "inference", "OpenAI Chat Completions."),
    listed("POST", "/v1/completions", "inference", "OpenAI Completions."),
    listed("POST", "/v1/embeddings", "inference", "OpenAI Embeddings."),
    listed("POST", "/v1/responses", "inference", "OpenAI Responses."),
    listed("POST", "/v1/responses/compact", "inference", "Writes a summary of a conversation of the Responses protocol."),
    listed("POST", "/v1/responses/input_tokens", "inference", "Counts the tokens of a request of the Responses protocol."),
    listed("GET", "/v1/responses/{id}", "inference", "An answer that was kept."),
    listed("DELETE", "/v1/responses/{id}", "inference", "Forgets an answer that was kept."),
    listed("GET", "/v1/responses/{id}/input_items", "inference", "What an answer that was kept was asked with."),
    listed("POST", "/v1/responses/{id}/cancel", "inference", "Cancels an answer in the background, at a provider that has such."),
    listed("POST", "/v1/messages", "inference", "Anthropic Messages."),
    listed("POST", "/v1/messages/count_tokens", "inference", "Counts the tokens of an Anthropic request."),
    listed("POST", "/v1beta/models/{model}:generateContent", "inference", "Gemini's answer as a whole."),
    listed("POST", "/v1beta/models/{model}:streamGenerateContent", "inference", "Gemini's answer as a stream."),
    listed("POST", "/v1beta/models/{model}:countTokens", "inference", "Counts the tokens of a Gemini request."),
    listed("POST", "/v2/chat", "inference", "Cohere Chat."),
    listed("GET", "/v1/models", "inference", "The models, in the form of whoever asks."),
    listed("GET", "/v1/models/{id}", "inference", "One model, in the form of whoever asks."),
    listed("GET", "/v1beta/models", "inference", "The models in Gemini's form."),
    listed("GET", "/v1beta/models/{id}", "inference", "One model in Gemini's form."),
];

/// All of it: what clients ask for, the pages, and the admin API.
pub fn routes() -> Vec<Listed> {
    let pages = PAGES
        .iter()
        .map(|page| listed("GET", if page.path.is_empty() { "/" } else { page.path }, page.needs, page.summary));
    let admin = operations().into_iter().map(|one| listed(one.method, one.path, one.needs.as_str(), one.summary));
    DATA.into_iter().chain(pages).chain(admin).collect()
}

/// The data plane as an `OpenAPI` 3.1 document, in brief: the protocols are their vendors', and documented there.
pub fn document() -> Value {
    let mut paths: BTreeMap<&str, Value> = BTreeMap::new();
    let pages = routes().into_iter().filter(|route| !route.path.starts_with("/admin"));
    for route in pages {
        let surface = Surface::at(route.path).map(|(surface, _)| surface);
        let protocol = surface.map_or("openai", |surface| surface.protocol().as_str());
        let parameters: Vec<Value> = parameters(route.path)
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .collect();
        let body = json!({ "required": true, "content": { "application/json": { "schema": { "type": "object" } } } });
        let mut described = json!({
            "operationId": format!("{}{}", route.method.to_ascii_lowercase(), route.path.replace(|c: char| !c.is_ascii_alphanumeric(), "_")),
            "summary": route.summary,
            "responses": {
                "200": { "description": "The answer, or its stream." },
                "default": { "description": format!("An error in the form of the protocol `{protocol}`.") },
            },
        });
        if let Some(described) = described.as_object_mut() {
            if route.needs == "nothing" {
                described.insert("security".to_owned(), json!([]));
            }
            if !parameters.is_empty() {
                described.insert("parameters".to_owned(), parameters.into());
            }
            if route.method == "POST" && !route.path.ends_with("/cancel") {
                described.insert("requestBody".to_owned(), body);
            }
        }
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.to_ascii_lowercase(), described);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "tokenrouter",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What clients of LLM providers ask for, each in its own protocol. The admin API is described at /admin/api/openapi.json.",
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "bearer": [] }, { "anthropic": [] }, { "gemini": [] }],
        "paths": paths,
        "components": { "securitySchemes": {
            "bearer": { "type": "http", "scheme": "bearer", "description": "A token of this gateway." },
            "anthropic": { "type": "apiKey", "in": "header", "name": "x-api-key" },
            "gemini": { "type": "apiKey", "in": "header", "name": "x-goog-api-key" },
        } },
    })
}

/// The names in braces.
fn parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new surface must be counted here, and listed above.
    const fn number(surface: Surface) -> usize {
        match surface {
            Surface::Chat => 0,
            Surface::Completions => 1,
            Surface::Embeddings => 2,
            Surface::Responses => 3,
            Surface::Compact => 4,
            Surface::CountResponses => 5,
            Surface::CountMessages => 6,
            Surface::CountGenerate => 7,
            Surface::Answer => 8,
            Surface::Messages => 9,
            Surface::Generate => 10,
            Surface::CohereChat => 11,
            Surface::Models => 12,
            Surface::Model => 13,
        }
    }

    #[test]
    fn every_surface_is_listed_under_a_path_that_leads_to_it() {
        let mut seen = [false; 14];
        for route in DATA {
            let (surface, _) = Surface::at(route.path).expect(route.path);
            seen[number(surface)] = true;
            assert!(surface == Surface::Answer || surface.method() == route.method, "{}", route.path);
        }
        assert_eq!(seen, [true; 14]);
    }
}
