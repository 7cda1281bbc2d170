//! Gives a provider one more key, and takes one away; those beside it stay as they are written.

use std::path::Path;

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::far::{Places, unless_elsewhere};
use super::{index, key_value, parse};
use crate::config::credential::SecretSource;
use crate::config::edit::{By, EditError, check_version, like, update};
use crate::config::examine;
use crate::config::section::shorten;

/// One more key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// What people call it.
    pub name: String,
    /// Where it comes from.
    pub source: SecretSource,
    /// Its share of the calls beside the other keys; none: 1.
    pub weight: Option<u32>,
}

/// Writes `key` behind the keys of the provider `name`, if the file has the version `expected`.
///
/// # Errors
///
/// Where there is no such provider, a key of it has the name, the key may not be sent there according to `places`, the file
/// has another version, or would be wrong with it.
pub fn add(path: &Path, name: &str, key: &NewKey, expected: Option<&str>, places: &Places) -> Result<bool, EditError> {
    update(path, By::Api, |text, file| {
        check_version(text, expected)?;
        let edited = with(text, name, key, file)?;
        unless_elsewhere(text, &edited, name, file, places)?;
        Ok(edited)
    })
}

/// Takes the key with this label from the provider `name`, if the file has the version `expected`: its name, or its number
/// where it has none.
///
/// # Errors
///
/// Where there is no such provider or key, the file has another version, or would be wrong without it.
pub fn remove(path: &Path, name: &str, label: &str, expected: Option<&str>) -> Result<bool, EditError> {
    update(path, By::Api, |text, file| {
        check_version(text, expected)?;
        without(text, name, label, file)
    })
}

fn with(text: &str, name: &str, key: &NewKey, file: &str) -> Result<String, EditError> {
    let (mut document, at) = open(text, name, file)?;
    let provider = table(&mut document, at)?;
    // One key alone stands by itself, several in a list.
    if let Some(single) = provider.remove("api_key") {
        let single = single.into_value().map_err(|_| no_list())?;
        let decor = single.decor().clone();
        let mut list = Value::from(Array::from_iter([single.decorated("", "")]));
        *list.decor_mut() = decor;
        provider.insert("api_keys", Item::Value(list));
    }
    match provider.entry("api_keys").or_insert_with(|| Item::Value(Array::new().into())) {
        Item::Value(Value::Array(list)) => {
            let mut table = InlineTable::new();
            write(&mut table, key);
            list.push(table);
        }
        Item::ArrayOfTables(list) => {
            let mut table = Table::new();
            write(&mut table, key);
            list.push(table);
        }
        _ => return Err(no_list()),
    }
    Ok(like(text, &document.to_string()))
}

fn write(table: &mut dyn TableLike, key: &NewKey) {
    table.insert("name", Item::Value(key.name.as_str().into()));
    match key_value(&key.source) {
        // `{ secret = "…" }` becomes a part of the table.
        Value::InlineTable(source) => {
            for (word, value) in source {
                table.insert(&word, Item::Value(value.decorated(" ", "")));
            }
        }
        source => _ = table.insert("value", Item::Value(source)),
    }
    if let Some(weight) = key.weight {
        table.insert("weight", Item::Value(i64::from(weight).into()));
    }
}

fn without(text: &str, name: &str, label: &str, file: &str) -> Result<String, EditError> {
    let known = examine(text, file).config.providers;
    let known = known.iter().find(|known| known.name.eq_ignore_ascii_case(name));
    let labels = known.iter().flat_map(|known| known.credentials.iter()).enumerate();
    let mut labels = labels.map(|(at, key)| key.label(at));
    let (mut document, at) = open(text, name, file)?;
    let place = labels.position(|known| known == label);
    let no_key = || EditError::NoSuch("key", format!("`{}` of provider `{}`", shorten(label), shorten(name)));
    let place = place.ok_or_else(no_key)?;
    let provider = table(&mut document, at)?;
    let is_left = match provider.get_mut("api_keys") {
        None if place == 0 => false,
        Some(Item::Value(Value::Array(list))) if place < list.len() => {
            list.remove(place);
            !list.is_empty()
        }
        Some(Item::ArrayOfTables(list)) if place < list.len() => {
            list.remove(place);
            !list.is_empty()
        }
        _ => return Err(no_key()),
    };
    if !is_left {
        provider.remove("api_key");
        provider.remove("api_keys");
    }
    Ok(like(text, &document.to_string()))
}

fn no_list() -> EditError {
    EditError::NoTable("api_keys".to_owned())
}

/// The file, and where the provider stands in it.
fn open(text: &str, name: &str, file: &str) -> Result<(DocumentMut, usize), EditError> {
    let document = parse(text, file)?;
    let at = index(document.get("providers"), name)?;
    Ok((document, at))
}

fn table(document: &mut DocumentMut, at: usize) -> Result<&mut dyn TableLike, EditError> {
    let provider = document.get_mut("providers").and_then(|providers| providers.get_mut(at));
    provider.and_then(Item::as_table_like_mut).ok_or_else(|| EditError::NoTable("providers".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{StoredSecret, parse as read};

    const FILE: &str = "[[providers]]\nname = 'a'\nbase_url = 'https://a.example'\napi_key = '${A}' # mine\npriority = 3 # low\n\n\
                        # Two.\n[[providers]]\nname = 'b'\nbase_url = 'https://b.example'\napi_keys = ['${B}', { name = 'two', env = 'C' }] # both\n\n\
                        [[providers]]\nname = 'c'\nbase_url = 'https://c.example'\n[[providers.api_keys]]\nname = 'one'\nenv = 'D'\n\n[routing]\nattempts = 2 # few\n";

    fn key(name: &str) -> NewKey {
        let source = SecretSource::Stored(StoredSecret { name: "provider/x".into(), origins: Vec::new() });
        NewKey { name: name.to_owned(), source, weight: Some(2) }
    }

    fn labels(text: &str, name: &str) -> Vec<String> {
        let config = read(text, "t").unwrap_or_else(|e| panic!("{e:?}: {text}"));
        let provider = config.providers.iter().find(|provider| provider.name == name).unwrap();
        let label = |key: &crate::config::CredentialConfig| {
            format!("{} {} {}", key.name.as_deref().unwrap_or("-"), key.secret.reference(), key.weight)
        };
        provider.credentials.iter().map(label).collect()
    }

    #[test]
    fn one_more_key_stands_behind_those_there_in_any_form() {
        for (name, before) in
            [("a", vec!["- ${A} 1"]), ("b", vec!["- ${B} 1", "two ${C} 1"]), ("c", vec!["one ${D} 1"])]
        {
            assert_eq!(labels(FILE, name), before);
            let more = with(FILE, name, &key("new"), "t").unwrap();
            let mut expected = before.clone();
            expected.push("new secret:provider/x 2");
            assert_eq!(labels(&more, name), expected, "{more}");
            for kept in ["priority = 3 # low", "# mine", "# both", "# Two.", "[routing]\nattempts = 2 # few"] {
                assert!(more.contains(kept), "{kept}: {more}");
            }
            let less = without(&more, name, "new", "t").unwrap();
            assert_eq!(labels(&less, name), before, "{less}");
            let none = before.iter().fold(less, |text, _| {
                let first = labels(&text, name)[0].split(' ').next().unwrap().replace('-', "1");
                without(&text, name, &first, "t").unwrap()
            });
            assert!(labels(&none, name).is_empty(), "{none}");
            assert_eq!(labels(&with(&none, name, &key("x"), "t").unwrap(), name).len(), 1);
        }
        assert!(matches!(without(FILE, "b", "three", "t"), Err(EditError::NoSuch("key", _))));
        assert!(matches!(without(FILE, "b", "2", "t"), Err(EditError::NoSuch("key", _))), "it has a name");
        assert!(matches!(with(FILE, "z", &key("x"), "t"), Err(EditError::NoProvider { .. })));
    }
}
