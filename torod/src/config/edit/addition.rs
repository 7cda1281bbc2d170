//! Adds many things to the file at once, or makes a file of them: what an import brings. What is decided already stays.

use std::path::Path;

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, TableLike, Value};

use super::{By, ConfigError, EditError, alias, findings, like, objection, read_text, update};
use crate::config::{AliasConfig, Examined, examine, write_new};

/// What is added.
#[derive(Clone, Debug, Default)]
pub struct Addition {
    /// What a new file begins with, as a comment.
    pub title: String,
    /// Keys such as `routing.attempts` with their values.
    pub settings: Vec<(&'static str, Value)>,
    /// Tables of `[[providers]]`.
    pub providers: Vec<Table>,
    /// Aliases whose names are free.
    pub aliases: Vec<AliasConfig>,
}

impl Addition {
    /// Whether it brings nothing, where the file has decided the settings `kept`.
    pub fn is_nothing(&self, kept: &[&'static str]) -> bool {
        self.providers.is_empty() && self.aliases.is_empty() && self.settings.iter().all(|(key, _)| kept.contains(key))
    }
}

/// The file as it would be, examined, and the keys of settings that it has decided already.
pub fn preview(path: &Path, addition: &Addition) -> Result<(Examined, Vec<&'static str>), EditError> {
    let name = path.display().to_string();
    let text = if path.exists() { read_text(path)? } else { String::new() };
    let (edited, kept) = extended(&text, addition, &name)?;
    let examined = examine(&edited, &name);
    match objection(&text, &examined, &name) {
        Some(objection) => Err(objection),
        None => Ok((examined, kept)),
    }
}

/// Writes it.
pub fn write(path: &Path, addition: &Addition) -> Result<(), EditError> {
    let name = path.display().to_string();
    if path.exists() {
        return update(path, By::Owner, |text, name| Ok(extended(text, addition, name)?.0)).map(drop);
    }
    let (text, _) = extended("", addition, &name)?;
    Ok(write_new(path, &format!("# {}\n\n{text}", addition.title))?)
}

fn extended(text: &str, addition: &Addition, name: &str) -> Result<(String, Vec<&'static str>), EditError> {
    let mut document: DocumentMut =
        text.parse().map_err(|_| EditError::from(ConfigError::Invalid(findings(text, name))))?;
    let mut kept = Vec::new();
    for (key, value) in &addition.settings {
        if !set(document.as_table_mut(), key, value)? {
            kept.push(*key);
        }
    }
    let tables = addition.providers.iter().cloned();
    push(document.as_table_mut(), "providers", tables)?;
    push(document.as_table_mut(), "model_aliases", addition.aliases.iter().map(alias::table))?;
    Ok((like(text, &document.to_string()), kept))
}

/// Sets the value where nothing stands. Says whether it did.
fn set(root: &mut Table, key: &str, value: &Value) -> Result<bool, EditError> {
    let mut parts: Vec<&str> = key.split('.').collect();
    let Some(last) = parts.pop() else { return Ok(false) };
    let mut at: &mut dyn TableLike = root;
    for part in parts {
        let item = at.entry(part).or_insert_with(|| Item::Table(Table::new()));
        at = item.as_table_like_mut().ok_or_else(|| EditError::NoTable(key.to_owned()))?;
    }
    if at.contains_key(last) {
        return Ok(false);
    }
    at.insert(last, Item::Value(value.clone()));
    Ok(true)
}

fn push(root: &mut Table, key: &str, tables: impl ExactSizeIterator<Item = Table>) -> Result<(), EditError> {
    if tables.len() == 0 {
        return Ok(());
    }
    match root.entry(key).or_insert_with(|| ArrayOfTables::new().into()) {
        Item::ArrayOfTables(known) => known.extend(tables),
        Item::Value(Value::Array(array)) => {
            for table in tables {
                array.push(table.into_inline_table());
            }
        }
        _ => return Err(EditError::NoTable(key.to_owned())),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TargetConfig;

    fn addition() -> Addition {
        let mut table = Table::new();
        table.insert("name", Value::from("new").into());
        table.insert("base_url", Value::from("http://127.0.0.1:9").into());
        let target = TargetConfig { provider: Some("new".into()), model: "m".into(), ..TargetConfig::default() };
        Addition {
            title: "Imported.".to_owned(),
            settings: vec![("lossy", "reject".into()), ("routing.attempts", 4.into())],
            providers: vec![table],
            aliases: vec![AliasConfig { name: "chat".into(), targets: vec![target], ..AliasConfig::default() }],
        }
    }

    #[test]
    fn what_is_decided_stays_and_comments_too() {
        let text = "# mine\nlossy = \"warn\" # so\n\n[[providers]] # first\nname = \"old\"\nbase_url = \"http://127.0.0.1:8\"\n";
        let (edited, kept) = extended(text, &addition(), "t").unwrap();
        assert_eq!(kept, ["lossy"]);
        assert!(
            edited.starts_with("# mine\nlossy = \"warn\" # so\n") && edited.contains("[[providers]] # first"),
            "{edited}"
        );
        let config = examine(&edited, "t");
        assert!(!config.has_errors(), "{:?} {edited}", config.findings);
        let names: Vec<_> = config.config.providers.iter().map(|provider| provider.name.as_str()).collect();
        assert_eq!((names, config.config.routing.attempts), (vec!["old", "new"], 4));
    }

    #[test]
    fn a_new_file_is_the_owners_alone_and_never_replaces_one() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("torod.toml");
        write(&path, &addition()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# Imported.\n") && !examine(&text, "t").has_errors(), "{text}");
        // A second time its name is taken.
        assert!(preview(&path, &addition()).is_err());
    }
}
