//! Target `peek`: what routing reads out of a body is what a JSON tree of it says.

use serde_json::Value;
use tokenrouter::peek::{MAX_MODEL_BYTES, Peek};

/// `data` is a request body.
pub fn run(data: &[u8]) {
    let peek = match Peek::read(data) {
        Ok(peek) => peek,
        Err(e) => {
            assert!(!e.to_string().is_empty());
            return;
        }
    };
    assert!(!peek.model.is_empty() && peek.model.len() <= MAX_MODEL_BYTES);
    assert_eq!(data[peek.inside_at - 1], b'{');
    assert!(data[..peek.inside_at - 1].iter().all(u8::is_ascii_whitespace));
    assert_eq!(serde_json::from_slice::<String>(&data[peek.model_at.clone()]).ok().as_deref(), Some(&*peek.model));
    // The tree is less deep than what we accept, and wants UTF-8 everywhere: then the peek stands alone.
    let Ok(Value::Object(tree)) = serde_json::from_slice::<Value>(data) else { return };
    assert_eq!(tree.get("model").and_then(Value::as_str), Some(&*peek.model));
    assert_eq!(tree.get("stream").and_then(Value::as_bool).unwrap_or(false), peek.stream);
    let options = peek.stream_options_at.clone().map(|at| serde_json::from_slice::<Value>(&data[at]).ok());
    assert_eq!(tree.get("stream_options").cloned().map(Some), options);
}
