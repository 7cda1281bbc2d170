//! The response object: what was asked comes back in it, beside the output and what it cost.
use serde::Serialize;
use serde_json::value::RawValue;

use super::item::Item;
use crate::ask::Ask;
use crate::count::Count;

/// A response in any state; fields the client did not send have the API's defaults.
#[expect(clippy::struct_field_names, reason = "the names of the wire")]
#[derive(Clone, Serialize)]
pub(super) struct Object<'a> {
    id: String,
    object: &'static str,
    created_at: i64,
    status: &'static str,
    background: bool,
    error: Option<Failure<'a>>,
    incomplete_details: Option<()>,
    instructions: Option<&'a RawValue>,
    max_output_tokens: Option<&'a RawValue>,
    max_tool_calls: Option<()>,
    model: &'a str,
    output: &'a [Item],
    parallel_tool_calls: bool,
    previous_response_id: Option<&'a str>,
    prompt_cache_key: Option<&'a RawValue>,
    reasoning: Or<'a, Reasoning>,
    safety_identifier: Option<()>,
    service_tier: &'static str,
    store: bool,
    temperature: Or<'a, f32>,
    text: Or<'a, TextConfig>,
    tool_choice: Or<'a, &'static str>,
    tools: Or<'a, [(); 0]>,
    top_logprobs: u32,
    top_p: Or<'a, f32>,
    truncation: &'static str,
    usage: Option<Usage>,
    user: Option<()>,
    metadata: Or<'a, Empty>,
}

/// What the client sent, or the default.
#[derive(Clone, Serialize)]
#[serde(untagged)]
enum Or<'a, T> {
    Sent(&'a RawValue),
    Default(T),
}

impl<'a, T> Or<'a, T> {
    fn new(sent: Option<&'a RawValue>, default: T) -> Self {
        sent.map_or(Self::Default(default), Self::Sent)
    }
}

#[derive(Clone, Serialize)]
struct Empty {}

#[derive(Clone, Serialize)]
struct Reasoning {
    effort: Option<()>,
    summary: Option<()>,
}

#[derive(Clone, Serialize)]
struct TextConfig {
    format: Format,
}

#[derive(Clone, Serialize)]
struct Format {
    r#type: &'static str,
}

/// Why a response failed.
#[derive(Clone, Serialize)]
pub(super) struct Failure<'a> {
    pub(super) code: &'a str,
    pub(super) message: &'a str,
}

/// Inclusive counts, as in Chat; each detail is always there.
#[derive(Clone, Serialize)]
pub(super) struct Usage {
    input_tokens: u64,
    input_tokens_details: InputDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

#[derive(Clone, Serialize)]
struct InputDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Clone, Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

impl From<Count> for Usage {
    fn from(count: Count) -> Self {
        Self {
            input_tokens: count.input(),
            input_tokens_details: InputDetails {
                cached_tokens: count.cache_read,
                cache_write_tokens: count.cache_write(),
            },
            output_tokens: count.output,
            output_tokens_details: OutputDetails { reasoning_tokens: count.reasoning },
            total_tokens: count.total(),
        }
    }
}

impl<'a> Object<'a> {
    /// A response that has just begun.
    pub(super) fn new(ask: &'a Ask<'_>) -> Self {
        let wire = &ask.wire;
        Self {
            id: super::answer_id(ask),
            object: "response",
            created_at: ask.created_s,
            status: "in_progress",
            background: false,
            error: None,
            incomplete_details: None,
            instructions: wire.instructions,
            max_output_tokens: wire.max_output_tokens,
            max_tool_calls: None,
            model: &ask.model,
            output: &[],
            parallel_tool_calls: wire.parallel_tool_calls.unwrap_or(true),
            previous_response_id: wire.previous_response_id.as_deref(),
            prompt_cache_key: wire.prompt_cache_key,
            reasoning: Or::new(wire.reasoning, Reasoning { effort: None, summary: None }),
            safety_identifier: None,
            service_tier: "default",
            store: wire.store.unwrap_or(true),
            temperature: Or::new(wire.temperature, 1.0),
            text: Or::new(wire.text, TextConfig { format: Format { r#type: "text" } }),
            tool_choice: Or::new(wire.tool_choice, "auto"),
            tools: Or::new(wire.tools, []),
            top_logprobs: 0,
            top_p: Or::new(wire.top_p, 1.0),
            truncation: "disabled",
            usage: None,
            user: None,
            metadata: Or::new(wire.metadata, Empty {}),
        }
    }

    /// The same with its output.
    pub(super) fn complete(self, output: &'a [Item], count: Option<Count>) -> Self {
        Self { status: "completed", output, usage: count.map(Usage::from), ..self }
    }

    /// The same as a failure.
    pub(super) fn fail(self, failure: Failure<'a>) -> Self {
        Self { status: "failed", error: Some(failure), ..self }
    }
}
