//! Target `refusal`: whatever an error answer refuses, what is asked stays, and so does every byte that it was not about.

use bytes::Bytes;
use serde_json::Value;
use tokenrouter::dialect::{Refusal, without};

use super::case;

/// What no request loses, whatever is said of it.
const STAYS: [&str; 10] = [
    "model",
    "stop",
    "stop_sequences",
    "response_format",
    "tool_choice",
    "stream",
    "input",
    "prompt",
    "system",
    "max_output_tokens",
];

/// The first byte is the protocol, the first line the error answer, the rest the request.
pub fn run(data: &[u8]) {
    let Some((protocol, rest)) = case::protocol(data) else { return };
    let Some(at) = rest.iter().position(|byte| *byte == b'\n') else { return };
    let (answer, sent) = (&rest[..at], &rest[at + 1..]);
    let Some(refusal) = Refusal::read(400, answer) else { return };
    let findings = refusal.findings(protocol, sent);
    let Some((pieces, changed)) = without(&Bytes::copy_from_slice(sent), protocol, &findings) else {
        return;
    };
    assert!(!changed.is_empty());
    let after = pieces.concat();
    assert!(after.len() <= sent.len() + 64 * sent.len().max(1));
    let Ok(before) = serde_json::from_slice::<Value>(sent) else { return };
    let after: Value = serde_json::from_slice(&after).unwrap();
    for name in STAYS {
        // Marks and switches inside go, but not what they stand at.
        let is_there = |value: &Value| value.get(name).map(|value| value.as_array().map_or(0, Vec::len));
        assert_eq!(is_there(&before), is_there(&after), "{name}");
    }
    for name in ["messages", "tools", "contents"] {
        let count = |value: &Value| value.get(name).and_then(Value::as_array).map(Vec::len);
        assert_eq!(count(&before), count(&after), "{name}");
    }
    let has_limit = |value: &Value| value.get("max_tokens").or(value.get("max_completion_tokens")).is_some();
    assert!(!has_limit(&before) || has_limit(&after), "the limit is lost");
}
