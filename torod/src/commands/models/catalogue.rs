//! `--format codex`: a catalogue for Codex's `model_catalog_json`, joined with the one that Codex brings along.

use std::collections::HashSet;
use std::io::{Read as _, Write};
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

/// Prints our catalogue; with `join` after the entries of another, which keep their words.
pub(super) fn print(out: &mut dyn Write, ours: Value, join: Option<&Path>) -> anyhow::Result<()> {
    let joined = match join {
        Some(path) => joined(&read(path)?, ours).with_context(|| {
            format!("{} holds no catalogue of Codex; `codex debug models --bundled` prints one", path.display())
        })?,
        None => ours,
    };
    serde_json::to_writer(&mut *out, &joined)?;
    writeln!(out)?;
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("cannot read the standard input")?;
    } else {
        text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    Ok(text)
}

fn joined(theirs: &str, ours: Value) -> Option<Value> {
    let mut all: Value = serde_json::from_str(theirs).ok()?;
    let models = all.get_mut("models")?.as_array_mut()?;
    let known: HashSet<String> =
        models.iter().filter_map(|model| model.get("slug")?.as_str().map(str::to_owned)).collect();
    let Value::Object(mut ours) = ours else { return None };
    let Some(Value::Array(new)) = ours.remove("models") else { return None };
    let is_new = |model: &Value| model.get("slug").and_then(Value::as_str).is_some_and(|slug| !known.contains(slug));
    models.extend(new.into_iter().filter(is_new));
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn codexs_own_entries_keep_their_words() {
        let theirs = r#"{"models":[{"slug":"gpt-5.5","words":"long"}],"more":1}"#;
        let ours = json!({"models": [{"slug": "gpt-5.5"}, {"slug": "an/claude"}]});
        let all = joined(theirs, ours.clone()).unwrap();
        assert_eq!(all, json!({"models": [{"slug": "gpt-5.5", "words": "long"}, {"slug": "an/claude"}], "more": 1}));
        for wrong in ["", "[]", "{}", r#"{"models":1}"#] {
            assert_eq!(joined(wrong, ours.clone()), None, "{wrong}");
        }
    }
}
