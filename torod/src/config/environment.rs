//! Settings in the environment: `TOROD_LIMITS__REQUEST_BODY` is `limits.request_body` and goes before the file.
//!
//! The sections of a key are joined by two underscores, because one underscore is part of many names. A provider is named by its
//! name: `TOROD_PROVIDERS__GROQ__API_KEY`. A secret is never copied: the variable itself, or with `_FILE` behind its name the
//! file that it names, becomes where the secret is read from.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::finding::{Finding, Severity};
use super::reference::{self, KEYS, Key};
use super::section::{closest, shorten};

/// What the names begin with.
const PREFIX: &str = "TOROD_";
/// Names of ours that are no settings.
const OTHERS: [&str; 2] = ["TOROD_CONFIG", "TOROD_DATA_DIR"];
/// More variables than there are keys are no settings.
const MOST: usize = 1_000;
/// The longest value, in bytes.
const LONGEST: usize = 64 << 10;

/// Every variable that may be a setting. No value of a secret is ever printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, Option<String>>,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Environment").field(&self.variables.keys()).finish()
    }
}

/// A setting of the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvSetting {
    /// The variable.
    pub variable: String,
    /// The key, such as `limits.request_body` or `providers.groq.api_key`.
    pub key: String,
}

/// What the variables say as TOML.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// One line for each setting.
    pub(super) text: String,
    /// Where in the text each begins.
    pub(super) settings: Vec<(usize, EnvSetting)>,
    /// What is wrong with names, or with values before they are looked at as such.
    pub(super) findings: Vec<Finding>,
}

impl Environment {
    /// Those of `all`. Empty ones count as not set, so that `${X:-}` in a compose file means nothing.
    pub fn of(all: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let ours = all.filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(PREFIX))?;
            let is_ours = !OTHERS.contains(&name.as_str()) && !is_service_link(&name) && !value.is_empty();
            is_ours.then(|| (name, value.into_string().ok().filter(|value| value.len() <= LONGEST)))
        });
        Self { variables: ours.take(MOST).collect() }
    }

    /// That of this process.
    pub fn of_process() -> Self {
        Self::of(std::env::vars_os())
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.variables.is_empty()
    }

    /// Every setting in it.
    pub fn settings(&self) -> Vec<EnvSetting> {
        self.read().settings.into_iter().map(|(_, setting)| setting).collect()
    }

    /// All of it as TOML.
    pub(super) fn read(&self) -> Read {
        let mut read = Read::default();
        for (name, value) in &self.variables {
            let Some(meant) = Meant::of(name) else {
                read.findings.push(unknown(name));
                continue;
            };
            let Some(value) = value else {
                let advice = format!("write text in UTF-8, of at most {} KiB", LONGEST >> 10);
                read.findings.push(finding(
                    name,
                    &meant.key,
                    Severity::Error,
                    "the value is no text".to_owned(),
                    advice,
                ));
                continue;
            };
            let is_below = |other: &EnvSetting| {
                meant.key.strip_prefix(&other.key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            if let Some((_, other)) = read.settings.iter().find(|(_, other)| is_below(other)) {
                let message = format!("`{}` says the same key, or a table with it", other.variable);
                read.findings.push(finding(
                    name,
                    &meant.key,
                    Severity::Error,
                    message,
                    "set one of the two".to_owned(),
                ));
                continue;
            }
            let begin = read.text.len();
            read.text += &format!("{} = {}\n", meant.path, meant.value(name, value));
            read.settings.push((begin, EnvSetting { variable: name.clone(), key: meant.key }));
        }
        read
    }
}

/// What a variable's name means.
struct Meant {
    known: &'static Key,
    key: String,
    /// The same as TOML writes it.
    path: String,
    is_file: bool,
}

impl Meant {
    fn of(name: &str) -> Option<Self> {
        let rest = name.strip_prefix(PREFIX)?.to_ascii_lowercase();
        if let Some(meant) = Self::exactly(&rest, false) {
            return Some(meant);
        }
        Self::exactly(rest.strip_suffix("_file")?, true).filter(|meant| meant.known.kind == "secret")
    }

    fn exactly(rest: &str, is_file: bool) -> Option<Self> {
        let parts: Vec<&str> = rest.split("__").collect();
        if parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        if let ["providers", name, inside @ ..] = parts.as_slice()
            && !inside.is_empty()
        {
            let known = reference::find(&format!("providers[].{}", inside.join(".")))?;
            let name = provider_name(name);
            let key = format!("providers.{name}.{}", inside.join("."));
            let path = format!("providers.\"{name}\".{}", inside.join("."));
            return Some(Self { known, key, path, is_file });
        }
        let key = parts.join(".");
        let known = reference::find(&key)?;
        Some(Self { known, path: key.clone(), key, is_file })
    }

    /// The value as TOML. What it cannot be stays a text, of which the reader says what is wrong with it.
    fn value(&self, name: &str, value: &str) -> String {
        let kind = self.known.kind;
        let text = || toml_edit::Value::from(value).to_string();
        if kind == "secret" {
            let (place, what) = if self.is_file { ("file", value) } else { ("env", name) };
            return format!("{{ {place} = {} }}", toml_edit::Value::from(what));
        }
        let trimmed = value.trim();
        let is_toml = kind.contains("table") || kind.contains("array") || kind.contains("list");
        if is_toml && trimmed.starts_with(['[', '{']) {
            return match trimmed.parse::<toml_edit::Value>() {
                Ok(parsed) => parsed.decorated("", "").to_string(),
                Err(_) => text(),
            };
        }
        let number = |one: &str| one.trim().parse::<i64>().map(|n| n.to_string()).ok();
        let parsed = match kind {
            "boolean" => ["true", "false"].iter().find(|word| **word == trimmed).map(|word| (*word).to_owned()),
            "whole number" => number(value),
            "number" => trimmed.parse::<f64>().ok().filter(|n| n.is_finite()).map(|n| format!("{n:?}")),
            "array of whole numbers" => {
                value.split(',').map(number).collect::<Option<Vec<_>>>().map(|all| format!("[{}]", all.join(", ")))
            }
            kind if (kind.starts_with("array") || kind.starts_with("list")) && !kind.contains("table") => {
                let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
                Some(toml_edit::Value::from(items.collect::<toml_edit::Array>()).to_string())
            }
            _ => None,
        };
        parsed.unwrap_or_else(text)
    }
}

/// A provider's name as variables can say it: in small letters, with `-` for `_`.
pub(super) fn provider_name(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// What Kubernetes tells every container of a service that is named `torod`.
fn is_service_link(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    rest == "SERVICE_HOST" || rest == "PORT" || rest.starts_with("SERVICE_PORT") || {
        rest.strip_prefix("PORT_").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    }
}

pub(super) fn finding(name: &str, key: &str, severity: Severity, message: String, advice: String) -> Finding {
    Finding {
        file: name.to_owned(),
        line: 0,
        column: 0,
        key: key.to_owned(),
        severity,
        message,
        advice,
        snippet: String::new(),
        width: 1,
    }
}

/// A warning and no error: an environment has much in it that others put there.
fn unknown(name: &str) -> Finding {
    let rest = name.strip_prefix(PREFIX).unwrap_or(name).to_ascii_lowercase();
    let wanted = rest.replace("__", ".");
    let known = KEYS.iter().map(|key| key.path).filter(|path| !path.contains(['[', '<']));
    let is_file = rest.ends_with("_file");
    let closest = closest(&wanted, known).or_else(|| {
        // With one underscore where two belong.
        KEYS.iter().map(|key| key.path).find(|path| path.replace('.', "_") == rest)
    });
    let advice = match closest.and_then(variable) {
        Some(name) => format!("did you mean `{name}`?"),
        None if is_file => "`_FILE` stands behind keys that are secrets; see `torod config reference`".to_owned(),
        None => "see `torod config reference`; sections are joined by two underscores".to_owned(),
    };
    finding(&shorten(name), "", Severity::Warning, "no setting has this name".to_owned(), advice)
}

/// The variable that says the key `path`; none says a key inside other lists than that of the providers.
pub fn variable(path: &str) -> Option<String> {
    let path = path.replacen("providers[]", "providers.name", 1);
    let is_said = !path.contains(['[', '<']);
    is_said.then(|| format!("{PREFIX}{}", path.replace('.', "__").to_ascii_uppercase()))
}
