//! What a request loses or becomes for a model that does not take all of its protocol: each quirk by its name.

use serde_json::{Value, json};
use tokenrouter::Protocol::{self, Anthropic, Cohere, Gemini, OpenAi, Responses};
use tokenrouter::chat::Target;
use tokenrouter::convert::{Asked, Context, translate};
use tokenrouter::dialect::{Dialect, Quirk};

/// What `body` becomes in `to` without and with `quirk`, and what that loses.
fn told(quirk: Quirk, from: Protocol, body: &Value, to: Protocol) -> (Value, Value, String) {
    let body = body.to_string();
    let written = |dialect: Dialect| {
        let target = Target { dialect, ..Target::new("", to, "some-model") };
        let done = translate(Asked::new(from, body.as_bytes()), &target, Context::default()).unwrap();
        (serde_json::from_slice::<Value>(&done.body).unwrap(), done.losses.header().unwrap_or_default())
    };
    let plain = Dialect::default();
    let ((without, lost), (with, lost_more)) = (written(plain.without(quirk)), written(plain.with(quirk)));
    assert_ne!(without, with, "{quirk:?} changes nothing");
    (without, with, if lost == lost_more { String::new() } else { lost_more })
}

/// A request with one message and `more`.
fn responses(more: &Value) -> Value {
    let mut body = json!({"model": "m", "input": "hi"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn messages(more: &Value) -> Value {
    let mut body = json!({"model": "m", "max_tokens": 4096, "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn tool(more: &Value) -> Value {
    let mut tool = json!({"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}});
    tool.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!([tool])
}

#[test]
fn no_developer_role() {
    let body =
        json!({"model": "m", "input": [{"role": "developer", "content": "x"}, {"role": "user", "content": "y"}]});
    let (without, with, _) = told(Quirk::NoDeveloperRole, Responses, &body, OpenAi);
    assert_eq!(
        (&without["messages"][0]["role"], &with["messages"][0]["role"]),
        (&json!("developer"), &json!("system"))
    );
}

#[test]
fn max_tokens_old_name() {
    let body = responses(&json!({"max_output_tokens": 9}));
    let (without, with, lost) = told(Quirk::MaxTokensOldName, Responses, &body, OpenAi);
    assert_eq!((&without["max_completion_tokens"], &with["max_tokens"]), (&json!(9), &json!(9)));
    assert!(with.get("max_completion_tokens").is_none() && lost.is_empty());
}

#[test]
fn no_sampling() {
    let body = messages(&json!({"temperature": 0.5, "top_p": 0.5}));
    for to in [OpenAi, Responses] {
        let (without, with, lost) = told(Quirk::NoSampling, Anthropic, &body, to);
        assert_eq!(without["temperature"], 0.5);
        assert!(with.get("temperature").is_none() && with.get("top_p").is_none());
        assert_eq!(lost, "temperature, top_p");
    }
    let (_, with, lost) = told(Quirk::NoSampling, Responses, &responses(&json!({"temperature": 0.5})), Anthropic);
    assert_eq!((with.get("temperature"), lost.as_str()), (None, "temperature"));
}

#[test]
fn plain_sampling() {
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {"temperature": 0.5, "seed": 1, "presencePenalty": 1.0}});
    let (without, with, lost) = told(Quirk::PlainSampling, Gemini, &body, OpenAi);
    assert_eq!((&without["seed"], &with["temperature"]), (&json!(1), &json!(0.5)));
    assert!(with.get("seed").is_none() && with.get("presence_penalty").is_none());
    assert!(lost.contains("seed") && lost.contains("presencePenalty"), "{lost}");
}

/// The gateway looks for the text itself, so that nothing is lost.
#[test]
fn no_stop() {
    let (without, with, lost) = told(Quirk::NoStop, Anthropic, &messages(&json!({"stop_sequences": ["x"]})), OpenAi);
    assert_eq!((&without["stop"], with.get("stop"), lost.as_str()), (&json!(["x"]), None, ""));
}

#[test]
fn no_parallel_switch() {
    let body = responses(&json!({"parallel_tool_calls": false, "tools": tool(&json!({}))}));
    let (without, with, lost) = told(Quirk::NoParallelSwitch, Responses, &body, OpenAi);
    assert_eq!((&without["parallel_tool_calls"], with.get("parallel_tool_calls")), (&json!(false), None));
    assert_eq!(lost, "parallel_tool_calls");
}

#[test]
fn no_schema_format() {
    let format = json!({"type": "json_schema", "name": "n", "schema": {"type": "object"}});
    let body = responses(&json!({"text": {"format": format}}));
    let (without, with, lost) = told(Quirk::NoSchemaFormat, Responses, &body, OpenAi);
    assert_eq!(without["response_format"]["type"], "json_schema");
    assert_eq!((&with["response_format"], lost.as_str()), (&json!({"type": "json_object"}), "text.format"));
    assert!(with["messages"][0]["content"].as_str().unwrap().contains(r#"{"type":"object"}"#), "{with}");
}

#[test]
fn no_stream_options() {
    let body = responses(&json!({"stream": true}));
    let (without, with, _) = told(Quirk::NoStreamOptions, Responses, &body, OpenAi);
    assert_eq!((&without["stream_options"]["include_usage"], with.get("stream_options")), (&json!(true), None));
}

#[test]
fn no_effort() {
    let body = responses(&json!({"reasoning": {"effort": "high"}}));
    let (without, with, lost) = told(Quirk::NoEffort, Responses, &body, OpenAi);
    assert_eq!((&without["reasoning_effort"], with.get("reasoning_effort")), (&json!("high"), None));
    assert_eq!(lost, "reasoning.effort");
    let body = messages(&json!({"thinking": {"type": "enabled", "budget_tokens": 2048}}));
    let (without, with, lost) = told(Quirk::NoEffort, Anthropic, &body, Responses);
    assert!(without["reasoning"].get("effort").is_some() && with["reasoning"].get("effort").is_none());
    assert_eq!(lost, "thinking");
}

#[test]
fn no_thinking() {
    let body = responses(&json!({"reasoning": {"effort": "high"}}));
    for (to, path) in [(Anthropic, "/thinking"), (Gemini, "/generationConfig/thinkingConfig"), (Cohere, "/thinking")] {
        let (without, with, lost) = told(Quirk::NoThinking, Responses, &body, to);
        assert!(without.pointer(path).is_some() && with.pointer(path).is_none(), "{to} {with}");
        assert_eq!(lost, "reasoning.effort");
    }
}

#[test]
fn adaptive_thinking() {
    let body = responses(&json!({"reasoning": {"effort": "high"}}));
    let (without, with, _) = told(Quirk::AdaptiveThinking, Responses, &body, Anthropic);
    assert_eq!((&without["thinking"]["type"], &with["thinking"]["type"]), (&json!("enabled"), &json!("adaptive")));
    assert_eq!(with["output_config"]["effort"], "high");
}

#[test]
fn always_thinks() {
    let body = responses(&json!({"reasoning": {"effort": "none"}}));
    let (without, with, _) = told(Quirk::AlwaysThinks, Responses, &body, Anthropic);
    assert_eq!((&without["thinking"]["type"], with.get("thinking")), (&json!("disabled"), None));
    let (without, with, lost) = told(Quirk::AlwaysThinks, Responses, &body, Gemini);
    let budget = |body: &Value| body["generationConfig"]["thinkingConfig"]["thinkingBudget"].clone();
    assert_eq!((budget(&without), budget(&with), lost.as_str()), (json!(0), json!(128), "reasoning.effort"));
    assert!(Dialect::of("google", Gemini, "gemini-2.5-pro").has(Quirk::AlwaysThinks));
    assert!(!Dialect::of("google", Gemini, "gemini-2.5-flash").has(Quirk::AlwaysThinks));
}

#[test]
fn thinking_level() {
    let body = responses(&json!({"reasoning": {"effort": "low"}}));
    let (without, with, _) = told(Quirk::ThinkingLevel, Responses, &body, Gemini);
    let config = |body: &Value| body["generationConfig"]["thinkingConfig"].clone();
    assert!(config(&without).get("thinkingBudget").is_some());
    assert_eq!(config(&with)["thinkingLevel"], "LOW");
}

/// A turn with a thought and a call, and the call's result.
fn thoughtful() -> Value {
    json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "tool_use", "id": "toolu_01", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_01", "content": "r"}]}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}]})
}

/// DeepSeek and Kimi want it back; others refuse it.
#[test]
fn replays_reasoning() {
    let (without, with, _) = told(Quirk::ReplaysReasoning, Anthropic, &thoughtful(), OpenAi);
    assert_eq!(without["messages"][1].get("reasoning_content"), None);
    assert_eq!(with["messages"][1]["reasoning_content"], "hm");
}

#[test]
fn no_null_content() {
    let (without, with, _) = told(Quirk::NoNullContent, Anthropic, &thoughtful(), OpenAi);
    assert_eq!((&without["messages"][1]["content"], &with["messages"][1]["content"]), (&json!(null), &json!("")));
}

#[test]
fn nine_letter_ids() {
    let (_, with, _) = told(Quirk::NineLetterIds, Anthropic, &thoughtful(), OpenAi);
    let id = with["messages"][1]["tool_calls"][0]["id"].as_str().unwrap();
    assert_eq!((id.len(), &with["messages"][2]["tool_call_id"]), (9, &json!(id)));
}

#[test]
fn no_strict_tools() {
    let body = responses(&json!({"tools": tool(&json!({"strict": true}))}));
    let (without, with, lost) = told(Quirk::NoStrictTools, Responses, &body, OpenAi);
    assert_eq!(without["tools"][0]["function"]["strict"], true);
    assert_eq!((with["tools"][0]["function"].get("strict"), lost.as_str()), (None, "tools.strict"));
}

#[test]
fn no_system_and_system_first_only() {
    let body = json!({"model": "m", "input": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"},
        {"role": "system", "content": "c"}, {"role": "user", "content": "d"}]});
    let roles = |body: &Value| {
        let all = body["messages"].as_array().unwrap();
        all.iter().map(|m| m["role"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (without, with, _) = told(Quirk::SystemFirstOnly, Responses, &body, OpenAi);
    assert_eq!(
        (roles(&without)[2].as_str(), roles(&with)[0].as_str(), roles(&with)[2].as_str()),
        ("system", "system", "user")
    );
    let (_, with, _) = told(Quirk::NoSystem, Responses, &body, OpenAi);
    assert!(!roles(&with).contains(&"system".to_owned()), "{with}");
}

#[test]
fn openai_extras() {
    let body = responses(&json!({"prompt_cache_key": "k", "service_tier": "flex", "text": {"verbosity": "low"}}));
    let (without, with, lost) = told(Quirk::OpenAiExtras, Responses, &body, OpenAi);
    for name in ["prompt_cache_key", "service_tier", "verbosity"] {
        assert!(without.get(name).is_none() && with.get(name).is_some(), "{name} {with}");
    }
    assert!(lost.is_empty());
}
