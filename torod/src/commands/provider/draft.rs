//! What a person at a terminal is asked before a provider is written, and the flags that say it.

use anyhow::{Context as _, bail};
use tokenrouter::Protocol;
use tokenrouter::catalog::{BaseUrl, Preset};

use crate::commands::prompt;
pub(super) use crate::config::draft::is_near;
use crate::config::draft::{self, missing};
pub(in crate::commands) use crate::config::draft::{Source, free_name, objection};
use crate::config::edit::provider::{Draft, Urls};
use crate::config::{Config, SecretSource};

/// The provider that is written for `source`: no key yet, and at a URL without protocols.
pub(in crate::commands) fn drafted(
    source: &Source,
    name: Option<String>,
    account: Vec<(String, String)>,
    config: &Config,
    can_ask: bool,
) -> anyhow::Result<Draft> {
    // What is wrong already is told before anybody is asked.
    let mut draft = draft::drafted(source, name, account, config)?;
    if let Source::Known(preset) = source {
        draft.account = complete(draft.account, preset, can_ask)?;
    }
    Ok(draft)
}

/// What `preset` needs to be told, by flag or by question.
fn complete(
    mut account: Vec<(String, String)>,
    preset: &Preset,
    can_ask: bool,
) -> anyhow::Result<Vec<(String, String)>> {
    let missing = missing(&account, preset);
    if !can_ask && !missing.is_empty() {
        let flags: Vec<String> =
            missing.iter().map(|(name, meaning)| format!("  --account {name}=…   {meaning}")).collect();
        bail!("the URL of {} depends on your account; add:\n{}", preset.id, flags.join("\n"));
    }
    for (name, meaning) in missing {
        let value = prompt::text(&format!("{} {}:", preset.name, name.replace('_', " ")), meaning)?;
        account.push((name.clone(), value));
    }
    Ok(account)
}

/// `NAME=VALUE`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// The URLs for protocols that are all at `base`.
pub(in crate::commands) fn at(base: &BaseUrl, protocols: &[Protocol]) -> Urls {
    match protocols {
        [] | [Protocol::OpenAi] => Urls::Base(base.to_string()),
        several => Urls::Protocols(several.iter().map(|protocol| (*protocol, base.to_string())).collect()),
    }
}

/// The key of a provider that can be called without a person: what the flags say, else the preset's usual variable.
pub(super) fn key_without_asking(source: &Source) -> anyhow::Result<Option<SecretSource>> {
    let Some(preset) = source.preset().filter(|preset| preset.needs_key()) else { return Ok(None) };
    let found = super::key::found(preset);
    let variable = preset.env.first().map_or("the key", String::as_str);
    let found = found.with_context(|| {
        format!(
            "{} needs a key: set {variable}, or give `--key-env VAR`, `--key-file FILE`, `--key-stdin` or `--key-command \
             COMMAND`",
            preset.id
        )
    })?;
    Ok(Some(SecretSource::Env(found.clone())))
}
