//! What a meter looks for in a stream's payloads: marks found without parsing, and the few fields that are parsed.

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::walk;

#[derive(Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) choices: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) service_tier: Option<&'a RawValue>,
    /// Where Cerebras says how long it took, and llama.cpp.
    #[serde(borrow, default)]
    pub(super) time_info: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) timings: Option<&'a RawValue>,
    /// Groq's own place for usage.
    #[serde(borrow, default)]
    pub(super) x_groq: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) response: Option<Inner<'a>>,
    #[serde(borrow, default)]
    pub(super) message: Option<Inner<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GeminiChunk<'a> {
    #[serde(borrow, default)]
    pub(super) usage_metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) prompt_feedback: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct CohereEnd<'a> {
    #[serde(borrow, default)]
    pub(super) delta: Option<CohereDelta<'a>>,
}

#[derive(Default, Deserialize)]
pub(super) struct CohereDelta<'a> {
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) finish_reason: Option<String>,
}

/// The choices alone: what else is there is stepped over, whatever bytes its texts hold.
#[derive(Deserialize)]
pub(super) struct Choices {
    #[serde(default)]
    pub(super) choices: Option<Vec<Choice>>,
}

#[derive(Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    pub(super) index: u32,
    #[serde(default)]
    pub(super) finish_reason: Option<serde::de::IgnoredAny>,
}

#[derive(Default, Deserialize)]
pub(super) struct Inner<'a> {
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) service_tier: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) output: Option<&'a RawValue>,
}

/// How often an output of the Responses protocol searched the web.
pub(super) fn searches(output: &[u8]) -> u64 {
    if memmem::find(output, b"\"web_search_call\"").is_none() {
        return 0;
    }
    let is_search = |item: &&[u8]| {
        // Opening a page and searching in it cost nothing.
        let action = walk::last(item, "action").and_then(|action| walk::last(action, "type"));
        walk::last(item, "type") == Some(b"\"web_search_call\"") && action.is_none_or(|kind| kind == b"\"search\"")
    };
    walk::elements(output).filter(is_search).count() as u64
}

pub(super) fn is_empty_list(json: &str) -> bool {
    json.strip_prefix('[').and_then(|s| s.strip_suffix(']')).is_some_and(|s| s.trim().is_empty())
}

/// The value of the event's `type`. Both families write it first, which spares parsing; elsewhere the parser decides.
pub(super) fn kind(data: &[u8]) -> &[u8] {
    let start = data.trim_ascii_start();
    let quick = start.strip_prefix(b"{").map(<[u8]>::trim_ascii_start).and_then(|s| s.strip_prefix(b"\"type\""));
    let quick = quick.map(<[u8]>::trim_ascii_start).and_then(|s| s.strip_prefix(b":"));
    let value = match quick {
        Some(value) => value.trim_ascii_start(),
        None => match serde_json::from_slice::<Chunk<'_>>(data).ok().and_then(|c| c.kind) {
            Some(kind) => kind.get().as_bytes(),
            None => return &[],
        },
    };
    let Some(inside) = value.strip_prefix(b"\"") else { return &[] };
    memchr::memchr(b'"', inside).and_then(|end| inside.get(..end)).unwrap_or_default()
}
