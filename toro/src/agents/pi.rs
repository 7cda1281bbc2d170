//! pi: a provider by a throw-away extension, so that the user's own folder, extensions and sessions stay in use.

use serde_json::{Value, json};

use super::Agent;
use super::launch::Launch;
use super::plan::{Plan, write_private};
use crate::exit::Failure;

/// See the file.
pub(super) const PI: Agent = Agent {
    name: "pi",
    title: "pi",
    programs: &["pi"],
    protocol: "openai",
    install: "npm install -g @earendil-works/pi-coding-agent",
    sets: &[("TOKENROUTER_KEY", "{key}")],
    arguments: &[&["--extension", "{folder}/tokenrouter.ts"], &["--provider", "tokenrouter", "--model", "{model}"]],
    chooses: &["--model", "--provider", "--models"],
    bare: &["install", "remove", "uninstall", "update", "list", "config"],
    lists: true,
    adapt: Some(adapt),
    ..Agent::NONE
};

fn adapt(_: &mut Plan, launch: &Launch<'_>) -> Result<(), Failure> {
    let Some(folder) = launch.folder else { return Ok(()) };
    let models = launch.offered().into_iter().map(|model| {
        // pi wants all of these; what nobody knows is what it takes itself for models that it does not know.
        let cost = |which| model.dollars(which).unwrap_or(0.0);
        json!({
            "id": model.id,
            "name": model.id,
            "reasoning": model.takes("reasoning"),
            "input": if model.sees() { json!(["text", "image"]) } else { json!(["text"]) },
            "cost": {
                "input": cost("prompt"), "output": cost("completion"),
                "cacheRead": cost("input_cache_read"), "cacheWrite": cost("input_cache_write"),
            },
            "contextWindow": model.context_window.unwrap_or(128_000),
            "maxTokens": model.max_output_tokens.unwrap_or(16_384),
        })
    });
    let provider = json!({
        "name": "tokenrouter",
        "baseUrl": launch.address.url("/v1"),
        "api": "openai-completions",
        "models": models.collect::<Vec<Value>>(),
    });
    let text = format!(
        "export default function (pi) {{\n  const provider = {provider};\n  \
         pi.registerProvider(\"tokenrouter\", {{ ...provider, apiKey: process.env.TOKENROUTER_KEY }});\n}}\n"
    );
    write_private(&folder.join("tokenrouter.ts"), text.as_bytes())
}
