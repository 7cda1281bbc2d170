//! Writes and removes one `[[model_aliases]]` table; what stands around it stays as it is.

use std::path::Path;

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::error::meant;
use super::{By, ConfigError, EditError, check_version, findings, like, update};
use crate::config::section::{closest, shorten};
use crate::config::{AliasConfig, TargetConfig, examine};

/// Writes `alias` in the place of the one that is called `name`, or at the end where there is none, if the file has the
/// version `expected`. Says whether the file was changed.
///
/// # Errors
///
/// Where the file has another version, or would be wrong with it.
pub fn put(path: &Path, name: &str, alias: &AliasConfig, expected: Option<&str>) -> Result<bool, EditError> {
    update(path, By::Api, |text, file| {
        check_version(text, expected)?;
        with(text, name, alias, file)
    })
}

/// Removes the alias `name` with the comments above it, if the file has the version `expected`.
///
/// # Errors
///
/// Where there is none, the file has another version, or would be wrong without it.
pub fn remove(path: &Path, name: &str, expected: Option<&str>) -> Result<bool, EditError> {
    update(path, By::Api, |text, file| {
        check_version(text, expected)?;
        without(text, name, file)
    })
}

fn parse(text: &str, file: &str) -> Result<DocumentMut, EditError> {
    text.parse().map_err(|_| ConfigError::Invalid(findings(text, file)).into())
}

fn with(text: &str, name: &str, alias: &AliasConfig, file: &str) -> Result<String, EditError> {
    let before = examine(text, file).config.model_aliases;
    let before = before.iter().find(|known| known.name == name);
    if before == Some(alias) {
        return Ok(text.to_owned());
    }
    // What did not change keeps its layout and its comments.
    let keeps = before.is_some_and(|known| known.targets == alias.targets);
    let mut document = parse(text, file)?;
    match document.entry("model_aliases").or_insert_with(|| ArrayOfTables::new().into()) {
        Item::ArrayOfTables(tables) => {
            let at = tables.iter().position(|table| table.get("name").and_then(Item::as_str) == Some(name));
            if let Some(table) = at.and_then(|at| tables.get_mut(at)) {
                write(table, alias);
                if !keeps {
                    table.insert("targets", blocks(&alias.targets));
                }
            } else {
                tables.push(table(alias));
            }
        }
        Item::Value(Value::Array(array)) => {
            let is_this =
                |one: &Value| one.as_inline_table().and_then(|table| table.get("name")?.as_str()) == Some(name);
            let at = array.iter().position(is_this);
            if let Some(table) = at.and_then(|at| array.get_mut(at)?.as_inline_table_mut()) {
                write(table, alias);
                if !keeps {
                    table.insert("targets", inline(&alias.targets));
                }
            } else {
                let mut table = InlineTable::new();
                write(&mut table, alias);
                table.insert("targets", inline(&alias.targets));
                array.push(table);
            }
        }
        _ => return Err(EditError::NoTable("model_aliases".to_owned())),
    }
    Ok(like(text, &document.to_string()))
}

fn without(text: &str, name: &str, file: &str) -> Result<String, EditError> {
    let known = examine(text, file).config.model_aliases;
    let Some(at) = known.iter().position(|known| known.name == name) else {
        let close = closest(name, known.iter().map(|known| known.name.as_str()));
        return Err(EditError::NoSuch("alias", format!("`{}`{}", shorten(name), meant(close))));
    };
    let mut document = parse(text, file)?;
    match document.get_mut("model_aliases") {
        Some(Item::ArrayOfTables(tables)) => _ = tables.remove(at),
        Some(Item::Value(Value::Array(array))) => _ = array.remove(at),
        _ => return Err(EditError::NoTable("model_aliases".to_owned())),
    }
    Ok(like(text, &document.to_string()))
}

/// The alias as a table.
pub(super) fn table(alias: &AliasConfig) -> Table {
    let mut table = Table::new();
    write(&mut table, alias);
    table.insert("targets", blocks(&alias.targets));
    table
}

/// All but the targets.
fn write(table: &mut dyn TableLike, alias: &AliasConfig) {
    set(table, "name", Some(alias.name.as_str().into()));
    set(table, "lossy", alias.lossy.map(|lossy| lossy.as_str().into()));
    let order = alias.order.as_ref().map(|order| order.iter().map(|one| one.as_str()).collect::<Array>());
    set(table, "order", order.map(Value::from));
}

/// Sets a value in its place, with the comment behind it, or removes it.
fn set(table: &mut dyn TableLike, key: &str, value: Option<Value>) {
    let Some(mut value) = value else {
        table.remove(key);
        return;
    };
    if let Some(known) = table.get_mut(key).and_then(Item::as_value_mut) {
        // What says the same stays as it is written.
        if known.as_str().is_none() || known.as_str() != value.as_str() {
            *value.decor_mut() = known.decor().clone();
            *known = value;
        }
    } else {
        table.insert(key, Item::Value(value));
    }
}

fn fields(target: &TargetConfig) -> impl Iterator<Item = (&'static str, Value)> {
    let texts = [("profile", target.profile.as_ref()), ("provider", target.provider.as_ref())];
    let texts = texts.into_iter().filter_map(|(key, text)| Some((key, Value::from(text?.as_str()))));
    let model = std::iter::once(("model", Value::from(target.model.as_str())));
    texts.chain(model).chain(target.weight.map(|weight| ("weight", Value::from(i64::from(weight)))))
}

fn blocks(targets: &[TargetConfig]) -> Item {
    let mut all = ArrayOfTables::new();
    for target in targets {
        let mut table = Table::new();
        for (key, value) in fields(target) {
            table.insert(key, Item::Value(value));
        }
        all.push(table);
    }
    all.into()
}

fn inline(targets: &[TargetConfig]) -> Value {
    targets.iter().map(|target| fields(target).collect::<InlineTable>()).collect::<Array>().into()
}

#[cfg(test)]
mod tests {
    use tokenrouter::pick::order::Criterion;
    use tokenrouter_shared::Lossy;

    use super::*;
    use crate::config::edit::version;
    use crate::config::parse;

    const FILE: &str = "# Mine.\nactive_model_profile = 'p' # the fast one\n\n[[providers]]\nname = 'a'\nbase_url = 'https://a.example'\n\n\
                        # For people.\n[[model_aliases]]\nname = 'chat' # short\nlossy = 'warn'\n\n  # Big.\n  [[model_aliases.targets]]\n  profile = 'p'\n  provider = 'a'\n  model = 'big' # dear\n\n\
                        # For machines.\n[[model_aliases]]\nname = 'bulk'\n  [[model_aliases.targets]]\n  profile = 'p'\n  provider = 'a'\n  model = 'small'\n\n[routing]\nattempts = 2 # enough\n";

    fn target(model: &str) -> TargetConfig {
        let text = |text: &str| Some(text.to_owned());
        TargetConfig { profile: text("p"), provider: text("a"), model: model.to_owned(), weight: None }
    }

    fn alias(name: &str, models: &[&str]) -> AliasConfig {
        let targets = models.iter().map(|model| target(model)).collect();
        AliasConfig { name: name.to_owned(), lossy: None, order: None, targets }
    }

    #[test]
    fn one_alias_changes_and_everything_else_stays() {
        let was = parse(FILE, "t").unwrap().model_aliases[0].clone();
        assert_eq!(with(FILE, "chat", &was, "t").unwrap(), FILE, "nothing is written where nothing changes");
        // Its own layout stays as far as it still holds.
        let strict = AliasConfig { lossy: Some(Lossy::Reject), ..was.clone() };
        assert_eq!(with(FILE, "chat", &strict, "t").unwrap(), FILE.replace("lossy = 'warn'", "lossy = \"reject\""));
        let ordered = AliasConfig { order: Some(vec![Criterion::Price]), ..alias("talk", &["big", "small"]) };
        let edited = with(FILE, "chat", &ordered, "t").unwrap();
        assert_eq!(parse(&edited, "t").unwrap().model_aliases[0], ordered, "{edited}");
        for kept in
            ["# Mine.", "# the fast one", "# For people.", "# short", "# For machines.", "attempts = 2 # enough"]
        {
            assert!(edited.contains(kept), "{kept}: {edited}");
        }
        let (_, tail) = FILE.split_once("# For machines.").unwrap();
        assert!(edited.ends_with(tail), "{edited}");
        // Another one goes behind.
        let more = with(FILE, "new", &alias("new", &["big"]), "t").unwrap();
        let names: Vec<_> = parse(&more, "t").unwrap().model_aliases.into_iter().map(|alias| alias.name).collect();
        assert_eq!(names, ["chat", "bulk", "new"]);
        assert_eq!(without(&more, "new", "t").unwrap(), FILE, "{more}");
        let less = without(FILE, "chat", "t").unwrap();
        assert!(!less.contains("big") && less.contains("# For machines.\n[[model_aliases]]\nname = 'bulk'"), "{less}");
        let error = without(FILE, "chatt", "t").unwrap_err();
        assert_eq!(error.to_string(), "there is no alias `chatt`: did you mean `chat`?");
    }

    #[test]
    fn an_array_in_one_line_is_as_good_and_line_ends_stay() {
        let text = "model_aliases = [{ name = 'chat', targets = [{ provider = 'a', model = 'x' }] }] # all\r\n\
                    [[providers]]\r\nname = 'a'\r\nbase_url = 'https://a.example'\r\n";
        let edited = with(text, "chat", &alias("chat", &["y"]), "t").unwrap();
        assert_eq!(parse(&edited, "t").unwrap().model_aliases, [alias("chat", &["y"])]);
        let edited = with(&edited, "b", &alias("b", &["z"]), "t").unwrap();
        assert_eq!(parse(&edited, "t").unwrap().model_aliases[1], alias("b", &["z"]));
        assert!(
            edited.contains("# all\r\n[[providers]]\r\n") && !edited.replace("\r\n", "").contains('\n'),
            "{edited:?}"
        );
        assert_eq!(parse(&without(&edited, "chat", "t").unwrap(), "t").unwrap().model_aliases.len(), 1);
    }

    #[test]
    fn what_would_be_wrong_or_is_for_another_version_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("torod.toml");
        std::fs::write(&path, FILE).unwrap();
        let now = version(&path).unwrap();
        assert!(matches!(put(&path, "chat", &alias("chat", &["x"]), Some("0")), Err(EditError::Stale(_))));
        assert!(matches!(remove(&path, "chat", Some("0")), Err(EditError::Stale(_))));
        for wrong in [
            alias("", &["x"]),
            alias("bulk", &["x"]),
            alias("chat", &[]),
            AliasConfig {
                targets: vec![TargetConfig { provider: Some("nobody".into()), ..target("x") }],
                ..alias("chat", &[])
            },
            AliasConfig { targets: vec![TargetConfig { provider: None, ..target("chat") }], ..alias("chat", &[]) },
        ] {
            let error = put(&path, "chat", &wrong, Some(&now)).unwrap_err();
            assert!(matches!(error, EditError::Refused(_)), "{wrong:?}: {error}");
        }
        // Others stand on it, or a profile would be lost.
        let alone = alias("chat", &["x"]);
        assert!(put(&path, "chat", &alone, Some(&now)).unwrap());
        assert!(!put(&path, "chat", &alone, None).unwrap());
        assert!(remove(&path, "bulk", None).unwrap());
        assert!(
            matches!(remove(&path, "chat", None), Err(EditError::Refused(_))),
            "the active profile has no alias then"
        );
    }
}
