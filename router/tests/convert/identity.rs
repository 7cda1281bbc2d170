//! Nothing that two protocols share changes on the way from one to the other and back.
//!
//! A conversation is made up and told in a protocol, with no more than what both sides know. Normalised, because two
//! texts mean the same: what a protocol says when nothing was said (see [`plain`]).

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::{Map, Value, json};
use tokenrouter::Protocol::{self, Anthropic, Cohere, Gemini, OpenAi, Responses};

use crate::support::ask;
use crate::talk::{Talk, talk};

const MODELS: [(Protocol, &str); 5] = [
    (OpenAi, "x/llama"),
    (Responses, "x/some-model"),
    (Anthropic, "anthropic/claude-sonnet-4-5"),
    (Gemini, "google/gemini-2.5-pro"),
    (Cohere, "cohere/command-a"),
];

/// The same conversations in every run.
fn each(cases: u32, test: impl Fn(Talk) -> Result<(), TestCaseError>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    runner.run(&talk(), test).unwrap_or_else(|e| panic!("{e}"));
}

fn carried(from: Protocol, body: &Value, to: Protocol, model: &str) -> Result<Value, TestCaseError> {
    let done = ask(from, &body.to_string(), to, model)
        .map_err(|e| TestCaseError::fail(format!("{from} to {to}: {}: {body}", e.message)))?;
    prop_assert_eq!(done.losses.header(), None, "{} to {}: {}", from, to, body);
    Ok(serde_json::from_slice(&done.body).unwrap())
}

/// What is said without being asked, taken away: the model's name on its way, `stream: false`, `store: false`,
/// `strict: false`, `detail: auto`, a free choice of tools, an empty object of settings, what of its thoughts a model
/// shows, and whether a schema is enforced, which Anthropic always does.
fn plain(protocol: Protocol, mut body: Value) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, value| match name.as_str() {
                    "stream" | "store" | "strict" => *value != json!(false),
                    "detail" => *value != json!("auto"),
                    _ => true,
                });
                fields.values_mut().for_each(walk);
            }
            Value::Array(list) => list.iter_mut().for_each(walk),
            _ => {}
        }
    }
    fn cut(body: &mut Value, pointer: &str, name: &str) {
        if let Some(Value::Object(fields)) = body.pointer_mut(pointer) {
            fields.remove(name);
        }
    }
    walk(&mut body);
    cut(&mut body, "", "model");
    cut(&mut body, "/response_format/json_schema", "strict");
    cut(&mut body, "/text/format", "strict");
    cut(&mut body, "/reasoning", "summary");
    cut(&mut body, "/generationConfig/thinkingConfig", "includeThoughts");
    if body.pointer("/reasoning").is_some() {
        cut(&mut body, "", "include");
    }
    let is_free = match protocol {
        OpenAi | Responses | Cohere => body.get("tool_choice") == Some(&json!("auto")),
        Anthropic => body.get("tool_choice") == Some(&json!({"type": "auto"})),
        Gemini => body.pointer("/toolConfig/functionCallingConfig/mode") == Some(&json!("AUTO")),
    };
    if is_free {
        cut(&mut body, "", if protocol == Gemini { "toolConfig" } else { "tool_choice" });
    }
    if body.get("generationConfig") == Some(&Value::Object(Map::new())) {
        cut(&mut body, "", "generationConfig");
    }
    body
}

#[test]
fn a_request_told_in_its_own_protocol_again_is_the_same() {
    each(300, |talk| {
        for (protocol, model) in MODELS {
            let body = talk.shared(protocol, protocol).told(protocol);
            let again = carried(protocol, &body, protocol, model)?;
            prop_assert_eq!(plain(protocol, again), plain(protocol, body), "{}", protocol);
        }
        Ok(())
    });
}

#[test]
fn a_request_told_in_another_protocol_and_back_is_the_same() {
    each(150, |talk| {
        for (a, model_a) in MODELS {
            for (b, model_b) in MODELS {
                if a == b {
                    continue;
                }
                let body = talk.shared(a, b).told(a);
                let there = carried(a, &body, b, model_b)?;
                let direct = talk.shared(a, b).told(b);
                prop_assert_eq!(plain(b, there.clone()), plain(b, direct), "{} to {}", a, b);
                let back = carried(b, &there, a, model_a)?;
                prop_assert_eq!(plain(a, back), plain(a, body), "{} to {} and back, by {}", a, b, there);
            }
        }
        Ok(())
    });
}
