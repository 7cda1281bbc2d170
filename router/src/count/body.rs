//! The usage that an answer in one piece reports.
//!
//! ```
//! use tokenrouter::Protocol;
//! use tokenrouter::count::body;
//!
//! let answer = br#"{"content":[],"usage":{"input_tokens":5,"cache_read_input_tokens":70,"output_tokens":2}}"#;
//! let counts = body::read(Protocol::Anthropic, answer).ok_or("no usage")?;
//! assert_eq!((counts.input_uncached, counts.cache_read, counts.output, counts.total()), (5, 70, 2, 77));
//! // A provider that reports nothing is estimated.
//! let counts = body::estimate(br#"{"messages":[{"content":"Hello"}]}"#, br#"{"content":"Hello there"}"#);
//! assert!(counts.input() > 0 && counts.output > 0);
//! # Ok::<(), &str>(())
//! ```

use super::{Counts, estimate, usage};
use crate::protocol::Protocol;
use crate::walk;

/// The counts that `answer` reports; none where it is no JSON, or holds no usage.
///
/// What does not count is stepped over and not parsed: it is most of an answer.
pub fn read(protocol: Protocol, answer: &[u8]) -> Option<Counts> {
    if protocol != Protocol::Gemini {
        let usage = str::from_utf8(walk::last(answer, "usage")?).ok()?;
        return match protocol {
            Protocol::Cohere => usage::cohere(usage),
            Protocol::Anthropic => usage::anthropic(usage, None),
            _ => usage::openai(usage),
        };
    }
    // Gemini streams a list to clients that do not ask for events.
    let is_list = answer.trim_ascii_start().starts_with(b"[");
    let last = if is_list { walk::elements(answer).last()? } else { answer };
    usage::gemini(str::from_utf8(walk::last(last, "usageMetadata")?).ok()?)
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
        let list = br#"[{"usageMetadata":{"promptTokenCount":1}},{"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2}}]"#;
        assert_eq!(read(Protocol::Gemini, list).unwrap().total(), 11);
        let cohere = br#"{"usage":{"tokens":{"input_tokens":3,"output_tokens":1}}}"#;
        assert_eq!(read(Protocol::Cohere, cohere).unwrap().total(), 4);
        assert_eq!(read(Protocol::OpenAi, br#"{"usage":null}"#), None);
        assert_eq!(read(Protocol::OpenAi, br#"{"usage":[1]}"#), None);
        assert_eq!(read(Protocol::OpenAi, b"<html>"), None);
        let said = br#"{"choices":[{"message":{"content":"\"usage\":{\"prompt_tokens\":7}","usage":{"prompt_tokens":8}}}],"usage":{"prompt_tokens":9}} "#;
        assert_eq!(read(Protocol::OpenAi, said).unwrap().total(), 9);
    }
}
