//! What a conversion costs: a small request both ways, a large agent request, one chunk of a stream.
#![expect(clippy::unwrap_used, reason = "a benchmark may fail by panicking")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tokenrouter::Protocol;
use tokenrouter::catalog::{Catalogue, Preset};
use tokenrouter::chat::Target;
use tokenrouter::convert::{Asked, Context, Path, Translated, translate};
use tokenrouter::count::Counts;
use tokenrouter::dialect::Dialect;
use tokenrouter::price::{Bill, ServiceTier};

fn ask(from: Protocol, body: &str, to: Protocol, model: &str) -> Translated {
    let asked = Asked { protocol: from, body: body.as_bytes(), path: Path::default() };
    let context = Context { seed: "0123456789abcdef".into(), ..Context::default() };
    translate(asked, &Target::new("openai", to, model), context).unwrap()
}

/// About 100 KB as a coding agent sends them: thirty tools, forty turns of calls and results.
fn agent_body() -> String {
    let schema = r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"path":{"type":"string","description":"The file to read, as an absolute path"},"limit":{"type":"integer","exclusiveMinimum":0},"options":{"type":"object","properties":{"a":{"type":"array","items":{"type":"string"}}}}},"required":["path"],"additionalProperties":false}"#;
    let text = "Reads a file from the local file system; it may be an image. ".repeat(8);
    let tools: Vec<String> =
        (0..30).map(|n| format!(r#"{{"name":"tool_{n}","description":"{text}","input_schema":{schema}}}"#)).collect();
    let output = "fn main() { println!(\\\"hello\\\"); }\\n".repeat(40);
    let turns: Vec<String> = (0..40)
        .map(|n| {
            format!(
                r#"{{"role":"assistant","content":[{{"type":"text","text":"Now the file {n}."}},{{"type":"tool_use","id":"toolu_{n}","name":"tool_1","input":{{"path":"/a/b/{n}.rs","limit":100}}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"toolu_{n}","content":[{{"type":"text","text":"{output}"}}]}}]}}"#
            )
        })
        .collect();
    format!(
        r#"{{"model":"m","max_tokens":32000,"stream":true,"system":[{{"type":"text","text":"You are an agent.","cache_control":{{"type":"ephemeral"}}}}],"tools":[{}],"messages":[{{"role":"user","content":"go"}},{}]}}"#,
        tools.join(","),
        turns.join(",")
    )
}

fn benches(criterion: &mut Criterion) {
    let small = r#"{"model":"m","max_tokens":100,"messages":[{"role":"user","content":"hello there"}]}"#;
    let answer = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello to you"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}"#;
    criterion.bench_function("convert: small request and its answer", |b| {
        b.iter(|| {
            let done = ask(Protocol::Anthropic, black_box(small), Protocol::OpenAi, "gpt-4o");
            black_box(done.back.whole(black_box(answer.as_bytes())).unwrap())
        });
    });
    let agent = agent_body();
    assert!((90_000..130_000).contains(&agent.len()), "{}", agent.len());
    for (to, model) in
        [(Protocol::OpenAi, "gpt-4o"), (Protocol::Responses, "gpt-5.2"), (Protocol::Gemini, "gemini-3-pro")]
    {
        criterion.bench_function(&format!("convert: 100 KB agent request to {to}"), |b| {
            b.iter(|| black_box(ask(Protocol::Anthropic, black_box(&agent), to, model).body));
        });
    }
    let chunk = br#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":" token"},"finish_reason":null}]}

"#;
    for (from, body) in [
        (
            Protocol::Anthropic,
            r#"{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#,
        ),
        (Protocol::Responses, r#"{"model":"m","stream":true,"input":"x"}"#),
    ] {
        criterion.bench_function(&format!("convert: one chunk of a stream to {from}"), |b| {
            let mut translator = ask(from, body, Protocol::OpenAi, "gpt-4o").back.stream();
            let mut left = 0_u32;
            b.iter(|| {
                if left == 0 {
                    // A stream of ordinary length, so that nothing grows without end.
                    translator = ask(from, body, Protocol::OpenAi, "gpt-4o").back.stream();
                    left = 10_000;
                }
                left -= 1;
                translator.frame(black_box(chunk)).unwrap();
                black_box(translator.take())
            });
        });
    }
}

/// What the catalogue is asked on the way: once for each translated attempt, once for each record.
fn catalogue(criterion: &mut Criterion) {
    let catalogue = Catalogue::embedded();
    for (provider, model) in [("openai", "gpt-5"), ("anthropic", "claude-sonnet-4-5-20250929"), ("mine", "unknown-7b")]
    {
        let protocol = if provider == "anthropic" { Protocol::Anthropic } else { Protocol::OpenAi };
        let preset = Preset::find(provider);
        criterion.bench_function(&format!("dialect: {model}, by name"), |b| {
            b.iter(|| Dialect::by_name(black_box(preset), protocol, black_box(model)));
        });
        criterion.bench_function(&format!("dialect: {model}"), |b| {
            b.iter(|| Dialect::of(black_box(provider), protocol, black_box(model)));
        });
        criterion.bench_function(&format!("catalogue: {model}"), |b| {
            b.iter(|| catalogue.find(black_box(provider), black_box(model)).is_known());
        });
    }
    let counts =
        Counts { input_uncached: 900, cache_read: 300_000, cache_write_5m: 4000, output: 800, ..Counts::default() };
    let price = catalogue.find("openai", "gpt-5.6").price.unwrap().price;
    criterion.bench_function("price: gpt-5.6", |b| {
        b.iter(|| price.cost(black_box(&Bill { tier: ServiceTier::Flex, ..Bill::new(counts, 0) })));
    });
    let file = include_bytes!("../src/catalog/models.json");
    criterion.bench_function("catalogue: read the embedded file", |b| {
        b.iter(|| Catalogue::default().import(black_box(file), "").unwrap().set.len());
    });
}

criterion_group!(convert, benches, catalogue);
criterion_main!(convert);
