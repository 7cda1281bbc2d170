//! Anthropic Messages on the wire, as in the vendor's reference and its SDKs' types: wide structs, for a block's
//! fields depend on its `type`.

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::chat::json::TextOr;
use crate::chat::wire::top_level;
use crate::chat::{CacheMark, Json};

top_level! {
    /// A request.
    pub struct Request {
        model: String = "model",
        messages: Vec<Message> = "messages",
        system: TextOr<Block> = "system",
        max_tokens: u64 = "max_tokens",
        tools: Vec<Tool> = "tools",
        tool_choice: Choice = "tool_choice",
        thinking: Thinking = "thinking",
        output_config: OutputConfig = "output_config",
        stop_sequences: Vec<String> = "stop_sequences",
        stream: bool = "stream",
        metadata: Metadata = "metadata",
        service_tier: String = "service_tier",
        temperature: Number = "temperature",
        top_p: Number = "top_p",
        top_k: u64 = "top_k",
        cache_control: CacheControl = "cache_control",
        thread: Json = "thread",
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    pub(super) role: Option<String>,
    pub(super) content: TextOr<Block>,
}

/// Any block, of a request or an answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Block {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) text: Option<String>,
    pub(super) citations: Option<Json>,
    pub(super) source: Option<Source>,
    pub(super) title: Option<String>,
    pub(super) context: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) data: Option<String>,
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) input: Option<Json>,
    pub(super) tool_use_id: Option<String>,
    pub(super) content: Option<Json>,
    pub(super) is_error: Option<bool>,
    pub(super) tool_name: Option<String>,
    pub(super) cache_control: Option<CacheControl>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Source {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) media_type: Option<String>,
    pub(super) data: Option<String>,
    pub(super) url: Option<String>,
    pub(super) file_id: Option<String>,
    pub(super) content: Option<Json>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CitationIn {
    pub(super) url: Option<String>,
    pub(super) title: Option<String>,
    pub(super) document_title: Option<String>,
    pub(super) cited_text: Option<String>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct CacheControl {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttl: Option<String>,
}

impl CacheControl {
    pub(super) fn read(&self) -> CacheMark {
        CacheMark { ttl_s: self.ttl.as_deref().map(|ttl| if ttl == "1h" { 3600 } else { 300 }) }
    }

    pub(super) fn write(mark: CacheMark) -> Self {
        let long = mark.ttl_s.is_some_and(|seconds| seconds > 300);
        Self { kind: "ephemeral".to_owned(), ttl: long.then(|| "1h".to_owned()) }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tool {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) input_schema: Option<Json>,
    pub(super) strict: Option<bool>,
    pub(super) defer_loading: Option<bool>,
    pub(super) cache_control: Option<CacheControl>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) name: Option<String>,
    pub(super) disable_parallel_tool_use: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Thinking {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) budget_tokens: Option<u64>,
    pub(super) display: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OutputConfig {
    pub(super) effort: Option<String>,
    pub(super) format: Option<Format>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Format {
    pub(super) schema: Option<Json>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metadata {
    pub(super) user_id: Option<String>,
}

/// An answer, or the `message` of a stream's start.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) content: Option<Vec<Json>>,
    pub(super) stop_reason: Option<String>,
    pub(super) stop_sequence: Option<String>,
    pub(super) stop_details: Option<StopDetails>,
    pub(super) usage: Option<Json>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StopDetails {
    pub(super) explanation: Option<String>,
}

/// Any event of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamEvent {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) index: Option<u32>,
    pub(super) message: Option<Answer>,
    pub(super) content_block: Option<Json>,
    pub(super) delta: Option<Delta>,
    pub(super) usage: Option<Json>,
    pub(super) error: Option<Json>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Delta {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) text: Option<String>,
    pub(super) partial_json: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) citation: Option<CitationIn>,
    pub(super) stop_reason: Option<String>,
    pub(super) stop_sequence: Option<String>,
    pub(super) stop_details: Option<StopDetails>,
}
