//! Crush: a global folder for the run alone, in which everything of the user's is linked, with our provider added. Sessions
//! lie in the project and stay.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::Agent;
use super::launch::Launch;
use super::listed::Listed;
use super::merged::{link_all, merge, read_json};
use super::plan::{Plan, write_private};
use crate::exit::Failure;

const JSON: &str = "crush.json";
const SCRIPT: &str = "crushrc";

/// See the file.
pub(super) const CRUSH: Agent = Agent {
    name: "crush",
    title: "Crush",
    programs: &["crush"],
    protocol: "openai",
    install: "npm install -g @charmland/crush",
    removes: &["CRUSH_OPENAI_*", "CRUSH_ANTHROPIC_*", "CRUSH_GEMINI_*", "CATWALK_URL"],
    sets: &[
        ("TOKENROUTER_KEY", "{key}"),
        ("CRUSH_GLOBAL_CONFIG", "{folder}"),
        // Logins, and the models chosen last, which would go before ours.
        ("CRUSH_GLOBAL_DATA", "{folder}/data"),
        ("CRUSH_DISABLE_PROVIDER_AUTO_UPDATE", "1"),
    ],
    lists: true,
    adapt: Some(adapt),
    ..Agent::NONE
};

fn adapt(_: &mut Plan, launch: &Launch<'_>) -> Result<(), Failure> {
    let Some(folder) = launch.folder else { return Ok(()) };
    std::fs::create_dir(folder.join("data"))?;
    let users = users_folder(launch);
    if let Some(users) = &users {
        link_all(users, folder, &[JSON, SCRIPT]);
    }
    let own = users.as_deref().and_then(|users| read_json(&users.join(JSON)));
    let whole = merge(own.unwrap_or(Value::Null), ours(launch));
    write_private(&folder.join(JSON), whole.to_string().as_bytes())?;
    let script = users.map(|users| users.join(SCRIPT)).filter(|script| script.is_file());
    if let Some(script) = script {
        // The user's script goes before crush.json, so our choice must come after it.
        let mut text = format!("source {}\n", quoted(&script.to_string_lossy()));
        for (slot, model) in [("large", launch.models.main.as_deref()), ("small", launch.models.of("small"))] {
            text.extend(model.map(|model| format!("model {slot} {}\n", quoted(&format!("tokenrouter/{model}")))));
        }
        write_private(&folder.join(SCRIPT), text.as_bytes())?;
    }
    Ok(())
}

fn users_folder(launch: &Launch<'_>) -> Option<PathBuf> {
    let own = (launch.env)("CRUSH_GLOBAL_CONFIG").map(PathBuf::from);
    let xdg = || (launch.env)("XDG_CONFIG_HOME").map(|folder| Path::new(&folder).join("crush"));
    let home = || (launch.env)("HOME").map(|folder| Path::new(&folder).join(".config/crush"));
    own.or_else(xdg).or_else(home).filter(|folder| folder.is_dir())
}

fn ours(launch: &Launch<'_>) -> Value {
    let models: Vec<Value> = launch.offered().iter().map(described).collect();
    let mut selected = Map::new();
    for (slot, model) in [("large", launch.models.main.as_deref()), ("small", launch.models.of("small"))] {
        let chosen = |model: &str| json!({ "provider": "tokenrouter", "model": model });
        selected.extend(model.map(|model| (slot.to_owned(), chosen(model))));
    }
    json!({
        "providers": { "tokenrouter": {
            "name": "tokenrouter",
            "type": "openai-compat",
            "base_url": launch.address.url("/v1"),
            "api_key": "$TOKENROUTER_KEY",
            "models": models,
        } },
        "models": selected,
    })
}

pub(crate) fn described(model: &Listed) -> Value {
    let cost = |which| model.dollars(which).unwrap_or(0.0);
    json!({
        "id": model.id,
        "name": model.id,
        "context_window": model.context_window.unwrap_or(128_000),
        "default_max_tokens": model.max_output_tokens.unwrap_or(16_384).min(32_000),
        "can_reason": model.takes("reasoning"),
        "supports_attachments": model.sees(),
        "cost_per_1m_in": cost("prompt"),
        "cost_per_1m_out": cost("completion"),
        "cost_per_1m_in_cached": cost("input_cache_write"),
        "cost_per_1m_out_cached": cost("input_cache_read"),
    })
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
