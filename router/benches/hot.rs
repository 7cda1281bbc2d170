//! What the hot path pays in the library: reading a request, editing it, reading a stream, finding the provider.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tokenrouter::Protocol;
use tokenrouter::count::estimate;
use tokenrouter::count::stream::Meter;
use tokenrouter::peek::Peek;
use tokenrouter::pick::name::{Names, Provider};
use tokenrouter::splice;
use tokenrouter::sse::Splitter;

/// A request of about `bytes` bytes as coding agents send it: tools with schemas, a history of calls and results.
fn agent_body(bytes: usize) -> Bytes {
    let tool = r#"{"type":"function","function":{"name":"read_file","description":"Reads a file and returns its text.","parameters":{"type":"object","properties":{"path":{"type":"string","description":"Where it is"},"limit":{"type":"integer","minimum":1}},"required":["path"]}}},"#;
    let turn = r#"{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"read_file","arguments":"{\"path\":\"src/main.rs\"}"}}]},{"role":"tool","tool_call_id":"call_1","content":"fn main() {\n    println!(\"hello\");\n}\n// and a good deal more text that such a file has, line after line"},"#;
    let tools = tool.repeat(20);
    let turns = turn.repeat((bytes.saturating_sub(tools.len()) / turn.len()).max(1));
    let (tools, turns) = (tools.trim_end_matches(','), turns.trim_end_matches(','));
    Bytes::from(format!(r#"{{"model":"gpt-5","stream":true,"tools":[{tools}],"messages":[{turns}]}}"#))
}

fn requests(c: &mut Criterion) {
    let small = format!(r#"{{"model":"gpt-5","messages":[{{"role":"user","content":"{}"}}]}}"#, "words ".repeat(150));
    for (name, body) in [("1 KB", Bytes::from(small)), ("100 KB", agent_body(100_000))] {
        let mut group = c.benchmark_group(format!("request {name}"));
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("peek", |b| b.iter(|| Peek::read(black_box(&body)).map(|p| p.stream)));
        group.bench_function("peek and splice", |b| {
            b.iter(|| {
                let peek = Peek::read(black_box(&body)).ok()?;
                let edits = splice::set_model(&peek, "other").into_iter().chain(splice::ask_stream_usage(&body, &peek));
                Some(splice::apply(&body, edits.collect()).len())
            });
        });
        group.bench_function("estimate", |b| b.iter(|| estimate::sampled_request_tokens(black_box(&body))));
        group.finish();
    }
}

fn streams(c: &mut Criterion) {
    let chunk = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n";
    let stream = Bytes::from(chunk.repeat(1_000));
    let pieces: Vec<Bytes> =
        (0..stream.len()).step_by(1_400).map(|at| stream.slice(at..(at + 1_400).min(stream.len()))).collect();
    let mut group = c.benchmark_group("stream of 1,000 chunks");
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("split", |b| {
        let split = |mut splitter: Splitter| {
            let mut frames = 0;
            for piece in &pieces {
                _ = splitter.push(piece, |_| frames += 1);
            }
            frames
        };
        b.iter_batched(|| Splitter::new(1 << 20), split, BatchSize::SmallInput);
    });
    group.bench_function("split and meter", |b| {
        let meter = |(mut splitter, mut meter): (Splitter, Meter)| {
            for piece in &pieces {
                _ = splitter.push(piece, |frame| _ = meter.read(&frame));
            }
            meter.frames()
        };
        b.iter_batched(|| (Splitter::new(1 << 20), Meter::new(Protocol::OpenAi)), meter, BatchSize::SmallInput);
    });
    group.finish();
}

fn names(c: &mut Criterion) {
    let providers = (0..20).map(|n| Provider {
        name: format!("provider-{n}"),
        enabled: true,
        listed: Some((0..200).map(|m| format!("model-{n}-{m}")).collect()),
    });
    let names = Names::new(providers.collect(), None);
    c.bench_function("name: provider/model", |b| b.iter(|| names.resolve(black_box("provider-7/model-7-9")).is_ok()));
    c.bench_function("name: bare, listed by the 20th", |b| b.iter(|| names.resolve(black_box("model-19-150")).is_ok()));
}

criterion_group!(hot, requests, streams, names);
criterion_main!(hot);
