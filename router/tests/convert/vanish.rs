//! No field of a request vanishes: it is refused, named as a loss, or changes what the provider gets.

use serde_json::{Value, json};
use tokenrouter::Protocol::{self, Anthropic, Cohere, Gemini, OpenAi, Responses};

use crate::support::ask;

/// Fields that every provider does without, or that are the gateway's own business, with the reason.
const OF_NO_ACCOUNT: &[(Protocol, &str, &str)] = &[
    (OpenAi, "stream_options", "the gateway asks for usage in any case"),
    (OpenAi, "top_logprobs", "asks for nothing without logprobs"),
    (Responses, "include", "its other words are about tools of the vendor and its own reasoning"),
    (Responses, "top_logprobs", "asks for nothing without probabilities"),
    (Cohere, "tool_choice", "asks for nothing without tools"),
    (OpenAi, "tool_choice", "asks for nothing without tools"),
    (Responses, "tool_choice", "asks for nothing without tools"),
    (Anthropic, "tool_choice", "asks for nothing without tools"),
    (Gemini, "toolConfig", "asks for nothing without tools"),
    (OpenAi, "parallel_tool_calls", "asks for nothing without tools"),
    (Responses, "parallel_tool_calls", "asks for nothing without tools"),
    (Responses, "store", "whether to keep the answer is the gateway's own business"),
    (Anthropic, "cache_control", "a mark that other vendors do without"),
];

fn fields(protocol: Protocol) -> Value {
    let schema = json!({"type": "object", "properties": {}, "additionalProperties": false});
    match protocol {
        OpenAi => json!({
            "audio": {"voice": "x", "format": "wav"}, "frequency_penalty": 0.5, "presence_penalty": 0.5,
            "logit_bias": {"1": 2}, "logprobs": true, "top_logprobs": 2, "max_completion_tokens": 99, "max_tokens": 99,
            "metadata": {"k": "v"}, "modalities": ["text", "audio"], "moderation": {"model": "x"}, "n": 2,
            "prediction": {"type": "content", "content": "x"}, "prompt_cache_key": "k",
            "prompt_cache_options": {"mode": "explicit"}, "prompt_cache_retention": "24h", "reasoning_effort": "low",
            "response_format": {"type": "json_object"}, "safety_identifier": "u", "seed": 7, "service_tier": "flex",
            "stop": "x", "store": true, "stream": true, "stream_options": {"include_usage": true}, "temperature": 0.5,
            "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required", "top_p": 0.5,
            "parallel_tool_calls": false, "user": "u", "verbosity": "low", "web_search_options": {},
            "functions": [{"name": "f"}], "top_k": 5}),
        Responses => json!({
            "instructions": "sys", "tools": [{"type": "function", "name": "f"}], "tool_choice": "required",
            "parallel_tool_calls": false, "max_output_tokens": 99, "max_tool_calls": 3, "temperature": 0.5,
            "top_p": 0.5, "top_logprobs": 2, "text": {"format": {"type": "json_object"}}, "reasoning": {"effort": "low"},
            "include": ["web_search_call.results"], "store": true, "previous_response_id": "resp_1",
            "conversation": "c", "background": true, "truncation": "auto", "prompt": {"id": "p"},
            "context_management": [{"type": "compaction"}], "prompt_cache_key": "k",
            "prompt_cache_options": {"mode": "explicit"}, "prompt_cache_retention": "24h", "safety_identifier": "u",
            "user": "u", "metadata": {"k": "v"}, "moderation": {"model": "x"}, "service_tier": "flex", "stream": true,
            "stream_options": {"include_obfuscation": true}, "image": {"context_compression": true},
            "client_metadata": {"k": "v"}}),
        Anthropic => json!({
            "max_tokens": 77, "system": "sys", "tools": [{"name": "f", "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "any"}, "thinking": {"type": "enabled", "budget_tokens": 2048},
            "output_config": {"format": {"type": "json_schema", "schema": schema}}, "stop_sequences": ["x"],
            "stream": true, "metadata": {"user_id": "u"}, "service_tier": "standard_only", "speed": "fast",
            "cache_control": {"type": "ephemeral"}, "container": "c", "inference_geo": "eu",
            "diagnostics": {"previous_message_id": "m"}, "context_management": {"edits": []},
            "mcp_servers": [{"url": "https://e.example"}], "fallbacks": [{"model": "x"}], "thread": {"type": "create"},
            "temperature": 0.5, "top_p": 0.5, "top_k": 5}),
        Gemini => json!({
            "systemInstruction": {"parts": [{"text": "sys"}]}, "tools": [{"functionDeclarations": [{"name": "f"}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}, "safetySettings": [{"category": "x"}],
            "cachedContent": "c", "labels": {"k": "v"}, "serviceTier": "flex", "store": true, "continuationToken": "t"}),
        Cohere => json!({
            "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "REQUIRED",
            "documents": ["d"], "citation_options": {"mode": "FAST"}, "response_format": {"type": "json_object"},
            "safety_mode": "STRICT", "max_tokens": 77, "stop_sequences": ["x"], "temperature": 0.5, "p": 0.5, "k": 5,
            "frequency_penalty": 0.5, "presence_penalty": 0.5, "seed": 7, "logprobs": true,
            "thinking": {"type": "enabled", "token_budget": 2048}, "priority": 3, "stream": true}),
    }
}

/// Those that Gemini's clients put one level deeper.
fn settings() -> Value {
    json!({
        "temperature": 0.5, "topP": 0.5, "topK": 5, "candidateCount": 2, "maxOutputTokens": 77, "stopSequences": ["x"],
        "responseLogprobs": true, "presencePenalty": 0.5, "frequencyPenalty": 0.5, "seed": 7,
        "responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"},
        "responseJsonSchema": {"type": "object"}, "responseModalities": ["AUDIO"],
        "mediaResolution": "MEDIA_RESOLUTION_LOW", "speechConfig": {}, "imageConfig": {}, "audioTimestamp": true,
        "thinkingConfig": {"thinkingBudget": 2048}})
}

fn plain(protocol: Protocol) -> Value {
    match protocol {
        OpenAi | Cohere => json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}),
        Responses => json!({"model": "m", "input": "hi"}),
        Anthropic => json!({"model": "m", "max_tokens": 9000, "messages": [{"role": "user", "content": "hi"}]}),
        Gemini => json!({"contents": [{"parts": [{"text": "hi"}]}]}),
    }
}

/// Whether anybody notices what `with` has more than `without`.
fn is_noticed(from: Protocol, without: &Value, with: &Value, to: Protocol, model: &str) -> bool {
    let before = ask(from, &without.to_string(), to, model).unwrap_or_else(|e| panic!("{from}: {}", e.message));
    let Ok(after) = ask(from, &with.to_string(), to, model) else { return true };
    // Stop texts that the gateway looks for itself, and whether the client waits for a stream, are on the way back.
    let is_cut = format!("{:?}", after.back).contains(r#"cut: ["x"]"#);
    let says_more = after.losses.all().len() > before.losses.all().len();
    says_more || after.body != before.body || is_cut || after.back.wants_stream()
}

#[test]
fn no_field_vanishes_on_its_way_to_another_protocol() {
    let models = [
        (OpenAi, "openai/gpt-4o"),
        (OpenAi, "x/llama"),
        (Responses, "openai/gpt-5.2"),
        (Responses, "x/some-model"),
        (Anthropic, "anthropic/claude-sonnet-4-5"),
        (Anthropic, "anthropic/claude-opus-5"),
        (Gemini, "google/gemini-2.5-pro"),
        (Gemini, "google/gemini-3-pro"),
        (Cohere, "cohere/command-a"),
    ];
    let mut vanished = Vec::new();
    for from in Protocol::ALL {
        let without = plain(from);
        let mut all: Vec<(String, Value)> = Vec::new();
        for (name, value) in fields(from).as_object().unwrap() {
            let mut with = without.clone();
            with[name] = value.clone();
            all.push((name.clone(), with));
        }
        for (name, value) in settings().as_object().unwrap().iter().filter(|_| from == Gemini) {
            let mut with = without.clone();
            with["generationConfig"][name] = value.clone();
            all.push((format!("generationConfig.{name}"), with));
        }
        for (name, with) in all {
            if OF_NO_ACCOUNT.iter().any(|(of, field, _)| *of == from && *field == name) {
                continue;
            }
            for (to, model) in models.iter().filter(|(to, _)| *to != from) {
                if !is_noticed(from, &without, &with, *to, model) {
                    vanished.push(format!("{from} to {model}: {name}"));
                }
            }
        }
    }
    assert!(vanished.is_empty(), "{} vanished:\n{}", vanished.len(), vanished.join("\n"));
}
