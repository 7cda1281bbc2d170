//! Chat Completions on the wire: wide structs, for a part's fields depend on its `type`.
//!
//! Fields as in OpenAI's API reference and its SDKs' types, with what compatible vendors add (`reasoning_content`,
//! `reasoning`, `reasoning_details`, `extra_content`).

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::chat::Json;
use crate::chat::json::TextOr;
use crate::chat::wire::top_level;

top_level! {
    /// A request.
    pub struct Request {
        model: String = "model",
        messages: Vec<Message> = "messages",
        stream: bool = "stream",
        stream_options: StreamOptions = "stream_options",
        tools: Vec<Tool> = "tools",
        tool_choice: Json = "tool_choice",
        functions: Vec<Function> = "functions",
        function_call: Json = "function_call",
        parallel_tool_calls: bool = "parallel_tool_calls",
        reasoning_effort: String = "reasoning_effort",
        response_format: ResponseFormat = "response_format",
        verbosity: String = "verbosity",
        max_completion_tokens: u64 = "max_completion_tokens",
        max_tokens: u64 = "max_tokens",
        stop: TextOr<String> = "stop",
        temperature: Number = "temperature",
        top_p: Number = "top_p",
        top_k: u64 = "top_k",
        presence_penalty: Number = "presence_penalty",
        frequency_penalty: Number = "frequency_penalty",
        seed: i64 = "seed",
        n: u32 = "n",
        logprobs: bool = "logprobs",
        top_logprobs: u32 = "top_logprobs",
        logit_bias: Json = "logit_bias",
        user: String = "user",
        safety_identifier: String = "safety_identifier",
        metadata: std::collections::BTreeMap<String, String> = "metadata",
        service_tier: String = "service_tier",
        prompt_cache_key: String = "prompt_cache_key",
        store: bool = "store",
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StreamOptions {
    pub(crate) include_usage: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Message {
    pub(crate) role: Option<String>,
    pub(crate) content: TextOr<Part>,
    pub(crate) name: Option<String>,
    pub(crate) refusal: Option<String>,
    pub(crate) tool_calls: Option<Vec<ToolCall>>,
    pub(crate) function_call: Option<CallFunction>,
    pub(crate) tool_call_id: Option<String>,
    pub(crate) reasoning_content: Option<String>,
    pub(crate) reasoning: Option<Json>,
    pub(crate) reasoning_details: Option<Vec<ReasoningDetail>>,
    pub(crate) annotations: Option<Vec<Annotation>>,
    pub(crate) audio: Option<Json>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Part {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) refusal: Option<String>,
    pub(crate) image_url: Option<Json>,
    pub(crate) input_audio: Option<InputAudio>,
    pub(crate) file: Option<File>,
    pub(crate) video_url: Option<ImageUrl>,
    /// Mistral's reasoning parts.
    pub(crate) thinking: Option<Json>,
    pub(crate) prompt_cache_breakpoint: Option<Breakpoint>,
    /// Anthropic's mark, as OpenRouter and others take it in Chat.
    pub(crate) cache_control: Option<Breakpoint>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ImageUrl {
    pub(crate) url: String,
    pub(crate) detail: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InputAudio {
    pub(crate) data: String,
    pub(crate) format: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct File {
    pub(crate) file_data: Option<String>,
    pub(crate) file_id: Option<String>,
    pub(crate) file_url: Option<String>,
    pub(crate) filename: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Breakpoint {
    pub(crate) ttl: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ToolCall {
    pub(crate) index: Option<u32>,
    pub(crate) id: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) function: Option<CallFunction>,
    pub(crate) custom: Option<CallCustom>,
    pub(crate) extra_content: Option<ExtraContent>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CallFunction {
    pub(crate) name: Option<String>,
    /// A string; some servers send the object itself.
    pub(crate) arguments: Option<Json>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CallCustom {
    pub(crate) name: Option<String>,
    pub(crate) input: Option<String>,
}

/// Google's extension of tool calls on its own OpenAI endpoint.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ExtraContent {
    pub(crate) google: Option<Google>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Google {
    pub(crate) thought_signature: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReasoningDetail {
    pub(crate) signature: Option<String>,
    pub(crate) data: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Annotation {
    pub(crate) url_citation: Option<UrlCitation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UrlCitation {
    pub(crate) url: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) start_index: Option<u64>,
    pub(crate) end_index: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Tool {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) function: Option<Function>,
    pub(crate) custom: Option<Custom>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) parameters: Option<Json>,
    pub(crate) strict: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Custom {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) format: Option<CustomFormat>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CustomFormat {
    pub(crate) grammar: Option<Grammar>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Grammar {
    pub(crate) syntax: String,
    pub(crate) definition: String,
}

/// Every form of `tool_choice` that is an object.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) function: Option<Named>,
    pub(crate) custom: Option<Named>,
    pub(crate) allowed_tools: Option<Allowed>,
    pub(crate) name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Named {
    pub(crate) name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Allowed {
    pub(crate) mode: Option<String>,
    pub(crate) tools: Vec<Choice>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ResponseFormat {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) json_schema: Option<JsonSchema>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct JsonSchema {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) schema: Option<Json>,
    pub(crate) strict: Option<bool>,
}

/// An answer, or a chunk of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Answer {
    pub(crate) id: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) created: Option<Number>,
    pub(crate) choices: Option<Vec<AnswerChoice>>,
    pub(crate) usage: Option<Json>,
    pub(crate) service_tier: Option<String>,
    pub(crate) error: Option<Json>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AnswerChoice {
    pub(crate) index: Option<u32>,
    pub(crate) message: Option<Message>,
    pub(crate) delta: Option<Message>,
    pub(crate) finish_reason: Option<String>,
    pub(crate) logprobs: Option<Logprobs>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Logprobs {
    pub(crate) content: Option<Json>,
}
