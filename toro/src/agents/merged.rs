//! Settings of others with ours over them.

use std::path::Path;

use serde_json::Value;

use super::launch::Launch;
use super::plan::write_private;
use crate::exit::Failure;

/// `under` with `over` laid over it: objects key by key, everything else as a whole.
pub(super) fn merge(under: Value, over: Value) -> Value {
    match (under, over) {
        (Value::Object(mut under), Value::Object(over)) => {
            for (key, value) in over {
                let below = under.remove(&key).unwrap_or(Value::Null);
                under.insert(key, merge(below, value));
            }
            Value::Object(under)
        }
        (_, over) => over,
    }
}

/// A file of JSON, which may have comments; nothing where it is not there or cannot be read.
pub(super) fn read_json(path: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(path).ok()?;
    serde_json::from_str(&text).or_else(|_| serde_json::from_str(&without_comments(&text))).ok()
}

fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '/']) {
        let (before, from) = rest.split_at(at);
        out += before;
        let length = if from.starts_with("//") {
            from.find('\n').unwrap_or(from.len())
        } else if from.starts_with("/*") {
            from.find("*/").map_or(from.len(), |end| end + 2)
        } else if from.starts_with('"') {
            let mut is_escaped = false;
            let end = from.char_indices().skip(1).find(|(_, c)| {
                let ends = *c == '"' && !is_escaped;
                is_escaped = *c == '\\' && !is_escaped;
                ends
            });
            let end = end.map_or(from.len(), |(at, _)| at + 1);
            out += from.get(..end).unwrap_or_default();
            end
        } else {
            out.push('/');
            1
        };
        rest = from.get(length..).unwrap_or_default();
    }
    out + rest
}

/// Links what is in a folder into another one, but for `except`; what cannot be linked is not there for this run.
pub(super) fn link_all(from: &Path, to: &Path, except: &[&str]) {
    let entries = std::fs::read_dir(from).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| !except.iter().any(|name| entry.file_name() == *name)) {
        _ = std::os::unix::fs::symlink(entry.path(), to.join(entry.file_name()));
    }
}

/// Writes `settings.json` for this run: what the system's own file says, with `ours` over it. That file is where the
/// variable `name` says, else at `usual`.
pub(super) fn system_settings(launch: &Launch<'_>, name: &str, usual: &str, ours: Value) -> Result<(), Failure> {
    let Some(folder) = launch.folder else { return Ok(()) };
    let said = (launch.env)(name).unwrap_or_else(|| usual.to_owned());
    let whole = merge(read_json(Path::new(&said)).unwrap_or(Value::Null), ours);
    write_private(&folder.join("settings.json"), whole.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ours_goes_before_and_the_rest_stays() {
        let under = json!({"a": {"x": 1, "y": [1]}, "b": 2});
        assert_eq!(merge(under, json!({"a": {"y": [2], "z": 3}})), json!({"a": {"x": 1, "y": [2], "z": 3}, "b": 2}));
        assert_eq!(merge(json!([1]), json!({"a": 1})), json!({"a": 1}));
    }

    #[test]
    fn comments_are_no_settings() {
        let text = "{ // one\n \"a\": \"http://x\\\"//y\", /* two\n */ \"b\": 1 }";
        let read: Value = serde_json::from_str(&without_comments(text)).unwrap();
        assert_eq!(read, json!({"a": "http://x\"//y", "b": 1}));
        for broken in ["\"", "/", "/*", "//", "\"\\"] {
            without_comments(broken);
        }
    }
}
