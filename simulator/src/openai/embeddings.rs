//! Embeddings: unit vectors made from the input, the same for the same input.
use serde::Serialize;
use serde_json::Value;

use crate::answer::Answer;
use crate::ask::{Ask, require};
use crate::base64;
use crate::problem::Problem;
use crate::sse::json;
use crate::vector;

/// The length of a vector when none is asked for.
const DIMENSIONS: usize = 64;
const MOST_DIMENSIONS: usize = 4_096;
const MOST_INPUTS: usize = 2_048;

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Entry>,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

#[derive(Serialize)]
struct Entry {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector {
    Floats(Vec<f32>),
    Base64(String),
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    total_tokens: u64,
}

/// One vector for each input: a text, a list of texts, a list of token ids or a list of such lists.
pub(crate) fn whole(ask: &Ask<'_>, answer: &Answer) -> Result<Vec<u8>, Problem> {
    require(ask.wire.input, "input")?;
    let input = ask.wire.input.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok()).unwrap_or_default();
    let inputs = match &input {
        Value::String(text) if !text.is_empty() => std::slice::from_ref(&input),
        Value::Array(items) if items.first().is_some_and(Value::is_number) => std::slice::from_ref(&input),
        Value::Array(items) if (1..=MOST_INPUTS).contains(&items.len()) => items,
        _ => {
            return Err(
                Problem::bad_request("'input' must be a text, token ids, or 1 to 2048 of them.").with_param("input")
            );
        }
    };
    let dimensions = ask.wire.dimensions.unwrap_or(DIMENSIONS);
    if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
        return Err(Problem::bad_request("'dimensions' must be between 1 and 4096.").with_param("dimensions"));
    }
    let packed = match ask.wire.encoding_format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => {
            return Err(
                Problem::bad_request("'encoding_format' must be float or base64.").with_param("encoding_format")
            );
        }
    };
    let entry = |(index, input): (usize, &Value)| {
        let floats = vector::of_text(&input.to_string(), dimensions);
        let embedding = if packed {
            let bytes: Vec<u8> = floats.iter().flat_map(|value| value.to_le_bytes()).collect();
            Vector::Base64(base64::encode(&bytes))
        } else {
            Vector::Floats(floats)
        };
        Entry { object: "embedding", index, embedding }
    };
    let usage = answer.count.map(|count| Usage { prompt_tokens: count.input(), total_tokens: count.input() });
    let data = inputs.iter().enumerate().map(entry).collect();
    Ok(json(&List { object: "list", data, model: &ask.model, usage }).into_bytes())
}
