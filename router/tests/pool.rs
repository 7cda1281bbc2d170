//! A pool in front of simulated providers: which failures move on, and what the caller sees of an answer.
#![cfg(feature = "client")]
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::time::Duration;

use serde_json::Value;
use tokenrouter::call::{Answer, Client, Endpoint, Finish, Pool, Routing, Timeouts};
use tokenrouter::catalog::BaseUrl;
use tokenrouter::convert::{Asked, Context};
use tokenrouter::error::{Kind, Problem};
use tokenrouter::pick::course::Rules;
use tokenrouter::{Protocol, surface::Surface};
use tokenrouter_simulator::{Settings, Simulator};

const WHOLE: &str = r#"{"model":"any","messages":[{"role":"user","content":"hello"}]}"#;
const STREAM: &str = r#"{"model":"any","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;

async fn simulator() -> Simulator {
    let settings = Settings { chunks: 3, interval: Duration::ZERO, ..Settings::default() };
    Simulator::start(([127, 0, 0, 1], 0).into(), settings).await.unwrap()
}

fn endpoint(protocol: Protocol, url: &str, model: &str) -> Endpoint {
    Endpoint::new(protocol, BaseUrl::parse(url).unwrap(), model)
}

fn pool(endpoints: Vec<Endpoint>) -> Pool {
    let timeouts =
        Timeouts { first_byte: Duration::from_secs(20), idle: Duration::from_secs(20), ..Timeouts::default() };
    Pool::new(Client::new(timeouts, 1), endpoints)
}

async fn ask(pool: &Pool, body: &str) -> Result<Answer, Problem> {
    pool.ask(Asked::new(Protocol::OpenAi, body.as_bytes()), Context::default()).await
}

async fn read(answer: &mut Answer) -> String {
    let mut all = Vec::new();
    while let Some(piece) = answer.next().await {
        all.extend_from_slice(&piece.unwrap());
    }
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn whatever_fails_before_the_first_output_moves_on() {
    let simulator = simulator().await;
    for (script, code) in [
        ("s500", "upstream_failed"),
        ("s503", "overloaded"),
        ("s429ra2", "rate_limited"),
        ("s401", "upstream_refused_credential"),
        ("s404", "model_not_found"),
        ("html502", "upstream_failed"),
        ("err200", ""),
        ("die0", "upstream"),
    ] {
        for first in Protocol::ALL {
            for body in [WHOLE, STREAM] {
                let case = format!("{script} {first} {body}");
                let url = simulator.url();
                // With a key of its own: who has the same is refused with it.
                let second = endpoint(Protocol::Anthropic, &url, "ok").with_key("sk-2").unwrap();
                let pool = pool(vec![endpoint(first, &url, script), second]);
                let mut answer = ask(&pool, body).await.unwrap();
                let text = read(&mut answer).await;
                assert_eq!(answer.endpoint(), 1, "{case}: {text}");
                assert!(answer.failures()[0].problem.code.starts_with(code), "{case}: {:?}", answer.failures());
                let end = answer.end().unwrap();
                assert!(end.finish == Finish::Whole && end.reported.unwrap().counts.output > 0, "{case}: {end:?}");
            }
        }
    }
    simulator.stop().await;
}

#[tokio::test]
async fn a_provider_that_is_not_there_moves_on() {
    let simulator = simulator().await;
    // A port that was free a moment ago.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoints = vec![
        endpoint(Protocol::OpenAi, &format!("http://{gone}"), "ok"),
        endpoint(Protocol::OpenAi, &simulator.url(), "ok"),
    ];
    let answer = ask(&pool(endpoints), WHOLE).await.unwrap();
    assert_eq!((answer.endpoint(), answer.failures()[0].problem.code), (1, "upstream_unreachable"));
    simulator.stop().await;
}

#[tokio::test]
async fn a_key_that_is_refused_moves_on_and_is_not_repeated() {
    let settings = Settings { api_key: Some("sk-right".to_owned()), ..Settings::default() };
    let simulator = Simulator::start(([127, 0, 0, 1], 0).into(), settings).await.unwrap();
    for protocol in Protocol::ALL {
        let [wrong, right] =
            ["sk-wrong", "sk-right"].map(|key| endpoint(protocol, &simulator.url(), "ok").with_key(key).unwrap());
        let answer = ask(&pool(vec![wrong, right]), WHOLE).await.unwrap();
        let [failure] = answer.failures() else { panic!("{protocol}: {answer:?}") };
        assert_eq!(failure.problem.code, "upstream_refused_credential", "{protocol}");
        assert!(!failure.problem.sentence().contains("wrong"), "{protocol}: {failure:?}");
    }
    simulator.stop().await;
}

#[tokio::test]
async fn a_wrong_request_is_told_at_once_and_the_last_failure_otherwise() {
    let simulator = simulator().await;
    let url = simulator.url();
    let two =
        |first, second| pool(vec![endpoint(Protocol::OpenAi, &url, first), endpoint(Protocol::Cohere, &url, second)]);
    let problem = ask(&two("s400", "ok"), WHOLE).await.unwrap_err();
    assert_eq!((problem.kind, simulator.calls().len()), (Kind::BadRequest, 1));
    let problem = ask(&two("ok", "ok"), r#"{"messages":[]}"#).await.unwrap_err();
    assert_eq!((problem.code, problem.field.as_deref(), simulator.calls().len()), ("model_missing", Some("model"), 1));
    // Each is asked once, so that the last failure is the second's.
    let rules = Rules { attempts: 1, ..Rules::default() };
    let once = two("s500", "s429ra2").with_routing(Routing { rules, ..Routing::default() });
    let problem = ask(&once, WHOLE).await.unwrap_err();
    assert_eq!((problem.kind, problem.retry_after_s), (Kind::RateLimited, Some(2)));
    assert_eq!(ask(&pool(Vec::new()), WHOLE).await.unwrap_err().code, "no_endpoint");
    simulator.stop().await;
}

#[tokio::test]
async fn a_stream_that_breaks_later_ends_with_an_error_of_the_clients_protocol() {
    let simulator = simulator().await;
    for upstream in Protocol::ALL {
        let pool = pool(vec![endpoint(upstream, &simulator.url(), "die2"), endpoint(upstream, &simulator.url(), "ok")]);
        let mut answer = ask(&pool, STREAM).await.unwrap();
        let text = read(&mut answer).await;
        let last = text.lines().rfind(|line| line.starts_with("data: {")).unwrap();
        let last: Value = serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
        assert!(last["error"]["message"].is_string(), "{upstream}: {text}");
        assert!(matches!(answer.end().unwrap().finish, Finish::Cut(_)), "{upstream}: {:?}", answer.end());
    }
    simulator.stop().await;
}

#[tokio::test]
async fn a_native_request_keeps_its_bytes_and_its_client_sees_no_usage_it_did_not_ask_for() {
    let simulator = simulator().await;
    let pool = pool(vec![endpoint(Protocol::OpenAi, &simulator.url(), "ok").with_key("sk-1").unwrap()]);
    let odd =
        r#"{ "model" :"any","messages":[{"role":"user","content":"hello"}],  "temperature":1.00,"stream":false }"#;
    read(&mut ask(&pool, odd).await.unwrap()).await;
    let mut answer = ask(&pool, STREAM).await.unwrap();
    assert_eq!(answer.content_type(), "text/event-stream");
    let text = read(&mut answer).await;
    assert!(!text.contains("prompt_tokens"), "{text}");
    assert!(answer.end().unwrap().reported.unwrap().counts.input() > 0);
    let calls = simulator.calls();
    assert_eq!(String::from_utf8_lossy(&calls[0].body), odd.replace("\"any\"", "\"ok\""));
    assert!(String::from_utf8_lossy(&calls[1].body).contains(r#""include_usage":true"#));
    assert_eq!(calls[1].header("authorization"), Some("Bearer sk-1"));
    simulator.stop().await;
}

#[tokio::test]
async fn a_gemini_client_asks_in_its_path() {
    let simulator = simulator().await;
    let body = br#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#;
    for upstream in Protocol::ALL {
        let (surface, id) = Surface::at("/v1beta/models/any:streamGenerateContent").unwrap();
        let asked = Asked::at(surface, &id, body).unwrap();
        let pool = pool(vec![endpoint(upstream, &simulator.url(), "ok")]);
        let mut answer = pool.ask(asked, Context::default()).await.unwrap();
        let text = read(&mut answer).await;
        assert!(text.starts_with("data: {") && text.contains(r#""finishReason":"STOP""#), "{upstream}: {text}");
    }
    assert!(Asked::at(Surface::Models, "", b"{}").is_none());
    simulator.stop().await;
}
