//! Changes single values of a file; comments, order, line ends and every other byte stay as they are.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use serde_json::Value;
use toml_edit::{DocumentMut, Item, Table, TableLike};

use super::Change;
use crate::exit::Failure;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// TOML.
    Toml,
    /// JSON, with comments and commas at the end where somebody wrote them.
    Json,
    /// `NAME=value` in lines.
    Dotenv,
}

impl Form {
    /// `text` with `changes`.
    pub fn apply(self, text: &str, changes: &[Change]) -> Result<String, Failure> {
        match self {
            Self::Toml => toml(text, changes),
            Self::Json => json(text, changes),
            Self::Dotenv => dotenv(text, changes),
        }
    }
}

fn unread(what: &str, why: &str) -> Failure {
    Failure::failed(format!("the file is no {what} that can be edited: {why}"), "Mend it, or edit it by hand.")
}

fn toml(text: &str, changes: &[Change]) -> Result<String, Failure> {
    let mut document: DocumentMut = text.parse().map_err(|e: toml_edit::TomlError| unread("TOML", e.message()))?;
    for change in changes {
        let Some((last, tables)) = change.path.split_last() else { continue };
        let mut at: &mut dyn TableLike = document.as_table_mut();
        for part in tables {
            let new = || {
                let mut table = Table::new();
                // Only what is in it needs a header.
                table.set_implicit(true);
                Item::Table(table)
            };
            let item = at.entry(part).or_insert_with(new);
            at = item.as_table_like_mut().ok_or_else(|| unread("TOML", &format!("`{part}` is no table in it")))?;
        }
        if change.value.is_null() {
            at.remove(last);
            continue;
        }
        let mut value = toml_value(&change.value);
        match at.get_mut(last).and_then(Item::as_value_mut) {
            Some(before) => {
                *value.decor_mut() = before.decor().clone();
                *before = value;
            }
            None => _ = at.insert(last, Item::Value(value)),
        }
    }
    let edited = document.to_string();
    Ok(if text.contains("\r\n") { edited.replace("\r\n", "\n").replace('\n', "\r\n") } else { edited })
}

fn toml_value(value: &Value) -> toml_edit::Value {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
        Value::Array(list) => list.iter().map(toml_value).collect::<toml_edit::Array>().into(),
        Value::Object(table) => {
            let table = table.iter().map(|(key, value)| (key.as_str(), toml_value(value)));
            table.collect::<toml_edit::InlineTable>().into()
        }
        Value::String(text) => text.as_str().into(),
        Value::Null => "".into(),
    }
}

fn json(text: &str, changes: &[Change]) -> Result<String, Failure> {
    let text = if text.trim().is_empty() { "{\n}\n" } else { text };
    let root = CstRootNode::parse(text, &ParseOptions::default())
        .map_err(|e| unread("JSON", &format!("line {}", e.line_display())))?;
    for change in changes {
        let Some((last, tables)) = change.path.split_last() else { continue };
        let mut at: CstObject =
            root.object_value_or_create().ok_or_else(|| unread("JSON", "it holds something else than an object"))?;
        for part in tables {
            at = at
                .object_value_or_create(part)
                .ok_or_else(|| unread("JSON", &format!("`{part}` is no object in it")))?;
        }
        match (at.get(last), change.value.is_null()) {
            (Some(property), true) => property.remove(),
            (Some(property), false) => property.set_value(json_value(&change.value)),
            (None, true) => {}
            (None, false) => _ = at.append(last, json_value(&change.value)),
        }
    }
    Ok(root.to_string())
}

fn json_value(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(value) => CstInputValue::Bool(*value),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(list) => CstInputValue::Array(list.iter().map(json_value).collect()),
        Value::Object(table) => {
            CstInputValue::Object(table.iter().map(|(key, value)| (key.clone(), json_value(value))).collect())
        }
    }
}

fn dotenv(text: &str, changes: &[Change]) -> Result<String, Failure> {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    for change in changes {
        let (Some(name), Some(value)) = (change.path.first(), change.value.as_str()) else { continue };
        if value.chars().any(|c| c.is_control() || c == '"' || c == '\\' || c == '$') {
            return Err(Failure::failed(format!("the value of {name} cannot stand in a .env file"), ""));
        }
        let sets = |line: &String| {
            let line = line.trim_start();
            let line = line.strip_prefix("export ").unwrap_or(line);
            line.split_once('=').is_some_and(|(key, _)| key.trim() == name)
        };
        let new = format!("{name}=\"{value}\"{end}");
        // The last one of several is the one that holds.
        match lines.iter().rposition(sets).and_then(|at| lines.get_mut(at)) {
            Some(line) => *line = new,
            None => {
                if let Some(last) = lines.last_mut().filter(|last| !last.ends_with('\n')) {
                    last.push_str(end);
                }
                lines.push(new);
            }
        }
    }
    Ok(lines.concat())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn toml_keys_at_the_top_stay_above_tables_and_tables_of_others_are_left_alone() {
        let text = "# mine\nmodel = \"old\" # chosen\n\n[profiles.fast]\nmodel = \"tiny\"\n\n[mcp_servers.x]\ncommand = \"y\"\n";
        let changes = [
            Change::new(&["model"], "new"),
            Change::new(&["model_provider"], "tokenrouter"),
            Change::new(&["model_providers", "tokenrouter", "base_url"], "http://127.0.0.1:8080/v1"),
        ];
        let edited = Form::Toml.apply(text, &changes).unwrap();
        assert!(edited.starts_with("# mine\nmodel = \"new\" # chosen\nmodel_provider = \"tokenrouter\"\n"), "{edited}");
        assert!(edited.contains("[profiles.fast]\nmodel = \"tiny\"\n\n[mcp_servers.x]\ncommand = \"y\"\n"), "{edited}");
        assert!(edited.contains("[model_providers.tokenrouter]\nbase_url"), "{edited}");
        assert!(!edited.contains("[model_providers]\n"), "{edited}");
        assert!(Form::Toml.apply("model_providers = 1\n", &changes).is_err());
        assert!(Form::Toml.apply("model = \n", &changes).is_err());
    }

    #[test]
    fn json_keeps_comments_and_commas() {
        let text = "{\n  // theme of the year\n  \"theme\": \"dark\", /* so */\n  \"provider\": {\n    \"other\": { \"a\": 1, },\n  },\n}\n";
        let changes = [
            Change::new(&["provider", "tokenrouter"], json!({ "name": "tokenrouter" })),
            Change::new(&["theme"], "light"),
            Change::new(&["model"], "tokenrouter/m"),
        ];
        let edited = Form::Json.apply(text, &changes).unwrap();
        for kept in ["// theme of the year", "/* so */", "\"other\": { \"a\": 1, }"] {
            assert!(edited.contains(kept), "{kept}: {edited}");
        }
        assert!(edited.contains("\"theme\": \"light\"") && edited.contains("\"model\": \"tokenrouter/m\""), "{edited}");
        // Once more changes nothing.
        assert_eq!(Form::Json.apply(&edited, &changes[1..]).unwrap(), edited);
    }

    #[test]
    fn json_that_is_none_is_refused_and_an_empty_file_is_begun() {
        for text in ["{\"a\":", "[1]", "\"a\"", "{ \"provider\": 3 }"] {
            assert!(Form::Json.apply(text, &[Change::new(&["provider", "x"], 1)]).is_err(), "{text}");
        }
        let made = Form::Json.apply("", &[Change::new(&["a", "b"], 1)]).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&made).unwrap(), json!({ "a": { "b": 1 } }));
    }

    #[test]
    fn dotenv_replaces_a_line_and_adds_one() {
        let text = "# keys\nexport GEMINI_API_KEY=old\nOTHER=1";
        let changes = [Change::new(&["GEMINI_API_KEY"], "new"), Change::new(&["GOOGLE_GEMINI_BASE_URL"], "http://h")];
        let edited = Form::Dotenv.apply(text, &changes).unwrap();
        assert_eq!(edited, "# keys\nGEMINI_API_KEY=\"new\"\nOTHER=1\nGOOGLE_GEMINI_BASE_URL=\"http://h\"\n");
        assert!(Form::Dotenv.apply("", &[Change::new(&["A"], "x\ny")]).is_err());
    }
}
