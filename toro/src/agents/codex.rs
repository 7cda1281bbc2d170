//! Codex CLI: a provider of its own by `-c`, which leaves `CODEX_HOME`, sessions and the project's settings as they are.
//!
//! `auth.command` instead of `env_key`: only then Codex asks the gateway for its catalogue of models, without which it takes
//! a wrong context window. Codex keeps variables with KEY in their name from the commands that the model runs.

use super::Agent;

/// See the file.
pub(super) const CODEX: Agent = Agent {
    name: "codex",
    title: "Codex CLI",
    programs: &["codex"],
    protocol: "responses",
    install: "npm install -g @openai/codex",
    removes: &["CODEX_API_KEY", "CODEX_ACCESS_TOKEN", "CODEX_BASE_URL"],
    sets: &[("TOKENROUTER_KEY", "{key}")],
    arguments: &[
        &["-c", "model_provider=\"tokenrouter\""],
        &[
            "-c",
            "model_providers.tokenrouter={name=\"tokenrouter\",base_url=\"{v1}\",wire_api=\"responses\",\
             auth={command=\"printenv\",args=[\"TOKENROUTER_KEY\"]}}",
        ],
        &["-c", "features.api_key_model_discovery=true"],
        &["-c", "model={model:json}"],
    ],
    brings: &["gpt-", "codex-"],
    ..Agent::NONE
};
