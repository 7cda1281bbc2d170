//! Responses: custom tools in a stream, hidden state, shorter conversations, and what is not spoken.
use crate::client::{Protocol, post, quick, send};
use serde_json::{Value, json};

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
