//! JSON as the admin API takes it: where an object belongs no list will do, and no member stands there twice, at any
//! depth. By itself serde takes a list of values for any struct, and the last of two members of a map.

use std::collections::HashSet;
use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer as _, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};

use crate::config::shorten;

const LIST: &str = "a list stands where an object belongs";
const TWICE: &str = " stands there twice";

/// Why a body is not what is expected.
pub(super) struct Wrong {
    path: String,
    error: serde_json::Error,
}

impl Wrong {
    /// All that is known, what was sent included.
    pub(super) fn whole(&self) -> String {
        format!("{}{}", self.at(), in_words(&self.error.to_string()))
    }

    /// The same without what was sent, which may be a secret in the wrong place.
    pub(super) fn masked(&self) -> String {
        let said = self.error.to_string();
        if said.starts_with(LIST) || said.contains(TWICE) {
            return self.whole();
        }
        // A field that nobody knows may be no name at all.
        let at = if said.starts_with("unknown field") { String::new() } else { self.at() };
        format!("{at}it does not fit at line {} column {}", self.error.line(), self.error.column())
    }

    fn at(&self) -> String {
        // A name that is refused itself leads nowhere.
        let path = self.path.trim_end_matches('?').trim_end_matches('.');
        if path.is_empty() { String::new() } else { format!("`{}`: ", shorten(path)) }
    }
}

/// The sentence `said` of serde with words for JSON where it has names of types in our code.
fn in_words(said: &str) -> String {
    // The last one: what stands before it may have been sent.
    let Some((before, expected)) = said.rsplit_once(", expected ") else { return said.to_owned() };
    let (kind, place) = expected.split_at(expected.find(" at line ").unwrap_or(expected.len()));
    let kind = match kind {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not below 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "a string" | "string" => "a text",
        "a boolean" => "true or false",
        "a map" => "an object",
        "option" => "a value or null",
        _ if kind.starts_with("struct ") || kind.contains("tagged enum") => "an object",
        _ if kind.starts_with("enum ") => "a word",
        _ => kind,
    };
    format!("{before}, expected {kind}{place}")
}

/// Reads a `T` from `body`.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Wrong> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(Strict(&mut json))
        .map_err(|e| Wrong { path: e.path().to_string(), error: e.into_inner() })?;
    json.end().map_err(|error| Wrong { path: ".".to_owned(), error })?;
    Ok(value)
}

/// A deserializer that is strict at every depth.
struct Strict<D>(D);

/// Asks the inner one for the same.
macro_rules! ask {
    ($($ask:ident($($word:ident: $kind:ty),*))*) => {$(
        fn $ask<V: Visitor<'de>>(self, $($word: $kind,)* visitor: V) -> Result<V::Value, D::Error> {
            self.0.$ask($($word,)* Seen { visitor, is_object: false })
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    ask! {
        deserialize_any() deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64()
        deserialize_i128() deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_char() deserialize_str() deserialize_string()
        deserialize_bytes() deserialize_byte_buf() deserialize_option() deserialize_unit() deserialize_seq()
        deserialize_map() deserialize_identifier()
        deserialize_unit_struct(name: &'static str) deserialize_newtype_struct(name: &'static str)
        deserialize_tuple(len: usize) deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_struct(name, fields, Seen { visitor, is_object: true })
    }

    /// What nobody wants to know is looked at all the same.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// A visitor to whom only what is strict is shown.
struct Seen<V> {
    visitor: V,
    /// It is a struct's.
    is_object: bool,
}

/// Shows the visitor the same.
macro_rules! show {
    ($($show:ident($kind:ty))*) => {$(
        fn $show<E: serde::de::Error>(self, value: $kind) -> Result<V::Value, E> {
            self.visitor.$show(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Seen<V> {
    type Value = V::Value;

    show! {
        visit_bool(bool) visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128) visit_f32(f32) visit_f64(f64)
        visit_char(char) visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
        visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Strict(inner))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Strict(inner))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<V::Value, A::Error> {
        if self.is_object {
            return Err(A::Error::custom(LIST));
        }
        self.visitor.visit_seq(Strict(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Members { members, names: HashSet::new() })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_enum(Strict(inner))
    }
}

/// A value that is strict inside.
impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Strict(inner))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Strict<A> {
    type Error = A::Error;
    type Variant = Strict<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        self.0.variant_seed(seed).map(|(value, variant)| (value, Strict(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Strict(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(len, Seen { visitor, is_object: false })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, Seen { visitor, is_object: true })
    }
}

/// The members of an object, each once.
struct Members<A> {
    members: A,
    names: HashSet<String>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let Some(name) = self.members.next_key::<String>()? else { return Ok(None) };
        if self.names.contains(&name) {
            return Err(A::Error::custom(format!("`{}`{TWICE}", shorten(&name))));
        }
        self.names.insert(name.clone());
        let name: StringDeserializer<A::Error> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.members.next_value_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.members.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use tokenrouter_shared::change::TokenChange;
    use tokenrouter_shared::provider::{KeyChange, ProviderCreate};
    use tokenrouter_shared::settings::SettingsChange;
    use tokenrouter_shared::token::TokenCreate;

    use super::*;

    fn refusal<T: DeserializeOwned>(body: &str) -> String {
        match read::<T>(body.as_bytes()) {
            Ok(_) => panic!("taken: {body}"),
            Err(wrong) => wrong.whole(),
        }
    }

    #[test]
    fn a_list_is_no_object_at_any_depth_and_the_place_is_told() {
        for (body, place) in [
            (r#"[null,"admin"]"#, ""),
            (r#"{"limits":[]}"#, "`limits`: "),
            (r#"{"limits":{"models":[["a"],["b"]]}}"#, "`limits.models`: "),
            (r#"{"limits":{"budgets":[["requests",5]]}}"#, "`limits.budgets[0]`: "),
            (r#"{"limits":{"budgets":[{"unit":"requests","limit":5,"window":[60]}]}}"#, "`limits.budgets[0].window`: "),
        ] {
            let said = refusal::<TokenCreate>(body);
            assert!(said.starts_with(&format!("{place}{LIST}")), "{said}");
            let said = refusal::<TokenChange>(&body.replacen("[null,\"admin\"]", "[3]", 1));
            assert!(said.starts_with(&format!("{place}{LIST}")), "{said}");
        }
        assert!(refusal::<ProviderCreate>(r#"{"provider":"x","account":[["a","b"]]}"#).starts_with("`account`"));
    }

    #[test]
    fn a_member_stands_there_once() {
        for (body, said) in [
            (r#"{"name":"a","name":"a"}"#, "`name` stands"),
            (r#"{"limits":{},"limits":{}}"#, "`limits` stands"),
            (r#"{"limits":{"models":{"deny":["a"],"deny":[]}}}"#, "`limits.models`: `deny`"),
            (r#"{"labels":{"a":"1","a":"2"}}"#, "`labels`: `a`"),
            (
                r#"{"limits":{"budgets":[{"unit":"requests","limit":5,"window":{"seconds":1,"second\u0073":2}}]}}"#,
                "`limits.budgets[0].window`: `seconds`",
            ),
        ] {
            let refused = refusal::<TokenCreate>(body);
            assert!(refused.starts_with(said) && refused.contains(TWICE), "{refused}");
        }
        let refused = refusal::<SettingsChange>(r#"{"version":"v","set":{"a":1,"a":2}}"#);
        assert!(refused.contains("`a` stands there twice"), "{refused}");
        let refused = refusal::<KeyChange>(r#"{"version":"v","key":{"value":"a","value":"b"}}"#);
        assert!(!refused.is_empty());
    }

    #[test]
    fn what_was_sent_is_not_repeated_where_it_may_be_a_secret() {
        for body in [
            r#"{"version":"v","key":"sk-secret"}"#,
            r#"{"version":"v","key":{"sk-secret":1}}"#,
            r#"{"sk-secret":1}"#,
            r#"{"version":{"sk-secret":1},"key":{"env":"A"}}"#,
            r#"{"version":"v","key":{"env":["sk-secret"]}}"#,
        ] {
            let Err(wrong) = read::<KeyChange>(body.as_bytes()) else { panic!("taken: {body}") };
            assert!(!wrong.masked().contains("secret"), "{}", wrong.masked());
            assert!(wrong.masked().contains("line 1 column"), "{}", wrong.masked());
        }
    }

    #[test]
    fn nobody_needs_to_know_our_types() {
        for (body, expected) in [
            (r#"{"limits":"struct A, expected u64"}"#, "expected an object at line 1"),
            (
                r#"{"limits":{"budgets":[{"unit":"requests","limit":-1}]}}"#,
                "expected a whole number, not below 0 at line 1",
            ),
            (r#"{"limits":{"budgets":{}}}"#, "expected a list at line 1"),
            (r#"{"name":7}"#, "expected a text at line 1"),
        ] {
            let said = refusal::<TokenCreate>(body);
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn what_stands_behind_it_is_refused_and_depth_is_bounded() {
        assert!(refusal::<TokenCreate>("{} {}").contains("trailing"));
        let deep = format!("{{\"limits\":{}", "{\"models\":".repeat(100_000));
        assert!(!refusal::<TokenCreate>(&deep).is_empty());
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~]{0,8}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..3).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_once_there_is_read_as_ever(value in value()) {
            let text = value.to_string();
            prop_assert_eq!(read::<Value>(text.as_bytes()).ok(), Some(value));
        }
    }
}
