//! Translating in one line.

use bytes::Bytes;
use serde_json::Value;
use tokenrouter::chat::Target;
use tokenrouter::convert::{Asked, Context, Path, Translated, translate};
use tokenrouter::envelope::Sealer;
use tokenrouter::{Problem, Protocol};

pub const KEY: [u8; 32] = [9; 32];

pub fn context() -> Context {
    Context {
        seed: "seed".into(),
        now_s: 1_800_000_000,
        estimated_input: 12,
        sealer: Some(Sealer::new(KEY)),
        ..Context::default()
    }
}

/// A target: `openai/gpt-4o` in Chat and so on; the part before the slash is the provider's type.
pub fn target(protocol: Protocol, model: &str) -> Target {
    let (provider, model) = model.split_once('/').unwrap_or(("", model));
    Target::new(provider, protocol, model)
}

pub fn ask(from: Protocol, body: &str, to: Protocol, model: &str) -> Result<Translated, Problem> {
    let stream = body.starts_with("{\"stream\":true");
    let path = Path { model: "m", stream, list: false };
    translate(Asked { protocol: from, body: body.as_bytes(), path }, &target(to, model), context())
}

/// What the provider gets, and what the client is told was lost.
pub fn sent(from: Protocol, body: &str, to: Protocol, model: &str) -> (Value, String) {
    let done = ask(from, body, to, model).unwrap_or_else(|e| panic!("{}", e.message));
    (serde_json::from_slice(&done.body).unwrap(), done.losses.header().unwrap_or_default())
}

/// The whole answer of a stream of `frames` (their data), as the client gets it.
pub fn streamed(from: Protocol, body: &str, to: Protocol, model: &str, frames: &[&str]) -> String {
    let mut translator = ask(from, body, to, model).unwrap().back.stream();
    let mut out = Vec::new();
    for frame in frames {
        if let Err(problem) = translator.frame(format!("data: {frame}\n\n").as_bytes()) {
            translator.fail(&problem);
        }
        out.extend_from_slice(&translator.take());
    }
    translator.finish();
    out.extend_from_slice(&translator.take());
    String::from_utf8(out).unwrap()
}

/// The payloads of a stream.
pub fn events(stream: &str) -> Vec<Value> {
    stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

pub fn whole(from: Protocol, body: &str, to: Protocol, model: &str, answer: &str) -> Value {
    let done =
        ask(from, body, to, model).unwrap().back.whole(answer.as_bytes()).unwrap_or_else(|e| panic!("{}", e.message));
    serde_json::from_slice(&done.body).unwrap()
}

pub fn bytes(frames: &[&str]) -> Bytes {
    frames.iter().map(|frame| format!("data: {frame}\n\n")).collect::<Vec<_>>().concat().into()
}
