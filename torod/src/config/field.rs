//! One value of the file, read as what it must be; every mismatch becomes a finding with an example.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::report::Report;
use super::section::{Section, closest, shorten};
use super::{reference, units};

/// One value with its place.
#[derive(Clone)]
pub(super) struct Field<'a> {
    pub(super) report: &'a Report<'a>,
    pub(super) path: String,
    schema: String,
    pub(super) value: &'a DeValue<'a>,
    pub(super) span: Range<usize>,
}

impl<'a> Field<'a> {
    pub(super) fn new(report: &'a Report<'a>, path: String, schema: String, value: &'a Spanned<DeValue<'a>>) -> Self {
        Self { report, path, schema, span: value.span(), value: value.get_ref() }
    }

    /// Notes what is wrong with the value.
    pub(super) fn refuse(&self, message: impl Into<String>, advice: impl Into<String>) {
        self.report.error(self.span.clone(), &self.path, message.into(), advice.into());
    }

    /// Notes a doubt about the value.
    pub(super) fn doubt(&self, message: impl Into<String>, advice: impl Into<String>) {
        self.report.warn(self.span.clone(), &self.path, message.into(), advice.into());
    }

    /// Keeps the value out of quoted lines.
    pub(super) fn hide(&self) {
        self.report.hide(self.span.clone());
    }

    /// Notes that the value is of another type than `wanted`.
    pub(super) fn wrong_type(&self, wanted: &str) {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a decimal number",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.refuse(format!("`{}` must be {wanted}, not {found}", self.name()), self.example());
    }

    /// The key without the tables before it.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or(&self.path)
    }

    /// `write …`, from the reference.
    pub(super) fn example(&self) -> String {
        match reference::find(&self.schema).or_else(|| reference::find(self.schema.trim_end_matches("[]"))) {
            Some(key) => format!("write `{}`", key.example),
            None => "see `torod config reference`".to_owned(),
        }
    }

    pub(super) fn string(&self) -> Option<&'a str> {
        if let DeValue::String(text) = self.value {
            return Some(text);
        }
        self.wrong_type("a string");
        None
    }

    pub(super) fn bool(&self) -> Option<bool> {
        if let DeValue::Boolean(value) = self.value {
            return Some(*value);
        }
        self.wrong_type("true or false");
        None
    }

    pub(super) fn integer(&self, range: Range<i64>) -> Option<i64> {
        let DeValue::Integer(digits) = self.value else {
            self.wrong_type("a whole number");
            return None;
        };
        let value = i64::from_str_radix(digits.as_str(), digits.radix()).ok();
        if let Some(value) = value.filter(|value| range.contains(value)) {
            return Some(value);
        }
        let advice = format!("write a whole number from {} to {}", range.start, range.end - 1);
        self.refuse(format!("`{}` is out of range", self.name()), advice);
        None
    }

    /// Whether it is the whole number 0.
    pub(super) fn is_zero(&self) -> bool {
        matches!(self.value, DeValue::Integer(digits) if i64::from_str_radix(digits.as_str(), digits.radix()) == Ok(0))
    }

    pub(super) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let DeValue::String(text) = self.value else {
            self.wrong_type("a duration in quotes");
            return None;
        };
        let Some(value) = units::parse_duration(text) else {
            let advice = "write a whole number and ms, s, m, h or d, such as \"30s\"";
            self.refuse(format!("`{}` is not a duration", shorten(text)), advice);
            return None;
        };
        if range.contains(&value) {
            return Some(value);
        }
        let bounds = [*range.start(), *range.end()].map(units::format_duration);
        self.refuse(
            format!("`{}` is out of range", self.name()),
            format!("write a duration from \"{}\" to \"{}\"", bounds[0], bounds[1]),
        );
        None
    }

    /// A size in bytes.
    pub(super) fn size(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let DeValue::String(text) = self.value else {
            self.wrong_type("a size in quotes");
            return None;
        };
        let Some(value) = units::parse_size(text) else {
            let advice = "write a whole number and B, KB, MB, GB, KiB, MiB or GiB, such as \"32MiB\"";
            self.refuse(format!("`{}` is not a size", shorten(text)), advice);
            return None;
        };
        if range.contains(&value) {
            return Some(value);
        }
        let bounds = [*range.start(), *range.end()].map(units::format_size);
        self.refuse(
            format!("`{}` is out of range", self.name()),
            format!("write a size from \"{}\" to \"{}\"", bounds[0], bounds[1]),
        );
        None
    }

    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.string()?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let advice = match closest(text, choices.iter().map(|(name, _)| *name)) {
            Some(name) => format!("did you mean \"{name}\"?"),
            None => {
                let names: Vec<_> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
                format!("write {}", names.join(" or "))
            }
        };
        self.refuse(format!("`{}` is no `{}`", shorten(text), self.name()), advice);
        None
    }

    /// The value as a table.
    pub(super) fn section(&self) -> Option<Section<'a>> {
        let schema = self.schema.clone();
        self.section_as(schema)
    }

    /// The value as a table whose keys are documented under `schema`.
    pub(super) fn section_as(&self, schema: String) -> Option<Section<'a>> {
        if let DeValue::Table(table) = self.value {
            return Some(Section::new(self.report, self.path.clone(), schema, table, self.span.clone()));
        }
        self.wrong_type("a table");
        None
    }

    /// The elements of an array.
    pub(super) fn elements(&self, wanted: &str) -> Vec<Self> {
        let DeValue::Array(array) = self.value else {
            self.wrong_type(wanted);
            return Vec::new();
        };
        let element = |(at, value): (usize, &'a Spanned<DeValue<'a>>)| {
            Self::new(self.report, format!("{}[{at}]", self.path), format!("{}[]", self.schema), value)
        };
        array.iter().enumerate().map(element).collect()
    }
}
