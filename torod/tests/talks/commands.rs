//! `torod conversations inspect` and `replay`, as people type them.

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::rig::{ON, chat, daemon};
use crate::support::TestDaemon;

async fn torod(daemon: &TestDaemon, arguments: &[&str]) -> Output {
    let folder = daemon.folder.path();
    let mut command = Command::new(env!("CARGO_BIN_EXE_torod"));
    command.env_clear().env("HOME", folder).current_dir(folder).stdin(Stdio::null());
    command.args(arguments).args(["--data-dir", "data"]);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn said(daemon: &TestDaemon, arguments: &[&str]) -> (bool, String, String) {
    let output = torod(daemon, arguments).await;
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8(text.clone()).unwrap());
    assert!(!out.contains('\u{1b}') && !err.contains('\u{1b}'), "no colours where nobody looks: {out}{err}");
    (output.status.success(), out, err)
}

#[tokio::test]
async fn the_wire_is_shown_stage_by_stage() {
    let daemon = daemon(ON).await;
    let made = daemon.post("/admin/api/tokens", r#"{"name":"laptop","role":"inferrer"}"#).await.json();
    let (done, out, err) = said(&daemon, &["token", "edit", "laptop", "--inspect", "1h"]).await;
    assert!(done, "{out}{err}");
    let (_, out, _) = said(&daemon, &["token", "show", "laptop"]).await;
    assert!(out.contains("inspected") && out.contains("until"), "{out}");
    let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
    let long = "word ".repeat(400);
    let answer =
        daemon.post_with("/v1/chat/completions", &[("authorization", &bearer)], chat(&[("user", &long)])).await;
    let id = answer.header("x-request-id");
    daemon.all_is_kept().await;
    let (done, out, err) = said(&daemon, &["conversations", "inspect", id]).await;
    assert!(done && err.is_empty(), "{err}");
    let places: Vec<_> = ["client → gateway", "gateway → provider", "provider → gateway", "gateway → client"]
        .map(|stage| out.find(stage).unwrap_or_else(|| panic!("{stage}: {out}")))
        .into();
    assert!(places.is_sorted(), "{out}");
    assert!(out.contains("authorization: [redacted]") && out.contains("byte for byte the same"), "{out}");
    assert!(out.contains("--long shows them") && !out.contains(&long), "{out}");
    let (_, out, _) = said(&daemon, &["conversations", "inspect", id, "--long"]).await;
    assert!(out.contains(&long), "{out}");
    let (_, out, _) = said(&daemon, &["conversations", "inspect", id, "--json"]).await;
    let told: Value = serde_json::from_str(&out).unwrap();
    // What a terminal would obey is left out of what is written to one.
    let asked = daemon.get(&format!("/admin/api/exchanges/{id}/wire")).await.text().replace('\u{7f}', "");
    assert_eq!(told, serde_json::from_str::<Value>(&asked).unwrap());
    let (done, _, err) = said(&daemon, &["conversations", "inspect", "req_nothing"]).await;
    assert!(!done && err.contains("--inspect 1h"), "{err}");
    let (done, _, err) = said(&daemon, &["token", "edit", "laptop", "--inspect", "8d"]).await;
    assert!(!done && err.contains("a week"), "{err}");
    daemon.stop().await;
}

#[tokio::test]
async fn two_answers_are_shown_beside_one_another() {
    let daemon = daemon(ON).await;
    daemon.post("/admin/api/tokens", r#"{"name":"laptop","role":"inferrer"}"#).await;
    let asked = daemon.post("/v1/chat/completions", chat(&[("user", "Hello")])).await;
    let id = asked.header("x-request-id");
    daemon.all_is_kept().await;
    let replay = ["conversations", "replay", id, "--model"];
    let (done, out, err) = said(&daemon, &[&replay[..], &["all/ok"]].concat()).await;
    assert!(done && err.is_empty(), "{err}");
    assert!(out.contains("kept") && out.contains("now") && out.contains("text: the same"), "{out}");
    let (_, out, _) =
        said(&daemon, &[&replay[..], &["all/tool+chunks=2", "--protocol", "anthropic", "--yes"]].concat()).await;
    assert!(out.contains("- ") || out.contains("+ "), "{out}");
    // On a token's bill.
    let (_, out, _) = said(&daemon, &[&replay[..], &["all/ok", "--token", "laptop", "--json"]].concat()).await;
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["after"]["outcome"], "ok", "{told}");
    let trail = daemon.get("/admin/api/audit?action=exchange.replay").await.json();
    assert_eq!(trail["entries"][0]["detail"], "to `all/ok`, billed to laptop");
    for (more, word) in [(["all/ok", "--token", "nobody"], "nobody"), (["all/ok", "--protocol", "smtp"], "cohere")] {
        let (done, _, err) = said(&daemon, &[&replay[..], &more].concat()).await;
        assert!(!done && err.contains(word), "{err}");
    }
    // Nobody is there to be asked.
    let dear =
        json!({ "model": "all/ok", "max_tokens": 4000, "n": 8, "messages": [{ "role": "user", "content": "x" }] });
    let asked = daemon.post("/v1/chat/completions", dear.to_string()).await;
    daemon.all_is_kept().await;
    let replay = ["conversations", "replay", asked.header("x-request-id"), "--model", "chat/dear+ok"];
    let (done, out, err) = said(&daemon, &replay).await;
    assert!(!done && out.is_empty() && err.contains("up to $") && err.contains("--yes"), "{out} {err}");
    let (done, _, err) = said(&daemon, &[&replay[..], &["--yes"]].concat()).await;
    assert!(done, "{err}");
    let folder = daemon.folder.path().to_owned();
    daemon.stop().await;
    drop(folder);
}

#[tokio::test]
async fn every_command_of_the_document_works() {
    let document = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conversations.md");
    let text = std::fs::read_to_string(document).unwrap();
    let blocks = text.split("```").skip(1).step_by(2).flat_map(str::lines);
    let lines = blocks.filter_map(|line| line.strip_prefix("torod "));
    let lines: Vec<&str> = lines.map(|line| line.split('>').next().unwrap().trim()).collect();
    assert!(lines.len() >= 11, "{lines:?}");
    let daemon = daemon(&format!("{ON}[[model_aliases]]\nname = \"anthropic/claude-sonnet-4-5\"\ntargets = [{{ provider = \"all\", model = \"ok\" }}]\n\
         [[model_aliases]]\nname = \"sim/ok\"\ntargets = [{{ provider = \"all\", model = \"ok\" }}]\n")).await;
    let made = daemon.post("/admin/api/tokens", r#"{"name":"laptop","role":"inferrer"}"#).await.json();
    let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
    // What changes the token and what takes away come in their own order; the others need something that is kept.
    let (first, others): (Vec<&str>, Vec<_>) = lines.into_iter().partition(|line| line.contains("--inspect 1h"));
    let (last, others): (Vec<&str>, Vec<_>) = others.into_iter().partition(|line| line.contains("delete"));
    for line in &first {
        let words: Vec<&str> = line.split(' ').collect();
        let (done, out, err) = said(&daemon, &words).await;
        assert!(done, "{line}: {out}{err}");
    }
    let headers = [("authorization", bearer.as_str()), ("user-agent", "claude-cli/2.0.0 (external, cli)")];
    let asked = daemon.post_with("/v1/chat/completions", &headers, chat(&[("user", "Mend the login bug")])).await;
    daemon.all_is_kept().await;
    let number = daemon.talks("").await[0]["id"].to_string();
    for line in others.iter().chain(&last) {
        let own =
            line.replace("req_0019a2b3c4d5e6f7", asked.header("x-request-id")).replace(" 12", &format!(" {number}"));
        let (parts, mut words) = (own.split('"'), Vec::new());
        for (at, part) in parts.enumerate() {
            // What stands in quotes is one word.
            if at % 2 == 1 { words.push(part) } else { words.extend(part.split_whitespace()) }
        }
        if words.iter().any(|word| matches!(*word, "delete" | "replay")) {
            words.push("--yes");
        }
        let (done, out, err) = said(&daemon, &words).await;
        assert!(done, "{line}: {out}{err}");
        if ["list", "search", "show", "export"].iter().any(|word| line.starts_with(&format!("conversations {word}"))) {
            assert!(out.to_lowercase().contains("login bug"), "{line}: {out}");
        }
    }
    assert_eq!(daemon.talks("").await.len(), 0);
    daemon.stop().await;
}
