//! What routing needs out of a raw JSON request, read in one pass without building a tree.
//!
//! The whole body is checked for JSON syntax on the way, so that a request is refused here and not
//! half-way through an upstream. Nothing is copied: fields are spans of the body, which [`crate::splice`] edits.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::hidden::is_hidden;

/// How deeply arrays and objects may be nested. Real requests stay below 40; parsers behind us stop at 128 to 1,000.
pub const MAX_DEPTH: usize = 512;

/// How long a model name may be, in bytes.
pub const MAX_MODEL_BYTES: usize = 256;

/// The fields of a request that decide where it goes and how it is answered.
///
/// ```
/// use tokenrouter::peek::{Peek, PeekError};
///
/// let body = br#"{"messages": [], "model": "gpt-5", "stream": true}"#;
/// let peek = Peek::read(body)?;
/// assert_eq!((peek.model.as_ref(), peek.stream), ("gpt-5", true));
/// assert_eq!(&body[peek.model_at], br#""gpt-5""#);
/// assert_eq!(Peek::read(br#"{"messages": []}"#), Err(PeekError::NoModel));
/// # Ok::<(), PeekError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peek<'a> {
    /// The model as the client named it, escapes resolved.
    pub model: Cow<'a, str>,
    /// Where the model's JSON value stands in the body, quotes included.
    pub model_at: Range<usize>,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// Where the value of `stream_options` stands, if the client sent one.
    pub stream_options_at: Option<Range<usize>>,
    /// The answer that the request continues (Responses' `previous_response_id`).
    pub previous: Option<Cow<'a, str>>,
    /// Whether the answer is to be kept (Responses' `store`).
    pub store: Option<bool>,
    /// Where the first byte after the opening brace stands: the place for a new first field.
    pub inside_at: usize,
}

/// Why a body cannot be routed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeekError {
    /// The body is empty.
    Empty,
    /// The text stops in the middle of a value.
    Truncated,
    /// The text is not JSON.
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// The text is not UTF-8, which JSON always is.
    NotUtf8 {
        /// How many bytes are fine before it.
        at: usize,
    },
    /// The JSON value is not an object.
    NotAnObject,
    /// A field that decides about routing stands there twice: two readers could choose differently.
    Duplicate(&'static str),
    /// `model` is missing or null.
    NoModel,
    /// `model` is not a string.
    ModelNotAString,
    /// `model` is empty or longer than [`MAX_MODEL_BYTES`].
    ModelLength(usize),
    /// `model` holds a control character, or one that changes how text around it is shown.
    ModelCharacter(char),
    /// `stream` is neither a boolean nor null.
    StreamNotABool,
    /// A field that differs from a routing field in the case of its letters only: some servers take it for the same.
    Ambiguous(&'static str),
    /// More than [`MAX_DEPTH`] levels of nesting.
    TooDeep,
}

impl fmt::Display for PeekError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the request body is empty; send a JSON object with at least `model`"),
            Self::Truncated => f.write_str("the request body is JSON that stops in the middle; send all of it"),
            Self::Syntax { line, column } => {
                write!(f, "the request body is not JSON: error at line {line} column {column}")
            }
            Self::NotUtf8 { at } => write!(f, "the request body is not UTF-8: byte {at} fits no character"),
            Self::NotAnObject => f.write_str("the request body must be a JSON object"),
            Self::Duplicate(field) => write!(f, "the field `{field}` stands twice in the request body; send it once"),
            Self::NoModel => f.write_str("the field `model` is missing; name a model, GET /v1/models lists them"),
            Self::ModelNotAString => f.write_str("the field `model` must be a string"),
            Self::ModelLength(0) => f.write_str("the field `model` is empty; name a model, GET /v1/models lists them"),
            Self::ModelLength(n) => {
                write!(f, "the field `model` is {n} bytes long; at most {MAX_MODEL_BYTES} are allowed")
            }
            Self::ModelCharacter(c) => {
                write!(f, "the field `model` holds the character {}, which no model's name has", c.escape_unicode())
            }
            Self::Ambiguous(field) => {
                write!(
                    f,
                    "a field is named like `{field}` but in other letters; some servers would take it for `{field}`"
                )
            }
            Self::StreamNotABool => f.write_str("the field `stream` must be true or false"),
            Self::TooDeep => write!(f, "the request body is nested more than {MAX_DEPTH} levels deep"),
        }
    }
}

impl std::error::Error for PeekError {}

impl PeekError {
    /// The request field at fault, as error bodies name it.
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::NoModel | Self::ModelNotAString | Self::ModelLength(_) | Self::ModelCharacter(_) => Some("model"),
            Self::StreamNotABool => Some("stream"),
            Self::Duplicate(field) | Self::Ambiguous(field) => Some(field),
            Self::Empty
            | Self::Truncated
            | Self::Syntax { .. }
            | Self::NotUtf8 { .. }
            | Self::NotAnObject
            | Self::TooDeep => None,
        }
    }
}

/// An explicit `null` is kept apart from an absent field: the first has a place in the body that an edit must replace.
#[derive(Default)]
struct Fields<'a> {
    model: Option<&'a RawValue>,
    stream: Option<&'a RawValue>,
    stream_options: Option<&'a RawValue>,
    include_usage: Option<&'a RawValue>,
    previous: Option<&'a RawValue>,
    store: Option<&'a RawValue>,
    ambiguous: Option<&'static str>,
}

/// The fields that decide; `include_usage` stands inside `stream_options` only, where the same reader looks for it.
const NAMES: [&str; 6] = ["model", "stream", "stream_options", "include_usage", "previous_response_id", "store"];

enum Key {
    Known(&'static str),
    Near(&'static str),
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's name")
            }
            fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                let Some(name) = NAMES.iter().find(|name| name.eq_ignore_ascii_case(key)) else {
                    return Ok(Key::Other);
                };
                Ok(if *name == key { Key::Known(name) } else { Key::Near(name) })
            }
        }
        from.deserialize_identifier(Name)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Fields::default();
                while let Some(key) = map.next_key::<Key>()? {
                    let name = match key {
                        Key::Known(name) => name,
                        Key::Near(name) => {
                            fields.ambiguous = Some(name);
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                        Key::Other => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    let slot = match name {
                        "model" => &mut fields.model,
                        "stream" => &mut fields.stream,
                        "stream_options" => &mut fields.stream_options,
                        "previous_response_id" => &mut fields.previous,
                        "store" => &mut fields.store,
                        _ => &mut fields.include_usage,
                    };
                    if slot.replace(map.next_value()?).is_some() {
                        return Err(serde::de::Error::duplicate_field(name));
                    }
                }
                Ok(fields)
            }
        }
        from.deserialize_map(Object)
    }
}

impl<'a> Peek<'a> {
    /// Reads `body`, which must be one JSON object with a `model`.
    pub fn read(body: &'a [u8]) -> Result<Self, PeekError> {
        let open = body.iter().position(|b| !b.is_ascii_whitespace()).ok_or(PeekError::Empty)?;
        let json = as_text(body)?;
        if body.get(open) != Some(&b'{') {
            // A derived struct also accepts an array; valid JSON of another kind deserves its own sentence.
            return Err(match serde_json::from_str::<IgnoredAny>(json) {
                Ok(_) => PeekError::NotAnObject,
                Err(e) => explain(&e),
            });
        }
        let fields: Fields<'a> = serde_json::from_str(json).map_err(|e| explain(&e))?;
        if let Some(field) = fields.ambiguous {
            return Err(PeekError::Ambiguous(field));
        }
        if let Some(options) = fields.stream_options
            && serde_json::from_str::<Fields<'_>>(options.get()).is_err_and(|e| is_duplicate(&e, "include_usage"))
        {
            return Err(PeekError::Duplicate("stream_options"));
        }
        if nested_deeper_than(body, MAX_DEPTH) {
            return Err(PeekError::TooDeep);
        }
        let model_raw = fields.model.filter(|m| m.get() != "null").ok_or(PeekError::NoModel)?;
        let model = text(model_raw).ok_or(PeekError::ModelNotAString)?;
        check_model(&model)?;
        let stream = match fields.stream.map(RawValue::get) {
            None | Some("null" | "false") => false,
            Some("true") => true,
            Some(_) => return Err(PeekError::StreamNotABool),
        };
        Ok(Self {
            model,
            model_at: span(body, model_raw),
            stream,
            stream_options_at: fields.stream_options.map(|raw| span(body, raw)),
            previous: fields.previous.and_then(text).filter(|id| !id.is_empty()),
            store: fields.store.and_then(|raw| raw.get().parse().ok()),
            inside_at: open + 1,
        })
    }
}

impl Peek<'static> {
    /// The same for a protocol that names the model and asks for a stream in the path: `body` must be a JSON object.
    pub fn in_path(body: &[u8], model: &str, stream: bool) -> Result<Self, PeekError> {
        let open = body.iter().position(|b| !b.is_ascii_whitespace()).ok_or(PeekError::Empty)?;
        let json = as_text(body)?;
        serde_json::from_str::<IgnoredAny>(json).map_err(|e| explain(&e))?;
        if body.get(open) != Some(&b'{') {
            return Err(PeekError::NotAnObject);
        }
        if nested_deeper_than(body, MAX_DEPTH) {
            return Err(PeekError::TooDeep);
        }
        check_model(model)?;
        let model = Cow::Owned(model.to_owned());
        Ok(Self {
            model,
            model_at: 0..0,
            stream,
            stream_options_at: None,
            previous: None,
            store: None,
            inside_at: open + 1,
        })
    }
}

/// `body` as text, checked by wide registers: an agent's requests are long, and every one is looked at.
fn as_text(body: &[u8]) -> Result<&str, PeekError> {
    simdutf8::basic::from_utf8(body).or_else(|_| {
        // Only the slow way says where.
        std::str::from_utf8(body).map_err(|e| PeekError::NotUtf8 { at: e.valid_up_to() })
    })
}

fn check_model(model: &str) -> Result<(), PeekError> {
    if model.is_empty() || model.len() > MAX_MODEL_BYTES {
        return Err(PeekError::ModelLength(model.len()));
    }
    model.chars().find(|c| is_hidden(*c)).map_or(Ok(()), |c| Err(PeekError::ModelCharacter(c)))
}

fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(raw.get()).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// `raw` borrows from `body`, so the distance of their addresses is its place.
fn span(body: &[u8], raw: &RawValue) -> Range<usize> {
    let start = raw.get().as_ptr().addr().saturating_sub(body.as_ptr().addr());
    start..start + raw.get().len()
}

fn explain(e: &serde_json::Error) -> PeekError {
    if e.is_eof() {
        return PeekError::Truncated;
    }
    if let Some(field) = NAMES.into_iter().find(|field| is_duplicate(e, field)) {
        return PeekError::Duplicate(field);
    }
    PeekError::Syntax { line: e.line(), column: e.column() }
}

fn is_duplicate(e: &serde_json::Error, field: &str) -> bool {
    e.is_data() && e.to_string().starts_with(&format!("duplicate field `{field}`"))
}

/// Whether valid JSON nests deeper than `limit`.
///
/// A quick pass counts brackets by blocks, those inside strings included, and only what looks deep is followed
/// exactly. A body that hides closing brackets in strings can pass; it harms no one here, where nothing recurses,
/// and parsers further on have limits of their own.
pub fn nested_deeper_than(body: &[u8], limit: usize) -> bool {
    looks_deeper_than(body, limit) && is_deeper_than(body, limit)
}

fn looks_deeper_than(body: &[u8], limit: usize) -> bool {
    let mut depth = 0_usize;
    for block in body.chunks(128) {
        let (mut opened, mut closed) = (0_u8, 0_u8);
        for byte in block {
            // `[` and `{` differ in one bit only, and so do `]` and `}`.
            opened += u8::from(byte | 0x20 == b'{');
            closed += u8::from(byte | 0x20 == b'}');
        }
        if depth + usize::from(opened) > limit {
            return true;
        }
        depth = (depth + usize::from(opened)).saturating_sub(usize::from(closed));
    }
    false
}

fn is_deeper_than(body: &[u8], limit: usize) -> bool {
    let mut depth = 0_usize;
    let mut rest = body;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => rest = after_string(rest),
            _ => {}
        }
    }
    false
}

/// The text behind the string that `rest` stands in.
fn after_string(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        let skip = if rest.get(at) == Some(&b'"') { at + 1 } else { at + 2 };
        let quote = rest.get(at) == Some(&b'"');
        rest = rest.get(skip..).unwrap_or_default();
        if quote {
            return rest;
        }
    }
    &[]
}

#[cfg(test)]
mod tests;
