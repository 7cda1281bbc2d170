//! What is read of a request, and what is refused.

use super::*;

#[test]
fn reads_model_and_stream_wherever_they_stand() {
    let body = br#" {"messages":[{"model":"no"}], "stream" : true,"model" :"gpt\u002d5","x":1}"#;
    let peek = Peek::read(body).unwrap();
    assert_eq!(peek.model, "gpt-5");
    assert_eq!(&body[peek.model_at.clone()], br#""gpt\u002d5""#);
    assert!(peek.stream);
    assert_eq!(peek.inside_at, 2);
}

#[test]
fn refuses_what_cannot_be_routed() {
    let deep = format!(r#"{{"model":"m","x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    for (body, expected) in [
        ("", PeekError::Empty),
        ("  \n", PeekError::Empty),
        ("hello", PeekError::Syntax { line: 1, column: 1 }),
        (r#"{"model":"m""#, PeekError::Truncated),
        (r#"{"model":"m"} x"#, PeekError::Syntax { line: 1, column: 15 }),
        (r#"["m"]"#, PeekError::NotAnObject),
        ("null", PeekError::NotAnObject),
        ("{}", PeekError::NoModel),
        (r#"{"model":null}"#, PeekError::NoModel),
        (r#"{"model":7}"#, PeekError::ModelNotAString),
        (r#"{"model":{"a":"b"}}"#, PeekError::ModelNotAString),
        (r#"{"model":""}"#, PeekError::ModelLength(0)),
        (r#"{"model":"a","model":"b"}"#, PeekError::Duplicate("model")),
        (r#"{"model":"a","mod\u0065l":"b"}"#, PeekError::Duplicate("model")),
        (r#"{"model":"a","stream":true,"stream":false}"#, PeekError::Duplicate("stream")),
        (r#"{"model":"a","stream":"yes"}"#, PeekError::StreamNotABool),
        (r#"{"model":"a","Model":"b"}"#, PeekError::Ambiguous("model")),
        (r#"{"model":"a","STREAM":true}"#, PeekError::Ambiguous("stream")),
        (
            r#"{"model":"a","stream_options":{"include_usage":true,"include_usage":false}}"#,
            PeekError::Duplicate("stream_options"),
        ),
        (r#"{"model":"a\u001b[31m"}"#, PeekError::ModelCharacter('\u{1b}')),
        (r#"{"model":"a\u202eb"}"#, PeekError::ModelCharacter('\u{202e}')),
        (&deep, PeekError::TooDeep),
    ] {
        assert_eq!(Peek::read(body.as_bytes()), Err(expected), "{}", &body[..body.len().min(60)]);
    }
}

#[test]
fn brackets_in_strings_are_not_depth() {
    let body = format!(r#"{{"model":"m","x":"{}\\\"{}"}}"#, "[".repeat(2_000), "{".repeat(2_000));
    assert!(Peek::read(body.as_bytes()).is_ok());
    assert!(!nested_deeper_than(body.as_bytes(), 1));
}

#[test]
fn what_is_no_text_is_refused_wherever_it_stands() {
    for body in [&b"{\"model\":\"m\",\"x\":\"\xff\"}"[..], b"\xc3", b"{\"\xed\xa0\x80\":1,\"model\":\"m\"}"] {
        assert!(matches!(Peek::read(body), Err(PeekError::NotUtf8 { .. })), "{body:?}");
        assert!(matches!(Peek::in_path(body, "m", false), Err(PeekError::NotUtf8 { .. })));
    }
}
