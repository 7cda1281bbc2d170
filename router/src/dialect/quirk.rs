//! The ways in which providers and models differ, by name.

use serde::Deserialize;

/// One way in which a provider or a model differs from its protocol's newest form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[repr(u8)]
pub enum Quirk {
    /// Knows `system`, not `developer`.
    NoDeveloperRole,
    /// Takes instructions only before the first turn.
    SystemFirstOnly,
    /// Wants `max_tokens`, not `max_completion_tokens`.
    MaxTokensOldName,
    /// Refuses `temperature`, `top_p`, penalties and the like: a reasoning model.
    NoSampling,
    /// Refuses `stop`.
    NoStop,
    /// Refuses `parallel_tool_calls`.
    NoParallelSwitch,
    /// Refuses `response_format: json_schema`; takes `json_object`.
    NoSchemaFormat,
    /// Refuses `stream_options`.
    NoStreamOptions,
    /// Refuses `reasoning_effort`.
    NoEffort,
    /// Wants the model's `reasoning_content` back in the conversation.
    ReplaysReasoning,
    /// Refuses `strict` in tools.
    NoStrictTools,
    /// Knows freeform tools (`custom`).
    FreeformTools,
    /// Knows `namespace` tools.
    Namespaces,
    /// Knows the client-executed `tool_search`.
    ToolSearch,
    /// Refuses `content: null` beside tool calls.
    NoNullContent,
    /// Takes call ids of nine letters and digits only.
    NineLetterIds,
    /// Takes a `system` message between turns (Anthropic).
    LateSystem,
    /// Thinks adaptively, steered by `output_config.effort` (Anthropic).
    AdaptiveThinking,
    /// Cannot think at all.
    NoThinking,
    /// Knows the effort `xhigh` (Anthropic).
    EffortXHigh,
    /// Takes `output_config.format` (Anthropic).
    OutputFormat,
    /// Steers thinking by `thinkingLevel` (Gemini 3).
    ThinkingLevel,
    /// Wants a thought signature on the first call of a step (Gemini 3).
    NeedsSignature,
    /// Takes images and documents inside tool results.
    ResultMedia,
    /// Takes `prompt_cache_breakpoint` marks (OpenAI).
    CacheMarks,
    /// Takes the vendor's hosted tools: the real OpenAI, Anthropic or Google behind the protocol.
    HostedTools,
    /// Takes OpenAI's own extras: `prompt_cache_key`, `safety_identifier`, `service_tier`, `store`, `metadata`,
    /// `verbosity`.
    OpenAiExtras,
    /// Refuses `seed`, `n`, `logprobs`, `logit_bias`, penalties only (not `temperature`).
    PlainSampling,
    /// Keeps answers by itself: `previous_response_id`, `GET /v1/responses/{id}`, `/v1/responses/compact` (Responses).
    KeepsAnswers,
    /// Always thinks: refuses to be told not to (Anthropic, Gemini).
    AlwaysThinks,
    /// Takes no system messages.
    NoSystem,
}

impl Quirk {
    /// Its name, as presets write it.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// The quirk of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quirk| quirk.name() == name)
    }

    /// Every quirk.
    pub const ALL: [Self; 31] = [
        Self::NoDeveloperRole,
        Self::SystemFirstOnly,
        Self::MaxTokensOldName,
        Self::NoSampling,
        Self::NoStop,
        Self::NoParallelSwitch,
        Self::NoSchemaFormat,
        Self::NoStreamOptions,
        Self::NoEffort,
        Self::ReplaysReasoning,
        Self::NoStrictTools,
        Self::FreeformTools,
        Self::Namespaces,
        Self::ToolSearch,
        Self::NoNullContent,
        Self::NineLetterIds,
        Self::LateSystem,
        Self::AdaptiveThinking,
        Self::NoThinking,
        Self::EffortXHigh,
        Self::OutputFormat,
        Self::ThinkingLevel,
        Self::NeedsSignature,
        Self::ResultMedia,
        Self::CacheMarks,
        Self::HostedTools,
        Self::OpenAiExtras,
        Self::PlainSampling,
        Self::KeepsAnswers,
        Self::AlwaysThinks,
        Self::NoSystem,
    ];
}
