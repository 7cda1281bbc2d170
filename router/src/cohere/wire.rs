//! Cohere v2 chat on the wire, as in the vendor's reference and its SDKs' types.

use serde::Deserialize;
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
        tools: Vec<Tool> = "tools",
        strict_tools: bool = "strict_tools",
        tool_choice: String = "tool_choice",
        response_format: ResponseFormat = "response_format",
        max_tokens: u64 = "max_tokens",
        stop_sequences: Vec<String> = "stop_sequences",
        temperature: Number = "temperature",
        p: Number = "p",
        k: u64 = "k",
        frequency_penalty: Number = "frequency_penalty",
        presence_penalty: Number = "presence_penalty",
        seed: i64 = "seed",
        logprobs: bool = "logprobs",
        thinking: Thinking = "thinking",
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    pub(super) role: Option<String>,
    pub(super) content: TextOr<Part>,
    pub(super) tool_calls: Option<Vec<ToolCall>>,
    pub(super) tool_plan: Option<String>,
    pub(super) tool_call_id: Option<String>,
    pub(super) citations: Option<Json>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Part {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) text: Option<String>,
    pub(super) thinking: Option<String>,
    pub(super) image_url: Option<ImageUrl>,
    pub(super) document: Option<Document>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ImageUrl {
    pub(super) url: String,
    pub(super) detail: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Document {
    pub(super) data: Option<Json>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolCall {
    pub(super) id: Option<String>,
    pub(super) function: Option<CallFunction>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CallFunction {
    pub(super) name: Option<String>,
    pub(super) arguments: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tool {
    pub(super) function: Option<Function>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) parameters: Option<Json>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResponseFormat {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(alias = "schema")]
    pub(super) json_schema: Option<Json>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Thinking {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) token_budget: Option<u64>,
}

/// An answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    pub(super) id: Option<String>,
    pub(super) finish_reason: Option<String>,
    pub(super) message: Option<Message>,
    pub(super) usage: Option<Json>,
}

/// Any event of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamEvent {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) id: Option<String>,
    pub(super) index: Option<u32>,
    pub(super) delta: Option<Delta>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Delta {
    pub(super) message: Option<DeltaMessage>,
    pub(super) finish_reason: Option<String>,
    pub(super) usage: Option<Json>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DeltaMessage {
    /// One part here, a list elsewhere.
    pub(super) content: Option<Json>,
    pub(super) tool_plan: Option<String>,
    /// One call here, a list elsewhere.
    pub(super) tool_calls: Option<Json>,
}
