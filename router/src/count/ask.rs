//! How many tokens a request would have: the question as each protocol asks it, and its answer.
//!
//! Anthropic `POST /v1/messages/count_tokens`, OpenAI `POST /v1/responses/input_tokens`, Gemini
//! `POST …/models/{model}:countTokens`. The other two protocols have no such question.
//!
//! ```
//! use tokenrouter::Protocol;
//! use tokenrouter::count::ask;
//!
//! let request = br#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hello"}]}"#;
//! let question = ask::question(Protocol::Anthropic, "m", request).ok_or("nothing to ask")?;
//! assert_eq!(question, br#"{"model":"m","messages":[{"role":"user","content":"Hello"}]}"#);
//! // Sent to `/v1` and this, the provider answers with a number.
//! assert_eq!(ask::tail(Protocol::Anthropic), Some("/messages/count_tokens"));
//! assert_eq!(ask::answer(Protocol::Anthropic, br#"{"input_tokens":8}"#), Some(8));
//! # Ok::<(), &str>(())
//! ```

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::chat::BadRequest;
use crate::fields::Fields;
use crate::protocol::Protocol;

/// The fields of a request that a question may hold; others are refused.
const fn asked(protocol: Protocol) -> &'static [&'static str] {
    match protocol {
        Protocol::Anthropic => &[
            "model",
            "messages",
            "system",
            "tools",
            "tool_choice",
            "thinking",
            "mcp_servers",
            "cache_control",
            "context_management",
            "output_config",
            "output_format",
        ],
        Protocol::Responses => &[
            "model",
            "input",
            "instructions",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "reasoning",
            "text",
            "truncation",
            "conversation",
            "previous_response_id",
        ],
        Protocol::Gemini | Protocol::OpenAi | Protocol::Cohere => &[],
    }
}

/// The path of the question behind the version segment; for Gemini the verb behind the model.
pub const fn tail(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Protocol::Anthropic => Some("/messages/count_tokens"),
        Protocol::Responses => Some("/responses/input_tokens"),
        Protocol::Gemini => Some(":countTokens"),
        Protocol::OpenAi | Protocol::Cohere => None,
    }
}

/// The question for a whole request `body` in `protocol`; none where there is no such question.
pub fn question(protocol: Protocol, model: &str, body: &[u8]) -> Option<Vec<u8>> {
    let fields: Fields<'_> = serde_json::from_slice(body).ok()?;
    let mut out = Vec::with_capacity(body.len() + 64);
    if protocol == Protocol::Gemini {
        // The short form has the turns alone; instructions and tools count too.
        out.extend_from_slice(br#"{"generateContentRequest":{"model":"#);
        // Writing to memory cannot fail.
        _ = serde_json::to_writer(&mut out, &format!("models/{model}"));
        for (name, value) in fields.0.iter().filter(|(name, _)| name != "model") {
            write_field(&mut out, name, value);
        }
        out.extend_from_slice(b"}}");
        return Some(out);
    }
    tail(protocol)?;
    for (name, value) in fields.0.iter().filter(|(name, _)| asked(protocol).contains(&&**name)) {
        write_field(&mut out, name, value);
    }
    match out.first_mut() {
        Some(first) => *first = b'{',
        None => out.push(b'{'),
    }
    out.push(b'}');
    Some(out)
}

fn write_field(out: &mut Vec<u8>, name: &str, value: &RawValue) {
    out.push(b',');
    _ = serde_json::to_writer(&mut *out, name);
    out.push(b':');
    out.extend_from_slice(value.get().as_bytes());
}

/// The whole request that a client's question in `protocol` is about, as our readers expect it.
///
/// # Errors
///
/// Where `body` is no object.
pub fn request(protocol: Protocol, body: &[u8]) -> Result<Cow<'_, [u8]>, BadRequest> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Gemini<'a> {
        #[serde(borrow, default, alias = "generate_content_request")]
        generate_content_request: Option<&'a RawValue>,
    }
    match protocol {
        Protocol::Gemini => {
            let whole: Gemini<'_> =
                serde_json::from_slice(body).map_err(|_| BadRequest::new("contents", "is not in a JSON object"))?;
            Ok(whole.generate_content_request.map_or(Cow::Borrowed(body), |inner| inner.get().as_bytes().into()))
        }
        Protocol::Anthropic => {
            // A question has no `max_tokens`, which a request must have; room for any budget of thoughts.
            let start = body.iter().position(|b| *b == b'{').map_or(0, |at| at + 1);
            let rest = body.get(start..).unwrap_or_default();
            let comma: &[u8] = if rest.trim_ascii_start().starts_with(b"}") { b"" } else { b"," };
            Ok([br#"{"max_tokens":1000000"#.as_slice(), comma, rest].concat().into())
        }
        Protocol::OpenAi | Protocol::Responses | Protocol::Cohere => Ok(Cow::Borrowed(body)),
    }
}

/// The number in a provider's answer.
pub fn answer(protocol: Protocol, body: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Input {
        input_tokens: u64,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Total {
        total_tokens: u64,
    }
    match protocol {
        Protocol::Anthropic | Protocol::Responses => {
            serde_json::from_slice::<Input>(body).ok().map(|answer| answer.input_tokens)
        }
        Protocol::Gemini => serde_json::from_slice::<Total>(body).ok().map(|answer| answer.total_tokens),
        Protocol::OpenAi | Protocol::Cohere => None,
    }
}

/// The answer for a client of `protocol`.
pub fn told(protocol: Protocol, tokens: u64) -> String {
    match protocol {
        Protocol::Gemini => format!(r#"{{"totalTokens":{tokens}}}"#),
        Protocol::Responses => format!(r#"{{"object":"response.input_tokens","input_tokens":{tokens}}}"#),
        Protocol::Anthropic | Protocol::OpenAi | Protocol::Cohere => format!(r#"{{"input_tokens":{tokens}}}"#),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_holds_what_counts_and_nothing_that_is_refused() {
        let body = br#"{"model":"m","max_tokens":5,"stream":true,"messages":[ {"role":"user"} ],"temperature":1}"#;
        let out = question(Protocol::Anthropic, "m", body).unwrap();
        assert_eq!(out, br#"{"model":"m","messages":[ {"role":"user"} ]}"#);
        let out = question(Protocol::Responses, "m", br#"{"store":false,"input":"x"}"#).unwrap();
        assert_eq!(out, br#"{"input":"x"}"#);
        assert_eq!(question(Protocol::Responses, "m", b"{}").unwrap(), b"{}");
        let out = question(Protocol::Gemini, "g\"1", br#"{"contents":[],"tools":[]}"#).unwrap();
        assert_eq!(out, br#"{"generateContentRequest":{"model":"models/g\"1","contents":[],"tools":[]}}"#);
        assert_eq!(question(Protocol::OpenAi, "m", body), None);
    }

    #[test]
    fn a_clients_question_becomes_a_request() {
        let asked = |protocol, body: &'static str| request(protocol, body.as_bytes()).unwrap().into_owned();
        assert_eq!(asked(Protocol::Anthropic, r#" {"model":"m"}"#), br#"{"max_tokens":1000000,"model":"m"}"#);
        assert_eq!(asked(Protocol::Anthropic, "{ }"), br#"{"max_tokens":1000000 }"#);
        let inner = r#"{"generateContentRequest":{"model":"models/m","contents":[]}}"#;
        assert_eq!(asked(Protocol::Gemini, inner), br#"{"model":"models/m","contents":[]}"#);
        assert_eq!(asked(Protocol::Gemini, r#"{"contents":[]}"#), br#"{"contents":[]}"#);
    }

    #[test]
    fn answers_are_read_and_written() {
        for protocol in [Protocol::Anthropic, Protocol::Responses, Protocol::Gemini] {
            assert_eq!(answer(protocol, told(protocol, 42).as_bytes()), Some(42), "{protocol}");
            assert_eq!(answer(protocol, b"{}"), None);
        }
    }
}
