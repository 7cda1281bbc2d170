//! The first `torod.toml`: the providers that were found, and every key commented with its meaning.

use super::reference::{KEYS, Key};

/// A provider key in the environment; the key itself is never read here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundKey {
    /// Whose it is: the preset's id.
    pub preset: &'static str,
    /// The variable that holds it.
    pub env_var: &'static str,
}

/// A model server on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundServer {
    /// What it is: the preset's id.
    pub preset: String,
    /// Its base URL.
    pub url: String,
    /// How many models it lists.
    pub models: usize,
}

/// What a first start found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detected {
    /// Keys in the environment.
    pub keys: Vec<FoundKey>,
    /// Model servers on this machine.
    pub servers: Vec<FoundServer>,
}

const HEAD: &str = "# The configuration of torod. Lines behind a # are the defaults: remove the # to change one.
# `torod config check` tells what is wrong with this file, `torod config reference` explains every key.
";

/// The text of a new file for what was found.
pub fn first_run(found: &Detected) -> String {
    let mut text = HEAD.to_owned();
    for key in top_level() {
        comment(&mut text, key);
    }
    text.push_str("\n# ---- Providers: who is called, where, with which key ----\n");
    for FoundKey { preset, env_var } in &found.keys {
        text += &format!(
            "\n[[providers]]\nname = \"{preset}\"\nprovider_type = \"{preset}\"\napi_key = \"${{{env_var}}}\"\n"
        );
    }
    for server in &found.servers {
        let FoundServer { preset, url, models } = server;
        text += &format!("\n# found on this machine: {preset} at {url} ({models} models);");
        text += " used as long as\n# auto_detect_local_servers is on\n";
    }
    if found.keys.is_empty() {
        text.push_str(EXAMPLE);
    }
    text.push_str(ALIASES);
    for table in [
        "routing",
        "auto",
        "limits",
        "egress",
        "shutdown",
        "log",
        "tokens",
        "usage",
        "responses",
        "conversations",
        "prices",
        "alerts",
        "server",
        "tls",
        "admin",
        "telemetry",
    ] {
        text += &format!("\n[{table}]\n");
        for key in KEYS.iter().filter(|key| is_line_of(key, table)) {
            comment(&mut text, key);
        }
    }
    text
}

/// Whether a line of the table `table` is `key`; lists of tables stand for themselves.
fn is_line_of(key: &Key, table: &str) -> bool {
    key.path.strip_prefix(table).is_some_and(is_one_key) && key.kind != "array of tables"
}

/// `.attempts`, and not `.breaker.failures`, which stands in its table's line.
fn is_one_key(rest: &str) -> bool {
    rest.strip_prefix('.').is_some_and(|key| !key.contains('.'))
}

const ALIASES: &str = "
# ---- Aliases: names of your own for models, by profile; `torod profile use NAME` switches ----

# [[model_aliases]]
# name = \"chat\"
# [[model_aliases.targets]]
# profile = \"local\"
# provider = \"ollama\"
# model = \"qwen2.5:14b\"
";

const EXAMPLE: &str = "
# [[providers]]
# name = \"openai\"
# provider_type = \"openai\"             # fills in protocols and URLs
# api_key = \"${OPENAI_API_KEY}\"        # the variable's name; the key itself stays out of this file

# [[providers]]
# name = \"work\"
# protocols = { openai = \"https://llm.example.com/v1\" }
# api_key = { file = \"/run/secrets/work\" }
";

fn top_level() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(|key| !key.path.contains(['.', '[']) && !key.kind.contains("table"))
}

fn comment(text: &mut String, key: &Key) {
    *text += &format!("\n# {}\n# {}\n", key.meaning, key.example);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, SecretSource, parse};

    #[test]
    fn an_empty_find_means_the_defaults() {
        let text = first_run(&Detected::default());
        assert_eq!(parse(&text, "torod.toml"), Ok(Config::default()));
    }

    #[test]
    fn found_keys_become_providers_by_reference() {
        let keys = vec![
            FoundKey { preset: "openai", env_var: "OPENAI_API_KEY" },
            FoundKey { preset: "anthropic", env_var: "ANTHROPIC_API_KEY" },
        ];
        let servers = vec![FoundServer { preset: "ollama".into(), url: "http://127.0.0.1:11434".into(), models: 3 }];
        let text = first_run(&Detected { keys, servers });
        assert!(text.contains("api_key = \"${OPENAI_API_KEY}\""), "{text}");
        let config = parse(&text, "torod.toml").unwrap();
        let sources: Vec<_> =
            config.providers.iter().map(|p| (p.name.as_str(), p.credentials[0].secret.clone())).collect();
        assert_eq!(
            sources,
            [
                ("openai", SecretSource::Env("OPENAI_API_KEY".into())),
                ("anthropic", SecretSource::Env("ANTHROPIC_API_KEY".into()))
            ]
        );
    }

    #[test]
    fn every_commented_default_parses_when_uncommented() {
        let text = first_run(&Detected::default());
        let uncommented: Vec<&str> = text
            .lines()
            .map(|line| {
                line.strip_prefix("# ")
                    .filter(|l| !l.starts_with("---") && (l.contains(" = ") || l.starts_with("[[")))
                    .unwrap_or(line)
            })
            .filter(|line| !line.starts_with("default_provider"))
            .collect();
        let config = parse(&uncommented.join("\n"), "torod.toml").unwrap();
        assert_eq!(config.providers.len(), 2);
        assert_eq!(config.active_model_profile.as_deref(), Some("local"));
        let aliases = Config { providers: Vec::new(), model_aliases: Vec::new(), active_model_profile: None, ..config };
        assert_eq!(aliases, Config::default());
    }
}
