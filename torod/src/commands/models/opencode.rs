//! `--format opencode`: a provider for opencode.json, with the limits by which opencode makes conversations shorter.
//!
//! opencode (measured with 1.18) asks no server what its models can: it takes limits, prices and abilities of a provider of
//! one's own from the file alone, and where no limits stand there it never makes a conversation shorter.

use std::io::Write;

use serde::Serialize;
use serde_json::{Map, Number, Value, json};
use tokenrouter::price::Rate;
use tokenrouter_shared::model::{ModelPrice, ModelView};

use crate::config::{self, Paths};

/// What opencode lets a model write at most, whatever is said.
const MOST_OUTPUT: u64 = 32_000;
/// The variable that holds the token.
const KEY: &str = "TOKENROUTER_KEY";

#[derive(Serialize)]
struct Model<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<Limit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachment: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modalities: Option<Modalities<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<Cost>,
}

#[derive(Serialize)]
struct Limit {
    context: u64,
    output: u64,
}

#[derive(Serialize)]
struct Modalities<'a> {
    input: Vec<&'a str>,
    output: Vec<&'a str>,
}

#[derive(Serialize)]
struct Cost {
    input: Number,
    output: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write: Option<Number>,
}

/// Where the gateway is: as said, else where the file has it listen.
pub(super) fn url(paths: &Paths, said: Option<&str>) -> anyhow::Result<String> {
    if let Some(url) = said {
        let url = url.trim_end_matches('/');
        return Ok(if url.ends_with("/v1") { url.to_owned() } else { format!("{url}/v1") });
    }
    let config = config::load_paths(paths)?;
    let mut address = config.listen_addr;
    if address.ip().is_unspecified() {
        address.set_ip([127, 0, 0, 1].into());
    }
    let scheme = if config.tls.is_on() { "https" } else { "http" };
    Ok(format!("{scheme}://{address}/v1"))
}

/// Prints the configuration.
pub(super) fn print(out: &mut dyn Write, models: &[ModelView], url: &str) -> anyhow::Result<()> {
    let converse = |model: &&ModelView| matches!(model.mode.as_deref(), None | Some("chat" | "responses"));
    let mut entries = Map::new();
    for model in models.iter().filter(converse) {
        entries.insert(model.id.clone(), serde_json::to_value(entry(model))?);
    }
    let file = json!({
        "$schema": "https://opencode.ai/config.json",
        "provider": {"tokenrouter": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "tokenrouter",
            "options": {"baseURL": url, "apiKey": format!("{{env:{KEY}}}")},
            "models": Value::Object(entries),
        }},
    });
    serde_json::to_writer_pretty(&mut *out, &file)?;
    writeln!(out)?;
    Ok(())
}

fn entry(model: &ModelView) -> Model<'_> {
    let can = |word: &str| model.can.get(word).copied();
    Model {
        name: model.display_name.as_deref().unwrap_or(&model.id),
        limit: model.context_tokens.map(|context| Limit {
            context,
            // It keeps so much free for the answer: never more than a quarter where nobody said how much that is.
            output: model.max_output_tokens.unwrap_or_else(|| MOST_OUTPUT.min(context / 4)),
        }),
        attachment: can("vision"),
        reasoning: can("reasoning"),
        tool_call: can("tools"),
        modalities: (!model.input.is_empty()).then(|| Modalities {
            input: model.input.iter().map(String::as_str).collect(),
            output: if model.output.is_empty() {
                vec!["text"]
            } else {
                model.output.iter().map(String::as_str).collect()
            },
        }),
        cost: model.price.as_ref().and_then(cost),
    }
}

fn cost(price: &ModelPrice) -> Option<Cost> {
    let dollars = |nanos: u64| serde_json::from_str(&Rate::from_nanos_per_million(nanos)?.to_string()).ok();
    Some(Cost {
        input: dollars(price.input_nanos?)?,
        output: dollars(price.output_nanos?)?,
        cache_read: price.cache_read_nanos.and_then(dollars),
        cache_write: price.cache_write_nanos.and_then(dollars),
    })
}
