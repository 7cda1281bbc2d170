//! Redirects are never followed: whatever carries a key, the place that a redirect names hears nothing.

use serde_json::json;
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::site::{Site, provider};
use crate::stranger::Stranger;
use crate::support::{TestDaemon, chat_body, port_zero, until};
use crate::token_server::{Reply, TokenServer};

const HEAD: &str = "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = false\n[routing]\nattempts = 1\n";

/// A provider that sends everybody to `thief` with `status`.
async fn sends_to(thief: &Stranger, status: u16) -> Stranger {
    let to = thief.url();
    Stranger::start(format!(
        "HTTP/1.1 {status} Elsewhere\r\nlocation: {to}/v1/chat/completions\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    ))
    .await
}

#[tokio::test]
async fn no_call_follows_a_redirect() {
    let thief = Stranger::start("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    for status in [301, 302, 303, 307, 308] {
        let provider = sends_to(&thief, status).await;
        let url = provider.url();
        // `p` is asked in the client's protocol, `t` in another one.
        let text = format!(
            "{HEAD}[[providers]]\nname = \"p\"\napi_key = \"sk-canary\"\n\
             protocols = {{ openai = \"{url}/v1\", responses = \"{url}/v1\", anthropic = \"{url}\", gemini = \"{url}\", cohere = \"{url}\" }}\n\
             [[providers]]\nname = \"t\"\napi_key = \"sk-canary\"\nprotocols = {{ cohere = \"{url}/other\" }}\n"
        );
        let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let daemon = TestDaemon::at_once(simulator, &text, Clock::system(), folder).await;
        until("the lists are asked for", || async { provider.heard().iter().any(|said| said.starts_with("GET")) })
            .await;
        let message = json!([{"role": "user", "content": "hi"}]);
        let asks = [
            ("/v1/chat/completions", json!({"model": "p/m", "messages": message})),
            ("/v1/chat/completions", json!({"model": "p/m", "messages": message, "stream": true})),
            ("/v1/chat/completions", json!({"model": "t/m", "messages": message})),
            ("/v1/completions", json!({"model": "p/m", "prompt": "hi"})),
            ("/v1/embeddings", json!({"model": "p/m", "input": "hi"})),
            ("/v1/responses", json!({"model": "p/m", "input": "hi"})),
            ("/v1/messages", json!({"model": "p/m", "max_tokens": 5, "messages": message})),
            (
                "/v1beta/models/p%2Fm:generateContent",
                json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
            ),
            ("/v2/chat", json!({"model": "p/m", "messages": message})),
        ];
        for (path, body) in asks {
            let answer = daemon.post(path, body.to_string()).await;
            assert_eq!(answer.status, 502, "{status} {path}: {}", answer.text());
            assert!(!answer.headers.contains_key("location"), "{status} {path}");
            assert!(answer.text().contains("redirect"), "{status} {path}: {}", answer.text());
        }
        // A question for tokens is answered without the provider.
        let counted = json!({"model": "p/m", "messages": message});
        assert_eq!(daemon.post("/v1/messages/count_tokens", counted.to_string()).await.status, 200);
        let heard = provider.heard();
        assert!(heard.iter().any(|request| request.contains("sk-canary")), "{status}: nobody sent the key");
        daemon.stop().await;
    }
    assert_eq!(thief.heard(), [String::new(); 0]);
}

#[tokio::test]
async fn no_token_server_sends_a_password_elsewhere() {
    let thief = Stranger::start("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    let to = thief.url();
    let server = TokenServer::start(move |_| Reply::Redirect(to.clone())).await;
    let text = format!(
        "{HEAD}[[providers]]\nname = \"p\"\nbase_url = \"http://127.0.0.1:9/v1\"\napi_key = {{ oauth = {{ token_url = \"{}\", client_id = \"c\", client_secret = \"canary\" }} }}\n",
        server.url("/token")
    );
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let daemon = TestDaemon::at_once(simulator, &text, Clock::system(), tempfile::tempdir().unwrap()).await;
    until("the token server was asked", || async { !server.asked().is_empty() }).await;
    assert!(!daemon.chat("p/m", "").await.status.is_success());
    assert_eq!(thief.heard(), [String::new(); 0]);
    daemon.stop().await;
}

#[tokio::test]
async fn trying_a_provider_follows_no_redirect() {
    let thief = Stranger::start("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    let other = sends_to(&thief, 307).await;
    let site = Site::start(&provider(&other.url(), "api_key = \"sk-canary\"")).await;
    let tried = site.command(&["provider", "test", "p", "--model", "m"]).output().unwrap();
    assert!(!tried.status.success(), "{}", String::from_utf8_lossy(&tried.stdout));
    assert!(other.heard().iter().any(|request| request.contains("sk-canary")));
    assert_eq!(site.ask("POST", "/v1/chat/completions", &chat_body("p/m", "")).await.status, 502);
    assert_eq!(thief.heard(), [String::new(); 0]);
    site.stop().await;
}
