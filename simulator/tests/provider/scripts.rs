//! Scripts that answer: tools, structured output, images, long and large answers.
use std::time::Duration;

use crate::client::{Protocol, post, quick};
use serde_json::{Value, json};
use tokio::time::Instant;

fn schema() -> Value {
    json!({
        "type": "object", "required": ["city", "unit"], "additionalProperties": false,
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}},
    })
}

const EXPECTED: &str = r#"{"city":"lorem","unit":"C"}"#;

/// A question with two tools, in a protocol's own form.
fn with_tools(protocol: Protocol, model: &str, stream: bool) -> Value {
    let mut ask = protocol.ask(model, stream);
    let tool = |name: &str| match protocol {
        Protocol::Messages => json!({"name": name, "input_schema": schema()}),
        Protocol::Responses => json!({"type": "function", "name": name, "parameters": schema()}),
        _ => json!({"type": "function", "function": {"name": name, "parameters": schema()}}),
    };
    ask["tools"] = json!([tool("weather"), tool("clock")]);
    ask
}

/// Names and arguments of the calls in a whole answer.
fn calls(protocol: Protocol, answer: &Value) -> Vec<(String, String)> {
    let pair = |call: &Value| {
        let (name, arguments) = match protocol {
            Protocol::Messages => (&call["name"], call["input"].to_string()),
            Protocol::Responses => (&call["name"], call["arguments"].as_str().unwrap_or_default().to_owned()),
            _ => (&call["function"]["name"], call["function"]["arguments"].as_str().unwrap_or_default().to_owned()),
        };
        (name.as_str().unwrap().to_owned(), arguments)
    };
    let list = match protocol {
        Protocol::Messages => &answer["content"],
        Protocol::Responses => &answer["output"],
        _ => &answer["choices"][0]["message"]["tool_calls"],
    };
    list.as_array().unwrap().iter().map(pair).collect()
}

const WITH_TOOLS: [Protocol; 3] = [Protocol::Chat, Protocol::Responses, Protocol::Messages];

#[tokio::test]
async fn tools_are_called_as_asked() {
    let simulator = quick().await;
    for protocol in WITH_TOOLS {
        let mut ask = with_tools(protocol, "tool", false);
        let answer = post(&simulator, protocol.path(), &ask).await.json();
        assert_eq!(calls(protocol, &answer), [("weather".to_owned(), EXPECTED.to_owned())]);
        ask["model"] = json!("parallel");
        let answer = post(&simulator, protocol.path(), &ask).await.json();
        let names: Vec<_> = calls(protocol, &answer).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["weather", "clock"]);
        ask["tool_choice"] = match protocol {
            Protocol::Messages => json!({"type": "tool", "name": "clock"}),
            Protocol::Responses => json!({"type": "function", "name": "clock"}),
            _ => json!({"type": "function", "function": {"name": "clock"}}),
        };
        ask["model"] = json!("tool");
        let answer = post(&simulator, protocol.path(), &ask).await.json();
        assert_eq!(calls(protocol, &answer)[0].0, "clock");
        ask["tool_choice"] = if protocol == Protocol::Messages { json!({"type": "none"}) } else { json!("none") };
        let answer = post(&simulator, protocol.path(), &ask).await.json();
        assert!(protocol.text(&answer).contains("done"));
    }
    simulator.stop().await;
}

#[tokio::test]
async fn a_tool_result_ends_the_calls() {
    let simulator = quick().await;
    for protocol in WITH_TOOLS {
        let mut ask = with_tools(protocol, "tool", false);
        let (list, called, result) = match protocol {
            Protocol::Messages => (
                "messages",
                json!({"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "weather", "input": {}}]}),
                json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "1"}]}),
            ),
            Protocol::Responses => (
                "input",
                json!({"type": "function_call", "call_id": "a", "name": "weather", "arguments": "{}"}),
                json!({"type": "function_call_output", "call_id": "a", "output": "1"}),
            ),
            _ => {
                let call = json!({"id": "a", "type": "function", "function": {"name": "weather", "arguments": "{}"}});
                (
                    "messages",
                    json!({"role": "assistant", "content": null, "tool_calls": [call]}),
                    json!({"role": "tool", "tool_call_id": "a", "content": "1"}),
                )
            }
        };
        ask[list].as_array_mut().unwrap().extend([called, result]);
        let answer = post(&simulator, protocol.path(), &ask).await.json();
        assert!(protocol.text(&answer).contains("done"), "{protocol:?}");
    }
    simulator.stop().await;
}

#[tokio::test]
async fn streamed_arguments_are_the_whole_ones() {
    let simulator = quick().await;
    for protocol in WITH_TOOLS {
        let values = post(&simulator, protocol.path(), &with_tools(protocol, "parallel", true)).await.values();
        for call in 0..2 {
            let piece = |value: &Value| {
                let (index, text) = match protocol {
                    Protocol::Messages => (&value["index"], &value["delta"]["partial_json"]),
                    Protocol::Responses if value["type"] == "response.function_call_arguments.delta" => {
                        (&value["output_index"], &value["delta"])
                    }
                    Protocol::Responses => return None,
                    _ => {
                        let delta = &value["choices"][0]["delta"]["tool_calls"][0];
                        (&delta["index"], &delta["function"]["arguments"])
                    }
                };
                text.as_str().filter(|_| *index == call).map(str::to_owned)
            };
            let pieces: Vec<String> = values.iter().filter_map(piece).collect();
            assert!(pieces.len() >= 4, "{protocol:?} {pieces:?}");
            assert_eq!(pieces.concat(), EXPECTED, "{protocol:?}");
        }
    }
    let chat = post(&simulator, "/v1/chat/completions", &with_tools(Protocol::Chat, "tool", true)).await.values();
    assert_eq!(chat[1]["choices"][0]["delta"]["tool_calls"][0]["type"], "function");
    assert!(chat[2]["choices"][0]["delta"]["tool_calls"][0].get("id").is_none());
    assert_eq!(chat.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
    simulator.stop().await;
}

#[tokio::test]
async fn custom_and_nested_tools() {
    let simulator = quick().await;
    let mut ask = Protocol::Responses.ask("tool", false);
    ask["input"].as_array_mut().unwrap().push(json!({
        "type": "additional_tools", "role": "developer",
        "tools": [{"type": "namespace", "name": "space", "tools": [{"type": "custom", "name": "patch"}]}],
    }));
    let item = post(&simulator, "/v1/responses", &ask).await.json()["output"][0].take();
    assert_eq!(
        (&item["type"], &item["name"], &item["namespace"]),
        (&json!("custom_tool_call"), &json!("patch"), &json!("space"))
    );
    assert!(!item["input"].as_str().unwrap().is_empty());
    let mut ask = Protocol::Chat.ask("tool", false);
    ask["tools"] = json!([{"type": "custom", "custom": {"name": "patch"}}]);
    let call =
        post(&simulator, "/v1/chat/completions", &ask).await.json()["choices"][0]["message"]["tool_calls"][0].take();
    assert_eq!((&call["type"], &call["custom"]["name"]), (&json!("custom"), &json!("patch")));
    simulator.stop().await;
}

#[tokio::test]
async fn a_prompt_names_the_tool_and_its_input() {
    let simulator = quick().await;
    let prompt = |input: &str| format!("please {{{{call clock}}}}{input}{{{{end}}}} now");
    for protocol in WITH_TOOLS {
        let mut ask = with_tools(protocol, "any-name+tool", false);
        let list = if protocol == Protocol::Responses { "input" } else { "messages" };
        for (input, expected) in [(r#"{"city":"é"}"#, r#"{"city":"é"}"#), ("a\nb", r#"{"city":"a\nb"}"#)] {
            ask[list][0] = json!({"role": "user", "content": prompt(input)});
            let answer = post(&simulator, protocol.path(), &ask).await.json();
            assert_eq!(calls(protocol, &answer), [("clock".to_owned(), expected.to_owned())], "{protocol:?}");
        }
        ask[list][0] = json!({"role": "user", "content": prompt("x").replace("clock", "watch")});
        assert!(protocol.text(&post(&simulator, protocol.path(), &ask).await.json()).contains("done"), "{protocol:?}");
    }
    let mut ask = with_tools(Protocol::Chat, "parallel", false);
    ask["messages"][0]["content"] = json!(prompt("x"));
    let answer = post(&simulator, "/v1/chat/completions", &ask).await.json();
    let twice = calls(Protocol::Chat, &answer);
    assert!(twice.len() == 2 && twice.iter().all(|(name, _)| name == "clock"), "{twice:?}");
    let ask = json!({
        "contents": [{"role": "user", "parts": [{"text": prompt("x")}]}],
        "tools": [{"functionDeclarations": [
            {"name": "weather"}, {"name": "space__clock", "parameters": {"type": "OBJECT", "required": ["input"], "properties": {"input": {"type": "STRING"}}}},
        ]}],
    });
    let answer = post(&simulator, "/v1beta/models/tool:generateContent", &ask).await.json();
    let call = &answer["candidates"][0]["content"]["parts"][0]["functionCall"];
    assert_eq!((&call["name"], &call["args"]), (&json!("space__clock"), &json!({"input": "x"})));
    let mut ask = Protocol::Responses.ask("tool", false);
    ask["tools"] = json!([{"type": "custom", "name": "patch"}, {"type": "custom", "name": "clock"}]);
    ask["input"][0] = json!({"role": "user", "content": prompt("{}")});
    let item = post(&simulator, "/v1/responses", &ask).await.json()["output"][0].take();
    assert_eq!((&item["name"], &item["input"]), (&json!("clock"), &json!("{}")));
    simulator.stop().await;
}

#[tokio::test]
async fn structured_output() {
    let simulator = quick().await;
    for protocol in WITH_TOOLS {
        for stream in [false, true] {
            let mut ask = protocol.ask("ok", stream);
            match protocol {
                Protocol::Messages => {
                    ask["output_config"] = json!({"format": {"type": "json_schema", "schema": schema()}});
                }
                Protocol::Responses => {
                    ask["text"] = json!({"format": {"type": "json_schema", "name": "n", "schema": schema()}});
                }
                _ => {
                    let inner = json!({"name": "n", "schema": schema()});
                    ask["response_format"] = json!({"type": "json_schema", "json_schema": inner});
                }
            }
            let answer = post(&simulator, protocol.path(), &ask).await;
            let text = if stream { protocol.deltas(&answer.values()).concat() } else { protocol.text(&answer.json()) };
            assert_eq!(text, EXPECTED, "{protocol:?} {stream}");
        }
    }
    simulator.stop().await;
}

#[tokio::test]
async fn thoughts_and_images() {
    let simulator = quick().await;
    let whole = post(&simulator, "/v1/chat/completions", &Protocol::Chat.ask("think", false)).await.json();
    let values = post(&simulator, "/v1/chat/completions", &Protocol::Chat.ask("think", true)).await.values();
    let pieces = values.iter().filter_map(|value| value["choices"][0]["delta"]["reasoning_content"].as_str());
    assert_eq!(pieces.collect::<String>(), whole["choices"][0]["message"]["reasoning_content"].as_str().unwrap());
    let mut ask = Protocol::Chat.ask("img", false);
    let url = json!({"url": "data:image/png;base64,YWJj"});
    ask["messages"][0]["content"] = json!([{"type": "image_url", "image_url": url}]);
    let answer = post(&simulator, "/v1/chat/completions", &ask).await.json();
    assert_eq!(Protocol::Chat.text(&answer), "images: 1; image/png 3 bytes sha256 ba7816bf8f01cfea");
    simulator.stop().await;
}

#[tokio::test]
async fn large_and_long_answers() {
    let simulator = quick().await;
    let answer = post(&simulator, "/v1/chat/completions", &Protocol::Chat.ask("bigbody", false)).await;
    assert!(answer.complete);
    assert_eq!(Protocol::Chat.text(&answer.json()).len(), 5 << 20);
    let begun = Instant::now();
    let answer = post(&simulator, "/v1/chat/completions", &Protocol::Chat.ask("long+seconds=1", true)).await;
    assert_eq!(Protocol::Chat.deltas(&answer.values()).len(), 2);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let begun = Instant::now();
    post(&simulator, "/v1/chat/completions", &Protocol::Chat.ask("ok+first_ms=100+chunks=11+interval_ms=20", true))
        .await;
    assert!(begun.elapsed() >= Duration::from_millis(300));
    simulator.stop().await;
}
