//! The response object: an answer in one piece, and the frame of a stream's first and last events.

use serde::Serialize;
use serde_json::Number;

use super::item::ItemOut;
use crate::chat::request::Request;
use crate::chat::{Json, Reply, Stop};
use crate::count::Counts;

#[derive(Serialize)]
pub(super) struct ObjectOut<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    status: &'static str,
    background: bool,
    error: Option<ErrorOut<'a>>,
    incomplete_details: Option<IncompleteOut>,
    instructions: Option<&'a Json>,
    max_output_tokens: Option<u64>,
    max_tool_calls: Option<()>,
    model: &'a str,
    output: &'a [ItemOut],
    parallel_tool_calls: bool,
    previous_response_id: Option<&'a str>,
    prompt_cache_key: Option<&'a str>,
    reasoning: Json,
    safety_identifier: Option<&'a str>,
    service_tier: &'a str,
    store: bool,
    temperature: Number,
    text: Json,
    tool_choice: Json,
    tools: Json,
    top_logprobs: u32,
    top_p: Number,
    truncation: Json,
    usage: Option<UsageOut>,
    user: Option<&'a str>,
    metadata: Json,
}

/// Why a response failed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ErrorOut<'a> {
    pub(super) code: &'a str,
    pub(super) message: String,
}

#[derive(Serialize)]
struct IncompleteOut {
    reason: &'static str,
}

/// Counts as this protocol tells them; every counter is required.
#[derive(Serialize)]
pub(super) struct UsageOut {
    input_tokens: u64,
    input_tokens_details: InputOut,
    output_tokens: u64,
    output_tokens_details: OutputOut,
    total_tokens: u64,
}

#[derive(Serialize)]
struct InputOut {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Serialize)]
struct OutputOut {
    reasoning_tokens: u64,
}

impl From<&Counts> for UsageOut {
    fn from(counts: &Counts) -> Self {
        Self {
            input_tokens: counts.input(),
            input_tokens_details: InputOut {
                cached_tokens: counts.cache_read,
                cache_write_tokens: counts.cache_write_5m.saturating_add(counts.cache_write_1h),
            },
            output_tokens: counts.output,
            output_tokens_details: OutputOut { reasoning_tokens: counts.reasoning },
            total_tokens: counts.total(),
        }
    }
}

/// What changes between a stream's events.
pub(super) struct State<'a> {
    pub(super) id: &'a str,
    pub(super) model: &'a str,
    pub(super) created_s: u64,
    pub(super) status: &'static str,
    pub(super) reason: Option<&'static str>,
    pub(super) error: Option<ErrorOut<'a>>,
    pub(super) output: &'a [ItemOut],
    pub(super) usage: Option<UsageOut>,
    pub(super) service_tier: Option<&'a str>,
}

/// Status and reason of an answer that ended with `stop`.
pub(super) const fn status(stop: &Stop) -> (&'static str, Option<&'static str>) {
    match stop {
        Stop::Length | Stop::Context => ("incomplete", Some("max_output_tokens")),
        Stop::Safety(_) => ("incomplete", Some("content_filter")),
        Stop::End | Stop::Sequence(_) | Stop::Calls | Stop::Pause | Stop::Failed(_) => ("completed", None),
    }
}

/// The object, with what `reply` repeats of the request.
pub(super) fn object<'a>(state: State<'a>, reply: &'a Reply) -> ObjectOut<'a> {
    let json = |text: &str| Json::parse(text).unwrap_or_else(Json::empty_object);
    let asked = reply.asked.as_deref();
    let echo = asked.map(|asked| &asked.echo);
    let or = |value: Option<&Json>, usual: &str| value.filter(|v| !v.is_null()).cloned().unwrap_or_else(|| json(usual));
    let number = |value: Option<&Number>| value.cloned().unwrap_or_else(|| Number::from(1));
    let sampling = asked.map(|asked: &Request| &asked.sampling);
    ObjectOut {
        id: state.id,
        object: "response",
        created_at: state.created_s,
        status: state.status,
        background: false,
        error: state.error,
        incomplete_details: state.reason.map(|reason| IncompleteOut { reason }),
        instructions: echo.and_then(|echo| echo.instructions.as_ref()),
        max_output_tokens: asked.and_then(|asked| asked.max_tokens),
        max_tool_calls: None,
        model: state.model,
        output: state.output,
        parallel_tool_calls: asked.and_then(|asked| asked.parallel_calls).unwrap_or(true),
        previous_response_id: asked.and_then(|asked| asked.previous_response_id.as_deref()),
        prompt_cache_key: asked.and_then(|asked| asked.cache_key.as_deref()),
        reasoning: or(echo.and_then(|echo| echo.reasoning.as_ref()), r#"{"effort":null,"summary":null}"#),
        safety_identifier: asked.and_then(|asked| asked.user.as_deref()),
        service_tier: state.service_tier.unwrap_or("default"),
        store: asked.and_then(|asked| asked.store).unwrap_or(true),
        temperature: number(sampling.and_then(|sampling| sampling.temperature.as_ref())),
        text: or(echo.and_then(|echo| echo.text.as_ref()), r#"{"format":{"type":"text"}}"#),
        tool_choice: or(echo.and_then(|echo| echo.tool_choice.as_ref()), r#""auto""#),
        tools: or(echo.and_then(|echo| echo.tools.as_ref()), "[]"),
        top_logprobs: sampling.and_then(|sampling| sampling.top_logprobs).unwrap_or(0),
        top_p: number(sampling.and_then(|sampling| sampling.top_p.as_ref())),
        truncation: or(echo.and_then(|echo| echo.truncation.as_ref()), r#""disabled""#),
        usage: state.usage,
        user: None,
        metadata: or(echo.and_then(|echo| echo.metadata.as_ref()), "{}"),
    }
}
