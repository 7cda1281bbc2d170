//! The top level of a request body: known fields by type, and what nobody knows by name, so that nothing vanishes.

/// Defines a struct of optional fields that is read from a JSON object. `null` counts as absent. What has no field is
/// kept in `rest` by its name; a field that stands there twice is refused.
macro_rules! top_level {
    (
        $(#[doc = $doc:literal])+
        pub struct $name:ident { $( $field:ident: $type:ty = $key:literal $(| $alias:literal)* ),+ $(,)? }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Default)]
        pub(crate) struct $name {
            $( pub(crate) $field: Option<$type>, )+
            /// Everything else.
            pub(crate) rest: Vec<(String, $crate::chat::Json)>,
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Fields;
                impl<'de> serde::de::Visitor<'de> for Fields {
                    type Value = $name;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a JSON object")
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        let mut read = $name::default();
                        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                            match key.as_ref() {
                                $(
                                    $key $(| $alias)* => {
                                        if read.$field.is_some() {
                                            return Err(serde::de::Error::duplicate_field($key));
                                        }
                                        read.$field = map.next_value::<Option<$type>>()?;
                                    }
                                )+
                                _ => {
                                    let value = map.next_value::<$crate::chat::Json>()?;
                                    read.rest.push((key.into_owned(), value));
                                }
                            }
                        }
                        Ok(read)
                    }
                }
                from.deserialize_map(Fields)
            }
        }
    };
}

pub(crate) use top_level;

#[cfg(test)]
mod tests {
    top_level! {
        /// A test.
        pub struct Body { model: String = "model", max_tokens: u64 = "maxTokens" | "max_tokens" }
    }

    #[test]
    fn known_fields_are_typed_and_others_kept() {
        let body: Body = serde_json::from_str(r#"{"model":"m","max_tokens":3,"x":{"y":1.0},"z":null}"#).unwrap();
        assert_eq!((body.model.as_deref(), body.max_tokens), (Some("m"), Some(3)));
        let rest: Vec<(&str, &str)> = body.rest.iter().map(|(name, value)| (name.as_str(), value.text())).collect();
        assert_eq!(rest, [("x", r#"{"y":1.0}"#), ("z", "null")]);
        assert!(serde_json::from_str::<Body>(r#"{"model":"a","model":"b"}"#).is_err());
        let wrong = crate::chat::loss::read::<Body>(br#"{"model":[]}"#).unwrap_err();
        assert_eq!((wrong.path.as_str(), wrong.why.as_ref()), ("model", "invalid type: sequence, expected a string"));
        assert!(serde_json::from_str::<Body>("[1]").is_err());
    }
}
