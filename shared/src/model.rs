//! A model as people and programs are told of it: the answer of `/admin/api/models`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Models, those that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelsView {
    /// The models, in the order that was asked for.
    pub models: Vec<ModelView>,
    /// How many there are in all.
    pub total: usize,
    /// Where the next page starts; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The providers that have any, and the aliases' own.
    pub providers: Vec<String>,
    /// Whether this is what a running gateway knows; otherwise it is what the file says and what was known before.
    pub is_live: bool,
}

/// One model, or an alias of some. What is not known is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelView {
    /// The name that requests use.
    pub id: String,
    /// The name for people, where it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Who serves it.
    pub provider: String,
    /// What an alias stands for, the preferred first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// What it is for: `chat`, `embedding`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// How many tokens fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u64>,
    /// How many tokens it writes at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// What it takes: `text`, `image`, …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input: Vec<String>,
    /// What it gives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<String>,
    /// What it can and cannot do, by the words that `--can` knows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub can: BTreeMap<String, bool>,
    /// How much it may be told to reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub efforts: Vec<String>,
    /// What it costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<ModelPrice>,
    /// When it was made, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_s: Option<i64>,
    /// The day on which its vendor ends it, or ended it: `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Where the price is from: the layer, and the version of its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_from: Option<String>,
    /// Where the size of the context window is from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_from: Option<String>,
}

/// What a model costs at the moment, in nano-dollars for a million tokens: $2.50 is 2,500,000,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelPrice {
    /// Input that no cache had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_nanos: Option<u64>,
    /// Output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_nanos: Option<u64>,
    /// Input that a cache had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read_nanos: Option<u64>,
    /// Input that is put in a cache for minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_nanos: Option<u64>,
    /// Input that is put in a cache for an hour or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h_nanos: Option<u64>,
    /// Whether nothing of it costs anything.
    pub is_free: bool,
}
