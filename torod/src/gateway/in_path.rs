//! What Gemini's clients say in the path and the query, where others say it in the body and the headers.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use tokenrouter::surface::{Surface, generate};

const GOOGLE_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// What Gemini's clients say in the path and the query.
#[derive(Default)]
pub struct InPath {
    /// The model that the path names.
    pub model: String,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// Whether the stream is to be one JSON list.
    pub(super) list: bool,
}

impl InPath {
    /// Reads them, and puts a key in the query where the other clients put theirs.
    pub fn of(head: &mut http::request::Parts) -> Self {
        take_key(head);
        let query = head.uri.query().unwrap_or_default();
        let list = value(query, "alt") != Some("sse");
        let (_, id) = Surface::at(head.uri.path()).unwrap_or((Surface::Generate, "".into()));
        let (model, stream) = generate(&id).unwrap_or_default();
        Self { model: model.to_owned(), stream, list: list && stream }
    }
}

fn value<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Puts a key in the query where the other clients put theirs.
pub(super) fn take_key(head: &mut http::request::Parts) {
    if let Cow::Owned(headers) = key_in_query(&head.uri, &head.headers) {
        head.headers = headers;
    }
}

/// The headers, with a key in the query put where the other clients put theirs.
pub(super) fn key_in_query<'a>(uri: &Uri, headers: &'a HeaderMap) -> Cow<'a, HeaderMap> {
    let key = uri.query().and_then(|query| value(query, "key")).map(HeaderValue::from_str);
    let Some(Ok(key)) = key.filter(|_| !headers.contains_key(GOOGLE_KEY)) else { return Cow::Borrowed(headers) };
    let mut headers = headers.clone();
    headers.insert(GOOGLE_KEY, key);
    Cow::Owned(headers)
}
