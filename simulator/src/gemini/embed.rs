//! Embeddings of one content or of many.
use serde_json::{Value, json};

use super::Verb;
use super::request::{camelise, many};
use crate::vector;

/// The length of a vector when none is asked for.
const DIMENSIONS: u64 = 64;
const MOST_DIMENSIONS: u64 = 4_096;

fn vector(request: &Value) -> Value {
    let texts = request.get("content").map(|content| many(content, "parts")).unwrap_or_default();
    let text: String = texts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
    let config = request.get("embedContentConfig").unwrap_or(request);
    let wished = config.get("outputDimensionality").and_then(Value::as_u64).unwrap_or(DIMENSIONS);
    json!({"values": vector::of_text(&text, wished.clamp(1, MOST_DIMENSIONS) as usize)})
}

/// The answer of `:embedContent` and `:batchEmbedContents`.
pub(crate) fn embeddings(body: &[u8], verb: Verb) -> String {
    let body = camelise(&serde_json::from_slice(body).unwrap_or_default());
    if verb == Verb::BatchEmbed {
        let vectors: Vec<_> = many(&body, "requests").iter().map(vector).collect();
        return json!({"embeddings": vectors}).to_string();
    }
    json!({"embedding": vector(&body)}).to_string()
}
