//! The examples do what they say: requests find their way past what fails.
#![cfg(feature = "client")]
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokenrouter::Protocol;
use tokenrouter_simulator::{Settings, Simulator};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Cargo builds the examples before the tests run, beside the folder of the tests.
fn example(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let built = here.parent().unwrap().parent().unwrap().join("examples").join(name);
    // With `--test examples` cargo builds this test alone.
    assert!(built.exists(), "{} is not built: run `cargo build -p tokenrouter --examples`", built.display());
    built
}

struct Ran {
    out: String,
    talk: String,
    succeeded: bool,
}

/// Runs the example for a request to `path` through `endpoints`.
async fn run(path: &str, body: &str, endpoints: &[(Protocol, &str, &str)]) -> Ran {
    let mut command = Command::new(example("any_to_any"));
    command.env_clear().env("KEY_2", "sk-two").arg(path);
    for (protocol, url, model) in endpoints {
        command.args([protocol.as_str(), url, model]);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(body.as_bytes()).await.unwrap();
    let output = tokio::time::timeout(Duration::from_mins(1), child.wait_with_output()).await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { out: text(output.stdout), talk: text(output.stderr), succeeded: output.status.success() }
}

async fn simulator() -> Simulator {
    let settings = Settings { chunks: 3, interval: Duration::ZERO, api_key: None, ..Settings::default() };
    Simulator::start(([127, 0, 0, 1], 0).into(), settings).await.unwrap()
}

/// The path and the body of a client's request, whole or streamed.
fn request(client: Protocol, stream: bool) -> (String, String) {
    let turn = r#"{"role":"user","content":"hello"}"#;
    let (path, fields) = match client {
        Protocol::OpenAi => ("/v1/chat/completions", format!(r#""messages":[{turn}]"#)),
        Protocol::Responses => ("/v1/responses", r#""input":"hello""#.to_owned()),
        Protocol::Anthropic => ("/v1/messages", format!(r#""max_tokens":99,"messages":[{turn}]"#)),
        Protocol::Cohere => ("/v2/chat", format!(r#""messages":[{turn}]"#)),
        Protocol::Gemini => {
            let path = if stream { "streamGenerateContent" } else { "generateContent" };
            let path = format!("/v1beta/models/any:{path}");
            return (path, r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#.to_owned());
        }
    };
    (path.to_owned(), format!(r#"{{"model":"any","stream":{stream},{fields}}}"#))
}

/// The text of an answer in `client`'s protocol, and whether the answer is whole.
fn told(client: Protocol, stream: bool, out: &str) -> (String, bool) {
    let datas: Vec<&str> =
        if stream { out.lines().filter_map(|l| l.strip_prefix("data: ")).collect() } else { vec![out] };
    let jsons: Vec<Value> = datas.iter().filter_map(|data| serde_json::from_str(data).ok()).collect();
    let (text, end) = match (client, stream) {
        (Protocol::OpenAi, false) => ("/choices/0/message/content", "/choices/0/finish_reason"),
        (Protocol::OpenAi, true) => ("/choices/0/delta/content", "/choices/0/finish_reason"),
        (Protocol::Responses, false) => ("/output/0/content/0/text", "/status"),
        (Protocol::Responses, true) => ("/delta", "/response/usage"),
        (Protocol::Anthropic, false) => ("/content/0/text", "/stop_reason"),
        (Protocol::Anthropic, true) => ("/delta/text", "/delta/stop_reason"),
        (Protocol::Gemini, _) => ("/candidates/0/content/parts/0/text", "/candidates/0/finishReason"),
        (Protocol::Cohere, false) => ("/message/content/0/text", "/finish_reason"),
        (Protocol::Cohere, true) => ("/delta/message/content/text", "/delta/finish_reason"),
    };
    let at = |pointer| jsons.iter().filter_map(move |json: &Value| json.pointer(pointer)?.as_str());
    let ended = jsons.iter().any(|json| json.pointer(end).is_some_and(|v| !v.is_null()));
    (at(text).collect(), ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_is_answered_by_every_provider_after_one_that_fails() {
    let (failing, working) = (simulator().await, simulator().await);
    // What the simulator says is the same in every protocol: the first answer is the measure for all.
    let mut expected = String::new();
    for (n, client) in Protocol::ALL.into_iter().enumerate() {
        for (m, upstream) in Protocol::ALL.into_iter().enumerate() {
            let first = Protocol::ALL[(n + m + 1) % Protocol::ALL.len()];
            for stream in [false, true] {
                let case = format!("{client} -> {first}, {upstream}; stream: {stream}");
                let (path, body) = request(client, stream);
                let endpoints = [(first, &*failing.url(), "s503"), (upstream, &*working.url(), "ok")];
                let ran = run(&path, &body, &endpoints).await;
                assert!(ran.succeeded, "{case}: {}", ran.talk);
                let (text, is_whole) = told(client, stream, &ran.out);
                if expected.is_empty() {
                    expected.clone_from(&text);
                }
                assert!(!text.is_empty() && text == expected && is_whole, "{case}: {}", ran.out);
                assert!(ran.talk.contains("endpoint 2 answered"), "{case}: {}", ran.talk);
                assert!(
                    ran.talk.contains("finish: Whole") && ran.talk.contains("reported: Some"),
                    "{case}: {}",
                    ran.talk
                );
            }
        }
    }
    failing.stop().await;
    working.stop().await;
}

#[tokio::test]
async fn the_routing_example_tells_who_serves_whom() {
    let run = Command::new(example("routing")).env_clear().kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_mins(1), run).await.unwrap().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));
    let turns = |who: &str| -> Vec<&str> {
        out.lines().filter_map(|line| line.strip_prefix(who)?.strip_prefix(": ")).collect()
    };
    // Both keys fail, and the second provider serves; then it is asked at once, and its conversations stay.
    let ann = turns("Ann");
    let failed = |key: &str| ann[0].contains(&format!("one, key {key} said overloaded"));
    assert!(ann[0].starts_with("two (fallback); ") && failed("a") && failed("b"), "{out}");
    assert_eq!(ann[1], "two (affinity)", "{out}");
    assert_eq!(turns("Ben"), ["two (priority)", "two (affinity)"], "{out}");
    assert!(out.contains("one, key a: failing, 1 of 1") && out.contains("one, key a: to be tried, 1 of 1"), "{out}");
    // Healed, the first provider gets the new ones, with both of its keys.
    let mut served = Vec::new();
    for who in ["Cleo", "Dan", "Eve", "Finn", "Gus"] {
        let [first, second] = turns(who)[..] else { panic!("{who}: {out}") };
        let home = first.strip_suffix(" (latency)").unwrap();
        assert_eq!(second, format!("{home} (affinity)"), "{out}");
        served.push(home);
    }
    assert!(served.contains(&"one, key a") && served.contains(&"one, key b") && !served.contains(&"two"), "{out}");
    assert!(out.contains("one, key a: ready") && out.contains("one, key b: ready"), "{out}");
}
