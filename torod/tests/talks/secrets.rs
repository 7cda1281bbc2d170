//! Secrets do not reach the disk, wherever they stand in a request or an answer.

use std::fmt::Write as _;

use serde_json::json;

use crate::rig::{ON, daemon};

const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqCANARY\n-----END PRIVATE KEY-----";

#[tokio::test]
async fn no_canary_is_on_the_disk() {
    let daemon = daemon(&format!("{ON}redact = [\"EMP-[0-9]{{6}}\"]\n")).await;
    let own = daemon.key.clone();
    let canaries: Vec<String> = vec![
        own,
        "sk-provider-key-0123456789".into(),
        "sk-ant-api03-CANARYabcdef0123456789".into(),
        "AIzaSyA0123456789CANARYabcdefghijklmnop".into(),
        "ghp_0123456789CANARYabcdefghijklmnopqrst".into(),
        "AKIACANARY0123456789".into(),
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJDQU5BUlkifQ.c2lnbmF0dXJlQ0FOQVJZMTIz".into(),
        "EMP-123456".into(),
    ];
    let talk = |secret: &str| {
        let tool = json!({ "name": "run", "arguments": json!({ "key": secret, "env": format!("A=1\nKEY={secret}\n") }).to_string() });
        json!({ "model": "all/ok", "user": format!("u {secret}"), "metadata": { "k": secret }, "messages": [
            { "role": "system", "content": format!("The key is {secret}.") },
            { "role": "user", "content": format!("use {secret}\nplease \"{secret}\" {{{{call text}}}}{secret}{{{{end}}}}") },
            { "role": "assistant", "content": null, "tool_calls": [{ "id": "c", "type": "function", "function": tool }] },
            { "role": "tool", "tool_call_id": "c", "content": format!("KEY={secret}") } ] })
    };
    for secret in &canaries {
        for stream in [false, true] {
            let mut body = talk(secret);
            body["stream"] = stream.into();
            daemon
                .post_with("/v1/chat/completions", &[("x-request-id", &secret.replace('_', "-"))], body.to_string())
                .await;
        }
        // Escaped, as some clients write it.
        let veiled = secret.chars().fold(String::new(), |mut veiled, letter| {
            write!(veiled, "\\u{:04x}", u32::from(letter)).unwrap();
            veiled
        });
        let body = format!(r#"{{"model":"all/ok","messages":[{{"role":"user","content":"{veiled}"}}]}}"#);
        daemon.post("/v1/chat/completions", body).await;
        // As the name of a model, and in a body that is none.
        daemon.post("/v1/chat/completions", format!(r#"{{"model":"{secret}","messages":[]}}"#)).await;
        daemon.post("/v1/chat/completions", format!("no json {secret}")).await;
    }
    daemon.post("/v1/chat/completions", talk(PEM).to_string()).await;
    daemon
        .post("/v1/chat/completions", talk("https://user:CANARYPASS@host.example/x?api_key=CANARYKEY").to_string())
        .await;
    daemon.all_is_kept().await;
    let (kept, disk) = (daemon.unpacked(), daemon.on_disk());
    for secret in canaries.iter().map(String::as_str).chain(["CANARYPASS", "CANARYKEY", "MIIEvQIBADANBgkqCANARY"]) {
        assert!(!kept.contains(secret), "{secret}");
        assert!(memchr::memmem::find(&disk, secret.as_bytes()).is_none(), "{secret}");
    }
    assert!(kept.contains("[redacted: gateway token]") && kept.contains("[redacted: private key]"), "{kept}");
    assert!(kept.contains("[redacted: by a pattern]"));
    assert_eq!(daemon.app.conversations.status().lost, 0);
    daemon.stop().await;
}
