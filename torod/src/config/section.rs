//! Walks one TOML table: every key is asked for by name, what is left over is an unknown key.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::field::Field;
use super::report::Report;
use super::unavailable;

/// One table of the file while it is read.
pub(super) struct Section<'a> {
    pub(super) report: &'a Report<'a>,
    /// Where it stands: empty for the top level, else `providers[0].timeouts`.
    pub(super) path: String,
    /// The same for every element: `providers[].timeouts`.
    schema: String,
    table: &'a DeTable<'a>,
    /// The header, or the inline table.
    pub(super) span: Range<usize>,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub(super) fn new(
        report: &'a Report<'a>,
        path: String,
        schema: String,
        table: &'a DeTable<'a>,
        span: Range<usize>,
    ) -> Self {
        Self { report, path, schema, table, span, known: Vec::new() }
    }

    /// The path of a key in this section.
    pub(super) fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// The value of `key`, if it is there; from now on `key` is known.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Field<'a>> {
        self.known.push(key);
        let schema = join(&self.schema, key);
        self.report.asked_for(schema.clone());
        let value = self.table.get(key)?;
        Some(Field::new(self.report, self.path_of(key), schema, value))
    }

    /// Whether the key is there, whatever its value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Every key with its value, in the order of the file: for tables whose keys are free.
    pub(super) fn entries(&self) -> Vec<(&'a str, Field<'a>)> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
            .into_iter()
            .map(|(key, value)| {
                let name: &'a str = key.get_ref();
                (name, Field::new(self.report, self.path_of(name), self.schema.clone(), value))
            })
            .collect()
    }

    /// Replaces `target` if the key is there and right.
    pub(super) fn set_bool(&mut self, key: &'static str, target: &mut bool) {
        if let Some(value) = self.take(key).and_then(|field| field.bool()) {
            *target = value;
        }
    }

    /// Replaces `target` if the key is there and within `range`.
    pub(super) fn set_integer<T: TryFrom<i64>>(&mut self, key: &'static str, range: Range<i64>, target: &mut T) {
        let value = self.take(key).and_then(|field| field.integer(range));
        if let Some(value) = value.and_then(|value| T::try_from(value).ok()) {
            *target = value;
        }
    }

    /// Replaces `target` if the key is there and within `range`.
    pub(super) fn set_duration(&mut self, key: &'static str, range: RangeInclusive<Duration>, target: &mut Duration) {
        if let Some(value) = self.take(key).and_then(|field| field.duration(range)) {
            *target = value;
        }
    }

    /// A share of the traffic, from 1 to 1,000,000.
    pub(super) fn weight(&mut self, key: &'static str) -> Option<u32> {
        let field = self.take(key)?;
        if field.is_zero() {
            field.refuse("a weight of 0 would never be chosen", "write 1 or more, or remove the whole entry");
            return None;
        }
        field.integer(1..1_000_001).and_then(|weight| u32::try_from(weight).ok())
    }

    /// Replaces `target` if the key is there and one of `choices`.
    pub(super) fn set_choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)], target: &mut T) {
        if let Some(value) = self.take(key).and_then(|field| field.choice(choices)) {
            *target = value;
        }
    }

    /// The table under `key`.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Section<'a>> {
        self.take(key).and_then(|field| field.section())
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self) {
        for (key, value) in self.table {
            let name: &str = key.get_ref();
            if self.known.contains(&name) {
                continue;
            }
            let path = self.path_of(name);
            hide_texts(self.report, value.get_ref(), value.span());
            if self.path.is_empty() && unavailable::KEYS.contains(&name) {
                self.report.error(
                    key.span(),
                    &path,
                    format!("`{name}` is not available in this version"),
                    "remove it or put `#` before its lines".to_owned(),
                );
                continue;
            }
            let advice = match closest(name, self.known.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known here: {}", self.known.join(", ")),
            };
            self.report.error(key.span(), &path, format!("unknown key `{}`", shorten(name)), advice);
        }
    }
}

/// An unknown key may be a misspelt credential: its texts are not to be quoted.
fn hide_texts(report: &Report<'_>, value: &DeValue<'_>, span: Range<usize>) {
    match value {
        DeValue::Table(table) => table.iter().for_each(|(_, v)| hide_texts(report, v.get_ref(), v.span())),
        DeValue::Array(array) => array.iter().for_each(|v| hide_texts(report, v.get_ref(), v.span())),
        DeValue::Boolean(_) => {}
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) => report.hide(span),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The candidate that `text` was probably meant to be.
pub fn closest<'c>(text: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    if text.len() > 64 {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    candidates
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// At most 64 characters without control characters, for messages.
pub fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(64).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().count() > 64 {
        short.push('…');
    }
    short
}
