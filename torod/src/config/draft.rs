//! From what somebody asks for to the provider that is written: a preset or a URL, a name, an account.

use std::net::IpAddr;
use std::sync::Arc;

use tokenrouter::catalog::{BaseUrl, BaseUrlError, Preset, PresetEndpoint, Presets};

use super::edit::provider::{Draft, Urls};
use super::{Config, NAME_RULE, is_name, shorten, without_operation};

/// Why nothing can be written, in a sentence that never repeats a URL: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DraftError(pub String);

macro_rules! refuse {
    ($($words:tt)*) => { return Err(DraftError(format!($($words)*))) };
}

/// Who is added.
#[derive(Clone, Debug)]
pub enum Source {
    /// A well-known provider.
    Known(Arc<Preset>),
    /// Any other, by its URL.
    At(BaseUrl),
}

impl Source {
    /// Reads the name of a preset or a URL. What is told of a wrong one never repeats a URL: it may hold a password.
    pub fn read(text: &str, presets: &Presets) -> Result<Self, DraftError> {
        if text.contains("://") {
            let bare = without_operation(text).map_or(text, |(bare, _)| bare);
            return match BaseUrl::parse(bare) {
                Ok(url) => Ok(known(&url, presets).map_or(Self::At(url), Self::Known)),
                Err(e @ (BaseUrlError::UserInfo | BaseUrlError::Query)) => {
                    refuse!("{e}: give the key by itself")
                }
                Err(e) => refuse!("{e}: write it like https://llm.example.com/v1"),
            };
        }
        if let Some(preset) = presets.find(text) {
            return Ok(Self::Known(preset));
        }
        let shown = shorten(text);
        if let Some(gone) = Preset::gone(text) {
            refuse!("`{shown}` cannot be called: {}", gone.why);
        }
        if text.contains('@') || text.contains('.') || text.contains(':') || text.contains('/') {
            refuse!("for a provider that is not known by name give its whole URL{}", whole(text));
        }
        match presets.closest(text) {
            Some(close) => refuse!("no provider is known as `{shown}`: did you mean `{close}`?"),
            None => refuse!(
                "no provider is known as `{shown}`: `torod provider presets` lists those that are; for another give its URL"
            ),
        }
    }

    /// Its preset.
    pub fn preset(&self) -> Option<&Preset> {
        match self {
            Self::Known(preset) => Some(preset),
            Self::At(_) => None,
        }
    }

    /// What it is called where nobody says.
    pub fn usual_name(&self) -> String {
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
pub fn is_near(host: &str) -> bool {
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

/// The provider that is written for `source`: no key yet, and at a URL without protocols. What its URL needs to be told
/// must be in `account`.
pub fn drafted(
    source: &Source,
    name: Option<String>,
    account: Vec<(String, String)>,
    config: &Config,
) -> Result<Draft, DraftError> {
    let name = name.unwrap_or_else(|| source.usual_name());
    if !is_name(&name) {
        refuse!("`{}` is no provider name: {NAME_RULE}", shorten(&name));
    }
    if let Some(other) = config.providers.iter().find(|other| other.name.eq_ignore_ascii_case(&name)) {
        refuse!(
            "there is already a provider `{}`: change it with `torod provider set {0} …`, or give this one a name of its \
             own with `--name {}`",
            other.name,
            free_name(&name, config, &[])
        );
    }
    match source {
        Source::Known(preset) => check_account(&account, preset)?,
        Source::At(_) if !account.is_empty() => refuse!("`--account` fills in the URL of a preset; a URL needs none"),
        Source::At(_) => {}
    }
    let urls = match source {
        Source::Known(_) => Urls::Preset,
        Source::At(url) => Urls::Base(url.to_string()),
    };
    Ok(Draft { name, preset: source.preset().map(|preset| preset.id.clone()), urls, account, key: None })
}

/// Refuses what nothing in the URL of `preset` is called.
fn check_account(account: &[(String, String)], preset: &Preset) -> Result<(), DraftError> {
    let Some((name, _)) = account.iter().find(|(name, _)| !preset.needs.contains_key(name)) else { return Ok(()) };
    let known: Vec<&str> = preset.needs.keys().map(String::as_str).collect();
    let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
    refuse!("nothing in the URL of {} is called `{}`: it needs {known}", preset.id, shorten(name))
}

/// What the URL of `preset` still needs to be told, with its meaning.
pub fn missing<'p>(account: &[(String, String)], preset: &'p Preset) -> Vec<(&'p String, &'p String)> {
    preset.needs.iter().filter(|(name, _)| !account.iter().any(|(known, _)| known == *name)).collect()
}

fn is_taken(name: &str, config: &Config, before: &[Draft]) -> bool {
    let mut names = config.providers.iter().map(|other| &other.name).chain(before.iter().map(|draft| &draft.name));
    names.any(|other| other.eq_ignore_ascii_case(name))
}

/// `name`, or the first of `name-2`, `name-3`, … that nobody has.
pub fn free_name(name: &str, config: &Config, before: &[Draft]) -> String {
    let more = (2..1_000).map(|n| format!("{name}-{n}"));
    let mut names = std::iter::once(name.to_owned()).chain(more);
    names.find(|name| !is_taken(name, config, before)).unwrap_or_default()
}

/// Why a provider cannot be called `name`, for somebody who is asked again.
pub fn objection(name: &str, config: &Config, before: &[Draft]) -> Option<String> {
    if !is_name(name) {
        return Some(format!("`{}` is no provider name: {}.", shorten(name), NAME_RULE));
    }
    is_taken(name, config, before).then(|| format!("There is already a provider `{name}`: choose another name."))
}
