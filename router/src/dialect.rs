//! How providers and models differ within one protocol, as data.
//!
//! A dialect is a set of [`Quirk`]s. The table below is read from top to bottom; every line that fits adds its
//! quirks or takes them away. To teach the gateway a new vendor or model, add a line. What the catalogue knows of a
//! model outweighs what its name suggests.

use crate::Protocol;
use crate::catalog::{Catalogue, Facts};

mod informed;

/// One way in which a provider or a model differs from its protocol's newest form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Always thinks: refuses to be told not to (Anthropic).
    AlwaysThinks,
    /// Takes no system messages.
    NoSystem,
}

/// The quirks of one model at one provider.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::dialect::{Dialect, Quirk};
///
/// let dialect = Dialect::of("groq", Protocol::OpenAi, "llama-4");
/// assert!(dialect.has(Quirk::NoNullContent) && dialect.has(Quirk::MaxTokensOldName));
/// // What the table does not know, its user may.
/// assert!(dialect.with(Quirk::NoSchemaFormat).has(Quirk::NoSchemaFormat));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dialect(u64);

impl Dialect {
    /// Whether it has `quirk`.
    pub const fn has(self, quirk: Quirk) -> bool {
        self.0 & (1 << quirk as u64) != 0
    }

    /// With `quirk` too.
    #[must_use]
    pub const fn with(self, quirk: Quirk) -> Self {
        Self(self.0 | 1 << quirk as u64)
    }

    /// Without `quirk`.
    #[must_use]
    pub const fn without(self, quirk: Quirk) -> Self {
        Self(self.0 & !(1 << quirk as u64))
    }

    /// How `model` behaves at a provider of type `provider` (a preset's id; empty: unknown) that speaks `protocol`, as
    /// the embedded catalogue and, where that is silent, its name tell.
    pub fn of(provider: &str, protocol: Protocol, model: &str) -> Self {
        Self::by_name(provider, protocol, model).informed(protocol, &Catalogue::embedded().find(provider, model))
    }

    /// The same, by its name alone.
    pub fn by_name(provider: &str, protocol: Protocol, model: &str) -> Self {
        let model = model.to_ascii_lowercase();
        let name = model.rsplit('/').next().unwrap_or(&model);
        let mut dialect = Self::default();
        for line in TABLE {
            let fits = line.protocol == protocol
                && (line.providers.is_empty() || line.providers.contains(&provider))
                && (line.models.is_empty() || line.models.iter().any(|pattern| matches(pattern, name)));
            if fits {
                dialect = line.add.iter().fold(dialect, |d, quirk| d.with(*quirk));
                dialect = line.remove.iter().fold(dialect, |d, quirk| d.without(*quirk));
            }
        }
        dialect
    }
}

struct Line {
    protocol: Protocol,
    /// Presets' ids; empty: every provider.
    providers: &'static [&'static str],
    /// Beginnings of model names, or with `*` before them any part; empty: every model.
    models: &'static [&'static str],
    add: &'static [Quirk],
    remove: &'static [Quirk],
}

use Quirk::{
    AdaptiveThinking, CacheMarks, EffortXHigh, FreeformTools, HostedTools, KeepsAnswers, LateSystem, MaxTokensOldName,
    Namespaces, NeedsSignature, NineLetterIds, NoDeveloperRole, NoEffort, NoNullContent, NoParallelSwitch, NoSampling,
    NoSchemaFormat, NoStop, NoStreamOptions, NoStrictTools, NoThinking, OpenAiExtras, OutputFormat, PlainSampling,
    ReplaysReasoning, ResultMedia, ThinkingLevel, ToolSearch,
};

const OPENAI: &[&str] = &["openai", "azure"];
const NONE: &[Quirk] = &[];

/// Dated 2026-11. The first lines say what a protocol's unknown provider is taken for.
const TABLE: &[Line] = &[
    // OpenAI Chat Completions: whoever copies the protocol copies its oldest form.
    line(Protocol::OpenAi, &[], &[], &[NoDeveloperRole, MaxTokensOldName], NONE),
    line(Protocol::OpenAi, OPENAI, &[], &[OpenAiExtras, FreeformTools], &[NoDeveloperRole, MaxTokensOldName]),
    line(Protocol::OpenAi, OPENAI, &["o1", "o3", "o4", "gpt-5", "gpt-6"], &[NoSampling, NoStop], NONE),
    line(
        Protocol::OpenAi,
        OPENAI,
        &["gpt-3.5", "gpt-4", "chatgpt", "davinci", "babbage"],
        &[NoEffort],
        &[FreeformTools],
    ),
    line(Protocol::OpenAi, OPENAI, &["gpt-5.6", "gpt-6"], &[CacheMarks], NONE),
    line(Protocol::OpenAi, OPENAI, &["o1-mini", "o1-preview"], &[NoDeveloperRole], NONE),
    line(Protocol::OpenAi, &["deepseek"], &[], &[NoSchemaFormat, NoParallelSwitch, PlainSampling], NONE),
    line(Protocol::OpenAi, &["deepseek"], &["*reasoner", "deepseek-v4", "deepseek-r"], &[ReplaysReasoning], NONE),
    line(Protocol::OpenAi, &["moonshot", "kimi"], &["kimi-k2", "*thinking"], &[ReplaysReasoning], NONE),
    line(Protocol::OpenAi, &["mistral"], &[], &[NineLetterIds, NoEffort, NoStreamOptions], NONE),
    line(Protocol::OpenAi, &["groq"], &[], &[NoNullContent], NONE),
    line(
        Protocol::OpenAi,
        &["ollama", "lmstudio", "llamacpp", "vllm"],
        &[],
        &[NoParallelSwitch, NoNullContent, NoStrictTools],
        NONE,
    ),
    line(Protocol::OpenAi, &["xai"], &["grok-4", "grok-3-mini", "grok-code"], &[NoStop], NONE),
    line(Protocol::OpenAi, &["cerebras", "perplexity"], &[], &[NoParallelSwitch, PlainSampling], NONE),
    // OpenAI Responses.
    line(Protocol::Responses, &[], &[], &[ResultMedia], NONE),
    line(Protocol::Responses, OPENAI, &[], &[OpenAiExtras, FreeformTools, Namespaces, ToolSearch, HostedTools], NONE),
    line(Protocol::Responses, &["openai", "azure", "xai"], &[], &[KeepsAnswers], NONE),
    line(Protocol::Responses, OPENAI, &["o1", "o3", "o4", "gpt-5", "gpt-6"], &[NoSampling], NONE),
    line(
        Protocol::Responses,
        OPENAI,
        &["gpt-3.5", "gpt-4", "chatgpt"],
        &[NoEffort],
        &[FreeformTools, Namespaces, ToolSearch],
    ),
    line(Protocol::Responses, OPENAI, &["gpt-5.6", "gpt-6"], &[CacheMarks], NONE),
    // Anthropic Messages.
    line(Protocol::Anthropic, &[], &[], &[ResultMedia, CacheMarks, OutputFormat], NONE),
    line(Protocol::Anthropic, &["anthropic"], &[], &[HostedTools], NONE),
    line(Protocol::Anthropic, &[], &["claude-3", "claude-2", "claude-instant"], &[NoThinking], &[OutputFormat]),
    line(Protocol::Anthropic, &[], &["claude-3-7"], NONE, &[NoThinking]),
    line(
        Protocol::Anthropic,
        &[],
        &[
            "claude-opus-4-6",
            "claude-sonnet-4-6",
            "claude-opus-4-7",
            "claude-sonnet-4-7",
            "claude-opus-4-8",
            "claude-sonnet-4-8",
            "claude-opus-5",
            "claude-sonnet-5",
            "claude-haiku-5",
            "claude-mythos",
        ],
        &[AdaptiveThinking],
        NONE,
    ),
    line(
        Protocol::Anthropic,
        &[],
        &["claude-opus-4-7", "claude-opus-4-8", "claude-opus-5", "claude-sonnet-5", "claude-haiku-5", "claude-mythos"],
        &[NoSampling, EffortXHigh],
        NONE,
    ),
    line(
        Protocol::Anthropic,
        &[],
        &[
            "claude-opus-4-8",
            "claude-sonnet-4-8",
            "claude-opus-5",
            "claude-sonnet-5",
            "claude-haiku-5",
            "claude-mythos",
        ],
        &[LateSystem],
        NONE,
    ),
    // Gemini.
    line(Protocol::Gemini, &[], &["gemini-3", "gemini-4"], &[ThinkingLevel, NeedsSignature, ResultMedia], NONE),
    line(Protocol::Gemini, &[], &["gemini-1", "gemini-2.0", "gemma"], &[NoThinking], NONE),
    line(Protocol::Gemini, &["google", "gemini"], &[], &[HostedTools], NONE),
    // Cohere.
    line(Protocol::Cohere, &[], &["command-r"], &[NoThinking], NONE),
];

const fn line(
    protocol: Protocol,
    providers: &'static [&'static str],
    models: &'static [&'static str],
    add: &'static [Quirk],
    remove: &'static [Quirk],
) -> Line {
    Line { protocol, providers, models, add, remove }
}

fn matches(pattern: &str, model: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(part) => model.contains(part),
        None => model.starts_with(pattern),
    }
}

/// The family of models within which a signature or encrypted reasoning is accepted: the first word of the name.
pub fn family(model: &str) -> String {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let word: String = name.chars().take_while(char::is_ascii_alphabetic).collect();
    match word.as_str() {
        // OpenAI's reasoning models share one form of encrypted reasoning.
        "o" | "codex" | "chatgpt" => "gpt".to_owned(),
        "" => name,
        _ => word,
    }
}

/// What models of Anthropic's protocol, the only one that insists on a number, write at most. Dated 2026-11.
const MAX_TOKENS: &[(&str, u64)] = &[
    ("claude-3-5", 8192),
    ("claude-3-7", 64_000),
    ("claude-3", 4096),
    ("claude-2", 4096),
    ("claude-opus-4-1", 32_000),
    ("claude-opus-4-0", 32_000),
    ("claude-opus-4-2025", 32_000),
    ("claude-", 64_000),
];

/// More than this is not asked for on behalf of a client that did not say: some models may write for an hour.
const MOST_BY_DEFAULT: u64 = 64_000;

/// How many tokens a model writes at most when the client does not say and the protocol insists on a number.
pub fn default_max_tokens(model: &str) -> u64 {
    if let Some((tokens, _)) = Catalogue::embedded().find("", model).told(Facts::max_output) {
        return tokens.min(MOST_BY_DEFAULT);
    }
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    MAX_TOKENS.iter().find(|(start, _)| name.starts_with(start)).map_or(32_000, |(_, tokens)| *tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_lines_refine_earlier_ones() {
        let plain = Dialect::of("", Protocol::OpenAi, "some-model");
        assert!(plain.has(NoDeveloperRole) && plain.has(MaxTokensOldName) && !plain.has(FreeformTools));
        let gpt = Dialect::of("openai", Protocol::OpenAi, "gpt-5.6-mini");
        assert!(!gpt.has(NoDeveloperRole) && gpt.has(NoSampling) && gpt.has(CacheMarks));
        assert!(!Dialect::of("openai", Protocol::OpenAi, "gpt-4o").has(NoSampling));
        assert!(Dialect::of("deepseek", Protocol::OpenAi, "deepseek-reasoner").has(ReplaysReasoning));
        assert!(Dialect::of("x", Protocol::Anthropic, "anthropic/claude-opus-5-5").has(LateSystem));
        assert!(!Dialect::of("x", Protocol::Anthropic, "claude-sonnet-4-5").has(AdaptiveThinking));
        assert!(Dialect::of("", Protocol::Gemini, "gemini-3-pro").has(NeedsSignature));
    }

    #[test]
    fn families_outlive_versions() {
        for (model, expected) in [
            ("claude-opus-4-5-20250929", "claude"),
            ("anthropic/claude-3-7-sonnet", "claude"),
            ("gpt-5", "gpt"),
            ("o3-mini", "gpt"),
            ("gemini-3-pro-preview", "gemini"),
            ("7b", "7b"),
        ] {
            assert_eq!(family(model), expected, "{model}");
        }
    }
}
