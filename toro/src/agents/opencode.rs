//! opencode: one provider in a configuration that goes before all others and exists in the environment alone.

use serde_json::{Map, Value, json};

use super::Agent;
use super::launch::Launch;
use super::listed::Listed;
use super::merged::merge;
use super::plan::Plan;
use crate::exit::Failure;

const CONTENT: &str = "OPENCODE_CONFIG_CONTENT";

/// See the file.
pub(super) const OPENCODE: Agent = Agent {
    name: "opencode",
    title: "opencode",
    programs: &["opencode"],
    protocol: "openai",
    install: "npm install -g opencode-ai",
    sets: &[("TOKENROUTER_KEY", "{key}")],
    lists: true,
    adapt: Some(adapt),
    ..Agent::NONE
};

#[expect(clippy::unnecessary_wraps, reason = "others may fail")]
fn adapt(plan: &mut Plan, launch: &Launch<'_>) -> Result<(), Failure> {
    let models: Map<String, Value> =
        launch.offered().into_iter().map(|model| (model.id.clone(), described(&model))).collect();
    let mut ours = json!({
        "provider": { "tokenrouter": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "tokenrouter",
            "options": { "baseURL": launch.address.url("/v1"), "apiKey": "{env:TOKENROUTER_KEY}" },
            "models": models,
        } },
        // Logins and other providers would go past the gateway.
        "enabled_providers": ["tokenrouter"],
    });
    for (key, slot) in [("model", None), ("small_model", Some("small"))] {
        let model = slot.map_or(launch.models.main.as_deref(), |slot| launch.models.of(slot));
        if let (Some(model), Some(ours)) = (model, ours.as_object_mut()) {
            ours.insert(key.to_owned(), format!("tokenrouter/{model}").into());
        }
    }
    let inherited = (launch.env)(CONTENT).and_then(|text| serde_json::from_str(&text).ok());
    let whole = merge(inherited.unwrap_or(Value::Null), ours);
    plan.sets.insert(CONTENT.to_owned(), whole.to_string().into());
    Ok(())
}

pub(crate) fn described(model: &Listed) -> Value {
    let mut told = json!({ "name": model.id });
    let Some(all) = told.as_object_mut() else { return told };
    if let Some(context) = model.context_window {
        // Without a limit of the answer opencode refuses the other one.
        let output = model.max_output_tokens.unwrap_or(context.min(32_000));
        all.insert("limit".to_owned(), json!({ "context": context, "output": output }));
    }
    if let (Some(input), Some(output)) = (model.dollars("prompt"), model.dollars("completion")) {
        let mut cost = Map::from_iter([("input".to_owned(), json!(input)), ("output".to_owned(), json!(output))]);
        for (key, which) in [("cache_read", "input_cache_read"), ("cache_write", "input_cache_write")] {
            cost.extend(model.dollars(which).map(|dollars| (key.to_owned(), json!(dollars))));
        }
        all.insert("cost".to_owned(), cost.into());
    }
    if !model.supported_parameters.is_empty() {
        all.insert("tool_call".to_owned(), model.takes("tools").into());
        all.insert("reasoning".to_owned(), model.takes("reasoning").into());
    }
    if model.sees() {
        all.insert("attachment".to_owned(), true.into());
        all.insert("modalities".to_owned(), json!({ "input": ["text", "image"], "output": ["text"] }));
    }
    told
}
