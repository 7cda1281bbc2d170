//! Whatever is wrong in a foreign file: the rest comes over, no secret is told, and what is written is a configuration.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::*;
use crate::config::Config;

const PROGRAMS: [(Program, &str); 4] = [
    (Program::Litellm, "litellm.yaml"),
    (Program::Tokrouter, "tokrouter.yaml"),
    (Program::TorodGo, "torod-go.toml"),
    (Program::NewApi, "new-api.json"),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/operations/foreign").join(name)
}

fn tree_of(name: &str) -> Value {
    let path = fixture(name);
    tree(&path, &std::fs::read_to_string(&path).unwrap()).unwrap()
}

/// The places of all values in `tree`.
fn places(tree: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match tree {
        Value::Array(list) => list.iter().enumerate().for_each(|(n, one)| places(one, &format!("{at}/{n}"), found)),
        Value::Object(table) => {
            for (key, one) in table {
                let key = key.replace('~', "~0").replace('/', "~1");
                places(one, &format!("{at}/{key}"), found);
            }
        }
        _ => {}
    }
}

/// What was planned and where it would go; all of it must hold.
fn hold(program: Program, tree: &Value, config: &Config, new: &Path) -> Result<(), String> {
    let Some(mut plan) = planned(program, tree, &config.presets) else { return Ok(()) };
    let mut placed = place(&plan, config, program.title());
    let (examined, _) = placed.fit(new, config, &mut plan.left).map_err(|e| format!("{e:#}"))?;
    let told = plan.left.iter().map(|(why, _)| why.to_string()).collect::<Vec<_>>().join("\n");
    for secret in ["4711", "hunter2"] {
        if told.contains(secret) {
            return Err(format!("a secret is told: {told}"));
        }
    }
    if placed.secrets.iter().any(|(name, _)| name.contains("4711")) {
        return Err("a secret is in a name".to_owned());
    }
    // The second time nothing is left to do but what was refused the first time.
    let mut again = place(&plan, &examined.config, program.title());
    let is_nothing = |placed: &Placed| {
        placed.addition.providers.is_empty() && placed.addition.aliases.is_empty() && placed.secrets.is_empty()
    };
    if is_nothing(&again) {
        return Ok(());
    }
    std::fs::write(new, crate::config::show(&examined.config)).map_err(|e| e.to_string())?;
    let fitted = again.fit(new, &examined.config, &mut Left::default());
    std::fs::remove_file(new).map_err(|e| e.to_string())?;
    fitted.map_err(|e| format!("again: {e:#}"))?;
    if is_nothing(&again) {
        return Ok(());
    }
    Err(format!("imported twice: {:?} {:?}", again.addition, again.secrets))
}

#[test]
fn whatever_stands_where_something_else_belongs_spoils_nothing_else() {
    let config = Config::default();
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("torod.toml");
    let wrong = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("x"),
        json!("#1"),
        json!("a\u{1b}[2J\n\u{202e}\"' b"),
        json!("x".repeat(3_000)),
        json!([]),
        json!(["x", "x"]),
        json!({}),
        json!({ "x": { "x": [1] } }),
    ];
    let mut failed = Vec::new();
    for (program, name) in PROGRAMS {
        let whole = tree_of(name);
        assert_eq!(guessed(&whole), Some(program), "{name}");
        hold(program, &whole, &config, &new).unwrap();
        let mut all = Vec::new();
        places(&whole, "", &mut all);
        assert!(all.len() > 20, "{name}");
        for at in &all {
            for value in &wrong {
                let mut tree = whole.clone();
                *tree.pointer_mut(at).unwrap() = value.clone();
                if let Err(why) = hold(program, &tree, &config, &new) {
                    failed.push(format!("{name} {at} = {value}: {why}"));
                }
            }
        }
    }
    let all = failed.len();
    failed.truncate(40);
    assert!(failed.is_empty(), "{all}:\n{}", failed.join("\n"));
}

#[test]
fn what_stands_twice_is_imported_once() {
    let config = Config::default();
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("torod.toml");
    for (program, name) in PROGRAMS {
        let mut tree = tree_of(name);
        for key in ["model_list", "keys", "providers", "incoming_tokens"] {
            if let Some(list) = tree.get_mut(key).and_then(Value::as_array_mut) {
                list.extend(list.clone());
            }
        }
        hold(program, &tree, &config, &new).unwrap();
    }
}

#[test]
fn the_file_of_toro_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("toro.toml");
    std::fs::write(&file, "server_url = \"http://127.0.0.1:7050\"\napi_key = \"sk-4711\"\n").unwrap();
    let told = read(&file, None, &Presets::default()).unwrap_err().to_string();
    assert!(told.contains("file of toro") && !told.contains("4711"), "{told}");
}
