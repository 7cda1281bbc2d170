//! Questions for tokens, and lists of models, in every caller's form.

use http::Method;
use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::support::{Answer, TestDaemon, port_zero};

/// One provider for each protocol, which speaks nothing else: `oa`, `an`, `re`, `ge`, `co`.
pub async fn five() -> TestDaemon {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let url = simulator.url();
    let provider = |name: &str, protocol: &str, base: &str| {
        format!(
            "[[providers]]\nname = \"{name}\"\nprotocols = {{ {protocol} = \"{url}{base}\" }}\napi_key = \"sk-{name}-0123456789\"\n"
        )
    };
    let text = format!(
        "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = false\n{}{}{}{}{}",
        provider("oa", "openai", "/v1"),
        provider("an", "anthropic", "/anthropic"),
        provider("re", "responses", "/v1"),
        provider("ge", "gemini", "/v1beta"),
        provider("co", "cohere", "/v2"),
    );
    TestDaemon::configured(simulator, &text, Clock::system()).await
}

const TEXT: &str = "please read the file and tell me what it does, then mend it";

/// The number that each protocol's question gets from `provider`, and whether it was estimated.
async fn ask(daemon: &TestDaemon, provider: &str, protocol: &str) -> (u64, bool) {
    let text = TEXT.repeat(20);
    let (path, body, pointer) = match protocol {
        "anthropic" => (
            "/v1/messages/count_tokens".to_owned(),
            json!({"model": format!("{provider}/ok"), "messages": [{"role":"user","content":text}]}),
            "/input_tokens",
        ),
        "responses" => (
            "/v1/responses/input_tokens".to_owned(),
            json!({"model": format!("{provider}/ok"), "input": text}),
            "/input_tokens",
        ),
        _ => (
            format!("/v1beta/models/{provider}/ok:countTokens"),
            json!({"contents": [{"role":"user","parts":[{"text":text}]}]}),
            "/totalTokens",
        ),
    };
    let answer = daemon.post(&path, body.to_string()).await;
    assert_eq!(answer.status, 200, "{provider} {protocol}: {}", answer.text());
    let tokens = answer.json().pointer(pointer).and_then(Value::as_u64);
    let Some(tokens) = tokens else { panic!("{provider} {protocol}: {}", answer.text()) };
    (tokens, answer.header("x-tokenrouter-estimated") == "true")
}

/// Row 59 of the conversion matrix.
#[tokio::test]
async fn row_59_tokens_are_counted_for_every_model_in_every_callers_form() {
    let daemon = five().await;
    for protocol in ["anthropic", "responses", "gemini"] {
        for (provider, path) in [
            ("an", Some("/anthropic/v1/messages/count_tokens")),
            ("re", Some("/v1/responses/input_tokens")),
            ("ge", Some("/v1beta/models/ok:countTokens")),
            ("oa", None),
            ("co", None),
        ] {
            daemon.simulator.clear();
            let (tokens, estimated) = ask(&daemon, provider, protocol).await;
            assert!((100..1_000).contains(&tokens), "{provider} {protocol}: {tokens}");
            assert_eq!(estimated, path.is_none(), "{provider} {protocol}");
            let calls = daemon.simulator.calls();
            assert_eq!(calls.first().map(|call| call.path.as_str()), path, "{provider} {protocol}");
            if let Some(call) = calls.first() {
                assert!(String::from_utf8_lossy(&call.body).contains(TEXT));
            }
        }
    }
    assert!(daemon.rows("id").await.is_empty(), "a question costs nothing");
    for (path, body, status) in [
        ("/v1/messages/count_tokens", r#"{"model":"oa/ok","messages":[{"role":"user","content":"x"}]}"#, 200),
        ("/v1/messages/count_tokens", r#"{"model":"an/ok","messages":[{"role":"nobody","content":"x"}]}"#, 400),
        ("/v1/messages/count_tokens", r#"{"messages":[]}"#, 400),
        ("/v1/messages/count_tokens", "{", 400),
        ("/v1/messages/count_tokens", r#"{"model":"none/x","messages":[]}"#, 404),
    ] {
        let answer = daemon.post(path, body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        if status != 200 {
            assert_eq!(answer.json()["type"], "error", "{body}: in Anthropic's form");
        }
    }
    let mut stranger = daemon.request("/v1/messages/count_tokens", "{}");
    stranger.headers_mut().remove("authorization");
    assert_eq!(daemon.send(stranger).await.status, 401);
    daemon.stop().await;
}

/// Row 123 of the feature table: what a provider reports corrects the next estimate.
#[tokio::test]
async fn row_123_estimates_learn_from_what_is_reported() {
    let daemon = five().await;
    let (before, _) = ask(&daemon, "oa", "anthropic").await;
    let body = json!({"model": "oa/ok", "max_tokens": 9, "messages": [{"role":"user","content":TEXT.repeat(20)}]});
    let answer = daemon.post("/v1/messages", body.to_string()).await.json();
    let reported = answer["usage"]["input_tokens"].as_u64().unwrap();
    let (after, estimated) = ask(&daemon, "oa", "anthropic").await;
    assert!(estimated);
    assert!(before.abs_diff(reported) > 3, "the simulator counts in its own way: {before} {reported}");
    assert!(after.abs_diff(reported) * 20 <= reported, "{before}, then {after}, for {reported}");
    daemon.stop().await;
}

/// A model's own vocabulary goes before the estimate, where it is built in, and the answer says which it was.
#[tokio::test]
async fn a_vocabulary_that_is_built_in_goes_before_the_estimate() {
    let daemon = five().await;
    for (model, how) in [("co/openai/gpt-5", "tokenizer"), ("co/command-a", "true")] {
        let body = json!({"model": model, "messages": [{"role":"user","content":"Hello!"}]});
        let answer = daemon.post("/v1/messages/count_tokens", body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let expected = if cfg!(feature = "tokenizer") { how } else { "true" };
        assert_eq!(answer.header("x-tokenrouter-estimated"), expected, "{model}");
        if expected == "tokenizer" {
            assert_eq!(answer.json()["input_tokens"], 9);
        }
    }
    daemon.stop().await;
}

async fn get(daemon: &TestDaemon, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = daemon.request(path, "");
    *request.method_mut() = Method::GET;
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    daemon.send(request).await
}

#[tokio::test]
async fn models_are_listed_in_the_form_that_the_caller_reads() {
    let daemon = five().await;
    let anthropic = [("anthropic-version", "2023-06-01")];
    let google = [("x-goog-api-client", "genai")];
    let cohere = [("x-fern-sdk-name", "cohere")];
    for (path, headers, pointer, expected) in [
        ("/v1/models", &[][..], "/data/0/object", "model"),
        ("/openai/v1/models", &anthropic[..], "/data/0/object", "model"),
        ("/v1/models", &anthropic[..], "/data/0/type", "model"),
        ("/anthropic/v1/models", &[][..], "/data/0/type", "model"),
        ("/v1/models/oa/ok", &anthropic[..], "/display_name", "oa/ok"),
        ("/v1beta/models", &[][..], "/models/0/supportedGenerationMethods/0", "generateContent"),
        ("/v1/models", &google[..], "/models/0/supportedGenerationMethods/0", "generateContent"),
        ("/v1/models/oa%2Fok", &google[..], "/name", "models/oa/ok"),
        ("/v1/models", &cohere[..], "/models/0/endpoints/0", "chat"),
        ("/v1/models/oa/ok", &[][..], "/id", "oa/ok"),
    ] {
        let answer = get(&daemon, path, headers).await;
        let found = answer.json();
        assert_eq!(found.pointer(pointer).and_then(Value::as_str), Some(expected), "{path}: {found}");
    }
    let codex = get(&daemon, "/v1/models?client_version=0.169.0", &[]).await.json();
    assert!(codex["models"].as_array().unwrap().len() > 10);
    // A key in the query is a key, and a stranger is told so in his own form.
    let mut request = daemon.request(&format!("/v1beta/models?key={}", daemon.key), "");
    *request.method_mut() = Method::GET;
    request.headers_mut().remove("authorization");
    assert_eq!(daemon.send(request).await.status, 200);
    let mut request = daemon.request("/v1beta/models", "");
    *request.method_mut() = Method::GET;
    request.headers_mut().remove("authorization");
    let refused = daemon.send(request).await;
    assert_eq!((refused.status.as_u16(), refused.json()["error"]["status"].as_str()), (401, Some("UNAUTHENTICATED")));
    let unknown = get(&daemon, "/v1/models/nobody/x", &anthropic).await;
    assert_eq!((unknown.status.as_u16(), unknown.json()["error"]["type"].as_str()), (404, Some("not_found_error")));
    daemon.stop().await;
}
