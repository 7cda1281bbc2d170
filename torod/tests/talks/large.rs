//! Long requests of agents: readable to the end, and stored once.

use serde_json::{Value, json};
use torod::store::conversations as store;

use crate::rig::{ON, daemon, texts};

/// Text that does not get much smaller, as much as a file has.
fn file(seed: u64, bytes: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::with_capacity(bytes);
    while text.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(&format!("{state:016x}"));
        text.push(if state.is_multiple_of(5) { '\n' } else { ' ' });
    }
    text
}

#[tokio::test]
async fn twenty_turns_of_an_agent_grow_by_what_is_new() {
    let daemon = daemon(ON).await;
    let system = file(1, 250_000);
    let mut messages: Vec<Value> = vec![json!({ "role": "user", "content": "Fix the login bug" })];
    let mut sizes = Vec::new();
    let new_bytes = 20_000;
    for turn in 0..20_u64 {
        // As Claude Code does: the mark moves to the last message with every turn.
        let mut marked = messages.clone();
        let last = marked.last_mut().unwrap();
        if let Some(text) = last["content"].as_str() {
            last["content"] = json!([{ "type": "text", "text": text, "cache_control": { "type": "ephemeral" } }]);
        } else {
            last["content"][0]["cache_control"] = json!({ "type": "ephemeral" });
        }
        let body = json!({ "model": "all/ok", "max_tokens": 64, "system": [{ "type": "text", "text": system }], "messages": marked }).to_string();
        assert!(body.len() > 250_000);
        let answer = daemon.post("/v1/messages", body).await.json();
        messages.push(json!({ "role": "assistant", "content": answer["content"] }));
        let document = json!({ "type": "document", "source": { "type": "text", "media_type": "text/plain", "data": file(turn + 2, new_bytes) } });
        let said = json!({ "type": "text", "text": format!("turn {turn}") });
        messages.push(json!({ "role": "user", "content": [said, document] }));
        daemon.all_is_kept().await;
        let connection = store::open_reader(&daemon.folder.path().join("data")).unwrap().unwrap();
        sizes.push(store::used_bytes(&connection).unwrap());
    }
    let talks = daemon.talks("").await;
    assert_eq!((talks.len(), &talks[0]["exchanges"]), (1, &json!(20)), "{talks:?}");
    let last = daemon.talk(&talks[0]["id"]).await;
    let list = last["list"].as_array().unwrap();
    assert!(list.iter().all(|one| one["outcome"] == "ok" && one["request_cut"] == false));
    assert_eq!(texts(&list[0]["new"][0]["parts"], "text"), "Fix the login bug");
    assert_eq!(texts(&list[19]["new"][0]["parts"], "text"), "turn 18");
    // An empty file has some 100 kB. Hex gets half as small at best; beyond what is new a turn costs little.
    let first = sizes[0];
    assert!(first < 300_000, "{first}");
    let grown = sizes[19] - sizes[0];
    let most = 19 * (new_bytes as u64 * 6 / 10 + 12_000);
    assert!(grown < most, "{grown} of {most}: {sizes:?}");
    // The second half grows as the first: a straight line.
    let (one, two) = (sizes[10] - sizes[1], sizes[19] - sizes[10]);
    assert!(two < one * 13 / 10 && one < two * 13 / 10, "{one} {two}");
    daemon.stop().await;
}

#[tokio::test]
async fn what_is_too_large_is_left_out_and_the_rest_stays_readable() {
    let daemon = daemon(&format!("{ON}exchange = \"64KiB\"\n")).await;
    let body = json!({ "model": "all/ok", "messages": [
        { "role": "user", "content": file(1, 300_000) },
        { "role": "assistant", "content": "I see." },
        { "role": "user", "content": "Now the question" } ] });
    daemon.post("/v1/chat/completions", body.to_string()).await;
    let talk = daemon.only_talk().await;
    let one = &talk["list"][0];
    assert_eq!(one["request_cut"], true);
    let new = one["new"].as_array().unwrap();
    assert_eq!(texts(&new[2]["parts"], "text"), "Now the question");
    assert!(texts(&new[0]["parts"], "text").contains("bytes that are not kept"), "{new:?}");
    assert!(daemon.on_disk().len() < 400_000);
    daemon.stop().await;
}
