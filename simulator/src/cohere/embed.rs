//! Embeddings of texts, images and mixed inputs, as floats or packed.
use serde_json::{Value, json};

use crate::count;
use crate::{base64, vector};

/// The length of a vector when none is asked for.
const DIMENSIONS: u64 = 64;
const MOST_DIMENSIONS: u64 = 4_096;

/// The answer of `/v2/embed`.
pub(crate) fn embeddings(body: &[u8], id: u64) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let list = |name: &str| body.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let wished = body.get("output_dimension").and_then(Value::as_u64).unwrap_or(DIMENSIONS);
    let dimensions = wished.clamp(1, MOST_DIMENSIONS) as usize;
    let inputs = ["texts", "images", "inputs"].into_iter().flat_map(list);
    let vectors: Vec<_> = inputs.map(|input| vector::of_text(&input.to_string(), dimensions)).collect();
    let mut kinds: Vec<_> = list("embedding_types").iter().filter_map(Value::as_str).collect();
    if kinds.is_empty() {
        kinds.push("float");
    }
    let forms = kinds.into_iter().map(|kind| {
        let form = |vector: &Vec<f32>| match kind {
            "float" => json!(vector),
            "base64" => {
                let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
                json!(base64::encode(&bytes))
            }
            // One bit a dimension, in bytes.
            "binary" | "ubinary" => {
                let bit = |value: &f32| u8::from(*value > 0.0);
                let bytes: Vec<u8> =
                    vector.chunks(8).map(|bits| bits.iter().fold(0, |byte, value| byte << 1 | bit(value))).collect();
                json!(
                    bytes
                        .iter()
                        .map(|byte| i16::from(*byte) - if kind == "binary" { 128 } else { 0 })
                        .collect::<Vec<_>>()
                )
            }
            _ => {
                let shift = if kind == "uint8" { 128 } else { 0 };
                json!(vector.iter().map(|value| (value * 127.0) as i16 + shift).collect::<Vec<_>>())
            }
        };
        (kind.to_owned(), vectors.iter().map(form).collect::<Value>())
    });
    let forms: serde_json::Map<_, _> = forms.collect();
    let tokens = count::of_prompt(body.to_string().len());
    json!({
        "id": format!("{id:016x}"), "embeddings": forms, "texts": list("texts"), "response_type": "embeddings_by_type",
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": tokens}},
    })
    .to_string()
}
