//! `account` of a provider: what stands for the placeholders in the URLs of its preset.

use std::collections::BTreeMap;

use tokenrouter::Protocol;
use tokenrouter::catalog::{BaseUrl, Preset, PresetError};

use super::section::{Section, closest, shorten};

/// Values by the name of their placeholder.
pub(super) struct Account(BTreeMap<String, String>);

impl Account {
    /// The value for `name`, if it is given.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// Reads `account`; every name must be one that the preset needs.
pub(super) fn read(provider: &mut Section<'_>, preset: Option<&Preset>) -> Account {
    let mut values = BTreeMap::new();
    let Some(section) = provider.section("account") else { return Account(values) };
    for (name, field) in section.entries() {
        let needs = preset.map(|preset| &preset.needs);
        if needs.is_some_and(|needs| needs.contains_key(name)) {
            if let Some(value) = field.string() {
                values.insert(name.to_owned(), value.to_owned());
            }
            continue;
        }
        let known = || needs.into_iter().flat_map(BTreeMap::keys).map(String::as_str);
        let advice = match closest(name, known()) {
            Some(known) => format!("did you mean `{known}`?"),
            None if known().next().is_none() => "remove it: the URLs are known without".to_owned(),
            None => format!("known here: {}", known().collect::<Vec<_>>().join(", ")),
        };
        field.hide();
        field.refuse(format!("nothing in the URL is called `{}`", shorten(name)), advice);
    }
    Account(values)
}

/// The URLs of `preset`; what they need and have not is an error, told once.
pub(super) fn urls(provider: &Section<'_>, preset: &Preset, account: &Account) -> Vec<(Protocol, BaseUrl)> {
    let mut told = Vec::new();
    let mut urls = Vec::new();
    for endpoint in &preset.endpoints {
        let error = match endpoint.url(&|name| account.get(name)) {
            Ok(url) => {
                urls.push((endpoint.protocol, url));
                continue;
            }
            Err(error) => error,
        };
        if told.contains(&error) {
            continue;
        }
        let advice = match &error {
            PresetError::Missing(name) | PresetError::Value(name) => {
                let what = preset.needs.get(name).map_or("", String::as_str);
                format!("write `account = {{ {name} = \"…\" }}`: {what}")
            }
            PresetError::Url(_) => "set `base_url`".to_owned(),
        };
        let message = format!("preset `{}`: {error}", preset.id);
        provider.report.error(provider.span.clone(), &provider.path_of("account"), message, advice);
        told.push(error);
    }
    urls
}
