//! Images of kept requests: given out to admins as what their bytes are, and nothing else of a request.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokenrouter_shared::hex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::rig::{ON, daemon};

const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFUlEQVR42mM4wcBwwgaIGWxO2NgAABzOBBFGbdvRAAAAAElFTkSuQmCC";

fn media(talk: &Value) -> Vec<Value> {
    let messages = talk["list"].as_array().unwrap().iter().flat_map(|one| one["new"].as_array().unwrap());
    let parts = messages.flat_map(|message| message["parts"].as_array().unwrap());
    parts
        .flat_map(|part| match part["type"].as_str() {
            Some("media") => vec![part.clone()],
            Some("result") => part["media"].as_array().unwrap().clone(),
            _ => Vec::new(),
        })
        .collect()
}

#[tokio::test]
async fn images_are_given_out_as_what_they_are() {
    let daemon = daemon(ON).await;
    let evil = STANDARD.encode("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>");
    let source = |kind: &str, data: &str| json!({ "type": "base64", "media_type": kind, "data": data });
    let body = json!({ "model": "all/ok", "max_tokens": 9, "messages": [
        { "role": "user", "content": [
            { "type": "image", "source": source("image/jpeg", PNG) },
            { "type": "image", "source": source("image/png", &evil) },
            { "type": "image", "source": { "type": "url", "url": "https://images.example.com/x.png" } },
        ] },
        { "role": "assistant", "content": [{ "type": "tool_use", "id": "toolu_1", "name": "look", "input": {} }] },
        { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "toolu_1", "content": [
            { "type": "image", "source": source("image/png", PNG) },
        ] }] },
    ] });
    let asked = daemon.post("/v1/messages", body.to_string()).await;
    assert_eq!(asked.status, 200, "{}", asked.text());
    let id = asked.header("x-request-id");
    let seen = media(&daemon.only_talk().await);
    let shown: Vec<bool> = seen.iter().map(|one| one["is_shown"] == true).collect();
    assert_eq!(shown, [true, false, false, true], "{seen:?}");
    let bytes = STANDARD.decode(PNG).unwrap();
    let digest = hex::of(&Sha256::digest(&bytes));
    assert_eq!(seen[0]["sha256"], digest.as_str());
    let image = daemon.get(&format!("/admin/api/exchanges/{id}/images/{digest}")).await;
    assert_eq!((image.status.as_u16(), image.header("content-type"), &image.body[..]), (200, "image/png", &bytes[..]));
    assert_eq!((image.header("x-content-type-options"), image.header("cache-control")), ("nosniff", "no-store"));
    assert!(image.header("content-security-policy").contains("default-src 'none'"));
    // What only says that it is an image, what nobody has sent, and another request's.
    let other = hex::of(&Sha256::digest(STANDARD.decode(&evil).unwrap()));
    for (id, digest) in [(id, other.as_str()), (id, "0"), (id, ""), ("req_nothing", &digest)] {
        let answer = daemon.get(&format!("/admin/api/exchanges/{id}/images/{digest}")).await;
        assert_eq!(answer.status, 404, "{id} {digest}: {}", answer.text());
    }
    daemon.stop().await;
}
