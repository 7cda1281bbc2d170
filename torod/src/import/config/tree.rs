//! Walks a foreign tree: every key is asked for by name, and what nobody asked for is told as left out.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::named;
use crate::import::Left;

/// One table of a foreign tree while it is read.
pub(super) struct Branch<'a> {
    path: String,
    table: Option<&'a Map<String, Value>>,
    known: BTreeSet<&'static str>,
}

impl<'a> Branch<'a> {
    pub(super) fn new(path: impl Into<String>, value: &'a Value) -> Self {
        Self { path: path.into(), table: value.as_object(), known: BTreeSet::new() }
    }

    /// The value of `key`; from now on it is known. One that is null is not there.
    pub(super) fn take(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.insert(key);
        self.table?.get(key).filter(|value| !value.is_null())
    }

    /// A text; numbers and switches count as such, since YAML does not tell them apart.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        text(self.take(key)?).filter(|text| !text.is_empty())
    }

    pub(super) fn integer(&mut self, key: &'static str) -> Option<i64> {
        let value = self.take(key)?;
        value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()).or_else(|| {
            // `1e3`, which nobody means to the last digit.
            value.as_f64().filter(|n| n.is_finite() && n.fract() == 0.0 && n.abs() < 1e15).map(|n| n as i64)
        })
    }

    pub(super) fn number(&mut self, key: &'static str) -> Option<f64> {
        let value = self.take(key)?;
        value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| number.is_finite())
    }

    pub(super) fn switch(&mut self, key: &'static str) -> Option<bool> {
        self.take(key)?.as_bool()
    }

    pub(super) fn list(&mut self, key: &'static str) -> &'a [Value] {
        self.take(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The table below `key`.
    pub(super) fn branch(&mut self, key: &'static str) -> Option<Branch<'a>> {
        let path = named(&self.path, key) + ".";
        self.take(key).map(|value| Branch::new(path, value))
    }

    /// Marks keys that mean nothing here, so that nobody misses them.
    pub(super) fn pass(&mut self, keys: &[&'static str]) {
        self.known.extend(keys);
    }

    /// Tells of every key that nobody asked for.
    pub(super) fn end(self, left: &mut Left) {
        for (key, value) in self.table.into_iter().flatten() {
            let is_nothing = match value {
                Value::Null | Value::Bool(false) => true,
                Value::String(text) => text.is_empty(),
                Value::Array(list) => list.is_empty(),
                Value::Object(table) => table.is_empty(),
                _ => false,
            };
            if !self.known.contains(key.as_str()) && !is_nothing {
                left.note(format!("{}: nothing like it here", named(&self.path, key)));
            }
        }
    }
}

/// A scalar as text.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        // A date of TOML.
        Value::Object(table) => table.get("$__toml_private_datetime")?.as_str().map(str::to_owned),
        _ => None,
    }
}
