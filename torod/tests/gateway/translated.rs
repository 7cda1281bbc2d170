//! Clients of one protocol on providers of another, through the whole gateway.

use serde_json::Value;
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::support::{TestDaemon, events, port_zero};

/// Two providers at one simulator: `oa` speaks Chat Completions only, `an` Anthropic Messages only.
async fn daemon() -> TestDaemon {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let url = simulator.url();
    let provider = |name: &str, protocol: &str, base: &str, kind: &str| {
        format!(
            "[[providers]]\nname = \"{name}\"\nprovider_type = \"{kind}\"\nprotocols = {{ {protocol} = \"{url}{base}\" }}\napi_key = \"sk-{name}-0123456789\"\n"
        )
    };
    let aliases = "[[model_aliases]]\nname = \"exact\"\nlossy = \"reject\"\ntargets = [{ provider = \"oa\", model = \"ok\" }]\n\
                   [[model_aliases]]\nname = \"exact-or-native\"\nlossy = \"reject\"\n\
                   targets = [{ provider = \"oa\", model = \"ok\" }, { provider = \"an\", model = \"ok\" }]\n";
    let text = format!(
        "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = false\n{}{}{aliases}",
        provider("oa", "openai", "/v1", "openai"),
        provider("an", "anthropic", "/anthropic", "anthropic")
    );
    TestDaemon::configured(simulator, &text, Clock::system()).await
}

fn messages(model: &str, more: &str) -> String {
    format!(r#"{{"model":"{model}","max_tokens":64,"messages":[{{"role":"user","content":"hi"}}]{more}}}"#)
}

fn texts(body: &[u8], pointer: &str) -> String {
    let values = events(body).into_iter().filter_map(|event| serde_json::from_str::<Value>(&event).ok());
    values.filter_map(|value| value.pointer(pointer)?.as_str().map(str::to_owned)).collect()
}

/// Rows 4, 24 and 25 of the feature table, in both directions.
#[tokio::test]
async fn each_client_reaches_the_others_provider_whole_and_streamed() {
    let daemon = daemon().await;
    let native = daemon.chat("oa/ok", "").await.json();
    let chat = daemon.chat("an/ok", "").await;
    assert_eq!((chat.status.as_u16(), chat.header("content-type")), (200, "application/json"), "{}", chat.text());
    let chat = chat.json();
    assert_eq!(chat["object"], "chat.completion");
    assert_eq!(chat["choices"][0]["finish_reason"], "stop");
    assert_eq!(chat["choices"][0]["message"]["content"], native["choices"][0]["message"]["content"]);
    let text = chat["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    assert!(chat["id"].as_str().unwrap().starts_with("chatcmpl-"));

    let stream = daemon.chat("an/ok", r#","stream":true,"stream_options":{"include_usage":true}"#).await;
    assert!(stream.header("content-type").starts_with("text/event-stream"));
    assert_eq!(texts(&stream.body, "/choices/0/delta/content"), text);
    assert!(stream.text().ends_with("data: [DONE]\n\n"));

    let message = daemon.post("/v1/messages", messages("oa/ok", "")).await.json();
    assert_eq!((message["type"].as_str(), message["stop_reason"].as_str()), (Some("message"), Some("end_turn")));
    assert_eq!(message["content"][0]["text"], text.as_str());
    let stream = daemon.post("/v1/messages", messages("oa/ok", r#","stream":true"#)).await;
    assert_eq!(texts(&stream.body, "/delta/text"), text);
    assert!(stream.text().contains("event: message_stop"));

    let calls = daemon.simulator.calls();
    let paths: Vec<&str> = calls.iter().map(|call| call.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/v1/chat/completions",
            "/anthropic/v1/messages",
            "/anthropic/v1/messages",
            "/v1/chat/completions",
            "/v1/chat/completions"
        ]
    );
    daemon.stop().await;
}

/// Row 36: what the client is told it used is what is written down, and what the provider said.
#[tokio::test]
async fn usage_is_the_same_for_client_provider_and_record() {
    let daemon = daemon().await;
    let chat = daemon.chat("an/cache", "").await.json();
    let usage = |path: &str| chat["usage"].pointer(path).and_then(Value::as_u64).unwrap();
    let message = daemon.post("/v1/messages", messages("oa/cache", "")).await.json();
    let rows = daemon
        .rows("input_uncached, cache_read, cache_write_5m + cache_write_1h, output, estimated, client_protocol, upstream_protocol")
        .await;
    let number = |text: &String| text.parse::<u64>().unwrap();
    let row: Vec<u64> = rows[0].iter().map(number).collect();
    assert_eq!(row[0] + row[1] + row[2], usage("/prompt_tokens"));
    assert_eq!((row[1], row[3]), (usage("/prompt_tokens_details/cached_tokens"), usage("/completion_tokens")));
    assert!(row[1] > 0);
    assert_eq!((row[4], row[5], row[6]), (0, 0, 2));
    let row: Vec<u64> = rows[1].iter().map(number).collect();
    assert_eq!(row[0], message["usage"]["input_tokens"].as_u64().unwrap());
    assert_eq!(row[1], message["usage"]["cache_read_input_tokens"].as_u64().unwrap());
    assert_eq!((row[5], row[6]), (2, 0));
    daemon.stop().await;
}

/// Rows 31, 32 and 35: a tool loop with the call streamed, its result sent back, and the final answer.
#[tokio::test]
async fn a_tool_loop_works_across_protocols() {
    let daemon = daemon().await;
    let tools = r#","tools":[{"type":"function","function":{"name":"get_weather","description":"d","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}]"#;
    let first = daemon.chat("an/tool", tools).await.json();
    let message = &first["choices"][0]["message"];
    assert_eq!(first["choices"][0]["finish_reason"], "tool_calls", "{first}");
    let call = &message["tool_calls"][0];
    let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    assert!(arguments["city"].is_string());
    let body = format!(
        r#"{{"model":"an/tool","messages":[{{"role":"user","content":"hi"}},{message},{{"role":"tool","tool_call_id":{},"content":"sunny"}}]{tools}}}"#,
        call["id"]
    );
    let last = daemon.post("/v1/chat/completions", body).await.json();
    assert_eq!(last["choices"][0]["finish_reason"], "stop", "{last}");
    let sent = daemon.simulator.calls();
    let result = &serde_json::from_slice::<Value>(&sent[1].body).unwrap()["messages"][2]["content"][0];
    assert_eq!((&result["type"], &result["tool_use_id"]), (&"tool_result".into(), &call["id"]));

    let tools = r#","tools":[{"name":"get_weather","input_schema":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}],"stream":true"#;
    let stream = daemon.post("/v1/messages", messages("oa/tool", tools)).await;
    let arguments = texts(&stream.body, "/delta/partial_json");
    assert!(serde_json::from_str::<Value>(&arguments).unwrap()["city"].is_string(), "{}", stream.text());
    assert!(stream.text().contains(r#""stop_reason":"tool_use""#));
    daemon.stop().await;
}

/// Rows 6 and 7: a Responses client on both, and the other clients' words stay theirs.
#[tokio::test]
async fn a_responses_client_reaches_chat_and_messages_providers() {
    let daemon = daemon().await;
    let tools = r#","tools":[{"type":"function","name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}]"#;
    for provider in ["oa", "an"] {
        let answer = daemon.post("/v1/responses", format!(r#"{{"model":"{provider}/ok","input":"hi"}}"#)).await.json();
        assert_eq!((answer["object"].as_str(), answer["status"].as_str()), (Some("response"), Some("completed")));
        let text = answer["output"][0]["content"][0]["text"].as_str().unwrap().to_owned();
        let stream =
            daemon.post("/v1/responses", format!(r#"{{"model":"{provider}/ok","input":"hi","stream":true}}"#)).await;
        assert!(stream.text().contains("event: response.completed"), "{}", stream.text());
        let deltas = events(&stream.body).into_iter().filter_map(|event| serde_json::from_str::<Value>(&event).ok());
        let deltas = deltas.filter(|event| event["type"] == "response.output_text.delta");
        let streamed: String = deltas.map(|event| event["delta"].as_str().unwrap().to_owned()).collect();
        assert_eq!(streamed, text);

        let first =
            daemon.post("/v1/responses", format!(r#"{{"model":"{provider}/tool","input":"hi"{tools}}}"#)).await.json();
        let call =
            first["output"].as_array().unwrap().iter().find(|item| item["type"] == "function_call").unwrap().clone();
        let body = format!(
            r#"{{"model":"{provider}/tool","input":[{{"role":"user","content":"hi"}},{call},{{"type":"function_call_output","call_id":{},"output":"sunny"}}]{tools}}}"#,
            call["call_id"]
        );
        let last = daemon.post("/v1/responses", body).await;
        assert_eq!(last.status, 200, "{}", last.text());
        assert!(
            last.json()["output"].as_array().unwrap().iter().all(|item| item["type"] == "message"),
            "{}",
            last.text()
        );
        let cut =
            daemon.post("/v1/responses", format!(r#"{{"model":"{provider}/die5","input":"hi","stream":true}}"#)).await;
        assert!(cut.text().contains("event: response.failed"), "{}", cut.text());
    }
    daemon.stop().await;
}

#[tokio::test]
async fn losses_are_named_and_what_cannot_be_is_refused_before_the_call() {
    let daemon = daemon().await;
    let lossy = daemon.chat("an/ok", r#","seed":7,"presence_penalty":1"#).await;
    assert_eq!((lossy.status.as_u16(), lossy.header("x-tokenrouter-degraded")), (200, "presence_penalty, seed"));
    // Its row names them, and so does whoever counts.
    daemon.rows("id").await;
    let found = daemon.get(&format!("/admin/api/usage/requests/{}", lossy.header("x-request-id"))).await.json();
    let attempt = &found["attempts"][0];
    assert_eq!((&attempt["degraded"], &attempt["degraded_fields"]), (&2.into(), &["presence_penalty", "seed"].into()));
    let metrics = daemon.get("/metrics").await.text();
    for field in ["presence_penalty", "seed"] {
        let counted = format!("tokenrouter_translation_losses_total{{field=\"{field}\"}} 1");
        assert!(metrics.lines().any(|line| line == counted), "{counted} is not in\n{metrics}");
    }
    assert_eq!(daemon.chat("an/ok", "").await.header("x-tokenrouter-degraded"), "");
    let calls = daemon.simulator.calls().len();
    let refused = daemon.chat("an/ok", r#","n":3"#).await;
    let error = &refused.json()["error"];
    assert_eq!(
        (refused.status.as_u16(), error["code"].as_str(), error["param"].as_str()),
        (400, Some("not_convertible"), Some("n"))
    );
    let refused = daemon.post("/v1/messages", messages("oa/ok", r#","thread":{"type":"create"}"#)).await;
    assert_eq!(refused.json()["error"]["details"]["error_code"], "thread_unsupported_request");
    assert_eq!(daemon.simulator.calls().len(), calls, "nothing was sent");
    daemon.stop().await;
}

#[tokio::test]
async fn errors_and_cuts_of_the_provider_are_told_in_the_clients_words() {
    let daemon = daemon().await;
    let answer = daemon.post("/v1/messages", messages("oa/s429ra2", "")).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "2"));
    assert_eq!(
        (answer.json()["type"].as_str(), answer.json()["error"]["type"].as_str()),
        (Some("error"), Some("rate_limit_error"))
    );
    let answer = daemon.chat("an/s529", "").await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"]["code"].as_str()), (503, Some("overloaded")));
    let answer = daemon.post("/v1/messages", messages("oa/html502", "")).await;
    assert!(answer.status.is_server_error() && !answer.text().contains("<html"), "{}", answer.text());

    let cut = daemon.post("/v1/messages", messages("oa/die5", r#","stream":true"#)).await;
    assert!(cut.text().contains("event: error") && !cut.text().contains("message_stop"), "{}", cut.text());
    let cut = daemon.chat("an/die5", r#","stream":true"#).await;
    assert!(cut.text().contains("data: {\"error\"") && !cut.text().contains("[DONE]"), "{}", cut.text());
    let failed = daemon.chat("an/err200", r#","stream":true"#).await;
    assert_eq!((failed.status.as_u16(), failed.json()["error"]["code"].as_str()), (503, Some("overloaded")));
    let failed = daemon.chat("an/err200late", r#","stream":true"#).await;
    assert!(failed.text().contains("data: {\"error\"") && !failed.text().contains("[DONE]"), "{}", failed.text());
    let nodone = daemon.post("/v1/messages", messages("oa/nodone", r#","stream":true"#)).await;
    assert!(nodone.text().contains("event: error"), "{}", nodone.text());
    daemon.stop().await;
}

/// A conversation that moves to another vendor: what the first one sealed is not sent to the second, natively either.
#[tokio::test]
async fn a_conversation_may_change_its_vendor() {
    let daemon = daemon().await;
    let first =
        daemon.post("/v1/responses", r#"{"model":"an/think","input":"hi","reasoning":{"effort":"low"}}"#).await.json();
    let reasoning = first["output"][0].clone();
    assert!(reasoning["encrypted_content"].as_str().unwrap().starts_with("gw1."), "{first}");
    let sealed = &reasoning["encrypted_content"];
    let body = messages("an/think", "").replace(
        r#"[{"role":"user","content":"hi"}]"#,
        &format!(
            r#"[{{"role":"user","content":"hi"}},{{"role":"assistant","content":[{{"type":"redacted_thinking","data":{sealed}}},{{"type":"text","text":"so"}}]}},{{"role":"user","content":"and?"}}]"#
        ),
    );
    // Its own maker gets it back as it was.
    let own = daemon.post("/v1/messages", body.clone()).await;
    assert_eq!((own.status.as_u16(), own.header("x-tokenrouter-degraded")), (200, ""));
    // Forged, or another gateway's: it is taken out, and that is said.
    let forged = body.replace("gw1.", "gw1.x");
    let other = daemon.post("/v1/messages", forged).await;
    assert_eq!((other.status.as_u16(), other.header("x-tokenrouter-degraded")), (200, "reasoning"));
    let calls = daemon.simulator.calls();
    let last = |at: usize| String::from_utf8_lossy(&calls[calls.len() - at].body).into_owned();
    assert!(last(2).contains(r#""type":"thinking""#) && !last(2).contains("gw1."), "{}", last(2));
    assert!(!last(1).contains("thinking") && last(1).contains(r#""text":"so""#), "{}", last(1));
    daemon.stop().await;
}

/// The client's credentials, versions and betas stay here; the provider's own go along.
#[tokio::test]
async fn headers_of_one_protocol_do_not_reach_the_other() {
    let daemon = daemon().await;
    let mut request = daemon.request("/v1/messages", messages("oa/ok", ""));
    for (name, value) in
        [("anthropic-version", "2023-06-01"), ("anthropic-beta", "x"), ("x-stainless-lang", "js"), ("session-id", "s1")]
    {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    assert_eq!(daemon.send(request).await.status, 200);
    assert_eq!(daemon.chat("an/ok", "").await.status, 200);
    let calls = daemon.simulator.calls();
    let has = |at: usize, name: &str| calls[at].headers.iter().any(|(n, _)| n.as_str() == name);
    assert!(!has(0, "anthropic-version") && !has(0, "anthropic-beta") && !has(0, "x-stainless-lang"));
    assert!(has(0, "session-id") && has(0, "authorization"));
    assert!(has(1, "anthropic-version") && has(1, "x-api-key"));
    daemon.stop().await;
}

/// Row 34: a signature given to a Chat client comes back to its maker byte for byte, also after a restart.
#[tokio::test]
async fn thoughts_come_back_signed() {
    let daemon = daemon().await;
    let more = r#","reasoning_effort":"low""#;
    let first = daemon.chat("an/think", more).await.json();
    let message = first["choices"][0]["message"].clone();
    assert!(message["reasoning_content"].is_string(), "{first}");
    let body = format!(
        r#"{{"model":"an/think","messages":[{{"role":"user","content":"hi"}},{message},{{"role":"user","content":"and?"}}]{more}}}"#
    );
    let second = daemon.post("/v1/chat/completions", body).await;
    assert_eq!((second.status.as_u16(), second.header("x-tokenrouter-degraded")), (200, ""), "{}", second.text());
    let sent: Value = serde_json::from_slice(&daemon.simulator.calls()[1].body).unwrap();
    let block = &sent["messages"][1]["content"][0];
    assert_eq!((&block["type"], &block["thinking"]), (&"thinking".into(), &message["reasoning_content"]));
    assert!(!block["signature"].as_str().unwrap().starts_with("gw1."));
    daemon.stop().await;
}

/// What is lost is said, or refused where a token or the configuration wants that; the native lane loses nothing.
#[tokio::test]
async fn a_loss_is_refused_where_that_is_wanted() {
    let daemon = daemon().await;
    let lossy = messages("oa/ok", r#","top_k":5"#);
    let warned = daemon.post("/v1/messages", lossy.clone()).await;
    assert_eq!((warned.status.as_u16(), warned.header("x-tokenrouter-degraded")), (200, "top_k"));
    let strict = daemon.post("/admin/api/tokens", r#"{"lossy":"reject"}"#).await.json();
    let ask = |body: String| {
        let mut request = daemon.request("/v1/messages", body);
        let key = format!("Bearer {}", strict["key"].as_str().unwrap());
        request.headers_mut().insert("authorization", key.parse().unwrap());
        daemon.send(request)
    };
    daemon.simulator.clear();
    let refused = ask(lossy).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["error"]["type"], "invalid_request_error");
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("top_k") && message.contains("\"oa\""), "{message}");
    assert!(daemon.simulator.calls().is_empty(), "nothing was sent");
    assert_eq!(ask(messages("oa/ok", "")).await.status, 200);
    assert_eq!(ask(messages("an/ok", r#","top_k":5"#)).await.status, 200);
    // An alias may want it too, and so does one whose other target can tell all of it.
    let alias = |name: &str| messages(name, r#","top_k":5"#);
    assert_eq!(daemon.post("/v1/messages", alias("exact")).await.status, 400);
    let told = daemon.post("/v1/messages", alias("exact-or-native")).await;
    assert_eq!((told.status.as_u16(), told.header("x-tokenrouter-provider")), (200, "an"));
    assert_eq!(daemon.post("/admin/api/tokens", r#"{"lossy":"maybe"}"#).await.status, 400);
    let listed = daemon.get("/admin/api/tokens").await.json();
    assert!(listed.to_string().contains(r#""lossy":"reject""#), "{listed}");
    daemon.stop().await;
}
