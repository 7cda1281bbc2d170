//! What is kept: every protocol, whole, streamed, translated, broken off; and nothing where nobody wants it.

use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::rig::{ON, chat, daemon, said, texts};
use crate::support::SOON;

/// Row 129 of the feature table.
#[tokio::test]
async fn three_turns_are_one_conversation_and_who_opts_out_is_not_kept() {
    let daemon = daemon(ON).await;
    let one = said(&daemon.post("/v1/chat/completions", chat(&[("user", "Fix the login bug")])).await);
    let two = [("user", "Fix the login bug"), ("assistant", one.as_str()), ("user", "Now the tests")];
    let again = said(&daemon.post("/v1/chat/completions", chat(&two)).await);
    let mut three = two.to_vec();
    three.extend([("assistant", again.as_str()), ("user", "Thanks")]);
    daemon.post("/v1/chat/completions", chat(&three)).await;
    let talk = daemon.only_talk().await;
    assert_eq!((&talk["exchanges"], &talk["title"]), (&json!(3), &json!("Fix the login bug")));
    let list = talk["list"].as_array().unwrap();
    let new: Vec<Vec<String>> = list
        .iter()
        .map(|one| one["new"].as_array().unwrap().iter().map(|message| texts(&message["parts"], "text")).collect())
        .collect();
    assert_eq!(new, [["Fix the login bug"], ["Now the tests"], ["Thanks"]]);
    assert!(
        list.iter()
            .all(|one| one["outcome"] == "ok" && one["model"] == "ok" && !texts(&one["answer"], "text").is_empty())
    );
    assert_eq!(list[2]["continues"], list[1]["request_id"]);
    assert!(list.iter().all(|one| one["is_branch"] == false));
    let total: i64 = list.iter().map(|one| one["cost_nanos"].as_i64().unwrap()).sum();
    assert_eq!(talk["cost_nanos"], total);

    // By its token, or by a header: nothing is kept.
    let made = daemon.post("/admin/api/tokens", r#"{"role":"inferrer","capture":false}"#).await.json();
    let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
    let asked = chat(&[("user", "private words")]);
    assert_eq!(
        daemon.post_with("/v1/chat/completions", &[("authorization", &bearer)], asked.clone()).await.status,
        200
    );
    for no in ["no", "False", "off", "0"] {
        daemon.post_with("/v1/chat/completions", &[("x-tokenrouter-capture", no)], asked.clone()).await;
    }
    daemon.post("/v1/embeddings", r#"{"model":"all/ok","input":"private words"}"#).await;
    assert_eq!(daemon.talks("?internal=true").await.len(), 1);
    assert!(!daemon.unpacked().contains("private words"));
    daemon.stop().await;
}

#[tokio::test]
async fn until_it_is_switched_on_not_one_byte_is_written() {
    let daemon = daemon("").await;
    let path = daemon.folder.path().join("data").join("conversations.db");
    daemon.post("/v1/chat/completions", chat(&[("user", "hello")])).await;
    assert!(daemon.talks("").await.is_empty());
    assert_eq!(daemon.get("/admin/api/conversations/1").await.status, 404);
    let mut all = daemon.request("/admin/api/conversations", "");
    *all.method_mut() = http::Method::DELETE;
    assert_eq!(daemon.send(all).await.json(), json!({ "conversations": 0, "exchanges": 0 }));
    let status = daemon.get("/v1/status").await.json();
    assert_eq!(status["conversations"]["enabled"], false);
    assert!(!path.exists());
    daemon.stop().await;
}

#[tokio::test]
async fn a_client_without_a_key_is_kept_only_where_that_is_allowed() {
    for (settings, count) in [("[conversations]\nenabled = true\n", 0), (ON, 1)] {
        let daemon = daemon(settings).await;
        let mut request = daemon.request("/v1/chat/completions", chat(&[("user", "hello")]));
        request.headers_mut().remove("authorization");
        assert_eq!(daemon.send(request).await.status, 200);
        assert_eq!(daemon.talks("").await.len(), count, "{settings}");
        daemon.stop().await;
    }
}

/// The surfaces with a request each: path, body, and how it asks for a stream.
fn surfaces(model: &str) -> Vec<(&'static str, String, Value)> {
    let messages = json!([{ "role": "user", "content": "What is new?" }]);
    let tool = json!([{ "type": "function", "function": { "name": "read", "parameters": { "type": "object", "properties": { "path": { "type": "string" } } } } }]);
    let schema = json!({ "type": "object", "properties": { "path": { "type": "string" } } });
    let chat = json!({ "model": model, "messages": messages, "tools": tool });
    let responses = json!({ "model": model, "input": "What is new?", "instructions": "Be kind.", "tools": [{ "type": "function", "name": "read", "parameters": schema }] });
    let anthropic = json!({ "model": model, "max_tokens": 2048, "system": "Be kind.", "messages": messages, "tools": [{ "name": "read", "input_schema": schema }] });
    let cohere = json!({ "model": model, "messages": messages, "tools": tool });
    vec![
        ("/v1/chat/completions", "chat".into(), chat),
        ("/v1/responses", "responses".into(), responses),
        ("/v1/messages", "messages".into(), anthropic),
        ("/v2/chat", "cohere_chat".into(), cohere),
    ]
}

#[tokio::test]
async fn every_protocol_is_read_whole_streamed_and_translated() {
    let daemon = daemon(ON).await;
    for provider in ["all", "chat"] {
        for (script, kind) in [("ok", "text"), ("tool", "call"), ("think", "thinking")] {
            let mut asked = surfaces(&format!("{provider}/{script}"));
            let gemini = json!({ "contents": [{ "role": "user", "parts": [{ "text": "What is new?" }] }], "systemInstruction": { "parts": [{ "text": "Be kind." }] },
                "tools": [{ "functionDeclarations": [{ "name": "read", "parameters": { "type": "object", "properties": { "path": { "type": "string" } } } }] }] });
            for verb in ["generateContent", "streamGenerateContent?alt=sse", "streamGenerateContent"] {
                let path: &'static str = format!("/v1beta/models/{provider}%2F{script}:{verb}").leak();
                asked.push((path, "generate".into(), gemini.clone()));
            }
            for (path, surface, body) in asked {
                for stream in [false, true] {
                    let mut body = body.clone();
                    if surface == "generate" {
                        if stream {
                            continue;
                        }
                    } else {
                        body["stream"] = stream.into();
                    }
                    let answer = daemon.post(path, body.to_string()).await;
                    assert_eq!(answer.status, 200, "{path} {provider}/{script}: {}", answer.text());
                    let talk = daemon.talks("?limit=1").await[0].clone();
                    let talk = daemon.talk(&talk["id"]).await;
                    let one = talk["list"].as_array().unwrap().last().unwrap().clone();
                    let what = format!("{path} {provider}/{script} {stream}: {one}");
                    assert_eq!(
                        (&one["surface"], &one["provider"], &one["outcome"]),
                        (&json!(surface), &json!(provider), &json!("ok")),
                        "{what}"
                    );
                    assert_eq!(texts(&one["new"][0]["parts"], "text"), "What is new?", "{what}");
                    assert!(one["answer"].as_array().unwrap().iter().any(|part| part["type"] == kind), "{what}");
                    assert!(one["output"].as_u64().unwrap() > 0 && one["status"] == 200, "{what}");
                    if kind == "call" {
                        let call = one["answer"].as_array().unwrap().iter().find(|part| part["type"] == kind).unwrap();
                        assert!(call["name"] == "read" && call["input"].as_str().unwrap().starts_with('{'), "{what}");
                    }
                }
            }
        }
    }
    daemon.stop().await;
}

#[tokio::test]
async fn old_completions_images_errors_and_refusals_are_kept_too() {
    let daemon = daemon(ON).await;
    daemon.post("/v1/completions", r#"{"model":"all/ok","prompt":"Once upon"}"#).await;
    let talk = daemon.only_talk().await;
    assert_eq!(talk["title"], "Once upon");
    assert!(!texts(&talk["list"][0]["answer"], "text").is_empty(), "{talk}");

    let image = json!({ "model": "all/ok", "max_tokens": 64, "messages": [{ "role": "user", "content": [
        { "type": "text", "text": "What is that?" },
        { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "aGVsbG8=" } } ] }] });
    daemon.post("/v1/messages", image.to_string()).await;
    let talks = daemon.talks("?q=that").await;
    let talk = daemon.talk(&talks[0]["id"]).await;
    let part = &talk["list"][0]["new"][0]["parts"][1];
    assert_eq!((&part["kind"], &part["bytes"]), (&json!("image"), &json!(5)), "{talk}");

    for (model, outcome) in [("all/s500", "upstream_error"), ("nobody/knows", "refused")] {
        let body = json!({ "model": model, "messages": [{ "role": "user", "content": format!("ask {model}") }] });
        assert!(daemon.post("/v1/chat/completions", body.to_string()).await.status.as_u16() >= 400);
        let talk = daemon.talk(&daemon.talks("?limit=1").await[0]["id"]).await;
        let one = &talk["list"][0];
        assert_eq!(one["outcome"], outcome, "{one}");
        assert!(!one["error"].as_str().unwrap().is_empty() && one["status"].as_u64().unwrap() >= 400, "{one}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn what_breaks_off_is_kept_as_far_as_it_came() {
    let daemon = daemon(ON).await;
    for (path, body) in [
        (
            "/v1/chat/completions",
            json!({ "model": "all/die5", "stream": true, "messages": [{ "role": "user", "content": "cut" }] }),
        ),
        (
            "/v1/messages",
            json!({ "model": "chat/die5", "stream": true, "max_tokens": 64, "messages": [{ "role": "user", "content": "cut" }] }),
        ),
    ] {
        daemon.post(path, body.to_string()).await;
        let talk = daemon.talk(&daemon.talks("?limit=1").await[0]["id"]).await;
        let one = &talk["list"][0];
        assert_eq!(one["outcome"], "cut", "{one}");
        assert!(!texts(&one["answer"], "text").is_empty(), "{one}");
    }
    // A client that hangs up half way.
    let body =
        json!({ "model": "all/long45s", "stream": true, "messages": [{ "role": "user", "content": "hang up" }] });
    let mut response = daemon.head(daemon.request("/v1/chat/completions", body.to_string())).await;
    let first = tokio::time::timeout(SOON, response.body_mut().frame()).await.unwrap();
    assert!(first.unwrap().unwrap().into_data().unwrap().starts_with(b"data:"));
    drop(response);
    let talk = daemon.talk(&daemon.talks("?limit=1").await[0]["id"]).await;
    assert_eq!((&talk["list"][0]["outcome"], &talk["title"]), (&json!("client_abort"), &json!("hang up")), "{talk}");
    // One that hangs up before the answer.
    let body = json!({ "model": "all/hanghdr", "messages": [{ "role": "user", "content": "no answer" }] });
    let asked = daemon.client.request(daemon.request("/v1/chat/completions", body.to_string()));
    assert!(tokio::time::timeout(std::time::Duration::from_millis(200), asked).await.is_err());
    let talk = daemon.talk(&daemon.talks("?limit=1").await[0]["id"]).await;
    assert_eq!(
        (&talk["list"][0]["outcome"], &talk["list"][0]["status"]),
        (&json!("client_abort"), &json!(0)),
        "{talk}"
    );
    daemon.stop().await;
}

#[tokio::test]
async fn only_admins_read_and_pages_hold_every_conversation_once() {
    let daemon = daemon(ON).await;
    for n in 0..7 {
        daemon.post("/v1/chat/completions", chat(&[("user", &format!("talk number {n}"))])).await;
    }
    daemon.all_is_kept().await;
    let other = format!("Bearer {}", daemon.other_key().await);
    for path in ["/admin/api/conversations", "/admin/api/conversations/1", "/admin/api/conversations/1/export"] {
        let mut request = daemon.request(path, "");
        *request.method_mut() = http::Method::GET;
        request.headers_mut().insert("authorization", other.parse().unwrap());
        assert_eq!(daemon.send(request).await.status, 403, "{path}");
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = daemon.get(&format!("/admin/api/conversations?limit=3{cursor}")).await.json();
        seen.extend(
            page["conversations"].as_array().unwrap().iter().map(|one| one["title"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, (0..7).rev().map(|n| format!("talk number {n}")).collect::<Vec<_>>());
    for wrong in ["?cursor=x", "?limit=0", "?nobody=1", "?q=***", "?internal=perhaps"] {
        assert_eq!(daemon.get(&format!("/admin/api/conversations{wrong}")).await.status, 400, "{wrong}");
    }
    // What is searched for is found, however it is typed.
    for (q, count) in [
        ("number", 7),
        ("%22talk+number%22+3", 1),
        ("numb*", 7),
        ("number+-3", 6),
        ("NUMBER", 7),
        ("%22number+talk%22", 0),
        ("words%3Anumber", 0),
        ("number+OR+x", 0),
        ("%22+OR+%22", 0),
        ("number%22%29+OR+%28%22x", 0),
        ("NEAR(number+3)", 0),
        ("%27+OR+1%3D1+--", 0),
    ] {
        let answer = daemon.get(&format!("/admin/api/conversations?q={q}")).await;
        assert!([200, 400].contains(&answer.status.as_u16()), "{q}: {}", answer.text());
        let found = answer.json()["conversations"].as_array().map_or(0, Vec::len);
        assert_eq!(found, count, "{q}");
    }
    let found = daemon.talks("?q=3").await;
    assert_eq!(found[0]["found"].as_str().unwrap().matches("[[3]]").count(), 1, "{found:?}");
    daemon.stop().await;
}
