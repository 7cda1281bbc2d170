//! Rewrites single values of a raw JSON request in place; every other byte stays as the client wrote it.
//!
//! ```
//! use bytes::Bytes;
//! use tokenrouter::{peek::Peek, splice};
//!
//! let body = Bytes::from_static(br#"{ "model":"fast", "stream":true, "x":1.0 }"#);
//! let peek = Peek::read(&body)?;
//! let edits = [splice::set_model(&peek, "gpt-5-mini"), splice::ask_stream_usage(&body, &peek)];
//! let pieces = splice::apply(&body, edits.into_iter().flatten().collect());
//! let sent = br#"{"stream_options":{"include_usage":true}, "model":"gpt-5-mini", "stream":true, "x":1.0 }"#;
//! assert_eq!(pieces.concat(), sent);
//! # Ok::<(), tokenrouter::peek::PeekError>(())
//! ```

use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::peek::Peek;

pub mod member;

/// Replace the bytes of `at` (empty: insert there) with `with`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The bytes to replace.
    pub at: Range<usize>,
    /// What stands there afterwards.
    pub with: Bytes,
}

/// The edit that puts `model` in place of the model the client named; none if it is already there, or not in the body.
pub fn set_model(peek: &Peek<'_>, model: &str) -> Option<Edit> {
    (peek.model != model && !peek.model_at.is_empty()).then(|| Edit { at: peek.model_at.clone(), with: quote(model) })
}

/// `text` as a JSON string, quotes included.
pub fn quote(text: &str) -> Bytes {
    let plain = text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\');
    if plain {
        return Bytes::from([b"\"", text.as_bytes(), b"\""].concat());
    }
    Bytes::from(serde_json::Value::String(text.to_owned()).to_string())
}

#[derive(Deserialize)]
struct StreamOptions<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    include_usage: Option<&'a RawValue>,
}

/// A field that says `null` is there all the same: a second one beside it would be one too many.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// Whether the client itself asked for the usage of its stream.
pub fn asks_stream_usage(body: &[u8], peek: &Peek<'_>) -> bool {
    options(body, peek).is_some_and(|o| o.include_usage.is_some_and(|v| v.get() == "true"))
}

fn options<'a>(body: &'a [u8], peek: &Peek<'_>) -> Option<StreamOptions<'a>> {
    serde_json::from_slice(body.get(peek.stream_options_at.clone()?)?).ok()
}

/// The edit that asks an OpenAI-compatible upstream to send the usage of a stream
/// (`stream_options.include_usage`, OpenAI Chat Completions and Completions).
///
/// `None` where the client has asked already, or sent options that are not an object: those the upstream may judge.
pub fn ask_stream_usage(body: &[u8], peek: &Peek<'_>) -> Option<Edit> {
    let Some(at) = peek.stream_options_at.clone() else {
        // The object holds `model` at least, so a comma always follows.
        let with = Bytes::from_static(br#""stream_options":{"include_usage":true},"#);
        return Some(Edit { at: peek.inside_at..peek.inside_at, with });
    };
    let raw = body.get(at.clone())?;
    if raw == b"null" {
        return Some(Edit { at, with: Bytes::from_static(br#"{"include_usage":true}"#) });
    }
    if raw.first() != Some(&b'{') {
        return None;
    }
    match options(body, peek)?.include_usage {
        Some(value) if value.get() == "true" => None,
        Some(value) => {
            let start = value.get().as_ptr().addr().saturating_sub(body.as_ptr().addr());
            Some(Edit { at: start..start + value.get().len(), with: Bytes::from_static(b"true") })
        }
        None => {
            let inside = at.start + 1;
            let is_empty = raw.get(1..).unwrap_or_default().iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'}');
            let with: &'static [u8] = if is_empty { br#""include_usage":true"# } else { br#""include_usage":true,"# };
            Some(Edit { at: inside..inside, with: Bytes::from_static(with) })
        }
    }
}

/// Applies `edits` without copying the body: the result's pieces, in order, are the new body.
///
/// Edits may come in any order and must not overlap; one that lies outside the body is left out.
pub fn apply(body: &Bytes, mut edits: Vec<Edit>) -> Vec<Bytes> {
    edits.sort_by_key(|e| e.at.start);
    let mut pieces = Vec::with_capacity(edits.len() * 2 + 1);
    let mut from = 0;
    for edit in edits {
        if edit.at.start < from || edit.at.end > body.len() {
            continue;
        }
        if edit.at.start > from {
            pieces.push(body.slice(from..edit.at.start));
        }
        from = edit.at.end;
        pieces.push(edit.with);
    }
    if from < body.len() {
        pieces.push(body.slice(from..));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(body: &str) -> String {
        let peek = Peek::read(body.as_bytes()).unwrap();
        let edits = [set_model(&peek, "new"), ask_stream_usage(body.as_bytes(), &peek)].into_iter().flatten().collect();
        String::from_utf8(apply(&Bytes::copy_from_slice(body.as_bytes()), edits).concat()).unwrap()
    }

    #[test]
    fn asks_for_usage_once_and_keeps_the_rest() {
        let ask = r#""stream_options":{"include_usage":true}"#;
        for (before, after) in [
            (r#"{"model":"m","n":1e0}"#.to_owned(), format!(r#"{{{ask},"model":"new","n":1e0}}"#)),
            (r#"{"stream_options":null,"model":"m"}"#.to_owned(), format!(r#"{{{ask},"model":"new"}}"#)),
            (r#"{"stream_options":{},"model":"m"}"#.to_owned(), format!(r#"{{{ask},"model":"new"}}"#)),
            (
                r#"{"model":"m","stream_options":{"include_usage":false,"x":1}}"#.to_owned(),
                r#"{"model":"new","stream_options":{"include_usage":true,"x":1}}"#.to_owned(),
            ),
            (
                r#"{"model":"m","stream_options":{ "x":1}}"#.to_owned(),
                r#"{"model":"new","stream_options":{"include_usage":true, "x":1}}"#.to_owned(),
            ),
            (
                r#"{"model":"m","stream_options":{"x":1,"include_usage":null}}"#.to_owned(),
                r#"{"model":"new","stream_options":{"x":1,"include_usage":true}}"#.to_owned(),
            ),
            (format!(r#"{{"model":"m",{ask}}}"#), format!(r#"{{"model":"new",{ask}}}"#)),
            (r#"{"model":"m","stream_options":7}"#.to_owned(), r#"{"model":"new","stream_options":7}"#.to_owned()),
        ] {
            assert_eq!(edited(&before), after);
        }
    }

    #[test]
    fn quotes_what_json_must_escape() {
        assert_eq!(quote("a/b:c"), r#""a/b:c""#);
        assert_eq!(quote("a\"\\\n"), r#""a\"\\\n""#);
    }
}
