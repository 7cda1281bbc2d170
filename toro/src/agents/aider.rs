//! aider: variables in a file of its own, which it reads after those of the home and the project, and with that before them;
//! and what the gateway knows of its models, so that nothing is guessed.

use serde_json::{Map, Value, json};

use super::Agent;
use super::launch::Launch;
use super::plan::{Plan, write_private};
use crate::exit::Failure;

/// See the file.
pub(super) const AIDER: Agent = Agent {
    name: "aider",
    title: "aider",
    programs: &["aider"],
    protocol: "openai",
    install: "python -m pip install aider-chat",
    removes: &[
        "AIDER_MODEL",
        "AIDER_WEAK_MODEL",
        "AIDER_EDITOR_MODEL",
        "AIDER_OPENAI_*",
        "AIDER_ANTHROPIC_*",
        "AIDER_API_KEY",
    ],
    sets: &[
        ("OPENAI_API_BASE", "{v1}"),
        ("OPENAI_API_KEY", "{key}"),
        ("AIDER_MODEL", "openai/{model}"),
        ("AIDER_WEAK_MODEL", "openai/{small}"),
        ("AIDER_EDITOR_MODEL", "openai/{model}"),
    ],
    files: &[("aider.env", "OPENAI_API_BASE={v1}\nOPENAI_API_KEY={key}\n")],
    arguments: &[&["--env-file", "{folder}/aider.env"], &["--model-metadata-file", "{folder}/models.json"]],
    chooses: &["--model"],
    idle: &["--version", "--help", "-h", "--list-models", "--models", "--upgrade", "--update", "--check-update"],
    lists: true,
    adapt: Some(adapt),
    ..Agent::NONE
};

fn adapt(_: &mut Plan, launch: &Launch<'_>) -> Result<(), Failure> {
    let Some(folder) = launch.folder else { return Ok(()) };
    let models = launch.offered().into_iter().filter(|model| model.context_window.is_some()).map(|model| {
        let mut told = Map::from_iter([
            ("litellm_provider".to_owned(), json!("openai")),
            ("mode".to_owned(), json!("chat")),
            ("max_input_tokens".to_owned(), json!(model.context_window)),
        ]);
        told.extend(model.max_output_tokens.map(|most| ("max_output_tokens".to_owned(), json!(most))));
        for (key, which) in [
            ("input_cost_per_token", "prompt"),
            ("output_cost_per_token", "completion"),
            ("cache_read_input_token_cost", "input_cache_read"),
            ("cache_creation_input_token_cost", "input_cache_write"),
        ] {
            told.extend(model.dollars(which).map(|dollars| (key.to_owned(), json!(dollars / 1e6))));
        }
        told.insert("supports_vision".to_owned(), model.sees().into());
        (format!("openai/{}", model.id), Value::Object(told))
    });
    let models: Map<String, Value> = models.collect();
    write_private(&folder.join("models.json"), Value::Object(models).to_string().as_bytes())
}
