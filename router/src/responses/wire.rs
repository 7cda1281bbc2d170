//! OpenAI Responses on the wire: wide structs, for an item's fields depend on its `type`. Fields as in OpenAI's API
//! reference, its SDKs' types, and what Codex sends beyond them.

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::chat::Json;
use crate::chat::json::TextOr;
use crate::chat::wire::top_level;

top_level! {
    /// A request. What answers repeat is kept as its text and read from there.
    pub struct Request {
        model: String = "model",
        input: Json = "input",
        instructions: Json = "instructions",
        stream: bool = "stream",
        tools: Json = "tools",
        tool_choice: Json = "tool_choice",
        parallel_tool_calls: bool = "parallel_tool_calls",
        max_output_tokens: u64 = "max_output_tokens",
        temperature: Number = "temperature",
        top_p: Number = "top_p",
        top_logprobs: u32 = "top_logprobs",
        include: Vec<String> = "include",
        text: Json = "text",
        reasoning: Json = "reasoning",
        store: bool = "store",
        previous_response_id: String = "previous_response_id",
        prompt_cache_key: String = "prompt_cache_key",
        safety_identifier: String = "safety_identifier",
        user: String = "user",
        metadata: Json = "metadata",
        service_tier: String = "service_tier",
        truncation: Json = "truncation",
    }
}

/// One item of the input or the output.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Item {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) id: Option<String>,
    pub(super) role: Option<String>,
    pub(super) content: TextOr<Part>,
    pub(super) phase: Option<String>,
    pub(super) call_id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    /// A string; an object in `tool_search_call`.
    pub(super) arguments: Option<Json>,
    pub(super) input: Option<String>,
    pub(super) output: TextOr<Part>,
    pub(super) summary: Option<Vec<Part>>,
    pub(super) encrypted_content: Option<String>,
    pub(super) tools: Option<Json>,
    pub(super) execution: Option<String>,
    /// In a `configuration_update`, as `text`.
    pub(super) reasoning: Option<ReasoningConfig>,
    pub(super) text: Option<TextConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Part {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) text: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) image_url: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) file_id: Option<String>,
    pub(super) file_data: Option<String>,
    pub(super) file_url: Option<String>,
    pub(super) filename: Option<String>,
    pub(super) annotations: Option<Vec<Annotation>>,
    pub(super) logprobs: Option<Json>,
    pub(super) prompt_cache_breakpoint: Option<Breakpoint>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Breakpoint {
    pub(super) ttl: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Annotation {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) url: Option<String>,
    pub(super) title: Option<String>,
    pub(super) start_index: Option<u64>,
    pub(super) end_index: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tool {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) parameters: Option<Json>,
    pub(super) strict: Option<bool>,
    pub(super) format: Option<ToolFormat>,
    pub(super) tools: Option<Vec<Json>>,
    pub(super) execution: Option<String>,
    pub(super) defer_loading: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolFormat {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) syntax: Option<String>,
    pub(super) definition: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) name: Option<String>,
    pub(super) mode: Option<String>,
    pub(super) tools: Option<Vec<Choice>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TextConfig {
    pub(super) format: Option<Format>,
    pub(super) verbosity: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Format {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) schema: Option<Json>,
    pub(super) strict: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReasoningConfig {
    pub(super) effort: Option<String>,
    pub(super) summary: Option<String>,
}

/// A response object, whole or inside an event.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) created_at: Option<Number>,
    pub(super) status: Option<String>,
    pub(super) error: Option<Json>,
    pub(super) incomplete_details: Option<Incomplete>,
    pub(super) output: Option<Vec<Json>>,
    pub(super) usage: Option<Json>,
    pub(super) service_tier: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Incomplete {
    pub(super) reason: Option<String>,
}

/// Any event of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamEvent {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) response: Option<Answer>,
    pub(super) output_index: Option<u32>,
    pub(super) content_index: Option<u32>,
    pub(super) summary_index: Option<u32>,
    pub(super) item: Option<Json>,
    pub(super) delta: Option<Json>,
    pub(super) annotation: Option<Annotation>,
    pub(super) logprobs: Option<Json>,
    pub(super) arguments: Option<String>,
    pub(super) input: Option<String>,
    pub(super) error: Option<Json>,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
}

/// A tool's freeform format as it is written.
#[derive(Debug, Serialize)]
pub(super) struct FormatOut<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) syntax: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) definition: Option<&'a str>,
}
