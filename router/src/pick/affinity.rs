//! By what a conversation is recognised, so that its requests find the endpoint whose prompt cache knows them.
//!
//! In this order: the session that an agent names in a header, `prompt_cache_key`, the answer that the request continues,
//! `metadata.user_id`, and at last the words that it began with: its system prompt and the first turn of the user.

use std::hash::{DefaultHasher, Hasher as _};

use http::HeaderMap;

use super::session::Session;
use crate::protocol::Protocol;
use crate::walk::{Fields, elements, top};

/// Headers in which agents name their session: Claude Code, Codex, opencode, and what others took over from them.
pub const HEADERS: [&str; 7] = [
    "x-claude-code-session-id",
    "session-id",
    "session_id",
    "conversation_id",
    "thread-id",
    "x-session-affinity",
    "x-session-id",
];

/// A beginning shorter than this is in nobody's prompt cache (the least that vendors cache are 1,024 tokens).
const CACHED_BYTES: usize = 4 << 10;

/// By what a conversation was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The session in this header.
    Header(&'static str),
    /// `prompt_cache_key`.
    CacheKey,
    /// `previous_response_id`.
    Previous,
    /// `metadata.user_id`.
    UserId,
    /// The words that it began with.
    Beginning,
}

impl Mark {
    /// The word in explanations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Header(name) => name,
            Self::CacheKey => "prompt_cache_key",
            Self::Previous => "previous_response_id",
            Self::UserId => "metadata.user_id",
            Self::Beginning => "beginning",
        }
    }
}

/// A conversation that was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Which.
    pub session: Session,
    /// By what.
    pub mark: Mark,
    /// Whether this is a short first request, which no cache knows and which others may begin with too.
    pub is_opening: bool,
}

/// What a conversation is recognised from.
#[derive(Clone, Copy, Debug)]
pub struct Signs<'a> {
    /// Whose request it is and for which model: sessions of others, or with another model, are other sessions.
    pub salt: u64,
    /// The client's headers.
    pub headers: &'a HeaderMap,
    /// The protocol of the body.
    pub protocol: Protocol,
    /// The request, which is valid JSON.
    pub body: &'a [u8],
}

/// Recognises the conversation of a request; none where it says nothing of one.
///
/// ```
/// use http::HeaderMap;
/// use tokenrouter::Protocol;
/// use tokenrouter::pick::affinity::{Mark, Signs, recognise};
///
/// let headers = HeaderMap::new();
/// let turn = |body: &'static str| recognise(Signs { salt: 1, headers: &headers, protocol: Protocol::OpenAi, body: body.as_bytes() });
/// let first = turn(r#"{"messages":[{"role":"user","content":"Hi"}]}"#).ok_or("nothing known")?;
/// let second = turn(r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yes?"},{"role":"user","content":"Why?"}]}"#);
/// assert_eq!(second.map(|known| (known.session, known.mark)), Some((first.session, Mark::Beginning)));
/// # Ok::<(), &str>(())
/// ```
pub fn recognise(signs: Signs<'_>) -> Option<Known> {
    let known = |mark: Mark, text: &[u8]| Known {
        session: digest(signs.salt, mark.as_str(), &[text]),
        mark,
        is_opening: false,
    };
    for name in HEADERS {
        if let Some(value) = signs.headers.get(name).filter(|value| !value.is_empty()) {
            // Codex and others spell one name in several ways.
            return Some(Known {
                session: digest(signs.salt, "header", &[value.as_bytes()]),
                mark: Mark::Header(name),
                is_opening: false,
            });
        }
    }
    let mut found = Found::default();
    for (name, value) in top(signs.body) {
        match name {
            b"prompt_cache_key" => found.cache_key = string(value),
            b"previous_response_id" => found.previous = string(value),
            b"metadata" => {
                found.user_id = top(value).find(|(name, _)| *name == b"user_id").and_then(|(_, id)| string(id));
            }
            b"system" | b"instructions" | b"systemInstruction" | b"system_instruction" | b"preamble" => {
                found.system = value;
            }
            b"messages" | b"input" | b"contents" => found.turns = value,
            _ => {}
        }
    }
    for (mark, text) in
        [(Mark::CacheKey, found.cache_key), (Mark::Previous, found.previous), (Mark::UserId, found.user_id)]
    {
        if let Some(text) = text {
            return Some(known(mark, text));
        }
    }
    found.beginning(signs.salt)
}

/// The session of the answer with the id `answer`, for the request that will continue it.
pub fn continuing(salt: u64, answer: &str) -> Session {
    digest(salt, Mark::Previous.as_str(), &[answer.as_bytes()])
}

/// A salt from whose request it is and the model's name.
pub fn salt(owner: i64, model: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_i64(owner);
    hasher.write(model.as_bytes());
    hasher.finish()
}

#[derive(Default)]
struct Found<'a> {
    cache_key: Option<&'a [u8]>,
    previous: Option<&'a [u8]>,
    user_id: Option<&'a [u8]>,
    system: &'a [u8],
    turns: &'a [u8],
}

impl Found<'_> {
    fn beginning(&self, salt: u64) -> Option<Known> {
        let mut words = vec![self.system];
        let mut turns = elements(self.turns);
        if self.turns.first() == Some(&b'"') {
            words.push(self.turns);
        } else {
            loop {
                let turn = turns.next()?;
                words.push(turn);
                // Google leaves the role out where only the user speaks.
                let role = top(turn).find(|(name, _)| *name == b"role").map_or(&b"\"user\""[..], |(_, role)| role);
                if role == b"\"user\"" {
                    break;
                }
            }
        }
        let length: usize = words.iter().map(|text| text.len()).sum();
        let is_opening = turns.next().is_none() && length < CACHED_BYTES;
        let mut hasher = start(salt, Mark::Beginning.as_str());
        for text in words {
            write_words(&mut hasher, text);
        }
        Some(Known { session: Session(hasher.finish()), mark: Mark::Beginning, is_opening })
    }
}

/// Of what stands in a turn only what is said counts: cache marks wander from turn to turn, and a text may stand alone
/// or in a list.
fn write_words(hasher: &mut DefaultHasher, json: &[u8]) {
    if let Some(text) = string(json) {
        hasher.write(text);
        hasher.write_u8(0xff);
        return;
    }
    for field in Fields::of(json) {
        if let Some(text) = field.string
            && matches!(
                field.name,
                b"text"
                    | b"content"
                    | b"data"
                    | b"url"
                    | b"image_url"
                    | b"file_id"
                    | b"fileUri"
                    | b"arguments"
                    | b"output"
            )
        {
            hasher.write(text);
            hasher.write_u8(0xff);
        }
    }
}

fn start(salt: u64, kind: &str) -> DefaultHasher {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(salt);
    hasher.write(kind.as_bytes());
    hasher
}

fn digest(salt: u64, kind: &str, parts: &[&[u8]]) -> Session {
    let mut hasher = start(salt, kind);
    for part in parts {
        hasher.write(part);
    }
    Session(hasher.finish())
}

/// What stands in a JSON string, still escaped; none for any other value and for an empty one.
fn string(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\"")?.strip_suffix(b"\"").filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(protocol: Protocol, headers: &[(&'static str, &'static str)], body: &str) -> Option<Known> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value)))
            .collect();
        recognise(Signs { salt: 7, headers: &headers, protocol, body: body.as_bytes() })
    }

    #[test]
    fn what_the_agent_says_counts_more_than_what_is_guessed() {
        let body =
            r#"{"prompt_cache_key":"k","previous_response_id":"r","metadata":{"a":1,"user_id":"u"},"input":"Hi"}"#;
        let mark = |headers: &[(&'static str, &'static str)], body: &str| {
            of(Protocol::Responses, headers, body).map(|k| k.mark.as_str())
        };
        assert_eq!(mark(&[("x-session-id", "b"), ("session_id", "a")], body), Some("session_id"));
        assert_eq!(mark(&[("x-session-id", "")], body), Some("prompt_cache_key"));
        assert_eq!(mark(&[], &body.replace("prompt_cache_key", "x")), Some("previous_response_id"));
        assert_eq!(mark(&[], r#"{"metadata":{"user_id":"u"},"input":"Hi"}"#), Some("metadata.user_id"));
        assert_eq!(mark(&[], r#"{"metadata":{"user_id":""},"input":"Hi"}"#), Some("beginning"));
        assert_eq!(mark(&[], r#"{"input":["a"]}"#), Some("beginning"));
        assert_eq!(mark(&[], r#"{"prompt":"x"}"#), None);
    }

    #[test]
    fn a_conversation_is_the_same_on_every_turn_whatever_wanders_in_it() {
        let first = r#"{"model":"m","system":[{"type":"text","text":"You \"are\" kind","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"text","text":"Hi","cache_control":{"type":"ephemeral"}}]}]}"#;
        let later = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]},{"role":"assistant","content":"Yes?"},{"role":"user","content":"More"}],"system":"You \"are\" kind","max_tokens":5}"#;
        let (first, later) =
            (of(Protocol::Anthropic, &[], first).unwrap(), of(Protocol::Anthropic, &[], later).unwrap());
        assert_eq!(first.session, later.session);
        assert!(first.is_opening && !later.is_opening);
        let other = r#"{"system":"You \"are\" kind","messages":[{"role":"user","content":"Ho"}]}"#;
        assert_ne!(of(Protocol::Anthropic, &[], other).unwrap().session, first.session);
    }

    #[test]
    fn every_protocol_has_its_beginning() {
        for (protocol, first, later) in [
            (
                Protocol::OpenAi,
                r#"{"messages":[{"role":"system","content":"S"},{"role":"user","content":"Hi"}]}"#,
                r#"{"messages":[{"role":"system","content":"S"},{"content":"Hi","role":"user"},{"role":"assistant","content":"x"}]}"#,
            ),
            (
                Protocol::Responses,
                r#"{"instructions":"S","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"}]}]}"#,
                r#"{"instructions":"S","input":[{"type":"message","role":"user","content":"Hi"},{"type":"function_call","name":"f"}]}"#,
            ),
            (
                Protocol::Gemini,
                r#"{"systemInstruction":{"parts":[{"text":"S"}]},"contents":[{"parts":[{"text":"Hi"}]}]}"#,
                r#"{"systemInstruction":{"parts":[{"text":"S"}]},"contents":[{"role":"user","parts":[{"text":"Hi"}]},{"role":"model","parts":[]}]}"#,
            ),
            (
                Protocol::Cohere,
                r#"{"messages":[{"role":"user","content":"Hi"}]}"#,
                r#"{"messages":[{"role":"user","content":"Hi"},{"role":"tool","content":"x"}]}"#,
            ),
        ] {
            let (first, later) = (of(protocol, &[], first).unwrap(), of(protocol, &[], later).unwrap());
            assert_eq!(first.session, later.session, "{protocol}");
            assert!(first.is_opening && !later.is_opening, "{protocol}");
        }
        // A long beginning is worth its cache from the first request on.
        let long = format!(r#"{{"messages":[{{"role":"user","content":"{}"}}]}}"#, "x".repeat(5_000));
        assert!(!of(Protocol::OpenAi, &[], &long).unwrap().is_opening);
    }

    #[test]
    fn the_same_words_of_somebody_else_are_another_conversation() {
        let (headers, body) = (HeaderMap::new(), &br#"{"messages":[{"role":"user","content":"Hi"}]}"#[..]);
        let of = |salt| recognise(Signs { salt, headers: &headers, protocol: Protocol::OpenAi, body }).unwrap().session;
        assert_ne!(of(salt(1, "m")), of(salt(2, "m")));
        assert_ne!(of(salt(1, "m")), of(salt(1, "n")));
        assert_eq!(of(salt(1, "m")), of(salt(1, "m")));
    }
}
