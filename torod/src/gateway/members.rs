//! The members of a JSON object as they are written, each of them: twice the same name too, and names that are nearly one.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Names without their escapes, with their values.
pub(super) struct Members<'a>(Vec<(String, &'a RawValue)>);

/// A name stands there twice, or nearly.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ambiguous;

impl<'a> Members<'a> {
    /// Those of the object in `json`; none where it is none.
    pub(super) fn of(json: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// The value of `name`, a name in small letters.
    ///
    /// # Errors
    ///
    /// It is there twice, or in another spelling: which of them a provider goes by is not known.
    pub(super) fn one(&self, name: &str) -> Result<Option<&'a RawValue>, Ambiguous> {
        let mut near = self.0.iter().filter(|(other, _)| other.trim().eq_ignore_ascii_case(name));
        match (near.next(), near.next()) {
            (None, _) => Ok(None),
            (Some((exact, value)), None) if exact == name => Ok(Some(value)),
            _ => Err(Ambiguous),
        }
    }

    /// Every value whose name is `name` to those who are not particular about letters, blanks and underscores.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &'a RawValue> {
        let plain = |text: &str| text.trim().replace('_', "").to_ascii_lowercase();
        let name = plain(name);
        self.0.iter().filter(move |(other, _)| plain(other) == name).map(|(_, value)| *value)
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nearly_there_is_no_name() {
        let one =
            |json: &'static str| Members::of(json.as_bytes()).unwrap().one("id").map(|value| value.map(RawValue::get));
        assert_eq!(one(r#"{"x":{"id":1},"\u0069d":"a"}"#), Ok(Some("\"a\"")));
        assert_eq!(one("{}"), Ok(None));
        for json in [r#"{"id":1,"id":2}"#, r#"{"Id":1}"#, r#"{" id":1}"#, r#"{"id":1,"iD\u0020":2}"#] {
            assert_eq!(one(json), Err(Ambiguous), "{json}");
        }
        assert!(Members::of(b"[1]").is_none() && Members::of(b"").is_none());
        let all = Members::of(br#"{"a_b":1,"aB":2,"c":3}"#).unwrap();
        assert_eq!(all.all("aB").map(RawValue::get).collect::<Vec<_>>(), ["1", "2"]);
    }
}
