//! Free-form JSON inside a conversation: schemas, arguments, metadata. Kept as its text, so that nothing in it changes.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// One JSON value as text.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(Box<RawValue>);

impl Json {
    /// The value in `text`; none if that is not JSON.
    pub fn parse(text: impl Into<String>) -> Option<Self> {
        RawValue::from_string(text.into()).ok().map(Self)
    }

    /// What `value` looks like in JSON; none if it cannot be written.
    pub fn of(value: &impl Serialize) -> Option<Self> {
        serde_json::value::to_raw_value(value).ok().map(Self)
    }

    /// The empty object.
    pub fn empty_object() -> Self {
        Self(RawValue::NULL.to_owned()).or_object()
    }

    fn or_object(self) -> Self {
        Self::parse("{}").unwrap_or(self)
    }

    /// Its text.
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        self.text().starts_with('{')
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.text() == "null"
    }

    /// The string that it is; none if it is something else.
    pub fn as_string(&self) -> Option<String> {
        if self.text().starts_with('"') { self.read() } else { None }
    }

    /// The value read as a `T`; none if it does not fit.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.text()).ok()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Json {}

/// A string, or a list of `T`: how most protocols spell content. `null` and an absent value are nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TextOr<T> {
    /// `null`.
    #[default]
    Nothing,
    /// A plain string.
    Text(String),
    /// A list.
    List(Vec<T>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = TextOr<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list")
            }
            fn visit_str<E>(self, text: &str) -> Result<TextOr<T>, E> {
                Ok(TextOr::Text(text.to_owned()))
            }
            fn visit_string<E>(self, text: String) -> Result<TextOr<T>, E> {
                Ok(TextOr::Text(text))
            }
            fn visit_unit<E>(self) -> Result<TextOr<T>, E> {
                Ok(TextOr::Nothing)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<TextOr<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = seq.next_element()? {
                    list.push(item);
                }
                Ok(TextOr::List(list))
            }
        }
        from.deserialize_any(Either(PhantomData))
    }
}

/// The arguments of a tool call as the object that Anthropic, Gemini and others insist on.
///
/// Nothing, `""`, `null` and `"null"` mean no arguments. None: the text is no JSON object.
pub fn arguments_object(text: &str) -> Option<Json> {
    match text.trim() {
        "" | "null" | "\"null\"" | "\"\"" => Some(Json::empty_object()),
        other => Json::parse(other).filter(Json::is_object),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_text_of_numbers_and_escapes() {
        let text = r#"{"n":1.00,"big":123456789012345678901234567890,"s":"\u00e9"}"#;
        let json: Json = serde_json::from_str(text).unwrap();
        assert_eq!(json.text(), text);
        assert_eq!(serde_json::to_string(&json).unwrap(), text);
        assert_eq!(Json::empty_object().text(), "{}");
    }

    #[test]
    fn arguments_become_an_object_or_are_refused() {
        for text in ["", " ", "null", "\"null\"", "{}"] {
            assert_eq!(arguments_object(text).unwrap().text(), "{}", "{text:?}");
        }
        assert_eq!(arguments_object(r#"{"a": 1}"#).unwrap().text(), r#"{"a": 1}"#);
        for text in ["[1]", "{\"a\":", "7", "hello"] {
            assert_eq!(arguments_object(text), None, "{text:?}");
        }
    }

    #[test]
    fn content_is_a_string_a_list_or_nothing() {
        let read = serde_json::from_str::<TextOr<u8>>;
        assert_eq!(read("\"a\"").unwrap(), TextOr::Text("a".into()));
        assert_eq!(read("[1,2]").unwrap(), TextOr::List(vec![1, 2]));
        assert_eq!(read("null").unwrap(), TextOr::Nothing);
        assert!(read("7").is_err());
    }
}
