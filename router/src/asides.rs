//! What a request asks for besides the model that it names: other models, and work that nobody waits for.

use crate::walk;

/// What stands in a request beside its model.
///
/// ```
/// use tokenrouter::asides::Asides;
///
/// let asides = Asides::of(br#"{"model":"a","models":["b"],"background":true}"#);
/// assert_eq!((asides.other_models, asides.in_background), (Some("models"), true));
/// assert_eq!(Asides::of(br#"{"model":"a","tools":[{"type":"function"}]}"#), Asides::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asides {
    /// The field that names further models: those to fall back to, or the one that a hosted tool works with.
    pub other_models: Option<&'static str>,
    /// Whether the provider is to work on after it has answered (`background` of the Responses API): what that costs
    /// is told to whoever asks for the answer later.
    pub in_background: bool,
}

impl Asides {
    /// Reads them out of a body. Names count in any spelling, since some providers take them in any.
    pub fn of(body: &[u8]) -> Self {
        let mut asides = Self::default();
        for (name, value) in walk::top(body) {
            match walk::name(name).as_ref() {
                b"background" => asides.in_background |= !matches!(value, b"false" | b"null"),
                b"models" if is_something(value) => asides.other_models = Some("models"),
                b"fallbacks" if is_something(value) => asides.other_models = Some("fallbacks"),
                b"fallback_models" if is_something(value) => asides.other_models = Some("fallback_models"),
                b"tools" if walk::elements(value).any(names_a_model) => asides.other_models = Some("tools.model"),
                _ => {}
            }
        }
        asides
    }
}

fn names_a_model(tool: &[u8]) -> bool {
    walk::top(tool).any(|(name, value)| walk::name(name).as_ref() == b"model" && value.starts_with(b"\""))
}

fn is_something(value: &[u8]) -> bool {
    match value.split_first() {
        Some((b'[', rest)) => !rest.trim_ascii_start().starts_with(b"]"),
        _ => value != b"null",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_models_and_background_are_seen_in_any_spelling() {
        for (body, other_models, in_background) in [
            (r#"{"model":"a","\u006dodels":["b"]}"#, Some("models"), false),
            (r#"{"Models":["b"]}"#, Some("models"), false),
            (r#"{"models":[ ]}"#, None, false),
            (r#"{"models":null,"fallbacks":[{"model":"b"}]}"#, Some("fallbacks"), false),
            (r#"{"tools":[{"type":"x"},{"type":"advisor","model":"b"}]}"#, Some("tools.model"), false),
            (r#"{"tools":[{"function":{"parameters":{"properties":{"model":{"type":"string"}}}}}]}"#, None, false),
            (r#"{"tools":[{"type":"function","model":{"type":"string"}}]}"#, None, false),
            (r#"{"background": true}"#, None, true),
            (r#"{"back\u0067round":1}"#, None, true),
            (r#"{"background":false,"messages":[{"background":true,"models":["b"]}]}"#, None, false),
            ("", None, false),
            ("[]", None, false),
        ] {
            assert_eq!(Asides::of(body.as_bytes()), Asides { other_models, in_background }, "{body}");
        }
    }
}
