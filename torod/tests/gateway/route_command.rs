//! `torod route` as the documents show it, with a gateway that runs and without one.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::support::{PROVIDER_KEY, TestDaemon, chat_body, port_zero};

const REQUEST: &str = r#"{"model":"chat","max_tokens":9,"system":"s","messages":[{"role":"user","content":"a"}]}"#;

/// A gateway with an alias `chat`: nobody at its first target, two keys at its second.
async fn daemon() -> TestDaemon {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = text(&simulator.url());
    let daemon = TestDaemon::configured(simulator, &text, Clock::system()).await;
    let folder = daemon.folder.path();
    std::fs::write(folder.join("torod.toml"), text).unwrap();
    std::fs::write(folder.join("request.json"), REQUEST).unwrap();
    daemon.post("/admin/api/tokens", r#"{"role":"inferrer","name":"laptop"}"#).await;
    daemon
}

fn text(url: &str) -> String {
    format!(
        "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nactive_model_profile = \"local\"\n\
         [routing]\nprobe = false\n\
         [[providers]]\nname = \"ollama\"\nbase_url = \"http://127.0.0.1:1\"\n\
         [[providers]]\nname = \"openai-eu\"\nbase_url = \"{url}\"\n\
         api_keys = [{{ name = \"main\", value = \"{PROVIDER_KEY}\" }}, {{ name = \"spare\", value = \"{PROVIDER_KEY}-2\" }}]\n\
         [[model_aliases]]\nname = \"chat\"\ntargets = [{{ profile = \"local\", provider = \"ollama\", model = \"qwen2.5:14b\" }}, \
         {{ profile = \"local\", provider = \"openai-eu\", model = \"ok\" }}]\n"
    )
}

async fn torod(folder: &Path, data: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_torod"));
    command.env_clear().env("HOME", folder).current_dir(folder).stdin(Stdio::null()).args(arguments);
    command.args(["--config", "torod.toml", "--data-dir", data]);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn said(output: &Output) -> (String, String) {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8(text.clone()).unwrap());
    assert!(!out.contains(PROVIDER_KEY) && !err.contains(PROVIDER_KEY));
    (out, err)
}

#[tokio::test]
async fn the_documents_commands_work_and_a_running_gateway_tells_what_it_knows() {
    let daemon = daemon().await;
    let answer = daemon.post("/v1/chat/completions", chat_body("chat", "")).await;
    assert_eq!(answer.header("x-tokenrouter-attempts"), "2");
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operating/README.md");
    let document = std::fs::read_to_string(document).unwrap();
    let commands: Vec<&str> = document.lines().filter_map(|line| line.strip_prefix("    torod route ")).collect();
    assert!(commands.len() >= 5, "{commands:?}");
    // Virtual models want models of which something is known: `models_command` has them.
    for line in commands.into_iter().filter(|line| !line.contains("auto")) {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if words[0] == "show" {
            words[1] = answer.header("x-request-id");
        }
        words.insert(0, "route");
        let output = torod(daemon.folder.path(), "data", &words).await;
        let (out, err) = said(&output);
        assert!(output.status.success() && err.is_empty(), "{line}: {err}");
        assert!(out.starts_with("chat → openai-eu/ok"), "{line}: {out}");
        let row = out.lines().find(|line| line.contains("qwen2.5:14b")).unwrap();
        assert!(row.contains("unreachable"), "{line}: {out}");
        assert!(!out.lines().any(|line| line.ends_with(' ')), "{out}");
    }
    let output = torod(daemon.folder.path(), "data", &["route", "explain", "--file", "request.json", "--json"]).await;
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((told["surface"].as_str(), told["is_live"].as_bool()), (Some("messages"), Some(true)));
    let (_, err) = said(&torod(daemon.folder.path(), "data", &["route", "show", "req_nothing"]).await);
    assert!(err.contains("among the last 1,000"), "{err}");
    let output = torod(daemon.folder.path(), "data", &["route", "explain", "openai-eux/ok"]).await;
    let (out, _) = said(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(out.contains("→ nobody: 404 model_not_found") && out.contains("Did you mean \"openai-eu/ok\""), "{out}");
    daemon.stop().await;
}

#[tokio::test]
async fn without_a_gateway_the_configuration_is_explained_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("torod.toml"), text("http://127.0.0.1:9")).unwrap();
    std::fs::write(folder.path().join("request.json"), REQUEST).unwrap();
    let (out, err) = said(&torod(folder.path(), "none", &["route", "explain", "chat"]).await);
    assert!(err.contains("no gateway runs") && err.contains("torod.toml"), "{err}");
    assert!(out.starts_with("chat → ollama/qwen2.5:14b\n  because: the first in order (priority)"), "{out}");
    assert!(out.contains("spare") && !out.contains("latency  "), "{out}");
    let json = torod(folder.path(), "none", &["route", "explain", "--json", "--file", "request.json"]).await;
    let told: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((told["surface"].as_str(), told["is_live"].as_bool()), (Some("messages"), Some(false)));
    let (_, err) = said(&torod(folder.path(), "none", &["route", "show", "req_1"]).await);
    assert!(err.contains("no torod runs"), "{err}");
    std::fs::write(folder.path().join("request.json"), "{").unwrap();
    let output = torod(folder.path(), "none", &["route", "explain", "--file", "request.json"]).await;
    assert!(!output.status.success() && said(&output).1.contains("request.json holds no JSON"));
    assert!(!folder.path().join("none").exists(), "asking makes no folder");
}
