//! Anthropic Messages: what it is asked beside answers, thoughts, and each thing Anthropic refuses.
use crate::client::{Protocol, get, post, quick, send, with};
use serde_json::{Value, json};
use tokenrouter_simulator::Settings;

const MESSAGES: &str = "/v1/messages";
const COUNT: &str = "/v1/messages/count_tokens";

fn with_tools(model: &str, stream: bool) -> Value {
    let mut body = Protocol::Messages.ask(model, stream);
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    body["tools"] = json!([{"name": "weather", "input_schema": schema}, {"name": "clock", "input_schema": schema}]);
    body
}

#[tokio::test]
async fn counts_models_and_ids() {
    let simulator = quick().await;
    let ask = json!({"model": "ok", "messages": [{"role": "user", "content": "Hello"}]});
    assert_eq!(post(&simulator, COUNT, &ask).await.json(), json!({"input_tokens": 16}));
    let mut odd = ask.clone();
    odd["max_tokens"] = json!(1);
    let refused = post(&simulator, COUNT, &odd).await;
    assert_eq!(refused.json()["error"]["message"], "max_tokens: Extra inputs are not permitted");
    let id = refused.header("request-id").unwrap().to_owned();
    assert_eq!(refused.json()["request_id"], id);
    let failed = post(&simulator, MESSAGES, &Protocol::Messages.ask("s500", false)).await;
    assert_eq!(failed.json()["error"]["type"], "api_error");
    assert!(failed.header("request-id").is_some());
    let one = send(simulator.addr(), "GET", "/v1/models/ok", "anthropic-version: 2023-06-01\r\n", b"").await.json();
    assert_eq!((&one["type"], &one["id"]), (&json!("model"), &json!("ok")));
    assert_eq!(get(&simulator, "/v1/models/ok").await.json()["object"], "model");
    simulator.stop().await;
}

#[tokio::test]
async fn thoughts_before_calls_and_hidden_ones() {
    let simulator = quick().await;
    let whole = post(&simulator, MESSAGES, &with_tools("thinktool", false)).await.json();
    let kinds: Vec<_> = whole["content"].as_array().unwrap().iter().map(|block| block["type"].clone()).collect();
    assert_eq!(kinds, ["thinking", "tool_use"]);
    assert_eq!(whole["stop_reason"], "tool_use");
    let values = post(&simulator, MESSAGES, &with_tools("thinktool", true)).await.values();
    let started = values.iter().filter(|value| value["type"] == "content_block_start");
    assert_eq!(started.map(|value| value["content_block"]["type"].clone()).collect::<Vec<_>>(), kinds);
    // The whole turn may come back, with the results first.
    let id = whole["content"][1]["id"].clone();
    let mut next = with_tools("thinktool", false);
    let result = json!([{"type": "tool_result", "tool_use_id": id, "content": "1"}, {"type": "text", "text": "So?"}]);
    let turns = [json!({"role": "assistant", "content": whole["content"]}), json!({"role": "user", "content": result})];
    next["messages"].as_array_mut().unwrap().extend(turns);
    next["thinking"] = json!({"type": "enabled", "budget_tokens": 1024});
    next["max_tokens"] = json!(2048);
    let answer = post(&simulator, MESSAGES, &next).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let whole = post(&simulator, MESSAGES, &Protocol::Messages.ask("redact", false)).await.json();
    assert_eq!(whole["content"][0]["type"], "redacted_thinking");
    let values = post(&simulator, MESSAGES, &Protocol::Messages.ask("redact", true)).await.values();
    let start = values.iter().find(|value| value["type"] == "content_block_start").unwrap();
    assert_eq!(start["content_block"], whole["content"][0]);
    assert!(values.iter().all(|value| value["index"] != 0 || value["type"] != "content_block_delta"));
    simulator.stop().await;
}

fn set(pointer: &str, value: Value) -> Value {
    let mut body = with_tools("ok", false);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap();
    match name.parse::<usize>() {
        Ok(at) if parent.is_array() => parent[at] = value,
        _ => parent[name] = value,
    }
    body
}

fn fields(extra: &Value) -> Value {
    let mut body = with_tools("ok", false);
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body
}

/// A conversation: the user begins, and both take turns.
fn turns(contents: &[Value]) -> Value {
    let message = |(at, content): (usize, &Value)| json!({"role": if at % 2 == 0 { "user" } else { "assistant" }, "content": content});
    fields(&json!({"messages": contents.iter().enumerate().map(message).collect::<Vec<_>>()}))
}

fn called(id: &str) -> Value {
    json!({"type": "tool_use", "id": id, "name": "weather", "input": {}})
}

fn result(id: &str) -> Value {
    json!({"type": "tool_result", "tool_use_id": id, "content": "1"})
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn image(media_type: &str, data: &str) -> Value {
    json!({"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}})
}

fn marked() -> Value {
    json!({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}})
}

fn refused() -> Vec<(Value, &'static str)> {
    let unanswered = "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: a.";
    let missing = |name: &str| {
        let mut body = with_tools("ok", false);
        body.as_object_mut().unwrap().remove(name);
        body
    };
    vec![
        (missing("max_tokens"), "max_tokens: Field required"),
        (missing("messages"), "messages: Field required"),
        (fields(&json!({"max_tokens": "many"})), "max_tokens: Input should be a valid integer"),
        (fields(&json!({"odd": 1})), "odd: Extra inputs are not permitted"),
        (fields(&json!({"stream": "yes"})), "stream: Input should be a valid boolean"),
        (fields(&json!({"temperature": 1.5})), "temperature: Input should be less than or equal to 1"),
        (fields(&json!({"system": 7})), "system: Input should be a valid string or a valid list"),
        (fields(&json!({"system": [text("")]})), "system: text content blocks must be non-empty"),
        (fields(&json!({"stop_sequences": [" "]})), "stop_sequences: each stop sequence must contain non-whitespace"),
        (fields(&json!({"messages": []})), "messages: at least one message is required"),
        (set("/messages/0/role", json!("tool")), "messages.0.role: Input should be 'user', 'assistant' or 'system'"),
        (set("/messages/0/role", json!("system")), "messages.0: use the top-level 'system' parameter"),
        (set("/messages/0/role", json!("assistant")), "messages: first message must use the \"user\" role"),
        (set("/messages/0/name", json!("x")), "messages.0.name: Extra inputs are not permitted"),
        (turns(&[json!(7)]), "messages.0.content: Input should be a valid string or a valid list"),
        (turns(&[json!("")]), "messages.0: all messages must have non-empty content"),
        (turns(&[json!([])]), "messages.0: all messages must have non-empty content"),
        (turns(&[json!([text("")])]), "messages: text content blocks must be non-empty"),
        (turns(&[json!([text(" \n")])]), "messages: text content blocks must contain non-whitespace text"),
        (turns(&[json!([{"type": "text"}])]), "messages.0.content.0.text.text: Field required"),
        (turns(&[json!([{"text": "x"}])]), "messages.0.content.0.type: Field required"),
        (
            turns(&[json!([{"type": "audio"}])]),
            "messages.0.content.0: Input tag 'audio' found using 'type' does not match",
        ),
        (turns(&[json!([{"type": "text", "text": "x", "odd": 1}])]), "messages.0.content.0.text.odd: Extra inputs"),
        (
            turns(&[json!([image("image/bmp", "YWJj")])]),
            "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or",
        ),
        (turns(&[json!([image("image/png", "a b")])]), "source.base64.data: Invalid base64 data"),
        (turns(&[json!([image("image/png", "")])]), "source.base64.data: image cannot be empty"),
        (turns(&[json!("x"), json!("so ")]), "messages: final assistant content cannot end with trailing whitespace"),
        (turns(&[json!("x"), json!([image("image/png", "YWJj")])]), "`image` blocks can only be in `user` messages"),
        (turns(&[json!("x"), json!([called("a")])]), unanswered),
        (turns(&[json!("x"), json!([called("a")]), json!("y")]), unanswered),
        (turns(&[json!("x"), json!([called("a")]), json!([text("y"), result("a")])]), unanswered),
        (turns(&[json!("x"), json!([called("a"), called("b")]), json!([result("b")])]), unanswered),
        (
            turns(&[json!("x"), json!("y"), json!([result("a")])]),
            "messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: a.",
        ),
        (turns(&[json!("x"), json!([called("a")]), json!([result("a"), result("a")])]), "must have a single result"),
        (
            turns(&[json!("x"), json!([called("a.b")]), json!([result("a.b")])]),
            "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
        ),
        (
            turns(&[json!("x"), json!([{"type": "thinking", "thinking": "x", "signature": "foreign"}]), json!("y")]),
            "messages.1.content.0: Invalid `signature` in `thinking` block",
        ),
        (
            turns(&[json!([marked(), marked(), marked(), marked(), marked()])]),
            "A maximum of 4 blocks with cache_control may be provided. Found 5.",
        ),
        (
            set("/tools/0/name", json!("a b")),
            "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
        ),
        (set("/tools/1/name", json!("weather")), "tools: Tool names must be unique."),
        (set("/tools/0/input_schema", json!({})), "tools.0.custom.input_schema.type: Field required"),
        (
            set("/tools/0/input_schema/type", json!("string")),
            "tools.0.custom.input_schema.type: Input should be 'object'",
        ),
        (set("/tools/0/input_schema/anyOf", json!([])), "does not support oneOf, allOf, or anyOf at the top level"),
        (set("/tools/0", json!({"name": "a"})), "tools.0.custom.input_schema: Field required"),
        (set("/tools/0/parameters", json!({})), "tools.0.custom.parameters: Extra inputs are not permitted"),
        (set("/tools/0/type", json!("function")), "tools.0: Input tag 'function' found using 'type' does not match"),
        (fields(&json!({"tool_choice": "auto"})), "tool_choice: Input should be an object"),
        (fields(&json!({"tool_choice": {"type": "required"}})), "tool_choice: Input tag 'required'"),
        (fields(&json!({"tool_choice": {"type": "tool", "name": "odd"}})), "Tool 'odd' not found in provided tools"),
        (fields(&json!({"tools": [], "tool_choice": {"type": "auto"}})), "tool_choice may only be specified while"),
        (
            fields(&json!({"thinking": {"type": "enabled", "budget_tokens": 1000}, "max_tokens": 5000})),
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
        ),
        (
            fields(&json!({"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 2000})),
            "`max_tokens` must be greater than `thinking.budget_tokens`",
        ),
        (fields(&json!({"thinking": {"type": "adaptive"}, "temperature": 0})), "`temperature` may only be set to 1"),
        (fields(&json!({"thinking": {"type": "adaptive"}, "top_k": 5})), "`top_k` must be unset when thinking"),
        (
            fields(&json!({"thinking": {"type": "adaptive"}, "top_p": 0.5})),
            "`top_p` must be greater than or equal to 0.95",
        ),
        (
            fields(
                &json!({"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000, "tool_choice": {"type": "any"}}),
            ),
            "Thinking may not be enabled when tool_choice forces tool use.",
        ),
        (
            fields(&json!({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}})),
            "'additionalProperties' must be explicitly set to false",
        ),
    ]
}

#[tokio::test]
async fn what_anthropic_refuses() {
    let simulator = quick().await;
    for (body, said) in refused() {
        let answer = post(&simulator, MESSAGES, &body).await;
        assert_eq!(
            (answer.status, answer.json()["error"]["type"].clone()),
            (400, json!("invalid_request_error")),
            "{body}"
        );
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(said), "{said}\n{message}");
    }
    let thread = post(&simulator, MESSAGES, &fields(&json!({"thread": {"type": "create"}}))).await.json();
    assert_eq!(thread["error"]["details"]["error_code"], "thread_unsupported_request");
    simulator.stop().await;
    let lenient = with(Settings { strict: false, ..Settings::default() }).await;
    assert_eq!(post(&lenient, MESSAGES, &fields(&json!({"odd": 1}))).await.status, 200);
    lenient.stop().await;
}

#[tokio::test]
async fn what_anthropic_accepts() {
    let simulator = quick().await;
    let split = json!({"messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [called("a"), called("b")]},
        {"role": "user", "content": [result("b")]},
        {"role": "user", "content": [result("a"), text("y")]},
        {"role": "system", "content": "Be brief.", "output_config": {"effort": "low"}},
    ]});
    for body in [
        fields(&split),
        fields(&json!({"thinking": {"type": "adaptive", "display": "omitted"}, "temperature": 1, "max_tokens": 0})),
        fields(&json!({"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}]})),
        fields(&json!({"system": [marked(), marked(), marked()], "cache_control": {"type": "ephemeral", "ttl": "1h"}})),
        turns(&[
            json!("x"),
            json!([called("a")]),
            json!([{"type": "tool_result", "tool_use_id": "a", "is_error": true}]),
        ]),
        turns(&[json!("x"), json!("It is")]),
    ] {
        let answer = post(&simulator, MESSAGES, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    simulator.stop().await;
}
