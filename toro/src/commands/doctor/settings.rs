//! Agents' own settings that stand against what `toro` tells them. Names are told, never values: those may be keys.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::report::Report;
use crate::agents::Agent;
use crate::commands::Context;
use crate::exit::Failure;

/// No settings are longer, in bytes.
const MOST_BYTES: u64 = 4 << 20;

/// What a setting does to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// It goes before what `toro` says.
    Beats,
    /// It has its way in something that may not be meant.
    Bends,
}

/// A file that an agent reads, and names in it that matter: with dots where they lie deeper, `*` for all that begin so.
struct Place {
    agent: &'static str,
    /// Below the home directory where it begins with `~`, below the working directory where it begins with `.`; `$NAME`
    /// is a variable that says where instead.
    file: &'static str,
    names: &'static [(&'static str, Weight)],
}

use Weight::{Beats, Bends};

/// Of its `env`, what leads elsewhere is overruled by the settings that `toro` hands over.
const CLAUDE: &[(&str, Weight)] =
    &[("apiKeyHelper", Bends), ("forceLoginMethod", Bends), ("env.HTTPS_PROXY", Bends), ("env.HTTP_PROXY", Bends)];
const MANAGED: &[(&str, Weight)] = &[
    ("env.ANTHROPIC_*", Beats),
    ("env.CLAUDE_CODE_USE_*", Beats),
    ("apiKeyHelper", Beats),
    ("forceLoginMethod", Beats),
];
const CODEX: &[(&str, Weight)] = &[
    ("profile", Bends),
    ("model_catalog_json", Bends),
    ("model_providers.tokenrouter", Bends),
    ("forced_login_method", Bends),
];
const OPENCODE: &[(&str, Weight)] =
    &[("enabled_providers", Bends), ("disabled_providers", Bends), ("provider.tokenrouter", Bends)];
const GEMINI: &[(&str, Weight)] = &[("security.auth.enforcedType", Beats), ("security.auth.useExternal", Bends)];
const DOTENV: &[(&str, Weight)] =
    &[("GEMINI_*", Bends), ("GOOGLE_*", Bends), ("OPENAI_*", Bends), ("ANTHROPIC_*", Bends)];
const AIDER: &[(&str, Weight)] = &[
    ("openai-api-base", Bends),
    ("openai-api-key", Bends),
    ("anthropic-api-key", Bends),
    ("api-key", Bends),
    ("set-env", Bends),
];

const PLACES: &[Place] = &[
    Place { agent: "claude", file: "/etc/claude-code/managed-settings.json", names: MANAGED },
    Place { agent: "claude", file: "$CLAUDE_CONFIG_DIR|~/.claude/settings.json", names: CLAUDE },
    Place { agent: "claude", file: "./.claude/settings.json", names: CLAUDE },
    Place { agent: "claude", file: "./.claude/settings.local.json", names: CLAUDE },
    Place { agent: "codex", file: "$CODEX_HOME|~/.codex/config.toml", names: CODEX },
    Place { agent: "codex", file: "./.codex/config.toml", names: CODEX },
    Place { agent: "opencode", file: "$OPENCODE_CONFIG_DIR|~/.config/opencode/opencode.json", names: OPENCODE },
    Place { agent: "opencode", file: "./opencode.json", names: OPENCODE },
    Place { agent: "gemini", file: "~/.gemini/settings.json", names: GEMINI },
    Place { agent: "gemini", file: "./.gemini/settings.json", names: GEMINI },
    Place { agent: "gemini", file: "~/.gemini/.env", names: DOTENV },
    Place { agent: "gemini", file: "./.gemini/.env", names: DOTENV },
    Place { agent: "gemini", file: "./.env", names: DOTENV },
    Place { agent: "qwen", file: "~/.qwen/settings.json", names: GEMINI },
    Place { agent: "qwen", file: "~/.qwen/.env", names: DOTENV },
    Place { agent: "qwen", file: "./.qwen/.env", names: DOTENV },
    Place { agent: "qwen", file: "./.env", names: DOTENV },
    Place { agent: "aider", file: "~/.aider.conf.yml", names: AIDER },
    Place { agent: "aider", file: "./.aider.conf.yml", names: AIDER },
    Place { agent: "aider", file: "./.env", names: DOTENV },
];

impl Place {
    fn path(&self, context: &Context) -> Option<PathBuf> {
        let home = (context.env)("HOME").map(PathBuf::from);
        let file = match self.file.strip_prefix('$').and_then(|rest| rest.split_once('|')) {
            Some((variable, usual)) => match (context.env)(variable) {
                // The variable names the folder.
                Some(folder) => return Some(Path::new(&folder).join(Path::new(usual).file_name()?)),
                None => usual,
            },
            None => self.file,
        };
        match file.strip_prefix("~/") {
            Some(below) => Some(home?.join(below)),
            None => Some(PathBuf::from(file)),
        }
    }
}

/// Looks at all that this agent reads.
pub(super) fn check(context: &Context, agent: &Agent, report: &mut Report<'_>) -> Result<(), Failure> {
    let mut is_known = false;
    let mut is_clear = true;
    for place in PLACES.iter().filter(|place| place.agent == agent.name) {
        is_known = true;
        let Some(path) = place.path(context) else { continue };
        let Ok(meta) = std::fs::metadata(&path) else { continue };
        let shown = path.display();
        let text = if meta.is_file() && meta.len() <= MOST_BYTES { std::fs::read_to_string(&path).ok() } else { None };
        let Some(text) = text else {
            is_clear = false;
            report.warn("settings", &format!("{shown} cannot be read"), "The agent may not be able to either.")?;
            continue;
        };
        let Some(names) = names(&path, &text) else {
            is_clear = false;
            report.warn("settings", &format!("{shown} is damaged"), "Repair it: the agent may refuse to start.")?;
            continue;
        };
        for weight in [Beats, Bends] {
            let of = |name: &&String| place.names.iter().any(|(wanted, w)| *w == weight && is_meant(wanted, name));
            let found: Vec<&str> = names.iter().filter(of).map(String::as_str).collect();
            if found.is_empty() {
                continue;
            }
            is_clear = false;
            let told = format!("{shown} says {}", found.join(", "));
            if weight == Beats {
                report.bad("settings", &told, "That goes before what toro tells the agent: take it out of there.")?;
            } else {
                report.warn("settings", &told, "Take it out of there if the agent does not reach the gateway.")?;
            }
        }
    }
    match (is_known, is_clear) {
        (false, _) => report.skipped("settings", "nothing is known that would stand against toro"),
        (true, true) => report.good("settings", "nothing in them stands against toro"),
        (true, false) => Ok(()),
    }
}

fn is_meant(wanted: &str, name: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == wanted || name.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.')),
    }
}

/// The names of all that a file says, deeper ones with dots; nothing where it makes no sense.
fn names(path: &Path, text: &str) -> Option<Vec<String>> {
    let value: Value = match path.extension().and_then(|end| end.to_str()) {
        Some("toml") => toml::from_str(text).ok()?,
        Some("json") => serde_json::from_str(&without_comments(text)).ok()?,
        _ => {
            let lines = text.lines().filter(|line| !line.starts_with([' ', '\t', '#', '-']));
            let name = |line: &str| {
                let line = line.strip_prefix("export ").unwrap_or(line);
                Some(line.split_once(['=', ':'])?.0.trim().to_owned())
            };
            return Some(lines.filter_map(name).collect());
        }
    };
    let mut all = Vec::new();
    collect("", &value, 0, &mut all);
    Some(all)
}

fn collect(above: &str, value: &Value, depth: usize, all: &mut Vec<String>) {
    let Some(map) = value.as_object().filter(|_| depth < 6) else { return };
    for (key, value) in map {
        let name = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        all.push(name.clone());
        collect(&name, value, depth + 1, all);
    }
}

/// JSON without the comments that some agents take in it.
fn without_comments(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    let mut is_text = false;
    while let Some(c) = rest.chars().next() {
        if is_text {
            let taken = if c == '\\' { rest.chars().take(2).map(char::len_utf8).sum() } else { c.len_utf8() };
            is_text = c != '"';
            let (kept, after) = rest.split_at(taken);
            out += kept;
            rest = after;
        } else if rest.starts_with("//") {
            rest = rest.find('\n').and_then(|at| rest.get(at..)).unwrap_or_default();
        } else if rest.starts_with("/*") {
            rest = rest.find("*/").and_then(|at| rest.get(at + 2..)).unwrap_or_default();
        } else {
            is_text = c == '"';
            out.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_every_form() {
        let of = |file: &str, text: &str| names(Path::new(file), text);
        let json = of("a.json", "{ // why\n \"env\": {\"ANTHROPIC_BASE_URL\": \"http://x/*no*/\"}, /* b */ \"a\": 1 }")
            .unwrap();
        assert_eq!(json, ["a", "env", "env.ANTHROPIC_BASE_URL"]);
        assert_eq!(of("a.toml", "profile = \"x\"\n[b.c]\nd = 1").unwrap(), ["b", "b.c", "b.c.d", "profile"]);
        assert_eq!(of(".env", "export OPENAI_API_KEY=x\n# y=z\nA=1").unwrap(), ["OPENAI_API_KEY", "A"]);
        assert!(of("a.json", "{").is_none());
    }

    #[test]
    fn a_name_is_meant_with_all_below_it() {
        assert!(
            is_meant("env.ANTHROPIC_*", "env.ANTHROPIC_BASE_URL")
                && is_meant("provider.tokenrouter", "provider.tokenrouter.name")
        );
        assert!(!is_meant("profile", "profiles") && !is_meant("profile", "profiles.x"));
    }
}
