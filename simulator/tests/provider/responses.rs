//! Responses: custom tools in a stream, hidden state, shorter conversations, and what is not spoken.
use crate::client::{Protocol, post, quick, send, with};
use serde_json::{Value, json};
use tokenrouter_simulator::Settings;

const RESPONSES: &str = "/v1/responses";

#[tokio::test]
async fn custom_tools_stream_their_input() {
    let simulator = quick().await;
    let mut ask = Protocol::Responses.ask("tool", true);
    ask["tools"] = json!([{"type": "custom", "name": "patch", "format": {"type": "text"}}]);
    let values = post(&simulator, RESPONSES, &ask).await.values();
    let of = |kind: &'static str| values.iter().filter(move |value| value["type"] == kind);
    let pieces: String =
        of("response.custom_tool_call_input.delta").filter_map(|value| value["delta"].as_str()).collect();
    let done = of("response.custom_tool_call_input.done").next().unwrap();
    let item = &of("response.output_item.done").next().unwrap()["item"];
    assert_eq!((&done["input"], &item["input"]), (&json!(pieces), &json!(pieces)));
    assert_eq!((item["type"].as_str(), item["name"].as_str()), (Some("custom_tool_call"), Some("patch")));
    assert!(!pieces.is_empty());
    simulator.stop().await;
}

#[tokio::test]
async fn hidden_state_comes_when_asked_for() {
    let simulator = quick().await;
    let reasoning = async |model: &str, include: &[&str]| -> Value {
        let mut ask = Protocol::Responses.ask(model, false);
        ask["include"] = json!(include);
        post(&simulator, RESPONSES, &ask).await.json()["output"][0].take()
    };
    for model in ["think", "redact"] {
        let open = reasoning(model, &[]).await;
        assert_eq!((&open["type"], open.get("encrypted_content")), (&json!("reasoning"), None));
        let hidden = reasoning(model, &["reasoning.encrypted_content"]).await;
        assert!(hidden["encrypted_content"].is_string());
        assert_eq!(hidden["summary"].as_array().unwrap().is_empty(), model == "redact");
    }
    let values = post(&simulator, RESPONSES, &Protocol::Responses.ask("redact", true)).await.values();
    assert!(values.iter().all(|value| !value["type"].as_str().unwrap().contains("summary")));
    simulator.stop().await;
}

#[tokio::test]
async fn compaction_counts_and_web_sockets() {
    let simulator = quick().await;
    let ask = json!({"model": "ok", "input": "Hello"});
    let counted = post(&simulator, "/v1/responses/input_tokens", &ask).await.json();
    assert_eq!(counted, json!({"object": "response.input_tokens", "input_tokens": 16}));
    let compacted = post(&simulator, "/v1/responses/compact", &ask).await.json();
    assert_eq!(compacted["object"], "response.compaction");
    let item = compacted["output"][0].clone();
    assert_eq!(item["type"], "compaction");
    assert!(item["encrypted_content"].is_string() && compacted["usage"]["total_tokens"].is_number());
    let next = json!({"model": "ok", "input": [item, {"role": "user", "content": "And?"}]});
    assert_eq!(post(&simulator, RESPONSES, &next).await.status, 200);
    let upgrade = "upgrade: websocket\r\nsec-websocket-version: 13\r\n";
    assert_eq!(send(simulator.addr(), "GET", RESPONSES, upgrade, b"").await.status, 426);
    simulator.stop().await;
}

fn fields(extra: &Value) -> Value {
    let mut body = json!({
        "model": "ok", "input": "Hello",
        "tools": [{"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}],
    });
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    body
}

fn input(items: &[Value]) -> Value {
    fields(&json!({"input": items}))
}

fn user(content: impl Into<Value>) -> Value {
    json!({"role": "user", "content": content.into()})
}

fn call(id: &str) -> Value {
    json!({"type": "function_call", "call_id": id, "name": "weather", "arguments": "{}"})
}

fn output(id: &str) -> Value {
    json!({"type": "function_call_output", "call_id": id, "output": "1"})
}

fn refused() -> Vec<(Value, Value, &'static str)> {
    let open = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    let format = json!({"type": "json_schema", "name": "n", "schema": open, "strict": true});
    let strict = json!([{"type": "function", "name": "f", "strict": true, "parameters": open}]);
    let nested = json!([{"type": "function", "function": {"name": "f"}}]);
    let reasoning = json!({"type": "reasoning", "id": "rs_1", "summary": []});
    let foreign = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "foreign"});
    vec![
        (
            fields(&json!({"input": 7})),
            json!("input"),
            "Invalid type for 'input': expected one of a string or an array of objects",
        ),
        (fields(&json!({"stop": ["x"]})), json!("stop"), "Unknown parameter: 'stop'."),
        (fields(&json!({"messages": []})), json!("messages"), "Unknown parameter: 'messages'."),
        (
            fields(&json!({"max_output_tokens": 5})),
            json!("max_output_tokens"),
            "Expected a value >= 16, but got 5 instead.",
        ),
        (fields(&json!({"temperature": 3})), json!("temperature"), "decimal above maximum value"),
        (fields(&json!({"include": ["all"]})), json!("include[0]"), "Invalid value: 'all'. Supported values are:"),
        (fields(&json!({"reasoning": {"effort": "huge"}})), json!("reasoning.effort"), "Invalid value: 'huge'."),
        (fields(&json!({"store": "no"})), json!("store"), "expected a boolean, but got a string instead."),
        (input(&[json!({"role": "tool", "content": "x"})]), json!("input[0].role"), "Invalid value: 'tool'."),
        (
            input(&[json!({"role": "user"})]),
            json!("input[0].content"),
            "Missing required parameter: 'input[0].content'.",
        ),
        (input(&[json!({"type": "odd"})]), json!("input[0].type"), "Invalid value: 'odd'."),
        (
            input(&[user("x"), json!({"type": "message", "role": "user", "content": "x", "name": "y"})]),
            json!("input[1].name"),
            "Unknown parameter: 'input[1].name'.",
        ),
        (
            input(&[user(json!([{"type": "text", "text": "x"}]))]),
            json!("input[0].content[0].type"),
            "Invalid value: 'text'.",
        ),
        (
            input(&[user(json!([{"type": "output_text", "text": "x"}]))]),
            json!("input[0].content[0]"),
            "Supported values are: 'input_text'",
        ),
        (
            input(&[json!({"role": "assistant", "content": [{"type": "input_text", "text": "x"}]})]),
            json!("input[0].content[0]"),
            "Supported values are: 'output_text' and 'refusal'.",
        ),
        (
            input(&[user(json!([{"type": "input_image", "image_url": {"url": "x"}}]))]),
            json!("input[0].content[0].image_url"),
            "expected a string, but got an object",
        ),
        (
            input(&[user(json!([{"type": "input_image", "image_url": "data:image/png;base64,a b"}]))]),
            json!("input[0].content[0]"),
            "Invalid base64 image_url.",
        ),
        (
            input(&[user("x"), call("a"), call("b"), output("b")]),
            json!("input"),
            "No tool output found for function call a.",
        ),
        (input(&[user("x"), call("a")]), json!("input"), "No tool output found for function call a."),
        (
            input(&[user("x"), output("a")]),
            json!("input"),
            "No tool call found for function call output with call_id a.",
        ),
        (
            input(&[json!({"type": "custom_tool_call", "call_id": "a", "name": "p", "input": "x"})]),
            json!("input"),
            "No tool output found for custom tool call a.",
        ),
        (
            input(&[
                json!({"type": "function_call", "id": "call_1", "call_id": "a", "name": "w", "arguments": "{}"}),
                output("a"),
            ]),
            json!("input[0].id"),
            "Expected an ID that begins with 'fc'.",
        ),
        (
            input(&[json!({"type": "function_call", "call_id": "a", "name": "w", "arguments": {}})]),
            json!("input[0].arguments"),
            "expected a string",
        ),
        (
            input(&[reasoning, user("x")]),
            json!("input"),
            "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
        ),
        (input(&[foreign, json!({"role": "assistant", "content": "x"})]), Value::Null, "could not be verified"),
        (fields(&json!({"tools": nested})), json!("tools[0].name"), "Missing required parameter: 'tools[0].name'."),
        (fields(&json!({"tools": [{"type": "odd"}]})), json!("tools[0].type"), "Invalid value: 'odd'."),
        (
            fields(&json!({"tools": [{"type": "function", "name": "a b"}]})),
            json!("tools[0].name"),
            "'^[a-zA-Z0-9_-]+$'",
        ),
        (
            fields(&json!({"tools": strict})),
            json!("tools[0].parameters"),
            "'additionalProperties' is required to be supplied and to be false.",
        ),
        (
            fields(&json!({"tool_choice": {"type": "function", "name": "odd"}})),
            json!("tool_choice"),
            "Tool choice 'odd' not found",
        ),
        (
            fields(&json!({"text": {"format": format}})),
            json!("text.format.schema"),
            "Invalid schema for response_format 'n'",
        ),
        (
            fields(&json!({"text": {"format": {"type": "json_schema", "schema": {}}}})),
            json!("text.format.name"),
            "Missing required",
        ),
        (fields(&json!({"text": {"format": {"type": "json_object"}}})), json!("input"), "must contain the word 'json'"),
        (
            fields(&json!({"model": "ok+reasoning=1", "temperature": 0.5})),
            json!("temperature"),
            "Unsupported parameter: 'temperature'",
        ),
        (
            fields(&json!({"previous_response_id": "resp_0", "conversation": "conv_1"})),
            json!("previous_response_id"),
            "Mutually exclusive parameters",
        ),
    ]
}

#[tokio::test]
async fn what_responses_refuse() {
    let simulator = quick().await;
    for (body, param, said) in refused() {
        let answer = post(&simulator, RESPONSES, &body).await;
        let error = answer.json()["error"].take();
        assert_eq!((answer.status, &error["param"]), (400, &param), "{error} {body}");
        assert!(error["message"].as_str().unwrap().contains(said), "{said}\n{error}");
    }
    for path in ["/v1/responses/compact", "/v1/responses/input_tokens"] {
        let answer = post(&simulator, path, &fields(&json!({"stop": "x"}))).await;
        assert_eq!((answer.status, answer.json()["error"]["param"].clone()), (400, json!("stop")));
    }
    simulator.stop().await;
    let lenient = with(Settings { strict: false, ..Settings::default() }).await;
    assert_eq!(post(&lenient, RESPONSES, &fields(&json!({"stop": "x"}))).await.status, 200);
    lenient.stop().await;
}

#[tokio::test]
async fn what_responses_accept() {
    let simulator = quick().await;
    let mut first = Protocol::Responses.ask("thinktool", false);
    first["tools"] = fields(&json!({}))["tools"].clone();
    first["include"] = json!(["reasoning.encrypted_content"]);
    let answer = post(&simulator, RESPONSES, &first).await.json();
    // All output comes back with the call's result, or its id alone does.
    let mut items = vec![user("Hello")];
    items.extend(answer["output"].as_array().unwrap().clone());
    let call_id = answer["output"][1]["call_id"].as_str().unwrap();
    items.push(output(call_id));
    let continued = json!({"input": [output(call_id)], "previous_response_id": answer["id"]});
    for body in [input(&items), fields(&continued), fields(&json!({"client_metadata": {"a": "b"}, "stream": false}))] {
        let answer = post(&simulator, RESPONSES, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let unanswered = fields(&json!({"previous_response_id": answer["id"]}));
    let refused = post(&simulator, RESPONSES, &unanswered).await.json();
    assert!(refused["error"]["message"].as_str().unwrap().starts_with("No tool output found for function call"));
    simulator.stop().await;
}
