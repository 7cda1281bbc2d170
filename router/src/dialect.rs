//! How providers and models differ within one protocol, as data.
//!
//! A dialect is a set of [`Quirk`]s: first what a protocol's unknown provider is taken for, then what the provider's
//! preset says (`catalog/presets.json`), then the lines of the table below that fit the model, from top to bottom. To
//! teach the gateway a new vendor, add a preset; a new model, add a line. What the catalogue knows of a model outweighs
//! what its name suggests.

use crate::Protocol;
use crate::catalog::{Catalogue, Facts, Preset, PresetEndpoint};

mod finding;
mod informed;
mod parameter;
mod quirk;
mod refusal;
mod told;

pub use finding::{Finding, Remedy, asked, without};
pub use parameter::Parameter;
pub use quirk::Quirk;
pub use refusal::Refusal;

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
        Self::at(Preset::find(provider), protocol, model)
    }

    /// The same at the provider that `preset` describes, which may be the operator's own; none: unknown.
    pub fn at(preset: Option<&Preset>, protocol: Protocol, model: &str) -> Self {
        let kind = preset.map_or("", |preset| preset.id.as_str());
        Self::by_name(preset, protocol, model).informed(protocol, &Catalogue::embedded().find(kind, model))
    }

    /// The same, by its name alone.
    pub fn by_name(preset: Option<&Preset>, protocol: Protocol, model: &str) -> Self {
        let model = model.to_ascii_lowercase();
        let name = model.rsplit('/').next().unwrap_or(&model);
        let plain = PLAIN.iter().find(|(of, _)| *of == protocol).map_or(NONE, |(_, quirks)| quirks);
        let mut dialect = Self::default().changed(plain, NONE);
        if let Some(PresetEndpoint { quirks, lacks, .. }) = preset.and_then(|preset| preset.endpoint(protocol)) {
            dialect = dialect.changed(quirks, lacks);
        }
        let provider = preset.map_or("", |preset| preset.id.as_str());
        for line in TABLE {
            let fits = line.protocol == protocol
                && (line.providers.is_empty() || line.providers.contains(&provider))
                && line.models.iter().any(|pattern| matches(pattern, name));
            if fits {
                dialect = dialect.changed(line.add, line.remove);
            }
        }
        dialect
    }

    fn changed(self, add: &[Quirk], remove: &[Quirk]) -> Self {
        let more = add.iter().fold(self, |dialect, quirk| dialect.with(*quirk));
        remove.iter().fold(more, |dialect, quirk| dialect.without(*quirk))
    }
}

struct Line {
    protocol: Protocol,
    /// Presets' ids; empty: every provider.
    providers: &'static [&'static str],
    /// Beginnings of model names, or with `*` before them any part.
    models: &'static [&'static str],
    add: &'static [Quirk],
    remove: &'static [Quirk],
}

use Quirk::{
    AdaptiveThinking, AlwaysThinks, CacheMarks, EffortXHigh, FreeformTools, LateSystem, MaxTokensOldName, Namespaces,
    NeedsSignature, NoDeveloperRole, NoEffort, NoSampling, NoStop, NoThinking, OutputFormat, ReplaysReasoning,
    ResultMedia, ThinkingLevel, ToolSearch,
};

const OPENAI: &[&str] = &["openai", "azure", "azure-cognitive-services"];
const NONE: &[Quirk] = &[];

/// What a protocol's unknown provider is taken for.
const PLAIN: &[(Protocol, &[Quirk])] = &[
    // Whoever copies Chat Completions copies its oldest form.
    (Protocol::OpenAi, &[NoDeveloperRole, MaxTokensOldName]),
    (Protocol::Responses, &[ResultMedia]),
    (Protocol::Anthropic, &[ResultMedia, CacheMarks, OutputFormat]),
];

/// What models differ in. Dated 2026-11.
const TABLE: &[Line] = &[
    // OpenAI Chat Completions.
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
    line(Protocol::OpenAi, &["deepseek"], &["*reasoner", "deepseek-v4", "deepseek-r"], &[ReplaysReasoning], NONE),
    line(Protocol::OpenAi, &["moonshot", "moonshot-cn"], &["kimi-k2", "*thinking"], &[ReplaysReasoning], NONE),
    line(Protocol::OpenAi, &["xai"], &["grok-4", "grok-3-mini", "grok-code"], &[NoStop], NONE),
    // OpenAI Responses.
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
    line(Protocol::Gemini, &[], &["gemini-2.5-pro", "gemini-3-pro", "gemini-3.1-pro"], &[AlwaysThinks], NONE),
    line(Protocol::Gemini, &[], &["gemini-1", "gemini-2.0", "gemma"], &[NoThinking], NONE),
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
    fn every_quirk_has_a_name() {
        // Serde knows every variant: the names that it expects are all there are.
        let refused = serde_json::from_str::<Quirk>("\"none of them\"").unwrap_err().to_string();
        let expected = refused.split('`').skip(3).step_by(2);
        assert_eq!(expected.collect::<Vec<_>>(), Quirk::ALL.map(Quirk::name));
        assert_eq!(Quirk::named("NoStop"), Some(NoStop));
        assert_eq!(Quirk::named("nostop"), None);
    }

    #[test]
    fn what_vendors_differ_in_comes_from_their_presets() {
        for (provider, protocol, has, lacks) in [
            ("azure", Protocol::OpenAi, Quirk::OpenAiExtras, NoDeveloperRole),
            ("azure-openai", Protocol::Responses, Quirk::KeepsAnswers, NoDeveloperRole),
            ("xai", Protocol::Responses, Quirk::KeepsAnswers, Quirk::OpenAiExtras),
            ("mistral", Protocol::OpenAi, Quirk::NineLetterIds, FreeformTools),
            ("groq", Protocol::OpenAi, Quirk::NoNullContent, FreeformTools),
            ("llama-cpp", Protocol::OpenAi, Quirk::NoStrictTools, FreeformTools),
            ("cerebras", Protocol::OpenAi, Quirk::PlainSampling, FreeformTools),
            ("deepseek", Protocol::OpenAi, Quirk::NoSchemaFormat, FreeformTools),
            ("google", Protocol::Gemini, Quirk::HostedTools, ResultMedia),
            ("anthropic", Protocol::Anthropic, Quirk::HostedTools, NoThinking),
            ("nobody", Protocol::Anthropic, ResultMedia, Quirk::HostedTools),
        ] {
            let dialect = Dialect::of(provider, protocol, "some-model");
            assert!(dialect.has(has) && !dialect.has(lacks), "{provider} {protocol} {dialect:?}");
        }
        assert!(Dialect::of("kimi", Protocol::OpenAi, "kimi-k2.6").has(ReplaysReasoning));
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
