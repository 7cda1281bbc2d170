//! How much to think, put into a request that does not say it: in the client's own protocol, every other byte stays.

use std::ops::Range;

use bytes::Bytes;

use crate::Protocol;
use crate::catalog::Effort;
use crate::splice::{Edit, quote};
use crate::walk::top;

/// The edit that asks for `effort` in the request `body`. None where the client says anything about it itself, and where
/// its protocol has no word for it.
///
/// ```
/// use bytes::Bytes;
/// use tokenrouter::Protocol;
/// use tokenrouter::auto::effort::ask;
/// use tokenrouter::catalog::Effort;
/// use tokenrouter::splice::apply;
///
/// let body = Bytes::from_static(br#"{"model":"auto","messages":[]}"#);
/// let edit = ask(Protocol::OpenAi, &body, Effort::High).ok_or("it says so already")?;
/// assert_eq!(apply(&body, vec![edit]).concat(), br#"{"reasoning_effort":"high","model":"auto","messages":[]}"#);
/// assert_eq!(ask(Protocol::OpenAi, br#"{"reasoning_effort":"low"}"#, Effort::High), None);
/// # Ok::<(), &str>(())
/// ```
pub fn ask(protocol: Protocol, body: &[u8], effort: Effort) -> Option<Edit> {
    let has = |name: &str| top(body).any(|(field, _)| field == name.as_bytes());
    let word = effort.as_str();
    match protocol {
        Protocol::OpenAi => {
            if has("reasoning_effort") || has("reasoning") || has("thinking") {
                return None;
            }
            put(body, body, "reasoning_effort", &quote(word))
        }
        Protocol::Responses => nested(body, body, "reasoning", "effort", &quote(word)),
        Protocol::Anthropic => {
            if has("thinking") {
                return None;
            }
            nested(body, body, "output_config", "effort", &quote(word))
        }
        Protocol::Gemini => {
            if has("generation_config") {
                return None;
            }
            // Gemini has no word for more than `high`.
            let word = if effort > Effort::High { Effort::High.as_str() } else { word };
            let config = [b"{\"thinkingLevel\":".as_slice(), &quote(word), b"}"].concat();
            match value(body, "generationConfig") {
                Some(settings) if value(settings, "thinking_config").is_some() => None,
                Some(_) => nested(body, body, "generationConfig", "thinkingConfig", &config),
                None => {
                    let settings = [b"{\"thinkingConfig\":".as_slice(), &config, b"}"].concat();
                    put(body, body, "generationConfig", &settings)
                }
            }
        }
        Protocol::Cohere => None,
    }
}

fn value<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    top(object).find(|(field, _)| *field == name.as_bytes()).map(|(_, value)| value)
}

/// Puts `name` into the object at `outer`, or makes that object; none where either says something else.
fn nested(body: &[u8], within: &[u8], outer: &str, name: &str, json: &[u8]) -> Option<Edit> {
    match value(within, outer) {
        None => {
            let object = [b"{", quote(name).as_ref(), b":", json, b"}"].concat();
            put(body, within, outer, &object)
        }
        Some(object) if object.first() == Some(&b'{') && value(object, name).is_none() => put(body, object, name, json),
        Some(_) => None,
    }
}

/// Puts `name` with the value `json` before everything else in `object`, which is a part of `body`.
fn put(body: &[u8], object: &[u8], name: &str, json: &[u8]) -> Option<Edit> {
    let open = object.iter().position(|byte| *byte == b'{')?;
    let inside = object.as_ptr().addr().checked_sub(body.as_ptr().addr())? + open + 1;
    let is_empty = body.get(inside..)?.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'}');
    let comma: &[u8] = if is_empty { b"" } else { b"," };
    let with = Bytes::from([quote(name).as_ref(), b":", json, comma].concat());
    let at: Range<usize> = inside..inside;
    Some(Edit { at, with })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splice::apply;
    use proptest::prelude::*;

    fn told(protocol: Protocol, body: &str) -> Option<String> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let edit = ask(protocol, &body, Effort::XHigh)?;
        Some(String::from_utf8(apply(&body, vec![edit]).concat()).unwrap())
    }

    #[test]
    fn row_60_every_protocol_has_its_place_and_the_client_goes_first() {
        for (protocol, body, after) in [
            (Protocol::OpenAi, r#" {"a":1}"#, Some(r#" {"reasoning_effort":"xhigh","a":1}"#)),
            (Protocol::OpenAi, "{ }", Some(r#"{"reasoning_effort":"xhigh" }"#)),
            (Protocol::OpenAi, r#"{"reasoning_effort":null}"#, None),
            (Protocol::OpenAi, r#"{"reasoning":{"effort":"low"}}"#, None),
            (Protocol::Responses, r#"{"a":1}"#, Some(r#"{"reasoning":{"effort":"xhigh"},"a":1}"#)),
            (
                Protocol::Responses,
                r#"{"reasoning":{"summary":"auto"}}"#,
                Some(r#"{"reasoning":{"effort":"xhigh","summary":"auto"}}"#),
            ),
            (Protocol::Responses, r#"{"reasoning":{"effort":"low"}}"#, None),
            (Protocol::Responses, r#"{"reasoning":null}"#, None),
            (Protocol::Anthropic, r#"{"a":1}"#, Some(r#"{"output_config":{"effort":"xhigh"},"a":1}"#)),
            (
                Protocol::Anthropic,
                r#"{"output_config":{"format":{}}}"#,
                Some(r#"{"output_config":{"effort":"xhigh","format":{}}}"#),
            ),
            (Protocol::Anthropic, r#"{"thinking":{"type":"disabled"}}"#, None),
            (
                Protocol::Gemini,
                r#"{"a":1}"#,
                Some(r#"{"generationConfig":{"thinkingConfig":{"thinkingLevel":"high"}},"a":1}"#),
            ),
            (
                Protocol::Gemini,
                r#"{"generationConfig":{"topP":1}}"#,
                Some(r#"{"generationConfig":{"thinkingConfig":{"thinkingLevel":"high"},"topP":1}}"#),
            ),
            (Protocol::Gemini, r#"{"generationConfig":{"thinkingConfig":{}}}"#, None),
            (Protocol::Gemini, r#"{"generationConfig":{"thinking_config":{}}}"#, None),
            (Protocol::Gemini, r#"{"generation_config":{}}"#, None),
            (Protocol::Cohere, r#"{"a":1}"#, None),
        ] {
            assert_eq!(told(protocol, body).as_deref(), after, "{protocol} {body}");
        }
    }

    proptest! {
        #[test]
        fn what_was_json_stays_json(
            names in proptest::collection::vec(prop_oneof![
                Just("reasoning"), Just("output_config"), Just("generationConfig"), Just("a\\\"{"), Just("messages"),
            ], 0..4),
            value in prop_oneof![Just("{}"), Just("{ \"x\":[{}] }"), Just("null"), Just("\"{\""), Just("[{}]")],
        ) {
            let members: Vec<_> = names.iter().map(|name| format!("\"{name}\" : {value}")).collect();
            let body = format!("{{{}}}", members.join(" , "));
            for protocol in Protocol::ALL {
                if let Some(after) = told(protocol, &body) {
                    prop_assert!(serde_json::from_str::<serde_json::Value>(&after).is_ok(), "{} -> {}", body, after);
                }
            }
        }
    }
}
