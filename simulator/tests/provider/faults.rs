//! Scripts that fail, and clients that leave.
use std::time::Duration;

use crate::client::{self, PROTOCOLS, Protocol, SOON, get, parse, post, quick, request, send, with};
use serde_json::{Value, json};
use tokenrouter_simulator::{Ended, Settings};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

#[tokio::test]
async fn statuses() {
    let simulator = quick().await;
    for protocol in PROTOCOLS {
        for status in [400, 401, 404, 500, 503, 529] {
            for stream in [false, true] {
                let answer = post(&simulator, protocol.path(), &protocol.ask(&format!("s{status}"), stream)).await;
                assert_eq!(answer.status, status);
                let shape = answer.json();
                assert!(shape["error"]["message"].is_string());
                assert_eq!(shape["type"] == "error", protocol == Protocol::Messages, "{shape}");
            }
        }
    }
    let overloaded = post(&simulator, "/v1/messages", &Protocol::Messages.ask("s529", false)).await.json();
    assert_eq!(overloaded["error"]["type"], "overloaded_error");
    let page = post(&simulator, "/v1/chat/completions", &Protocol::Chat.ask("html502", true)).await;
    assert_eq!((page.status, page.header("content-type")), (502, Some("text/html")));
    assert!(page.text().starts_with("<html>"));
    simulator.stop().await;
}

#[tokio::test]
async fn failures_that_pass() {
    let simulator = quick().await;
    let ask = |model: &str| Protocol::Chat.ask(model, false);
    for _ in 0..2 {
        for status in [503, 200, 200] {
            assert_eq!(post(&simulator, "/v1/chat/completions", &ask("s503x1")).await.status, status);
        }
        assert_eq!(send(simulator.addr(), "DELETE", "/calls", "", b"").await.status, 204);
    }
    let limited = post(&simulator, "/v1/chat/completions", &ask("s429ra2")).await;
    assert_eq!((limited.header("retry-after"), limited.header("retry-after-ms")), (Some("2"), Some("2000")));
    let limited = post(&simulator, "/v1/chat/completions", &ask("s429x1")).await;
    assert_eq!((limited.status, limited.header("retry-after-ms")), (429, Some("50")));
    assert_eq!(post(&simulator, "/v1/chat/completions", &ask("s429x1")).await.status, 200);
    simulator.stop().await;
}

#[tokio::test]
async fn a_cut_is_a_cut() {
    let simulator = quick().await;
    for protocol in PROTOCOLS {
        let answer = post(&simulator, protocol.path(), &protocol.ask("die5", true)).await;
        assert_eq!((answer.status, answer.complete), (200, false), "{protocol:?}");
        assert_eq!(protocol.deltas(&answer.values()).len(), 5, "{protocol:?}");
        let answer = post(&simulator, protocol.path(), &protocol.ask("die5", false)).await;
        let announced: usize = answer.header("content-length").unwrap().parse().unwrap();
        assert_eq!((answer.complete, answer.body.len()), (false, announced / 2), "{protocol:?}");
    }
    // Our own cut is no leaving client.
    assert_eq!(simulator.stats().client_closed, 0);
    simulator.stop().await;
}

#[tokio::test]
async fn errors_within_a_stream() {
    let simulator = quick().await;
    for protocol in PROTOCOLS {
        for (model, pieces) in [("err200", 0), ("err200late", 3)] {
            let answer = post(&simulator, protocol.path(), &protocol.ask(model, true)).await;
            assert_eq!((answer.status, answer.complete), (200, true));
            let values = answer.values();
            assert_eq!(protocol.deltas(&values).len(), pieces, "{protocol:?}");
            let error = values.iter().position(|value| value["error"]["message"].is_string()).unwrap();
            assert_eq!(error == 0, pieces == 0);
            let last = values.last().unwrap();
            if protocol == Protocol::Responses {
                assert_eq!((&last["type"], &last["response"]["status"]), (&json!("response.failed"), &json!("failed")));
                assert_eq!(last["sequence_number"], values.len() - 1);
            } else {
                assert_eq!(error, values.len() - 1);
            }
        }
        let whole = post(&simulator, protocol.path(), &protocol.ask("err200", false)).await;
        assert_eq!((whole.status, whole.json()["error"]["message"].is_string()), (200, true));
        let answer = post(&simulator, protocol.path(), &protocol.ask("nodone", true)).await;
        assert!(answer.complete && !answer.is_done());
        let ends = ["\"finish_reason\":\"stop\"", "message_stop", "response.completed"];
        assert!(!ends.iter().any(|end| answer.text().contains(end)), "{}", answer.text());
        assert!(!protocol.deltas(&answer.values()).is_empty());
    }
    simulator.stop().await;
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed() {
    let simulator = quick().await;
    let cases = [("hang", true), ("hang", false), ("hanghdr", true), ("slow30s", false), ("long45s", true)];
    for (id, (model, streams)) in (1..).zip(cases) {
        let body = Protocol::Chat.ask(model, streams).to_string();
        let mut stream =
            client::connect(simulator.addr(), &request("POST", "/v1/chat/completions", "", body.as_bytes())).await;
        simulator.wait_calls(id, SOON).await.unwrap();
        if streams && model != "hanghdr" {
            let mut bytes = Vec::new();
            while !String::from_utf8_lossy(&bytes).contains("\n\n\r\n") {
                assert_ne!(timeout(SOON, stream.read_buf(&mut bytes)).await.unwrap().unwrap(), 0);
            }
            let answer = parse(&bytes);
            assert_eq!((answer.status, answer.complete), (200, false));
            assert_eq!(answer.values()[0]["choices"][0]["delta"]["role"], "assistant");
        }
        assert_eq!((simulator.stats().in_flight, simulator.calls()[id - 1].ended), (1, None), "{model}");
        drop(stream);
        let call = simulator.wait_ended(id as u64, SOON).await.expect(model);
        assert_eq!(call.ended, Some(Ended::ClientClosed), "{model}");
        assert!(call.ended_ms >= Some(call.received_ms));
        assert_eq!((simulator.stats().in_flight, simulator.stats().client_closed), (0, id as u64));
    }
    simulator.stop().await;
}

#[tokio::test]
async fn what_was_received() {
    let simulator = quick().await;
    let body = r#"{ "model": "ok",  "messages": [], "x": 1.0 }"#;
    send(simulator.addr(), "POST", "/v1/chat/completions?a=b", "x-one: 1\r\n", body.as_bytes()).await;
    send(simulator.addr(), "POST", "/v1/chat/completions", "", b"\xff\x00").await;
    assert!(simulator.wait_calls(3, Duration::from_millis(1)).await.is_none());
    let calls = simulator.wait_calls(2, SOON).await.unwrap();
    assert_eq!((calls[0].method.as_str(), calls[0].path.as_str()), ("POST", "/v1/chat/completions?a=b"));
    assert_eq!((calls[0].header("X-One"), &calls[0].body[..]), (Some("1"), body.as_bytes()));
    assert_eq!(get(&simulator, "/calls?with=model").await.json().as_array().unwrap().len(), 1);
    let listed = get(&simulator, "/calls").await.json();
    assert_eq!((&listed[0]["body"]["model"], &listed[0]["body_text"]), (&json!("ok"), &json!(body)));
    assert_eq!((&listed[0]["headers"]["x-one"], &listed[0]["ended"]), (&json!("1"), &json!("complete")));
    assert_eq!((&listed[1]["body_text"], &listed[1]["body_base64"]), (&Value::Null, &json!("/wA=")));
    assert_eq!(get(&simulator, "/stats").await.json()["requests"], 2);
    assert_eq!(send(simulator.addr(), "POST", "/stats", "", b"").await.status, 405);
    simulator.clear();
    assert!(simulator.calls().is_empty());
    simulator.stop().await;
    let silent = with(Settings { record: false, ..Settings::default() }).await;
    assert_eq!(get(&silent, "/v1/models").await.status, 200);
    assert_eq!((silent.calls().len(), silent.stats().requests), (0, 1));
    silent.stop().await;
}

#[tokio::test]
async fn stopping_ends_what_hangs() {
    let simulator = quick().await;
    let addr = simulator.addr();
    let body = Protocol::Chat.ask("hang", true).to_string();
    let mut stream = client::connect(addr, &request("POST", "/v1/chat/completions", "", body.as_bytes())).await;
    simulator.wait_calls(1, SOON).await.unwrap();
    timeout(SOON, simulator.stop()).await.unwrap();
    let mut bytes = Vec::new();
    // Either an end or a reset: nothing more comes.
    let _ = timeout(SOON, stream.read_to_end(&mut bytes)).await.unwrap();
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}
