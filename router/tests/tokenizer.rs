//! Exact counts of tokens: OpenAI's own examples, and the same question in every protocol.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use serde_json::{Value, json};
use tokenrouter::count::estimate;
use tokenrouter::count::tokenizer::Vocabulary;

const GPT_5: Vocabulary = Vocabulary::O200k;

fn count(vocabulary: Vocabulary, request: &Value) -> u64 {
    vocabulary.request_tokens(request.to_string().as_bytes()).unwrap()
}

#[test]
fn models_are_known_by_name_whoever_serves_them() {
    for model in
        ["gpt-5", "gpt-5.1-codex", "GPT-4o-2024-08-06", "openai/gpt-5-mini", "openrouter/openai/o3", "gpt-oss-120b"]
    {
        assert_eq!(Vocabulary::of(model), Some(Vocabulary::O200k), "{model}");
    }
    for model in ["gpt-4", "gpt-4-turbo", "openai/gpt-3.5-turbo", "text-embedding-3-small"] {
        assert_eq!(Vocabulary::of(model), Some(Vocabulary::Cl100k), "{model}");
    }
    for model in
        ["claude-opus-5", "gemini-3-pro", "openai/", "", "/", "ok", "llama-3.3-70b", "deepseek-chat", "davinci"]
    {
        assert_eq!(Vocabulary::of(model), None, "{model}");
    }
}

/// The counts are those of the crate bpe-openai 0.3.2 for o200k.
#[test]
fn texts_are_counted_exactly() {
    for (text, tokens) in [
        (include_str!("corpus/chinese.txt"), 45),
        (include_str!("corpus/code.rs.txt"), 122),
        (include_str!("corpus/english.txt"), 49),
        (include_str!("corpus/german.txt"), 25),
        (include_str!("corpus/japanese.txt"), 54),
        (include_str!("corpus/korean.txt"), 34),
        (include_str!("corpus/log.txt"), 84),
        (include_str!("corpus/russian.txt"), 30),
        (include_str!("corpus/tools.json.txt"), 74),
    ] {
        assert_eq!(GPT_5.text_tokens(text), tokens, "{text}");
    }
    assert_eq!(GPT_5.text_tokens(""), 0);
    assert!(GPT_5.text_tokens("<|endoftext|>") > 1, "a mark in a text is text");
}

/// The example of OpenAI's reference costs 19 tokens; that of its cookbook, with a tool, 101.
#[test]
fn requests_cost_what_openai_says() {
    let hello = json!({"model": "gpt-4o", "messages": [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Hello!"},
    ]});
    assert_eq!(count(GPT_5, &hello), 19);
    assert_eq!(count(Vocabulary::Cl100k, &hello), 19);
    let weather = json!({
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": "You are a helpful assistant that can answer to questions about the weather."},
            {"role": "user", "content": "What's the weather like in Pittsburgh?"},
        ],
        "tools": [{"type": "function", "function": {
            "name": "get_current_weather",
            "description": "Get the current weather in a given location",
            "parameters": {
                "type": "object",
                "properties": {
                    "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
                    "unit": {
                        "type": "string", "description": "The unit of temperature to return",
                        "enum": ["celsius", "fahrenheit"],
                    },
                },
                "required": ["location"],
            },
        }}],
    });
    let found = count(GPT_5, &weather);
    assert!(found.abs_diff(101) <= 10, "{found}");
}

#[test]
fn every_protocol_asks_the_same_question() {
    let text = include_str!("corpus/english.txt");
    let chat = count(GPT_5, &json!({"messages": [{"role": "user", "content": text}]}));
    let others = [
        json!({"max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]}),
        json!({"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}]}),
        json!({"contents": [{"role": "user", "parts": [{"text": text}]}]}),
    ];
    for other in others {
        assert_eq!(count(GPT_5, &other), chat, "{other}");
    }
}

#[test]
fn what_no_model_reads_costs_nothing() {
    let plain = json!({"messages": [{"role": "user", "content": "Hello!"}]});
    let dressed = json!({
        "model": "gpt-5", "user": "somebody", "metadata": {"a": "b"}, "prompt_cache_key": "key", "seed": 7, "stop": ["x"],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello!", "cache_control": {"type": "ephemeral"}}]}],
    });
    assert_eq!(count(GPT_5, &dressed), count(GPT_5, &plain));
    // Arguments are read, fields called `id` among them.
    let call = |input: Value| json!({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "read", "input": input}]}]});
    assert!(count(GPT_5, &call(json!({"id": "a long and important word"}))) > count(GPT_5, &call(json!({}))) + 5);
}

#[test]
fn media_and_nonsense_are_bounded() {
    let image = format!("data:image/png;base64,{}", "A".repeat(1_000_000));
    let request =
        json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": image}}]}]});
    assert!(count(GPT_5, &request) < 900);
    let inline =
        json!({"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": image}}]}]});
    assert!(count(GPT_5, &inline) < 900);
    for nonsense in [&b"{"[..], b"[]", b"\"x\"", b"\xff", b""] {
        assert_eq!(GPT_5.request_tokens(nonsense), None);
    }
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(GPT_5.request_tokens(format!(r#"{{"a":{deep}}}"#).as_bytes()), None);
}

/// Row 123 of the feature table: the estimate against the real thing, on the same corpus.
#[test]
fn row_123_the_estimate_stays_within_a_tenth_of_the_tokenizer() {
    let corpus = [
        include_str!("corpus/chinese.txt"),
        include_str!("corpus/code.rs.txt"),
        include_str!("corpus/english.txt"),
        include_str!("corpus/german.txt"),
        include_str!("corpus/japanese.txt"),
        include_str!("corpus/korean.txt"),
        include_str!("corpus/log.txt"),
        include_str!("corpus/russian.txt"),
        include_str!("corpus/tools.json.txt"),
    ];
    let counted: u64 = corpus.iter().map(|text| GPT_5.text_tokens(text)).sum();
    let estimated: u64 = corpus.iter().map(|text| estimate::text_tokens(text)).sum();
    assert!(estimated.abs_diff(counted) * 10 <= counted, "{estimated} for {counted}");
}
