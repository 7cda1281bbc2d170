//! What clients of each kind find in a list, field by field.

use serde_json::{Value, json};

use super::*;
use crate::catalog::models::{Can, Effort, Facts, Modality, Mode};
use crate::price::{Price, Rate, Unit};

/// 2026-11-21.
const NOW_MS: u64 = 1_795_219_200_000;

fn rate(text: &str) -> Rate {
    Rate::parse(text).unwrap()
}

fn claude() -> Card {
    let facts = Facts::default()
        .with_context(200_000)
        .with_max_output(64_000)
        .with_mode(Mode::Chat)
        .with_input(Modality::Text)
        .with_input(Modality::Image)
        .with_input(Modality::Pdf)
        .with(Can::Tools, true)
        .with(Can::Reasoning, true)
        .with(Can::Schema, true)
        .with_effort(Effort::Low)
        .with_effort(Effort::High)
        .with_until("2027-03-01");
    let price = Price::new(rate("3"), rate("15"))
        .with(Unit::CacheRead, rate("0.3"))
        .with(Unit::CacheWrite5m, rate("3.75"))
        .until(NOW_MS + 1, Price::new(rate("9"), rate("9")));
    Card {
        display_name: Some("Claude".into()),
        created_s: Some(1_700_000_000),
        ..Card::new("an/claude", "an").with_facts(facts).with_price(Quote::of(&price, NOW_MS))
    }
}

fn cards() -> [Card; 2] {
    [claude(), Card::new("home/qwen", "home")]
}

fn read(shape: Shape) -> Value {
    serde_json::from_slice(&list(shape, Page::whole(&cards()))).unwrap()
}

#[test]
fn openais_clients() {
    let expected = json!({"object": "list", "data": [
        {"id": "an/claude", "object": "model", "created": 1_700_000_000, "owned_by": "an", "shutdown_date": "2027-03-01",
         "name": "Claude", "context_window": 200_000, "context_length": 200_000, "max_model_len": 200_000,
         "max_output_tokens": 64_000,
         "top_provider": {"context_length": 200_000, "max_completion_tokens": 64_000, "is_moderated": false},
         "architecture": {"input_modalities": ["text", "image", "file"]},
         "pricing": {"prompt": "0.000003", "completion": "0.000015", "input_cache_read": "0.0000003", "input_cache_write": "0.00000375"},
         "supported_parameters": ["max_tokens", "stop", "tools", "tool_choice", "reasoning", "reasoning_effort",
            "include_reasoning", "structured_outputs", "response_format"],
         "reasoning_efforts": ["low", "high"]},
        {"id": "home/qwen", "object": "model", "created": 0, "owned_by": "home", "name": "home/qwen"},
    ]});
    assert_eq!(read(Shape::OpenAi), expected);
}

#[test]
fn our_own_list_is_read_back_as_it_was() {
    let bytes = list(Shape::OpenAi, Page::whole(&cards()));
    let page = crate::catalog::listed::read(&bytes, crate::catalog::listed::Bounds::default()).unwrap();
    let read = &page.models[0];
    assert_eq!((read.context_window, read.max_output), (Some(200_000), Some(64_000)));
    assert_eq!((read.prices.input_nanos, read.prices.cache_read_nanos), (Some(3_000_000_000), Some(300_000_000)));
    assert_eq!(
        (read.abilities.tools, read.abilities.reasoning, read.abilities.vision),
        (Some(true), Some(true), Some(true))
    );
    assert_eq!(page.models[1].abilities.tools, None, "what is not known does not become impossible");
}

#[test]
fn anthropics_clients() {
    let yes = json!({"supported": true});
    let no = json!({"supported": false});
    let expected = json!({"data": [
        {"type": "model", "id": "an/claude", "display_name": "Claude", "created_at": "2023-11-14T22:13:20Z",
         "lifecycle": "deprecated", "deprecated_at": null, "retires_at": "2027-03-01T00:00:00Z", "line": null,
         "max_input_tokens": 200_000, "max_tokens": 64_000,
         "capabilities": {"batch": no, "citations": no, "code_execution": no, "context_management": no,
            "effort": {"supported": true, "low": yes, "medium": no, "high": yes, "xhigh": no, "max": no},
            "image_input": yes, "pdf_input": yes, "structured_outputs": yes,
            "server_tools": {"supported": false, "web_search": no, "code_execution": no},
            "thinking": {"supported": true, "types": {"adaptive": no, "enabled": yes, "disabled": yes, "between_tools": no}}}},
        {"type": "model", "id": "home/qwen", "display_name": "home/qwen", "created_at": "1970-01-01T00:00:00Z",
         "lifecycle": "active", "deprecated_at": null, "retires_at": null, "line": null,
         "max_input_tokens": null, "max_tokens": null, "capabilities": null},
    ], "has_more": false, "first_id": "an/claude", "last_id": "home/qwen"});
    assert_eq!(read(Shape::Anthropic), expected);
    let empty: Value = serde_json::from_slice(&list(Shape::Anthropic, Page::whole(&[]))).unwrap();
    assert_eq!(empty, json!({"data": [], "has_more": false, "first_id": null, "last_id": null}));
}

#[test]
fn googles_clients() {
    let methods = json!(["generateContent", "streamGenerateContent", "countTokens"]);
    let expected = json!({"models": [
        {"name": "models/an/claude", "baseModelId": "an/claude", "version": "1", "displayName": "Claude",
         "inputTokenLimit": 200_000, "outputTokenLimit": 64_000, "supportedGenerationMethods": methods, "thinking": true},
        {"name": "models/home/qwen", "baseModelId": "home/qwen", "version": "1", "displayName": "home/qwen",
         "supportedGenerationMethods": methods},
    ]});
    assert_eq!(read(Shape::Gemini), expected);
    let vectors = Card::new("v", "p").with_facts(Facts::default().with_mode(Mode::Embedding));
    let told: Value = serde_json::from_slice(&one(Shape::Gemini, &vectors)).unwrap();
    assert_eq!(told["supportedGenerationMethods"], json!([]));
}

#[test]
fn coheres_clients() {
    let expected = json!({"models": [
        {"name": "an/claude", "is_deprecated": true, "endpoints": ["chat"], "finetuned": false, "context_length": 200_000,
         "features": ["tools", "json_mode", "json_schema", "vision", "reasoning"], "default_endpoints": []},
        {"name": "home/qwen", "is_deprecated": false, "endpoints": ["chat"], "finetuned": false, "default_endpoints": []},
    ]});
    assert_eq!(read(Shape::Cohere), expected);
}

#[test]
fn codex() {
    let told = read(Shape::Codex { is_whole: false });
    let models = told["models"].as_array().unwrap();
    let claude = &models[0];
    for (field, expected) in [
        ("slug", json!("an/claude")),
        ("display_name", json!("Claude")),
        ("default_reasoning_level", json!("low")),
        ("context_window", json!(200_000)),
        ("auto_compact_token_limit", json!(180_000)),
        ("apply_patch_tool_type", json!(null)),
        ("input_modalities", json!(["text", "image"])),
        ("experimental_supported_tools", json!([])),
        ("truncation_policy", json!({"mode": "tokens", "limit": 10_000})),
    ] {
        assert_eq!(claude[field], expected, "{field}");
    }
    let efforts: Vec<&str> = claude["supported_reasoning_levels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["effort"].as_str().unwrap())
        .collect();
    assert_eq!(efforts, ["low", "high"]);
    // Codex takes nothing at all where one entry lacks one of these.
    for model in models {
        for field in "slug display_name supported_reasoning_levels shell_type visibility supported_in_api priority \
                      base_instructions supports_reasoning_summaries support_verbosity truncation_policy \
                      supports_parallel_tool_calls experimental_supported_tools"
            .split_whitespace()
        {
            assert!(!model[field].is_null(), "{field} of {model}");
        }
        assert!(!model["base_instructions"].as_str().unwrap().is_empty());
    }
    assert!(models[1].get("context_window").is_none(), "what is not known is not told");
}

#[test]
fn codex_keeps_what_it_knows() {
    let tools = |id: &str| Card::new(id, "p").with_facts(Facts::default().with(Can::Tools, true));
    let vectors = Card::new("p/vectors", "p").with_facts(Facts::default().with_mode(Mode::Embedding));
    let deaf = Card::new("p/deaf", "p").with_facts(Facts::default().with(Can::Tools, false));
    let alias = Card::alias("chat", "gateway", [&tools("openai/gpt-5.5")]);
    let cards = [alias, tools("openai/gpt-5.5"), tools("openai/gpt-5"), tools("p/x"), vectors, deaf, tools("open")];
    let slugs = |is_whole: bool| -> Vec<String> {
        let told: Value = serde_json::from_slice(&list(Shape::Codex { is_whole }, Page::whole(&cards))).unwrap();
        told["models"].as_array().unwrap().iter().map(|m| m["slug"].as_str().unwrap().to_owned()).collect()
    };
    // `openai/gpt-5` and `open` would be taken for `openai/gpt-5.5`.
    assert_eq!(slugs(false), ["chat", "p/x"]);
    assert_eq!(slugs(true), ["chat", "openai/gpt-5.5", "openai/gpt-5", "p/x", "open"]);
    let told: Value = serde_json::from_slice(&list(Shape::Codex { is_whole: true }, Page::whole(&cards))).unwrap();
    assert_eq!(told["models"][0]["apply_patch_tool_type"], "freeform");
}

#[test]
fn codex_is_told_no_more_than_it_reads() {
    let cards: Vec<Card> = (0..5_000).map(|at| Card::new(format!("p/model-{at}"), "p")).collect();
    let text = list(Shape::Codex { is_whole: false }, Page::whole(&cards));
    assert!((900_000..1_000_000).contains(&text.len()), "{}", text.len());
    let told: Value = serde_json::from_slice(&text).unwrap();
    let shown = told["models"].as_array().unwrap().iter().filter(|m| m["visibility"] == "list").count();
    assert_eq!(shown, 50);
}

#[test]
fn pages_name_the_next() {
    let cards = cards();
    let page = Window { limit: Some(1), ..Window::default() }.cut(&cards).unwrap();
    for (shape, pointer, expected) in [
        (Shape::Anthropic, "/has_more", json!(true)),
        (Shape::Anthropic, "/last_id", json!("an/claude")),
        (Shape::Gemini, "/nextPageToken", json!("an/claude")),
        (Shape::Cohere, "/next_page_token", json!("an/claude")),
    ] {
        let told: Value = serde_json::from_slice(&list(shape, page)).unwrap();
        assert_eq!(told.pointer(pointer), Some(&expected), "{shape:?}");
    }
}

#[test]
fn wishes_choose_and_sort() {
    let cheap = |id: &str, price: &str| {
        let price = Price::new(rate(price), rate(price));
        Card::new(id, "b").with_price(Quote::of(&price, NOW_MS)).with_facts(Facts::default().with(Can::Tools, true))
    };
    let [claude, qwen] = cards();
    let cards = [qwen, cheap("b/two", "2"), cheap("b/free", "0"), claude];
    let chosen = |wishes: &[(&str, &str)]| -> Vec<&str> {
        let mut wanted = Selection::default();
        for (key, value) in wishes {
            wanted.set(key, value).unwrap();
        }
        wanted.of(&cards).into_iter().map(|card| card.id.as_str()).collect()
    };
    for (wishes, expected) in [
        (&[("other", "x")][..], &["home/qwen", "b/two", "b/free", "an/claude"][..]),
        (&[("provider", "b")], &["b/two", "b/free"]),
        (&[("can", "tools,vision")], &["an/claude"]),
        (&[("can", "Structured-Output")], &["an/claude"]),
        (&[("free", "")], &["b/free"]),
        (&[("free", "false"), ("limit", "1")], &["home/qwen"]),
        (&[("max_price", "2.0")], &["b/two", "b/free"]),
        (&[("search", "AN claude")], &["an/claude"]),
        (&[("sort", "price")], &["b/free", "b/two", "an/claude", "home/qwen"]),
        (&[("sort", "name"), ("limit", "2")], &["an/claude", "b/free"]),
        (&[("sort", "context"), ("limit", "1")], &["an/claude"]),
        (&[("sort", "newest"), ("limit", "1")], &["an/claude"]),
    ] {
        assert_eq!(chosen(wishes), expected, "{wishes:?}");
    }
    for (key, value, closest) in [
        ("can", "visio", &["vision"][..]),
        ("sort", "prize", &["price"]),
        ("limit", "0", &[]),
        ("max_price", "cheap", &[]),
    ] {
        let unclear = Selection::default().set(key, value).unwrap_err();
        assert_eq!(unclear.closest.first(), closest.first(), "{unclear}");
    }
    assert_eq!(Selection::default().set("can", "qqq").unwrap_err().closest.len(), Need::ALL.len());
}

#[test]
fn an_alias_promises_what_each_of_its_targets_keeps() {
    let priced = |id: &str, context: u64, price: &str| {
        let price = Price::new(rate(price), rate("9"));
        Card::new(id, "p").with_facts(Facts::default().with_context(context)).with_price(Quote::of(&price, NOW_MS))
    };
    let (small, large) = (priced("a", 1_000, "5"), priced("b", 2_000, "1"));
    for targets in [[&small, &large], [&large, &small]] {
        let alias = Card::alias("chat", "gateway", targets);
        assert_eq!(alias.facts.context(), Some(1_000));
        assert_eq!(alias.price.and_then(|price| price.input), Some(rate("5")));
    }
    let unpriced = Card::new("c", "p");
    let alias = Card::alias("chat", "gateway", [&small, &unpriced]);
    assert_eq!((alias.facts.context(), alias.price), (None, None), "of one it is not known");
    assert_eq!(alias.targets, ["a", "c"]);
}
