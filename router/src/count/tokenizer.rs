//! Exact tokens of texts, for the models whose vocabulary is public: OpenAI's.
//!
//! The vocabularies are o200k (GPT-4o and everything since, gpt-oss too) and cl100k (GPT-4, GPT-3.5, embeddings). The
//! first question to one unpacks it: some 25 MiB and 75 ms once, so call this where a thread may wait. What a
//! provider puts around turns and tools is added as OpenAI's cookbook tells it ("How to count tokens with tiktoken").
//!
//! ```
//! use tokenrouter::count::tokenizer::Vocabulary;
//!
//! let vocabulary = Vocabulary::of("openai/gpt-5").ok_or("no public vocabulary")?;
//! assert_eq!(vocabulary.text_tokens("Hello world!"), 3);
//! assert_eq!(vocabulary.request_tokens(br#"{"messages":[{"role":"user","content":"Hello!"}]}"#), Some(9));
//! assert_eq!(Vocabulary::of("claude-opus-5"), None);
//! # Ok::<(), &str>(())
//! ```

use serde_json::{Map, Value};

use super::estimate::{MEDIA_TOKENS, is_media};

/// Marks around a turn, and what opens the answer.
const TURN: u64 = 3;
/// Marks around a tool, and around all of them together.
const TOOL: u64 = 10;
const TOOLS: u64 = 12;
/// Marks around a property of a tool's schema and around a value that it may have.
const PROPERTY: u64 = 3;

/// One of OpenAI's vocabularies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vocabulary {
    /// GPT-4o, GPT-4.1, GPT-5, o1, o3, o4-mini, gpt-oss.
    O200k,
    /// GPT-4, GPT-3.5, embeddings.
    Cl100k,
}

impl Vocabulary {
    /// The vocabulary of a model by its name, with or without vendors in front (`openai/gpt-5`); none where it is not known.
    /// Loads nothing.
    pub fn of(model: &str) -> Option<Self> {
        let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
        match tiktoken::model_to_encoding(&name)? {
            "o200k_base" | "o200k_harmony" => Some(Self::O200k),
            "cl100k_base" => Some(Self::Cl100k),
            _ => None,
        }
    }

    /// Tokens of plain text; words that stand for a vocabulary's marks count as text.
    pub fn text_tokens(self, text: &str) -> u64 {
        let name = match self {
            Self::O200k => "o200k_base",
            Self::Cl100k => "cl100k_base",
        };
        tiktoken::get_encoding(name).map_or(0, |vocabulary| vocabulary.count(text) as u64)
    }

    /// Input tokens of a JSON request in any of the protocols: its texts exactly, and what stands around turns and tools.
    /// None where it is no JSON object.
    pub fn request_tokens(self, json: &[u8]) -> Option<u64> {
        let Value::Object(request) = serde_json::from_slice(json).ok()? else { return None };
        Some(TURN + self.object(&request))
    }

    fn value(self, value: &Value) -> u64 {
        match value {
            Value::String(text) if is_media(text.as_bytes()) => MEDIA_TOKENS,
            Value::String(text) => self.text_tokens(text),
            Value::Array(items) => items.iter().map(|item| self.value(item)).sum(),
            Value::Object(fields) => self.object(fields),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
    }

    fn object(self, fields: &Map<String, Value>) -> u64 {
        let turn = if fields.contains_key("role") { TURN } else { 0 };
        turn + fields.iter().map(|(name, value)| self.field(name, value)).sum::<u64>()
    }

    fn field(self, name: &str, value: &Value) -> u64 {
        match (name, value) {
            // What the model never sees: names for machines, and what says how to read or to answer.
            (
                "type"
                | "id"
                | "call_id"
                | "tool_call_id"
                | "tool_use_id"
                | "model"
                | "status"
                | "detail"
                | "mimeType"
                | "media_type"
                | "mime_type"
                | "signature"
                | "thoughtSignature"
                | "thought_signature"
                | "encrypted_content"
                | "cache_control"
                | "metadata"
                | "user"
                | "service_tier"
                | "prompt_cache_key"
                | "previous_response_id"
                | "safety_identifier"
                | "tool_choice"
                | "toolConfig"
                | "reasoning_effort"
                | "include"
                | "stop"
                | "stop_sequences"
                | "stream_options"
                | "modalities"
                | "generationConfig"
                | "safetySettings"
                | "effort"
                | "summary_format"
                | "verbosity"
                | "truncation",
                _,
            ) => 0,
            // An image that the provider fetches.
            ("image_url" | "file_id" | "fileUri" | "file_data", _) => MEDIA_TOKENS,
            ("parameters" | "input_schema" | "parametersJsonSchema" | "schema", Value::Object(schema)) => {
                TOOL + self.schema(schema)
            }
            ("tools", Value::Array(tools)) if !tools.is_empty() => TOOLS + self.value(value),
            // Arguments and results as JSON, which is how the model wrote and reads them.
            ("input" | "args" | "response" | "arguments", Value::Object(_)) => self.text_tokens(&value.to_string()),
            _ => self.value(value),
        }
    }

    /// Schemas are shown to the model in a shorter form than JSON: names, types, descriptions, values.
    fn schema(self, schema: &Map<String, Value>) -> u64 {
        let mut tokens = 0;
        for (name, value) in schema {
            tokens += match (name.as_str(), value) {
                ("type" | "description" | "title", _) => self.value(value),
                ("enum", Value::Array(values)) => values.iter().map(|item| PROPERTY + self.value(item)).sum(),
                ("properties" | "$defs" | "definitions", Value::Object(named)) => {
                    named.iter().map(|(name, inner)| PROPERTY + self.text_tokens(name) + self.nested(inner)).sum()
                }
                ("items" | "additionalProperties" | "anyOf" | "oneOf" | "allOf", _) => self.nested(value),
                _ => 0,
            };
        }
        tokens
    }

    fn nested(self, value: &Value) -> u64 {
        match value {
            Value::Object(schema) => self.schema(schema),
            Value::Array(schemas) => schemas.iter().map(|schema| self.nested(schema)).sum(),
            _ => 0,
        }
    }
}
