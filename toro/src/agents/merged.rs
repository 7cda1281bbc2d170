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

/// A file of JSON; nothing where it is not there or cannot be read.
pub(super) fn read_json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
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
}
