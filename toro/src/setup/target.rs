//! Which agents can be set up, where their configuration is, and what is written there.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{Change, Edit, Form};
use crate::agents::listed::Listed;
use crate::client::address::Address;
use crate::profile::Env;

/// What an edit is made of.
pub struct Terms<'t> {
    /// Where the gateway is.
    pub address: &'t Address,
    /// The key, for agents that take it nowhere but in the file.
    pub key: &'t str,
    /// The file that holds the key alone.
    pub key_file: &'t Path,
    /// The model.
    pub model: Option<&'t str>,
    /// The gateway's models.
    pub listed: &'t [Listed],
}

/// An agent that can be set up.
#[derive(Debug)]
pub struct Target {
    /// As in `toro NAME`.
    pub name: &'static str,
    /// Where its configuration is.
    pub place: fn(Env) -> Option<PathBuf>,
    /// How that is written.
    pub form: Form,
    /// Whether the key stands in the configuration itself.
    pub holds_key: bool,
    /// What changes.
    changes: fn(&Terms<'_>) -> Vec<Change>,
}

/// Every agent that can be set up.
pub const ALL: &[Target] = &[
    Target { name: "codex", place: codex_place, form: Form::Toml, holds_key: false, changes: codex },
    Target { name: "claude", place: claude_place, form: Form::Json, holds_key: true, changes: claude },
    Target { name: "opencode", place: opencode_place, form: Form::Json, holds_key: false, changes: opencode },
    Target { name: "gemini", place: gemini_place, form: Form::Dotenv, holds_key: true, changes: gemini },
    Target { name: "qwen", place: qwen_place, form: Form::Json, holds_key: true, changes: qwen },
    Target { name: "crush", place: crush_place, form: Form::Json, holds_key: false, changes: crush },
];

/// The agent of this name.
pub fn find(name: &str) -> Option<&'static Target> {
    ALL.iter().find(|target| target.name == name)
}

impl Target {
    /// What is to be done.
    pub fn edit(&self, file: PathBuf, terms: &Terms<'_>) -> Edit {
        Edit { file, form: self.form, changes: (self.changes)(terms) }
    }
}

/// The folder that the variable names, else that one below the home folder.
fn folder(env: Env, variable: &str, below_home: &str) -> Option<PathBuf> {
    let named = env(variable).map(PathBuf::from);
    named.or_else(|| Some(Path::new(&env("HOME")?).join(below_home)))
}

/// The first that is there, else the first.
fn first(folder: &Path, names: [&str; 2]) -> PathBuf {
    let mut places = names.map(|name| folder.join(name)).into_iter();
    let usual = places.next().unwrap_or_default();
    if usual.exists() { usual } else { places.find(|place| place.exists()).unwrap_or(usual) }
}

fn codex_place(env: Env) -> Option<PathBuf> {
    Some(folder(env, "CODEX_HOME", ".codex")?.join("config.toml"))
}

fn codex(terms: &Terms<'_>) -> Vec<Change> {
    let provider = |key: &str, value: Value| Change {
        path: ["model_providers", "tokenrouter", key].map(str::to_owned).to_vec(),
        value,
    };
    let mut changes = vec![
        Change::new(&["model_provider"], "tokenrouter"),
        provider("name", "tokenrouter".into()),
        provider("base_url", terms.address.url("/v1").into()),
        provider("wire_api", "responses".into()),
        // Only with a command Codex asks the gateway for its catalogue of models.
        provider("auth", json!({ "command": "cat", "args": [terms.key_file.to_string_lossy()] })),
        Change::new(&["features", "api_key_model_discovery"], true),
    ];
    changes.extend(terms.model.map(|model| Change::new(&["model"], model)));
    changes
}

fn claude_place(env: Env) -> Option<PathBuf> {
    Some(folder(env, "CLAUDE_CONFIG_DIR", ".claude")?.join("settings.json"))
}

fn claude(terms: &Terms<'_>) -> Vec<Change> {
    let mut sets = vec![
        ("ANTHROPIC_BASE_URL", terms.address.url("")),
        ("ANTHROPIC_AUTH_TOKEN", terms.key.to_owned()),
        // A key from elsewhere would go to the gateway beside it.
        ("ANTHROPIC_API_KEY", String::new()),
        ("CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY", "1".to_owned()),
    ];
    if let Some(model) = terms.model {
        for name in [
            "ANTHROPIC_MODEL",
            "ANTHROPIC_DEFAULT_OPUS_MODEL",
            "ANTHROPIC_DEFAULT_SONNET_MODEL",
            "ANTHROPIC_DEFAULT_HAIKU_MODEL",
        ] {
            sets.push((name, model.to_owned()));
        }
    }
    sets.into_iter().map(|(name, value)| Change::new(&["env", name], value)).collect()
}

fn opencode_place(env: Env) -> Option<PathBuf> {
    let folder = match env("XDG_CONFIG_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(&env("HOME")?).join(".config"),
    };
    Some(first(&folder.join("opencode"), ["opencode.json", "opencode.jsonc"]))
}

fn opencode(terms: &Terms<'_>) -> Vec<Change> {
    let models: Map<String, Value> =
        offered(terms).iter().map(|model| (model.id.clone(), crate::agents::described_for_opencode(model))).collect();
    let provider = json!({
        "npm": "@ai-sdk/openai-compatible",
        "name": "tokenrouter",
        "options": {
            "baseURL": terms.address.url("/v1"),
            "apiKey": format!("{{file:{}}}", terms.key_file.to_string_lossy()),
        },
        "models": models,
    });
    let mut changes = vec![Change::new(&["provider", "tokenrouter"], provider)];
    changes.extend(terms.model.map(|model| Change::new(&["model"], format!("tokenrouter/{model}"))));
    changes
}

fn gemini_place(env: Env) -> Option<PathBuf> {
    Some(Path::new(&env("HOME")?).join(".gemini/.env"))
}

fn gemini(terms: &Terms<'_>) -> Vec<Change> {
    let mut changes = vec![
        Change::new(&["GOOGLE_GEMINI_BASE_URL"], terms.address.url("")),
        Change::new(&["GEMINI_API_KEY"], terms.key),
    ];
    changes.extend(terms.model.map(|model| Change::new(&["GEMINI_MODEL"], model)));
    changes
}

fn qwen_place(env: Env) -> Option<PathBuf> {
    Some(Path::new(&env("HOME")?).join(".qwen/settings.json"))
}

fn qwen(terms: &Terms<'_>) -> Vec<Change> {
    let auth = |key: &str, value: &str| Change::new(&["security", "auth", key], value);
    let mut changes =
        vec![auth("selectedType", "openai"), auth("baseUrl", &terms.address.url("/v1")), auth("apiKey", terms.key)];
    changes.extend(terms.model.map(|model| Change::new(&["model", "name"], model)));
    changes
}

fn crush_place(env: Env) -> Option<PathBuf> {
    let folder = match (env("CRUSH_GLOBAL_CONFIG"), env("XDG_CONFIG_HOME")) {
        (Some(folder), _) => PathBuf::from(folder),
        (None, Some(folder)) => Path::new(&folder).join("crush"),
        (None, None) => Path::new(&env("HOME")?).join(".config/crush"),
    };
    Some(folder.join("crush.json"))
}

fn crush(terms: &Terms<'_>) -> Vec<Change> {
    let file = terms.key_file.to_string_lossy().replace('\'', "'\\''");
    let models: Vec<Value> = offered(terms).iter().map(crate::agents::described_for_crush).collect();
    let provider = json!({
        "name": "tokenrouter",
        "type": "openai-compat",
        "base_url": terms.address.url("/v1"),
        "api_key": format!("$(cat '{file}')"),
        "models": models,
    });
    let mut changes = vec![Change::new(&["providers", "tokenrouter"], provider)];
    if let Some(model) = terms.model {
        changes.push(Change::new(&["models", "large"], json!({ "provider": "tokenrouter", "model": model })));
    }
    changes
}

/// The models that write, and the one that was asked for.
fn offered(terms: &Terms<'_>) -> Vec<Listed> {
    let mut offered: Vec<Listed> = terms.listed.iter().filter(|model| model.writes()).cloned().collect();
    if let Some(model) = terms.model
        && !offered.iter().any(|known| known.id == model)
    {
        offered.push(Listed::named(model));
    }
    offered
}
