//! Claude Code: variables, and the same as a throw-away settings file, because what a user's settings say in `env` goes
//! before the environment. The user's settings, projects and history stay in use.

use serde_json::{Map, Value};

use super::Agent;
use super::launch::Launch;
use super::plan::{Plan, write_private};
use crate::exit::Failure;

/// Switches to other providers, which a user's settings may have on.
const OFF: &[&str] = &[
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_CUSTOM_HEADERS",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_MANTLE",
    "CLAUDE_CODE_USE_ANTHROPIC_AWS",
];

/// See the file.
pub(super) const CLAUDE: Agent = Agent {
    name: "claude",
    title: "Claude Code",
    programs: &["claude"],
    protocol: "anthropic",
    install: "npm install -g @anthropic-ai/claude-code",
    removes: &[
        "CLAUDE_CODE_USE_*",
        "CLAUDE_CODE_OAUTH_*",
        "CLAUDE_CODE_SKIP_*",
        "CLAUDE_CODE_SUBAGENT_MODEL",
        "CLAUDE_CODE_API_KEY_*",
    ],
    sets: &[
        ("ANTHROPIC_BASE_URL", "{root}"),
        ("ANTHROPIC_AUTH_TOKEN", "{key}"),
        ("ANTHROPIC_MODEL", "{model}"),
        ("ANTHROPIC_DEFAULT_OPUS_MODEL", "{opus}"),
        ("ANTHROPIC_DEFAULT_SONNET_MODEL", "{sonnet}"),
        ("ANTHROPIC_DEFAULT_HAIKU_MODEL", "{haiku}"),
        ("ANTHROPIC_DEFAULT_FABLE_MODEL", "{fable}"),
        ("ANTHROPIC_SMALL_FAST_MODEL", "{haiku}"),
        ("CLAUDE_CODE_SUBAGENT_MODEL", "{subagent}"),
        ("CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY", "1"),
    ],
    arguments: &[&["--settings", "{folder}/settings.json"]],
    chooses: &["--model"],
    bare: &["mcp", "plugin", "plugins", "doctor", "update", "upgrade", "install", "auth", "setup-token", "agents"],
    brings: &["claude-"],
    lists: true,
    adapt: Some(adapt),
    ..Agent::NONE
};

fn adapt(plan: &mut Plan, launch: &Launch<'_>) -> Result<(), Failure> {
    let Some(folder) = launch.folder else { return Ok(()) };
    // For models that it does not know; of its own it knows better.
    if let Some(context) = launch.chosen().and_then(|model| model.context_window) {
        plan.sets.insert("CLAUDE_CODE_MAX_CONTEXT_TOKENS".to_owned(), context.to_string().into());
    }
    let mut env: Map<String, Value> = OFF.iter().map(|name| ((*name).to_owned(), "".into())).collect();
    env.extend(plan.sets.iter().map(|(name, value)| (name.clone(), value.to_string_lossy().into_owned().into())));
    let settings = serde_json::json!({ "env": env }).to_string() + "\n";
    write_private(&folder.join("settings.json"), settings.as_bytes())
}
