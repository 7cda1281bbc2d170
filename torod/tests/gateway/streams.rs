//! Streams: usage that is asked for and kept back, cuts, silence, hang-ups.

use std::time::Duration;

use http_body_util::BodyExt;

use crate::support::{SOON, TestDaemon, chat_body, events};

const STREAM: &str = r#","stream":true"#;

#[tokio::test]
async fn usage_is_asked_for_and_kept_from_a_client_who_did_not_ask() {
    let daemon = TestDaemon::start().await;
    let chat = chat_body("ok", STREAM);
    for (path, body) in
        [("/v1/chat/completions", chat.as_str()), ("/v1/completions", r#"{"model":"ok","prompt":"x","stream":true}"#)]
    {
        daemon.simulator.clear();
        let answer = daemon.post(path, body.to_owned()).await;
        let events = events(&answer.body);
        assert!(!events.iter().any(|e| e.contains(r#""choices":[]"#)), "{path}: {events:?}");
        assert_eq!(events.last().unwrap(), "[DONE]");
        let sent: serde_json::Value = serde_json::from_slice(&daemon.simulator.calls()[0].body).unwrap();
        assert_eq!(sent["stream_options"]["include_usage"], true, "{path}");
    }
    let asked = daemon.chat("ok", r#","stream":true,"stream_options":{"include_usage":true}"#).await;
    let asked = events(&asked.body);
    assert!(asked[asked.len() - 2].contains(r#""choices":[]"#), "{asked:?}");
    assert!(daemon.rows("estimated").await.iter().all(|r| r == &["0"]));
    daemon.stop().await;
}

#[tokio::test]
async fn a_server_that_refuses_the_option_is_not_asked() {
    let daemon = TestDaemon::with("", "stream_usage = false").await;
    let body = chat_body("ok", STREAM);
    daemon.post("/v1/chat/completions", body.clone()).await;
    assert_eq!(daemon.simulator.calls()[0].body, body.as_bytes());
    assert_eq!(daemon.rows("estimated, output > 0").await, [["1", "1"]]);
    daemon.stop().await;
}

#[tokio::test]
async fn a_cut_stream_ends_with_an_error_and_without_done() {
    let daemon = TestDaemon::start().await;
    for (path, body, mark) in [
        ("/v1/chat/completions", chat_body("die5", STREAM), "upstream_cut"),
        ("/v1/responses", r#"{"model":"die5","input":"x","stream":true}"#.to_owned(), "response.failed"),
        ("/v1/messages", chat_body("die5", r#","stream":true,"max_tokens":9"#), "api_error"),
    ] {
        let answer = daemon.post(path, body).await;
        let events = events(&answer.body);
        assert!(events.last().unwrap().contains(mark), "{path}: {events:?}");
        assert!(!events.contains(&"[DONE]".to_owned()));
        assert!(events.len() >= 3, "{path}: what came before the cut is kept");
    }
    assert!(daemon.chat("sim/nodone", STREAM).await.text().contains("upstream_cut"));
    assert!(daemon.rows("outcome = 5").await.iter().all(|r| r == &["1"]));
    daemon.stop().await;
}

#[tokio::test]
async fn an_error_inside_a_stream_is_a_failed_attempt() {
    let daemon = TestDaemon::start().await;
    // Before the first output the client has seen nothing yet, and gets a status that says what it is.
    let answer = daemon.chat("err200", STREAM).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"]["code"].as_str()), (503, Some("overloaded")));
    let answer = daemon.chat("err200late", STREAM).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("\"error\"") && !answer.text().contains("[DONE]"));
    assert_eq!(daemon.rows("outcome").await, [["2"], ["2"]]);
    daemon.stop().await;
}

#[tokio::test]
async fn chunks_keep_a_stream_alive_beyond_the_idle_timeout_and_silence_ends_it() {
    let daemon = TestDaemon::with("", "timeouts = { idle = \"1s\", first_byte = \"2s\" }").await;
    let long =
        daemon.head(daemon.request("/v1/chat/completions", chat_body("sim/ok+chunks=30+interval_ms=100", STREAM)));
    let hang = daemon.chat("hang", STREAM);
    let headless = daemon.chat("hanghdr", "");
    let silent = daemon.chat("sim/ok+chunks=3+interval_ms=30000", STREAM);
    let (long, hang, headless, silent) = tokio::join!(long, hang, headless, silent);
    let long = crate::support::whole(long).await;
    assert_eq!(events(&long.body).last().unwrap(), "[DONE]");
    assert_eq!((hang.status.as_u16(), hang.json()["error"]["code"].as_str()), (504, Some("upstream_idle")));
    assert_eq!(silent.status, 200);
    assert!(events(&silent.body).last().unwrap().contains("upstream_idle"), "{}", silent.text());
    assert_eq!((headless.status.as_u16(), headless.json()["error"]["code"].as_str()), (504, Some("upstream_timeout")));
    daemon.stop().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_the_call() {
    let daemon = TestDaemon::start().await;
    for (model, more) in [("slow3s", ""), ("hanghdr", ""), ("hang", STREAM), ("sim/long+seconds=30", STREAM)] {
        daemon.simulator.clear();
        let request = daemon.request("/v1/chat/completions", chat_body(model, more));
        let asking = daemon.client.request(request);
        let calls = tokio::select! {
            answer = asking => {
                // The head is here; take one piece of the stream, then go.
                let mut body = answer.unwrap().into_body();
                tokio::time::timeout(SOON, body.frame()).await.unwrap();
                daemon.simulator.wait_calls(1, SOON).await
            }
            calls = daemon.simulator.wait_calls(1, SOON) => calls,
        };
        let id = calls.unwrap()[0].id;
        let ended = daemon.simulator.wait_ended(id, Duration::from_secs(5)).await;
        let ended = ended.unwrap_or_else(|| panic!("{model}: the provider did not see the hang-up in time"));
        assert_eq!(ended.ended.unwrap().as_str(), "client_closed", "{model}");
    }
    let rows = daemon.rows("outcome, input_uncached > 0, estimated").await;
    assert_eq!(rows, vec![vec!["1".to_owned(), "1".to_owned(), "1".to_owned()]; 4]);
    daemon.stop().await;
}
