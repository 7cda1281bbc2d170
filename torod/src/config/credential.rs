//! `api_key` and `api_keys`: where the keys of a provider come from. Nothing is fetched here.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use tokenrouter::catalog::Preset;
use tokenrouter_shared::Secret;
use toml::de::DeValue;

use super::field::Field;
use super::grant::{self, GrantConfig};
use super::section::Section;
use super::vault::{self, StoredSecret};

/// One key of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialConfig {
    /// What people call it.
    pub name: Option<String>,
    /// Where the key comes from.
    pub secret: SecretSource,
    /// Its share of the calls beside the other keys, from 1 to 1,000,000.
    pub weight: u32,
    /// After how long it is fetched anew at the latest, whatever it says itself.
    pub refresh: Option<Duration>,
}

/// How soon and how late a key may be fetched anew.
const REFRESH: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_hours(30 * 24);

impl CredentialConfig {
    /// What people call it; its number among the keys of its provider where it has no name.
    pub fn label(&self, at: usize) -> String {
        self.name.clone().unwrap_or_else(|| (at + 1).to_string())
    }

    /// Whether the key changes by itself while torod runs.
    pub const fn is_renewed(&self) -> bool {
        match self.secret {
            SecretSource::Command(_) | SecretSource::Grant(_) => true,
            SecretSource::File(_) => self.refresh.is_some(),
            SecretSource::Literal(_) | SecretSource::Env(_) | SecretSource::Stored(_) => false,
        }
    }
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// It stands in the file itself.
    Literal(Secret),
    /// An environment variable.
    Env(String),
    /// A file; blanks and newlines at its end do not count.
    File(PathBuf),
    /// What a command prints.
    Command(SecretCommand),
    /// The store of the data folder.
    Stored(StoredSecret),
    /// What a token server gives.
    Grant(Box<GrantConfig>),
}

/// A command that prints a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretCommand {
    /// A line for `sh -c`.
    Shell(String),
    /// Program and arguments, started without a shell. Not empty.
    Argv(Vec<String>),
}

impl SecretSource {
    /// Says where it would be sent: what is stored is had for these alone.
    pub(super) fn bind(&mut self, origins: &[String]) {
        if let Self::Stored(stored) = self {
            stored.origins = origins.to_vec();
        }
    }

    /// How it would stand in the file; a literal is masked.
    pub fn reference(&self) -> String {
        match self {
            Self::Literal(_) => "[secret]".to_owned(),
            Self::Env(name) => format!("${{{name}}}"),
            Self::File(path) => format!("file:{}", path.display()),
            Self::Command(SecretCommand::Shell(line)) => format!("command:{line}"),
            Self::Command(SecretCommand::Argv(argv)) => format!("command:{}", argv.join(" ")),
            Self::Stored(stored) => format!("secret:{}", stored.name),
            Self::Grant(grant) => format!("{}:{}", grant.key(), grant.token_url),
        }
    }
}

/// Reads `api_key` and `api_keys` of one provider.
pub(super) fn read_all(provider: &mut Section<'_>, preset: Option<&Preset>) -> Vec<CredentialConfig> {
    let single = provider.take("api_key");
    let several = provider.take("api_keys");
    if let (Some(single), Some(_)) = (&single, &several) {
        single.refuse("`api_key` and `api_keys` are both given", "put every key into `api_keys`");
    }
    let fields = match (single, several) {
        (Some(field), _) => vec![field],
        (None, Some(field)) => {
            hide(&field);
            field.elements("an array")
        }
        (None, None) => Vec::new(),
    };
    let variable = preset.and_then(|preset| preset.env.first()).map_or("NAME", String::as_str);
    if fields.is_empty() && preset.is_some_and(Preset::needs_key) {
        provider.report.warn(
            provider.span.clone(),
            &provider.path_of("api_key"),
            "this provider needs a key and has none".to_owned(),
            format!("add `api_key = \"${{{variable}}}\"`"),
        );
    }
    let mut credentials: Vec<CredentialConfig> = Vec::new();
    for field in fields {
        hide(&field);
        let Some(credential) = read(&field, variable) else { continue };
        if credential.name.is_some() && credentials.iter().any(|other| other.name == credential.name) {
            field.refuse("two keys have the same `name`", "give each key its own name");
        }
        provider.report.credential_at(field.span.clone(), &field.path);
        credentials.push(credential);
    }
    credentials
}

fn read(field: &Field<'_>, variable: &str) -> Option<CredentialConfig> {
    if let DeValue::String(text) = field.value {
        let secret = read_text(field, text, variable)?;
        return Some(CredentialConfig { name: None, secret, weight: 1, refresh: None });
    }
    if !field.value.is_table() {
        field.wrong_type("a string or a table");
        return None;
    }
    let mut section = field.section_as("providers[].api_keys[]".to_owned())?;
    let name = section.take("name").and_then(|name| name.string()).map(str::to_owned);
    let weight = section.weight("weight").unwrap_or(1);
    let refresh_field = section.take("refresh");
    let refresh = refresh_field.as_ref().and_then(|refresh| refresh.duration(REFRESH));
    let mut sources = read_sources(&mut section, variable);
    for (key, is_device) in [("oauth", false), ("device", true)] {
        if let Some(table) = section.take(key) {
            sources.push(grant::read(&table, is_device));
        }
    }
    section.finish();
    if sources.len() != 1 {
        let message = if sources.is_empty() { "this key has no source" } else { "this key has more than one source" };
        field.refuse(message, "give exactly one of `env`, `file`, `command`, `secret`, `oauth`, `device` and `value`");
    }
    let secret = sources.into_iter().next().flatten()?;
    if let (Some(refresh), SecretSource::Literal(_) | SecretSource::Env(_) | SecretSource::Stored(_)) =
        (refresh_field, &secret)
    {
        refresh.refuse("this key does not change while torod runs", "`refresh` is for `command`, `file` and tokens");
    }
    Some(CredentialConfig { name, secret, weight, refresh })
}

/// A secret that is fetched once: a text, or a table with one source.
pub(super) fn read_source(field: &Field<'_>, variable: &str) -> Option<SecretSource> {
    grant::hide(field);
    if let DeValue::String(text) = field.value {
        return read_text(field, text, variable);
    }
    if !field.value.is_table() {
        field.wrong_type("a string or a table");
        return None;
    }
    let mut section = field.section_as("providers[].api_keys[]".to_owned())?;
    let mut sources = read_sources(&mut section, variable);
    section.finish();
    if sources.len() != 1 {
        field.refuse(
            "this secret needs one source",
            "give exactly one of `env`, `file`, `command`, `secret` and `value`",
        );
    }
    sources.pop().flatten()
}

/// Every source that stands in a table; none in place of one that is wrong.
fn read_sources(section: &mut Section<'_>, variable: &str) -> Vec<Option<SecretSource>> {
    let mut sources = Vec::new();
    if let Some(value) = section.take("value") {
        hide(&value);
        sources.push(value.string().and_then(|text| read_text(&value, text, variable)));
    }
    if let Some(env) = section.take("env") {
        sources.push(env.string().and_then(|name| read_variable(&env, name)));
    }
    if let Some(file) = section.take("file") {
        let path = file.string();
        if path.is_some_and(|path| path.is_empty() || path.contains('\0')) {
            file.refuse("this is no path", file.example());
        }
        sources.push(path.map(|path| SecretSource::File(path.into())));
    }
    if let Some(secret) = section.take("secret") {
        let name = secret.string();
        if name.is_some_and(|name| !vault::is_secret_name(name)) {
            // Whoever misunderstands it writes the key itself.
            secret.hide();
            secret.refuse("this is no name of a stored secret", vault::SECRET_NAME_RULE);
        }
        let stored = |name: &str| StoredSecret { name: name.to_owned(), origins: Vec::new() };
        sources.push(name.map(|name| SecretSource::Stored(stored(name))));
    }
    if let Some(command) = section.take("command") {
        sources.push(read_command(&command).map(SecretSource::Command));
    }
    sources
}

/// `${NAME}`, or the key itself.
fn read_text(field: &Field<'_>, text: &str, variable: &str) -> Option<SecretSource> {
    if let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
        return read_variable(field, name);
    }
    if text.contains("${") {
        field.refuse("`${…}` must be the whole value", format!("write \"${{{variable}}}\""));
        return None;
    }
    if text.is_empty() || text.bytes().any(|b| !b.is_ascii_graphic()) {
        field.refuse("this is no key: it is empty or holds blanks", format!("write \"${{{variable}}}\""));
        return None;
    }
    if text.starts_with('$') {
        field.doubt("this is taken as the key itself", format!("write \"${{{variable}}}\" for a variable"));
    } else {
        field.doubt("a key stands in the file", format!("use \"${{{variable}}}\""));
    }
    Some(SecretSource::Literal(Secret::from(text)))
}

fn read_variable(field: &Field<'_>, name: &str) -> Option<SecretSource> {
    let valid = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if name.is_empty() || !name.bytes().all(valid) {
        field.refuse(
            "this is no name of an environment variable",
            "use letters, digits and `_`, such as OPENAI_API_KEY",
        );
        return None;
    }
    Some(SecretSource::Env(name.to_owned()))
}

fn read_command(field: &Field<'_>) -> Option<SecretCommand> {
    let valid = |text: &str| !text.trim().is_empty() && !text.contains('\0');
    let command = match field.value {
        DeValue::String(line) => Some(SecretCommand::Shell(line.clone().into_owned())).filter(|_| valid(line)),
        DeValue::Array(_) => {
            let argv: Option<Vec<_>> = field.elements("").iter().map(|word| word.string().map(str::to_owned)).collect();
            let argv = argv?;
            let fine =
                argv.first().is_some_and(|program| valid(program)) && argv.iter().all(|word| !word.contains('\0'));
            Some(SecretCommand::Argv(argv)).filter(|_| fine)
        }
        _ => {
            field.wrong_type("a string or an array of strings");
            return None;
        }
    };
    if command.is_none() {
        field.refuse("this is no command", field.example());
    }
    command
}

/// Keeps every text that may be a key out of quoted lines; references to variables are none.
fn hide(field: &Field<'_>) {
    match field.value {
        DeValue::String(text) if text.starts_with("${") && text.ends_with('}') => {}
        DeValue::Array(_) => field.elements("").iter().for_each(hide),
        // Its `value` is hidden where it is read, unknown keys where they are reported.
        DeValue::Table(_) => {}
        _ => field.hide(),
    }
}
