//! Claude Code: variables, and the same as a throw-away settings file, because what a user's settings say in `env` goes
//! before the environment. The user's settings, projects and history stay in use.

use super::Agent;

const SETTINGS: &str = r#"{"env":{"ANTHROPIC_BASE_URL":{root:json},"ANTHROPIC_AUTH_TOKEN":{key:json},"ANTHROPIC_API_KEY":""}}
"#;

/// See the file.
pub(super) const CLAUDE: Agent = Agent {
    name: "claude",
    title: "Claude Code",
    programs: &["claude"],
    protocol: "anthropic",
    install: "npm install -g @anthropic-ai/claude-code",
    removes: &["CLAUDE_CODE_USE_*", "CLAUDE_CODE_OAUTH_*", "CLAUDE_CODE_SKIP_*", "CLAUDE_CODE_SUBAGENT_MODEL"],
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
    files: &[("settings.json", SETTINGS)],
    arguments: &[&["--settings", "{folder}/settings.json"]],
    chooses: &["--model"],
    ..Agent::NONE
};
