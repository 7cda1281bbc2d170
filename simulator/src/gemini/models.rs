//! The model list in Google's form.
use serde_json::{Value, json};

fn entry(id: &str) -> Value {
    json!({
        "name": format!("models/{id}"), "baseModelId": id, "version": "001", "displayName": id,
        "description": "A script of the simulator.", "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536,
        "supportedGenerationMethods":
            ["generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents"],
        "temperature": 1, "topP": 0.95, "topK": 64, "maxTemperature": 2, "thinking": true,
    })
}

/// All models.
pub(crate) fn list(models: &[String]) -> String {
    let models: Vec<_> = models.iter().map(|id| entry(id)).collect();
    json!({"models": models}).to_string()
}

/// One model.
pub(crate) fn one(id: &str) -> String {
    entry(id).to_string()
}
