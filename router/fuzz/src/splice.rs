//! Target `splice`: an edit changes what it should and leaves every other byte alone.

use bytes::Bytes;
use serde_json::Value;
use tokenrouter::peek::Peek;
use tokenrouter::splice::{Edit, apply, ask_stream_usage, asks_stream_usage, set_model};

/// The bytes of `data` up to the first line feed are the new model, the rest is the body.
pub fn run(data: &[u8]) {
    let Some(at) = data.iter().position(|b| *b == b'\n') else { return };
    let Ok(model) = std::str::from_utf8(&data[..at]) else { return };
    let body = &data[at + 1..];
    let Ok(peek) = Peek::read(body) else { return };
    let edits: Vec<Edit> = [ask_stream_usage(body, &peek), set_model(&peek, model)].into_iter().flatten().collect();
    let edited = apply(&Bytes::copy_from_slice(body), edits.clone()).concat();
    assert_eq!(edited, naive(body, edits.clone()), "the edits and nothing else");
    let gained: usize = edits.iter().map(|edit| edit.with.len()).sum();
    assert!(edited.len() <= body.len() + gained);

    // What routing reads of the result is what was put there.
    let model_is_legal = Peek::read(format!("{{\"model\":{}}}", Value::from(model)).as_bytes()).is_ok();
    let Ok(again) = Peek::read(&edited) else {
        assert!(!model_is_legal, "a body that could be read cannot be read any more");
        return;
    };
    assert_eq!(again.model, model);
    assert_eq!(again.stream, peek.stream);
    let (Ok(Value::Object(mut before)), Ok(Value::Object(mut after))) =
        (serde_json::from_slice(body), serde_json::from_slice(&edited))
    else {
        return;
    };
    let options = before.remove("stream_options");
    let asked = after.remove("stream_options");
    if options.as_ref().is_none_or(|options| options.is_null() || options.is_object()) {
        assert!(asks_stream_usage(&edited, &again));
        let mut expected = options.and_then(|options| options.as_object().cloned()).unwrap_or_default();
        expected.insert("include_usage".into(), true.into());
        assert_eq!(asked, Some(Value::Object(expected)));
    } else {
        assert_eq!(asked, options);
    }
    before.insert("model".into(), model.into());
    assert_eq!(before, after);
}

/// The same in the plainest way, from the last edit to the first.
fn naive(body: &[u8], mut edits: Vec<Edit>) -> Vec<u8> {
    let mut text = body.to_vec();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.at.start));
    for edit in edits {
        text.splice(edit.at, edit.with);
    }
    text
}
