//! `torod models` with a gateway that runs and without one.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::models::{daemon, with};
use crate::support::PROVIDER_KEY;

async fn torod(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_torod"));
    command.env_clear().env("HOME", folder).current_dir(folder).stdin(Stdio::null()).args(arguments);
    command.args(["--config", "torod.toml", "--data-dir", "data"]);
    let output: Output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(!out.contains(PROVIDER_KEY) && !err.contains(PROVIDER_KEY));
    (output.status.code().unwrap(), out, err)
}

async fn json_of(folder: &Path, arguments: &[&str]) -> Value {
    let (code, out, err) = torod(folder, arguments).await;
    assert_eq!(code, 0, "{arguments:?}: {err}");
    serde_json::from_str(&out).unwrap()
}

fn ids(told: &Value) -> Vec<&str> {
    told["models"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn models_are_listed_and_shown_with_and_without_a_gateway() {
    let daemon = daemon().await;
    let folder = daemon.folder.path().to_owned();
    let live = json_of(&folder, &["models"]).await;
    assert_eq!((&live["is_live"], &live["total"]), (&json!(true), &json!(6)));
    assert_eq!(live["providers"], json!(["tokenrouter", "an", "work"]));
    let claude = &live["models"][1];
    assert_eq!((&claude["id"], &claude["context_tokens"]), (&json!("an/claude-sonnet-4-5"), &json!(200_000)));
    assert_eq!(claude["price"]["input_nanos"], 3_000_000_000_u64);
    assert_eq!(claude["can"]["tools"], true);
    assert_eq!(ids(&json_of(&folder, &["models", "SONNET", "--provider", "an"]).await), ["an/claude-sonnet-4-5"]);
    assert_eq!(ids(&json_of(&folder, &["models", "--max-price", "2"]).await), ["work/mine"]);
    let shown = json_of(&folder, &["models", "show", "work/mine"]).await;
    assert_eq!((&shown["context_tokens"], &shown["context_from"]), (&json!(32_768), &json!("torod.toml")));
    assert_eq!(shown["price_from"], "torod.toml");
    let (code, out, _) = torod(&folder, &["models", "--format", "table"]).await;
    assert!(code == 0 && out.contains("200K") && out.contains("3.00") && out.contains("unknown"), "{out}");
    let (_, out, _) = torod(&folder, &["models", "--format", "names", "--sort", "price", "--limit", "1"]).await;
    assert_eq!(out, "work/mine\n");
    for (arguments, exit, said) in [
        (&["models", "--can", "visio"][..], 2, "vision"),
        (&["models", "--provider", "wrok"], 2, "did you mean `work`?"),
        (&["models", "--sort", "prize"], 2, "price"),
        (&["models", "--max-price", "cheap"], 2, "no price"),
        (&["models", "--limit", "0"], 2, "limit"),
        (&["models", "show", "an/claude-sonet-4-5"], 1, "an/claude-sonnet-4-5"),
        (&["models", "no-such-word"], 1, ""),
    ] {
        let (code, _, err) = torod(&folder, arguments).await;
        assert_eq!(code, exit, "{arguments:?}: {err}");
        assert!(err.contains(said), "{arguments:?}: {err}");
    }
    let (simulator, folder) = daemon.stop_keeping().await;
    // What was listed is known still.
    let before = json_of(folder.path(), &["models"]).await;
    assert_eq!(before["is_live"], false);
    assert_eq!(before["models"], live["models"]);
    let (code, _, err) = torod(folder.path(), &["models", "show", "an/claude-sonet-4-5"]).await;
    assert!(code == 1 && err.contains("an/claude-sonnet-4-5"), "{err}");
    simulator.stop().await;
}

#[tokio::test]
async fn agents_configurations_are_made_of_the_list() {
    let daemon = daemon().await;
    let folder = daemon.folder.path().to_owned();
    let opencode = json_of(&folder, &["models", "--format", "opencode", "--url", "https://gw.example/"]).await;
    let provider = &opencode["provider"]["tokenrouter"];
    assert_eq!(provider["options"]["baseURL"], "https://gw.example/v1");
    let claude = &provider["models"]["an/claude-sonnet-4-5"];
    assert_eq!(claude["limit"], json!({"context": 200_000, "output": 64_000}));
    assert_eq!((&claude["attachment"], &claude["tool_call"]), (&json!(true), &json!(true)));
    assert_eq!((&claude["cost"]["input"], &claude["cost"]["cache_read"]), (&json!(3), &json!(0.3)));
    // opencode wants both limits or none.
    assert_eq!(provider["models"]["work/mine"]["limit"], json!({"context": 32_768, "output": 8_192}));
    assert_eq!(provider["models"]["work/unknown-model"].get("limit"), None);
    std::fs::write(folder.join("own.json"), r#"{"models":[{"slug":"gpt-5.5","own":1}]}"#).unwrap();
    let codex = json_of(&folder, &["models", "--format", "codex", "--join", "own.json", "--provider", "work"]).await;
    let slugs: Vec<_> =
        codex["models"].as_array().unwrap().iter().map(|model| model["slug"].as_str().unwrap()).collect();
    assert_eq!(slugs, ["gpt-5.5", "work/claude-sonnet-4-5", "work/mine", "work/unknown-model"]);
    let (code, _, err) = torod(&folder, &["models", "--format", "codex", "--join", "torod.toml"]).await;
    assert!(code == 1 && err.contains("codex debug models"), "{err}");
    daemon.stop().await;
}

#[tokio::test]
async fn virtual_models_are_listed_and_explained() {
    let daemon = with("").await;
    let folder = daemon.folder.path().to_owned();
    let told = json_of(&folder, &["models"]).await;
    assert_eq!(ids(&told)[..3], ["auto", "auto-coding", "auto-longtext"]);
    assert_eq!(told["models"][0]["targets"], json!(["an/claude-sonnet-4-5", "work/mine"]));
    assert_eq!(told["models"][0]["context_tokens"], 200_000);
    let (code, out, err) = torod(&folder, &["route", "explain", "auto"]).await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    for line in [
        "auto → work/mine",
        "  name: it stands for whichever model fits",
        "  chosen by: rules",
        "  request: simple (simple chat), 80 % sure",
    ] {
        assert!(out.lines().any(|told| told.starts_with(line)), "{line}\n{out}");
    }
    assert!(out.lines().any(|line| line.contains("hard") && line.contains("an/claude-sonnet-4-5")), "{out}");
    let hard = r#"{"model":"auto","messages":[{"role":"user","content":"Prove it step by step, analyse the algorithm, optimise it"}],"tools":[{"type":"function","function":{"name":"f"}}]}"#;
    std::fs::write(folder.join("hard.json"), hard).unwrap();
    let (_, out, _) = torod(&folder, &["route", "explain", "--file", "hard.json"]).await;
    assert!(out.starts_with("auto → an/claude-sonnet-4-5") && out.contains("needs: tool_calls; about"), "{out}");
    assert!(out.contains("    work/mine: is not known for tool_calls"), "{out}");
    let answer = daemon.post("/v1/chat/completions", hard).await;
    let (code, out, _) = torod(&folder, &["route", "show", answer.header("x-request-id")]).await;
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("  chosen: an/claude-sonnet-4-5 by rules; hard ("), "{out}");
    assert!(!out.lines().any(|line| line.ends_with(' ')), "{out}");
    daemon.stop().await;
}
