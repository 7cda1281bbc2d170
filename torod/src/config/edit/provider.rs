//! Adds, changes and removes one `[[providers]]` table; every other byte of the file stays as it is.

use std::path::Path;

use tokenrouter::Protocol;
use toml_edit::{ArrayOfTables, Document, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::{By, ConfigError, EditError, findings, like, objection, plain, read_text, update};
use crate::config::credential::{SecretCommand, SecretSource};
use crate::config::section::{closest, shorten};
use crate::config::{Config, Detected, Examined, GrantConfig, examine, first_run, write_new};

pub mod far;
pub mod keys;
mod region;

/// A provider as it is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Its name.
    pub name: String,
    /// The preset that it follows.
    pub preset: Option<String>,
    /// Where it is, where its preset does not say so.
    pub urls: Urls,
    /// What stands for the placeholders in the URLs of its preset.
    pub account: Vec<(String, String)>,
    /// Its key.
    pub key: Option<SecretSource>,
}

/// Where a provider is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Urls {
    /// Where its preset says.
    Preset,
    /// At one URL, in the protocols of its preset, or in `openai`.
    Base(String),
    /// Each protocol with its URL, the preferred one first.
    Protocols(Vec<(Protocol, String)>),
}

impl Draft {
    /// The same for everybody's eyes.
    #[must_use]
    pub fn masked(&self) -> Self {
        let key = self.key.clone().map(|key| match key {
            SecretSource::Literal(_) => SecretSource::Literal("[secret]".into()),
            reference => reference,
        });
        Self { key, ..self.clone() }
    }

    /// Its table, with `\n` at every line's end.
    pub fn text(&self) -> String {
        let mut text = format!("[[providers]]\nname = {}\n", quoted(&self.name));
        if let Some(preset) = &self.preset {
            text += &format!("provider_type = {}\n", quoted(preset));
        }
        match &self.urls {
            Urls::Preset => {}
            Urls::Base(url) => text += &format!("base_url = {}\n", quoted(url)),
            Urls::Protocols(urls) => {
                let table: InlineTable = urls.iter().map(|(p, url)| (p.as_str(), url.as_str())).collect();
                text += &format!("protocols = {}\n", plain(&table.into()));
            }
        }
        if !self.account.is_empty() {
            let table: InlineTable = self.account.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            text += &format!("account = {}\n", plain(&table.into()));
        }
        if let Some(key) = &self.key {
            text += &format!("api_key = {}\n", plain(&key_value(key)));
        }
        text
    }
}

/// As it stands in the file; a literal in plain words.
fn key_value(key: &SecretSource) -> Value {
    let table = |name: &str, value: Value| Value::from(InlineTable::from_iter([(name, value)]));
    match key {
        SecretSource::Literal(secret) => secret.expose().into(),
        SecretSource::Env(name) => format!("${{{name}}}").into(),
        SecretSource::File(path) => table("file", path.display().to_string().into()),
        SecretSource::Command(SecretCommand::Shell(line)) => table("command", line.as_str().into()),
        SecretSource::Command(SecretCommand::Argv(argv)) => table("command", argv.iter().map(String::as_str).collect()),
        SecretSource::Stored(stored) => table("secret", stored.name.as_str().into()),
        SecretSource::Grant(grant) => table(grant.key(), grant_value(grant).into()),
    }
}

fn grant_value(grant: &GrantConfig) -> InlineTable {
    let urls = [("device_url", grant.device_url.as_ref()), ("token_url", Some(&grant.token_url))];
    let rest = [("scope", grant.scope.as_ref()), ("audience", grant.audience.as_ref())];
    let texts = urls.into_iter().chain([("client_id", Some(&grant.client_id))]).chain(rest);
    let mut table: InlineTable = texts.filter_map(|(name, text)| Some((name, text?.as_str()))).collect();
    if let Some(secret) = &grant.client_secret {
        table.insert("client_secret", key_value(secret));
        table.insert("auth", grant.auth.as_str().into());
    }
    table
}

fn quoted(text: &str) -> String {
    plain(&text.into())
}

/// The file as it would be with `drafts` at the end of its providers, examined; where there is no file yet, the one that
/// a first start writes. The second is its text.
///
/// # Errors
///
/// Where the file cannot be read, is wrong as it is, or would be.
pub fn preview(path: &Path, drafts: &[Draft]) -> Result<(Examined, String), EditError> {
    let name = path.display().to_string();
    let text = if path.exists() { read_text(path)? } else { first_run(&Detected::default()) };
    let edited = added(&text, drafts, &name)?;
    let examined = examine(&edited, &name);
    match objection(&text, &examined, &name) {
        Some(objection) => Err(objection),
        None => Ok((examined, edited)),
    }
}

/// Writes `drafts` at the end of the providers, into a new file if there is none.
///
/// # Errors
///
/// As [`preview`], and where the file cannot be written.
pub fn add(path: &Path, drafts: &[Draft], by: By) -> Result<(), EditError> {
    if path.exists() {
        update(path, by, |text, name| added(text, drafts, name))?;
        return Ok(());
    }
    let (examined, text) = preview(path, drafts)?;
    if let Some(objection) = by.objection(&Config::default(), &examined.config) {
        return Err(objection);
    }
    Ok(write_new(path, &text)?)
}

/// Removes the provider `name` with its comments.
///
/// # Errors
///
/// Where there is none, or the file would be wrong without it.
pub fn remove(path: &Path, name: &str, by: By) -> Result<(), EditError> {
    update(path, by, |text, file| removed(text, name, file)).map(|_| ())
}

/// Sets the value at `key` (`priority`, `timeouts.connect`, `models[big-model].price.input`) of the provider `name`, or
/// removes it with `None`. Says whether the file was changed.
///
/// # Errors
///
/// Where there is no such provider or key, or the file would be wrong with it.
pub fn set(path: &Path, name: &str, key: &str, value: Option<&Value>, by: By) -> Result<bool, EditError> {
    let steps = read_key(key).ok_or_else(|| EditError::NoKey(shorten(key)))?;
    update(path, by, |text, file| changed(text, name, &steps, value, file))
}

/// One step from a provider to a value in it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    /// The model of this id.
    Model(String),
    At(usize),
}

fn read_key(key: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = key;
    if let Some(after) = key.strip_prefix("models[") {
        let (id, after) = after.split_once(']')?;
        steps.extend([Step::Key("models".to_owned()), Step::Model(id.to_owned())]);
        rest = after.strip_prefix('.')?;
    }
    let valid = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    for word in rest.split('.') {
        steps.push(Step::Key(valid(word).then(|| word.to_owned())?));
    }
    Some(steps)
}

fn parse(text: &str, name: &str) -> Result<DocumentMut, EditError> {
    text.parse().map_err(|_| ConfigError::Invalid(findings(text, name)).into())
}

/// The elements of an array, however it is written.
fn elements(array: Option<&Item>) -> impl Iterator<Item = &Item> {
    (0..).map_while(move |at| array?.get(at))
}

/// Where the provider `wanted` stands among the others.
fn index(providers: Option<&Item>, wanted: &str) -> Result<usize, EditError> {
    let names = elements(providers).map(|provider| provider.get("name").and_then(Item::as_str).unwrap_or_default());
    let names: Vec<&str> = names.collect();
    names.iter().position(|name| name.eq_ignore_ascii_case(wanted)).ok_or_else(|| {
        let close = closest(wanted, names.iter().copied()).map(str::to_owned);
        EditError::NoProvider { name: shorten(wanted), close }
    })
}

fn added(text: &str, drafts: &[Draft], name: &str) -> Result<String, EditError> {
    let mut text = text.to_owned();
    for draft in drafts {
        let place = {
            let invalid = |_| EditError::from(ConfigError::Invalid(findings(&text, name)));
            let document = Document::parse(text.as_str()).map_err(invalid)?;
            match document.get("providers") {
                None => region::first(&text),
                Some(Item::ArrayOfTables(tables)) => region::after_last(&text, tables),
                Some(_) => return Err(EditError::OneArray),
            }
        };
        let table = draft.text();
        let edited = region::insert(&text, place, &table);
        // At the end it is right whatever the file looks like.
        text = if is_one_more(&text, &edited) { edited } else { region::insert(&text, text.len(), &table) };
    }
    Ok(text)
}

/// Whether `edited` means the same as `text` but for one provider more.
fn is_one_more(text: &str, edited: &str) -> bool {
    let mut edited = edited.parse::<toml::Table>();
    let providers = edited.as_mut().ok().and_then(|table| table.get_mut("providers")?.as_array_mut());
    providers.is_some_and(|providers| providers.pop().is_some())
        && edited.is_ok_and(|edited| same(text.parse().ok(), Some(edited)))
}

fn removed(text: &str, wanted: &str, name: &str) -> Result<String, EditError> {
    let invalid = |_| EditError::from(ConfigError::Invalid(findings(text, name)));
    let document = Document::parse(text).map_err(invalid)?;
    let providers = document.get("providers");
    let at = index(providers, wanted)?;
    let mut by_meaning = parse(text, name)?;
    match by_meaning.get_mut("providers") {
        Some(Item::ArrayOfTables(tables)) => _ = tables.remove(at),
        Some(Item::Value(Value::Array(array))) => _ = array.remove(at),
        _ => return Err(EditError::OneArray),
    }
    let by_meaning = by_meaning.to_string();
    // Where tables of others stand among its own, or a comment is not what it seems, the slower way is the safe one.
    let cut = providers.and_then(Item::as_array_of_tables).and_then(|tables| region::cut(text, tables, at));
    Ok(cut.filter(|cut| means_the_same(cut, &by_meaning)).unwrap_or_else(|| like(text, &by_meaning)))
}

fn means_the_same(text: &str, other: &str) -> bool {
    same(text.parse().ok(), other.parse().ok())
}

fn same(mut one: Option<toml::Table>, mut two: Option<toml::Table>) -> bool {
    // Without any provider left, an empty array says as much as none.
    for table in [&mut one, &mut two].into_iter().flatten() {
        if table.get("providers").and_then(toml::Value::as_array).is_some_and(Vec::is_empty) {
            table.remove("providers");
        }
    }
    one.is_some() && one == two
}

fn changed(text: &str, wanted: &str, steps: &[Step], value: Option<&Value>, name: &str) -> Result<String, EditError> {
    let invalid = |_| EditError::from(ConfigError::Invalid(findings(text, name)));
    let document = Document::parse(text).map_err(invalid)?;
    let at = index(document.get("providers"), wanted)?;
    let provider = document.get("providers").and_then(|providers| providers.get(at));
    let mut path = Vec::new();
    for step in steps {
        let Step::Model(id) = step else {
            path.push(step.clone());
            continue;
        };
        let models = provider.and_then(|provider| provider.get("models"));
        let mut ids = elements(models).map(|model| model.get("id").and_then(Item::as_str).unwrap_or_default());
        match ids.position(|known| known == id) {
            Some(at) => path.push(Step::At(at)),
            None if value.is_none() => return Ok(text.to_owned()),
            None => return changed(&with_model(text, at, id, name)?, wanted, steps, value, name),
        }
    }
    let place = path.iter().try_fold(provider, |item, step| match step {
        Step::At(at) => item.map(|item| item.get(*at)),
        Step::Key(key) | Step::Model(key) => item.map(|item| item.get(key.as_str())),
    });
    if let (Some(value), Some(span)) = (value, place.flatten().and_then(Item::as_value).and_then(Value::span))
        && let (Some(before), Some(after)) = (text.get(..span.start), text.get(span.end..))
    {
        return Ok(format!("{before}{}{after}", plain(value)));
    }
    let mut document = parse(text, name)?;
    let Some(provider) = document.get_mut("providers").and_then(|providers| providers.get_mut(at)) else {
        return Ok(text.to_owned());
    };
    if put(provider, &path, value).ok_or_else(|| EditError::NoTable(spell(steps)))? {
        return Ok(like(text, &document.to_string()));
    }
    Ok(text.to_owned())
}

/// Puts `value` where `path` leads, through tables that need not be there yet. Says whether anything changed; none where
/// something else than a table stands in the way.
fn put(item: &mut Item, path: &[Step], value: Option<&Value>) -> Option<bool> {
    match path {
        [Step::At(at), rest @ ..] => put(item.get_mut(*at)?, rest, value),
        [Step::Key(last)] => {
            let table = item.as_table_like_mut()?;
            Some(match value {
                Some(value) => {
                    table.insert(last, Item::Value(value.clone()));
                    true
                }
                None => table.remove(last).is_some(),
            })
        }
        [Step::Key(key), rest @ ..] => {
            let table = item.as_table_like_mut()?;
            if value.is_none() && !table.contains_key(key) {
                return Some(false);
            }
            put(table.entry(key).or_insert_with(|| Item::Value(InlineTable::new().into())), rest, value)
        }
        _ => None,
    }
}

/// The same with a model of this id.
fn with_model(text: &str, at: usize, id: &str, name: &str) -> Result<String, EditError> {
    let no_table = || EditError::NoTable("models".to_owned());
    let mut document = parse(text, name)?;
    let provider = document.get_mut("providers").and_then(|providers| providers.get_mut(at)).ok_or_else(no_table)?;
    let is_inline = provider.is_value();
    let table: &mut dyn TableLike = provider.as_table_like_mut().ok_or_else(no_table)?;
    let empty = if is_inline { Item::Value(toml_edit::Array::new().into()) } else { ArrayOfTables::new().into() };
    match table.entry("models").or_insert(empty) {
        Item::ArrayOfTables(models) => {
            let mut model = Table::new();
            model.insert("id", Item::Value(id.into()));
            models.push(model);
        }
        Item::Value(Value::Array(models)) => models.push(InlineTable::from_iter([("id", id)])),
        _ => return Err(no_table()),
    }
    Ok(like(text, &document.to_string()))
}

fn spell(steps: &[Step]) -> String {
    let words = steps.iter().map(|step| match step {
        Step::Key(key) => key.clone(),
        Step::Model(id) => format!("[{}]", shorten(id)),
        Step::At(at) => format!("[{at}]"),
    });
    words.collect::<Vec<_>>().join(".").replace(".[", "[")
}

#[cfg(test)]
mod tests;
