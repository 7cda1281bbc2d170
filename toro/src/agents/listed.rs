//! The gateway's models as agents are told of them.

use serde::Deserialize;
use tokenrouter_shared::money::scaled;

use crate::client::{Client, ClientError};

/// Decimal places of a dollar for one LLM token: as many as make a billionth of a dollar for a million.
const PLACES: u32 = 15;

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
    /// What it reads and writes.
    pub architecture: Architecture,
    /// Dollars for one token, as text: `prompt`, `completion`, `input_cache_read`, `input_cache_write`.
    pub pricing: Option<serde_json::Value>,
    /// The parameters that it takes: `tools`, `reasoning`, …
    pub supported_parameters: Vec<String>,
}

/// What a model reads and writes; empty where nobody knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Architecture {
    /// `text`, `image`, …
    pub input_modalities: Vec<String>,
    /// `text`, `embeddings`, …
    pub output_modalities: Vec<String>,
}

impl Listed {
    /// One of which nothing but its name is known.
    pub fn named(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    /// Dollars for a million LLM tokens; `which` as in [`Listed::pricing`].
    pub fn dollars(&self, which: &str) -> Option<f64> {
        let nanos = scaled(self.pricing.as_ref()?.get(which)?.as_str()?, PLACES)?;
        // As near as a number of JSON comes to it; it is only shown.
        format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000).parse().ok()
    }

    /// Whether it takes a parameter.
    pub fn takes(&self, parameter: &str) -> bool {
        self.supported_parameters.iter().any(|one| one == parameter)
    }

    /// Whether it reads pictures.
    pub fn sees(&self) -> bool {
        self.architecture.input_modalities.iter().any(|kind| kind == "image")
    }

    /// Whether it writes text, as far as is known.
    pub fn writes(&self) -> bool {
        let kinds = &self.architecture.output_modalities;
        kinds.is_empty() || kinds.iter().any(|kind| kind == "text")
    }
}

#[derive(Deserialize)]
struct List {
    data: Vec<Listed>,
}

/// Asks the gateway for all of them.
pub async fn fetch(client: &Client) -> Result<Vec<Listed>, ClientError> {
    client.get::<List>("/v1/models").await.map(|list| list.data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_for_a_million_tokens() {
        let model: Listed = serde_json::from_str(
            r#"{"id":"m","pricing":{"prompt":"0.0000025","completion":"0.00001","input_cache_read":"0.00000025"}}"#,
        )
        .unwrap();
        let dollars = ["prompt", "completion", "input_cache_read", "input_cache_write"].map(|w| model.dollars(w));
        assert_eq!(dollars, [Some(2.5), Some(10.0), Some(0.25), None]);
        assert!(model.writes() && !model.sees() && !model.takes("tools"));
    }
}
