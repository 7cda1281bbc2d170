//! OpenAI's model list: written for clients, read from upstreams.

use serde::{Deserialize, Serialize};

/// One entry of a model list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Model<'a> {
    /// The name that requests use.
    pub id: &'a str,
    /// Always `model`.
    pub object: &'static str,
    /// Unix seconds; 0 where the provider does not say.
    pub created: i64,
    /// The provider.
    pub owned_by: &'a str,
    /// How many tokens fit, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u64>,
}

impl<'a> Model<'a> {
    /// An entry without a date.
    pub const fn new(id: &'a str, owned_by: &'a str, context_window: Option<u64>) -> Self {
        Self { id, object: "model", created: 0, owned_by, context_window }
    }
}

#[derive(Deserialize)]
struct Upstream {
    #[serde(default)]
    data: Vec<Entry>,
    /// Google's and Ollama's name for the same list.
    #[serde(default)]
    models: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    id: String,
    #[serde(default)]
    name: String,
}

/// The model ids in an upstream's list, in its order; none if the body is no such list.
pub fn read_list(body: &[u8]) -> Option<Vec<String>> {
    // Some providers answer with the bare array.
    let list = serde_json::from_slice::<Upstream>(body)
        .or_else(|_| serde_json::from_slice::<Vec<Entry>>(body).map(|data| Upstream { data, models: Vec::new() }))
        .ok()?;
    let entries = if list.data.is_empty() { list.models } else { list.data };
    let ids = entries.into_iter().map(|e| if e.id.is_empty() { e.name } else { e.id });
    // Google writes `models/` before each id, also on its OpenAI surface.
    Some(
        ids.map(|id| id.strip_prefix("models/").map(str::to_owned).unwrap_or(id)).filter(|id| !id.is_empty()).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_lists_of_several_vendors() {
        assert_eq!(read_list(br#"{"object":"list","data":[{"id":"a"},{"id":"b","x":1}]}"#).unwrap(), ["a", "b"]);
        assert_eq!(read_list(br#"[{"id":"a"}]"#).unwrap(), ["a"]);
        assert_eq!(read_list(br#"{"models":[{"name":"models/gemini-2.5-pro"}]}"#).unwrap(), ["gemini-2.5-pro"]);
        assert_eq!(read_list(b"<html>"), None);
    }
}
