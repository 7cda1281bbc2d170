//! Chat Completions, completions and embeddings: each thing OpenAI refuses, and how it says so.
use crate::client::{post, quick, with};
use serde_json::{Value, json};
use tokenrouter_simulator::Settings;

const CHAT: &str = "/v1/chat/completions";

fn fields(extra: &Value) -> Value {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let mut body = json!({
        "model": "ok", "messages": [{"role": "user", "content": "Hello"}],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": schema}}],
    });
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body
}

fn messages(list: &[Value]) -> Value {
    fields(&json!({"messages": list}))
}

fn user(content: impl Into<Value>) -> Value {
    json!({"role": "user", "content": content.into()})
}

fn called(ids: &[&str]) -> Value {
    let call = |id: &&str| json!({"id": id, "type": "function", "function": {"name": "weather", "arguments": "{}"}});
    json!({"role": "assistant", "content": null, "tool_calls": ids.iter().map(call).collect::<Vec<_>>()})
}

fn result(id: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": "1"})
}

fn image(url: &str) -> Value {
    user(json!([{"type": "image_url", "image_url": {"url": url}}]))
}

fn tool(function: &Value) -> Value {
    fields(&json!({"tools": [{"type": "function", "function": function}]}))
}

fn strict_tool(parameters: &Value) -> Value {
    tool(&json!({"name": "f", "strict": true, "parameters": parameters}))
}

fn format(schema: &Value) -> Value {
    let inner = json!({"name": "n", "strict": true, "schema": schema});
    fields(&json!({"response_format": {"type": "json_schema", "json_schema": inner}}))
}

fn refused() -> Vec<(Value, Value, &'static str)> {
    let open = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    let partly = json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false});
    let deep = json!({"type": "object", "properties": {"a": open}, "required": ["a"], "additionalProperties": false});
    let closed = json!({"type": "object", "additionalProperties": false});
    let later = json!({
        "type": "object", "properties": {"a": closed, "b": open}, "required": ["a", "b"], "additionalProperties": false,
    });
    let unanswered = "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: a";
    let untimely = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'";
    vec![
        (json!({"model": "ok"}), json!("messages"), "Missing required parameter: 'messages'."),
        (fields(&json!({"messages": []})), json!("messages"), "Invalid 'messages': empty array."),
        (
            fields(&json!({"messages": "x"})),
            json!("messages"),
            "expected an array of objects, but got a string instead.",
        ),
        (fields(&json!({"odd": 1})), json!("odd"), "Unknown parameter: 'odd'."),
        (
            fields(&json!({"stream": "yes"})),
            json!("stream"),
            "Invalid type for 'stream': expected a boolean, but got a string",
        ),
        (fields(&json!({"temperature": 2.5})), json!("temperature"), "Expected a value <= 2, but got 2.5 instead."),
        (fields(&json!({"n": 0})), json!("n"), "integer below minimum value. Expected a value >= 1, but got 0"),
        (fields(&json!({"max_tokens": 1.5})), json!("max_tokens"), "expected an integer, but got a decimal instead."),
        (
            fields(&json!({"reasoning_effort": "huge"})),
            json!("reasoning_effort"),
            "Invalid value: 'huge'. Supported values are: 'none',",
        ),
        (fields(&json!({"stop": ["1", "2", "3", "4", "5"]})), json!("stop"), "maximum length 4"),
        (
            fields(&json!({"stream_options": {"include_usage": true}})),
            json!("stream_options"),
            "only allowed when 'stream' is enabled",
        ),
        (fields(&json!({"top_logprobs": 2})), json!("top_logprobs"), "only allowed when 'logprobs' is enabled"),
        (fields(&json!({"max_tokens": 5, "max_completion_tokens": 5})), json!("max_tokens"), "at the same time"),
        (fields(&json!({"metadata": {"a": 1}})), json!("metadata.a"), "expected a string, but got an integer"),
        (
            fields(&json!({"model": "ok+reasoning=1", "max_tokens": 5})),
            json!("max_tokens"),
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        ),
        (
            fields(&json!({"model": "ok+reasoning=1", "temperature": 0})),
            json!("temperature"),
            "Unsupported parameter: 'temperature' is not supported with this model.",
        ),
        (
            messages(&[json!({"content": "x"})]),
            json!("messages[0].role"),
            "Missing required parameter: 'messages[0].role'.",
        ),
        (
            messages(&[json!({"role": "robot", "content": "x"})]),
            json!("messages[0].role"),
            "Invalid value: 'robot'. Supported values are: 'system', 'developer', 'user', 'assistant', 'tool', and 'function'.",
        ),
        (messages(&[json!({"role": "user"})]), json!("messages[0].content"), "Missing required parameter"),
        (
            messages(&[user(7)]),
            json!("messages[0].content"),
            "expected one of a string or an array of objects, but got an integer",
        ),
        (messages(&[user(json!([{"type": "odd"}]))]), json!("messages[0].content[0].type"), "Invalid value: 'odd'."),
        (
            messages(&[user(json!([{"type": "text"}]))]),
            json!("messages[0].content[0].text"),
            "Missing required parameter",
        ),
        (
            messages(&[json!({"role": "system", "content": [{"type": "image_url", "image_url": {"url": "x"}}]})]),
            json!("messages[0].content[0].type"),
            "Invalid value: 'image_url'. Supported values are: 'text'.",
        ),
        (messages(&[image("ftp://x")]), json!("messages[0].content[0]"), "Invalid image URL"),
        (messages(&[image("data:image/bmp;base64,YWJj")]), json!("messages[0].content[0]"), "unsupported image"),
        (messages(&[image("data:image/png;base64,a b")]), json!("messages[0].content[0]"), "Invalid base64 image_url."),
        (
            messages(&[user("x"), json!({"role": "assistant"})]),
            json!("messages[1].content"),
            "expected a string, got null.",
        ),
        (messages(&[user("x"), called(&[])]), json!("messages[1].tool_calls"), "empty array"),
        (messages(&[user("x"), called(&["a"])]), json!("messages.[1].role"), unanswered),
        (messages(&[user("x"), called(&["a"]), user("y")]), json!("messages.[1].role"), unanswered),
        (messages(&[user("x"), called(&["b", "a"]), result("b")]), json!("messages.[1].role"), unanswered),
        (messages(&[user("x"), result("a")]), json!("messages[1].role"), untimely),
        (messages(&[user("x"), called(&["a"]), result("a"), result("b")]), json!("messages[3].role"), untimely),
        (
            messages(&[json!({"role": "tool", "content": "x"})]),
            json!("messages[0].tool_call_id"),
            "Missing required parameter",
        ),
        (fields(&json!({"tools": []})), json!("tools"), "Invalid 'tools': empty array."),
        (
            fields(&json!({"tools": [{"name": "f"}]})),
            json!("tools[0].type"),
            "Missing required parameter: 'tools[0].type'.",
        ),
        (
            fields(&json!({"tools": [{"type": "function", "name": "f"}]})),
            json!("tools[0].function"),
            "Missing required parameter",
        ),
        (
            tool(&json!({"name": "a b"})),
            json!("tools[0].function.name"),
            "does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
        ),
        (
            tool(&json!({"name": "a".repeat(65)})),
            json!("tools[0].function.name"),
            "string too long. Expected a string with maximum length 64",
        ),
        (tool(&json!({"name": "f", "input_schema": {}})), json!("tools[0].function.input_schema"), "Unknown parameter"),
        (
            tool(&json!({"name": "f", "parameters": {"type": "string"}})),
            json!("tools[0].function.parameters"),
            "got 'type: \"string\"'",
        ),
        (
            strict_tool(&open),
            json!("tools[0].function.parameters"),
            "In context=(), 'additionalProperties' is required to be supplied and to be false.",
        ),
        (
            strict_tool(&partly),
            json!("tools[0].function.parameters"),
            "including every key in properties. Missing 'a'.",
        ),
        (
            strict_tool(&later),
            json!("tools[0].function.parameters"),
            "In context=('properties', 'b'), 'additionalProperties'",
        ),
        (
            strict_tool(&deep),
            json!("tools[0].function.parameters"),
            "In context=('properties', 'a'), 'additionalProperties'",
        ),
        (
            fields(&json!({"tool_choice": "any"})),
            json!("tool_choice"),
            "Invalid value: 'any'. Supported values are: 'none', 'auto', and 'required'.",
        ),
        (
            fields(&json!({"tool_choice": {"type": "function", "function": {"name": "odd"}}})),
            json!("tool_choice"),
            "Tool choice 'odd' not found",
        ),
        (
            fields(&json!({"tools": null, "tool_choice": "auto"})),
            json!("tool_choice"),
            "only allowed when 'tools' are specified",
        ),
        (
            fields(&json!({"tools": null, "parallel_tool_calls": true})),
            json!("parallel_tool_calls"),
            "only allowed when 'tools'",
        ),
        (
            format(&open),
            json!("response_format"),
            "Invalid schema for response_format 'n': In context=(), 'additionalProperties'",
        ),
        (
            format(&json!({"type": "array"})),
            json!("response_format"),
            "schema must be a JSON Schema of 'type: \"object\"'",
        ),
        (
            fields(&json!({"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}})),
            json!("response_format.json_schema.name"),
            "Missing required parameter",
        ),
        (
            fields(&json!({"response_format": {"type": "json_object"}})),
            json!("messages"),
            "must contain the word 'json'",
        ),
    ]
}

#[tokio::test]
async fn what_chat_refuses() {
    let simulator = quick().await;
    for (body, param, said) in refused() {
        let answer = post(&simulator, CHAT, &body).await;
        let error = answer.json()["error"].take();
        assert_eq!((answer.status, &error["type"]), (400, &json!("invalid_request_error")), "{body}");
        assert_eq!(error["param"], param, "{error} {body}");
        assert!(error["message"].as_str().unwrap().contains(said), "{said}\n{error}");
    }
    for (body, code) in [
        (fields(&json!({"odd": 1})), "unknown_parameter"),
        (fields(&json!({"n": "1"})), "invalid_type"),
        (fields(&json!({"n": 129})), "integer_above_max_value"),
        (fields(&json!({"model": "ok+reasoning=1", "max_tokens": 5})), "unsupported_parameter"),
    ] {
        assert_eq!(post(&simulator, CHAT, &body).await.json()["error"]["code"], code);
    }
    for (path, body, param) in [
        ("/v1/completions", json!({"model": "ok", "prompt": "x", "tools": []}), "tools"),
        ("/v1/embeddings", json!({"model": "ok", "input": "x", "texts": []}), "texts"),
    ] {
        assert_eq!(post(&simulator, path, &body).await.json()["error"]["param"], param);
    }
    simulator.stop().await;
    let lenient = with(Settings { strict: false, ..Settings::default() }).await;
    assert_eq!(post(&lenient, CHAT, &fields(&json!({"odd": 1}))).await.status, 200);
    lenient.stop().await;
}

#[tokio::test]
async fn what_chat_accepts() {
    let simulator = quick().await;
    let mut said = called(&["a"]);
    said["reasoning_content"] = json!("hm");
    said["parsed"] = Value::Null;
    said["tool_calls"][0]["index"] = json!(0);
    said["tool_calls"][0]["function"]["parsed_arguments"] = json!({});
    let optional = json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"], "additionalProperties": false});
    for body in [
        messages(&[json!({"role": "developer", "content": "x"}), user("x"), said, result("a"), user("y")]),
        messages(&[user("x"), json!({"role": "assistant", "content": null, "refusal": "no", "annotations": []})]),
        messages(&[image("https://example.com/a.png"), image("data:image/webp;base64,YWJj")]),
        fields(&json!({"stream": null, "stop": "x", "seed": -1, "logit_bias": {"5": -100}})),
        fields(&json!({"model": "ok+reasoning=1", "max_completion_tokens": 5, "temperature": 1})),
        format(&optional),
        tool(&json!({"name": "f"})),
    ] {
        let answer = post(&simulator, CHAT, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    simulator.stop().await;
}
