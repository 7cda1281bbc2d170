//! The usage that an answer in one piece reports.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::usage::parse;
use super::{Counts, estimate};
use crate::protocol::Protocol;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

/// The counts that `answer` reports; none where it is no JSON, or holds no usage.
pub fn read(protocol: Protocol, answer: &[u8]) -> Option<Counts> {
    let usage = serde_json::from_slice::<Answer<'_>>(answer).ok()?.usage?;
    let usage = parse(usage)?;
    match protocol {
        Protocol::Anthropic => usage.anthropic(None),
        Protocol::OpenAi | Protocol::Responses | Protocol::Gemini | Protocol::Cohere => usage.openai(),
    }
}

/// Our estimate of what an exchange cost whose provider reported nothing.
pub fn estimate(request: &[u8], answer: &[u8]) -> Counts {
    Counts {
        input_uncached: estimate::request_tokens(request),
        output: estimate::answer_tokens(answer),
        ..Counts::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_by_protocol() {
        let body = br#"{"id":"x","usage":{"input_tokens":5,"cache_read_input_tokens":7,"output_tokens":2}}"#;
        assert_eq!(read(Protocol::Anthropic, body).unwrap().input(), 12);
        assert_eq!(read(Protocol::Responses, body).unwrap().input(), 5);
        assert_eq!(read(Protocol::OpenAi, br#"{"usage":null}"#), None);
        assert_eq!(read(Protocol::OpenAi, br#"{"usage":[1]}"#), None);
        assert_eq!(read(Protocol::OpenAi, b"<html>"), None);
    }
}
