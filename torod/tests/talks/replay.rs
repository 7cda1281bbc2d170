//! A kept request, sent once more to another model.

use serde_json::{Value, json};

use crate::rig::{ON, chat, daemon, said};
use crate::support::TestDaemon;

async fn replay(daemon: &TestDaemon, id: &str, body: Value) -> crate::support::Answer {
    daemon.post(&format!("/admin/api/exchanges/{id}/replay"), body.to_string()).await
}

#[tokio::test]
async fn a_kept_request_goes_to_another_model_and_both_answers_are_compared() {
    let daemon = daemon(ON).await;
    let asked =
        daemon.post("/v1/chat/completions", chat(&[("user", "What is new? sk-ant-api03-abcDEF123456789")])).await;
    let id = asked.header("x-request-id").to_owned();
    daemon.all_is_kept().await;
    let before = daemon.rows("id").await.len();
    daemon.simulator.clear();
    let told = replay(&daemon, &id, json!({ "model": "chat/ok" })).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let told = told.json();
    assert_eq!((&told["before"]["request_id"], &told["before"]["provider"]), (&json!(id), &json!("all")));
    assert_eq!((&told["after"]["provider"], &told["after"]["outcome"]), (&json!("chat"), &json!("ok")), "{told}");
    assert_eq!(told["after"]["text"], said(&asked));
    assert!(told["text"].as_array().unwrap().iter().all(|line| line["has"] == "both"));
    assert!(told["notes"][0].as_str().unwrap().contains("secrets"), "{told}");
    // What was sent is the request as it was kept.
    let sent: Value = serde_json::from_slice(&daemon.simulator.calls()[0].body).unwrap();
    assert_eq!(
        (&sent["model"], &sent["messages"][0]["content"]),
        (&json!("ok"), &json!("What is new? [redacted: API key]"))
    );
    // It is a row like any other, and no conversation.
    let rows = daemon.rows("token_id, outcome").await;
    assert_eq!(rows.len(), before + 1, "{rows:?}");
    assert!(told["after"]["output"].as_u64().unwrap() > 0);
    assert_eq!(daemon.talks("").await.len(), 1);

    // In another protocol, streamed, with tools.
    let tool = json!({ "model": "all/tool", "stream": true, "seed": 1, "messages": [{ "role": "user", "content": "x" }], "tools": [{ "type": "function", "function": { "name": "read", "parameters": { "type": "object", "properties": {} } } }] });
    let asked = daemon.post("/v1/chat/completions", tool.to_string()).await;
    daemon.all_is_kept().await;
    for (protocol, path) in [
        ("anthropic", "/anthropic/v1/messages"),
        ("responses", "/v1/responses"),
        ("gemini", ":streamGenerateContent"),
        ("cohere", "/v2/chat"),
    ] {
        daemon.simulator.clear();
        let told = replay(
            &daemon,
            asked.header("x-request-id"),
            json!({ "model": "all/tool", "protocol": protocol, "confirm": true }),
        )
        .await;
        assert_eq!(told.status, 200, "{protocol} {}", told.text());
        let told = told.json();
        assert!(
            told["calls"].as_array().unwrap().iter().any(|call| call["line"].as_str().unwrap().starts_with("read ")),
            "{told}"
        );
        assert!(daemon.simulator.calls()[0].path.contains(path), "{protocol} {}", daemon.simulator.calls()[0].path);
    }
    daemon.stop().await;
}

#[tokio::test]
async fn what_is_a_secret_here_is_one_in_both_answers() {
    let daemon = daemon(&format!("{ON}redact = [\"dolor s[a-z]+\"]\n")).await;
    let asked = daemon.post("/v1/chat/completions", chat(&[("user", "x")])).await;
    assert!(said(&asked).contains("dolor sit"));
    daemon.all_is_kept().await;
    let told = replay(&daemon, asked.header("x-request-id"), json!({ "model": "chat/ok" })).await.json();
    for side in ["before", "after"] {
        let text = told[side]["text"].as_str().unwrap();
        assert!(text.contains("[redacted: ") && !text.contains("dolor sit"), "{side}: {told}");
    }
    assert!(told["text"].as_array().unwrap().iter().all(|line| line["has"] == "both"), "{told}");
    daemon.stop().await;
}

/// A token of an operator: who it is in the rows, and its key as it is sent.
async fn operator(daemon: &TestDaemon, limits: Value) -> (String, String) {
    let wanted = json!({ "name": "anna", "role": "admin", "limits": limits }).to_string();
    let made = daemon.post("/admin/api/tokens", wanted).await;
    assert_eq!(made.status, 201, "{}", made.text());
    (made.json()["id"].as_str().unwrap().to_owned(), format!("Bearer {}", made.json()["key"].as_str().unwrap()))
}

#[tokio::test]
async fn it_goes_on_the_bill_of_whoever_asks_with_that_tokens_rights_and_budgets() {
    let daemon = daemon(ON).await;
    let asked = daemon.post("/v1/chat/completions", chat(&[("user", "x")])).await;
    let place = format!("/admin/api/exchanges/{}/replay", asked.header("x-request-id"));
    daemon.all_is_kept().await;
    let limits = json!({ "budgets": [{ "unit": "requests", "limit": 1 }], "models": { "deny": ["chat/*"] } });
    let (who, bearer) = operator(&daemon, limits).await;
    let again = async |model: &str| {
        let told = daemon.post_with(&place, &[("authorization", &bearer)], json!({ "model": model }).to_string()).await;
        assert_eq!(told.status, 200, "{}", told.text());
        told.json()
    };
    let told = again("chat/ok").await;
    assert_eq!((&told["after"]["outcome"], &told["after"]["status"]), (&json!("refused"), &json!(403)), "{told}");
    let told = again("all/ok").await;
    assert_eq!(told["after"]["outcome"], "ok", "{told}");
    let rows = daemon.rows("token_id, outcome").await;
    let [first, denied, second] = &rows[..] else { panic!("{rows:?}") };
    assert_ne!(first[0], second[0], "another token's row");
    assert_eq!((&denied[0], denied[1].as_str()), (&second[0], "6"), "what was denied has its row, too");
    let detail = daemon.get(&format!("/admin/api/tokens/{who}")).await.json();
    assert_eq!(detail["budgets"][0]["used"], 1, "{detail}");
    let told = again("all/ok").await;
    assert_eq!(told["after"]["outcome"], "refused", "{told}");
    let error = told["after"]["error"].as_str().unwrap();
    assert!(error.contains("budget") || error.contains("1 request"), "{error}");
    assert_eq!(daemon.rows("outcome").await.iter().filter(|row| row[0] != "6").count(), 2);
    // Who sent what to whom, and nothing of what was said.
    let trail = daemon.get("/admin/api/audit?action=exchange.replay").await.json();
    let entries = trail["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 3, "{trail}");
    assert_eq!((&entries[0]["actor"], &entries[0]["subject"]), (&json!(who), &json!(asked.header("x-request-id"))));
    assert_eq!(entries[0]["detail"], "to `all/ok`, billed to anna");
    // No other may do it.
    let made = daemon.post("/admin/api/tokens", r#"{"role":"keymaster"}"#).await.json();
    let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
    let refused = daemon.post_with(&place, &[("authorization", &bearer)], r#"{"model":"all/ok"}"#).await;
    assert_eq!(refused.status, 403);
    daemon.stop().await;
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_with_a_sentence() {
    let daemon = daemon(ON).await;
    let asked = daemon.post("/v1/chat/completions", chat(&[("user", "x")])).await;
    let id = asked.header("x-request-id").to_owned();
    daemon.all_is_kept().await;
    for (id, body, status) in [
        (id.as_str(), json!({ "model": "" }), 400),
        (&id, json!({ "model": "all/ok", "protocol": "x" }), 400),
        (&id, json!({ "model": "all/ok", "token": "other" }), 400),
        (&id, json!({ "models": "all/ok" }), 400),
        ("req_0000000000000000", json!({ "model": "all/ok" }), 404),
        ("..%2f", json!({ "model": "all/ok" }), 404),
    ] {
        let answer = replay(&daemon, id, body.clone()).await;
        assert_eq!(answer.status, status, "{body} {}", answer.text());
    }
    // A model that nobody knows is told as its client would be told, and so is one that fails.
    let told = replay(&daemon, &id, json!({ "model": "nobody/knows" })).await.json();
    assert_eq!((&told["after"]["outcome"], &told["after"]["status"]), (&json!("refused"), &json!(404)), "{told}");
    assert!(told["after"]["error"].is_string());
    let told = replay(&daemon, &id, json!({ "model": "all/s500" })).await.json();
    assert_eq!(told["after"]["outcome"], "upstream_error", "{told}");
    // What is dear wants a word.
    let dear =
        json!({ "model": "all/ok", "max_tokens": 4000, "n": 8, "messages": [{ "role": "user", "content": "x" }] });
    let asked = daemon.post("/v1/chat/completions", dear.to_string()).await;
    let dear = asked.header("x-request-id").to_owned();
    daemon.all_is_kept().await;
    let calls = daemon.simulator.calls().len();
    let refused = replay(&daemon, &dear, json!({ "model": "chat/dear+ok" })).await;
    assert!(refused.status == 422 && refused.text().contains("up to $"), "{}", refused.text());
    assert_eq!(refused.json()["error"]["code"], "replay_is_dear");
    assert_eq!(daemon.simulator.calls().len(), calls);
    assert_eq!(replay(&daemon, &dear, json!({ "model": "chat/dear+ok", "confirm": true })).await.status, 200);
    // A model that is not known, or whose price is not, is taken for a dear one.
    for model in ["nobody/knows", "all/ok+unpriced"] {
        let refused = replay(&daemon, &dear, json!({ "model": model })).await;
        assert_eq!(
            (refused.status.as_u16(), refused.json()["error"]["code"].as_str()),
            (422, Some("replay_is_dear")),
            "{model}"
        );
    }
    // What was removed is no longer there.
    let mut request = daemon.request("/admin/api/conversations", "");
    *request.method_mut() = http::Method::DELETE;
    assert_eq!(daemon.send(request).await.status, 200);
    let gone = replay(&daemon, &id, json!({ "model": "all/ok" })).await;
    assert!(gone.status == 404 && gone.text().contains("exchange_not_found"), "{}", gone.text());
    daemon.stop().await;
}

#[tokio::test]
async fn old_completions_and_gemini_are_sent_again_as_they_were() {
    let daemon = daemon(ON).await;
    for (path, body, at) in [
        ("/v1/completions", json!({ "model": "all/ok", "prompt": "Once" }), "/v1/completions"),
        (
            "/v1beta/models/all/ok:streamGenerateContent?alt=sse",
            json!({ "contents": [{ "role": "user", "parts": [{ "text": "Hello" }] }] }),
            ":streamGenerateContent",
        ),
    ] {
        let asked = daemon.post(path, body.to_string()).await;
        assert_eq!(asked.status, 200, "{path} {}", asked.text());
        daemon.all_is_kept().await;
        daemon.simulator.clear();
        let told = replay(&daemon, asked.header("x-request-id"), json!({ "model": "all/ok" })).await.json();
        assert_eq!(told["after"]["outcome"], "ok", "{told}");
        assert!(!told["after"]["text"].as_str().unwrap().is_empty(), "{told}");
        assert_eq!(told["after"]["text"], told["before"]["text"]);
        assert!(daemon.simulator.calls()[0].path.contains(at));
    }
    daemon.stop().await;
}
