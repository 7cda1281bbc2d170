//! Cohere v2: shapes, typed events, and each thing Cohere refuses.
use crate::client::{get, post, quick, send, with};
use serde_json::{Value, json};
use tokenrouter_simulator::Settings;

const CHAT: &str = "/v2/chat";

fn ask(model: &str, stream: bool) -> Value {
    json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "Hello"}]})
}

fn with_tools(model: &str, stream: bool) -> Value {
    let mut body = ask(model, stream);
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": schema}});
    body["tools"] = json!([tool("weather"), tool("clock")]);
    body
}

/// The texts, or thoughts, of all blocks.
fn content(message: &Value, key: &str) -> String {
    message["content"].as_array().into_iter().flatten().filter_map(|block| block[key].as_str()).collect()
}

#[tokio::test]
async fn streams_say_what_whole_answers_say() {
    let simulator = quick().await;
    for model in ["ok", "ok+chunks=3", "crlf", "think", "cache", "zero", "nousage", "redact", "events400"] {
        let whole = post(&simulator, CHAT, &ask(model, false)).await.json();
        let stream = post(&simulator, CHAT, &ask(model, true)).await;
        assert!(stream.complete);
        for (name, data) in stream.events() {
            assert_eq!(serde_json::from_str::<Value>(&data).unwrap()["type"], name);
        }
        let values = stream.values();
        for key in ["text", "thinking"] {
            let pieces = values.iter().filter_map(|value| value["delta"]["message"]["content"][key].as_str());
            assert_eq!(pieces.collect::<String>(), content(&whole["message"], key), "{model}");
        }
        assert_eq!(content(&whole["message"], "thinking").is_empty(), model != "think");
        assert!(whole["message"].get("tool_plan").is_none() && !stream.text().contains("tool-plan-delta"), "{model}");
        let last = values.last().unwrap();
        assert_eq!((&last["type"], &last["delta"]["finish_reason"]), (&json!("message-end"), &json!("COMPLETE")));
        assert_eq!(
            last["delta"]["usage"]["tokens"]["output_tokens"], whole["usage"]["tokens"]["output_tokens"],
            "{model}"
        );
        assert_eq!(whole.get("usage").is_none(), model == "nousage");
        assert_eq!(whole["usage"]["cached_tokens"].as_u64().unwrap_or(0) > 0, model == "cache");
    }
    simulator.stop().await;
}

#[tokio::test]
async fn calls_and_plans() {
    let simulator = quick().await;
    let whole = post(&simulator, CHAT, &with_tools("parallel", false)).await.json();
    let message = &whole["message"];
    assert_eq!(
        (&whole["finish_reason"], &message["tool_plan"]),
        (&json!("TOOL_CALL"), &json!("I will use the tools."))
    );
    let values = post(&simulator, CHAT, &with_tools("parallel", true)).await.values();
    let plan = values.iter().filter_map(|value| value["delta"]["message"]["tool_plan"].as_str());
    assert_eq!(plan.collect::<String>(), "I will use the tools.");
    for (at, call) in message["tool_calls"].as_array().unwrap().iter().enumerate() {
        let of = values.iter().filter(|value| value["index"] == at);
        let pieces = of.filter_map(|value| value["delta"]["message"]["tool_calls"]["function"]["arguments"].as_str());
        assert_eq!(pieces.collect::<String>(), call["function"]["arguments"].as_str().unwrap());
    }
    let kinds: Vec<_> = values.iter().filter_map(|value| value["type"].as_str()).collect();
    assert_eq!(
        kinds[..5],
        ["message-start", "tool-plan-delta", "tool-plan-delta", "tool-plan-delta", "tool-call-start"]
    );
    assert!(values[4]["delta"]["message"]["tool_calls"]["id"].is_string());
    let mut body = with_tools("tool", false);
    body["tool_choice"] = json!("NONE");
    assert!(content(&post(&simulator, CHAT, &body).await.json()["message"], "text").contains("done"));
    let think = post(&simulator, CHAT, &with_tools("thinktool", false)).await.json();
    assert!(!content(&think["message"], "thinking").is_empty() && think["message"].get("tool_plan").is_none());
    simulator.stop().await;
}

#[tokio::test]
async fn documents_formats_and_images() {
    let simulator = quick().await;
    let mut body = ask("ok", true);
    body["documents"] = json!([{"data": {"text": "a"}}]);
    let values = post(&simulator, CHAT, &body).await.values();
    let kinds: Vec<_> = values.iter().filter_map(|value| value["type"].as_str()).collect();
    assert!(kinds.ends_with(&["citation-start", "citation-end", "message-end"]), "{kinds:?}");
    body["stream"] = json!(false);
    let whole = post(&simulator, CHAT, &body).await.json();
    assert_eq!(whole["message"]["citations"][0], values[values.len() - 3]["delta"]["message"]["citations"]);
    let mut body = ask("ok", false);
    body["response_format"] =
        json!({"type": "json_object", "json_schema": {"type": "object", "properties": {"a": {"const": 1}}}});
    assert_eq!(content(&post(&simulator, CHAT, &body).await.json()["message"], "text"), r#"{"a":1}"#);
    let mut body = ask("img", false);
    let url = json!({"url": "data:image/png;base64,YWJj"});
    body["messages"][0]["content"] = json!([{"type": "image_url", "image_url": url}]);
    let answer = post(&simulator, CHAT, &body).await.json();
    assert_eq!(content(&answer["message"], "text"), "images: 1; image/png 3 bytes sha256 ba7816bf8f01cfea");
    let body = json!({
        "model": "ok", "input_type": "search_query", "texts": ["a", "b"], "output_dimension": 16,
        "embedding_types": ["float", "int8", "binary", "base64"],
    });
    let answer = post(&simulator, "/v2/embed", &body).await.json()["embeddings"].take();
    let length = |kind: &str| answer[kind][1].as_array().map_or(0, Vec::len);
    assert_eq!((length("float"), length("int8"), length("binary")), (16, 16, 2));
    assert_eq!(answer["base64"][0].as_str().unwrap().len(), 88);
    simulator.stop().await;
}

#[tokio::test]
async fn models_and_faults() {
    let simulator = quick().await;
    assert_eq!(get(&simulator, "/cohere/v1/models").await.json()["models"][0]["name"], "ok");
    for headers in ["x-client-name: a\r\n", "x-fern-sdk-name: cohere\r\n", "user-agent: cohere/7\r\n"] {
        let named = send(simulator.addr(), "GET", "/v1/models/ok", headers, b"").await;
        assert_eq!(named.json()["name"], "ok");
    }
    let refused = post(&simulator, CHAT, &ask("s429ra2", false)).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("2")));
    assert!(refused.json()["message"].is_string() && refused.json()["id"].is_string());
    let late = post(&simulator, CHAT, &ask("err200late", true)).await.values();
    assert_eq!(late.last().unwrap()["delta"]["finish_reason"], "ERROR");
    assert!(late.last().unwrap()["delta"]["error"].is_string());
    assert!(!post(&simulator, CHAT, &ask("die5", true)).await.complete);
    assert!(!post(&simulator, CHAT, &ask("nodone", true)).await.text().contains("message-end"));
    simulator.stop().await;
}

fn set(pointer: &str, value: Value) -> Value {
    let mut body = with_tools("ok", false);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = value;
    body
}

fn messages(list: impl Into<Value>) -> Value {
    json!({"model": "ok", "messages": list.into()})
}

fn call(id: &str) -> Value {
    json!({"role": "assistant", "tool_calls": [
        {"id": id, "type": "function", "function": {"name": "weather", "arguments": "{}"}},
    ]})
}

#[tokio::test]
async fn what_cohere_refuses() {
    let simulator = quick().await;
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "1"});
    let user = || json!({"role": "user", "content": "Hello"});
    let cases = [
        (json!({"model": "ok"}), "messages is required"),
        (messages(json!([])), "messages must have at least one element"),
        (messages(json!("Hello")), "parameter 'messages' is of type 'string' but should be of type 'array'"),
        (messages(json!([{"content": "x"}])), "messages[0].role is required"),
        (messages(json!([{"role": "developer", "content": "x"}])), "messages[0].role must be one of system, user"),
        (messages(json!([{"role": "user", "content": ""}])), "at least 1 token long"),
        (
            messages(json!([{"role": "user", "content": [{"type": "audio"}]}])),
            "messages[0].content[0].type must be one",
        ),
        (
            messages(json!([{"role": "user", "content": "x", "name": "y"}])),
            "parameter 'messages[0].name' is not a valid",
        ),
        (messages(json!([user(), {"role": "assistant"}])), "messages[1] must have content or tool_calls"),
        (messages(json!([user(), result("a")])), "messages[1].tool_call_id 'a' is no call"),
        (messages(json!([user(), call("a")])), "no tool result for tool call 'a'"),
        (messages(json!([user(), call("a"), user()])), "no tool result for tool call 'a'"),
        (messages(json!([user(), call("a"), result("b")])), "tool_call_id 'b'"),
        (set("/odd", json!(1)), "unknown field: parameter 'odd' is not a valid field"),
        (
            set("/temperature", json!("hot")),
            "parameter 'temperature' is of type 'string' but should be of type 'float64'",
        ),
        (set("/temperature", json!(1.5)), "temperature must be at most 1"),
        (set("/p", json!(1)), "p must be at most 0.99"),
        (set("/k", json!(501)), "k must be at most 500"),
        (set("/frequency_penalty", json!(-1)), "frequency_penalty must be at least 0"),
        (set("/tool_choice", json!("auto")), "tool_choice must be one of REQUIRED, NONE"),
        (set("/stop_sequences", json!(["1", "2", "3", "4", "5", "6"])), "stop_sequences"),
        (set("/thinking", json!({"type": "enabled", "token_budget": 0})), "thinking.token_budget must be at least 1"),
        (set("/response_format", json!({"type": "json_object"})), "response_format is not supported with tools"),
        (set("/safety_mode", json!("STRICT")), "safety_mode is not supported with tools"),
        (set("/tools/0/function/name", json!("a b")), "tools[0].function.name"),
        (set("/tools/0/function/parameters", json!({})), "tools[0].function.parameters must be of type object"),
        (set("/tools/0/function/strict", json!(true)), "parameter 'tools[0].function.strict' is not a valid field"),
    ];
    for (body, said) in cases {
        let answer = post(&simulator, CHAT, &body).await;
        assert_eq!(answer.status, 400, "{body}");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(said), "{said}: {message}");
    }
    let fine = messages(json!([user(), call("a"), result("a")]));
    assert_eq!(post(&simulator, CHAT, &fine).await.status, 200);
    let embed = json!({"model": "ok", "input_type": "search_query"});
    assert_eq!(post(&simulator, "/v2/embed", &embed).await.status, 400);
    simulator.stop().await;
    let lenient = with(Settings { strict: false, ..Settings::default() }).await;
    assert_eq!(post(&lenient, CHAT, &set("/odd", json!(1))).await.status, 200);
    lenient.stop().await;
}
