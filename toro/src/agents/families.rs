//! The variables that programs of every kind are pointed at a provider with.

/// What no run inherits: keys, URLs and logins of providers, and what `toro` itself is told. A `*` at the end stands for
/// the rest of a name.
pub const REMOVED: &[&str] = &[
    "OPENAI_*",
    "ANTHROPIC_*",
    "AZURE_OPENAI_*",
    "AZURE_API_*",
    "GEMINI_API_*",
    "GEMINI_MODEL",
    "GOOGLE_API_KEY",
    "GOOGLE_GEMINI_BASE_URL",
    "GOOGLE_VERTEX_BASE_URL",
    "VERTEXAI_*",
    "GOOGLE_GENAI_*",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "CODE_ASSIST_ENDPOINT",
    "AWS_BEARER_TOKEN_BEDROCK",
    "CO_API_KEY",
    "CO_API_URL",
    "COHERE_API_KEY",
    "OPENROUTER_API_*",
    "MISTRAL_API_KEY",
    "GROQ_API_KEY",
    "DEEPSEEK_API_KEY",
    "XAI_API_KEY",
    "DASHSCOPE_API_KEY",
    "CEREBRAS_API_KEY",
    "FIREWORKS_API_KEY",
    "MOONSHOT_API_KEY",
    "TOGETHER_API_KEY",
    "ZAI_API_KEY",
    "TOKENROUTER_KEY",
    "TORO_KEY",
    "TORO_URL",
    "TORO_FINGERPRINT",
];

/// What a program of unknown kind gets: the gateway in every protocol that it speaks.
pub const ALL: &[(&str, &str)] = &[
    ("OPENAI_BASE_URL", "{v1}"),
    ("OPENAI_API_BASE", "{v1}"),
    ("OPENAI_API_KEY", "{key}"),
    ("OPENAI_MODEL", "{model}"),
    ("ANTHROPIC_BASE_URL", "{root}"),
    ("ANTHROPIC_API_BASE", "{root}"),
    ("ANTHROPIC_AUTH_TOKEN", "{key}"),
    ("ANTHROPIC_API_KEY", "{key}"),
    ("ANTHROPIC_MODEL", "{model}"),
    ("GOOGLE_GEMINI_BASE_URL", "{root}"),
    ("GEMINI_API_BASE", "{root}/v1beta"),
    ("GEMINI_API_KEY", "{key}"),
    ("GOOGLE_API_KEY", "{key}"),
    ("GEMINI_MODEL", "{model}"),
    ("CO_API_URL", "{root}"),
    ("CO_API_KEY", "{key}"),
    ("TOKENROUTER_URL", "{root}"),
    ("TOKENROUTER_KEY", "{key}"),
];

/// Whether a variable's name is one of `patterns`.
pub fn is_among(name: &str, patterns: &[&str]) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *pattern,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_was_removed_before() {
        for (name, _) in ALL.iter().filter(|(name, _)| *name != "TOKENROUTER_URL") {
            assert!(is_among(name, REMOVED), "{name}");
        }
        assert!(is_among("OPENAI_PROJECT", REMOVED) && !is_among("OPENAIX", REMOVED) && !is_among("PATH", REMOVED));
    }
}
