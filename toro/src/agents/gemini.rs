//! Gemini CLI: variables, and for the run a folder of settings in which everything of the user's is linked: a login that was
//! chosen there would go past the gateway, and no variable goes before it. Sessions and memory stay the user's.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::Agent;
use super::launch::Launch;
use super::merged::{link_all, merge, read_json};
use super::plan::{Plan, write_private};
use crate::exit::Failure;

const SETTINGS: &str = "settings.json";
/// Logins.
const LEFT_OUT: &[&str] = &[SETTINGS, "oauth_creds.json", "google_accounts.json"];
/// What comes to be during a run and must outlive it.
const KEPT: &[&str] = &["tmp", "history"];

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
        ("GEMINI_CLI_HOME", "{folder}"),
    ],
    brings: &["gemini-"],
    needs_near: true,
    adapt: Some(adapt),
    ..Agent::NONE
};

fn adapt(plan: &mut Plan, launch: &Launch<'_>) -> Result<(), Failure> {
    let Some(folder) = launch.folder else { return Ok(()) };
    let home = (launch.env)("GEMINI_CLI_HOME").or_else(|| (launch.env)("HOME")).map(PathBuf::from);
    let users = home.map(|home| home.join(".gemini"));
    let own = users.as_ref().and_then(|users| read_json(&users.join(SETTINGS))).unwrap_or(Value::Null);
    let chosen = own.pointer("/security/auth/selectedType").and_then(Value::as_str);
    if matches!(chosen, Some("gemini-api-key" | "gateway")) {
        plan.sets.remove("GEMINI_CLI_HOME");
        return Ok(());
    }
    let shadow = folder.join(".gemini");
    std::fs::create_dir(&shadow)?;
    if let Some(users) = users {
        for name in KEPT {
            // Where that cannot be, the agent itself could not keep them either.
            _ = std::fs::create_dir_all(users.join(name));
        }
        link_all(&users, &shadow, LEFT_OUT);
    }
    let ours = json!({ "security": { "auth": { "selectedType": "gemini-api-key" } } });
    write_private(&shadow.join(SETTINGS), merge(own, ours).to_string().as_bytes())
}
