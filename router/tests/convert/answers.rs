//! What a client of the other protocol gets back.

use serde_json::{Value, json};
use tokenrouter::Protocol::{self, Anthropic, OpenAi};

use crate::support::{ask, bytes, events, sent, streamed, whole};

const CLAUDE: &str = "anthropic/claude-sonnet-4-5";
const GPT: &str = "openai/gpt-4o";
const CHAT: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f.x"}}]}"#;
const MESSAGES: &str = r#"{"model":"m","max_tokens":100,"messages":[{"role":"user","content":"hi"}],"tools":[{"name":"f","input_schema":{"type":"object"}}]}"#;

fn stream_of(body: &str) -> String {
    body.replacen('{', r#"{"stream":true,"stream_options":{"include_usage":true},"#, 1)
}

/// The answer of a Chat stream, put together as an SDK does it.
fn chat_of(stream: &str) -> Value {
    assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");
    let (mut text, mut thought, mut finish, mut usage) = (String::new(), String::new(), Value::Null, Value::Null);
    let mut calls: Vec<(String, String, String)> = Vec::new();
    for chunk in events(stream) {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        if !chunk["usage"].is_null() {
            usage = chunk["usage"].clone();
        }
        let Some(choice) = chunk["choices"].get(0) else { continue };
        let delta = &choice["delta"];
        text.push_str(delta["content"].as_str().unwrap_or_default());
        thought.push_str(delta["reasoning_content"].as_str().unwrap_or_default());
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let at = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            if at == calls.len() {
                let name = call["function"]["name"].as_str().unwrap().to_owned();
                calls.push((call["id"].as_str().unwrap().to_owned(), name, String::new()));
            }
            calls[at].2.push_str(call["function"]["arguments"].as_str().unwrap_or_default());
        }
        if !choice["finish_reason"].is_null() {
            finish = choice["finish_reason"].clone();
        }
    }
    json!({"text": text, "thought": thought, "calls": calls, "finish": finish, "usage": usage})
}

const ANTHROPIC_STREAM: [&str; 16] = [
    r#"{"type":"message_start","message":{"id":"msg_up","model":"claude","content":[],"usage":{"input_tokens":3,"cache_read_input_tokens":7,"output_tokens":1}}}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hmm"}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"SIG=="}}"#,
    r#"{"type":"content_block_stop","index":0}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"日本 "}}"#,
    r#"{"type":"ping"}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"🦀"}}"#,
    r#"{"type":"content_block_stop","index":1}"#,
    r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"WIRE","input":{}}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"1}"}}"#,
    r#"{"type":"content_block_stop","index":2}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9,"output_tokens_details":{"thinking_tokens":4}}}"#,
    r#"{"type":"message_stop"}"#,
];

/// The same answer in one piece.
const ANTHROPIC_WHOLE: &str = r#"{"id":"msg_up","type":"message","role":"assistant","model":"claude","content":[{"type":"thinking","thinking":"hmm","signature":"SIG=="},{"type":"text","text":"日本 🦀"},{"type":"tool_use","id":"toolu_1","name":"WIRE","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"cache_read_input_tokens":7,"output_tokens":9,"output_tokens_details":{"thinking_tokens":4}}}"#;

/// The name on the wire of the tool `f.x`.
fn wire_name() -> String {
    sent(OpenAi, CHAT, Anthropic, CLAUDE).0["tools"][0]["name"].as_str().unwrap().to_owned()
}

#[test]
fn an_anthropic_answer_reaches_a_chat_client_whole_and_streamed_alike() {
    let name = wire_name();
    let frames: Vec<String> = ANTHROPIC_STREAM.iter().map(|frame| frame.replace("WIRE", &name)).collect();
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    let stream = chat_of(&streamed(OpenAi, &stream_of(CHAT), Anthropic, CLAUDE, &frames));
    let answer = whole(OpenAi, CHAT, Anthropic, CLAUDE, &ANTHROPIC_WHOLE.replace("WIRE", &name));
    assert_eq!(stream["text"], "日本 🦀");
    assert_eq!(stream["thought"], "hmm");
    assert_eq!(stream["calls"], json!([["toolu_1", "f.x", "{\"a\":1}"]]));
    assert_eq!(stream["finish"], "tool_calls");
    let message = &answer["choices"][0]["message"];
    assert_eq!((&message["content"], &message["reasoning_content"]), (&stream["text"], &stream["thought"]));
    assert_eq!(message["tool_calls"][0]["function"], json!({"name":"f.x","arguments":"{\"a\":1}"}));
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    for usage in [&answer["usage"], &stream["usage"]] {
        assert_eq!(usage["prompt_tokens"], 10);
        assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 7);
        assert_eq!((&usage["completion_tokens"], &usage["total_tokens"]), (&json!(9), &json!(19)));
        assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 4);
    }
    // A provider that streams unasked, and one that does not although asked.
    let gathered = ask(OpenAi, CHAT, Anthropic, CLAUDE).unwrap().back.gathered(&bytes(&frames)).unwrap().body;
    assert_eq!(serde_json::from_slice::<Value>(&gathered).unwrap()["choices"], answer["choices"]);
    let back = ask(OpenAi, &stream_of(CHAT), Anthropic, CLAUDE).unwrap().back;
    let replayed = back.whole(ANTHROPIC_WHOLE.replace("WIRE", &name).as_bytes()).unwrap().body;
    let replayed = chat_of(std::str::from_utf8(&replayed).unwrap());
    assert_eq!((&replayed["text"], &replayed["calls"]), (&stream["text"], &stream["calls"]));
}

/// Row 34 and 36: the signature travels through a client of another protocol and comes back byte for byte.
#[test]
fn a_signature_comes_back_through_a_foreign_client() {
    let answer = whole(OpenAi, CHAT, Anthropic, CLAUDE, &ANTHROPIC_WHOLE.replace("WIRE", &wire_name()));
    let message = &answer["choices"][0]["message"];
    let mut body: Value = serde_json::from_str(CHAT).unwrap();
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(message.clone());
    messages.push(json!({"role":"tool","tool_call_id":"toolu_1","content":"done"}));
    let (out, lost) = sent(OpenAi, &body.to_string(), Anthropic, CLAUDE);
    assert_eq!(out["messages"][1]["content"][0], json!({"type":"thinking","thinking":"hmm","signature":"SIG=="}));
    assert_eq!(lost, "");
    // To anybody else it is worth nothing, and that is said.
    let (out, lost) = sent(OpenAi, &body.to_string(), Anthropic, "moonshot/kimi-k2");
    assert_eq!(out["messages"][1]["content"][0]["type"], "text");
    assert_eq!(lost, "messages.reasoning_content");
}

const CHAT_STREAM: [&str; 9] = [
    r#"{"id":"chatcmpl-up","model":"gpt","created":5,"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
    r#"{"id":"chatcmpl-up","choices":[{"index":0,"delta":{"reasoning_content":"hmm"},"finish_reason":null}]}"#,
    r#"{"id":"chatcmpl-up","choices":[{"index":0,"delta":{"content":"so "},"finish_reason":null}]}"#,
    r#"{"id":"chatcmpl-up","choices":[{"index":0,"delta":{"content":"be it"},"finish_reason":null}]}"#,
    r#"{"id":"chatcmpl-up","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"f","arguments":""}},{"index":1,"id":"call_b","type":"function","function":{"name":"f","arguments":"{\"b\""}}]},"finish_reason":null}]}"#,
    r#"{"id":"chatcmpl-up","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]},"finish_reason":null}]}"#,
    r#"{"id":"chatcmpl-up","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":":2}"}}]},"finish_reason":null}]}"#,
    r#"{"id":"chatcmpl-up","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    r#"{"id":"chatcmpl-up","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":6}}}"#,
];

#[test]
fn a_chat_answer_reaches_a_messages_client_in_strictly_nested_blocks() {
    let body = stream_of(MESSAGES).replace(r#""stream_options":{"include_usage":true},"#, "");
    let mut frames = CHAT_STREAM.to_vec();
    frames.push("[DONE]");
    let stream = streamed(Anthropic, &body, OpenAi, GPT, &frames);
    let kinds: Vec<String> = events(&stream).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds[..3], ["message_start", "ping", "content_block_start"]);
    assert_eq!(kinds[kinds.len() - 2..], ["message_delta", "message_stop"]);
    let (mut open, mut blocks): (Option<u64>, Vec<Value>) = (None, Vec::new());
    for event in events(&stream) {
        let index = event["index"].as_u64();
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!((open, index), (None, Some(blocks.len() as u64)), "{stream}");
                open = index;
                blocks.push(json!({"block": event["content_block"], "text": ""}));
            }
            "content_block_delta" => {
                assert_eq!(open, index);
                let delta = &event["delta"];
                let piece = ["text", "thinking", "partial_json"].iter().find_map(|name| delta[*name].as_str());
                let last = blocks.last_mut().unwrap();
                last["text"] = format!("{}{}", last["text"].as_str().unwrap(), piece.unwrap_or_default()).into();
            }
            "content_block_stop" => assert_eq!(open.take(), index),
            "message_delta" => {
                assert_eq!(event["delta"]["stop_reason"], "tool_use", "the calls decide, not the word");
                let usage = &event["usage"];
                assert_eq!((&usage["input_tokens"], &usage["cache_read_input_tokens"]), (&json!(4), &json!(6)));
                assert_eq!(usage["output_tokens"], 4);
            }
            _ => {}
        }
    }
    let shown: Vec<_> =
        blocks.iter().map(|b| (b["block"]["type"].clone(), b["block"]["id"].clone(), b["text"].clone())).collect();
    assert_eq!(
        shown,
        [
            (json!("thinking"), json!(null), json!("hmm")),
            (json!("text"), json!(null), json!("so be it")),
            (json!("tool_use"), json!("call_a"), json!("{\"a\":1}")),
            (json!("tool_use"), json!("call_b"), json!("{\"b\":2}")),
        ]
    );
    assert_eq!(events(&stream)[0]["message"]["usage"]["input_tokens"], 12, "an estimate until the provider says");

    let answer = whole(
        Anthropic,
        MESSAGES,
        OpenAi,
        GPT,
        r#"{"id":"chatcmpl-up","model":"gpt","choices":[{"index":0,"message":{"role":"assistant","content":"so be it","tool_calls":[{"id":"call_a","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14}}"#,
    );
    assert_eq!(answer["stop_reason"], "tool_use");
    assert_eq!(answer["content"][1], json!({"type":"tool_use","id":"call_a","name":"f","input":{"a":1}}));
    assert_eq!(
        (&answer["type"], &answer["role"], &answer["model"]),
        (&json!("message"), &json!("assistant"), &json!("gpt"))
    );
}

/// Every beginning of a stream is told as broken, never as finished.
#[test]
fn a_truncated_stream_ends_with_an_error_in_the_clients_protocol() {
    type Case<'a> = (Protocol, String, Protocol, &'a str, &'a [&'a str], &'a str);
    let cases: [Case<'_>; 2] = [
        (OpenAi, stream_of(CHAT), Anthropic, CLAUDE, &ANTHROPIC_STREAM[..15], "data: {\"error\""),
        (Anthropic, MESSAGES.replacen('{', r#"{"stream":true,"#, 1), OpenAi, GPT, &CHAT_STREAM[..7], "event: error"),
    ];
    for (from, body, to, model, frames, mark) in cases {
        for end in 0..=frames.len() {
            let stream = streamed(from, &body, to, model, &frames[..end]);
            assert!(stream.contains(mark), "{from} after {end}: {stream}");
            assert!(!stream.contains("[DONE]") && !stream.contains("message_stop"), "{from} after {end}");
        }
    }
}

#[test]
fn errors_of_the_provider_are_told_in_the_clients_protocol() {
    let overloaded = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let stream = streamed(OpenAi, &stream_of(CHAT), Anthropic, CLAUDE, &[ANTHROPIC_STREAM[0], overloaded]);
    assert!(stream.contains(r#""message":"Overloaded""#) && !stream.contains("[DONE]"), "{stream}");
    let back = ask(OpenAi, CHAT, Anthropic, CLAUDE).unwrap().back;
    for (status, body, code, told) in [
        (529, overloaded, "overloaded", 503),
        (429, r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}"#, "rate_limited", 429),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 1 > 0"}}"#,
            "context_length_exceeded",
            400,
        ),
        (404, r#"{"type":"error","error":{"type":"not_found_error","message":"model: x"}}"#, "model_not_found", 404),
        (502, "<html><body>Bad gateway</body></html>", "upstream_failed", 502),
        (500, "", "upstream_failed", 500),
    ] {
        let problem = back.error(status, body.as_bytes());
        assert_eq!((problem.code, problem.http_status(OpenAi)), (code, told), "{body}");
        assert!(!problem.message.contains('<'), "{}", problem.message);
    }
    assert_eq!(back.error(529, overloaded.as_bytes()).http_status(Anthropic), 529);
    for nonsense in ["", "{}", "[]", "hello", r#"{"content":7}"#, r#"{"type":"error","error":{"type":"api_error"}}"#] {
        let problem = ask(OpenAi, CHAT, Anthropic, CLAUDE).unwrap().back.whole(nonsense.as_bytes()).unwrap_err();
        assert_eq!(problem.http_status(OpenAi), 502, "{nonsense}");
    }
}

/// Row 39: a target that refuses stop texts.
#[test]
fn the_gateway_stops_where_the_provider_cannot() {
    let body = r#"{"model":"m","max_tokens":100,"stream":true,"stop_sequences":["be"],"messages":[{"role":"user","content":"hi"}]}"#;
    let mut frames = CHAT_STREAM.to_vec();
    frames.push("[DONE]");
    let stream = streamed(Anthropic, body, OpenAi, "openai/gpt-5", &frames);
    let texts: String = events(&stream).iter().filter_map(|e| e["delta"]["text"].as_str().map(str::to_owned)).collect();
    assert_eq!(texts, "so ");
    assert!(stream.contains(r#""stop_reason":"stop_sequence","stop_sequence":"be""#), "{stream}");
}
