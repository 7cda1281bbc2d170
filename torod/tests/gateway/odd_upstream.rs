//! Providers that do not keep to HTTP or to their protocol.

use tokenrouter_simulator::{Settings, Simulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use torod::clock::Clock;

use crate::support::{TestDaemon, configuration, port_zero};

/// A provider that gives every connection the same bytes.
async fn provider(answer: impl Into<Vec<u8>>) -> TestDaemon {
    let listener = TcpListener::bind(port_zero()).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = answer.into();
    tokio::runtime::Handle::current().spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 64 << 10];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let models = r#"{"object":"list","data":[{"id":"m"}]}"#;
            let list = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{models}", models.len());
            let wants_list = request[..read].starts_with(b"GET");
            _ = stream.write_all(if wants_list { list.as_bytes() } else { &answer }).await;
            _ = stream.shutdown().await;
        }
    });
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    TestDaemon::configured(simulator, &configuration(&url, "", ""), Clock::system()).await
}

#[tokio::test]
async fn a_length_that_contradicts_the_framing_does_not_truncate() {
    let body = r#"{"object":"chat.completion","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n";
    let daemon = provider(format!("{head}\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())).await;
    let answer = daemon.chat("sim/m", "").await;
    // Either the whole answer or a plain error, never a part of it as if it were all.
    if answer.status == 200 {
        assert_eq!(answer.text(), body);
    } else {
        assert_eq!((answer.status.as_u16(), answer.json()["error"]["code"].as_str()), (502, Some("upstream_broken")));
    }
    daemon.stop().await;
}

/// Fields without a blank, and a last event that nothing ends: a native client gets all of it, another one too.
#[tokio::test]
async fn a_stream_without_blanks_and_without_a_last_line_is_delivered_whole() {
    let chunk = |delta: &str, reason: &str| {
        format!(
            r#"{{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":{reason}}}]}}"#
        )
    };
    let body = format!(
        "data:{}\n\ndata:{}\n\ndata:[DONE]",
        chunk(r#"{"role":"assistant","content":"first "}"#, "null"),
        chunk(r#"{"content":"last"}"#, r#""stop""#)
    );
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let daemon = provider(format!("{head}{body}")).await;
    let native = daemon.chat("sim/m", r#","stream":true"#).await;
    assert_eq!(native.text().trim_end(), body);
    let gemini = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;
    let foreign = daemon.post("/v1beta/models/sim/m:streamGenerateContent?alt=sse", gemini).await;
    assert!(foreign.text().contains("first ") && foreign.text().contains("last"), "{}", foreign.text());
    assert!(foreign.text().contains(r#""finishReason":"STOP""#), "{}", foreign.text());
    assert_eq!(daemon.rows("outcome").await, [["0"], ["0"]]);
    daemon.stop().await;
}

fn answered(kind: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A client that asked for a stream gets one, and one that did not gets none, whatever the provider made of it and
/// whatever protocol either speaks; it is counted all the same.
#[tokio::test]
async fn a_provider_that_ignores_stream_is_put_right() {
    let whole = r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"all of it"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#;
    let chunk = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"all of it"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#;
    let stream = format!("data: {chunk}\n\ndata: [DONE]\n\n");
    let ask = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;
    let daemon = provider(answered("application/json", whole)).await;
    let told = daemon.post("/v1beta/models/sim/m:streamGenerateContent?alt=sse", ask).await;
    assert!(told.header("content-type").starts_with("text/event-stream"), "{}", told.text());
    assert!(told.text().starts_with("data: ") && told.text().contains("all of it"), "{}", told.text());
    let native = daemon.chat("sim/m", r#","stream":true"#).await;
    assert!(native.header("content-type").starts_with("text/event-stream"), "{}", native.text());
    assert!(native.text().contains(r#""content":"all of it""#) && native.text().ends_with("data: [DONE]\n\n"));
    assert_eq!(
        daemon.rows("input_uncached, output, estimated, outcome").await,
        [["3", "4", "0", "0"], ["3", "4", "0", "0"]]
    );
    daemon.stop().await;
    let daemon = provider(answered("text/event-stream", &stream)).await;
    let told = daemon.post("/v1beta/models/sim/m:generateContent", ask).await;
    assert_eq!(told.header("content-type"), "application/json");
    assert_eq!(told.json()["candidates"][0]["content"]["parts"][0]["text"], "all of it");
    let native = daemon.chat("sim/m", "").await;
    assert_eq!(native.header("content-type"), "application/json");
    assert_eq!(native.json()["choices"][0]["message"]["content"], "all of it");
    assert_eq!(
        daemon.rows("input_uncached, output, estimated, outcome").await,
        [["3", "4", "0", "0"], ["3", "4", "0", "0"]]
    );
    daemon.stop().await;
}

#[tokio::test]
async fn an_empty_answer_is_an_answer() {
    for head in ["204 No Content", "200 OK"] {
        let daemon =
            provider(format!("HTTP/1.1 {head}\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n")).await;
        let answer = daemon.chat("sim/m", "").await;
        assert_eq!(answer.status.as_str(), &head[..3]);
        assert_eq!(daemon.rows("outcome").await, [["0"]]);
        daemon.stop().await;
    }
}

#[tokio::test]
async fn a_compressed_answer_is_refused_with_its_reason() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\r\n";
    let daemon = provider([head.as_bytes(), b"\x1f\x8b\x08\x00rubbish"].concat()).await;
    let answer = daemon.chat("sim/m", r#","stream":true"#).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"]["code"].as_str()), (502, Some("upstream_encoding")));
    assert!(answer.text().contains("gzip"), "{}", answer.text());
    assert_eq!(daemon.rows("outcome").await, [["2"]]);
    daemon.stop().await;
}

#[tokio::test]
async fn a_status_that_http_does_not_have_is_a_bad_gateway() {
    let daemon = provider("HTTP/1.1 999 Odd\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}").await;
    let answer = daemon.chat("sim/m", "").await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"]["code"].as_str()), (502, Some("upstream_failed")));
    daemon.stop().await;
}
