//! Well-known providers: where they are, which protocols they speak natively, and which variable usually holds the key.

use crate::Protocol::{self, Anthropic, Cohere, Gemini, OpenAi, Responses};

/// How a key is sent upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthStyle {
    /// `Authorization: Bearer <key>`.
    Bearer,
    /// `x-api-key: <key>` (Anthropic).
    XApiKey,
    /// `x-goog-api-key: <key>` (Gemini).
    XGoogApiKey,
}

impl AuthStyle {
    /// What a provider expects that speaks `protocol` as its inventor does.
    pub const fn usual(protocol: Protocol) -> Self {
        match protocol {
            OpenAi | Responses | Cohere => Self::Bearer,
            Anthropic => Self::XApiKey,
            Gemini => Self::XGoogApiKey,
        }
    }
}

/// One protocol of a preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresetEndpoint {
    /// The protocol spoken there.
    pub protocol: Protocol,
    /// Base URL; a test reads each with [`super::BaseUrl::parse`].
    pub base_url: &'static str,
    /// How the key is sent.
    pub auth: AuthStyle,
}

/// A provider that needs no URL in the configuration.
///
/// ```
/// use tokenrouter::Protocol;
/// use tokenrouter::catalog::{AuthStyle, Preset};
///
/// let preset = Preset::find("anthropic").ok_or("no such preset")?;
/// assert_eq!((preset.env, preset.needs_key()), (&["ANTHROPIC_API_KEY"][..], true));
/// assert_eq!(preset.endpoint(Protocol::Anthropic).map(|e| e.auth), Some(AuthStyle::XApiKey));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The value of `provider_type`.
    pub id: &'static str,
    /// The name for people.
    pub name: &'static str,
    /// Environment variables that hold a key, the usual one first. Empty where no key is needed.
    pub env: &'static [&'static str],
    /// Protocols spoken natively, the preferred one first.
    pub endpoints: &'static [PresetEndpoint],
    /// The usual port of a server on this machine.
    pub local_port: Option<u16>,
    /// Where a person gets a key; empty for local servers.
    pub key_page: &'static str,
}

impl Preset {
    /// The preset with this id.
    pub fn find(id: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.id == id)
    }

    /// Whether calls need a key.
    pub const fn needs_key(&self) -> bool {
        self.local_port.is_none()
    }

    /// The endpoint for `protocol`, if the provider speaks it.
    pub fn endpoint(&self, protocol: Protocol) -> Option<&'static PresetEndpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.protocol == protocol)
    }
}

const fn at(protocol: Protocol, base_url: &'static str) -> PresetEndpoint {
    PresetEndpoint { protocol, base_url, auth: AuthStyle::usual(protocol) }
}

const fn cloud(
    id: &'static str,
    name: &'static str,
    env: &'static [&'static str],
    endpoints: &'static [PresetEndpoint],
    key_page: &'static str,
) -> Preset {
    Preset { id, name, env, endpoints, local_port: None, key_page }
}

const fn local(id: &'static str, name: &'static str, endpoints: &'static [PresetEndpoint], port: u16) -> Preset {
    Preset { id, name, env: &[], endpoints, local_port: Some(port), key_page: "" }
}

/// Every preset, the most used first. URLs as in the vendors' documentation, 2026-02.
pub const PRESETS: &[Preset] = &[
    cloud(
        "openai",
        "OpenAI",
        &["OPENAI_API_KEY"],
        &[at(OpenAi, "https://api.openai.com/v1"), at(Responses, "https://api.openai.com/v1")],
        "https://platform.openai.com/api-keys",
    ),
    // The compatible Chat Completions endpoint of Anthropic is for trials only, says its vendor; Messages comes first.
    cloud(
        "anthropic",
        "Anthropic",
        &["ANTHROPIC_API_KEY"],
        &[at(Anthropic, "https://api.anthropic.com/v1"), at(OpenAi, "https://api.anthropic.com/v1")],
        "https://console.anthropic.com/settings/keys",
    ),
    cloud(
        "gemini",
        "Google Gemini",
        &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        &[
            at(Gemini, "https://generativelanguage.googleapis.com/v1beta"),
            at(OpenAi, "https://generativelanguage.googleapis.com/v1beta/openai"),
        ],
        "https://aistudio.google.com/apikey",
    ),
    cloud(
        "openrouter",
        "OpenRouter",
        &["OPENROUTER_API_KEY"],
        &[at(OpenAi, "https://openrouter.ai/api/v1")],
        "https://openrouter.ai/settings/keys",
    ),
    cloud(
        "groq",
        "Groq",
        &["GROQ_API_KEY"],
        &[at(OpenAi, "https://api.groq.com/openai/v1")],
        "https://console.groq.com/keys",
    ),
    cloud(
        "deepseek",
        "DeepSeek",
        &["DEEPSEEK_API_KEY"],
        &[at(OpenAi, "https://api.deepseek.com/v1"), at(Anthropic, "https://api.deepseek.com/anthropic")],
        "https://platform.deepseek.com/api_keys",
    ),
    cloud(
        "mistral",
        "Mistral",
        &["MISTRAL_API_KEY"],
        &[at(OpenAi, "https://api.mistral.ai/v1")],
        "https://console.mistral.ai/api-keys/",
    ),
    cloud("xai", "xAI", &["XAI_API_KEY"], &[at(OpenAi, "https://api.x.ai/v1")], "https://console.x.ai/"),
    cloud(
        "together",
        "Together AI",
        &["TOGETHER_API_KEY"],
        &[at(OpenAi, "https://api.together.xyz/v1")],
        "https://api.together.ai/settings/api-keys",
    ),
    cloud(
        "fireworks",
        "Fireworks AI",
        &["FIREWORKS_API_KEY"],
        &[at(OpenAi, "https://api.fireworks.ai/inference/v1")],
        "https://app.fireworks.ai/settings/api-keys",
    ),
    cloud(
        "cerebras",
        "Cerebras",
        &["CEREBRAS_API_KEY"],
        &[at(OpenAi, "https://api.cerebras.ai/v1")],
        "https://cloud.cerebras.ai/platform/api-keys",
    ),
    cloud(
        "cohere",
        "Cohere",
        &["COHERE_API_KEY", "CO_API_KEY"],
        &[at(Cohere, "https://api.cohere.com/v2"), at(OpenAi, "https://api.cohere.ai/compatibility/v1")],
        "https://dashboard.cohere.com/api-keys",
    ),
    cloud(
        "perplexity",
        "Perplexity",
        &["PERPLEXITY_API_KEY"],
        &[at(OpenAi, "https://api.perplexity.ai/v1")],
        "https://www.perplexity.ai/settings/api",
    ),
    cloud(
        "nvidia",
        "NVIDIA NIM",
        &["NVIDIA_API_KEY"],
        &[at(OpenAi, "https://integrate.api.nvidia.com/v1")],
        "https://build.nvidia.com/settings/api-keys",
    ),
    cloud(
        "huggingface",
        "Hugging Face",
        &["HF_TOKEN"],
        &[at(OpenAi, "https://router.huggingface.co/v1")],
        "https://huggingface.co/settings/tokens",
    ),
    local("ollama", "Ollama", &[at(OpenAi, "http://127.0.0.1:11434/v1")], 11434),
    local("lmstudio", "LM Studio", &[at(OpenAi, "http://127.0.0.1:1234/v1")], 1234),
    local("llama-cpp", "llama.cpp", &[at(OpenAi, "http://127.0.0.1:8080/v1")], 8080),
    local("vllm", "vLLM", &[at(OpenAi, "http://127.0.0.1:8000/v1")], 8000),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::catalog::BaseUrl;

    #[test]
    fn every_preset_is_whole() {
        let mut ids = HashSet::new();
        for preset in PRESETS {
            assert!(ids.insert(preset.id), "{} twice", preset.id);
            assert!(preset.id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", preset.id);
            assert!(!preset.endpoints.is_empty(), "{}", preset.id);
            assert_eq!(preset.needs_key(), !preset.env.is_empty(), "{}", preset.id);
            assert_eq!(preset.needs_key(), preset.key_page.starts_with("https://"), "{}", preset.id);
            let mut spoken = HashSet::new();
            for endpoint in preset.endpoints {
                assert!(spoken.insert(endpoint.protocol), "{} {} twice", preset.id, endpoint.protocol);
                let url = BaseUrl::parse(endpoint.base_url).unwrap();
                assert_eq!(url.is_loopback(), preset.local_port == Some(url.port()), "{}", preset.id);
            }
        }
    }

    /// Every preset asks at its own base, with exactly one version in the path.
    #[test]
    fn the_urls_of_every_preset_have_one_version() {
        for (preset, endpoint) in PRESETS.iter().flat_map(|preset| preset.endpoints.iter().map(move |e| (preset, e))) {
            let base = BaseUrl::parse(endpoint.base_url).unwrap();
            for tail in ["/models", "/chat/completions", "/v1/messages", "v1beta/models/m:generateContent"] {
                let url = base.join(endpoint.protocol, tail);
                let is_version = |part: &&str| {
                    part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
                };
                assert_eq!(url.split('/').filter(is_version).count(), 1, "{}: {url}", preset.id);
                assert!(url.starts_with(endpoint.base_url.trim_end_matches('/')), "{}: {url}", preset.id);
            }
        }
    }

    #[test]
    fn finds_by_id_and_protocol() {
        let anthropic = Preset::find("anthropic").unwrap();
        assert_eq!(anthropic.endpoint(Anthropic).unwrap().auth, AuthStyle::XApiKey);
        assert_eq!(anthropic.endpoint(OpenAi).unwrap().auth, AuthStyle::Bearer);
        assert!(anthropic.endpoint(Gemini).is_none());
        assert!(Preset::find("Anthropic").is_none());
    }
}
