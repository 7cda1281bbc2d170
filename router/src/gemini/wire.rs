//! Gemini's `generateContent` on the wire. Proto-JSON: every field may be in camel case or in snake case, also mixed;
//! 64-bit numbers may be strings; bytes may be in either alphabet of base64.

use serde::Deserialize;
use serde_json::Number;

use crate::chat::Json;
use crate::chat::wire::top_level;

top_level! {
    /// A request.
    pub struct Request {
        model: String = "model",
        contents: Contents = "contents",
        system_instruction: Contents = "systemInstruction" | "system_instruction",
        tools: Vec<Tool> = "tools",
        tool_config: ToolConfig = "toolConfig" | "tool_config",
        generation_config: GenerationConfig = "generationConfig" | "generation_config",
        labels: std::collections::BTreeMap<String, String> = "labels",
        service_tier: String = "serviceTier" | "service_tier",
        generate_content_request: Json = "generateContentRequest" | "generate_content_request",
    }
}

/// One turn or several; SDKs accept both.
#[derive(Debug, Default)]
pub(super) struct Contents(pub(super) Vec<Content>);

impl<'de> Deserialize<'de> for Contents {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = Contents;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a content or a list of contents")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Contents, A::Error> {
                let mut list = Vec::new();
                while let Some(content) = seq.next_element()? {
                    list.push(content);
                }
                Ok(Contents(list))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Contents, A::Error> {
                let content = Content::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Contents(vec![content]))
            }
            fn visit_str<E>(self, text: &str) -> Result<Contents, E> {
                let part = Part { text: Some(text.to_owned()), ..Part::default() };
                Ok(Contents(vec![Content { role: None, parts: vec![part] }]))
            }
        }
        from.deserialize_any(Either)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Content {
    pub(super) role: Option<String>,
    pub(super) parts: Vec<Part>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Part {
    pub(super) text: Option<String>,
    pub(super) thought: Option<bool>,
    #[serde(alias = "thought_signature")]
    pub(super) thought_signature: Option<String>,
    #[serde(alias = "inline_data")]
    pub(super) inline_data: Option<Blob>,
    #[serde(alias = "file_data")]
    pub(super) file_data: Option<FileData>,
    #[serde(alias = "function_call")]
    pub(super) function_call: Option<FunctionCall>,
    #[serde(alias = "function_response")]
    pub(super) function_response: Option<FunctionResponse>,
    #[serde(alias = "executable_code")]
    pub(super) executable_code: Option<Json>,
    #[serde(alias = "code_execution_result")]
    pub(super) code_execution_result: Option<Json>,
    #[serde(alias = "tool_call")]
    pub(super) tool_call: Option<Json>,
    #[serde(alias = "tool_response")]
    pub(super) tool_response: Option<Json>,
    #[serde(alias = "media_resolution")]
    pub(super) media_resolution: Option<Resolution>,
}

/// How closely to look at one image.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Resolution {
    pub(super) level: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Blob {
    #[serde(alias = "mime_type")]
    pub(super) mime_type: String,
    pub(super) data: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct FileData {
    #[serde(alias = "mime_type")]
    pub(super) mime_type: Option<String>,
    #[serde(alias = "file_uri")]
    pub(super) file_uri: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FunctionCall {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) args: Option<Json>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FunctionResponse {
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) response: Option<Json>,
    pub(super) parts: Vec<Part>,
}

/// The keys that clients put a result in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResultKeys {
    pub(super) output: Option<Json>,
    pub(super) result: Option<Json>,
    pub(super) content: Option<Json>,
    pub(super) return_value: Option<Json>,
    pub(super) error: Option<Json>,
}

top_level! {
    /// Functions, and by name what the provider executes.
    pub struct Tool {
        function_declarations: Vec<Declaration> = "functionDeclarations" | "function_declarations",
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Declaration {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) parameters: Option<Json>,
    #[serde(alias = "parameters_json_schema")]
    pub(super) parameters_json_schema: Option<Json>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ToolConfig {
    #[serde(alias = "function_calling_config")]
    pub(super) function_calling_config: Option<CallingConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct CallingConfig {
    pub(super) mode: Option<String>,
    #[serde(alias = "allowed_function_names")]
    pub(super) allowed_function_names: Option<Vec<String>>,
}

top_level! {
    /// Form, limits and sampling.
    pub struct GenerationConfig {
        temperature: Number = "temperature",
        top_p: Number = "topP" | "top_p",
        top_k: Number = "topK" | "top_k",
        candidate_count: u32 = "candidateCount" | "candidate_count",
        max_output_tokens: u64 = "maxOutputTokens" | "max_output_tokens",
        stop_sequences: Vec<String> = "stopSequences" | "stop_sequences",
        response_logprobs: bool = "responseLogprobs" | "response_logprobs",
        logprobs: u32 = "logprobs",
        presence_penalty: Number = "presencePenalty" | "presence_penalty",
        frequency_penalty: Number = "frequencyPenalty" | "frequency_penalty",
        seed: i64 = "seed",
        response_mime_type: String = "responseMimeType" | "response_mime_type",
        response_schema: Json = "responseSchema" | "response_schema",
        response_json_schema: Json = "responseJsonSchema" | "response_json_schema",
        response_modalities: Vec<String> = "responseModalities" | "response_modalities",
        thinking_config: ThinkingConfig = "thinkingConfig" | "thinking_config",
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ThinkingConfig {
    #[serde(alias = "include_thoughts")]
    pub(super) include_thoughts: Option<bool>,
    #[serde(alias = "thinking_budget")]
    pub(super) thinking_budget: Option<i64>,
    #[serde(alias = "thinking_level")]
    pub(super) thinking_level: Option<String>,
}

/// An answer, or a chunk of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Answer {
    pub(super) candidates: Option<Vec<Candidate>>,
    pub(super) prompt_feedback: Option<Feedback>,
    pub(super) usage_metadata: Option<Json>,
    pub(super) model_version: Option<String>,
    pub(super) response_id: Option<String>,
    pub(super) error: Option<Json>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Candidate {
    pub(super) content: Option<Content>,
    pub(super) finish_reason: Option<String>,
    pub(super) finish_message: Option<String>,
    pub(super) index: Option<u32>,
    pub(super) grounding_metadata: Option<Grounding>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Grounding {
    pub(super) grounding_chunks: Option<Vec<GroundingChunk>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GroundingChunk {
    pub(super) web: Option<Web>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Web {
    pub(super) uri: Option<String>,
    pub(super) title: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Feedback {
    pub(super) block_reason: Option<String>,
}
