//! What the targets have in common: the choices that the first bytes of an input make, and one request per client.

use bytes::Bytes;
use serde_json::value::RawValue;
use tokenrouter::Protocol;
use tokenrouter::chat::Target;
use tokenrouter::convert::{Asked, Back, Context, Path, translate};
use tokenrouter::envelope::Sealer;

/// The key under which the corpus's envelopes are sealed.
pub const KEY: [u8; 32] = [9; 32];

/// The first byte of `data` as a protocol, and the rest. The corpus uses the protocols' first letters.
pub fn protocol(data: &[u8]) -> Option<(Protocol, &[u8])> {
    let (first, rest) = data.split_first()?;
    let protocol = match first {
        b'o' => Protocol::OpenAi,
        b'r' => Protocol::Responses,
        b'a' => Protocol::Anthropic,
        b'g' => Protocol::Gemini,
        b'c' => Protocol::Cohere,
        other => Protocol::ALL[usize::from(*other) % Protocol::ALL.len()],
    };
    Some((protocol, rest))
}

/// A gateway with a key, at a fixed moment.
pub fn context() -> Context {
    Context {
        seed: "seed".into(),
        now_s: 1_800_000_000,
        estimated_input: 12,
        sealer: Some(Sealer::new(KEY)),
        ..Context::default()
    }
}

/// Models whose dialects differ; `choice` takes one of them.
pub fn target(protocol: Protocol, choice: u8) -> Target {
    let models: &[(&str, &str)] = match protocol {
        Protocol::OpenAi => &[
            ("", "llama"),
            ("openai", "gpt-5.2"),
            ("openai", "gpt-4o"),
            ("mistral", "mistral-large"),
            ("deepseek", "deepseek-reasoner"),
        ],
        Protocol::Responses => &[("openai", "gpt-5.2"), ("", "llama"), ("openai", "gpt-4o")],
        Protocol::Anthropic => &[
            ("anthropic", "claude-sonnet-4-5"),
            ("", "llama"),
            ("anthropic", "claude-opus-5-5"),
            ("anthropic", "claude-3-5-haiku"),
        ],
        Protocol::Gemini => &[("google", "gemini-3-pro"), ("google", "gemini-2.5-flash"), ("", "gemma")],
        Protocol::Cohere => &[("cohere", "command-a"), ("cohere", "command-a-reasoning"), ("", "command-r")],
    };
    let (provider, model) = models[usize::from(choice) % models.len()];
    Target::new(provider, protocol, model)
}

/// What a client asks before the answer that is fuzzed; in Chat and Responses with tools that must be lowered.
const fn least(protocol: Protocol, stream: bool) -> &'static str {
    match (protocol, stream) {
        (Protocol::OpenAi, true) => {
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true},"n":1,"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"odd.name/x"}},{"type":"custom","custom":{"name":"patch"}}]}"#
        }
        (Protocol::OpenAi, false) => {
            r#"{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f"}},{"type":"custom","custom":{"name":"patch"}}]}"#
        }
        (Protocol::Responses, true) => {
            r#"{"model":"m","stream":true,"input":"x","tools":[{"type":"function","name":"f"},{"type":"custom","name":"patch"}]}"#
        }
        (Protocol::Responses, false) => {
            r#"{"model":"m","input":"x","tools":[{"type":"function","name":"f"},{"type":"custom","name":"patch"}]}"#
        }
        (Protocol::Anthropic, true) => {
            r#"{"model":"m","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"x"}],"tools":[{"name":"f","input_schema":{"type":"object"}}]}"#
        }
        (Protocol::Anthropic, false) => r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#,
        (Protocol::Gemini, _) => r#"{"contents":[{"parts":[{"text":"x"}]}]}"#,
        (Protocol::Cohere, true) => r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}"#,
        (Protocol::Cohere, false) => r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#,
    }
}

/// The way back of an answer from `upstream` to a client of `client`.
pub fn back(client: Protocol, upstream: Protocol, stream: bool, list: bool) -> Back {
    let path = Path { model: "m", stream, list };
    let asked = Asked { protocol: client, body: least(client, stream).as_bytes(), path };
    match translate(asked, &target(upstream, 0), context()) {
        Ok(done) => done.back,
        Err(problem) => panic!("the least request of {client} does not reach {upstream}: {}", problem.message),
    }
}

/// Whether `text` is one JSON value, and UTF-8.
pub fn is_json(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| serde_json::from_str::<&RawValue>(text).is_ok())
}

/// `data` in pieces whose lengths follow from `seed`: mostly short, so that every kind of cut occurs.
pub fn pieces(data: &[u8], seed: u8) -> Vec<Bytes> {
    let all = Bytes::copy_from_slice(data);
    let mut state = u32::from(seed).wrapping_mul(0x9E37_79B9) | 1;
    let mut pieces = Vec::new();
    let mut from = 0;
    while from < all.len() {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let longest = if seed < 64 { 1 } else { u32::from(seed) };
        let to = (from + 1 + (state % longest) as usize).min(all.len());
        pieces.push(all.slice(from..to));
        from = to;
    }
    pieces
}
