//! Streams of every protocol, however they are framed and cut, to clients of another; and answers without usage.

use serde_json::{Value, json};

use crate::count::five as daemon;
use crate::support::{Answer, TestDaemon, events};

/// The providers by protocol: OpenAI, Anthropic, Responses, Gemini, Cohere.
const PROVIDERS: [&str; 5] = ["oa", "an", "re", "ge", "co"];

fn values(answer: &Answer) -> Vec<Value> {
    events(&answer.body).iter().filter_map(|event| serde_json::from_str(event).ok()).collect()
}

fn texts(answer: &Answer, pointer: &str) -> String {
    values(answer).iter().filter_map(|value| value.pointer(pointer)?.as_str().map(str::to_owned)).collect()
}

async fn messages(daemon: &TestDaemon, model: &str, stream: bool) -> Answer {
    let body =
        json!({"model": model, "max_tokens": 64, "stream": stream, "messages": [{"role":"user","content":"hi"}]});
    daemon.post("/v1/messages", body.to_string()).await
}

/// Rows 26 and 27 of the feature table: CRLF, events with and without names, and pieces that end anywhere, the end of
/// a character among them, lose nothing.
#[tokio::test]
async fn rows_26_and_27_a_stream_is_read_whole_whatever_its_frames_and_pieces() {
    let daemon = daemon().await;
    for provider in PROVIDERS {
        for option in ["ok", "crlf", "crlf+piece=1", "ok+piece=97", "ok+chunks=400+piece=333"] {
            let model = format!("{provider}/{option}+interval_ms=0");
            let whole = daemon.chat(&model, "").await;
            assert_eq!(whole.status, 200, "{model}: {}", whole.text());
            let text = whole.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
            assert!(text.len() > 10, "{model}");
            let chat = daemon.chat(&model, r#","stream":true"#).await;
            assert_eq!(texts(&chat, "/choices/0/delta/content"), text, "{model}");
            assert!(chat.text().trim_end().ends_with("data: [DONE]"), "{model}");
            let claude = messages(&daemon, &model, true).await;
            assert_eq!(texts(&claude, "/delta/text"), text, "{model}");
            assert!(claude.text().contains("message_stop"), "{model}");
        }
    }
    daemon.stop().await;
}

/// Row 39: an answer without usage is an answer, and what is written down of it is an estimate that says so.
#[tokio::test]
async fn row_39_an_answer_without_usage_is_translated_and_estimated() {
    let daemon = daemon().await;
    let mut asked = 0;
    for provider in PROVIDERS {
        let model = format!("{provider}/nousage");
        for stream in [false, true] {
            let chat = daemon.chat(&model, if stream { r#","stream":true"# } else { "" }).await;
            assert_eq!(chat.status, 200, "{model}: {}", chat.text());
            assert!(!chat.text().contains(r#""error""#), "{model}: {}", chat.text());
            let claude = messages(&daemon, &model, stream).await;
            assert_eq!(claude.status, 200, "{model}: {}", claude.text());
            assert!(claude.text().contains("end_turn"), "{model}: {}", claude.text());
            asked += 2;
        }
    }
    let rows = daemon.rows("estimated, outcome, input_uncached BETWEEN 1 AND 60, output BETWEEN 5 AND 200").await;
    assert_eq!(rows, vec![["1", "0", "1", "1"]; asked]);
    daemon.stop().await;
}

/// Rows 6 and 7: whatever provider answers, a Responses client gets contiguous numbers and whole texts in the events
/// that end a part; an item of its input needs no type, and what a tool said arrives.
#[tokio::test]
async fn rows_6_and_7_a_responses_stream_is_contiguous_and_its_ends_are_whole() {
    let daemon = daemon().await;
    for provider in PROVIDERS {
        for script in ["ok", "tool", "think"] {
            let model = format!("{provider}/{script}");
            let body = json!({"model": model, "stream": true,
                "tools": [{"type":"function","name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}],
                "input": [{"role":"user","content":"hi"}]});
            let stream = daemon.post("/v1/responses", body.to_string()).await;
            assert_eq!(stream.status, 200, "{model}: {}", stream.text());
            let all = values(&stream);
            for (at, event) in all.iter().enumerate() {
                assert_eq!(event["sequence_number"], at, "{model}: {event}");
            }
            assert_eq!(all.last().unwrap()["type"], "response.completed", "{model}");
            let said = |kind: &str, field: &str| -> String {
                let told = all.iter().filter(|event| event["type"] == kind);
                told.filter_map(|event| event[field].as_str()).collect()
            };
            for (delta, done, field) in [
                ("response.output_text.delta", "response.output_text.done", "text"),
                ("response.function_call_arguments.delta", "response.function_call_arguments.done", "arguments"),
                ("response.reasoning_summary_text.delta", "response.reasoning_summary_text.done", "text"),
            ] {
                assert_eq!(said(delta, "delta"), said(done, field), "{model}: {delta}");
            }
            if script == "tool" {
                assert!(!said("response.function_call_arguments.done", "arguments").is_empty(), "{model}");
                let mut input = vec![json!({"role":"user","content":"hi"})];
                input.extend(all.last().unwrap()["response"]["output"].as_array().unwrap().iter().cloned());
                let call = input.iter().find(|item| item["type"] == "function_call").unwrap()["call_id"].clone();
                input.push(json!({"type":"function_call_output","call_id":call,"output":"22 degrees, a breeze"}));
                let body = json!({"model": model, "tools": body["tools"], "input": input});
                let answer = daemon.post("/v1/responses", body.to_string()).await;
                assert_eq!(answer.json()["status"], "completed", "{model}: {}", answer.text());
                let sent = daemon.simulator.calls().last().unwrap().body.clone();
                assert!(String::from_utf8_lossy(&sent).contains("22 degrees, a breeze"), "{model}");
            } else {
                assert!(!said("response.output_text.done", "text").is_empty(), "{model}");
            }
        }
    }
    daemon.stop().await;
}
