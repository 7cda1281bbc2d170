//! Gemini CLI: variables, and settings of the system's kind, which go before those of the user and the project: a login that
//! was chosen there would go past the gateway.

use serde_json::json;

use super::Agent;
use super::launch::Launch;
use super::merged::system_settings;
use super::plan::Plan;
use crate::exit::Failure;

/// See the file.
pub(super) const GEMINI: Agent = Agent {
    name: "gemini",
    title: "Gemini CLI",
    programs: &["gemini"],
    protocol: "gemini",
    install: "npm install -g @google/gemini-cli",
    removes: &[
        "GEMINI_CLI_CUSTOM_HEADERS",
        "GEMINI_CLI_USE_COMPUTE_ADC",
        "GEMINI_DEFAULT_AUTH_TYPE",
        "GOOGLE_CLOUD_ACCESS_TOKEN",
    ],
    sets: &[
        ("GOOGLE_GEMINI_BASE_URL", "{root}"),
        ("GEMINI_API_KEY", "{key}"),
        ("GEMINI_MODEL", "{model}"),
        ("GEMINI_CLI_SYSTEM_SETTINGS_PATH", "{folder}/settings.json"),
    ],
    brings: &["gemini-"],
    needs_near: true,
    adapt: Some(adapt),
    ..Agent::NONE
};

fn adapt(_: &mut Plan, launch: &Launch<'_>) -> Result<(), Failure> {
    let ours = json!({ "security": { "auth": { "selectedType": "gemini-api-key" } } });
    system_settings(launch, "GEMINI_CLI_SYSTEM_SETTINGS_PATH", "/etc/gemini-cli/settings.json", ours)
}
