//! The model list, in OpenAI's form and, for callers that send `anthropic-version`, in Anthropic's.
use serde_json::{Value, json};

/// Models say they were made at this time, in seconds since 1970 (2026-01-01).
const CREATED_S: i64 = 1_767_225_600;

fn openai_entry(id: &str) -> Value {
    json!({"id": id, "object": "model", "created": CREATED_S, "owned_by": "simulator"})
}

fn anthropic_entry(id: &str) -> Value {
    json!({
        "type": "model", "id": id, "display_name": id, "created_at": "2026-01-01T00:00:00Z", "lifecycle": "active",
        "deprecated_at": null, "retires_at": null, "line": null, "capabilities": null,
        "max_input_tokens": 200_000, "max_tokens": 64_000,
    })
}

/// All models.
pub(crate) fn list(models: &[String], for_anthropic: bool) -> String {
    if for_anthropic {
        let data: Vec<_> = models.iter().map(|id| anthropic_entry(id)).collect();
        return json!({"data": data, "has_more": false, "first_id": models.first(), "last_id": models.last()})
            .to_string();
    }
    let data: Vec<_> = models.iter().map(|id| openai_entry(id)).collect();
    json!({"object": "list", "data": data}).to_string()
}

/// One model.
pub(crate) fn one(id: &str, for_anthropic: bool) -> String {
    if for_anthropic { anthropic_entry(id) } else { openai_entry(id) }.to_string()
}
