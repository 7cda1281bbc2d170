//! From what was typed to the provider that is written: preset or URL, name, account.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tokenrouter::Protocol;
use tokenrouter::catalog::{BaseUrl, BaseUrlError, Preset, PresetEndpoint, Presets};

use crate::commands::prompt;
use crate::config::edit::provider::{Draft, Urls};
use crate::config::{self, Config, SecretSource};

/// Who is added.
#[derive(Clone, Debug)]
pub(in crate::commands) enum Source {
    /// A well-known provider.
    Known(Arc<Preset>),
    /// Any other, by its URL.
    At(BaseUrl),
}

impl Source {
    /// Reads the name of a preset or a URL. What is told of a wrong one never repeats a URL: it may hold a password.
    pub(in crate::commands) fn read(text: &str, presets: &Presets) -> anyhow::Result<Self> {
        if text.contains("://") {
            let bare = config::without_operation(text).map_or(text, |(bare, _)| bare);
            return match BaseUrl::parse(bare) {
                Ok(url) => Ok(known(&url, presets).map_or(Self::At(url), Self::Known)),
                Err(e @ (BaseUrlError::UserInfo | BaseUrlError::Query)) => {
                    bail!("{e}: give the key by itself")
                }
                Err(e) => bail!("{e}: write it like https://llm.example.com/v1"),
            };
        }
        if let Some(preset) = presets.find(text) {
            return Ok(Self::Known(preset));
        }
        let shown = config::shorten(text);
        if let Some(gone) = Preset::gone(text) {
            bail!("`{shown}` cannot be called: {}", gone.why);
        }
        if text.contains('@') || text.contains('.') || text.contains(':') || text.contains('/') {
            bail!("for a provider that is not known by name give its whole URL{}", whole(text));
        }
        match presets.closest(text) {
            Some(close) => bail!("no provider is known as `{shown}`: did you mean `{close}`?"),
            None => bail!(
                "no provider is known as `{shown}`: `torod provider presets` lists those that are; for another give its URL"
            ),
        }
    }

    /// Its preset.
    pub(in crate::commands) fn preset(&self) -> Option<&Preset> {
        match self {
            Self::Known(preset) => Some(preset),
            Self::At(_) => None,
        }
    }

    /// What it is called where nobody says.
    pub(in crate::commands) fn usual_name(&self) -> String {
        match self {
            Self::Known(preset) => preset.id.clone(),
            Self::At(url) => {
                let host = url.host().trim_start_matches("api.").trim_start_matches("www.");
                let host = host.trim_matches(['[', ']']).replace(':', "-");
                let port = url.port();
                let name = if port == url.scheme().default_port() { host } else { format!("{host}-{port}") };
                name.chars().take(64).collect()
            }
        }
    }
}

/// The URL that was probably meant, unless it may hold a password.
fn whole(text: &str) -> String {
    let scheme = if is_near(text.split(['/', ':']).next().unwrap_or_default()) { "http" } else { "https" };
    let url = format!("{scheme}://{text}");
    let is_url = !text.contains(['@', '?']) && text.len() < 200 && BaseUrl::parse(&url).is_ok();
    if is_url { format!(": did you mean {url}?") } else { ", such as https://llm.example.com/v1".to_owned() }
}

/// Whether a host is this machine.
pub(super) fn is_near(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The preset that is at `url`: it knows more of the server than its URL tells.
fn known(url: &BaseUrl, presets: &Presets) -> Option<Arc<Preset>> {
    let is_here = |endpoint: &PresetEndpoint| {
        let theirs = endpoint.url(&|_| None).ok();
        theirs.is_some_and(|theirs| theirs.join(endpoint.protocol, "") == url.join(endpoint.protocol, ""))
    };
    presets.all().find(|preset| preset.endpoints.iter().any(is_here)).cloned()
}

/// The provider that is written for `source`: no key yet, and at a URL without protocols.
pub(in crate::commands) fn drafted(
    source: &Source,
    name: Option<String>,
    account: Vec<(String, String)>,
    config: &Config,
    can_ask: bool,
) -> anyhow::Result<Draft> {
    let name = name.unwrap_or_else(|| source.usual_name());
    if !config::is_name(&name) {
        bail!("`{}` is no provider name: {}", config::shorten(&name), config::NAME_RULE);
    }
    if let Some(other) = config.providers.iter().find(|other| other.name.eq_ignore_ascii_case(&name)) {
        bail!(
            "there is already a provider `{}`: change it with `torod provider set {0} …`, or give this one a name of its \
             own with `--name {}`",
            other.name,
            free_name(&name, config, &[])
        );
    }
    let account = match source {
        Source::Known(preset) => complete(account, preset, can_ask)?,
        Source::At(_) if !account.is_empty() => bail!("`--account` fills in the URL of a preset; a URL needs none"),
        Source::At(_) => account,
    };
    let urls = match source {
        Source::Known(_) => Urls::Preset,
        Source::At(url) => Urls::Base(url.to_string()),
    };
    Ok(Draft { name, preset: source.preset().map(|preset| preset.id.clone()), urls, account, key: None })
}

fn is_taken(name: &str, config: &Config, before: &[Draft]) -> bool {
    let mut names = config.providers.iter().map(|other| &other.name).chain(before.iter().map(|draft| &draft.name));
    names.any(|other| other.eq_ignore_ascii_case(name))
}

/// `name`, or the first of `name-2`, `name-3`, … that nobody has.
pub(in crate::commands) fn free_name(name: &str, config: &Config, before: &[Draft]) -> String {
    let more = (2..1_000).map(|n| format!("{name}-{n}"));
    let mut names = std::iter::once(name.to_owned()).chain(more);
    names.find(|name| !is_taken(name, config, before)).unwrap_or_default()
}

/// Why a provider cannot be called `name`, for somebody who is asked again.
pub(in crate::commands) fn objection(name: &str, config: &Config, before: &[Draft]) -> Option<String> {
    if !config::is_name(name) {
        return Some(format!("`{}` is no provider name: {}.", config::shorten(name), config::NAME_RULE));
    }
    is_taken(name, config, before).then(|| format!("There is already a provider `{name}`: choose another name."))
}

/// What `preset` needs to be told, by flag or by question.
fn complete(
    mut account: Vec<(String, String)>,
    preset: &Preset,
    can_ask: bool,
) -> anyhow::Result<Vec<(String, String)>> {
    if let Some((name, _)) = account.iter().find(|(name, _)| !preset.needs.contains_key(name)) {
        let known: Vec<&str> = preset.needs.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
        bail!("nothing in the URL of {} is called `{}`: it needs {known}", preset.id, config::shorten(name));
    }
    let given = |account: &[(String, String)], name: &str| account.iter().any(|(known, _)| known == name);
    for (name, meaning) in &preset.needs {
        if given(&account, name) {
            continue;
        }
        if !can_ask {
            let missing = preset.needs.iter().filter(|(name, _)| !given(&account, name));
            let flags: Vec<String> =
                missing.map(|(name, meaning)| format!("  --account {name}=…   {meaning}")).collect();
            bail!("the URL of {} depends on your account; add:\n{}", preset.id, flags.join("\n"));
        }
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
