//! `torod provider set|remove|enable|disable`: one change of the file, comments kept.

use std::io::{Read as _, Write};
use std::path::Path;

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;
use toml_edit::Value;

use super::{find, key, load, print_json};
use crate::commands::{Exit, prompt};
use crate::config::edit::By;
use crate::config::edit::provider as edit;
use crate::config::{self, ProviderConfig, SecretSource};

/// The largest value that is read from the standard input, in bytes.
const LONGEST: u64 = 1 << 20;

/// Change one key of a provider.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod provider set groq priority 10\n  torod provider set groq timeouts.first_byte 30s\n  torod provider set groq api_key '${GROQ_API_KEY}'\n  torod provider set groq api_key --stdin < key.txt\n  torod provider set work 'models[big-model].price.input' 2.5\n  torod provider set groq priority --unset\n\n`torod config reference` explains every key below `providers[]`."
)]
pub(super) struct Set {
    /// Its name.
    name: String,
    /// The key, such as `priority`, `base_url`, `timeouts.connect` or `models[ID].context`.
    key: String,
    /// The value, as it stands in TOML; a text needs no quotes.
    #[arg(required_unless_present_any = ["stdin", "unset"], conflicts_with_all = ["stdin", "unset"], allow_hyphen_values = true)]
    value: Option<String>,
    /// Read the value from the standard input; for a key, which must not be an argument.
    #[arg(long, conflicts_with = "unset")]
    stdin: bool,
    /// Remove the key, so that its default holds.
    #[arg(long)]
    unset: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Remove a provider, with its comments.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  torod provider remove groq\n  torod provider remove groq --yes")]
pub(super) struct Remove {
    /// Its name.
    name: String,
    /// Do not ask whether it is meant.
    #[arg(long, short)]
    yes: bool,
    /// Print JSON, and ask nothing.
    #[arg(long)]
    json: bool,
}

/// What became of a provider.
#[derive(Serialize)]
struct Changed<'a> {
    provider: &'a str,
    changed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    removed: bool,
}

impl<'a> Changed<'a> {
    const fn new(provider: &'a str, changed: bool) -> Self {
        Self { provider, changed, enabled: None, key: None, removed: false }
    }
}

impl Set {
    pub(super) fn run(self, file: &Path, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let config = load(file)?;
        let before = find(&config, &self.name)?;
        let provider = &before.name;
        let is_secret = self.key == "api_key" || self.key == "api_keys";
        let value = match (&self.value, self.unset) {
            (_, true) => None,
            (Some(text), _) => Some(argument(text, is_secret)?),
            (None, _) => Some(from_stdin(is_secret)?),
        };
        let (value, tail) = bare(&self.key, value);
        let changed = edit::set(file, provider, &self.key, value.as_ref(), By::Owner)?;
        if let Some(tail) = tail {
            prompt::say(&format!("without {tail}, which torod adds itself"))?;
        }
        let after = load(file)?;
        for name in find(&after, provider).map_or_else(|_| Vec::new(), |after| lost(before, after)) {
            prompt::say(&format!(
                "the stored key `{name}` is for the address of before: give it again with `torod secrets set {name}`"
            ))?;
        }
        if self.json {
            print_json(out, &Changed { key: Some(&self.key), ..Changed::new(provider, changed) })?;
        } else if !changed {
            writeln!(out, "`{provider}` is so already")?;
        } else if self.unset {
            writeln!(out, "`{}` of `{provider}` is removed: its default holds", self.key)?;
        } else {
            writeln!(out, "`{}` of `{provider}` is set", self.key)?;
        }
        Ok(Exit::Done)
    }
}

/// The stored keys of a provider that are sent to another place from now on, for which they were not given.
fn lost<'c>(before: &ProviderConfig, after: &'c ProviderConfig) -> Vec<&'c str> {
    let known = before.origins();
    if after.origins().iter().all(|origin| known.contains(origin)) {
        return Vec::new();
    }
    stored(after)
}

/// The keys of a provider that the store has.
fn stored(provider: &ProviderConfig) -> Vec<&str> {
    let keys = provider.credentials.iter().filter_map(|key| match &key.secret {
        SecretSource::Stored(stored) => Some(stored.name.as_str()),
        _ => None,
    });
    keys.collect()
}

/// A URL without the path of an operation, as `add` takes it, and that path.
fn bare(key: &str, value: Option<Value>) -> (Option<Value>, Option<&'static str>) {
    let is_url = key == "base_url" || key.starts_with("protocols.");
    let found = value.as_ref().and_then(Value::as_str).filter(|_| is_url).and_then(config::without_operation);
    match found.map(|(bare, tail)| (Value::from(bare), tail)) {
        Some((bare, tail)) => (Some(bare), Some(tail)),
        None => (value, None),
    }
}

/// A value of the command line; a key itself must not stand there.
fn argument(text: &str, is_secret: bool) -> anyhow::Result<Value> {
    let value = value(text);
    if is_secret && holds_a_key(&value) {
        bail!(
            "a key must not be an argument, where others can read it: use `--stdin`, or refer to it: '${{NAME}}', \
             '{{ env = \"NAME\" }}', '{{ file = \"/run/secrets/name\" }}'"
        );
    }
    Ok(value)
}

/// Whether a value of `api_key` or `api_keys` is more than a reference.
fn holds_a_key(value: &Value) -> bool {
    match value {
        Value::String(text) => !(text.value().starts_with("${") && text.value().ends_with('}')),
        Value::InlineTable(table) => table.iter().any(|(name, value)| match name {
            "value" | "client_secret" => holds_a_key(value),
            "oauth" | "device" => value.as_inline_table().is_none_or(|_| holds_a_key(value)),
            _ => false,
        }),
        Value::Array(array) => array.iter().any(holds_a_key),
        _ => true,
    }
}

/// As TOML where it is, else as a text.
fn value(text: &str) -> Value {
    text.trim().parse().unwrap_or_else(|_| text.into())
}

fn from_stdin(is_secret: bool) -> anyhow::Result<Value> {
    let text = if prompt::is_possible() && is_secret {
        let typed = prompt::secret("The key:", "not shown while you type")?.context("no key was given")?;
        typed.expose().to_owned()
    } else {
        let mut text = String::new();
        let read = std::io::stdin().take(LONGEST).read_to_string(&mut text);
        read.ok().context("the standard input is no text")?;
        text.trim_end_matches(['\n', '\r']).to_owned()
    };
    if !is_secret {
        return Ok(value(&text));
    }
    if text.trim_start().starts_with(['[', '{']) {
        return Ok(value(&text));
    }
    key::typed(&text)?;
    Ok(text.into())
}

impl Remove {
    pub(super) fn run(self, file: &Path, out: &mut dyn Write) -> anyhow::Result<Exit> {
        let config = load(file)?;
        let provider = &find(&config, &self.name)?.name;
        if !self.yes && !self.json {
            if !prompt::is_possible() {
                bail!("to remove `{provider}` without being asked, add `--yes`");
            }
            if !prompt::confirm(&format!("Remove `{provider}` from {}?", file.display()), false)? {
                return Err(prompt::GivenUp::Answered.into());
            }
        }
        edit::remove(file, provider, By::Owner)?;
        let after = load(file)?;
        for name in stored(find(&config, provider)?).into_iter().filter(|name| !after.uses_secret(name)) {
            prompt::say(&format!("its key `{name}` is still stored: `torod secrets remove {name}` forgets it"))?;
        }
        if self.json {
            print_json(out, &Changed { removed: true, ..Changed::new(provider, true) })?;
        } else {
            writeln!(out, "`{provider}` is removed")?;
        }
        Ok(Exit::Done)
    }
}

/// Switches a provider on or off.
pub(super) fn switch(file: &Path, out: &mut dyn Write, name: &str, is_on: bool, json: bool) -> anyhow::Result<Exit> {
    let config = load(file)?;
    let provider = find(&config, name)?;
    let word = if is_on { "enabled" } else { "disabled" };
    let changed =
        provider.enabled != is_on && edit::set(file, &provider.name, "enabled", Some(&is_on.into()), By::Owner)?;
    let name = &provider.name;
    if json {
        print_json(out, &Changed { enabled: Some(is_on), ..Changed::new(name, changed) })?;
    } else if changed {
        writeln!(out, "`{name}` is {word}")?;
    } else {
        writeln!(out, "`{name}` is {word} already")?;
    }
    Ok(Exit::Done)
}
