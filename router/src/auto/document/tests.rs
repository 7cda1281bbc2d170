//! What stands in the question to a model that chooses, and what never does.

use serde_json::{Value, json};

use super::*;
use crate::Protocol;
use crate::catalog::{Can, Facts};

fn shelf(count: usize) -> Vec<Candidate> {
    let facts = Facts::default().with_context(400_000).with(Can::Tools, true).with_input(Modality::Image);
    (0..count).map(|n| Candidate::new(format!("p/m{n:02}"), facts).priced(1_000_000 * n as u64, 9_000_000)).collect()
}

fn document(protocol: Protocol, body: &Value) -> (String, Value) {
    let body = body.to_string();
    let features = Features::read(protocol, body.as_bytes());
    let shelf = shelf(30);
    let places = offered(&shelf, Virtual::Auto, &features, &|at| at != 3);
    let candidates: Vec<_> = places.iter().map(|at| &shelf[*at]).collect();
    let text = write(Virtual::Auto, &features, body.as_bytes(), &candidates, &["p/m03"]);
    let value = serde_json::from_str(&text).unwrap();
    (text, value)
}

#[test]
fn row_59_of_a_picture_only_its_being_there_is_told() {
    let picture = format!("data:image/png;base64,{}", "iVBORw0KGgoAAAAN".repeat(65_536));
    let (text, value) = document(
        Protocol::OpenAi,
        &json!({"model": "auto", "tools": [{"type": "function", "function": {"name": "look"}}], "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": picture}}]},
            {"role": "user", "content": format!("the same inside a text: {picture} and sk-proj-Ab0Cd1Ef2Gh3Ij4Kl5Mn6Op7Qr8St9Uv0")},
        ]}),
    );
    assert!(text.len() < 20 << 10, "{}", text.len());
    assert!(!text.contains("iVBORw0KGgo") && !text.contains("Ef2Gh3"), "{text}");
    assert_eq!(value["required_capabilities"], json!(["vision", "tool_calls"]));
    assert_eq!(value["request"]["messages"][1]["text"], "What is this?");
    assert_eq!(value["request"]["messages"][1]["parts"], json!(["1 image"]));
    assert_eq!(value["request"]["tools"], json!(["look"]));
    assert_eq!(value["excluded_models"], json!(["p/m03"]));
    assert_eq!(value["candidate_models"].as_array().unwrap().len(), MOST_CANDIDATES);
    assert_eq!(value["candidate_models"][0]["id"], "p/m00");
    assert_eq!(value["candidate_models"][0]["capabilities"], json!(["vision", "tool_calls"]));
    assert!(!text.contains("\"p/m03\",\"usd"), "who failed is not offered again");
}

#[test]
fn long_talk_is_told_by_its_beginning_and_its_end() {
    let turns: Vec<_> = (0..60)
        .map(|n| json!({"role": if n % 2 == 0 { "user" } else { "assistant" }, "content": format!("begin{n} {} end{n}", "blah ".repeat(20_000))}))
        .collect();
    let (text, value) = document(Protocol::Anthropic, &json!({"system": "S ".repeat(90_000), "messages": turns}));
    assert!(text.len() <= MAX_BYTES, "{}", text.len());
    let told = value["request"]["messages"].as_array().unwrap();
    assert_eq!(told.len(), TURNS + 1);
    let last = told.last().unwrap()["text"].as_str().unwrap();
    assert!(last.starts_with("begin59 blah") && last.ends_with("end59") && last.contains("bytes left out"), "{last}");
    assert!(told[0]["text"].as_str().unwrap().starts_with("begin0 "));
    assert_eq!(value["features"]["messages"], 60);
}

#[test]
fn every_protocol_is_told_alike() {
    let said = [
        (Protocol::OpenAi, json!({"messages": [{"role": "user", "content": "Why?"}]})),
        (Protocol::Responses, json!({"input": "Why?"})),
        (
            Protocol::Responses,
            json!({"input": [{"role": "user", "content": [{"type": "input_text", "text": "Why?"}]}]}),
        ),
        (Protocol::Anthropic, json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "Why?"}]}]})),
        (Protocol::Gemini, json!({"contents": [{"role": "user", "parts": [{"text": "Why?"}]}]})),
        (Protocol::Cohere, json!({"messages": [{"role": "user", "content": "Why?"}]})),
    ];
    for (protocol, body) in said {
        let (_, value) = document(protocol, &body);
        assert_eq!(value["request"]["messages"], json!([{"role": "user", "text": "Why?"}]), "{protocol}");
    }
}

#[test]
fn whatever_stands_in_it_the_document_is_json_and_short() {
    let worst = "\u{1}\"\\".repeat(3_000);
    let turns: Vec<_> = (0..20).map(|_| json!({"role": worst, "content": [{"type": "text", "text": worst}]})).collect();
    let tools: Vec<_> = (0..500).map(|_| json!({"name": worst})).collect();
    let (text, value) = document(Protocol::Anthropic, &json!({"system": worst, "messages": turns, "tools": tools}));
    assert!(text.len() <= MAX_BYTES, "{}", text.len());
    assert!(!value["candidate_models"].as_array().unwrap().is_empty());
    for body in ["", "{", "[]", r#"{"messages":[{"content"#, r#"{"tools":[[["#] {
        let features = Features::read(Protocol::OpenAi, body.as_bytes());
        assert!(serde_json::from_str::<Value>(&write(Virtual::Coding, &features, body.as_bytes(), &[], &[])).is_ok());
    }
}
