//! The gateway's models as agents are told of them.

use serde::Deserialize;

use crate::client::{Client, ClientError};

/// A model that the run's token may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Listed {
    /// The name to ask for.
    pub id: String,
    /// LLM tokens that fit, question and answer together; `None`: nobody knows.
    pub context_window: Option<u64>,
    /// LLM tokens of the longest answer.
    pub max_output_tokens: Option<u64>,
    /// Dollars for one token, as text: `prompt`, `completion`, `input_cache_read`, `input_cache_write`.
    pub pricing: Option<serde_json::Value>,
    /// The parameters that it takes: `tools`, `reasoning`, …
    pub supported_parameters: Vec<String>,
}

#[derive(Deserialize)]
struct List {
    data: Vec<Listed>,
}

/// Asks the gateway for all of them.
pub async fn fetch(client: &Client) -> Result<Vec<Listed>, ClientError> {
    client.get::<List>("/v1/models").await.map(|list| list.data)
}
