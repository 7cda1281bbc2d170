//! State for clients that cannot carry it, and answers that later requests continue.

use serde_json::{Value, json};
use tokenrouter::Protocol::{Anthropic, Cohere, Gemini, OpenAi, Responses};
use tokenrouter::convert::{Asked, Carried, Context, Path, Reading};
use tokenrouter::responses::state;

use crate::support::{ask, context, events, target};

const CLAUDE: &str = "anthropic/claude-sonnet-4-5";
const TOOLS: &str = r#""tools":[{"type":"function","function":{"name":"ls","parameters":{"type":"object"}}}]"#;

fn asked() -> String {
    format!(
        r#"{{"model":"m","stream":true,"reasoning_effort":"medium","messages":[{{"role":"user","content":"go"}}],{TOOLS}}}"#
    )
}

/// The conversation as a client brings it that keeps nothing but text and calls.
fn again(call: &str) -> String {
    format!(
        r#"{{"model":"m","reasoning_effort":"medium","messages":[{{"role":"user","content":"go"}},
        {{"role":"assistant","content":"looking","reasoning_content":"hmm","tool_calls":[{{"id":"{call}","type":"function","function":{{"name":"ls","arguments":"{{}}"}}}}]}},
        {{"role":"tool","tool_call_id":"{call}","content":"files"}}],{TOOLS}}}"#
    )
}

const THINKING: [&str; 12] = [
    r#"{"type":"message_start","message":{"id":"msg_1","model":"claude-sonnet-4-5","role":"assistant","content":[],"usage":{"input_tokens":5,"output_tokens":1}}}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hmm"}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"SIGNED=="}}"#,
    r#"{"type":"content_block_stop","index":0}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"looking"}}"#,
    r#"{"type":"content_block_stop","index":1}"#,
    r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"ls","input":{}}}"#,
    r#"{"type":"content_block_stop","index":2}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}"#,
    r#"{"type":"message_stop"}"#,
];

fn carried(frames: &[&str], from: &str, to: tokenrouter::Protocol, model: &str) -> (Vec<Carried>, String) {
    let mut translator = ask(OpenAi, from, to, model).unwrap().back.stream();
    let mut told = Vec::new();
    let mut stream = Vec::new();
    for frame in frames {
        translator.frame(format!("data: {frame}\n\n").as_bytes()).unwrap_or_else(|e| panic!("{}", e.message));
        stream.extend_from_slice(&translator.take());
        told.extend(translator.take_carried());
    }
    translator.finish();
    (told, String::from_utf8(stream).unwrap())
}

#[test]
fn row_34_a_signature_waits_in_the_gateway_for_its_call() {
    let (told, stream) = carried(&THINKING, &asked(), Anthropic, CLAUDE);
    let id = events(&stream)
        .iter()
        .find_map(|e| e["choices"][0]["delta"]["tool_calls"][0]["id"].as_str().map(str::to_owned))
        .unwrap();
    assert_eq!((told.len(), &told[0].call_id), (1, &id));

    let body = again(&id);
    let read = || {
        Reading::of(Asked { protocol: OpenAi, body: body.as_bytes(), path: Path::default() })
            .unwrap_or_else(|e| panic!("{}", e.message))
    };
    let write = |reading: Reading, model: &str| -> Value {
        let done = reading.write(&target(Anthropic, model), context()).unwrap_or_else(|e| panic!("{}", e.message));
        serde_json::from_slice(&done.body).unwrap()
    };
    let mut reading = read();
    assert_eq!(reading.calls_without_state(), std::slice::from_ref(&id));
    reading.restore(&told[0]);
    assert!(reading.calls_without_state().is_empty());
    let out = write(reading, CLAUDE);
    let blocks = out["messages"][1]["content"].as_array().unwrap();
    assert_eq!(blocks[0], json!({"type":"thinking","thinking":"hmm","signature":"SIGNED=="}), "first, as it was");
    assert_eq!((&blocks[1]["text"], &blocks[2]["type"]), (&json!("looking"), &json!("tool_use")));
    assert!(out.get("thinking").is_some(), "it may think on");
    // Another model family never sees it, nor does anybody whose client made it up.
    let mut reading = read();
    reading.restore(&told[0]);
    let done =
        reading.write(&target(Gemini, "google/gemini-3-pro"), context()).unwrap_or_else(|e| panic!("{}", e.message));
    assert!(!String::from_utf8_lossy(&done.body).contains("SIGNED"));
    let mut reading = read();
    reading.restore(&Carried { sealed: told[0].sealed.replace('A', "B"), ..told[0].clone() });
    assert!(!write(reading, CLAUDE).to_string().contains("SIGNED"));
}

#[test]
fn row_35_a_thought_signature_comes_back_to_its_call() {
    let frames = [
        r#"{"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"ls","args":{}},"thoughtSignature":"U0lHTkVE"}]}}],"modelVersion":"gemini-3-pro"}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1}}"#,
    ];
    let (told, stream) = carried(&frames, &asked(), Gemini, "google/gemini-3-pro");
    let id = told[0].call_id.clone();
    assert!(stream.contains(&id));
    let body = again(&id);
    let mut reading = Reading::of(Asked { protocol: OpenAi, body: body.as_bytes(), path: Path::default() }).unwrap();
    reading.restore(&told[0]);
    let done = reading.write(&target(Gemini, "google/gemini-3-pro"), context()).unwrap();
    let out: Value = serde_json::from_slice(&done.body).unwrap();
    let parts = out["contents"][1]["parts"].as_array().unwrap();
    let call = parts.iter().find(|part| part.get("functionCall").is_some()).unwrap();
    assert_eq!(call["thoughtSignature"], "U0lHTkVE", "{out}");
}

#[test]
fn clients_that_carry_state_themselves_are_not_kept_for() {
    let body = r#"{"model":"m","stream":true,"input":"go"}"#;
    let mut translator = ask(Responses, body, Anthropic, CLAUDE).unwrap().back.stream();
    for frame in THINKING {
        translator.frame(format!("data: {frame}\n\n").as_bytes()).unwrap();
    }
    translator.finish();
    assert!(translator.take_carried().is_empty());
    assert_eq!(translator.take_object(), None, "nor is the answer kept unless asked for");
    for (protocol, body) in [
        (
            Responses,
            r#"{"model":"m","input":[{"role":"user","content":"x"},{"type":"function_call","call_id":"c","name":"ls","arguments":"{}"}]}"#,
        ),
        (Cohere, r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#),
    ] {
        let reading = Reading::of(Asked { protocol, body: body.as_bytes(), path: Path::default() }).unwrap();
        assert!(reading.calls_without_state().is_empty());
    }
}

#[test]
fn an_answer_can_be_continued_with_any_provider() {
    let first = r#"{"model":"m","stream":true,"input":"my name is Ada"}"#;
    let path = Path::default();
    let asked = Asked { protocol: Responses, body: first.as_bytes(), path };
    let keep = Context { keep: true, ..context() };
    let reading = Reading::of(asked).unwrap();
    let mut translator = reading.write(&target(Anthropic, CLAUDE), keep).unwrap().back.stream();
    for frame in &THINKING {
        translator.frame(format!("data: {frame}\n\n").as_bytes()).unwrap();
    }
    translator.finish();
    let stream = String::from_utf8(translator.take().to_vec()).unwrap();
    let kept = state::answer(&translator.take_object().unwrap()).unwrap();
    let last = events(&stream).pop().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&kept.object).unwrap(), last["response"]);
    assert_eq!(kept.id, last["response"]["id"]);

    let turn = state::Turn { input: state::own_input(first.as_bytes()).unwrap(), output: kept.output };
    let call = last["response"]["output"].as_array().unwrap().iter().find(|i| i["type"] == "function_call").unwrap();
    let second = format!(
        r#"{{"model":"m","previous_response_id":"{}","input":[{{"type":"function_call_output","call_id":{},"output":"files"}}]}}"#,
        kept.id, call["call_id"]
    );
    // On its own it would silently lose what was said.
    let alone = ask(Responses, &second, Anthropic, CLAUDE).unwrap_err();
    assert_eq!((alone.code, alone.field.as_deref()), ("previous_response_not_found", Some("previous_response_id")));
    let body = state::continued(second.as_bytes(), &[turn], true).unwrap();
    let context = Context { continued: true, ..context() };
    let reading = Reading::of(Asked { protocol: Responses, body: &body, path }).unwrap();
    let done = reading.write(&target(Anthropic, CLAUDE), context).unwrap_or_else(|e| panic!("{}", e.message));
    let out: Value = serde_json::from_slice(&done.body).unwrap();
    let turns = out["messages"].as_array().unwrap();
    assert_eq!(turns.len(), 3, "{out}");
    assert!(turns[0].to_string().contains("Ada"));
    assert_eq!(turns[1]["content"][0]["signature"], "SIGNED==", "with its state");
    assert_eq!(turns[2]["content"][0]["type"], "tool_result");
    assert!(!out.to_string().contains("previous_response_id"));
}
