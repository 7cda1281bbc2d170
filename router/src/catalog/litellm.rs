//! litellm's list of models, `model_prices_and_context_window.json`: one object per model, prices in dollars per token.
//!
//! The same rules make the embedded file (`scripts/price_lists/litellm.py`); a test holds both to the same entries.
//!
//! | field | becomes |
//! |---|---|
//! | `input_cost_per_token` and the like | a rate of the standard tier |
//! | … `_above_200k_tokens` | above a length, strictly |
//! | … `_batches`, `_flex`, `_priority` | a tier of service |
//! | `cache_creation_input_token_cost_above_1hr` (`_above_12hr`) | the rate of the long-lived cache |
//! | `tiered_pricing` with `range: [start, end]` | above `start`; the first is the standard sheet |
//! | `off_peak_pricing` | hours of the day in UTC |
//! | `provider_specific_entry.fast` | the fast tier, as a multiple |
//! | `search_context_cost_per_query` | the dearest, for a search in the web |

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::models::Facts;
use super::set::Builder;
use super::vendors::vendors;
use crate::price::Price;

mod entry;
mod fields;

use entry::Model;

/// What was read.
pub(super) struct List {
    pub(super) models: Builder,
    /// Models whose price was not believed.
    pub(super) doubted: Vec<String>,
    /// A price below zero, the first one.
    pub(super) negative: Option<String>,
}

/// Reads the whole list.
pub(super) fn read(text: &str) -> Result<List, serde_json::Error> {
    let listed: BTreeMap<Cow<'_, str>, Loose<'_>> = serde_json::from_str(text)?;
    let mut list = List { models: Builder::default(), doubted: Vec::new(), negative: None };
    // Of two entries for one name, the one with its provider in front counts: it is read last.
    let mut keys: Vec<_> = listed.iter().collect();
    keys.sort_by_key(|(key, _)| (key.contains('/'), (**key).clone()));
    let mut taken: BTreeMap<(&str, String), (Facts, Option<Price>)> = BTreeMap::new();
    for (key, Loose(text)) in keys {
        let Some(text) = text else { continue };
        let model: Model<'_> = serde_json::from_str(text.get())?;
        let Some((provider, name)) = place(key, &model) else { continue };
        if list.negative.is_none() && model.negative {
            list.negative = Some(format!("a price of {key}"));
        }
        let price = model.known_price(provider, &name);
        if model.is_absurd() {
            list.doubted.push(format!("{provider}/{name}"));
        }
        taken.insert((provider, name), (model.facts, price));
    }
    for ((provider, name), (facts, price)) in taken {
        list.models.add(provider, &name, facts, price);
    }
    Ok(list)
}

/// The provider and the name by which it knows the model; none for what we do not serve or what is no model.
fn place<'a>(key: &str, model: &Model<'_>) -> Option<(&'a str, String)> {
    let vendor = model.vendor.as_deref()?;
    let provider = vendors().of_litellm(vendor)?;
    model.facts.mode()?;
    let mut name = key;
    if let Some((first, rest)) = key.split_once('/') {
        let short = vendor.split('-').next().unwrap_or(vendor);
        if (first == vendor || first == short || matches!(first, "bedrock" | "vertex_ai" | "cohere" | "openai"))
            && !rest.is_empty()
        {
            name = rest;
        }
    }
    name = name.strip_prefix("accounts/fireworks/models/").unwrap_or(name);
    let is_no_name = name.contains('*')
        || name.starts_with("fireworks-ai-")
        || name.starts_with("together-ai-")
        || matches!(name, "container" | "search")
        // Sizes and regions in front of a name are places in the list, not names.
        || (matches!(provider, "openai" | "azure" | "azure-ai" | "bedrock") && name.contains('/'));
    if is_no_name {
        return None;
    }
    let provider = if provider == "ollama" && name.ends_with("-cloud") { "ollama-cloud" } else { provider };
    Some((provider, name.to_owned()))
}

/// An object; whatever else stands there is no model.
struct Loose<'a>(Option<&'a RawValue>);

impl<'de> Deserialize<'de> for Loose<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(from)?;
        Ok(Self(text.get().starts_with('{').then_some(text)))
    }
}
