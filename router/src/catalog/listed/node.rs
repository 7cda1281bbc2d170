//! JSON of which nobody knows the form: fields are looked up by name and taken if they are what they should be.

use std::borrow::Cow;

use serde::Deserializer as _;
use serde::de::{SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::fields::Fields;

/// The most fields of an object that are looked at.
const MAX_FIELDS: usize = 256;

/// An object.
pub(super) struct Node<'a>(Fields<'a>);

impl<'a> Node<'a> {
    /// `raw` if it is an object.
    pub(super) fn of(raw: &'a RawValue) -> Option<Self> {
        if !raw.get().starts_with('{') {
            return None;
        }
        let mut fields: Fields<'a> = serde_json::from_str(raw.get()).ok()?;
        fields.0.truncate(MAX_FIELDS);
        Some(Self(fields))
    }

    /// The field `name` as it is written; dots lead into objects.
    pub(super) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        let (here, below) = name.split_once('.').map_or((name, None), |(here, below)| (here, Some(below)));
        let (_, raw) = self.0.0.iter().find(|(field, _)| field == here)?;
        match below {
            Some(below) => Self::of(raw)?.raw(below),
            None => Some(raw),
        }
    }

    /// The first field of which the name ends with `end`, with its value: Ollama writes the architecture before it.
    pub(super) fn ending(&self, end: &str) -> Option<&'a RawValue> {
        self.0.0.iter().find(|(name, _)| name.ends_with(end)).map(|(_, raw)| *raw)
    }

    /// The object `name`.
    pub(super) fn child(&self, name: &str) -> Option<Self> {
        Self::of(self.raw(name)?)
    }

    /// The first of `names` that is a text, not an empty one.
    pub(super) fn text(&self, names: &[&str]) -> Option<Cow<'a, str>> {
        names.iter().filter_map(|name| text(self.raw(name)?)).find(|text| !text.is_empty())
    }

    /// The first of `names` that is a whole number above 0, also one in a text.
    pub(super) fn count(&self, names: &[&str]) -> Option<u64> {
        names.iter().find_map(|name| count(self.raw(name)?))
    }

    /// The first of `names` that is true or false, perhaps as `{"supported": …}`.
    pub(super) fn flag(&self, names: &[&str]) -> Option<bool> {
        names.iter().find_map(|name| flag(self.raw(name)?).or_else(|| flag(self.child(name)?.raw("supported")?)))
    }

    /// The texts in the list `name`, in lower case; none if it is no list.
    pub(super) fn words(&self, name: &str) -> Option<Vec<String>> {
        let mut words = Vec::new();
        each(self.raw(name)?, |raw| {
            if let Some(word) = text(raw).filter(|_| words.len() < MAX_FIELDS) {
                words.push(word.to_lowercase());
            }
        })?;
        Some(words)
    }
}

/// `raw` if it is a text.
pub(super) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let json = raw.get();
    if !json.starts_with('"') {
        return None;
    }
    match serde_json::from_str::<&str>(json) {
        Ok(text) => Some(Cow::Borrowed(text)),
        Err(_) => serde_json::from_str::<String>(json).ok().map(Cow::Owned),
    }
}

/// `raw` if it is a whole number above 0 that some model may have as a number of tokens; also in a text, and with a
/// fraction of nothing.
pub(super) fn count(raw: &RawValue) -> Option<u64> {
    /// More tokens than this is a mistake.
    const MOST: u64 = 1_000_000_000;
    let json = raw.get();
    let digits = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(json);
    let digits = digits
        .split_once('.')
        .map_or(digits, |(whole, rest)| if rest.bytes().all(|byte| byte == b'0') { whole } else { digits });
    digits.parse().ok().filter(|count| (1..=MOST).contains(count))
}

fn flag(raw: &RawValue) -> Option<bool> {
    match raw.get() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Does `with` to every value in `list`; none if it is no list.
pub(super) fn each<'a>(list: &'a RawValue, with: impl FnMut(&'a RawValue)) -> Option<()> {
    struct Values<F>(F);
    impl<'de, F: FnMut(&'de RawValue)> Visitor<'de> for Values<F> {
        type Value = ();

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
            while let Some(value) = list.next_element::<&'de RawValue>()? {
                (self.0)(value);
            }
            Ok(())
        }
    }
    serde_json::Deserializer::from_str(list.get()).deserialize_seq(Values(with)).ok()
}
